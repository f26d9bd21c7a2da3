//! `./dev drift`: whether a system becomes slower with what it keeps, or with what it is asked.
//!
//! `volume` and `rate` measure, `judge` decides, `report` tells. The systems are the stores of
//! holdfast-race; `grouped` is the book that the rate drift is measured against.
//!
//! What must always hold: every order that is asked for while it is measured is closed again, as
//! the systems' own books say (exit 5), and no process or file outlives the run.
#![allow(
    clippy::cast_precision_loss, // counts far below 2^52
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod grouped;
mod judge;
mod options;
mod planted;
mod rate;
mod report;
mod volume;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use holdfast_race::contender::{Failure, Store};
use holdfast_race::machine::Machine;
use holdfast_race::process::{Scratch, clean_on_the_way_out};
use holdfast_race::stand::Ground;
use holdfast_race::stores::holdfast::{Awaited, InProcess, Served};
use holdfast_race::stores::postgres::{self, Postgres};
use holdfast_race::stores::redis::{self, Redis};
use holdfast_race::workload::Workload;

use options::{Kind, Options, System, USAGE};
use report::Row;
use volume::{Lab, Opening};

/// Longer than any measurement: what is held stays held.
const HOLD: Duration = Duration::from_secs(7 * 24 * 3600);
const CONNECTIONS: usize = 2;
const NOT_CARRIED_OUT: u8 = 5;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("drift: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("drift: {failure}");
            ExitCode::from(NOT_CARRIED_OUT)
        }
    }
}

fn run(options: &Options) -> Result<u8, Failure> {
    if options.planted {
        planted::switch_on()?;
    }
    let scratch = Scratch::of(&options.scratch, "drift")?;
    clean_on_the_way_out(scratch.path())?;
    if Machine::look(scratch.path()).keeps_nothing() {
        return Err("the scratch folder is in memory, where a sync costs nothing; name a disk with --scratch".into());
    }
    let ground = Ground::new()?;
    let workload = Arc::new(Workload::new(options.seed));
    let lab = Lab {
        ground: &ground,
        scratch: &scratch,
        workload: &workload,
        seed: options.seed,
        budget: options.budget,
    };
    let rows = of_system(lab, options)?;
    std::fs::create_dir_all(&options.out)?;
    let path = options.out.join("drift.json");
    std::fs::write(&path, serde_json::to_string_pretty(&rows)?)?;
    print!("{}", report::table(&rows));
    println!("{} has the same as JSON", path.display());
    if options.planted {
        return planted::found(&rows);
    }
    Ok(report::verdict(&rows).exit_code())
}

/// Starts systems of the kind that was asked for, and measures them.
fn of_system(lab: Lab<'_>, options: &Options) -> Result<Vec<Row>, Failure> {
    let ground = lab.ground;
    match options.system {
        // A call waits in the engine; many at a fixed rate are woken instead.
        System::InProcess => each(
            lab,
            options,
            &|folder: &Path| ground.run(InProcess::open(folder, HOLD)),
            &|folder: &Path| ground.run(Awaited::open(folder, HOLD)),
        ),
        System::Native | System::Python => {
            let python = options.python.as_deref();
            let python =
                python.ok_or("a front needs --python, the interpreter that has holdfast")?;
            let flags = match options.system {
                System::Native => ["--front", "native"],
                _ => ["--front", "python"],
            };
            all(lab, options, &|folder: &Path| {
                ground.run(Served::open(python, folder, &flags, CONNECTIONS, HOLD))
            })
        }
        System::Redis => {
            let (binary, version) = redis::find()
                .ok_or("there is no redis-server (Debian: apt-get install redis-server)")?;
            eprintln!("drift: {version}");
            all(lab, options, &|folder: &Path| {
                Redis::open(&binary, folder, "always", HOLD)
            })
        }
        System::Postgresql => {
            let (programs, version) = postgres::find()
                .ok_or("there is no initdb (Debian: apt-get install postgresql)")?;
            eprintln!("drift: {version}");
            all(lab, options, &|folder: &Path| {
                ground.run(Postgres::open(&programs, folder, HOLD))
            })
        }
    }
}

fn all<S: Store>(
    lab: Lab<'_>,
    options: &Options,
    open: Opening<'_, S>,
) -> Result<Vec<Row>, Failure> {
    each(lab, options, open, open)
}

fn each<V: Store, R: Store>(
    lab: Lab<'_>,
    options: &Options,
    one_by_one: Opening<'_, V>,
    at_a_rate: Opening<'_, R>,
) -> Result<Vec<Row>, Failure> {
    let (name, mut rows) = (options.system.name(), Vec::new());
    if options.kind != Kind::Rate {
        for orders in &options.orders {
            rows.extend(volume::measure(lab, name, one_by_one, *orders)?);
        }
    }
    if options.kind != Kind::Volume {
        rows.extend(rate::measure(lab, name, at_a_rate, options.rate)?);
    }
    Ok(rows)
}
