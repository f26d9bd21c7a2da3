//! The due queue: everything that happens by itself, by time.

use std::collections::BTreeSet;

use super::OrderId;
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
    queue: BTreeSet<Due>,
}

impl DueQueue {
    pub(crate) fn add(&mut self, due: Due) {
        let fresh = self.queue.insert(due);
        debug_assert!(fresh, "{due:?} was scheduled twice");
    }

    pub(crate) fn remove(&mut self, due: &Due) {
        let found = self.queue.remove(due);
        debug_assert!(found, "{due:?} was not scheduled");
    }

    #[must_use]
    pub fn first(&self) -> Option<&Due> {
        self.queue.first()
    }

    /// How many have passed by `now`. Stops counting at `limit`.
    #[must_use]
    pub fn passed(&self, now: Millis, limit: usize) -> usize {
        self.queue
            .iter()
            .take_while(|due| due.0 <= now)
            .take(limit)
            .count()
    }

    /// Hold deadlines in order, from one on.
    pub fn holds_from(&self, from: Due) -> impl Iterator<Item = &Due> {
        self.queue
            .range(from..)
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
