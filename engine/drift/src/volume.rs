//! Volume drift: what a request takes among so many orders, beside the same in a fresh system.
//!
//! Three systems of one kind are asked for the same orders: the full one, a fresh one, and another
//! fresh one as the control. Each request goes to all three, one right after the other in an order
//! drawn by chance, so that what the machine does meanwhile hits them alike.
//!
//! Each probe is closed again, released or paid, and cancelled, so that as many orders are open
//! afterwards. What remains of it is a closed order and what it takes to recognise its requests,
//! on all sides alike; both fresh systems are replaced in every round, and the full one before
//! what remains is a tenth of its orders.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use holdfast_figures::{quantile, thousands};
use holdfast_race::contender::{Answer, Failure, Lane, Request, Store, Verb};
use holdfast_race::drive::Feed;
use holdfast_race::process::{self, Scratch};
use holdfast_race::stand::{Ground, drive_all};
use holdfast_race::workload::{Chance, Fate, Order, Profile, Workload};

use crate::judge::{Pairs, Rule};
use crate::report::{Found, Row};

/// Open orders of a fresh system.
const FRESH: u64 = 1_000;
/// Probes of a window, and windows of a round.
const PROBES: u64 = 500;
const WINDOWS: u64 = 4;
/// Probes before the first window of a round, for what is done once.
const WARM_UP: u64 = 100;
/// The full system is replaced when probes have left more than this part of its orders.
const LEFT_BEHIND: u64 = 10;

/// How a system is filled.
const FILL_LANES: usize = 16;
const FILL_BATCH: usize = 250;
/// A system has settled when it uses less than a twentieth of a core for so long.
const SETTLE_LOOK: Duration = Duration::from_millis(400);
const SETTLED: Duration = Duration::from_millis(20);
const SETTLE_LIMIT: Duration = Duration::from_secs(180);

/// What is timed. A cancel, which ends every probe, is not: an order without
/// a hold is still open, since its buyer may come back.
pub const OPERATIONS: [&str; 3] = ["place", "pay", "release"];
/// Quantiles that are told, and how each is judged.
pub const QUANTILES: [(f64, Rule); 4] = [
    (0.5, Rule::Within),
    (0.95, Rule::Within),
    (0.99, Rule::UnderCeiling),
    (0.999, Rule::Reported),
];
/// Of them, those on which the margin is judged and by which a measurement ends.
pub const MARGINAL: usize = 2;

/// A prober that is later than this is no measure of a system.
const LATE: f64 = 1e-3;
/// More windows than one in twenty of which it is late at the 95th percentile are too many.
const MOST_LATE: f64 = 0.05;

/// Whether a prober kept its pace: seconds by which it was late, window by window.
#[derive(Debug, Default)]
pub struct Pace {
    windows: usize,
    late: usize,
}

impl Pace {
    pub fn window(&mut self, mut lags: Vec<f64>) {
        lags.sort_unstable_by(f64::total_cmp);
        self.windows += 1;
        self.late += usize::from(quantile(&lags, 0.95).is_some_and(|lag| lag > LATE));
    }

    pub fn was_kept(&self) -> bool {
        self.late as f64 <= MOST_LATE * self.windows as f64
    }
}

/// What every measurement needs.
#[derive(Clone, Copy)]
pub struct Lab<'a> {
    pub ground: &'a Ground,
    pub scratch: &'a Scratch,
    pub workload: &'a Arc<Workload>,
    pub seed: u64,
    pub budget: Duration,
}

/// Starts one more system of the kind in an empty folder.
pub type Opening<'a, S> = &'a dyn Fn(&Path) -> Result<S, Failure>;

/// A system with open orders, and its files, which go with it.
pub struct Filled<S: Store> {
    store: Option<S>,
    folder: PathBuf,
    orders: u64,
}

impl<S: Store> Filled<S> {
    /// # Errors
    /// The system's, or it took another number of orders than it was given.
    pub fn open(lab: Lab<'_>, open: Opening<'_, S>, orders: u64) -> Result<Self, Failure> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let number = OPENED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = lab.scratch.folder(&format!("system-{number}"))?;
        let mut filled = Self {
            store: Some(open(&folder)?),
            folder,
            orders,
        };
        let store = filled.store();
        let mut lanes = Vec::new();
        for _ in 0..FILL_LANES {
            lanes.push(lab.ground.run(store.lane())?);
        }
        let feed = Arc::new(Feed {
            workload: Arc::clone(lab.workload),
            profile: Profile::Stay,
            next: AtomicU64::new(0),
            end: orders,
            until: Instant::now() + Duration::from_secs(24 * 3600),
        });
        drive_all::<S>(lab.ground, lanes, FILL_BATCH, &feed)?;
        filled.check(lab)?;
        Ok(filled)
    }

    pub fn store(&mut self) -> &mut S {
        self.store
            .as_mut()
            .expect("it is there until it is dropped")
    }

    /// Whether as many orders are open as were put in.
    ///
    /// # Errors
    /// They are not; what was measured meanwhile is not what it seems.
    pub fn check(&mut self, lab: Lab<'_>) -> Result<(), Failure> {
        let wanted = self.orders;
        match lab.ground.run(self.store().books())? {
            Some(books) if books.orders != wanted => Err(format!(
                "{wanted} orders must be open while it is measured, {} are",
                books.orders
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// Waits until what follows from filling is done: snapshots, checkpoints.
    fn settle(&mut self) {
        let pid = self.store().pid().unwrap_or_else(std::process::id);
        let began = Instant::now();
        while let Some(before) = process::cpu(pid) {
            std::thread::sleep(SETTLE_LOOK);
            let used = process::cpu(pid).map_or(Duration::ZERO, |now| now.saturating_sub(before));
            if used <= SETTLED {
                return;
            }
            if began.elapsed() > SETTLE_LIMIT {
                eprintln!(
                    "drift: it is busy {SETTLE_LIMIT:.0?} after it was filled, and is measured so"
                );
                return;
            }
        }
    }
}

impl<S: Store> Drop for Filled<S> {
    fn drop(&mut self) {
        self.store = None;
        // The scratch folder is removed as a whole later on.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Pairs by operation and quantile.
#[derive(Debug, Default)]
pub struct Series([[Pairs; QUANTILES.len()]; OPERATIONS.len()]);

impl Series {
    pub fn begin_round(&mut self) {
        for pairs in self.0.iter_mut().flatten() {
            pairs.ours.push(Vec::new());
            pairs.control.push(Vec::new());
        }
    }

    /// Adds a pair to the round.
    pub fn add(&mut self, operation: usize, quantile: usize, ours: f64, control: f64) {
        let pairs = &mut self.0[operation][quantile];
        for (rounds, ratio) in [(&mut pairs.ours, ours), (&mut pairs.control, control)] {
            if let (Some(round), true) = (rounds.last_mut(), ratio.is_finite()) {
                round.push(ratio);
            }
        }
    }

    /// Whether more pairs would tell nothing that is wanted.
    pub fn is_narrow(&self) -> bool {
        let mut judged = self.0.iter().flat_map(|pairs| &pairs[..MARGINAL]);
        judged.all(Pairs::is_narrow)
    }

    /// A row of each, by the rule that `rule` makes of the quantile's.
    pub fn rows(&self, of: &Found<'_>, rule: fn(Rule) -> Rule) -> Vec<Row> {
        let mut rows = Vec::new();
        for (operation, pairs) in OPERATIONS.iter().zip(&self.0) {
            for ((share, by), pairs) in QUANTILES.iter().zip(pairs) {
                rows.extend(of.row(operation, *share, pairs.judge(rule(*by))));
            }
        }
        rows
    }
}

/// # Errors
/// A system could not be started or filled, broke, or did not keep as many orders.
pub fn measure<S: Store>(
    lab: Lab<'_>,
    name: &str,
    open: Opening<'_, S>,
    orders: u64,
) -> Result<Vec<Row>, Failure> {
    let began = Instant::now();
    let mut full = Filled::open(lab, open, orders)?;
    eprintln!(
        "drift: {name}: {} orders placed in {:.0?}",
        thousands(orders as f64),
        began.elapsed()
    );
    let (mut series, mut pace) = (Series::default(), Pace::default());
    let (began, mut left, mut round) = (Instant::now(), 0, 0);
    loop {
        if left + PROBES * WINDOWS > (orders / LEFT_BEHIND).max(PROBES * WINDOWS) {
            // First away with the old one: both may not fit into memory.
            drop(full);
            full = Filled::open(lab, open, orders)?;
            left = 0;
        }
        let mut fresh = Filled::open(lab, open, FRESH)?;
        let mut control = Filled::open(lab, open, FRESH)?;
        let mut systems = [&mut full, &mut fresh, &mut control];
        for system in &mut systems {
            system.settle();
        }
        series.begin_round();
        measure_round(lab, round, &mut systems, &mut series, &mut pace)?;
        for system in systems {
            system.check(lab)?;
        }
        left += WARM_UP + PROBES * WINDOWS;
        round += 1;
        if series.is_narrow() || began.elapsed() >= lab.budget {
            break;
        }
    }
    let found = Found {
        what: "volume",
        system: name,
        beside: format!(
            "{} orders, to {}",
            thousands(orders as f64),
            thousands(FRESH as f64)
        ),
        n: orders,
        seconds: began.elapsed().as_secs_f64(),
        kept_pace: pace.was_kept(),
    };
    Ok(series.rows(&found, |rule| rule))
}

/// Seconds of each request: by operation, then by system.
type Took = [[Vec<f64>; 3]; OPERATIONS.len()];

fn measure_round<S: Store>(
    lab: Lab<'_>,
    round: u64,
    systems: &mut [&mut Filled<S>; 3],
    series: &mut Series,
    pace: &mut Pace,
) -> Result<(), Failure> {
    let mut lanes = Vec::new();
    for system in systems.iter_mut() {
        lanes.push(lab.ground.run(system.store().lane())?);
    }
    let mut chance = Chance::of(lab.seed, round);
    let mut next = round * (WARM_UP + PROBES * WINDOWS);
    let mut probe = |lanes: &mut Vec<S::Lane>, probes: u64| {
        let first = next;
        next += probes;
        let orders = (first..next).map(|index| lab.workload.order(Profile::Probe, index));
        lab.ground.run(ask_in_turn(lanes, orders, &mut chance))
    };
    probe(&mut lanes, WARM_UP)?;
    for _ in 0..WINDOWS {
        let (mut took, lags) = probe(&mut lanes, PROBES)?;
        pace.window(lags);
        for times in took.iter_mut().flatten() {
            times.sort_unstable_by(f64::total_cmp);
        }
        for (operation, [full, fresh, control]) in took.iter().enumerate() {
            for (place, (share, _)) in QUANTILES.iter().enumerate() {
                let at = |times: &[f64]| quantile(times, *share).unwrap_or(f64::NAN);
                series.add(
                    operation,
                    place,
                    at(full) / at(fresh),
                    at(control) / at(fresh),
                );
            }
        }
    }
    Ok(())
}

/// Asks every lane for each request of each order, and gives what they took, and how long the
/// prober needed between an answer and the next request.
async fn ask_in_turn<L: Lane>(
    lanes: &mut [L],
    orders: impl Iterator<Item = Order>,
    chance: &mut Chance,
) -> Result<(Took, Vec<f64>), Failure> {
    let (mut took, mut lags) = (Took::default(), Vec::new());
    let mut turn: Vec<usize> = (0..lanes.len()).collect();
    let mut answered = Instant::now();
    for order in orders {
        for (verb, answer, operation) in steps(order.fate) {
            let request = Request {
                verb: *verb,
                order,
                first: None,
            };
            for place in (1..turn.len()).rev() {
                turn.swap(place, chance.index(place + 1));
            }
            for lane in &turn {
                let began = Instant::now();
                lags.push((began - answered).as_secs_f64());
                let answers = lanes[*lane].submit(&[request]).await?;
                answered = Instant::now();
                if answers != [*answer] {
                    return Err(format!("{request:?} was answered {answers:?}").into());
                }
                if let Some(operation) = operation {
                    took[*operation][*lane].push((answered - began).as_secs_f64());
                }
            }
        }
    }
    Ok((took, lags))
}

/// What is asked for a probe, what must be answered, and as which operation it is timed.
fn steps(fate: Fate) -> &'static [(Verb, Answer, Option<usize>)] {
    const PLACE: (Verb, Answer, Option<usize>) = (Verb::Place, Answer::Held, Some(0));
    match fate {
        Fate::Released => &[
            PLACE,
            (Verb::Release, Answer::Closed, Some(2)),
            (Verb::Close, Answer::Closed, None),
        ],
        _ => &[
            PLACE,
            (Verb::Pay, Answer::Sold, Some(1)),
            (Verb::Close, Answer::Closed, None),
        ],
    }
}
