//! The buckets of one pool as atomics: written under the engine's lock, read by
//! any thread without it.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::words::Bucket;

/// Number of counters: the nine on hand, and what is in transit.
const COUNTERS: usize = Bucket::InTransit.number() as usize;

/// A movement would take more units than a bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Underflow {
    pub bucket: Bucket,
    pub has: i64,
    pub asked: i64,
}

/// Units per bucket. No counter ever goes below zero, whoever calls.
///
/// Orderings: a taker uses compare-and-swap on the one counter it takes from,
/// so a unit cannot be taken twice whatever the ordering; no reader derives a
/// fact from two counters at once (exact reads go through the lock), therefore
/// relaxed is enough.
#[derive(Debug, Default)]
pub struct Counters {
    units: [AtomicI64; COUNTERS],
}

impl Counters {
    /// Units in a bucket; outside parties have no counter and answer 0.
    #[must_use]
    pub fn get(&self, bucket: Bucket) -> i64 {
        self.slot(bucket)
            .map_or(0, |slot| slot.load(Ordering::Relaxed))
    }

    /// Sum of the nine buckets on hand.
    #[must_use]
    pub fn on_hand(&self) -> i64 {
        Bucket::ALL
            .iter()
            .filter(|bucket| bucket.is_on_hand())
            .map(|bucket| self.get(*bucket))
            .sum()
    }

    /// Moves units; nothing changes if the source has too few.
    ///
    /// # Errors
    /// [`Underflow`] with what the source bucket has.
    pub fn shift(&self, from: Bucket, to: Bucket, quantity: i64) -> Result<(), Underflow> {
        debug_assert!(quantity > 0, "a movement moves at least one unit");
        if let Some(slot) = self.slot(from) {
            slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |has| {
                (has >= quantity).then(|| has - quantity)
            })
            .map_err(|has| Underflow {
                bucket: from,
                has,
                asked: quantity,
            })?;
        }
        if let Some(slot) = self.slot(to) {
            slot.fetch_add(quantity, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Every counter, in the order of the buckets.
    #[must_use]
    pub fn all(&self) -> Vec<i64> {
        let units = self.units.iter();
        units.map(|units| units.load(Ordering::Relaxed)).collect()
    }

    /// Puts back what [`Counters::all`] gave.
    pub(crate) fn restore(&self, all: &[i64]) {
        for (slot, units) in self.units.iter().zip(all) {
            slot.store(*units, Ordering::Relaxed);
        }
    }

    fn slot(&self, bucket: Bucket) -> Option<&AtomicI64> {
        self.units.get(usize::from(bucket.number()) - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Check 1, in the counters: 64 threads, one unit, 10,000 rounds. Whoever
    /// takes the unit is alone with it, and begins the next round.
    #[test]
    fn sixty_four_threads_take_one_unit_once() {
        const ROUNDS: usize = 10_000;
        let counters = Counters::default();
        let (won, holders) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let next_round = || {
            counters
                .shift(Bucket::Supplier, Bucket::Available, 1)
                .expect("suppliers have no end");
        };
        next_round();
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    while won.load(Ordering::Relaxed) < ROUNDS {
                        if counters.shift(Bucket::Available, Bucket::Held, 1).is_err() {
                            std::hint::spin_loop();
                            continue;
                        }
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        holders.fetch_sub(1, Ordering::SeqCst);
                        if won.fetch_add(1, Ordering::Relaxed) + 1 < ROUNDS {
                            next_round();
                        }
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), ROUNDS);
        assert_eq!(counters.get(Bucket::Held), 10_000);
        assert_eq!(counters.get(Bucket::Available), 0);
    }

    #[test]
    fn a_refused_movement_changes_nothing() {
        let counters = Counters::default();
        counters
            .shift(Bucket::Supplier, Bucket::Available, 3)
            .expect("received");
        let refused = counters.shift(Bucket::Available, Bucket::Held, 4);
        assert_eq!(
            refused,
            Err(Underflow {
                bucket: Bucket::Available,
                has: 3,
                asked: 4
            })
        );
        assert_eq!(counters.get(Bucket::Available), 3);
        assert_eq!(counters.get(Bucket::Held), 0);
    }
}
