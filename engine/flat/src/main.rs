//! `./dev flat`: whether an operation costs the same among a thousand open orders and among more.
//!
//! Instructions are counted, not timed, so that a shared machine can judge them: `counted` is the
//! process that does the operations, `callgrind` counts it, `growth` says what is not flat,
//! `baseline` what costs more than was agreed. What an operation takes is `./dev drift`'s to judge.
#![allow(
    clippy::cast_precision_loss, // counts far below 2^52
    clippy::cast_possible_truncation
)]

mod baseline;
mod callgrind;
mod counted;
mod growth;
mod house;
mod orders;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use baseline::Baseline;
use growth::Growth;
use holdfast_figures::thousands;

/// What went wrong, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: flat [--long] [--update] [--write-docs FILE] [--scratch DIR]
  --long            count among a million orders too (minutes)
  --update          agree to the counts of today: rewrites the baseline
  --write-docs FILE rewrite the part of a Markdown file between the marks of flat
  --scratch DIR     where engines keep their files";

/// Open orders among which instructions are counted.
const COUNTED: [u64; 3] = [1_000, 10_000, 100_000];
const COUNTED_LONG: u64 = 1_000_000;
const BASELINE: &str = "engine/flat/instructions.txt";

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Options {
    long: bool,
    update: bool,
    docs: Option<PathBuf>,
    scratch: PathBuf,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            long: false,
            update: false,
            docs: None,
            scratch: std::env::temp_dir(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--long" => options.long = true,
                "--update" => options.update = true,
                "--write-docs" => options.docs = Some(value()?.into()),
                "--scratch" => options.scratch = value()?.into(),
                other => return Err(format!("there is no option '{other}'")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [counted, orders, go] if counted == "counted" => orders
            .parse()
            .map_err(Failure::from)
            .and_then(|orders| counted::run(orders, Path::new(go)))
            .map(|()| true),
        _ => match Options::parse(arguments.into_iter()) {
            Ok(options) => in_scratch(&options),
            Err(wrong) => {
                eprintln!("flat: {wrong}\n{USAGE}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("flat: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs in a folder that goes with the run.
fn in_scratch(options: &Options) -> Result<bool, Failure> {
    let name = format!("holdfast-flat-{}", std::process::id());
    let scratch = options.scratch.join(name);
    std::fs::create_dir(&scratch)?;
    let done = run(options, &scratch);
    std::fs::remove_dir_all(&scratch)?;
    done
}

/// Counts, tells, and says whether all is as flat and as cheap as it must be.
fn run(options: &Options, scratch: &Path) -> Result<bool, Failure> {
    let among = COUNTED.into_iter();
    let among = among.chain(options.long.then_some(COUNTED_LONG));
    let mut growth = Growth(Vec::new());
    for orders in among {
        let began = Instant::now();
        growth.0.push((orders, callgrind::count(orders, scratch)?));
        let told = thousands(orders as f64);
        eprintln!(
            "flat: counted among {told} orders in {:.0?}",
            began.elapsed()
        );
    }
    let (fewest, baseline) = (&growth.0[0].1, Path::new(BASELINE));
    if options.update {
        Baseline::of(fewest).write(baseline)?;
    }
    let mut findings = growth.findings();
    findings.extend(Baseline::read(baseline)?.findings(fewest));
    let text = growth.table();
    println!("{text}");
    for finding in &findings {
        eprintln!("flat: {finding}");
    }
    if let Some(path) = &options.docs {
        holdfast_figures::rewrite(path, "flat", &text)?;
    }
    Ok(findings.is_empty())
}
