//! Reads: what every view and list must show.

use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::outcome::{OrderView, ParcelView};
use holdfast_engine::domain::state::Merchant;
use holdfast_engine::domain::time::Millis;
use holdfast_engine::domain::words::{Bucket, OrderStatus};

use super::shop::{Hold, Order, Parcel, Shop};
use super::{Wrong, must};
use crate::ask;

/// Who acts next on a parcel at each node.
fn next_roles(node: u8) -> &'static [Role] {
    match node {
        1 => &[Role::Customer],
        2 => &[Role::Reviewer],
        3 => &[Role::WavePlanner],
        4 => &[Role::Picker],
        5 => &[Role::Checker],
        6 => &[Role::Labeler],
        7 => &[Role::Packer],
        8 => &[Role::Dispatcher],
        9 => &[Role::Dispatcher, Role::Driver],
        10 | 11 => &[Role::Carrier],
        _ => &[Role::CustomerService],
    }
}

impl Parcel {
    fn is_work_of(&self, role: Role) -> bool {
        let needs_work = match self.status {
            OrderStatus::Open => self.node != 1 || self.suspended,
            OrderStatus::Cancelled => self.to_put_back,
            OrderStatus::Completed => false,
        };
        needs_work
            && if self.to_put_back {
                role == Role::Picker
            } else if self.suspended {
                role == self.owner
            } else if self.intercepted {
                role == Role::Carrier
            } else {
                next_roles(self.node).contains(&role)
            }
    }
}

impl Shop {
    /// Every counter of every pool.
    ///
    /// # Errors
    /// [`Wrong`] naming the first that differs.
    pub fn check_shelves(&self, merchant: &Merchant, deadline_now: Millis) -> Result<(), Wrong> {
        must!(
            merchant.pools.len() == self.shelves.len(),
            "there are {} pools, expected {}",
            merchant.pools.len(),
            self.shelves.len()
        );
        let mut lapsed = vec![0; self.shelves.len()];
        for order in &self.live {
            let order = &self.orders[*order];
            for promise in &order.promises {
                if promise.at == Bucket::Held
                    && order.holds[promise.hold].expires_at <= deadline_now
                {
                    lapsed[promise.shelf] += promise.units;
                }
            }
        }
        for ((pool, shelf), lapsed) in merchant.pools.iter().zip(&self.shelves).zip(lapsed) {
            let name = || format!("SKU {} in warehouse {}", shelf.sku, shelf.warehouse);
            for bucket in &Bucket::ALL[..10] {
                let (has, expected) = (pool.counters.get(*bucket), shelf.at(*bucket));
                must!(
                    has == expected,
                    "{bucket} of {} is {has}, expected {expected}",
                    name()
                );
            }
            let due = pool.due(deadline_now);
            must!(
                due == lapsed,
                "{due} held units of {} have lapsed, expected {lapsed}",
                name()
            );
            must!(
                pool.backordered == shelf.awaited,
                "{} units of {} are awaited, expected {}",
                pool.backordered,
                name(),
                shelf.awaited
            );
        }
        Ok(())
    }

    /// One order as an answer or a read shows it.
    ///
    /// # Errors
    /// [`Wrong`] naming the first part that differs.
    pub fn check_order(
        &self,
        merchant: &Merchant,
        index: usize,
        view: &OrderView,
        deadline_now: Millis,
    ) -> Result<(), Wrong> {
        let order = &self.orders[index];
        let shown = order.hold_shown(deadline_now);
        let seen = (view.status, view.node, view.flags);
        let expected = (
            u32::from(order.status.number()),
            u32::from(order.node()),
            order.flags(deadline_now).bits(),
        );
        must!(
            view.number == ask::order(order.number),
            "{} answers for o{}",
            view.number,
            order.number
        );
        must!(
            seen == expected,
            "o{} has status, node and flags {seen:?}, expected {expected:?}",
            order.number
        );
        let hold = (view.hold_generation, view.hold_state, view.hold_expires_at);
        let expected = shown.map_or((0, 0, 0), |(place, state)| {
            (
                u32::try_from(place + 1).expect("few holds"),
                u32::from(state.number()),
                order.holds[place].expires_at,
            )
        });
        must!(
            hold == expected,
            "the hold of o{} is (generation, state, deadline) {hold:?}, expected {expected:?}",
            order.number
        );
        must!(
            view.parcels.len() == order.parcels.len(),
            "o{} has {} parcels, expected {}",
            order.number,
            view.parcels.len(),
            order.parcels.len()
        );
        for (place, view) in view.parcels.iter().enumerate() {
            order.check_parcel(merchant, place, view)?;
        }
        self.check_cap(order)
    }

    /// No deadline lies beyond the cap and the outage credit.
    fn check_cap(&self, order: &Order) -> Result<(), Wrong> {
        let most = self.most_credit_ms();
        for hold in order
            .holds
            .iter()
            .filter(|hold| hold.keeps() && !hold.deposit)
        {
            must!(
                hold.credited_ms <= most,
                "a hold of o{} was given {} ms of outage",
                order.number,
                hold.credited_ms
            );
        }
        Ok(())
    }

    /// Shops change their limit; no rule of the simulator goes beyond this.
    fn most_credit_ms(&self) -> Millis {
        20 * 60_000
    }

    /// All orders and shelves.
    ///
    /// # Errors
    /// [`Wrong`] naming the first that differs.
    pub fn check_all(&self, merchant: &Merchant, deadline_now: Millis) -> Result<(), Wrong> {
        self.check_shelves(merchant, deadline_now)?;
        must!(
            merchant.orders.placed() == self.orders.len(),
            "{} orders were placed, expected {}",
            merchant.orders.placed(),
            self.orders.len()
        );
        let here = (0..self.orders.len()).filter(|index| !self.orders[*index].archived);
        let seen = merchant.orders.iter().map(|(id, _)| id as usize);
        must!(
            seen.eq(here.clone()),
            "there are {} orders in memory, expected {}",
            merchant.orders.len(),
            here.count()
        );
        for (id, _) in merchant.orders.iter() {
            let view = merchant.order_view(id, deadline_now);
            self.check_order(merchant, id as usize, &view, deadline_now)?;
        }
        self.recount()
    }

    /// The model's own books: what promises count on is on the shelves.
    fn recount(&self) -> Result<(), Wrong> {
        for (index, shelf) in self.shelves.iter().enumerate() {
            for bucket in [Bucket::Held, Bucket::Allocated, Bucket::Putback] {
                let promises = self.orders.iter().flat_map(|order| &order.promises);
                let claimed: i64 = promises
                    .filter(|promise| promise.shelf == index && promise.at == bucket)
                    .map(|promise| promise.units)
                    .sum();
                must!(
                    claimed == shelf.at(bucket),
                    "the model's orders count on {claimed} {bucket} units of {}, it has {}",
                    shelf.sku,
                    shelf.at(bucket)
                );
            }
        }
        Ok(())
    }

    /// A role's work in one warehouse, page by page.
    ///
    /// # Errors
    /// [`Wrong`] if a task is missing, foreign or out of order.
    pub fn check_work(
        &self,
        merchant: &Merchant,
        role: Role,
        warehouse: u8,
        page: usize,
    ) -> Result<(), Wrong> {
        let Some(name) = merchant.names.find(&ask::warehouse(warehouse)) else {
            return Ok(());
        };
        let mut expected: Vec<(u8, Millis, usize, usize)> = Vec::new();
        for (index, order) in self.orders.iter().enumerate() {
            for (place, parcel) in order.parcels.iter().enumerate() {
                let here = warehouse == 0 || parcel.warehouse == warehouse;
                if here && parcel.is_work_of(role) {
                    let due_at = if parcel.due_at == 0 {
                        Millis::MAX
                    } else {
                        parcel.due_at
                    };
                    expected.push((3 - order.urgency, due_at, index, place));
                }
            }
        }
        expected.sort_unstable();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let tasks = merchant.agenda.tasks(role, name, after, page);
            let full = tasks.len() == page;
            after = tasks.last().copied();
            seen.extend(tasks);
            if !full {
                break;
            }
        }
        let seen: Vec<(Millis, usize, usize)> = seen
            .iter()
            .map(|task| (task.due_at, task.order as usize, usize::from(task.parcel)))
            .collect();
        let expected: Vec<(Millis, usize, usize)> = expected
            .into_iter()
            .map(|(_, due_at, order, parcel)| (due_at, order, parcel))
            .collect();
        must!(
            seen == expected,
            "{role} in warehouse {warehouse} has the work {seen:?}, expected {expected:?}"
        );
        must!(
            merchant.agenda.count(role, name) == expected.len(),
            "{role} in warehouse {warehouse} has {} tasks, expected {}",
            merchant.agenda.count(role, name),
            expected.len()
        );
        Ok(())
    }

    /// Totals that the product keeps, and when it thinks something is due.
    ///
    /// # Errors
    /// [`Wrong`] naming the first that differs.
    pub fn check_totals(&self, merchant: &Merchant) -> Result<(), Wrong> {
        let parcels = || self.orders.iter().flat_map(|order| &order.parcels);
        let count = |number: usize| i64::try_from(number).expect("small worlds");
        let holds = self.orders.iter().flat_map(|order| &order.holds);
        let open = |order: &&Order| order.status == OrderStatus::Open;
        let expected = [
            count(holds.filter(|hold| Hold::keeps(hold)).count()),
            count(self.orders.iter().filter(open).count()),
            count(parcels().filter(|parcel| parcel.is_open()).count()),
            count(
                parcels()
                    .filter(|parcel| parcel.is_open() && parcel.overdue)
                    .count(),
            ),
        ];
        let totals = merchant.totals;
        let seen = [
            totals.live_holds,
            totals.open_orders,
            totals.open_parcels,
            totals.overdue_parcels,
        ];
        must!(
            seen == expected,
            "live holds, open orders, open and overdue parcels are {seen:?}, expected {expected:?}"
        );
        let first = merchant.due.first().map(|due| due.0);
        must!(
            first == self.next_due(),
            "the next thing falls due at {first:?}, expected {:?}",
            self.next_due()
        );
        Ok(())
    }
}

impl Order {
    /// One parcel as an answer or a read shows it.
    ///
    /// # Errors
    /// [`Wrong`] if it differs.
    pub fn check_parcel(
        &self,
        merchant: &Merchant,
        place: usize,
        view: &ParcelView,
    ) -> Result<(), Wrong> {
        let parcel = &self.parcels[place];
        let seen = (
            view.index as usize,
            view.node,
            view.status,
            view.version,
            view.flags,
            view.due_at,
            view.red_at,
            view.owner,
        );
        let expected = (
            place + 1,
            u32::from(parcel.node),
            u32::from(parcel.status.number()),
            parcel.version,
            self.parcel_flags(place).bits(),
            parcel.due_at,
            parcel.red_at,
            if parcel.suspended {
                parcel.owner.number().into()
            } else {
                0
            },
        );
        must!(
            seen == expected,
            "parcel o{}/{} is (index, node, status, version, flags, due, red, owner) {seen:?}, expected {expected:?}",
            self.number,
            place + 1
        );
        let home = merchant.names.text(view.warehouse);
        must!(
            home == ask::warehouse(parcel.warehouse),
            "parcel o{}/{} is in {home}, expected warehouse {}",
            self.number,
            place + 1,
            parcel.warehouse
        );
        Ok(())
    }
}
