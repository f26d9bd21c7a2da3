//! Shares: a merchant beside others never has more than its part, and gives all of it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::check;
use crate::engine::shares::{ROOM, Shares};
use crate::sync::thread;

/// Threads of one greedy merchant.
const THREADS: usize = 3;
const GREEDY: u32 = 1;
const QUIET: u32 = 2;
/// So many commands that four calls make a share of two merchants.
const COMMANDS: usize = ROOM as usize / 8;

#[test]
fn threads_of_a_merchant_together_never_have_more_than_its_share() {
    check(|| {
        let shares = Arc::new(Shares::default());
        drop(shares.take(QUIET, 1, 5_000));
        // Of std: what is asserted is not what is scheduled.
        let taken = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (shares, taken) = (Arc::clone(&shares), Arc::clone(&taken));
                thread::spawn(move || {
                    let mut parts = Vec::new();
                    while let Ok(part) = shares.take(GREEDY, COMMANDS, 5_000) {
                        let now = taken.fetch_add(COMMANDS as u32, Ordering::SeqCst);
                        assert!(now + COMMANDS as u32 <= ROOM / 2, "{now} and more");
                        parts.push(part);
                    }
                    taken.fetch_sub((parts.len() * COMMANDS) as u32, Ordering::SeqCst);
                    drop(parts);
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let mut parts = Vec::new();
        while let Ok(part) = shares.take(GREEDY, COMMANDS, 5_000) {
            parts.push(part);
        }
        assert_eq!(
            parts.len() * COMMANDS,
            ROOM as usize / 2,
            "all was given back"
        );
    });
}

/// A call that read the clock before a second ended may come after one that read it later.
#[test]
fn a_call_that_comes_late_makes_nobody_forget_who_is_there() {
    check(|| {
        let shares = Arc::new(Shares::default());
        drop(shares.take(QUIET, 1, 5_500));
        let threads = [(GREEDY, 5_999), (QUIET, 6_000)].map(|(merchant, now_ms)| {
            let shares = Arc::clone(&shares);
            thread::spawn(move || drop(shares.take(merchant, 1, now_ms)))
        });
        for thread in threads {
            thread.join().expect("no panic");
        }
        let whole = shares.take(GREEDY, ROOM as usize / 2, 6_001);
        let more = shares.take(GREEDY, 1, 6_001);
        assert!(
            whole.is_ok() && more.is_err(),
            "the quiet one is still there"
        );
    });
}
