//! One pool: counters, batches, the deadlines of its held units, its promises.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::Counters;
use crate::domain::names::NameId;
use crate::domain::radix::{RadixMap, RadixSet, from_time, to_time};
use crate::domain::time::Millis;
use crate::domain::words::Bucket;
use serde::{Deserialize, Serialize};

/// A hold as the pool knows it: deadline, order, index of the hold.
pub type DeadlineKey = (Millis, u32, u16);
/// A promise as the pool knows it: order, index of the promise. Orders are
/// numbered by birth, so the last key is the newest promise.
pub type PromiseKey = (u32, u16);

/// From high to low: 64 bits of the instant, 32 of the order, 16 of the hold.
fn number_of((deadline, order, hold): DeadlineKey) -> u128 {
    u128::from(from_time(deadline)) << 48 | u128::from(order) << 16 | u128::from(hold)
}

fn deadline_of(number: u128) -> DeadlineKey {
    let deadline = to_time((number >> 48) as u64);
    (deadline, (number >> 16) as u32, number as u16)
}

/// The last number that a deadline at `now` can have.
fn last_of(now: Millis) -> u128 {
    number_of((now, u32::MAX, u16::MAX))
}

fn promise_number((order, promise): PromiseKey) -> u64 {
    u64::from(order) << 16 | u64::from(promise)
}

fn promise_of(number: u64) -> PromiseKey {
    ((number >> 16) as u32, number as u16)
}

/// Units of one batch, by bucket. AVAILABLE means not pinned to any promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub name: NameId,
    /// `Millis::MAX` for goods that do not expire.
    pub expires_at: Millis,
    pub qc_report: NameId,
    units: [i64; Bucket::Damaged.number() as usize],
}

impl Batch {
    #[must_use]
    pub fn new(name: NameId, expires_at: Millis, qc_report: NameId) -> Self {
        Self {
            name,
            expires_at,
            qc_report,
            units: Default::default(),
        }
    }

    #[must_use]
    pub fn get(&self, bucket: Bucket) -> i64 {
        self.units
            .get(usize::from(bucket.number()) - 1)
            .copied()
            .unwrap_or(0)
    }

    /// Changes one end of a movement; outside parties are not counted here.
    pub(crate) fn add(&mut self, bucket: Bucket, quantity: i64) {
        if let Some(units) = self.units.get_mut(usize::from(bucket.number()) - 1) {
            *units += quantity;
            debug_assert!(*units >= 0, "batch bucket {bucket} fell to {units}");
        }
    }
}

/// One SKU in one warehouse.
#[derive(Debug)]
pub struct Pool {
    pub sku: NameId,
    pub warehouse: NameId,
    pub counters: Arc<Counters>,
    /// Units promised beyond what is there.
    pub backordered: i64,
    /// 0 denies oversell.
    pub backorder_limit: i64,
    /// Units hidden from a channel, by its number.
    pub buffers: BTreeMap<u8, i64>,
    /// First to expire first.
    pub batches: Vec<Batch>,
    /// Promises that wait for units, oldest first.
    waiting: RadixSet<u64>,
    /// Held and allocated promises, newest first: their numbers turned over.
    promises: RadixSet<u64>,
    /// Held units by deadline.
    deadlines: RadixMap<u128, i64>,
    /// Held units whose deadline is at or before `lapsed_upto`: they are free,
    /// although their release is not written yet (H8).
    lapsed: i64,
    lapsed_upto: Millis,
    /// No deadline lies between `lapsed_upto` and this instant, so that nothing is searched
    /// before it.
    quiet_until: Millis,
}

impl Pool {
    #[must_use]
    pub fn new(sku: NameId, warehouse: NameId, counters: Arc<Counters>) -> Self {
        Self {
            sku,
            warehouse,
            counters,
            backordered: 0,
            backorder_limit: 0,
            buffers: BTreeMap::new(),
            batches: Vec::new(),
            waiting: RadixSet::new(),
            promises: RadixSet::new(),
            deadlines: RadixMap::new(),
            lapsed: 0,
            lapsed_upto: Millis::MIN,
            quiet_until: Millis::MAX,
        }
    }

    /// Held units that are free at `now` although nobody wrote it yet.
    #[must_use]
    pub fn due(&self, now: Millis) -> i64 {
        let upto = last_of(now);
        let sum = |deadlines: &mut dyn Iterator<Item = (u128, i64)>| {
            let due = deadlines.take_while(|(key, _)| *key <= upto);
            due.map(|(_, units)| units).sum::<i64>()
        };
        if now < self.lapsed_upto {
            sum(&mut self.deadlines.iter())
        } else if now < self.quiet_until {
            self.lapsed
        } else {
            self.lapsed + sum(&mut self.deadlines.after(last_of(self.lapsed_upto)))
        }
    }

    /// Remembers what lapsed until `now`, so that the next look is short.
    pub(crate) fn lapse(&mut self, now: Millis) {
        if now <= self.lapsed_upto {
            return;
        }
        if now >= self.quiet_until {
            self.lapsed = self.due(now);
            let next = self.deadlines.after(last_of(now)).next();
            self.quiet_until = next.map_or(Millis::MAX, |(key, _)| deadline_of(key).0);
        }
        self.lapsed_upto = now;
    }

    /// Units that can be promised at `now`; not those that others wait for.
    #[must_use]
    pub fn free(&self, now: Millis) -> i64 {
        let there = self.counters.get(Bucket::Available) + self.due(now);
        (there - self.backordered).max(0)
    }

    /// The hold that lapsed first, if one has by `now`.
    #[must_use]
    pub fn first_due(&self, now: Millis) -> Option<DeadlineKey> {
        let (key, _) = self.deadlines.first()?;
        Some(deadline_of(key)).filter(|(deadline, _, _)| *deadline <= now)
    }

    /// The live hold whose units come free first, for a refusal's facts.
    #[must_use]
    pub fn next_to_end(&self, now: Millis) -> Option<DeadlineKey> {
        let (key, _) = self.deadlines.after(last_of(now)).next()?;
        Some(deadline_of(key))
    }

    pub(crate) fn schedule(&mut self, key: DeadlineKey, units: i64) {
        if units != 0 {
            let number = number_of(key);
            if let Some(before) = self.deadlines.insert(number, units) {
                self.deadlines.insert(number, before + units);
            }
            if key.0 <= self.lapsed_upto {
                self.lapsed += units;
            } else {
                self.quiet_until = self.quiet_until.min(key.0);
            }
        }
    }

    pub(crate) fn unschedule(&mut self, key: DeadlineKey, units: i64) {
        if units == 0 {
            return;
        }
        let number = number_of(key);
        let scheduled = self.deadlines.remove(number);
        let left = scheduled.expect("scheduled units stay until they are unscheduled") - units;
        debug_assert!(left >= 0, "unscheduled more than was scheduled");
        if left != 0 {
            self.deadlines.insert(number, left);
        }
        if key.0 <= self.lapsed_upto {
            self.lapsed -= units;
        }
    }

    /// Held units by the pool's own schedule, for the audit.
    #[must_use]
    pub fn scheduled(&self) -> i64 {
        self.deadlines.iter().map(|(_, units)| units).sum()
    }

    pub(crate) fn put_promise(&mut self, key: PromiseKey, waits: bool) {
        let number = promise_number(key);
        self.promises.insert(!number, ());
        if waits {
            self.waiting.insert(number, ());
        }
    }

    pub(crate) fn lift_promise(&mut self, key: PromiseKey, waits: bool) {
        let number = promise_number(key);
        self.promises.remove(!number);
        if waits {
            self.waiting.remove(number);
        }
    }

    /// Promises that wait for units, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = PromiseKey> {
        self.waiting.iter().map(|(number, ())| promise_of(number))
    }

    /// The promise that has waited longest.
    #[must_use]
    pub fn first_waiting(&self) -> Option<PromiseKey> {
        self.waiting.first().map(|(number, ())| promise_of(number))
    }

    /// Held and allocated promises, newest first.
    pub fn newest_promises(&self) -> impl Iterator<Item = PromiseKey> {
        self.promises.iter().map(|(number, ())| promise_of(!number))
    }

    #[must_use]
    pub fn batch(&self, name: NameId) -> Option<&Batch> {
        self.batches.iter().find(|batch| batch.name == name)
    }

    pub(crate) fn batch_mut(&mut self, name: NameId) -> Option<&mut Batch> {
        self.batches.iter_mut().find(|batch| batch.name == name)
    }

    /// Adds a batch in its place.
    pub(crate) fn open_batch(&mut self, batch: Batch) {
        let place = self.batches.partition_point(|other| {
            (other.expires_at, other.name) < (batch.expires_at, batch.name)
        });
        self.batches.insert(place, batch);
    }

    /// What a channel may sell: never from what is on hand.
    #[must_use]
    pub fn sellable(&self, source_channel: u8, now: Millis) -> i64 {
        let buffer = self.buffers.get(&source_channel).copied().unwrap_or(0);
        (self.free(now) - buffer).max(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Schedule(Millis, i64),
        /// One of those that are scheduled, by its place.
        Unschedule(usize),
        Lapse(Millis),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (0..50i64, 1..4i64).prop_map(|(at, units)| Change::Schedule(at, units)),
            any::<usize>().prop_map(Change::Unschedule),
            (0..50i64).prop_map(Change::Lapse),
        ]
    }

    proptest! {
        /// At any instant, before or behind what was remembered.
        #[test]
        fn what_is_due_is_the_sum_of_what_lapsed(changes in prop::collection::vec(change(), 0..80)) {
            let mut pool = Pool::new(1, 2, Arc::default());
            let mut scheduled: Vec<(DeadlineKey, i64)> = Vec::new();
            for (order, change) in (0..).zip(changes) {
                match change {
                    Change::Schedule(at, units) => {
                        pool.schedule((at, order, 0), units);
                        scheduled.push(((at, order, 0), units));
                    }
                    Change::Unschedule(place) if !scheduled.is_empty() => {
                        let (key, units) = scheduled.swap_remove(place % scheduled.len());
                        pool.unschedule(key, units);
                    }
                    Change::Unschedule(_) => {}
                    Change::Lapse(now) => pool.lapse(now),
                }
                for now in 0..50 {
                    let due = scheduled.iter().filter(|(key, _)| key.0 <= now);
                    prop_assert_eq!(pool.due(now), due.map(|(_, units)| units).sum::<i64>());
                }
            }
        }
    }
}
