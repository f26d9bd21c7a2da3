//! Looks for planted mistakes: a simulator that finds none shows nothing.

use std::time::{Duration, Instant};

use holdfast_engine::planted::{Mistake, plant};

use crate::draw::Drawer;
use crate::shrink::{run_seed, shrink};
use crate::story::Story;

/// Runs that shortening a story may take.
const SHRINK_ATTEMPTS: u32 = 4_000;

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

/// The shortest story that shows a mistake, as JSON; without the mistake it is a
/// test of what the mistake breaks.
///
/// # Panics
/// If a story is no plain data, which cannot be.
#[must_use]
pub fn story(mistake: Mistake, steps_each: u64, caught: &Caught) -> String {
    let (_, world) = Drawer::new(caught.seed, steps_each);
    let mut steps = Vec::new();
    plant(Some(mistake));
    // It fails as it did before; what is wanted are its steps.
    let _ = run_seed(caught.seed, steps_each, Some(&mut steps));
    let found = Story {
        found: caught.wrong.clone(),
        planted: Some(mistake.name().to_owned()),
        seed: caught.seed,
        world,
        steps,
    };
    let found = shrink(found, SHRINK_ATTEMPTS);
    plant(None);
    serde_json::to_string(&found).expect("stories are plain data")
}
