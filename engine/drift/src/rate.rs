//! Rate drift: what a request takes at ten times a quiet rate, beside what it takes a minimal hold
//! book there.
//!
//! Any system is slower to wake at a quiet rate, and waits for others' syncs at a high one. So a
//! system is judged by the ratio of its two latencies to the ratio of the book's, and only being
//! slower is a fault. A second book is the control. Windows of the two rates stand in the order
//! ABBA, then BAAB, so that what changes steadily meanwhile hits both alike; in each of the four
//! places the three systems follow one another in an order drawn by chance.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_figures::{quantile, thousands};
use holdfast_race::contender::{Failure, Store, Verb};
use holdfast_race::drive::{self, Feed, Open};
use holdfast_race::workload::{Chance, Profile};

use crate::grouped::GroupedBook;
use crate::judge::Rule;
use crate::report::{Found, Row};
use crate::volume::{Filled, Lab, OPERATIONS, Opening, Pace, QUANTILES, Series};

/// Orders that are open meanwhile.
const OPEN: u64 = 1_000;
/// How many times the quiet rate.
const TIMES: u64 = 10;
const WINDOW: Duration = Duration::from_secs(2);
/// So many orders at once find a lane at once.
const LANES: usize = 64;
/// Places of a block that have the high rate.
const ABBA: [bool; 4] = [false, true, true, false];

/// A system with lanes, and the next order for it.
struct Paced<S: Store> {
    filled: Filled<S>,
    lanes: Vec<S::Lane>,
    next: u64,
}

/// Seconds by operation, sorted.
type Waits = [Vec<f64>; OPERATIONS.len()];

impl<S: Store> Paced<S> {
    fn open(lab: Lab<'_>, open: Opening<'_, S>) -> Result<Self, Failure> {
        let mut filled = Filled::open(lab, open, OPEN)?;
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            lanes.push(lab.ground.run(filled.store().lane())?);
        }
        Ok(Self {
            filled,
            lanes,
            next: 0,
        })
    }

    /// Sends a window's orders when they are due.
    fn window(&mut self, lab: Lab<'_>, rate: u64, pace: &mut Pace) -> Result<Waits, Failure> {
        let orders = (rate as f64 * WINDOW.as_secs_f64()).ceil() as u64;
        let feed = Arc::new(Feed {
            workload: Arc::clone(lab.workload),
            profile: Profile::Probe,
            next: AtomicU64::new(self.next),
            end: u64::MAX,
            until: Instant::now() + WINDOW,
        });
        let lanes = std::mem::take(&mut self.lanes);
        let every = Duration::from_secs(1).div_f64(rate as f64);
        let paced = drive::open(lanes, orders, every, Arc::clone(&feed));
        let (lanes, run) = lab.ground.run(paced)?;
        self.lanes = lanes;
        self.next = feed.next.load(Ordering::Relaxed);
        if run.tally.closed != orders {
            let closed = run.tally.closed;
            return Err(format!("of {orders} orders {closed} were closed again").into());
        }
        pace.window(run.lags.iter().map(|lag| *lag as f64 / 1e9).collect());
        Ok(waits(&run))
    }
}

fn waits(run: &Open) -> Waits {
    [Verb::Place, Verb::Pay, Verb::Release].map(|verb| {
        let mut waits: Vec<f64> = run.waits[verb as usize]
            .iter()
            .map(|wait| *wait as f64 / 1e9)
            .collect();
        waits.sort_unstable_by(f64::total_cmp);
        waits
    })
}

/// Two windows of each rate, quiet ones first.
type Block = [Vec<Waits>; 2];

/// How many times as long a quantile is at the high rate: of two windows each, their means.
fn growth(block: &Block, operation: usize, share: f64) -> f64 {
    let at = |windows: &[Waits]| {
        let each = windows
            .iter()
            .map(|waits| quantile(&waits[operation], share).unwrap_or(f64::NAN).ln());
        each.sum::<f64>() / windows.len() as f64
    };
    (at(&block[1]) - at(&block[0])).exp()
}

/// # Errors
/// A system could not be started, broke, or did not close its orders again.
pub fn measure<S: Store>(
    lab: Lab<'_>,
    name: &str,
    open: Opening<'_, S>,
    rate: u64,
) -> Result<Vec<Row>, Failure> {
    let book = |folder: &Path| lab.ground.run(GroupedBook::open(folder, crate::HOLD));
    let mut system = Paced::open(lab, open)?;
    let mut books = [Paced::open(lab, &book)?, Paced::open(lab, &book)?];
    let (mut series, mut pace) = (Series::default(), Pace::default());
    let (began, mut block) = (Instant::now(), 0);
    loop {
        let mut chance = Chance::of(lab.seed, block);
        let mut found: [Block; 3] = Default::default();
        for is_high in ABBA {
            let is_high = is_high != (block % 2 == 1);
            let rate = if is_high { rate * TIMES } else { rate };
            let mut turn = [0, 1, 2];
            for place in (1..turn.len()).rev() {
                turn.swap(place, chance.index(place + 1));
            }
            for which in turn {
                let waits = match which {
                    0 => system.window(lab, rate, &mut pace)?,
                    book => books[book - 1].window(lab, rate, &mut pace)?,
                };
                found[which][usize::from(is_high)].push(waits);
            }
        }
        series.begin_round();
        for operation in 0..OPERATIONS.len() {
            for (place, (share, _)) in QUANTILES.iter().enumerate() {
                let [ours, book, control] =
                    [0, 1, 2].map(|which| growth(&found[which], operation, *share));
                series.add(operation, place, ours / book, control / book);
            }
        }
        block += 1;
        if series.is_narrow() || began.elapsed() >= lab.budget {
            break;
        }
    }
    system.filled.check(lab)?;
    let (quiet, high) = (thousands(rate as f64), thousands((rate * TIMES) as f64));
    let found = Found {
        what: "rate",
        system: name,
        beside: format!("{high} orders/s, to {quiet}, beside a hold book"),
        n: rate * TIMES,
        seconds: began.elapsed().as_secs_f64(),
        kept_pace: pace.was_kept(),
    };
    let rule = |rule| match rule {
        Rule::Within => Rule::NotSlower,
        other => other,
    };
    Ok(series.rows(&found, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_of_the_means_of_two_windows() {
        let waits = |seconds: f64| [vec![seconds], vec![seconds * 2.0], vec![seconds]];
        let block = [
            vec![waits(1e-4), waits(4e-4)],
            vec![waits(3e-4), waits(12e-4)],
        ];
        assert!((growth(&block, 0, 0.5) - 3.0).abs() < 1e-9);
        assert!((growth(&block, 1, 0.99) - 3.0).abs() < 1e-9);
    }
}
