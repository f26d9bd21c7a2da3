//! The agenda: what each role does now, most urgent first, without a scan.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::OrderId;
use super::lifecycle::Role;
use crate::domain::names::NameId;
use crate::domain::radix::{RadixSet, from_time, to_time};
use crate::domain::time::Millis;
use crate::domain::words::Urgency;

/// One parcel in a queue: urgency first, then who is due first, then age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// 0 is most urgent.
    urgency_rank: u8,
    pub due_at: Millis,
    pub order: OrderId,
    pub parcel: u16,
}

impl Task {
    /// A task without a due time goes behind those that have one.
    #[must_use]
    pub fn new(urgency: Urgency, due_at: Millis, order: OrderId, parcel: u16) -> Self {
        let due_at = if due_at == 0 { Millis::MAX } else { due_at };
        Self {
            urgency_rank: Urgency::Critical.number() - urgency.number(),
            due_at,
            order,
            parcel,
        }
    }

    /// From high to low: 16 bits of the urgency, 64 of the instant, 32 of the order, 16 of
    /// the parcel.
    fn key(self) -> u128 {
        u128::from(self.urgency_rank) << 112
            | u128::from(from_time(self.due_at)) << 48
            | u128::from(self.order) << 16
            | u128::from(self.parcel)
    }

    fn of_key(key: u128) -> Self {
        Self {
            urgency_rank: (key >> 112) as u8,
            due_at: to_time((key >> 48) as u64),
            order: (key >> 16) as OrderId,
            parcel: key as u16,
        }
    }

    /// The task's place in its queue, for a page token.
    #[must_use]
    pub fn position(&self) -> [u64; 4] {
        [
            self.urgency_rank.into(),
            self.due_at.unsigned_abs(),
            self.order.into(),
            self.parcel.into(),
        ]
    }

    /// The task at a place; `None` if the numbers are out of range.
    #[must_use]
    pub fn from_position([rank, due_at, order, parcel]: [u64; 4]) -> Option<Self> {
        Some(Self {
            urgency_rank: u8::try_from(rank).ok()?,
            due_at: Millis::try_from(due_at).ok()?,
            order: OrderId::try_from(order).ok()?,
            parcel: u16::try_from(parcel).ok()?,
        })
    }
}

/// Queues by role and warehouse.
#[derive(Debug, Default)]
pub struct Agenda {
    queues: BTreeMap<(u8, NameId), RadixSet<u128>>,
}

impl Agenda {
    pub(crate) fn add(&mut self, roles: &[Role], warehouse: NameId, task: Task) {
        for role in roles {
            self.queues
                .entry((role.number(), warehouse))
                .or_default()
                .insert(task.key(), ());
        }
    }

    pub(crate) fn remove(&mut self, roles: &[Role], warehouse: NameId, task: Task) {
        for role in roles {
            let Entry::Occupied(mut queue) = self.queues.entry((role.number(), warehouse)) else {
                debug_assert!(false, "{role} has no queue for {task:?}");
                continue;
            };
            let found = queue.get_mut().remove(task.key());
            debug_assert!(found.is_some(), "{task:?} of {role} was not on the agenda");
            if queue.get().is_empty() {
                queue.remove();
            }
        }
    }

    /// Number of tasks of a role; `warehouse` 0 counts all.
    #[must_use]
    pub fn count(&self, role: Role, warehouse: NameId) -> usize {
        self.queues_of(role, warehouse)
            .map(|(_, queue)| queue.len())
            .sum()
    }

    /// Tasks of a role after a given one, most urgent first, over all its
    /// warehouses or one. Costs as many steps as it gives tasks.
    #[must_use]
    pub fn tasks(
        &self,
        role: Role,
        warehouse: NameId,
        after: Option<Task>,
        limit: usize,
    ) -> Vec<Task> {
        // A rank is small, so that every task has a number behind it.
        let from = after.map_or(0, |task| task.key() + 1);
        let mut heads: Vec<_> = self
            .queues_of(role, warehouse)
            .map(|(_, queue)| queue.from(from).peekable())
            .collect();
        let mut tasks = Vec::with_capacity(limit.min(64));
        while tasks.len() < limit {
            let best = heads
                .iter_mut()
                .filter_map(|head| head.peek().copied().map(|(key, ())| (key, head)))
                .min_by_key(|(key, _)| *key);
            let Some((key, head)) = best else { break };
            head.next();
            tasks.push(Task::of_key(key));
        }
        tasks
    }

    fn queues_of(
        &self,
        role: Role,
        warehouse: NameId,
    ) -> impl Iterator<Item = (&(u8, NameId), &RadixSet<u128>)> {
        let (low, high) = if warehouse == 0 {
            (0, NameId::MAX)
        } else {
            (warehouse, warehouse)
        };
        self.queues
            .range((role.number(), low)..=(role.number(), high))
    }
}
