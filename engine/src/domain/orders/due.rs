//! The due queue: everything that happens by itself, by time.

use super::OrderId;
use crate::domain::radix::{RadixSet, from_time, to_time};
use crate::domain::time::Millis;

/// What falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueKind {
    /// A hold ends.
    HoldEnds,
    /// A parcel turns yellow.
    TurnsYellow,
    /// A parcel turns red.
    TurnsRed,
    /// The after-sales window of a signed parcel closes.
    Completes,
}

/// When, which order, and the index of its hold or parcel.
pub type Due = (Millis, OrderId, u16, DueKind);

/// Deadlines in order. Equal instants go by age of the order, so that two runs
/// of the same commands let the same things fall due in the same order.
#[derive(Debug, Default)]
pub struct DueQueue {
    queue: RadixSet<u128>,
}

/// From high to low: 64 bits of the instant, 32 of the order, 16 of the place, 16 of the kind.
fn key_of((at, order, place, kind): Due) -> u128 {
    let behind = u64::from(order) << 32 | u64::from(place) << 16 | kind as u64;
    u128::from(from_time(at)) << 64 | u128::from(behind)
}

fn due_of(key: u128) -> Due {
    let kind = match key as u16 {
        0 => DueKind::HoldEnds,
        1 => DueKind::TurnsYellow,
        2 => DueKind::TurnsRed,
        _ => DueKind::Completes,
    };
    let at = to_time((key >> 64) as u64);
    (at, (key >> 32) as OrderId, (key >> 16) as u16, kind)
}

impl DueQueue {
    pub(crate) fn add(&mut self, due: Due) {
        let before = self.queue.insert(key_of(due), ());
        debug_assert!(before.is_none(), "{due:?} was scheduled twice");
    }

    pub(crate) fn remove(&mut self, due: Due) {
        let found = self.queue.remove(key_of(due));
        debug_assert!(found.is_some(), "{due:?} was not scheduled");
    }

    #[must_use]
    pub fn first(&self) -> Option<Due> {
        self.queue.first().map(|(key, ())| due_of(key))
    }

    /// How many have passed by `now`. Stops counting at `limit`.
    #[must_use]
    pub fn passed(&self, now: Millis, limit: usize) -> usize {
        let passed = |(key, ()): &(u128, ())| due_of(*key).0 <= now;
        self.queue.iter().take_while(passed).take(limit).count()
    }

    /// Hold deadlines in order, from one on.
    pub fn holds_from(&self, from: Due) -> impl Iterator<Item = Due> {
        let due = self.queue.from(key_of(from));
        due.map(|(key, ())| due_of(key))
            .filter(|due| due.3 == DueKind::HoldEnds)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
