//! Notes about calls that somebody may write a line about, in a queue with an end.
//!
//! Calls never wait for it: when it is full, notes are lost and how many is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Notes that may wait: some moments of nothing but refusals.
const CAPACITY: usize = 10_000;
/// Of a request only its beginning is kept, where its identifiers are.
const KEPT: usize = 1_024;

/// What is known of one call afterwards.
#[derive(Debug)]
pub struct Note {
    /// The method's place in the table.
    pub method: usize,
    pub code: u32,
    pub took: Duration,
    /// Reason of a refusal.
    pub reason: String,
    /// The beginning of the request.
    pub request: Vec<u8>,
}

/// The queue, and which calls are worth a note.
#[derive(Debug)]
pub struct Notes {
    refusals: bool,
    one_in: u64,
    answered: AtomicU64,
    lost: AtomicU64,
    waiting: Mutex<VecDeque<Note>>,
}

impl Notes {
    /// Notes each refusal, or none, and one in so many answered calls; 0: none.
    #[must_use]
    pub fn new(refusals: bool, one_in: u64) -> Self {
        Self {
            refusals,
            one_in,
            answered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Whether a call with this code is worth one. INTERNAL always is.
    pub(crate) fn wanted(&self, code: u32) -> bool {
        const INTERNAL: u32 = 13;
        if code != 0 {
            return self.refusals || code == INTERNAL;
        }
        if self.one_in == 0 {
            return false;
        }
        (self.answered.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.one_in)
    }

    pub(crate) fn put(&self, mut note: Note, request: &[u8]) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= CAPACITY {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        note.request = request[..request.len().min(KEPT)].to_vec();
        waiting.push_back(note);
    }

    /// Takes what waits, and how many were lost since the last time.
    #[must_use]
    pub fn take(&self) -> (VecDeque<Note>, u64) {
        let taken = std::mem::take(&mut *self.waiting.lock());
        (taken, self.lost.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(code: u32) -> Note {
        Note {
            method: 0,
            code,
            took: Duration::ZERO,
            reason: String::new(),
            request: Vec::new(),
        }
    }

    #[test]
    fn a_full_queue_loses_notes_and_says_how_many() {
        let notes = Notes::new(true, 0);
        for _ in 0..CAPACITY + 7 {
            notes.put(note(5), &[1; 2 * KEPT]);
        }
        let (taken, lost) = notes.take();
        assert_eq!((taken.len(), lost), (CAPACITY, 7));
        assert_eq!(taken[0].request.len(), KEPT);
        assert_eq!(notes.take().1, 0);
    }

    #[test]
    fn what_is_wanted_is_as_the_operator_says() {
        let none = Notes::new(false, 0);
        assert_eq!(
            [0, 5, 13].map(|code| none.wanted(code)),
            [false, false, true]
        );
        let some = Notes::new(true, 3);
        let wanted: Vec<bool> = (0..6).map(|_| some.wanted(0)).collect();
        assert_eq!(wanted, [false, false, true, false, false, true]);
        assert!(some.wanted(5));
    }
}
