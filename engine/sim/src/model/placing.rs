//! Placing: what is asked for, whether it is there, and who may have it.

use std::collections::BTreeMap;

use holdfast_engine::domain::event::Promised;
use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::time::{MINUTE, Millis};
use holdfast_engine::domain::words::{Bucket, HoldState, OrderStatus};

use super::shop::{Hold, NO_HOLD, Order, Parcel, Promise, Shop};
use super::{Choices, Moment, Told, Verdict, Wrong, must};
use crate::ask::{Placing, Units};

/// Lines that ask for the same are one; each keeps the place of its first line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    pub units: Units,
    pub line: u32,
}

impl Shop {
    pub(super) fn place(
        &mut self,
        placing: &Placing,
        at: Moment,
        choices: &Choices<'_>,
    ) -> Verdict {
        if let Some(order) = self.find(placing.order) {
            return self.place_again(order, placing, at, choices);
        }
        let demands = match self.demands(&placing.lines) {
            Ok(demands) => demands,
            Err(code) => return Ok(Err(code)),
        };
        if !self.covers(&demands, None, at) {
            return Ok(Err(RefusalCode::StockInsufficient));
        }
        if !placing.paid && self.is_over_quota(placing.buyer, &demands, None, at) {
            return Ok(Err(RefusalCode::QuotaExceeded));
        }
        let taken = choices.taken()?;
        self.check_takes(&demands, taken, None, at)?;
        self.orders.push(Order {
            number: placing.order,
            urgency: placing.urgency,
            buyer: placing.buyer,
            status: OrderStatus::Open,
            asked: asked_for(&demands),
            holds: Vec::new(),
            promises: Vec::new(),
            parcels: Vec::new(),
            late_reacquired: false,
            stock_lost: false,
            paid_after_cancel: false,
            deposit_paid: false,
            refund_due: false,
            archived: false,
        });
        let order = self.orders.len() - 1;
        let (hold, bucket) = if placing.paid {
            (NO_HOLD, Bucket::Allocated)
        } else {
            let expires_at = at.now + self.rules.hold_minutes * MINUTE;
            self.orders[order].holds.push(Hold::new(at.now, expires_at));
            (0, Bucket::Held)
        };
        self.promise(order, taken, hold, bucket, at.now)?;
        self.note_live(order);
        if placing.suspended {
            let due_at = at.now + self.review_ms();
            for parcel in &mut self.orders[order].parcels {
                parcel.suspend(due_at, Role::Supervisor, false);
            }
        }
        if placing.paid {
            self.enter_review(order, at.now);
        }
        Ok(Ok(Told::order(order)))
    }

    fn place_again(
        &mut self,
        order: usize,
        placing: &Placing,
        at: Moment,
        choices: &Choices<'_>,
    ) -> Verdict {
        let known = &self.orders[order];
        if known.status != OrderStatus::Open {
            return Ok(Err(RefusalCode::OrderClosed));
        }
        if known.is_paid() {
            return Ok(Err(RefusalCode::OrderExists));
        }
        let demands = match self.demands(&placing.lines) {
            Ok(demands) => demands,
            Err(code) => return Ok(Err(code)),
        };
        let known = &self.orders[order];
        let mut replaced = None;
        let mut times = (at.now, at.now + self.rules.hold_minutes * MINUTE);
        if let Some(hold) = known.live_hold() {
            let live = &known.holds[hold];
            if known.asked == asked_for(&demands) {
                return Ok(Ok(Told::order(order)));
            }
            if live.state == HoldState::Paying {
                return Ok(Err(RefusalCode::PaymentInProgress));
            }
            if !placing.supersede {
                return Ok(Err(RefusalCode::AlreadyHeld));
            }
            times = (live.created_at, live.expires_at);
            replaced = Some((order, hold));
        }
        if !self.covers(&demands, replaced, at) {
            return Ok(Err(RefusalCode::StockInsufficient));
        }
        let own = replaced.map(|(order, _)| order);
        if self.is_over_quota(self.orders[order].buyer, &demands, own, at) {
            return Ok(Err(RefusalCode::QuotaExceeded));
        }
        let taken = choices.taken()?;
        self.check_takes(&demands, taken, replaced, at)?;
        let mut hold = Hold::new(times.0, times.1);
        let mut freed = Vec::new();
        if let Some((order, replaced)) = replaced {
            let known = &self.orders[order];
            hold.credited_ms = known.holds[replaced].credited_ms;
            freed = known.promises.iter().map(|promise| promise.shelf).collect();
            self.end_hold(order, replaced, HoldState::Released)?;
        }
        self.orders[order].asked = asked_for(&demands);
        self.hold_again(order, taken, hold, Bucket::Held, at.now)?;
        freed.sort_unstable();
        freed.dedup();
        for shelf in freed {
            self.fill(shelf)?;
        }
        Ok(Ok(Told::order(order)))
    }

    /// A further hold of an order.
    pub(super) fn hold_again(
        &mut self,
        order: usize,
        taken: &[Promised],
        hold: Hold,
        bucket: Bucket,
        now: Millis,
    ) -> Result<(), Wrong> {
        let known = &mut self.orders[order];
        if known
            .promises
            .iter()
            .all(|promise| promise.at == Bucket::Available)
        {
            known.promises.clear();
        }
        known.holds.push(hold);
        known.stock_lost = false;
        let index = known.holds.len() - 1;
        self.promise(order, taken, index, bucket, now)?;
        self.orders[order].drop_empty_parcels();
        self.note_live(order);
        Ok(())
    }

    /// Adds promises, and the parcels they need: one per warehouse.
    pub(super) fn promise(
        &mut self,
        order: usize,
        taken: &[Promised],
        hold: usize,
        bucket: Bucket,
        now: Millis,
    ) -> Result<(), Wrong> {
        for promised in taken {
            let shelf = promised.pool as usize;
            let target = &mut self.shelves[shelf];
            target.shift(Bucket::Available, bucket, promised.quantity)?;
            target.awaited += promised.backordered;
            let warehouse = target.warehouse;
            let known = &mut self.orders[order];
            let parcel = known.parcel_at_payment(warehouse, now);
            known.promises.push(Promise {
                shelf,
                units: promised.quantity,
                awaited: promised.backordered,
                short: 0,
                parcel,
                hold,
                at: bucket,
            });
        }
        Ok(())
    }

    pub(super) fn demands(&self, lines: &[Units]) -> Result<Vec<Demand>, RefusalCode> {
        if lines.is_empty() {
            return Err(RefusalCode::LinesEmpty);
        }
        let mut demands: Vec<Demand> = Vec::new();
        for (line, units) in (0..).zip(lines) {
            if !self.knows_sku(units.sku) {
                return Err(RefusalCode::SkuUnknown);
            }
            if units.warehouse != 0 && !self.knows_warehouse(units.warehouse) {
                return Err(RefusalCode::WarehouseUnknown);
            }
            let same = |demand: &&mut Demand| {
                (demand.units.sku, demand.units.warehouse) == (units.sku, units.warehouse)
            };
            match demands.iter_mut().find(same) {
                Some(demand) => demand.units.quantity += units.quantity,
                None => demands.push(Demand {
                    units: *units,
                    line,
                }),
            }
        }
        Ok(demands)
    }

    /// True if all that is asked for is free or may be awaited: first what names
    /// its warehouse, then the rest.
    pub(super) fn covers(
        &self,
        demands: &[Demand],
        own: Option<(usize, usize)>,
        at: Moment,
    ) -> bool {
        let shelves = 0..self.shelves.len();
        let mut room: Vec<(i64, i64)> = shelves
            .map(|shelf| {
                let known = &self.shelves[shelf];
                let free = self.free(shelf, at.deadline_now) + self.own_units(own, shelf);
                (free, (known.backorder_limit - known.awaited).max(0))
            })
            .collect();
        let pinned = demands.iter().filter(|demand| demand.units.warehouse != 0);
        let open = demands.iter().filter(|demand| demand.units.warehouse == 0);
        pinned.chain(open).all(|demand| {
            let mut left = demand.units.quantity;
            for (shelf, room) in self.shelves.iter().zip(&mut room) {
                if demand.may_take_from(shelf.sku, shelf.warehouse) {
                    let now = left.min(room.0);
                    room.0 -= now;
                    left -= now;
                    // What is awaited here cannot be awaited by another line.
                    let later = left.min(room.1);
                    room.1 -= later;
                    left -= later;
                }
            }
            left == 0
        })
    }

    fn own_units(&self, own: Option<(usize, usize)>, shelf: usize) -> i64 {
        own.map_or(0, |(order, hold)| {
            let order = &self.orders[order];
            let held = order.held_by(hold).into_iter();
            held.map(|index| &order.promises[index])
                .filter(|promise| promise.shelf == shelf)
                .map(|promise| promise.units)
                .sum()
        })
    }

    /// The product's choice of pools gives what was asked for, and no more than
    /// there was.
    pub(super) fn check_takes(
        &self,
        demands: &[Demand],
        taken: &[Promised],
        own: Option<(usize, usize)>,
        at: Moment,
    ) -> Result<(), Wrong> {
        let mut left: Vec<i64> = (0..self.shelves.len())
            .map(|shelf| self.free(shelf, at.deadline_now) + self.own_units(own, shelf))
            .collect();
        let mut awaited = vec![0; left.len()];
        for promised in taken {
            let shelf = promised.pool as usize;
            must!(shelf < left.len(), "pool {shelf} was never opened");
            left[shelf] -= promised.quantity;
            awaited[shelf] += promised.backordered;
            let demand = demands.iter().find(|demand| demand.line == promised.line);
            let known = &self.shelves[shelf];
            must!(
                demand.is_some_and(|demand| demand.may_take_from(known.sku, known.warehouse)),
                "SKU {} in {} was promised, nobody asked for it",
                known.sku,
                known.warehouse
            );
        }
        for demand in demands {
            let of_line = taken.iter().filter(|promised| promised.line == demand.line);
            let promised: i64 = of_line
                .map(|promised| promised.quantity + promised.backordered)
                .sum();
            must!(
                promised == demand.units.quantity,
                "{promised} units of SKU {} were promised, {} were asked for",
                demand.units.sku,
                demand.units.quantity
            );
        }
        for (shelf, known) in self.shelves.iter().enumerate() {
            must!(
                left[shelf] >= 0,
                "SKU {} in {} is oversold by {}",
                known.sku,
                known.warehouse,
                -left[shelf]
            );
            must!(
                awaited[shelf] == 0 || known.awaited + awaited[shelf] <= known.backorder_limit,
                "SKU {} in {} is back-ordered beyond {}",
                known.sku,
                known.warehouse,
                known.backorder_limit
            );
        }
        for promised in taken.iter().filter(|promised| promised.backordered > 0) {
            let demand = demands.iter().find(|demand| demand.line == promised.line);
            let free = |(shelf, left): (usize, &i64)| {
                let known = &self.shelves[shelf];
                *left > 0
                    && demand.is_some_and(|demand| demand.may_take_from(known.sku, known.warehouse))
            };
            must!(
                !left.iter().enumerate().any(free),
                "units are awaited although some are free"
            );
        }
        Ok(())
    }

    /// Limits of a buyer over all live holds but those of `replaced`.
    pub(super) fn is_over_quota(
        &self,
        buyer: u8,
        demands: &[Demand],
        replaced: Option<usize>,
        at: Moment,
    ) -> bool {
        if buyer == 0 {
            return false;
        }
        let mut holds = 0;
        let mut held: BTreeMap<u8, i64> = BTreeMap::new();
        for order in self.live.iter().filter(|order| Some(**order) != replaced) {
            let order = &self.orders[*order];
            if order.buyer != buyer {
                continue;
            }
            for (index, hold) in order.holds.iter().enumerate() {
                if hold.keeps() && hold.expires_at > at.deadline_now {
                    holds += 1;
                    for promise in order.held_by(index) {
                        let promise = &order.promises[promise];
                        *held.entry(self.shelves[promise.shelf].sku).or_default() += promise.units;
                    }
                }
            }
        }
        let too_many = |limit: i64| holds + 1 > limit;
        let too_much = |limit: i64| {
            demands.iter().any(|demand| {
                let sku = demand.units.sku;
                let same = demands.iter().filter(|other| other.units.sku == sku);
                let wanted: i64 = same.map(|other| other.units.quantity).sum();
                held.get(&sku).copied().unwrap_or(0) + wanted > limit
            })
        };
        self.rules.holds_per_buyer.is_some_and(too_many)
            || self.rules.units_per_buyer_and_sku.is_some_and(too_much)
    }
}

impl Demand {
    pub(super) fn may_take_from(&self, sku: u8, warehouse: u8) -> bool {
        self.units.sku == sku
            && matches!(self.units.warehouse, 0) | (self.units.warehouse == warehouse)
    }
}

fn asked_for(demands: &[Demand]) -> BTreeMap<(u8, u8), i64> {
    let units = demands.iter().map(|demand| demand.units);
    units
        .map(|units| ((units.sku, units.warehouse), units.quantity))
        .collect()
}

impl Order {
    /// The parcel of a warehouse that awaits payment, a new one if need be.
    fn parcel_at_payment(&mut self, warehouse: u8, now: Millis) -> usize {
        let waits =
            |parcel: &Parcel| parcel.is_open() && parcel.node == 1 && parcel.warehouse == warehouse;
        if let Some(index) = self.parcels.iter().position(waits) {
            return index;
        }
        let born_at = self.parcels.first().map_or(now, |first| first.born_at);
        self.parcels.push(Parcel {
            warehouse,
            node: 1,
            status: OrderStatus::Open,
            version: 1,
            suspended: false,
            intercepted: false,
            overdue: false,
            missing_departure: false,
            to_put_back: false,
            stock_lost: false,
            red_noted: false,
            due_at: 0,
            red_at: 0,
            occurred_at: born_at,
            owner: Role::Supervisor,
            born_at,
        });
        self.parcels.len() - 1
    }

    /// Unpaid parcels that nothing is promised for go; one always stays.
    pub(super) fn drop_empty_parcels(&mut self) {
        loop {
            let last = self.parcels.len() - 1;
            let empty = self.parcels[last].node == 1 && self.promised_in(last).is_empty();
            if last == 0 || !empty {
                break;
            }
            self.parcels.pop();
        }
        let first_is_empty = self.parcels[0].node == 1 && self.promised_in(0).is_empty();
        if first_is_empty && self.parcels.len() > 1 {
            let gone = self.parcels.remove(0);
            for promise in &mut self.promises {
                promise.parcel = promise.parcel.saturating_sub(1);
            }
            for parcel in &mut self.parcels {
                parcel.version = parcel.version.max(gone.version + 1);
            }
        }
    }
}
