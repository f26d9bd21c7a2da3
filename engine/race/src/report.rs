//! The figures of a race, and how they are told: JSON, and a table with ratios first.

use std::fmt::Write;

use holdfast_figures::{Spread, row, thousands};
use serde::Serialize;

use holdfast_race::machine::Machine;
use holdfast_race::workload::Profile;

/// One way to use one store.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub name: String,
    pub profile: Profile,
    pub in_flight: String,
    /// What an acknowledgement means.
    pub durable: &'static str,
    /// Orders a second, a round each; rounds of one number were run beside each other.
    pub rounds: Vec<f64>,
    pub orders_per_s: Spread,
    pub baseline: Option<String>,
    /// To the baseline's round of the same number.
    pub ratio: Option<Spread>,
    pub server_cpu_us: Option<f64>,
}

/// What an aim is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// One entry to another of the same round.
    Times,
    PerSecond,
}

/// A figure that is aimed at.
#[derive(Debug, Clone, Serialize)]
pub struct Aim {
    pub what: String,
    pub unit: Unit,
    pub value: Spread,
    pub aim: f64,
    pub met: bool,
}

impl Aim {
    pub fn of(what: String, unit: Unit, value: Spread, aim: f64) -> Self {
        Self {
            what,
            unit,
            value,
            aim,
            met: value.median >= aim,
        }
    }
}

/// Latency at a fixed rate, from the instant an order was due.
#[derive(Debug, Clone, Serialize)]
pub struct Paced {
    pub name: String,
    pub asked_per_s: f64,
    pub done_per_s: f64,
    pub p50_us: Spread,
    pub p99_us: Spread,
    pub p999_us: Spread,
    pub server_cpu_us: Option<f64>,
}

/// How a store's books compare with what it acknowledged.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: String,
    pub orders: u64,
    pub sold: u64,
    pub refused: u64,
    pub late_payments: u64,
    pub repeats: u64,
    pub units_sold: i64,
    pub findings: Vec<String>,
}

/// What the machine does at best.
#[derive(Debug, Clone, Serialize)]
pub struct Floor {
    pub name: &'static str,
    pub p50_us: f64,
    pub p99_us: f64,
}

/// Somebody who could not come.
#[derive(Debug, Clone, Serialize)]
pub struct Absent {
    pub name: String,
    pub why: String,
}

/// Everything that was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Results {
    pub aims: Vec<Aim>,
    pub entries: Vec<Entry>,
    pub paced: Vec<Paced>,
    pub floors: Vec<Floor>,
    pub checks: Vec<Check>,
}

impl Results {
    /// Entries with these orders, fastest first.
    pub fn fastest(&self, profile: Profile) -> Vec<&Entry> {
        let entries = self.entries.iter();
        let mut entries: Vec<&Entry> = entries.filter(|entry| entry.profile == profile).collect();
        entries.sort_by(|one, other| {
            let (one, other) = (one.orders_per_s.median, other.orders_per_s.median);
            other.total_cmp(&one)
        });
        entries
    }
}

/// A whole race.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub date: String,
    pub command: String,
    pub machine: Machine,
    pub peers: Vec<String>,
    pub seed: u64,
    pub seconds: f64,
    #[serde(flatten)]
    pub results: Results,
    pub absent: Vec<Absent>,
}

impl Report {
    pub fn failed(&self) -> bool {
        self.results
            .checks
            .iter()
            .any(|check| !check.findings.is_empty())
    }

    /// Markdown: ratios first.
    pub fn markdown(&self) -> String {
        let mut text = self.heading();
        text += &self.aims_table();
        text += &self.entries_table(Profile::W);
        text += &self.entries_table(Profile::PlaceOnly);
        text += &self.paced_table();
        text += &self.endings();
        text
    }

    fn heading(&self) -> String {
        let Machine {
            cpu,
            cores,
            kernel,
            memory_gib,
            filesystem,
        } = &self.machine;
        format!(
            "Measured on {} with `{}` (seed {}, {:.0} s) on {cores} cores of {cpu}, {memory_gib} GiB, \
             {filesystem}, {kernel}{}.\n\n",
            self.date,
            self.command,
            self.seed,
            self.seconds,
            self.peers
                .iter()
                .map(|peer| format!(", {peer}"))
                .collect::<String>(),
        )
    }

    fn aims_table(&self) -> String {
        if self.results.aims.is_empty() {
            return String::new();
        }
        let mut text =
            "| figure of one run | median | of the rounds | aim | |\n|---|---|---|---|---|\n"
                .to_owned();
        for aim in &self.results.aims {
            let form = match aim.unit {
                Unit::Times => times,
                Unit::PerSecond => thousands,
            };
            let verdict = if aim.met { "met" } else { "missed" };
            let cells = [
                aim.what.clone(),
                form(aim.value.median),
                range(&aim.value, form),
                format!("≥ {}", form(aim.aim)),
                verdict.to_owned(),
            ];
            row(&mut text, &cells);
        }
        text + "\n"
    }

    fn entries_table(&self, profile: Profile) -> String {
        let entries = self.results.fastest(profile);
        let Some(first) = entries.first() else {
            return String::new();
        };
        let against = first.baseline.as_deref().unwrap_or("nothing");
        let mut text = format!(
            "| {} | against {against} | of the rounds | orders a second | in flight | acknowledged is | server CPU an order |\n\
             |---|---|---|---|---|---|---|\n",
            profile.name()
        );
        let none = || "–".to_owned();
        for entry in entries {
            let cpu = entry.server_cpu_us.map(|us| format!("{us:.0} µs"));
            let cells = [
                entry.name.clone(),
                entry.ratio.map_or_else(none, |ratio| times(ratio.median)),
                entry.ratio.map_or_else(none, |ratio| range(&ratio, times)),
                thousands(entry.orders_per_s.median),
                entry.in_flight.clone(),
                entry.durable.to_owned(),
                cpu.unwrap_or_else(none),
            ];
            row(&mut text, &cells);
        }
        text + "\n"
    }

    fn paced_table(&self) -> String {
        let Some(first) = self.results.paced.first() else {
            return String::new();
        };
        let mut text = format!(
            "| {} orders a second, open | p50 µs | p99 µs | p99.9 µs | done a second | server CPU an order |\n\
             |---|---|---|---|---|---|\n",
            thousands(first.asked_per_s)
        );
        for paced in &self.results.paced {
            let cell = |spread: &Spread| {
                format!(
                    "{:.0} ({})",
                    spread.median,
                    range(spread, |us| format!("{us:.0}"))
                )
            };
            row(
                &mut text,
                &[
                    paced.name.clone(),
                    cell(&paced.p50_us),
                    cell(&paced.p99_us),
                    cell(&paced.p999_us),
                    thousands(paced.done_per_s),
                    paced
                        .server_cpu_us
                        .map_or_else(|| "–".to_owned(), |us| format!("{us:.0} µs")),
                ],
            );
        }
        text + "\n"
    }

    fn endings(&self) -> String {
        let mut text = String::new();
        for Floor {
            name,
            p50_us,
            p99_us,
        } in &self.results.floors
        {
            let _ = writeln!(text, "- {name}: p50 {p50_us:.0} µs, p99 {p99_us:.0} µs.");
        }
        let orders: u64 = self.results.checks.iter().map(|check| check.orders).sum();
        let units: i64 = self
            .results
            .checks
            .iter()
            .map(|check| check.units_sold)
            .sum();
        let repeats: u64 = self.results.checks.iter().map(|check| check.repeats).sum();
        if self.failed() {
            let _ = writeln!(text, "- **THE CHECK FAILED.**");
        } else {
            let _ = writeln!(
                text,
                "- Checked in {} stores: {} orders and {} units sold, none lost, none sold twice; \
                 {} repeated requests were answered as before.",
                self.results.checks.len(),
                thousands(orders as f64),
                thousands(units as f64),
                thousands(repeats as f64)
            );
        }
        for check in &self.results.checks {
            for finding in check.findings.iter().take(5) {
                let _ = writeln!(text, "- {}: {finding}", check.name);
            }
        }
        for Absent { name, why } in &self.absent {
            let _ = writeln!(text, "- Not there: {name}: {why}.");
        }
        text
    }
}

fn times(ratio: f64) -> String {
    if ratio >= 10.0 {
        format!("{ratio:.1} ×")
    } else {
        format!("{ratio:.2} ×")
    }
}

fn range(spread: &Spread, form: fn(f64) -> String) -> String {
    format!("{} to {}", form(spread.low), form(spread.high))
}
