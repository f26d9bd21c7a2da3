//! Payment, and what it does to a hold.

use holdfast_engine::domain::event::Promised;
use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::time::{DAY, MINUTE, Millis, SECOND};
use holdfast_engine::domain::words::{Bucket, HoldState, OrderStatus, PaymentResult};

use super::placing::Demand;
use super::shop::{Hold, Shop};
use super::{Choices, Moment, Told, Verdict, Wrong, must};
use crate::ask::Units;

impl Shop {
    /// The hold of an order that keeps stock now.
    fn live(&self, number: u16) -> Result<(usize, usize), RefusalCode> {
        let order = self.find(number).ok_or(RefusalCode::OrderNotFound)?;
        let known = &self.orders[order];
        if known.status != OrderStatus::Open {
            return Err(RefusalCode::OrderClosed);
        }
        known
            .live_hold()
            .map(|hold| (order, hold))
            .ok_or_else(|| self.not_live(order))
    }

    fn not_live(&self, order: usize) -> RefusalCode {
        let last = self.orders[order].holds.last();
        if last.is_some_and(|hold| hold.state == HoldState::Expired) {
            RefusalCode::HoldExpired
        } else {
            RefusalCode::HoldNotLive
        }
    }

    /// The farthest deadline of a hold.
    pub(super) fn cap(&self, created_at: Millis) -> Millis {
        let minutes = if self.rules.anchored_at_payment {
            self.rules.paying_cap_minutes
        } else {
            self.rules.paying_minutes
        };
        created_at + minutes * MINUTE
    }

    pub(super) fn start_payment(
        &mut self,
        number: u16,
        payment: u8,
        at: Moment,
    ) -> Result<Told, RefusalCode> {
        let (order, index) = self.live(number)?;
        let (paying, anchored) = (
            self.rules.paying_minutes * MINUTE,
            self.rules.anchored_at_payment,
        );
        let cap = self.cap(self.orders[order].holds[index].created_at);
        let hold = &mut self.orders[order].holds[index];
        let anchor = match hold.paying_since {
            _ if !anchored => hold.created_at,
            0 => at.now,
            since => since,
        };
        if hold.state == HoldState::Held || hold.paying_since == 0 {
            let extended = (anchor + paying).min(cap) + hold.credited_ms;
            hold.expires_at = hold.expires_at.max(extended);
        }
        hold.state = HoldState::Paying;
        if hold.paying_since == 0 {
            hold.paying_since = at.now;
        }
        if !hold.payments.contains(&payment) {
            hold.payments.push(payment);
        }
        Ok(Told::order(order))
    }

    pub(super) fn fail_payment(&mut self, number: u16, payment: u8, at: Moment) -> Verdict {
        let (order, index) = match self.live(number) {
            Ok(live) => live,
            Err(code) => return Ok(Err(code)),
        };
        let cap = self.cap(self.orders[order].holds[index].created_at);
        let (first, grace) = (
            self.rules.hold_minutes * MINUTE,
            self.rules.retry_grace_seconds * SECOND,
        );
        let hold = &mut self.orders[order].holds[index];
        hold.payments.retain(|open| *open != payment);
        if !hold.payments.is_empty() || hold.state == HoldState::Held {
            return Ok(Ok(Told::order(order)));
        }
        hold.state = HoldState::Held;
        let first_deadline = hold.created_at + first + hold.credited_ms;
        let grace_until = (at.now + grace).min(cap + hold.credited_ms);
        if hold.deposit {
            // The channel's date for the balance stays.
        } else if at.deadline_now < first_deadline {
            hold.expires_at = first_deadline;
        } else if grace_until > at.deadline_now {
            hold.expires_at = grace_until;
        } else {
            hold.payment_failed = true;
            self.end_hold(order, index, HoldState::Released)?;
            self.fill_all_of(order)?;
        }
        Ok(Ok(Told::order(order)))
    }

    pub(super) fn confirm_deposit(
        &mut self,
        number: u16,
        balance_due_at: Millis,
        at: Moment,
    ) -> Result<Told, RefusalCode> {
        let (order, index) = self.live(number)?;
        if balance_due_at <= at.now || balance_due_at > at.now + 30 * DAY {
            return Err(RefusalCode::FieldInvalid);
        }
        let known = &mut self.orders[order];
        known.deposit_paid = true;
        let hold = &mut known.holds[index];
        hold.expires_at = hold.expires_at.max(balance_due_at);
        hold.deposit = true;
        Ok(Told::order(order))
    }

    pub(super) fn release_hold(&mut self, number: u16) -> Verdict {
        let Some(order) = self.find(number) else {
            return Ok(Err(RefusalCode::OrderNotFound));
        };
        if let Some(hold) = self.orders[order].live_hold() {
            self.end_hold(order, hold, HoldState::Released)?;
            self.fill_all_of(order)?;
        } else if self.orders[order].holds.is_empty() {
            return Ok(Err(RefusalCode::HoldNotLive));
        }
        Ok(Ok(Told::order(order)))
    }

    pub(super) fn confirm_payment(
        &mut self,
        number: u16,
        units: &[Units],
        keep_rest: bool,
        at: Moment,
        choices: &Choices<'_>,
    ) -> Verdict {
        let Some(order) = self.find(number) else {
            return Ok(Err(RefusalCode::OrderNotFound));
        };
        let known = &mut self.orders[order];
        let result = match (known.status, known.live_hold()) {
            (OrderStatus::Completed, _) => PaymentResult::AlreadyConfirmed,
            (OrderStatus::Cancelled, _) => self.paid_after_cancel(order),
            (OrderStatus::Open, Some(hold)) => {
                if let Err(code) = self.confirm_hold(order, hold, units, keep_rest, at)? {
                    return Ok(Err(code));
                }
                PaymentResult::Confirmed
            }
            (OrderStatus::Open, None) => match known.holds.last() {
                None => PaymentResult::AlreadyConfirmed,
                Some(last) if last.state == HoldState::Confirmed => PaymentResult::AlreadyConfirmed,
                Some(last) if last.state == HoldState::Released && !last.payment_failed => {
                    self.paid_after_cancel(order)
                }
                Some(_) => self.reacquire(order, at, choices)?,
            },
        };
        let mut told = Told::order(order);
        told.payment_result = result.number().into();
        Ok(Ok(told))
    }

    fn paid_after_cancel(&mut self, order: usize) -> PaymentResult {
        let order = &mut self.orders[order];
        order.paid_after_cancel = true;
        order.refund_due = true;
        PaymentResult::PaidAfterCancel
    }

    /// Turns held units into allocated ones: all, or the named ones.
    fn confirm_hold(
        &mut self,
        order: usize,
        hold: usize,
        units: &[Units],
        keep_rest: bool,
        at: Moment,
    ) -> Result<Result<(), RefusalCode>, Wrong> {
        let held = self.orders[order].held_by(hold);
        let mut chosen: Vec<(usize, i64, i64)> = Vec::new();
        for asked in units {
            if !self.knows_sku(asked.sku) {
                return Ok(Err(RefusalCode::SkuUnknown));
            }
            let mut left = asked.quantity;
            for index in &held {
                let promise = &self.orders[order].promises[*index];
                let used = chosen.iter().any(|(promise, ..)| promise == index);
                if used || left == 0 || self.shelves[promise.shelf].sku != asked.sku {
                    continue;
                }
                let now = left.min(promise.units);
                let later = (left - now).min(promise.awaited);
                left -= now + later;
                chosen.push((*index, now, later));
            }
            if left > 0 {
                return Ok(Err(RefusalCode::FieldInvalid));
            }
        }
        let confirmed: Vec<usize> = if units.is_empty() {
            held.clone()
        } else {
            let known = &mut self.orders[order];
            let cut = chosen.iter();
            cut.map(|(index, now, later)| known.cut(*index, *now, *later))
                .collect()
        };
        for index in &confirmed {
            self.put_promise(order, *index, Bucket::Allocated)?;
        }
        let rest = self.orders[order].held_by(hold);
        self.orders[order].holds[hold].state = HoldState::Confirmed;
        let freed = !rest.is_empty() && !keep_rest;
        if freed {
            for index in rest {
                self.put_promise(order, index, Bucket::Available)?;
            }
        } else if !rest.is_empty() {
            self.keep_rest(order, hold, &rest);
        }
        self.note_live(order);
        self.enter_review(order, at.now);
        if freed {
            self.fill_all_of(order)?;
        }
        Ok(Ok(()))
    }

    /// What is not confirmed stays held, in parcels of its own.
    fn keep_rest(&mut self, order: usize, hold: usize, rest: &[usize]) {
        let known = &mut self.orders[order];
        let mut kept = Hold::new(known.holds[hold].created_at, known.holds[hold].expires_at);
        kept.credited_ms = known.holds[hold].credited_ms;
        known.holds.push(kept);
        let hold = known.holds.len() - 1;
        let mut moved: Vec<(usize, usize)> = Vec::new();
        for index in rest {
            let old = known.promises[*index].parcel;
            let shared = known
                .promises
                .iter()
                .any(|other| other.parcel == old && other.at == Bucket::Allocated);
            let new = match moved.iter().find(|(from, _)| *from == old) {
                Some((_, new)) => *new,
                None if shared => known.twin(old),
                None => old,
            };
            moved.push((old, new));
            known.promises[*index].parcel = new;
            known.promises[*index].hold = hold;
        }
    }

    /// A late payment takes the same units from the same pools, all or none.
    fn reacquire(
        &mut self,
        order: usize,
        at: Moment,
        choices: &Choices<'_>,
    ) -> Result<PaymentResult, Wrong> {
        let last = self.orders[order].holds.len() - 1;
        let promises = self.orders[order].promises.iter();
        let wanted: Vec<(usize, i64)> = promises
            .filter(|promise| promise.hold == last)
            .map(|promise| {
                (
                    promise.shelf,
                    promise.units + promise.awaited + promise.short,
                )
            })
            .filter(|(_, quantity)| *quantity > 0)
            .collect();
        let enough = !wanted.is_empty()
            && wanted.iter().all(|(shelf, _)| {
                let same = wanted.iter().filter(|(other, _)| other == shelf);
                let need: i64 = same.map(|(_, quantity)| quantity).sum();
                self.free(*shelf, at.deadline_now) >= need
            });
        if !enough {
            self.lose_stock(order, at.now);
            return Ok(PaymentResult::PaidNoStock);
        }
        let taken: &[Promised] = choices.taken()?;
        let took: Vec<(usize, i64)> = taken
            .iter()
            .map(|promised| (promised.pool as usize, promised.quantity))
            .collect();
        must!(
            took == wanted,
            "a late payment took {took:?}, expected {wanted:?}"
        );
        let mut hold = Hold::new(at.now, at.now);
        hold.state = HoldState::Confirmed;
        self.hold_again(order, taken, hold, Bucket::Allocated, at.now)?;
        self.orders[order].late_reacquired = true;
        let lost = |shop: &Self, index: usize| {
            let parcel = &shop.orders[order].parcels[index];
            parcel.suspended && parcel.stock_lost
        };
        for index in 0..self.orders[order].parcels.len() {
            if lost(self, index) {
                self.orders[order].parcels[index].resume(0, 0);
            }
        }
        self.enter_review(order, at.now);
        Ok(PaymentResult::LateReacquired)
    }

    fn lose_stock(&mut self, order: usize, now: Millis) {
        let due_at = now + self.review_ms();
        let known = &mut self.orders[order];
        known.stock_lost = true;
        for parcel in &mut known.parcels {
            if parcel.is_open() && !parcel.suspended {
                parcel.suspend(due_at, Role::Supervisor, true);
            }
        }
    }

    pub(super) fn review_ms(&self) -> Millis {
        120 * MINUTE
    }

    /// Paid parcels go into review by themselves, and on if the shop wants it.
    pub(super) fn enter_review(&mut self, order: usize, now: Millis) {
        let auto_review = self.rules.auto_review;
        let known = &mut self.orders[order];
        for index in 0..known.parcels.len() {
            let allocated = known
                .promises
                .iter()
                .any(|promise| promise.parcel == index && promise.at == Bucket::Allocated);
            let urgency = known.urgency;
            let parcel = &mut known.parcels[index];
            if parcel.is_open() && parcel.node == 1 && allocated {
                parcel.enter(2, now, now, urgency, parcel.suspended);
                if auto_review && !parcel.suspended {
                    parcel.enter(3, now, now, urgency, false);
                }
            }
        }
    }

    pub(super) fn amend(
        &mut self,
        number: u16,
        changes: &[Units],
        at: Moment,
        choices: &Choices<'_>,
    ) -> Verdict {
        let (order, hold) = match self.live(number) {
            Ok(live) => live,
            Err(code) => return Ok(Err(code)),
        };
        let held = self.orders[order].held_by(hold);
        let mut cuts: Vec<(usize, i64, i64)> = Vec::new();
        let mut more: Vec<Demand> = Vec::new();
        for (position, change) in changes.iter().enumerate() {
            if changes[..position]
                .iter()
                .any(|earlier| earlier.sku == change.sku)
            {
                return Ok(Err(RefusalCode::FieldInvalid));
            }
            if !self.knows_sku(change.sku) {
                return Ok(Err(RefusalCode::SkuUnknown));
            }
            let of_sku: Vec<usize> = held
                .iter()
                .copied()
                .filter(|index| {
                    self.shelves[self.orders[order].promises[*index].shelf].sku == change.sku
                })
                .collect();
            let promises = &self.orders[order].promises;
            let has: i64 = of_sku
                .iter()
                .map(|index| promises[*index].units + promises[*index].awaited)
                .sum();
            if change.quantity > has {
                let home = of_sku
                    .first()
                    .map_or(0, |index| self.shelves[promises[*index].shelf].warehouse);
                if change.warehouse != 0 && !self.knows_warehouse(change.warehouse) {
                    return Ok(Err(RefusalCode::WarehouseUnknown));
                }
                let demand = Demand {
                    units: Units {
                        sku: change.sku,
                        warehouse: if change.warehouse == 0 {
                            home
                        } else {
                            change.warehouse
                        },
                        quantity: change.quantity - has,
                    },
                    line: 0,
                };
                if !self.covers(&[demand], None, at) {
                    return Ok(Err(RefusalCode::StockInsufficient));
                }
                more.push(demand);
            } else {
                let mut cut = has - change.quantity;
                for index in of_sku.iter().rev() {
                    let promise = &promises[*index];
                    let awaited = cut.min(promise.awaited);
                    let units = (cut - awaited).min(promise.units);
                    cut -= awaited + units;
                    cuts.push((*index, units, awaited));
                }
            }
        }
        let keeps_some = held.iter().any(|index| {
            let promise = &self.orders[order].promises[*index];
            let cut = cuts.iter().find(|(cut, ..)| cut == index);
            let gone = cut.map_or(0, |(_, units, awaited)| units + awaited);
            promise.units + promise.awaited > gone
        });
        if !keeps_some && more.is_empty() {
            return Ok(Err(RefusalCode::FieldInvalid));
        }
        let added = choices.taken()?;
        self.check_added(&more, added, at)?;
        let freed = cuts.iter().any(|(_, units, _)| *units > 0);
        self.carry_out_amend(order, hold, &cuts, added, at)?;
        if freed {
            self.fill_all_of(order)?;
        }
        Ok(Ok(Told::order(order)))
    }

    /// Units that an amend adds: each SKU by itself, as each was asked for.
    fn check_added(&self, more: &[Demand], added: &[Promised], at: Moment) -> Result<(), Wrong> {
        for promised in added {
            must!(
                (promised.pool as usize) < self.shelves.len(),
                "pool {} was never opened",
                promised.pool
            );
        }
        for demand in more {
            let of_sku: Vec<Promised> = added
                .iter()
                .filter(|promised| self.shelves[promised.pool as usize].sku == demand.units.sku)
                .map(|promised| Promised {
                    line: 0,
                    ..promised.clone()
                })
                .collect();
            self.check_takes(&[*demand], &of_sku, None, at)?;
        }
        let asked: i64 = more.iter().map(|demand| demand.units.quantity).sum();
        let got: i64 = added
            .iter()
            .map(|promised| promised.quantity + promised.backordered)
            .sum();
        must!(asked == got, "an amend added {got} units, expected {asked}");
        Ok(())
    }

    fn carry_out_amend(
        &mut self,
        order: usize,
        hold: usize,
        cuts: &[(usize, i64, i64)],
        added: &[Promised],
        at: Moment,
    ) -> Result<(), Wrong> {
        for (index, units, awaited) in cuts {
            let promise = &mut self.orders[order].promises[*index];
            let shelf = &mut self.shelves[promise.shelf];
            shelf.shift(Bucket::Held, Bucket::Available, *units)?;
            shelf.awaited -= awaited;
            promise.units -= units;
            promise.awaited -= awaited;
            if units + awaited > 0 && promise.units + promise.awaited == 0 {
                promise.at = Bucket::Available;
            }
        }
        self.promise(order, added, hold, Bucket::Held, at.now)?;
        let known = &mut self.orders[order];
        known.drop_empty_parcels();
        known.asked.clear();
        for index in known.held_by(hold) {
            let promise = &known.promises[index];
            let units = promise.units + promise.awaited;
            if units > 0 {
                *known
                    .asked
                    .entry((self.shelves[promise.shelf].sku, 0))
                    .or_default() += units;
            }
        }
        Ok(())
    }
}
