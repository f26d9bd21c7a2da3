//! Looks for planted mistakes: a simulator that finds none shows nothing.

use std::time::{Duration, Instant};

use holdfast_engine::planted::{Mistake, plant};

use crate::shrink::run_seed;

/// A mistake that was found.
#[derive(Debug, Clone)]
pub struct Caught {
    pub seed: u64,
    /// Steps over all seeds until it was found.
    pub steps: u64,
    pub seconds: f64,
    pub wrong: String,
}

/// Runs seed after seed with a mistake switched on, until it is found or the
/// time is over.
#[must_use]
pub fn find(mistake: Mistake, steps_each: u64, seconds: u64) -> Option<Caught> {
    let began = Instant::now();
    let mut steps = 0;
    plant(Some(mistake));
    let mut caught = None;
    for seed in 1.. {
        match run_seed(seed, steps_each, None) {
            Ok(finished) => steps += finished.tally.steps,
            Err(found) => {
                caught = Some(Caught {
                    seed,
                    steps: steps + found.step,
                    seconds: began.elapsed().as_secs_f64(),
                    wrong: found.wrong.0,
                });
                break;
            }
        }
        if began.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    plant(None);
    caught
}
