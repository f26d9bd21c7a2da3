//! A shop as the model knows it: shelves, orders, devices, rules.

use std::collections::BTreeMap;

use holdfast_engine::domain::event::{Event, Record};
use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::time::{DAY, MINUTE, Millis};
use holdfast_engine::domain::words::{Bucket, Flag, Flags, HoldState, OrderStatus};

use super::{Choices, Moment, Told, Verdict, Wrong, must};
use crate::ask::{Ask, Rules};

/// A promise without a deadline.
pub const NO_HOLD: usize = usize::MAX;

#[derive(Debug, Clone)]
pub struct Shelf {
    pub sku: u8,
    pub warehouse: u8,
    /// Units by number of the bucket; 0 is not used.
    pub units: [i64; 15],
    pub backorder_limit: i64,
    pub awaited: i64,
}

impl Shelf {
    #[must_use]
    pub fn at(&self, bucket: Bucket) -> i64 {
        self.units[usize::from(bucket.number())]
    }

    pub fn shift(&mut self, from: Bucket, to: Bucket, quantity: i64) -> Result<(), Wrong> {
        self.units[usize::from(from.number())] -= quantity;
        self.units[usize::from(to.number())] += quantity;
        let outside = from.number() > Bucket::InTransit.number();
        must!(
            outside || self.at(from) >= 0,
            "{from} of SKU {} in {} would be {}",
            self.sku,
            self.warehouse,
            self.at(from)
        );
        Ok(())
    }
}

#[derive(Debug, Clone)]
pub struct Hold {
    pub state: HoldState,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub paying_since: Millis,
    pub credited_ms: i64,
    pub payments: Vec<u8>,
    pub deposit: bool,
    pub payment_failed: bool,
}

impl Hold {
    #[must_use]
    pub fn new(created_at: Millis, expires_at: Millis) -> Self {
        Self {
            state: HoldState::Held,
            created_at,
            expires_at,
            paying_since: 0,
            credited_ms: 0,
            payments: Vec::new(),
            deposit: false,
            payment_failed: false,
        }
    }

    #[must_use]
    pub fn keeps(&self) -> bool {
        matches!(self.state, HoldState::Held | HoldState::Paying)
    }
}

#[derive(Debug, Clone)]
pub struct Promise {
    pub shelf: usize,
    pub units: i64,
    pub awaited: i64,
    pub short: i64,
    pub parcel: usize,
    pub hold: usize,
    pub at: Bucket,
}

impl Promise {
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.at, Bucket::Held | Bucket::Allocated)
    }
}

#[derive(Debug, Clone)]
pub struct Parcel {
    pub warehouse: u8,
    pub node: u8,
    pub status: OrderStatus,
    pub version: u32,
    pub suspended: bool,
    pub intercepted: bool,
    pub overdue: bool,
    pub missing_departure: bool,
    pub to_put_back: bool,
    /// It stands still since a payment found no stock.
    pub stock_lost: bool,
    pub red_noted: bool,
    pub due_at: Millis,
    pub red_at: Millis,
    pub occurred_at: Millis,
    pub owner: Role,
    /// The first thing that happened to it.
    pub born_at: Millis,
}

impl Parcel {
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == OrderStatus::Open
    }
}

#[derive(Debug, Clone)]
pub struct Order {
    pub number: u16,
    pub urgency: u8,
    pub buyer: u8,
    pub status: OrderStatus,
    /// What was asked for: units by SKU and warehouse.
    pub asked: BTreeMap<(u8, u8), i64>,
    pub holds: Vec<Hold>,
    pub promises: Vec<Promise>,
    pub parcels: Vec<Parcel>,
    pub late_reacquired: bool,
    pub stock_lost: bool,
    pub paid_after_cancel: bool,
    pub deposit_paid: bool,
    pub refund_due: bool,
    /// It left memory; whoever names it is answered as before.
    pub archived: bool,
}

impl Order {
    /// Nothing can happen to it by itself, and nothing counts on it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let rests = |promise: &Promise| matches!(promise.at, Bucket::Available | Bucket::Customer);
        let works = |parcel: &Parcel| parcel.is_open() || parcel.to_put_back;
        self.status != OrderStatus::Open
            && self.live_hold().is_none()
            && self.promises.iter().all(rests)
            && !self.parcels.iter().any(works)
    }

    #[must_use]
    pub fn live_hold(&self) -> Option<usize> {
        self.holds.iter().rposition(Hold::keeps)
    }

    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.stock_lost || self.parcels.iter().any(|parcel| parcel.node > 1)
    }

    /// Promises of a hold that are still held.
    #[must_use]
    pub fn held_by(&self, hold: usize) -> Vec<usize> {
        let all = 0..self.promises.len();
        all.filter(|index| {
            let promise = &self.promises[*index];
            promise.hold == hold && promise.at == Bucket::Held
        })
        .collect()
    }

    /// Promises of a parcel that are not over.
    #[must_use]
    pub fn promised_in(&self, parcel: usize) -> Vec<usize> {
        let all = 0..self.promises.len();
        all.filter(|index| {
            let promise = &self.promises[*index];
            promise.parcel == parcel && promise.at != Bucket::Available
        })
        .collect()
    }

    /// Awaited and lost units of a parcel.
    #[must_use]
    pub fn lacking(&self, parcel: usize) -> (i64, i64) {
        let open = self
            .promises
            .iter()
            .filter(|promise| promise.parcel == parcel && promise.is_open());
        open.fold((0, 0), |sum, promise| {
            (sum.0 + promise.awaited, sum.1 + promise.short)
        })
    }

    /// An order ends with its last parcel.
    pub fn settle_status(&mut self) {
        if !self.parcels.is_empty() && !self.parcels.iter().any(Parcel::is_open) {
            let done = |parcel: &Parcel| parcel.status == OrderStatus::Completed;
            self.status = if self.parcels.iter().any(done) {
                OrderStatus::Completed
            } else {
                OrderStatus::Cancelled
            };
        }
    }

    #[must_use]
    pub fn parcel_flags(&self, index: usize) -> Flags {
        let parcel = &self.parcels[index];
        let (awaited, short) = self.lacking(index);
        flags(&[
            (Flag::Suspended, parcel.suspended),
            (Flag::Intercept, parcel.intercepted),
            (Flag::Overdue, parcel.overdue),
            (Flag::MissingDeparture, parcel.missing_departure),
            (Flag::PutbackOpen, parcel.to_put_back),
            (Flag::Backordered, awaited > 0),
            (Flag::Short, short > 0),
        ])
    }

    /// Flags of the order and its parcels at an instant.
    #[must_use]
    pub fn flags(&self, deadline_now: Millis) -> Flags {
        let unpaid = |parcel: &Parcel| parcel.is_open() && parcel.node == 1;
        let live = self.live_hold();
        let lapsed = live.is_some_and(|hold| deadline_now >= self.holds[hold].expires_at);
        let no_hold = self.parcels.iter().any(unpaid) && live.is_none() || lapsed;
        let own = flags(&[
            (Flag::NoHold, no_hold),
            (Flag::LateReacquired, self.late_reacquired),
            (Flag::StockLostAfterPayment, self.stock_lost),
            (Flag::PaidAfterCancel, self.paid_after_cancel),
            (Flag::DepositPaid, self.deposit_paid),
            (Flag::RefundDue, self.refund_due),
        ]);
        (0..self.parcels.len()).fold(own, |all, index| all.union(self.parcel_flags(index)))
    }

    /// The hold that an answer tells of, and its state at an instant.
    #[must_use]
    pub fn hold_shown(&self, deadline_now: Millis) -> Option<(usize, HoldState)> {
        let shown = self.live_hold().or(self.holds.len().checked_sub(1))?;
        let hold = &self.holds[shown];
        Some(if hold.keeps() && deadline_now >= hold.expires_at {
            (shown, HoldState::Expired)
        } else {
            (shown, hold.state)
        })
    }

    /// The least advanced open parcel, or the last one.
    #[must_use]
    pub fn node(&self) -> u8 {
        let open = self.parcels.iter().filter(|parcel| parcel.is_open());
        open.map(|parcel| parcel.node)
            .min()
            .or_else(|| self.parcels.last().map(|parcel| parcel.node))
            .unwrap_or(1)
    }
}

fn flags(set: &[(Flag, bool)]) -> Flags {
    let mut flags = Flags::default();
    for (flag, on) in set {
        flags.set(*flag, *on);
    }
    flags
}

#[derive(Debug, Clone, Default)]
pub struct Shop {
    pub opened: bool,
    /// Its number with the product, once it is known.
    pub merchant: Option<u32>,
    pub rules: Rules,
    pub shelves: Vec<Shelf>,
    pub orders: Vec<Order>,
    /// Warehouse of a device.
    pub devices: BTreeMap<u8, u8>,
    /// Orders with a hold that keeps stock, so that not all are looked through.
    pub live: Vec<usize>,
}

impl Shop {
    pub(super) fn decide(&mut self, ask: &Ask, at: Moment, choices: &Choices<'_>) -> Verdict {
        match ask {
            Ask::Place(placing) => self.place(placing, at, choices),
            Ask::StartPayment { order, payment } => Ok(self.start_payment(*order, *payment, at)),
            Ask::FailPayment { order, payment } => self.fail_payment(*order, *payment, at),
            Ask::ConfirmPayment {
                order,
                units,
                keep_rest,
                ..
            } => self.confirm_payment(*order, units, *keep_rest, at, choices),
            Ask::ConfirmDeposit {
                order,
                balance_due_at,
            } => Ok(self.confirm_deposit(*order, *balance_due_at, at)),
            Ask::Release { order } => self.release_hold(*order),
            Ask::Amend { order, units } => self.amend(*order, units, at, choices),
            Ask::Cancel {
                order,
                parcels,
                units,
            } => self.cancel(*order, parcels, units),
            Ask::Advance(scan) => self.advance(scan, at),
            Ask::Reroute {
                at: parcel,
                warehouse,
            } => self.reroute(*parcel, *warehouse, at),
            Ask::Split { at: parcel, units } => Ok(self.split(*parcel, units)),
            Ask::Suspend { at: parcel, reason } => Ok(self.suspend(*parcel, *reason, at)),
            Ask::Resume { at: parcel, reason } => Ok(self.resume(*parcel, *reason, at)),
            Ask::PutBack { at: parcel, .. } => self.put_back(*parcel, at),
            Ask::Receive { units, to_qc } => self.receive(*units, *to_qc),
            Ask::Move { units, from, to } => self.move_stock(*units, *from, *to, at),
            Ask::Count { units, approved } => self.count(*units, *approved, at),
            Ask::ConfigurePool { units } => Ok(self.configure_pool(*units)),
            Ask::PublishPolicy(rules) => Ok(self.publish(rules)),
            Ask::RegisterDevice {
                device,
                warehouse,
                retired,
            } => Ok(self.register(*device, *warehouse, *retired)),
            Ask::ReconcileClock { .. } => unreachable!("the clock is the whole model's"),
        }
    }

    fn publish(&mut self, rules: &Rules) -> Result<Told, RefusalCode> {
        let ordered = 1 <= rules.hold_minutes
            && rules.hold_minutes <= rules.paying_minutes
            && rules.paying_minutes <= rules.paying_cap_minutes;
        if !ordered {
            return Err(RefusalCode::PolicyInvalid);
        }
        self.rules = rules.clone();
        Ok(Told::default())
    }

    fn register(&mut self, device: u8, warehouse: u8, retired: bool) -> Result<Told, RefusalCode> {
        if retired {
            self.devices.remove(&device);
            return Ok(Told::default());
        }
        if !self.knows_warehouse(warehouse) {
            return Err(RefusalCode::WarehouseUnknown);
        }
        self.devices.insert(device, warehouse);
        Ok(Told::default())
    }

    #[must_use]
    pub fn find(&self, number: u16) -> Option<usize> {
        self.orders.iter().rposition(|order| order.number == number)
    }

    /// A device is where it is registered to be.
    pub(super) fn device_is_at(&self, device: u8, warehouse: u8) -> bool {
        device == 0
            || !self.rules.require_registered_device
            || self.devices.get(&device) == Some(&warehouse)
    }

    /// Gives an outage back to the holds that were live when it began.
    pub(super) fn credit(&mut self, credit_ms: i64, last_at: Millis) {
        let most = self.rules.outage_credit_minutes * MINUTE;
        for order in &mut self.orders {
            for hold in order.holds.iter_mut().filter(|hold| hold.keeps()) {
                if hold.expires_at > last_at {
                    let credit = credit_ms.min(most - hold.credited_ms).max(0);
                    hold.credited_ms += credit;
                    hold.expires_at += credit;
                }
            }
        }
    }

    /// An order is over since the days of the policy, so far as anything that the model
    /// keeps of it shows.
    pub(super) fn check_old(&self, id: u32, deadline_now: Millis) -> Result<(), Wrong> {
        let order = self.resting(id)?;
        let after = self.rules.archive_after_days * DAY;
        must!(after > 0, "o{} is archived, and none may be", order.number);
        let dues = order.parcels.iter().map(|parcel| parcel.due_at);
        let began = order.holds.iter().map(|hold| hold.created_at);
        let last = dues.chain(began).max().unwrap_or(0);
        must!(
            last + after <= deadline_now,
            "o{} is archived {} ms early",
            order.number,
            last + after - deadline_now
        );
        Ok(())
    }

    /// An order leaves memory.
    pub(super) fn let_go(&mut self, id: u32) -> Result<(), Wrong> {
        self.resting(id)?;
        self.orders[id as usize].archived = true;
        Ok(())
    }

    /// An order in memory that is over.
    fn resting(&self, id: u32) -> Result<&Order, Wrong> {
        let order = self.orders.get(id as usize);
        let order =
            order.ok_or_else(|| Wrong::new(format!("there is no order {id} to archive")))?;
        must!(
            order.is_over() && !order.archived,
            "o{} is archived, and is {:?} and in memory: {}",
            order.number,
            order.status,
            !order.archived
        );
        Ok(order)
    }

    /// Orders are back that a record brings along.
    pub(super) fn revive(&mut self, record: &Record) -> Result<(), Wrong> {
        for entry in &record.events {
            if let Some(Event::OrderRevived(revived)) = &entry.event {
                let order = self.orders.get_mut(revived.order as usize);
                must!(
                    order.as_ref().is_some_and(|order| order.archived),
                    "order {} came back and had not left",
                    revived.order
                );
                order.expect("just looked at").archived = false;
            }
        }
        Ok(())
    }

    /// Ends the holds whose expiry a record writes, each at or after its time.
    pub(super) fn lapse(
        &mut self,
        record: Option<&Record>,
        deadline_now: Millis,
    ) -> Result<(), Wrong> {
        let events = record.into_iter().flat_map(|record| &record.events);
        for entry in events {
            if let Some(Event::HoldExpired(expired)) = &entry.event {
                self.expire(expired.order as usize, expired.hold as usize, deadline_now)?;
            }
        }
        Ok(())
    }

    pub(super) fn expire(
        &mut self,
        order: usize,
        hold: usize,
        deadline_now: Millis,
    ) -> Result<(), Wrong> {
        let known = self
            .orders
            .get(order)
            .and_then(|order| order.holds.get(hold));
        let Some(ending) = known else {
            return Err(Wrong::new(format!(
                "hold {hold} of order {order} expired, there is none"
            )));
        };
        must!(
            ending.keeps(),
            "hold {hold} of o{} expired, it is {:?} already",
            self.orders[order].number,
            ending.state
        );
        must!(
            ending.expires_at <= deadline_now,
            "hold {hold} of o{} expired {} ms early",
            self.orders[order].number,
            ending.expires_at - deadline_now
        );
        self.end_hold(order, hold, HoldState::Expired)?;
        self.fill_all_of(order)
    }

    /// Ends a hold: its units are free, its promises over.
    pub(super) fn end_hold(
        &mut self,
        order: usize,
        hold: usize,
        state: HoldState,
    ) -> Result<(), Wrong> {
        for index in self.orders[order].held_by(hold) {
            self.put_promise(order, index, Bucket::Available)?;
        }
        self.orders[order].holds[hold].state = state;
        self.note_live(order);
        Ok(())
    }

    /// Keeps the list of orders whose holds keep stock.
    pub(super) fn note_live(&mut self, order: usize) {
        let live = self.orders[order].live_hold().is_some();
        match (live, self.live.iter().position(|known| *known == order)) {
            (true, None) => self.live.push(order),
            (false, Some(place)) => {
                self.live.swap_remove(place);
            }
            _ => {}
        }
    }

    /// Moves a promise's units, and the promise with them.
    pub(super) fn put_promise(
        &mut self,
        order: usize,
        index: usize,
        to: Bucket,
    ) -> Result<(), Wrong> {
        let promise = &mut self.orders[order].promises[index];
        let shelf = &mut self.shelves[promise.shelf];
        shelf.shift(promise.at, to, promise.units)?;
        if promise.is_open() && !matches!(to, Bucket::Held | Bucket::Allocated) {
            shelf.awaited -= promise.awaited;
        }
        promise.at = to;
        Ok(())
    }
}
