//! Whether a full engine answers as fast as a fresh one: pairs in the same milliseconds.
//!
//! A machine that is shared moves by more than what is looked for. So a full engine, a fresh one
//! and a second fresh one are asked in turn, each call right after the other's; only ratios of
//! one window are told, and the second fresh one shows what chance alone does.

use std::path::{Path, PathBuf};
use std::time::Instant;

use holdfast_engine::engine::{Call, ClockChoice, Engine, Settings};
use holdfast_engine::wire::pb;
use holdfast_figures::{Spread, quantile, row, thousands};
use prost::Message;

use crate::Failure;
use crate::house::{self, START, path};
use crate::orders;

/// Orders in a fresh engine.
const FRESH: u64 = 1_000;
/// Pairs of windows, and orders that are placed and paid in one.
const WINDOWS: u64 = 60;
const ORDERS: u64 = 200;
/// Orders of a batch while an engine is filled: no more commands than a batch may have.
const BATCH: u64 = 500;
/// Percent that a median may differ.
const AIM: f64 = 3.0;

/// What is timed, one after another for each order.
const OPERATIONS: [&str; 3] = ["place", "confirm_payment", "get_order"];

/// An engine on disk whose clock stands still, so that nothing ends by itself.
struct Shop {
    engine: Engine,
    folder: PathBuf,
    next: u64,
}

impl Shop {
    fn filled(folder: PathBuf, orders: u64) -> Result<Self, Failure> {
        let settings = Settings {
            path: Some(folder.clone()),
            clock: ClockChoice::ManualMs(START),
            ..Settings::default()
        };
        let engine = Engine::open(settings)?;
        let mut shop = Self {
            engine,
            folder,
            next: orders,
        };
        let receipts: Vec<_> = orders::receipts()
            .map(pb::command::Command::ReceiveStock)
            .collect();
        shop.ask("OrderService/BatchSubmit", &house::batch(receipts))?;
        for first in (0..orders).step_by(BATCH as usize) {
            let commands = (first..orders.min(first + BATCH)).flat_map(orders::filling);
            shop.ask("OrderService/BatchSubmit", &house::batch(commands))?;
        }
        Ok(shop)
    }

    fn ask(&mut self, method: &str, message: &impl Message) -> Result<f64, Failure> {
        let (method, request) = (path(method), message.encode_to_vec());
        let began = Instant::now();
        let reply = self.engine.call(Call {
            method: &method,
            request: &request,
            token: None,
            deadline: None,
            locale: "",
        });
        let took = began.elapsed();
        match reply.code {
            0 => Ok(took.as_secs_f64() * 1e6),
            code => Err(format!("{method} was refused with {code}").into()),
        }
    }

    /// Microseconds of each operation on one new order.
    fn order(&mut self) -> Result<[f64; 3], Failure> {
        let number = self.next;
        self.next += 1;
        Ok([
            self.ask("OrderService/PlaceOrder", &orders::place_measured(number))?,
            self.ask(
                "OrderService/ConfirmPayment",
                &orders::confirm_payment(number),
            )?,
            self.ask("OrderService/GetOrder", &orders::get_order(number))?,
        ])
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // What the engine still has open goes with it.
        let _ = self.engine.close();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a full engine took against a fresh one, and a fresh one against another.
pub struct Drift {
    orders: u64,
    /// By operation, then for the median and the 95th percentile: full and control.
    ratios: Vec<[[Vec<f64>; 2]; 2]>,
}

impl Drift {
    /// # Errors
    /// The folder cannot be used.
    pub fn among(orders: u64, scratch: &Path) -> Result<Self, Failure> {
        let began = Instant::now();
        let mut full = Shop::filled(scratch.join("full"), orders)?;
        eprintln!(
            "flat: {} orders placed in {:.0?}",
            thousands(orders as f64),
            began.elapsed()
        );
        let mut drift = Self {
            orders,
            ratios: OPERATIONS.iter().map(|_| Default::default()).collect(),
        };
        for window in 0..WINDOWS {
            let mut fresh = Shop::filled(scratch.join("fresh"), FRESH)?;
            let mut control = Shop::filled(scratch.join("control"), FRESH)?;
            drift.window([&mut fresh, &mut full, &mut control], window)?;
        }
        Ok(drift)
    }

    fn window(&mut self, shops: [&mut Shop; 3], window: u64) -> Result<(), Failure> {
        let mut took: [[Vec<f64>; 3]; 3] = Default::default();
        for order in 0..ORDERS {
            for turn in 0..3 {
                // Whoever follows another finds the caches as that one left them.
                let shop = ((order + window + turn) % 3) as usize;
                for (times, time) in took[shop].iter_mut().zip(shops[shop].order()?) {
                    times.push(time);
                }
            }
        }
        for times in took.iter_mut().flatten() {
            times.sort_unstable_by(f64::total_cmp);
        }
        let [fresh, full, control] = took;
        for (operation, ratios) in self.ratios.iter_mut().enumerate() {
            for (share, ratios) in [0.5, 0.95].into_iter().zip(ratios) {
                let at =
                    |times: &[Vec<f64>; 3]| quantile(&times[operation], share).unwrap_or(f64::NAN);
                for (ratios, other) in ratios.iter_mut().zip([&full, &control]) {
                    ratios.push(at(other) / at(&fresh));
                }
            }
        }
        Ok(())
    }

    /// Rows of the table: a median of all windows' ratios, and the control's beside it.
    fn rows(self, text: &mut String) {
        for (operation, ratios) in OPERATIONS.iter().zip(self.ratios) {
            let [p50, p95] = ratios.map(|of| {
                let [full, control] =
                    of.map(|ratios| Spread::of(ratios).map_or(f64::NAN, |it| it.median));
                (full, format!("{full:.3} ({control:.3})"))
            });
            let is_met = [p50.0, p95.0]
                .iter()
                .all(|ratio| (ratio - 1.0).abs() * 100.0 <= AIM);
            let cells = [
                thousands(self.orders as f64),
                operation.replace('_', " "),
                p50.1,
                p95.1,
                if is_met { "met" } else { "missed" }.to_owned(),
            ];
            row(text, &cells);
        }
    }
}

/// Markdown of all.
pub fn table(drifts: Vec<Drift>) -> String {
    let mut text = format!(
        "\n| open orders | operation, on disk | p50 to that among {} (control) | p95 (control) | ±{AIM} % |\n\
         |---|---|---|---|---|\n",
        thousands(FRESH as f64)
    );
    for drift in drifts {
        drift.rows(&mut text);
    }
    text
}
