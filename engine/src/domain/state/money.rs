//! Payment and what it does to a hold: extend, confirm, release, amend.

use super::apply::payment_hash;
use super::place::lines_hash;
use super::tx::Tx;
use super::units::movement;
use crate::domain::command::{
    AmendOrder, AmendUnits, ConfirmDeposit, ConfirmPayment, FailPayment, ReleaseHold, StartPayment,
};
use crate::domain::event::{
    DepositConfirmed, Event, HoldAmended, HoldConfirmed, HoldPlaced, HoldReleased, Movement,
    PaidWithoutStock, ParcelAdvanced, ParcelResumed, ParcelSuspended, PaymentFailed,
    PaymentStarted, PromiseUnits, Promised,
};
use crate::domain::inventory::PoolId;
use crate::domain::inventory::sourcing::Demand;
use crate::domain::names::NameId;
use crate::domain::orders::OrderId;
use crate::domain::orders::lifecycle::{Node, Role};
use crate::domain::outcome::Done;
use crate::domain::policy::PayAnchor;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::time::{MINUTE, rfc3339};
use crate::domain::words::{Bucket, Flag, HoldState, OrderStatus, PaymentResult};
use crate::planted::planted;

/// Reason of a hold that ended because the payment failed; a late payment may
/// still take the stock again (H6).
const PAYMENT_FAILED: &str = "PAYMENT_FAILED";
/// Why a parcel stands still after a payment that found no stock.
const STOCK_LOST: &str = "STOCK_LOST_AFTER_PAYMENT";

impl Tx<'_> {
    pub(super) fn start_payment(&mut self, start: &StartPayment) -> Result<Done, Refusal> {
        let (id, hold) = self.live(&start.order_number)?;
        let live = &self.order(id).holds[hold];
        let policy = self.m().policy();
        let anchor = match policy.pay_anchor {
            PayAnchor::HoldCreated => live.created_at,
            PayAnchor::PaymentStarted if live.paying_since == 0 => self.now,
            PayAnchor::PaymentStarted => live.paying_since,
        };
        // Outage credit was added to the deadline outside the cap; it stays.
        let cap = policy.cap(live.created_at) + live.credited_ms;
        let cap = if planted!(IgnoreCap) { i64::MAX } else { cap };
        let extended = (anchor + policy.paying_ms() + live.credited_ms).min(cap);
        // A further reference keeps PAYING and never moves the deadline.
        let first = live.state == HoldState::Held || live.paying_since == 0;
        let extended = extended + i64::from(planted!(ExtendByOneMore));
        let expires_at = if first {
            live.expires_at.max(extended)
        } else {
            live.expires_at
        };
        self.emit(Event::PaymentStarted(PaymentStarted {
            order: id,
            payment_ref: start.payment_ref.clone(),
            expires_at,
        }));
        Ok(self.order_done(id))
    }

    pub(super) fn fail_payment(&mut self, fail: &FailPayment) -> Result<Done, Refusal> {
        let (id, hold) = self.live(&fail.order_number)?;
        let live = &self.order(id).holds[hold];
        let failed = payment_hash(&fail.payment_ref);
        let others_open =
            live.open_payments.iter().any(|open| *open != failed) && !planted!(FailAllPayments);
        let policy = self.m().policy();
        let first_deadline = live.created_at + policy.hold_ms() + live.credited_ms;
        let grace_until = (self.now + policy.retry_grace_ms())
            .min(policy.cap(live.created_at) + live.credited_ms);
        let reason = self.name(&fail.reason);
        let live = &self.order(id).holds[hold];
        let (expires_at, back_to_held, release) = if others_open || live.state == HoldState::Held {
            (live.expires_at, false, false)
        } else if live.deposit || self.deadline_now < first_deadline {
            (
                if live.deposit {
                    live.expires_at
                } else {
                    first_deadline
                },
                true,
                false,
            )
        } else if grace_until > self.deadline_now {
            (grace_until, true, false)
        } else {
            (live.expires_at, true, true)
        };
        let failed = PaymentFailed {
            order: id,
            payment_ref: fail.payment_ref.clone(),
            expires_at,
            back_to_held,
            reason,
        };
        self.emit(Event::PaymentFailed(failed));
        if release {
            self.release(id, hold, PAYMENT_FAILED);
        }
        Ok(self.order_done(id))
    }

    pub(super) fn confirm_deposit(&mut self, deposit: &ConfirmDeposit) -> Result<Done, Refusal> {
        let (id, hold) = self.live(&deposit.order_number)?;
        let latest = self.now + self.m().policy().presale_max_ms();
        if deposit.balance_due_at <= self.now || deposit.balance_due_at > latest {
            return Err(Refusal::field(
                "balance_due_at",
                rfc3339(deposit.balance_due_at),
                format!("after now and at most {}", rfc3339(latest)),
            ));
        }
        let expires_at = deposit
            .balance_due_at
            .max(self.order(id).holds[hold].expires_at);
        self.emit(Event::DepositConfirmed(DepositConfirmed {
            order: id,
            payment_ref: deposit.payment_ref.clone(),
            expires_at,
        }));
        Ok(self.order_done(id))
    }

    pub(super) fn release_hold(&mut self, release: &ReleaseHold) -> Result<Done, Refusal> {
        let id = self.find_order(&release.order_number)?;
        self.settle(id);
        // A hold ends once: releasing an ended one answers how it ended.
        if let Some(hold) = self.order(id).live_hold() {
            let reason = if release.reason.is_empty() {
                "RELEASED"
            } else {
                &release.reason
            };
            self.release(id, hold, reason);
        } else if self.order(id).holds.is_empty() {
            return Err(self.not_live(id));
        }
        Ok(self.order_done(id))
    }

    fn release(&mut self, id: OrderId, hold: usize, reason: &str) {
        let movements = self.give_back(id, hold);
        let reason = self.name(reason);
        let hold = u32::try_from(hold).expect("few holds an order");
        self.emit_with(
            Event::HoldReleased(HoldReleased {
                order: id,
                reason,
                hold,
            }),
            movements,
        );
        self.fill_backorders_of(id);
    }

    pub(super) fn confirm_payment(&mut self, confirm: &ConfirmPayment) -> Result<Done, Refusal> {
        let id = self.find_order(&confirm.order_number)?;
        self.settle(id);
        let order = self.order(id);
        let result = match (order.status, order.live_hold()) {
            (OrderStatus::Completed, _) => PaymentResult::AlreadyConfirmed,
            (OrderStatus::Cancelled, _) => self.paid_without_stock(id, confirm, true),
            (OrderStatus::Open, Some(hold)) => {
                self.confirm_hold(id, hold, confirm)?;
                PaymentResult::Confirmed
            }
            (OrderStatus::Open, None) => self.confirm_late(id, confirm),
        };
        let mut done = self.order_done(id);
        done.payment_result = result.number().into();
        Ok(done)
    }

    fn confirm_hold(
        &mut self,
        id: OrderId,
        hold: usize,
        confirm: &ConfirmPayment,
    ) -> Result<(), Refusal> {
        let partial = self.partial_units(id, hold, confirm)?;
        let order = self.order(id);
        let mut movements = Vec::new();
        for index in order.held_by(hold) {
            let promise = &order.promises[index];
            let chosen = if partial.is_empty() {
                promise.units()
            } else {
                partial
                    .iter()
                    .find(|units| units.promise as usize == index)
                    .map_or(0, |units| units.quantity)
            };
            push_some(
                &mut movements,
                movement_of(promise.pool, promise.batch, Bucket::Allocated, chosen),
            );
            if !confirm.keep_rest && !planted!(LoseRest) {
                push_some(
                    &mut movements,
                    movement_of(
                        promise.pool,
                        promise.batch,
                        Bucket::Available,
                        promise.units() - chosen,
                    ),
                );
            }
        }
        let keeps_rest =
            confirm.keep_rest && !partial.is_empty() && !self.covers_all(id, hold, &partial);
        let confirmed = HoldConfirmed {
            order: id,
            payment_ref: confirm.payment_ref.clone(),
            paid_at: confirm.paid_at.unwrap_or(0),
            amount_minor: confirm.amount_minor,
            partial,
            rest_expires_at: if keeps_rest {
                order.holds[hold].expires_at
            } else {
                0
            },
        };
        self.emit_with(Event::HoldConfirmed(confirmed), movements);
        self.enter_review(id);
        // What was not confirmed may have come free.
        self.fill_backorders_of(id);
        Ok(())
    }

    fn covers_all(&self, id: OrderId, hold: usize, partial: &[PromiseUnits]) -> bool {
        let order = self.order(id);
        order.held_by(hold).iter().all(|index| {
            let promise = &order.promises[*index];
            partial.iter().any(|units| {
                units.promise as usize == *index
                    && units.quantity == promise.units()
                    && units.backordered == i64::from(promise.backordered)
            })
        })
    }

    /// The named units as parts of promises, reserved units first.
    fn partial_units(
        &self,
        id: OrderId,
        hold: usize,
        confirm: &ConfirmPayment,
    ) -> Result<Vec<PromiseUnits>, Refusal> {
        let mut partial: Vec<PromiseUnits> = Vec::new();
        for (position, (sku, quantity)) in confirm.units.iter().enumerate() {
            let sku_id = self.find_sku(sku)?;
            let order = self.order(id);
            let mut left = *quantity;
            for index in order.held_by(hold) {
                let promise = &order.promises[index];
                let taken_before = partial.iter().any(|units| units.promise as usize == index);
                if taken_before || self.m().pool(promise.pool).sku != sku_id || left == 0 {
                    continue;
                }
                let reserved = left.min(promise.units());
                let awaited = (left - reserved).min(i64::from(promise.backordered));
                left -= reserved + awaited;
                let promise = u32::try_from(index).expect("few promises an order");
                partial.push(PromiseUnits {
                    promise,
                    quantity: reserved,
                    backordered: awaited,
                });
            }
            if left > 0 {
                return Err(Refusal::field(
                    format!("units[{position}].quantity"),
                    quantity,
                    format!(
                        "at most {} units of {sku}, which the hold keeps",
                        quantity - left
                    ),
                ));
            }
        }
        Ok(partial)
    }

    /// A payment without a live hold: late, repeated, or after a cancel (H6).
    fn confirm_late(&mut self, id: OrderId, confirm: &ConfirmPayment) -> PaymentResult {
        let order = self.order(id);
        let Some(last) = order.holds.last() else {
            return PaymentResult::AlreadyConfirmed;
        };
        match last.state {
            HoldState::Confirmed => PaymentResult::AlreadyConfirmed,
            HoldState::Released if self.m().names.text(last.reason) != PAYMENT_FAILED => {
                self.paid_without_stock(id, confirm, true)
            }
            HoldState::Expired | HoldState::Released => self.reacquire(id, confirm),
            HoldState::Held | HoldState::Paying => {
                unreachable!("a live hold was looked for before")
            }
        }
    }

    /// Takes the same units from the same pools again, all or none.
    fn reacquire(&mut self, id: OrderId, confirm: &ConfirmPayment) -> PaymentResult {
        let last = self.order(id).holds.len() - 1;
        let wanted: Vec<Promised> = self
            .order(id)
            .promises
            .iter()
            .filter(|promise| usize::from(promise.hold) == last)
            .map(|promise| Promised {
                pool: promise.pool,
                batch: promise.batch,
                quantity: promise.units() + i64::from(promise.backordered + promise.short),
                backordered: 0,
                line: promise.line.into(),
            })
            .filter(|promised| promised.quantity > 0)
            .collect();
        let need = |tx: &Self, pool: PoolId| -> i64 {
            let _ = tx;
            wanted
                .iter()
                .filter(|promised| promised.pool == pool)
                .map(|promised| promised.quantity)
                .sum()
        };
        let enough = !wanted.is_empty()
            && wanted.iter().all(|promised| {
                self.free(promised.pool) >= need(self, promised.pool) && self.batch_has(promised)
            });
        if !enough && !planted!(TrustLatePayment) {
            return self.paid_without_stock(id, confirm, false);
        }
        for promised in &wanted {
            let need = need(self, promised.pool);
            self.free_up(promised.pool, need);
        }
        let movements = self.take_movements(&wanted, Bucket::Allocated);
        let lines_hash = self.order(id).lines_hash;
        let placed = HoldPlaced {
            order: id,
            created_at: self.now,
            expires_at: self.now,
            lines_hash,
            promises: wanted,
            late_reacquired: true,
            considered: Vec::new(),
        };
        self.emit_with(Event::HoldPlaced(placed), movements);
        self.lift_stock_lost(id);
        self.enter_review(id);
        PaymentResult::LateReacquired
    }

    /// The stock is there after all: what stood still for its lack goes on.
    fn lift_stock_lost(&mut self, id: OrderId) {
        for index in 0..self.order(id).parcels.len() {
            let parcel = self.parcel(id, index);
            let lost = parcel.flags.has(Flag::Suspended)
                && self.m().names.text(parcel.blocked_by) == STOCK_LOST;
            if lost {
                let reason = self.name("STOCK_FOUND");
                let parcel = u32::try_from(index).expect("few parcels an order");
                let resumed = ParcelResumed {
                    order: id,
                    parcel,
                    reason,
                    due_at: 0,
                    red_at: 0,
                };
                self.emit(Event::ParcelResumed(resumed));
            }
        }
    }

    fn batch_has(&self, promised: &Promised) -> bool {
        promised.batch == 0
            || self
                .m()
                .pool(promised.pool)
                .batch(promised.batch)
                .is_some_and(|batch| batch.get(Bucket::Available) >= promised.quantity)
    }

    fn paid_without_stock(
        &mut self,
        id: OrderId,
        confirm: &ConfirmPayment,
        after_cancel: bool,
    ) -> PaymentResult {
        let paid = PaidWithoutStock {
            order: id,
            payment_ref: confirm.payment_ref.clone(),
            after_cancel,
            amount_minor: confirm.amount_minor,
        };
        self.emit(Event::PaidWithoutStock(paid));
        if after_cancel {
            return PaymentResult::PaidAfterCancel;
        }
        let reason = self.name(STOCK_LOST);
        let due_at = self.now + self.m().policy().review_minutes * MINUTE;
        for index in 0..self.order(id).parcels.len() {
            let parcel = self.parcel(id, index);
            if parcel.is_open() && !parcel.flags.has(Flag::Suspended) {
                let parcel = u32::try_from(index).expect("few parcels an order");
                self.emit(Event::ParcelSuspended(ParcelSuspended {
                    order: id,
                    parcel,
                    reason,
                    owner: Role::Supervisor.number().into(),
                    due_at,
                }));
            }
        }
        PaymentResult::PaidNoStock
    }

    /// Carries the paid parcels into review; the engine does it, at once.
    pub(super) fn enter_review(&mut self, id: OrderId) {
        for index in 0..self.order(id).parcels.len() {
            let parcel = self.parcel(id, index);
            let allocated = self
                .order(id)
                .promised_in(index)
                .iter()
                .any(|promise| self.order(id).promises[*promise].bucket == Bucket::Allocated);
            if !(parcel.is_open() && parcel.node == Node::AwaitingPayment && allocated) {
                continue;
            }
            self.engine_enters(id, index, Node::UnderReview);
            let parcel = self.parcel(id, index);
            if self.m().policy().auto_review
                && !parcel.flags.has(Flag::Suspended)
                && self.pin_parcel(id, index).is_ok()
            {
                self.engine_enters(id, index, Node::WarehouseAssigned);
            }
        }
    }

    fn engine_enters(&mut self, id: OrderId, index: usize, node: Node) {
        let (due_at, red_at) = self.dues(id, index, node, self.now);
        // A suspended parcel keeps its review deadline.
        let parcel = self.parcel(id, index);
        let (due_at, red_at) = if parcel.flags.has(Flag::Suspended) {
            (parcel.due_at, parcel.red_at)
        } else {
            (due_at, red_at)
        };
        self.emit(Event::ParcelAdvanced(ParcelAdvanced {
            order: id,
            parcel: u32::try_from(index).expect("few parcels an order"),
            node: node.number().into(),
            due_at,
            red_at,
            by_engine: true,
            ..ParcelAdvanced::default()
        }));
    }

    pub(super) fn amend_order(&mut self, amend: &AmendOrder) -> Result<Done, Refusal> {
        let (id, hold) = self.live(&amend.order_number)?;
        let mut units: Vec<PromiseUnits> = Vec::new();
        let mut added: Vec<Promised> = Vec::new();
        let mut movements: Vec<Movement> = Vec::new();
        for (position, change) in amend.units.iter().enumerate() {
            if amend.units[..position]
                .iter()
                .any(|earlier| earlier.sku == change.sku)
            {
                return Err(Refusal::field(
                    format!("units[{position}].sku"),
                    &change.sku,
                    "each SKU once",
                ));
            }
            self.raise_sku(id, hold, change, &mut added, &mut movements)?;
        }
        // Making room may have given this hold units that it waited for: what is
        // cut is settled afterwards.
        for change in &amend.units {
            self.lower_sku(id, hold, change, &mut units, &mut movements)?;
        }
        // What a count has lost keeps nothing: it is no reason for a hold to live.
        let kept = self.order(id).held_by(hold).iter().any(|index| {
            let promise = &self.order(id).promises[*index];
            let amended = units.iter().find(|units| units.promise as usize == *index);
            let left = amended.map_or(promise.units() + i64::from(promise.backordered), |units| {
                units.quantity + units.backordered
            });
            left > 0
        });
        if !kept && added.is_empty() {
            return Err(Refusal::field(
                "units",
                "nothing",
                "at least one unit left; release the hold instead",
            ));
        }
        let lines_hash = self.amended_hash(id, hold, &units, &added);
        self.emit_with(
            Event::HoldAmended(HoldAmended {
                order: id,
                units,
                added,
                lines_hash,
            }),
            movements,
        );
        self.fill_backorders_of(id);
        Ok(self.order_done(id))
    }

    /// The promises of a live hold for one SKU, and their units in all.
    fn held_of_sku(&self, id: OrderId, hold: usize, sku: NameId) -> (Vec<usize>, i64) {
        let order = self.order(id);
        let mut held = order.held_by(hold).to_vec();
        held.retain(|index| self.m().pool(order.promises[*index].pool).sku == sku);
        let units = held.iter().map(|index| {
            order.promises[*index].units() + i64::from(order.promises[*index].backordered)
        });
        let has = units.sum();
        (held, has)
    }

    /// Cuts one SKU of a live hold down to its new quantity, if that is less.
    fn lower_sku(
        &self,
        id: OrderId,
        hold: usize,
        change: &AmendUnits,
        units: &mut Vec<PromiseUnits>,
        movements: &mut Vec<Movement>,
    ) -> Result<(), Refusal> {
        let sku = self.find_sku(&change.sku)?;
        let (held, has) = self.held_of_sku(id, hold, sku);
        let mut cut = (has - change.quantity).max(0);
        // What is awaited goes first, then the newest part.
        for index in held.iter().rev() {
            let promise = &self.order(id).promises[*index];
            let awaited = cut.min(i64::from(promise.backordered));
            let reserved = (cut - awaited).min(promise.units());
            cut -= awaited + reserved;
            if awaited + reserved > 0 {
                push_some(
                    movements,
                    movement_of(promise.pool, promise.batch, Bucket::Available, reserved),
                );
                units.push(PromiseUnits {
                    promise: u32::try_from(*index).expect("few promises an order"),
                    quantity: promise.units() - reserved,
                    backordered: i64::from(promise.backordered) - awaited,
                });
            }
        }
        Ok(())
    }

    /// Brings one SKU of a live hold up to its new quantity, if that is more.
    fn raise_sku(
        &mut self,
        id: OrderId,
        hold: usize,
        change: &AmendUnits,
        added: &mut Vec<Promised>,
        movements: &mut Vec<Movement>,
    ) -> Result<(), Refusal> {
        let sku = self.find_sku(&change.sku)?;
        let (held, has) = self.held_of_sku(id, hold, sku);
        if change.quantity <= has {
            return Ok(());
        }
        let order = self.order(id);
        let more = change.quantity - has;
        let line = held.first().map_or(0, |index| order.promises[*index].line);
        let home = held.first().map_or(0, |index| {
            self.m().pool(order.promises[*index].pool).warehouse
        });
        let province = self.m().names.text(order.province).to_owned();
        let warehouse = if change.warehouse.is_empty() {
            home
        } else {
            self.find_warehouse(&change.warehouse)?
        };
        let demand = [Demand {
            sku,
            warehouse,
            batch: 0,
            quantity: more,
            line,
        }];
        let sourced = self.source(&demand, &province, None)?;
        self.make_room(&sourced.takes);
        let promised = self.promised(&demand, &sourced.takes)?;
        movements.extend(self.take_movements(&promised, Bucket::Held));
        added.extend(promised);
        Ok(())
    }

    fn amended_hash(
        &self,
        id: OrderId,
        hold: usize,
        units: &[PromiseUnits],
        added: &[Promised],
    ) -> u64 {
        let order = self.order(id);
        let mut totals: Vec<Demand> = Vec::new();
        let mut add = |pool: PoolId, quantity: i64| {
            let sku = self.m().pool(pool).sku;
            match totals.iter_mut().find(|demand| demand.sku == sku) {
                Some(demand) => demand.quantity += quantity,
                None => totals.push(Demand {
                    sku,
                    warehouse: 0,
                    batch: 0,
                    quantity,
                    line: 0,
                }),
            }
        };
        for index in order.held_by(hold) {
            let promise = &order.promises[index];
            let amended = units.iter().find(|units| units.promise as usize == index);
            add(
                promise.pool,
                amended.map_or(promise.units() + i64::from(promise.backordered), |units| {
                    units.quantity + units.backordered
                }),
            );
        }
        for promised in added {
            add(promised.pool, promised.quantity + promised.backordered);
        }
        totals.retain(|demand| demand.quantity > 0);
        lines_hash(&totals)
    }

    /// The live hold of an order, lapsed ones written off first.
    fn live(&mut self, order_number: &str) -> Result<(OrderId, usize), Refusal> {
        let id = self.find_order(order_number)?;
        self.settle(id);
        let order = self.order(id);
        if order.status != OrderStatus::Open {
            return Err(Refusal::new(RefusalCode::OrderClosed)
                .fact("order_number", &order.number)
                .fact("status", order.status)
                .fact("what", "payments"));
        }
        order
            .live_hold()
            .map(|hold| (id, hold))
            .ok_or_else(|| self.not_live(id))
    }

    fn not_live(&self, id: OrderId) -> Refusal {
        let order = self.order(id);
        match order.holds.last() {
            Some(hold) if hold.state == HoldState::Expired => {
                Refusal::new(RefusalCode::HoldExpired)
                    .fact("order_number", &order.number)
                    .fact("expired_at", rfc3339(hold.expires_at))
            }
            last => {
                let state = last.map_or("none", |hold| hold.state.id());
                Refusal::new(RefusalCode::HoldNotLive)
                    .fact("order_number", &order.number)
                    .fact("hold_state", state)
            }
        }
    }
}

fn movement_of(pool: PoolId, batch: u32, to: Bucket, quantity: i64) -> Option<Movement> {
    (quantity > 0).then(|| movement(pool, batch, Bucket::Held, to, quantity))
}

fn push_some(movements: &mut Vec<Movement>, movement: Option<Movement>) {
    movements.extend(movement);
}
