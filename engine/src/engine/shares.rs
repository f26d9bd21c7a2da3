//! Fair shares: what each merchant has under way, and who has too much of it.
//!
//! One merchant alone may use everything. As soon as others call too, each may have an
//! equal part of [`ROOM`] under way, and what comes beyond is refused to that merchant
//! alone: the commit group that the others wait for stays short. Only numbers are kept, and
//! nothing here waits but for the one lock that a merchant takes once a second.

use std::sync::Arc;

use crate::domain::refusal::{Refusal, RefusalCode};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Commands under way, of all merchants, beyond which shares count.
pub(crate) const ROOM: u32 = 2_048;
/// A merchant who called in this or the last of such spans is there, in milliseconds.
const SPAN_MS: i64 = 1_000;
/// Merchants whose numbers, modulo this, are equal share a share.
const SLOTS: usize = if cfg!(feature = "shuttle") { 4 } else { 4_096 };

/// What every merchant has under way.
#[derive(Debug)]
pub(crate) struct Shares {
    slots: Box<[Slot]>,
    presence: Mutex<Presence>,
    /// Of `presence`, to be read without it.
    span: AtomicU64,
    merchants: AtomicU32,
}

/// Who is there. It changes once a span for each merchant.
#[derive(Debug, Default)]
struct Presence {
    span: u64,
    /// Merchants that called in this span, and those that did so only in the last.
    present: u32,
    past: u32,
}

#[derive(Debug, Default)]
struct Slot {
    under_way: Arc<AtomicU32>,
    /// The last span in which the merchant called.
    span: AtomicU64,
}

/// Commands that are under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    under_way: Arc<AtomicU32>,
    commands: u32,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.under_way.fetch_sub(self.commands, Ordering::Relaxed);
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            presence: Mutex::default(),
            span: AtomicU64::new(0),
            merchants: AtomicU32::new(0),
        }
    }
}

// Relaxed but for a slot's span: the numbers guard nothing but themselves.
impl Shares {
    /// Takes a part for commands of a merchant, if it has less than its share under way.
    /// Many commands that come together may go beyond it once.
    ///
    /// # Errors
    /// `OVERLOADED`, and others are not.
    pub(crate) fn take(
        &self,
        merchant: u32,
        commands: usize,
        now_ms: i64,
    ) -> Result<Part, Refusal> {
        let slot = &self.slots[merchant as usize % SLOTS];
        let share = ROOM / self.merchants(slot, now_ms).max(1);
        let commands = u32::try_from(commands).unwrap_or(u32::MAX / 2);
        let more = |count: u32| {
            let has_room = count < share || share == ROOM;
            has_room.then(|| count.checked_add(commands)).flatten()
        };
        slot.under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|count| {
                Refusal::new(RefusalCode::Overloaded)
                    .fact("what", "the merchant's share of the engine")
                    .fact("count", count)
                    .fact("limit", share)
                    .fact("retry_ms", 50)
            })?;
        Ok(Part {
            under_way: Arc::clone(&slot.under_way),
            commands,
        })
    }

    /// Notes that the slot's merchant is there; gives how many are.
    fn merchants(&self, slot: &Slot, now_ms: i64) -> u32 {
        let own = (now_ms / SPAN_MS).unsigned_abs();
        // Who read the clock before the others counts where they are.
        let span = own.max(self.span.load(Ordering::Relaxed));
        // Acquire: whoever sees that it is noted sees that it is counted.
        if slot.span.load(Ordering::Acquire) != span {
            self.note(slot, own);
        }
        self.merchants.load(Ordering::Relaxed)
    }

    fn note(&self, slot: &Slot, own: u64) {
        let mut presence = self.presence.lock();
        if own > presence.span {
            let adjoining = own == presence.span + 1;
            presence.past = if adjoining { presence.present } else { 0 };
            presence.present = 0;
            presence.span = own;
        }
        let span = presence.span;
        let seen = slot.span.load(Ordering::Relaxed);
        if seen != span {
            presence.present += 1;
        }
        if seen + 1 == span {
            // Counted among the past ones until now.
            presence.past = presence.past.saturating_sub(1);
        }
        let merchants = presence.present + presence.past;
        self.merchants.store(merchants, Ordering::Relaxed);
        self.span.store(span, Ordering::Relaxed);
        slot.span.store(span, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(shares: &Shares, merchant: u32, now_ms: i64) -> Vec<Part> {
        let mut parts = Vec::new();
        while let Ok(part) = shares.take(merchant, 1, now_ms) {
            parts.push(part);
            if parts.len() > 2 * ROOM as usize {
                break;
            }
        }
        parts
    }

    #[test]
    fn a_merchant_alone_has_no_limit() {
        let shares = Shares::default();
        assert!(fill(&shares, 1, 5_000).len() > ROOM as usize);
    }

    #[test]
    fn beside_another_each_has_half_and_only_the_greedy_one_is_refused() {
        let shares = Shares::default();
        let quiet = shares.take(2, 1, 5_000).expect("nothing is under way");
        let parts = fill(&shares, 1, 5_000);
        assert_eq!(parts.len(), ROOM as usize / 2);
        let refusal = shares.take(1, 1, 5_000).expect_err("its share is full");
        assert_eq!(refusal.code(), RefusalCode::Overloaded);
        drop(shares.take(2, 1, 5_000).expect("the other has room"));
        drop(parts);
        drop(shares.take(1, 1, 5_000).expect("answered calls make room"));
        drop(quiet);
    }

    #[test]
    fn who_has_left_takes_no_share() {
        let shares = Shares::default();
        drop(shares.take(2, 1, 5_000));
        assert_eq!(
            fill(&shares, 1, 6_000).len(),
            ROOM as usize / 2,
            "just seen"
        );
        assert!(fill(&shares, 1, 8_000).len() > ROOM as usize);
    }

    #[test]
    fn who_read_the_clock_before_a_second_ended_makes_nobody_forgotten() {
        let shares = Shares::default();
        drop(shares.take(2, 1, 6_000));
        drop(shares.take(1, 1, 5_999));
        assert_eq!(fill(&shares, 1, 6_001).len(), ROOM as usize / 2);
    }

    #[test]
    fn a_batch_counts_by_its_commands() {
        let shares = Shares::default();
        drop(shares.take(2, 1, 5_000));
        let first = shares.take(1, 1_000, 5_000).expect("below the share");
        let second = shares.take(1, 1_000, 5_000).expect("still below");
        assert!(shares.take(1, 1, 5_000).is_err());
        drop((first, second));
    }
}
