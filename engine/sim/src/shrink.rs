//! Makes a failing story short: whatever can be left out is left out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::draw::Drawer;
use crate::model::Wrong;
use crate::run::{Going, Runner, Tally};
use crate::story::{Step, Story, World};

/// A run that came to its end.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    pub tally: Tally,
    pub trace: u64,
}

/// A run that found something.
#[derive(Debug, Clone)]
pub struct Found {
    pub step: u64,
    pub wrong: Wrong,
}

/// Runs a seed to its end; `recorded` gets every step, if it is wanted.
///
/// # Errors
/// [`Found`] at the first difference, or where the product panicked.
pub fn run_seed(
    seed: u64,
    steps: u64,
    mut recorded: Option<&mut Vec<Step>>,
) -> Result<Finished, Found> {
    let (mut drawer, world) = Drawer::new(seed, steps);
    let mut runner = start(world)?;
    loop {
        let Some(step) = drawer.next(&mut runner) else {
            return Ok(finished(&runner));
        };
        let going = guarded(&mut runner, &step);
        if let Some(recorded) = &mut recorded {
            recorded.push(step);
        }
        match going {
            Ok(Going::On) => {}
            Ok(Going::Refused) => return Ok(finished(&runner)),
            Err(wrong) => {
                let step = runner.tally.steps;
                return Err(Found { step, wrong });
            }
        }
    }
}

/// Runs a list of steps in a world.
///
/// # Errors
/// As [`run_seed`].
pub fn run_steps(world: World, steps: &[Step]) -> Result<Finished, Found> {
    let mut runner = start(world)?;
    for step in steps {
        match guarded(&mut runner, step) {
            Ok(Going::On) => runner.replies.clear(),
            Ok(Going::Refused) => break,
            Err(wrong) => {
                let step = runner.tally.steps;
                return Err(Found { step, wrong });
            }
        }
    }
    Ok(finished(&runner))
}

fn start(world: World) -> Result<Runner, Found> {
    Runner::new(world).map_err(|wrong| Found { step: 0, wrong })
}

fn finished(runner: &Runner) -> Finished {
    Finished {
        tally: runner.tally,
        trace: runner.trace(),
    }
}

/// One step; a panic of the product is a finding like any other.
fn guarded(runner: &mut Runner, step: &Step) -> Result<Going, Wrong> {
    catch_unwind(AssertUnwindSafe(|| runner.step(step))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without words");
        Err(Wrong::new(format!("panicked: {text}")))
    })
}

/// Shortens a story: leaves out ever smaller parts for as long as it still
/// fails in the same way. `attempts` bounds the runs that this may take.
#[must_use]
pub fn shrink(mut story: Story, attempts: u32) -> Story {
    let mut left = attempts;
    let world = story.world;
    let looked_for = kind_of(&story.found).to_owned();
    let fails = |steps: &[Step]| {
        let found = run_steps(world, steps).err()?.wrong.0;
        (kind_of(&found) == looked_for).then_some(found)
    };
    let mut steps = std::mem::take(&mut story.steps);
    let mut part = steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < steps.len() && left > 0 {
            left -= 1;
            let end = (at + part).min(steps.len());
            let rest = [&steps[..at], &steps[end..]].concat();
            match fails(&rest) {
                Some(found) => {
                    story.found = found;
                    steps = rest;
                    shorter = true;
                }
                None => at = end,
            }
        }
        if left == 0 || part == 1 && !shorter {
            break;
        }
        part = part.div_ceil(2).max(1);
    }
    story.steps = steps;
    story
}

/// What a finding says before its first number or value: leaving out steps must
/// not lead from one mistake to another.
fn kind_of(found: &str) -> &str {
    let end = found.find(|letter: char| letter.is_ascii_digit() || "[({".contains(letter));
    &found[..end.unwrap_or(found.len())]
}
