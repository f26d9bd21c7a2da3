//! One pool: counters, batches, the deadlines of its held units, its promises.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::counters::Counters;
use crate::domain::names::NameId;
use crate::domain::time::Millis;
use crate::domain::words::Bucket;
use serde::{Deserialize, Serialize};

/// A hold as the pool knows it: deadline, order, index of the hold.
pub type DeadlineKey = (Millis, u32, u16);
/// A promise as the pool knows it: order, index of the promise. Orders are
/// numbered by birth, so the last key is the newest promise.
pub type PromiseKey = (u32, u16);

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
    pub waiting: BTreeSet<PromiseKey>,
    /// Held and allocated promises, oldest first.
    pub promises: BTreeSet<PromiseKey>,
    /// Held units by deadline.
    deadlines: BTreeMap<DeadlineKey, i64>,
    /// Held units whose deadline is at or before `lapsed_upto`: they are free,
    /// although their release is not written yet (H8).
    lapsed: i64,
    lapsed_upto: Millis,
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
            waiting: BTreeSet::new(),
            promises: BTreeSet::new(),
            deadlines: BTreeMap::new(),
            lapsed: 0,
            lapsed_upto: Millis::MIN,
        }
    }

    /// Held units that are free at `now` although nobody wrote it yet.
    #[must_use]
    pub fn due(&self, now: Millis) -> i64 {
        if now <= self.lapsed_upto {
            return self
                .deadlines
                .range(..=(now, u32::MAX, u16::MAX))
                .map(|(_, units)| units)
                .sum();
        }
        let later = (
            Bound::Excluded((self.lapsed_upto, u32::MAX, u16::MAX)),
            Bound::Included((now, u32::MAX, u16::MAX)),
        );
        self.lapsed
            + self
                .deadlines
                .range(later)
                .map(|(_, units)| units)
                .sum::<i64>()
    }

    /// Remembers what lapsed until `now`, so that the next look is short.
    pub(crate) fn lapse(&mut self, now: Millis) {
        if now > self.lapsed_upto {
            self.lapsed = self.due(now);
            self.lapsed_upto = now;
        }
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
        self.deadlines
            .keys()
            .next()
            .copied()
            .filter(|(deadline, _, _)| *deadline <= now)
    }

    /// The live hold whose units come free first, for a refusal's facts.
    #[must_use]
    pub fn next_to_end(&self, now: Millis) -> Option<DeadlineKey> {
        self.deadlines
            .range((Bound::Excluded((now, u32::MAX, u16::MAX)), Bound::Unbounded))
            .next()
            .map(|(key, _)| *key)
    }

    pub(crate) fn schedule(&mut self, key: DeadlineKey, units: i64) {
        if units != 0 {
            *self.deadlines.entry(key).or_default() += units;
            if key.0 <= self.lapsed_upto {
                self.lapsed += units;
            }
        }
    }

    pub(crate) fn unschedule(&mut self, key: DeadlineKey, units: i64) {
        if units == 0 {
            return;
        }
        let left = self
            .deadlines
            .get_mut(&key)
            .expect("scheduled units stay until they are unscheduled");
        *left -= units;
        debug_assert!(*left >= 0, "unscheduled more than was scheduled");
        if *left == 0 {
            self.deadlines.remove(&key);
        }
        if key.0 <= self.lapsed_upto {
            self.lapsed -= units;
        }
    }

    /// Held units by the pool's own schedule, for the audit.
    #[must_use]
    pub fn scheduled(&self) -> i64 {
        self.deadlines.values().sum()
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
