//! The race: rounds in which everybody takes a turn, in an order that rotates, then the checks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use holdfast_figures::{Spread, quantile};

use crate::field::Field;
use crate::options::{Options, Pace};
use crate::report::{Aim, Check, Entry, Floor, Paced, Results, Unit};
use holdfast_race::contender::{Failure, Verb};
use holdfast_race::drive::Open;
use holdfast_race::machine;
use holdfast_race::process::Scratch;
use holdfast_race::stand::{Ground, Limits, Mode, Turn, Verdict};
use holdfast_race::workload::Profile;

/// Orders a second of the paced turns.
const RATE: u64 = 5_000;
const BASELINES: [&str; 4] = [
    "Redis always, 64 × 1",
    "SQLite, 1 a commit",
    "SQLite, 256 a commit",
    "minimal hold book, 256 a sync",
];
const IN_PROCESS: &str = "Holdfast in process, 1,000 a call";
const UNARY: &str = "Holdfast native front, 1 a call";
const BATCHES: &str = "Holdfast native front, 1,000 a call";
/// What is held against what, and the aim of the issue "The fast path".
const PAIRS: [(Profile, &str, &str, f64); 7] = [
    (Profile::W, IN_PROCESS, "SQLite, 256 a commit", 3.0),
    (
        Profile::PlaceOnly,
        IN_PROCESS,
        "minimal hold book, 256 a sync",
        0.6,
    ),
    (Profile::W, UNARY, "Redis always, 64 × 1", 1.5),
    (Profile::W, UNARY, "echo over h2", 0.7),
    (Profile::W, UNARY, "echo over grpc-go", 0.7),
    (Profile::W, UNARY, "Holdfast Python front, 1 a call", 5.0),
    (
        Profile::W,
        "Holdfast Python front, 1 a call",
        "echo over grpc.aio",
        0.85,
    ),
];
/// Orders a second that are aimed at, on the machine that the aims were set on.
const RATES: [(Profile, &str, f64); 3] = [
    (Profile::PlaceOnly, IN_PROCESS, 583_000.0),
    (Profile::PlaceOnly, BATCHES, 300_000.0),
    (Profile::W, BATCHES, 150_000.0),
];

/// One mode of one starter.
#[derive(Debug, Clone, Copy)]
struct Slot {
    starter: usize,
    mode: usize,
}

/// What a slot did in every round.
#[derive(Debug, Default)]
struct Laps {
    turns: Vec<Turn>,
    paced: Vec<(Open, Turn)>,
}

/// Runs every round and every check.
///
/// # Errors
/// A store failed or answered nonsense. Books that do not agree are findings instead.
pub fn run(
    ground: &Ground,
    field: &mut Field,
    options: &Options,
    scratch: &Scratch,
    began: Instant,
) -> Result<Results, Failure> {
    let pace = options.pace();
    let slots: Vec<Slot> = (0..)
        .zip(&field.starters)
        .flat_map(|(starter, of)| {
            (0..of.contender.modes().len()).map(move |mode| Slot { starter, mode })
        })
        .collect();
    let mut laps: Vec<Laps> = slots.iter().map(|_| Laps::default()).collect();
    let (mut syncs, mut loops) = (Vec::new(), Vec::new());
    let mut longest = Duration::ZERO;
    for round in 0.. {
        let enough = options.rounds.map_or_else(
            || round > 0 && began.elapsed() + longest > pace.budget,
            |rounds| round >= rounds,
        );
        if enough {
            break;
        }
        let started = Instant::now();
        for place in 0..slots.len() {
            let at = order(round, place, slots.len());
            lap(ground, field, slots[at], options, pace, &mut laps[at])?;
        }
        syncs.extend(machine::sync_us(scratch.path(), pace.turn / 3)?);
        loops.extend(machine::loopback_us(pace.turn / 3)?);
        longest = longest.max(started.elapsed());
        eprintln!(
            "race: round {} took {:.0} s",
            round + 1,
            started.elapsed().as_secs_f64()
        );
    }
    let mut results = Results {
        floors: [
            ("append of 4 KiB and fdatasync", syncs),
            ("loopback round trip", loops),
        ]
        .into_iter()
        .filter_map(|(name, times)| floor(name, times))
        .collect(),
        ..Results::default()
    };
    let modes: Vec<(Mode, &'static str)> = slots
        .iter()
        .map(|slot| {
            let starter = &field.starters[slot.starter];
            (starter.contender.modes()[slot.mode], starter.durable)
        })
        .collect();
    results.tell(&modes, &laps, options);
    for starter in &mut field.starters {
        let verdict = starter
            .contender
            .check(ground)
            .map_err(|error| format!("{}: {error}", starter.name))?;
        results.checks.extend(check(starter.name, verdict));
    }
    Ok(results)
}

/// Every round begins elsewhere, and every second one runs backwards.
fn order(round: usize, place: usize, of: usize) -> usize {
    let place = if round.is_multiple_of(2) {
        place
    } else {
        of - 1 - place
    };
    (place + round * 3) % of
}

fn lap(
    ground: &Ground,
    field: &mut Field,
    slot: Slot,
    options: &Options,
    pace: Pace,
    laps: &mut Laps,
) -> Result<(), Failure> {
    let starter = &mut field.starters[slot.starter];
    let named = |error: Failure| -> Failure { format!("{}: {error}", starter.name).into() };
    let limits = Limits {
        time: pace.turn,
        orders: options.orders,
    };
    laps.turns.push(
        starter
            .contender
            .turn(ground, slot.mode, limits)
            .map_err(named)?,
    );
    if starter.paced && slot.mode == 0 {
        let orders = RATE * u64::try_from(pace.turn.as_millis())? / 1_000;
        let orders = orders.min(options.orders);
        let limits = Limits {
            time: Duration::from_secs_f64(orders as f64 / RATE as f64),
            orders,
        };
        let named = |error: Failure| -> Failure { format!("{}: {error}", starter.name).into() };
        laps.paced.push(
            starter
                .contender
                .open(ground, slot.mode, limits)
                .map_err(named)?,
        );
    }
    Ok(())
}

fn per_second(turn: &Turn) -> f64 {
    turn.orders as f64 / turn.took.as_secs_f64()
}

fn cpu_us<'a>(turns: impl Iterator<Item = &'a Turn>) -> Option<f64> {
    let each = turns
        .filter_map(|turn| Some(turn.server_cpu?.as_secs_f64() * 1e6 / turn.orders.max(1) as f64))
        .collect();
    Spread::of(each).map(|spread| spread.median)
}

fn ratios(of: &[f64], to: &[f64]) -> Option<Spread> {
    Spread::of(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

impl Results {
    fn tell(&mut self, modes: &[(Mode, &'static str)], laps: &[Laps], options: &Options) {
        let rates: BTreeMap<(Profile, &str), Vec<f64>> = modes
            .iter()
            .zip(laps)
            .map(|((mode, _), laps)| (mode.key(), laps.turns.iter().map(per_second).collect()))
            .collect();
        for ((mode, durable), laps) in modes.iter().zip(laps) {
            let rounds = rates[&mode.key()].clone();
            let Some(orders_per_s) = Spread::of(rounds.clone()) else {
                continue;
            };
            let baseline = options.baseline.as_deref().into_iter().chain(BASELINES);
            let baseline = baseline
                .filter_map(|name| Some((name, rates.get(&(mode.profile, name))?)))
                .next();
            self.entries.push(Entry {
                name: mode.name.to_owned(),
                profile: mode.profile,
                in_flight: format!("{} × {}", mode.lanes, mode.batch),
                durable,
                baseline: baseline.map(|(name, _)| name.to_owned()),
                ratio: baseline.and_then(|(_, base)| ratios(&rounds, base)),
                orders_per_s,
                rounds,
                server_cpu_us: cpu_us(laps.turns.iter()),
            });
            self.paced.extend(paced(mode.name, &laps.paced));
        }
        for (profile, of, to, aim) in PAIRS {
            let both = rates.get(&(profile, of)).zip(rates.get(&(profile, to)));
            if let Some(value) = both.and_then(|(of, to)| ratios(of, to)) {
                let what = format!("{}: {of} / {to}", profile.name());
                self.aims.push(Aim::of(what, Unit::Times, value, aim));
            }
        }
        for (profile, of, aim) in RATES {
            let rounds = rates.get(&(profile, of)).cloned().unwrap_or_default();
            if let Some(value) = Spread::of(rounds) {
                let what = format!("{}: {of}", profile.name());
                self.aims.push(Aim::of(what, Unit::PerSecond, value, aim));
            }
        }
    }
}

fn paced(name: &str, runs: &[(Open, Turn)]) -> Option<Paced> {
    let at = |share: f64| {
        let each = runs.iter().filter_map(|(open, _)| {
            let mut waits: Vec<f64> = open.waits[Verb::Place as usize]
                .iter()
                .map(|ns| *ns as f64 / 1e3)
                .collect();
            waits.sort_unstable_by(f64::total_cmp);
            quantile(&waits, share)
        });
        Spread::of(each.collect())
    };
    Some(Paced {
        name: name.to_owned(),
        asked_per_s: RATE as f64,
        done_per_s: Spread::of(runs.iter().map(|(_, turn)| per_second(turn)).collect())?.median,
        p50_us: at(0.5)?,
        p99_us: at(0.99)?,
        p999_us: at(0.999)?,
        server_cpu_us: cpu_us(runs.iter().map(|(_, turn)| turn)),
    })
}

fn floor(name: &'static str, mut times: Vec<f64>) -> Option<Floor> {
    times.sort_unstable_by(f64::total_cmp);
    Some(Floor {
        name,
        p50_us: quantile(&times, 0.5)?,
        p99_us: quantile(&times, 0.99)?,
    })
}

fn check(name: &'static str, verdict: Verdict) -> Option<Check> {
    let Verdict {
        kept,
        tally,
        findings,
    } = verdict;
    kept.then(|| Check {
        name: name.to_owned(),
        orders: tally.held,
        sold: tally.sold,
        refused: tally.short,
        late_payments: tally.late,
        repeats: tally.repeats,
        units_sold: tally.units.iter().sum(),
        findings,
    })
}
