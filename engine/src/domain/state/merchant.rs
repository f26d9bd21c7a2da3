//! One merchant's part of the state, with its indexes.
//!
//! Indexes (due queue, agenda, pool schedules) are changed in pairs: lift a
//! hold or parcel out, change it, put it back. Nothing else touches them, so
//! they cannot drift from what they index.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::inventory::PoolId;
use crate::domain::inventory::catalogue::Catalogue;
use crate::domain::inventory::pool::{DeadlineKey, Pool};
use crate::domain::names::{ByName, NameId, Names};
use crate::domain::orders::OrderId;
use crate::domain::orders::agenda::{Agenda, Task};
use crate::domain::orders::due::{Due, DueKind, DueQueue};
use crate::domain::orders::index::Orders;
use crate::domain::orders::lifecycle::Node;
use crate::domain::orders::order::{Listed, Order};
use crate::domain::policy::Policy;
use crate::domain::radix::{RadixSet, from_time, to_time};
use crate::domain::time::Millis;
use crate::domain::words::{Flag, HoldState, OrderStatus};
use crate::planted::planted;

/// Running totals that would otherwise need a scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub live_holds: i64,
    pub open_orders: i64,
    pub open_parcels: i64,
    pub overdue_parcels: i64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.live_holds += other.live_holds;
        self.open_orders += other.open_orders;
        self.open_parcels += other.open_parcels;
        self.overdue_parcels += other.overdue_parcels;
    }
}

/// Everything of one merchant. Stock is never shared between merchants.
#[derive(Debug)]
pub struct Merchant {
    pub name: Box<str>,
    pub names: Names,
    /// Version 1 is the default policy; each publication adds one.
    pub policies: Vec<Policy>,
    pub catalogue: Catalogue,
    pub pools: Vec<Pool>,
    pub pool_index: HashMap<(NameId, NameId), PoolId>,
    pub pools_by_sku: ByName<SmallVec<[PoolId; 2]>>,
    pub orders: Orders,
    pub due: DueQueue,
    pub agenda: Agenda,
    pub totals: Totals,
    /// Orders with a live hold, by buyer, oldest first; only buyers that are known.
    /// An order with two live holds stands there twice.
    pub buyers: HashMap<u64, SmallVec<[OrderId; 2]>>,
    /// Orders that are over, by [`Order::closed_at`](crate::domain::orders::order::Order).
    pub(super) closed: Closed,
}

/// Orders that are over, by when and then by age.
#[derive(Debug, Default)]
pub(super) struct Closed {
    orders: RadixSet<u128>,
}

impl Closed {
    fn key(at: Millis, id: OrderId) -> u128 {
        u128::from(from_time(at)) << 32 | u128::from(id)
    }

    fn add(&mut self, at: Millis, id: OrderId) {
        self.orders.insert(Self::key(at, id), ());
    }

    fn remove(&mut self, at: Millis, id: OrderId) {
        self.orders.remove(Self::key(at, id));
    }

    pub(super) fn contains(&self, at: Millis, id: OrderId) -> bool {
        self.orders.contains(Self::key(at, id))
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// When each was over, and its id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Millis, OrderId)> {
        let keys = self.orders.iter();
        keys.map(|(key, ())| (to_time((key >> 32) as u64), key as OrderId))
    }
}

impl Merchant {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            names: Names::default(),
            policies: vec![Policy::default()],
            catalogue: Catalogue::default(),
            pools: Vec::new(),
            pool_index: HashMap::new(),
            pools_by_sku: ByName::default(),
            orders: Orders::default(),
            due: DueQueue::default(),
            agenda: Agenda::default(),
            totals: Totals::default(),
            buyers: HashMap::new(),
            closed: Closed::default(),
        }
    }

    /// The policy that decides now.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.policies
            .last()
            .expect("the default policy is never removed")
    }

    #[must_use]
    pub fn policy_version(&self) -> u32 {
        u32::try_from(self.policies.len()).expect("few policies")
    }

    #[must_use]
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.pools[id as usize]
    }

    #[must_use]
    pub fn pool_of(&self, sku: NameId, warehouse: NameId) -> Option<PoolId> {
        self.pool_index.get(&(sku, warehouse)).copied()
    }

    /// Order and index of a parcel id, "order number/n".
    #[must_use]
    pub fn find_parcel(&self, parcel_id: &str) -> Option<(OrderId, usize)> {
        let (number, index) = parcel_id.rsplit_once('/')?;
        let order = self.orders.find(number)?;
        let index = index.parse::<usize>().ok()?.checked_sub(1)?;
        (index < self.orders.get(order).parcels.len()).then_some((order, index))
    }

    /// The key under which a hold's units stand in a pool's schedule.
    fn deadline_key(&self, order: OrderId, hold: usize) -> DeadlineKey {
        let expires_at = self.orders.get(order).holds[hold].expires_at;
        (expires_at, order, index16(hold))
    }

    /// Takes a live hold out of the due queue and the pools' schedules.
    pub(super) fn lift_hold(&mut self, order: OrderId, hold: usize) {
        if !self.orders.get(order).holds[hold].state.is_live() {
            return;
        }
        let key = self.deadline_key(order, hold);
        self.due.remove((key.0, order, key.2, DueKind::HoldEnds));
        self.totals.live_holds -= 1;
        let order_ref = self.orders.get(order);
        for index in order_ref.held_by(hold) {
            let promise = &order_ref.promises[index];
            self.pools[promise.pool as usize].unschedule(key, promise.units());
        }
        self.track_buyer(order, false);
    }

    /// Puts a live hold back.
    pub(super) fn put_hold(&mut self, order: OrderId, hold: usize) {
        if !self.orders.get(order).holds[hold].state.is_live() {
            return;
        }
        let key = self.deadline_key(order, hold);
        self.due.add((key.0, order, key.2, DueKind::HoldEnds));
        self.totals.live_holds += 1;
        let order_ref = self.orders.get(order);
        for index in order_ref.held_by(hold) {
            let promise = &order_ref.promises[index];
            self.pools[promise.pool as usize].schedule(key, promise.units());
        }
        self.track_buyer(order, true);
    }

    fn track_buyer(&mut self, order: OrderId, live: bool) {
        let buyer = self.orders.get(order).buyer;
        if buyer == 0 {
            return;
        }
        let orders = self.buyers.entry(buyer).or_default();
        if live {
            let place = orders.partition_point(|other| *other <= order);
            orders.insert(place, order);
        } else if planted!(KeepQuota) {
            // The buyer's hold ended and counts on.
        } else if let Some(place) = orders.iter().position(|other| *other == order) {
            orders.remove(place);
        }
        if orders.is_empty() {
            self.buyers.remove(&buyer);
        }
    }

    /// Takes a parcel off the agenda and out of the due queue.
    pub(super) fn lift_parcel(&mut self, order: OrderId, parcel: usize) {
        self.index_parcel(order, parcel, false);
    }

    /// Puts a parcel back where it belongs now.
    pub(super) fn put_parcel(&mut self, order: OrderId, parcel: usize) {
        self.index_parcel(order, parcel, !planted!(LoseTask));
    }

    fn index_parcel(&mut self, id: OrderId, index: usize, add: bool) {
        let order = self.orders.get(id);
        let parcel = &order.parcels[index];
        let sign = if add { 1 } else { -1 };
        if parcel.is_open() {
            self.totals.open_parcels += sign;
            if parcel.flags.has(Flag::Overdue) {
                self.totals.overdue_parcels += sign;
            }
        }
        if parcel.needs_work() {
            let task = Task::new(order.urgency, parcel.due_at, id, index16(index));
            let (roles, warehouse) = (parcel.next_roles(), parcel.warehouse);
            if add {
                self.agenda.add(roles, warehouse, task);
            } else {
                self.agenda.remove(roles, warehouse, task);
            }
        }
        if let Some(due) = due_of(self, id, index) {
            if add {
                self.due.add(due);
            } else {
                self.due.remove(due);
            }
        }
    }

    /// Takes a promise out of its pool's lists.
    pub(super) fn lift_promise(&mut self, order: OrderId, index: usize) {
        let promise = &self.orders.get(order).promises[index];
        if promise.is_open() {
            let pool = &mut self.pools[promise.pool as usize];
            pool.lift_promise((order, index16(index)), promise.backordered > 0);
            if promise.backordered > 0 {
                pool.backordered -= i64::from(promise.backordered);
            }
        }
    }

    /// Puts a promise into its pool's lists.
    pub(super) fn put_promise(&mut self, order: OrderId, index: usize) {
        let promise = &self.orders.get(order).promises[index];
        if promise.is_open() {
            let pool = &mut self.pools[promise.pool as usize];
            pool.put_promise((order, index16(index)), promise.backordered > 0);
            if promise.backordered > 0 {
                pool.backordered += i64::from(promise.backordered);
            }
        }
    }

    /// Sets the flags and the status that follow from an order's parts, and
    /// counts the change.
    pub(super) fn touch_order(&mut self, id: OrderId) {
        let was_open = self.orders.get(id).status == OrderStatus::Open;
        let order = self.orders.get_mut(id);
        order.version += 1;
        let waiting_for_payment = order
            .parcels
            .iter()
            .any(|parcel| parcel.is_open() && parcel.node == Node::AwaitingPayment);
        let has_hold = order.holds.iter().any(|hold| hold.state.is_live());
        order
            .flags
            .set(Flag::NoHold, waiting_for_payment && !has_hold);
        if !order.parcels.is_empty()
            && !order
                .parcels
                .iter()
                .any(super::super::orders::parcel::Parcel::is_open)
        {
            let done = order
                .parcels
                .iter()
                .any(|parcel| parcel.status == OrderStatus::Completed);
            order.status = if done {
                OrderStatus::Completed
            } else {
                OrderStatus::Cancelled
            };
        }
        let is_open = order.status == OrderStatus::Open;
        for index in 0..self.orders.get(id).parcels.len() {
            let (backordered, short) = self.orders.get(id).lacking(index);
            let flags = &mut self.orders.get_mut(id).parcels[index].flags;
            flags.set(Flag::Backordered, backordered > 0);
            flags.set(Flag::Short, short > 0);
        }
        self.totals.open_orders += i64::from(is_open) - i64::from(was_open);
        self.list_closed(id);
    }

    /// Keeps an order's place among those that are over.
    pub(super) fn list_closed(&mut self, id: OrderId) {
        let order = self.orders.get_mut(id);
        let (was, is) = (order.listed.0, order.closed_at().unwrap_or(0));
        order.listed = Listed(is);
        if was == is {
            return;
        }
        if was != 0 {
            self.closed.remove(was, id);
        }
        if is != 0 {
            self.closed.add(is, id);
        }
    }

    /// Takes an order that is over out of memory. Nothing counts on it, and no index but
    /// those by its names and its closing knows it.
    pub(super) fn take_closed(&mut self, id: OrderId) -> Option<Order> {
        let listed_at = self.orders.look(id)?.listed.0;
        if listed_at == 0 {
            return None;
        }
        self.closed.remove(listed_at, id);
        self.orders.take(id)
    }

    /// Puts an order back that was taken out.
    pub(super) fn put_closed(&mut self, id: OrderId, mut order: Order) {
        order.listed = Listed::default();
        self.orders.put(id, order);
        self.list_closed(id);
    }

    /// The state of the newest hold at `now`, lapsed ones as EXPIRED.
    #[must_use]
    pub fn hold_state(&self, id: OrderId, hold: usize, now: i64) -> HoldState {
        let hold = &self.orders.get(id).holds[hold];
        if hold.is_lapsed(now) {
            HoldState::Expired
        } else {
            hold.state
        }
    }
}

/// When a parcel falls due by itself, and as what.
fn due_of(merchant: &Merchant, id: OrderId, index: usize) -> Option<Due> {
    let parcel = &merchant.orders.get(id).parcels[index];
    if !parcel.is_open() || parcel.due_at == 0 {
        return None;
    }
    let place = index16(index);
    if parcel.node == Node::Signed {
        return Some((parcel.due_at, id, place, DueKind::Completes));
    }
    if !parcel.flags.has(Flag::Overdue) {
        let first = if parcel.red_at == 0 {
            parcel.due_at
        } else {
            parcel.due_at.min(parcel.red_at)
        };
        return Some((first, id, place, DueKind::TurnsYellow));
    }
    (parcel.red_at != 0 && !parcel.red_noted).then_some((
        parcel.red_at,
        id,
        place,
        DueKind::TurnsRed,
    ))
}

/// Positions within an order fit 16 bits: lines are limited to 1,000.
pub(super) fn index16(index: usize) -> u16 {
    u16::try_from(index).expect("positions within an order fit 16 bits")
}
