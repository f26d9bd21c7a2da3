//! `./dev race`: Holdfast and what a shop would use instead, on one stream of orders, turn about.
//!
//! The stores and how they are driven are the library's; `field` starts them, `race` takes turns,
//! `report` and `chart` tell.
//!
//! What must always hold: a figure of a store whose books do not agree is not told as a success
//! (exit 1), and no process or file outlives the race.
#![allow(
    clippy::cast_precision_loss, // counts far below 2^52
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod chart;
mod field;
mod options;
mod race;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use field::Field;
use holdfast_race::contender::Failure;
use holdfast_race::machine::{self, Machine};
use holdfast_race::process::{Scratch, clean_on_the_way_out};
use holdfast_race::stand::Ground;
use holdfast_race::stores;
use options::{Options, USAGE};
use report::Report;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("echo") {
        return told(
            Ground::new().and_then(|ground| ground.run(stores::echo::serve())),
            true,
        );
    }
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) => match run(&options) {
            Ok(passed) => told(Ok(()), passed),
            Err(failure) => told(Err(failure), false),
        },
        Err(wrong) => {
            eprintln!("race: {wrong}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn told(outcome: Result<(), Failure>, passed: bool) -> ExitCode {
    match outcome {
        Ok(()) if passed => ExitCode::SUCCESS,
        Ok(()) => {
            eprintln!("race: the check failed: units or orders were lost or sold twice, see above");
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("race: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The whole race; false if a check failed.
fn run(options: &Options) -> Result<bool, Failure> {
    let began = Instant::now();
    let scratch = Scratch::new(&options.scratch)?;
    clean_on_the_way_out(scratch.path())?;
    let machine = Machine::look(scratch.path());
    if machine.keeps_nothing() {
        return Err("the scratch folder is in memory, where a sync costs nothing; name a disk with --scratch".into());
    }
    let ground = Ground::new()?;
    let mut field = Field::gather(&ground, options, &scratch, options.pace().hold)?;
    let results = race::run(&ground, &mut field, options, &scratch, began)?;
    let report = Report {
        date: machine::today(),
        command: command(),
        machine,
        peers: std::mem::take(&mut field.peers),
        seed: options.seed,
        seconds: began.elapsed().as_secs_f64(),
        results,
        absent: std::mem::take(&mut field.absent),
    };
    write(&report, options)?;
    Ok(!report.failed())
}

/// As it is typed: `./dev race` fills in where things are.
fn command() -> String {
    let mut words = vec!["./dev race".to_owned()];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" | "--scratch" | "--out" | "--write-docs" => drop(arguments.next()),
            _ => words.push(argument),
        }
    }
    words.join(" ")
}

fn write(report: &Report, options: &Options) -> Result<(), Failure> {
    std::fs::create_dir_all(&options.out)?;
    let text = report.markdown();
    std::fs::write(
        options.out.join("race.json"),
        serde_json::to_string_pretty(report)?,
    )?;
    std::fs::write(options.out.join("race.md"), &text)?;
    std::fs::write(options.out.join("race.svg"), chart::svg(report))?;
    println!("{text}");
    println!(
        "race.json, race.md and race.svg are in {}",
        options.out.display()
    );
    match &options.docs {
        // Figures of a store that lost something are nobody's reference.
        Some(path) if !report.failed() => Ok(holdfast_figures::rewrite(path, "race", &text)?),
        _ => Ok(()),
    }
}
