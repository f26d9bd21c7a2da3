//! What must hold of what threads share, in whatever order their steps come.
//!
//! `cargo test -p holdfast-engine --features shuttle --lib models`: each model is a few threads
//! that run the product's own lines on Shuttle's locks (`sync`), again and again, each time in
//! another order. Half of the runs draw the next step at random; the others (PCT) let one thread
//! go on and change that a few times, which finds what needs a thread to stay behind for long.
//! A failure prints the schedule that `shuttle::replay` runs again.

mod ahead;
mod shares;
mod writer;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// Runs of each model with either scheduler.
const RUNS: usize = 2_000;
/// Changes of the thread that goes on, in a run of PCT.
const CHANGES: usize = 3;

fn check(model: impl Fn() + Send + Sync + Clone + 'static) {
    let random = RandomScheduler::new(RUNS);
    Runner::new(random, Config::default()).run(model.clone());
    let pct = PctScheduler::new(CHANGES, RUNS);
    Runner::new(pct, Config::default()).run(model);
}
