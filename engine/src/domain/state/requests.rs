//! Requests that were answered, so that a repeated one gets its first answer.
//!
//! Those about orders are let go by a *floor*: requests of records up to it are not
//! remembered, wherever they still stand. It rises with records that let orders go, which
//! say it, so that it is the same live and on replay. What is below it is swept out a few
//! places at a time; how far that has come decides nothing.
//!
//! An order is never forgotten, so that a request about one that comes again after all
//! finds what it did. Nothing would tell of stock that it came before: such requests stay.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use crate::domain::table::{Sweep, Table};
use crate::domain::time::{HOUR, Millis};
use crate::planted::planted;

/// Marks are so far apart: requests are let go at most so much later than they may.
const MARK_EVERY: Millis = HOUR;

/// A request that was answered: its key, a fingerprint of its payload, the record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Answered {
    pub key: u128,
    pub fingerprint: u64,
    pub seq: u64,
}

impl Floor {
    fn remembers(&self, seq: u64) -> bool {
        seq > self.forgotten_upto || self.kept.binary_search(&seq).is_ok()
    }
}

/// All requests that are remembered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    index: Table<Answered>,
    /// Refusals are forgotten after the policy's time, oldest first.
    pub refusals: VecDeque<(Millis, u128)>,
    pub floor: Floor,
    sweep: Sweep,
    /// The floor of the sweep that is under way, and of the last one that ended.
    sweeping: u64,
    swept: u64,
    hasher: FixedState,
}

/// Up to where requests are forgotten, and what it will be.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Floor {
    /// Requests that stay are told apart. In journals of before, they are from the first
    /// start of a version that does.
    pub sorts: bool,
    /// Requests of records up to this one are not remembered, unless they stay.
    pub forgotten_upto: u64,
    /// Records of requests that stay, oldest first.
    pub kept: Vec<u64>,
    /// Instants and the last record at each, oldest first.
    pub marks: VecDeque<(Millis, u64)>,
}

impl Requests {
    pub fn find(&self, key: u128) -> Option<Answered> {
        self.index
            .find(self.hash(key), |answered| {
                answered.key == key && self.is_remembered(answered)
            })
            .copied()
    }

    pub fn add(&mut self, answered: Answered) {
        let hash = self.hash(answered.key);
        let Self { index, hasher, .. } = self;
        index.insert_unique(hash, answered, |answered| hasher.hash_one(answered.key));
    }

    pub fn reserve(&mut self, additional: usize) {
        let Self { index, hasher, .. } = self;
        index.reserve(additional, |answered| hasher.hash_one(answered.key));
    }

    /// Remembers the request of a record for ever.
    pub fn keep(&mut self, seq: u64) {
        if self.floor.sorts && !planted!(ForgetStockRequests) {
            self.floor.kept.push(seq);
        }
    }

    /// Forgets the refusals whose time is over.
    pub fn forget_refusals(&mut self, now: Millis) {
        while let Some((until, key)) = self.refusals.front().copied()
            && (until <= now || planted!(ForgetRefusals))
        {
            self.refusals.pop_front();
            let (hash, floor) = (self.hash(key), &self.floor);
            self.index.remove(hash, |answered| {
                answered.key == key && floor.remembers(answered.seq)
            });
        }
    }

    /// Every request that is remembered, in no order.
    pub fn remembered(&self) -> impl Iterator<Item = Answered> {
        let all = self.index.iter().copied();
        all.filter(|answered| self.is_remembered(answered))
    }

    /// How many stand in memory, those included that are yet to be swept out.
    pub fn in_memory(&self) -> usize {
        self.index.len()
    }

    /// The floor where records up to `until` are old. Refusals have a time of their own:
    /// it stays below the first that is remembered.
    pub fn floor_at(&self, until: Millis) -> u64 {
        let marks = &self.floor.marks;
        let old = marks.partition_point(|(at, _)| *at <= until);
        let old = old.checked_sub(1).map_or(0, |last| marks[last].1);
        let refused = self.refusals.front().and_then(|(_, key)| self.find(*key));
        let below = refused.map_or(u64::MAX, |refused| refused.seq - 1);
        old.min(below).max(self.floor.forgotten_upto)
    }

    /// Raises the floor as the record `seq` of `at` says, and sweeps some places.
    pub fn raise_floor(&mut self, upto: u64, at: Millis, seq: u64, places: usize) {
        let Floor {
            forgotten_upto,
            marks,
            ..
        } = &mut self.floor;
        *forgotten_upto = upto.max(*forgotten_upto);
        while marks
            .front()
            .is_some_and(|(_, seq)| *seq <= *forgotten_upto)
        {
            marks.pop_front();
        }
        if marks
            .back()
            .is_none_or(|(last, _)| *last + MARK_EVERY <= at)
        {
            marks.push_back((at, seq));
        }
        self.sweep(places);
    }

    fn sweep(&mut self, places: usize) {
        if self.sweep == Sweep::default() {
            self.sweeping = self.floor.forgotten_upto;
        }
        if self.sweeping == self.swept {
            return;
        }
        let Self { index, floor, .. } = self;
        if index.sweep(&mut self.sweep, places, |answered| {
            !floor.remembers(answered.seq)
        }) {
            self.swept = self.sweeping;
        }
    }

    fn is_remembered(&self, answered: &Answered) -> bool {
        self.floor.remembers(answered.seq) || planted!(RememberUnswept)
    }

    fn hash(&self, key: u128) -> u64 {
        self.hasher.hash_one(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u64) -> Requests {
        let mut requests = Requests::default();
        for seq in 1..=count {
            requests.add(Answered {
                key: u128::from(seq) << 64,
                fingerprint: seq,
                seq,
            });
        }
        requests
    }

    #[test]
    fn what_is_below_the_floor_is_gone_at_once_and_leaves_memory_by_and_by() {
        let mut requests = filled(10_000);
        requests.raise_floor(6_000, 0, 10_001, 100);
        assert_eq!(requests.remembered().count(), 4_000);
        assert!(requests.find(6_000 << 64).is_none());
        assert!(requests.find(6_001 << 64).is_some());
        assert!(requests.in_memory() > 9_000);
        // What is asked again while its old key is still there is remembered anew.
        requests.add(Answered {
            key: 5_999 << 64,
            fingerprint: 7,
            seq: 10_002,
        });
        let found = requests.find(5_999 << 64).expect("it is new");
        assert_eq!((found.fingerprint, found.seq), (7, 10_002));
        let mut sweeps = 0;
        while requests.in_memory() > 4_001 {
            requests.raise_floor(6_000, 0, 10_003, 100);
            sweeps += 1;
        }
        assert!(sweeps > 50, "{sweeps}");
        assert_eq!(requests.remembered().count(), 4_001);
        assert_eq!(
            requests.find(5_999 << 64).map(|found| found.seq),
            Some(10_002)
        );
    }

    #[test]
    fn what_is_kept_stays_below_the_floor() {
        let mut requests = filled(100);
        requests.keep(3);
        requests.floor.sorts = true;
        requests.keep(40);
        requests.raise_floor(50, 0, 101, 10_000);
        assert_eq!(requests.in_memory(), 51);
        assert!(requests.find(3 << 64).is_none());
        assert!(requests.find(40 << 64).is_some());
        assert!(requests.find(41 << 64).is_none());
    }

    #[test]
    fn the_floor_follows_the_marks_and_stays_below_refusals() {
        let mut requests = filled(10);
        requests.raise_floor(0, 1_000, 4, 1);
        requests.raise_floor(0, 1_000 + MARK_EVERY - 1, 6, 1);
        requests.raise_floor(0, 1_000 + MARK_EVERY, 8, 1);
        assert_eq!(requests.floor_at(999), 0);
        assert_eq!(requests.floor_at(1_000), 4);
        assert_eq!(requests.floor_at(999 + MARK_EVERY), 4);
        assert_eq!(requests.floor_at(1_000 + MARK_EVERY), 8);
        requests.refusals.push_back((i64::MAX, 7 << 64));
        assert_eq!(requests.floor_at(1_000 + MARK_EVERY), 6);
        requests.raise_floor(6, 5 * MARK_EVERY, 9, 1);
        assert_eq!(requests.floor_at(0), 6);
    }
}
