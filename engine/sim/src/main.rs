//! Runs seeds, tells what they found, and shows that planted mistakes are found.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use holdfast_sim::shrink::{Found, run_seed, shrink};
use holdfast_sim::story::{Step, Story};

/// Runs that shortening a story may take.
const SHRINK_ATTEMPTS: u32 = 4_000;

const USAGE: &str = "\
usage: sim [--seed N] [--steps M] [--count SEEDS] [--seconds S] [--twice]
       sim --planted [--only NAME]
  --seed N      the first seed; 1 unless told
  --steps M     steps of each run before its quiet phase; 3,000 unless told
  --count SEEDS seeds to run; 1 unless told, no end with --seconds
  --seconds S   stop beginning new seeds after so long
  --twice       run each seed twice and compare their traces
  --planted     switch each planted mistake on and look for it
  --only NAME   only this mistake, and the shortest story that shows it";

#[derive(Debug, Default)]
struct Options {
    seed: u64,
    steps: u64,
    count: Option<u64>,
    seconds: Option<u64>,
    twice: bool,
    planted: bool,
    only: Option<String>,
}

fn main() -> ExitCode {
    // A panic of the product is told as a finding.
    std::panic::set_hook(Box::new(|_| {}));
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("sim: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.planted {
        plant_all(&options)
    } else {
        run_all(&options)
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seed: 1,
        steps: 3_000,
        ..Options::default()
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments
                .next()
                .ok_or(format!("{argument} takes a number"))?;
            value
                .parse::<u64>()
                .map_err(|_| format!("{argument} takes a number, not {value}"))
        };
        match argument.as_str() {
            "--seed" => options.seed = number()?,
            "--steps" => options.steps = number()?,
            "--count" => options.count = Some(number()?),
            "--seconds" => options.seconds = Some(number()?),
            "--twice" => options.twice = true,
            "--planted" => options.planted = true,
            "--only" => options.only = arguments.next(),
            other => return Err(format!("there is no option {other}")),
        }
    }
    Ok(options)
}

fn run_all(options: &Options) -> ExitCode {
    let began = Instant::now();
    let count = options.count.unwrap_or(if options.seconds.is_some() {
        u64::MAX
    } else {
        1
    });
    let (mut steps, mut records, mut acknowledged) = (0, 0, 0);
    let (mut crashes, mut power_cuts) = (0, 0);
    let mut seeds = 0;
    for seed in (options.seed..).take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let over = options
            .seconds
            .is_some_and(|seconds| began.elapsed() >= Duration::from_secs(seconds));
        if over {
            break;
        }
        let finished = match run_seed(seed, options.steps, None) {
            Ok(finished) => finished,
            Err(found) => return tell(seed, options.steps, &found),
        };
        if options.twice {
            let again = run_seed(seed, options.steps, None).map(|finished| finished.trace);
            if again.as_ref().ok() != Some(&finished.trace) {
                eprintln!(
                    "seed {seed} is not deterministic: {:x}, then {again:x?}",
                    finished.trace
                );
                return ExitCode::FAILURE;
            }
        }
        seeds += 1;
        steps += finished.tally.steps;
        records += finished.tally.records;
        crashes += finished.tally.crashes;
        power_cuts += finished.tally.power_cuts;
        acknowledged += finished.tally.acknowledged;
        if count == 1 {
            println!(
                "seed {seed} trace {:016x} {:?}",
                finished.trace, finished.tally
            );
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds, {steps} steps, {records} records, {acknowledged} acknowledged, {crashes} crashes, {power_cuts} of them power cuts, in {seconds:.1} s: {:.0} steps/s",
        steps as f64 / seconds
    );
    ExitCode::SUCCESS
}

/// Tells what was found, with the shortest story that shows it.
fn tell(seed: u64, steps: u64, found: &Found) -> ExitCode {
    eprintln!("seed {seed}, step {}: {}", found.step, found.wrong.0);
    eprintln!("again: ./dev sim --seed {seed} --steps {steps}");
    let story = shrink(record(seed, steps, found), SHRINK_ATTEMPTS);
    eprintln!(
        "{} steps show it ({}); as engine/sim/tests/found/NAME.json they are a test for ever:",
        story.steps.len(),
        story.found
    );
    println!(
        "{}",
        serde_json::to_string(&story).expect("stories are plain data")
    );
    ExitCode::FAILURE
}

fn record(seed: u64, steps: u64, found: &Found) -> Story {
    let mut recorded: Vec<Step> = Vec::new();
    let (_, world) = holdfast_sim::draw::Drawer::new(seed, steps);
    // It fails as it did before; what is wanted are its steps.
    let _ = run_seed(seed, steps, Some(&mut recorded));
    Story {
        found: found.wrong.0.clone(),
        planted: None,
        seed,
        world,
        steps: recorded,
    }
}

#[cfg(not(feature = "planted"))]
fn plant_all(_: &Options) -> ExitCode {
    eprintln!("sim: built without planted mistakes; use ./dev sim --planted");
    ExitCode::from(2)
}

#[cfg(feature = "planted")]
fn plant_all(options: &Options) -> ExitCode {
    use holdfast_engine::planted::Mistake;
    let mut missed = 0;
    println!(
        "{:<26} {:>6} {:>9} {:>8}  found as",
        "mistake", "seed", "steps", "seconds"
    );
    for mistake in Mistake::ALL {
        if options
            .only
            .as_deref()
            .is_some_and(|only| only != mistake.name())
        {
            continue;
        }
        match holdfast_sim::plant::find(*mistake, options.steps, options.seconds.unwrap_or(60)) {
            Some(caught) if options.only.is_some() => {
                println!(
                    "{}",
                    holdfast_sim::plant::story(*mistake, options.steps, &caught)
                );
            }
            Some(caught) => println!(
                "{:<26} {:>6} {:>9} {:>8.2}  {}",
                mistake.name(),
                caught.seed,
                caught.steps,
                caught.seconds,
                caught.wrong.chars().take(110).collect::<String>()
            ),
            None => {
                missed += 1;
                println!("{:<26} NOT FOUND: {}", mistake.name(), mistake.what());
            }
        }
    }
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
