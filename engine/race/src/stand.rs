//! A store at the start line: its modes, its turns, what it acknowledged, its check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::{JoinSet, LocalSet};

use crate::contender::{Drive, Failure, Lane, Store};
use crate::drive::{self, Feed, Open};
use crate::process;
use crate::tally::Tally;
use crate::workload::{Profile, RUSH_ORDERS, Workload};

/// Between two looks whether every hold has ended.
const SETTLE_POLL: Duration = Duration::from_millis(20);
/// Past the longest hold; a store that still holds something then has lost it.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// The one thread on which sockets are served.
#[derive(Debug)]
pub struct Ground {
    runtime: Runtime,
    tasks: LocalSet,
}

impl Ground {
    pub fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            tasks: LocalSet::new(),
        })
    }

    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.tasks.block_on(&self.runtime, future)
    }
}

/// A way to use a store.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    pub name: &'static str,
    pub profile: Profile,
    pub lanes: usize,
    /// Requests that go together.
    pub batch: usize,
}

impl Mode {
    /// What tells it from all others.
    pub fn key(&self) -> (Profile, &'static str) {
        (self.profile, self.name)
    }
}

/// How long a turn may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    pub orders: u64,
}

/// What a turn brought.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub orders: u64,
    pub took: Duration,
    /// Processor time of the server, where it is a process of its own.
    pub server_cpu: Option<Duration>,
}

/// The end of a store's race.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// False for a floor, which keeps nothing.
    pub kept: bool,
    pub tally: Tally,
    pub findings: Vec<String>,
}

/// What the race asks of each contender, whatever its store is.
pub trait Contender {
    fn modes(&self) -> &[Mode];
    fn turn(&mut self, ground: &Ground, mode: usize, limits: Limits) -> Result<Turn, Failure>;
    /// At a fixed rate; `None` of the lanes is left idle by a slow answer.
    fn open(
        &mut self,
        ground: &Ground,
        mode: usize,
        limits: Limits,
    ) -> Result<(Open, Turn), Failure>;
    /// Sells one SKU out, lets every hold end and compares the books.
    fn check(&mut self, ground: &Ground) -> Result<Verdict, Failure>;
}

/// One store and its modes.
pub struct Stand<S: Store> {
    store: S,
    modes: Vec<Mode>,
    lanes: Vec<Vec<S::Lane>>,
    workload: Arc<Workload>,
    /// The next order; the rush has numbers of its own.
    next: u64,
    tally: Tally,
}

impl<S: Store> Stand<S> {
    /// Opens the lanes of every mode.
    pub fn new(
        ground: &Ground,
        mut store: S,
        modes: Vec<Mode>,
        workload: Arc<Workload>,
    ) -> Result<Self, Failure> {
        let mut lanes = Vec::new();
        for mode in &modes {
            let mut opened = Vec::new();
            for _ in 0..mode.lanes {
                opened.push(ground.run(store.lane())?);
            }
            lanes.push(opened);
        }
        Ok(Self {
            store,
            modes,
            lanes,
            workload,
            next: 0,
            tally: Tally::default(),
        })
    }

    fn feed(&self, profile: Profile, first: u64, limits: Limits) -> Feed {
        Feed {
            workload: Arc::clone(&self.workload),
            profile,
            next: AtomicU64::new(first),
            end: first + limits.orders,
            until: Instant::now() + limits.time,
        }
    }

    /// Drives the lanes of a mode until the feed ends.
    fn drive(&mut self, ground: &Ground, mode: usize, feed: Feed) -> Result<Tally, Failure> {
        let (batch, feed) = (self.modes[mode].batch, Arc::new(feed));
        let lanes = std::mem::take(&mut self.lanes[mode]);
        let (lanes, tally) = drive_all::<S>(ground, lanes, batch, &feed)?;
        self.lanes[mode] = lanes;
        // Numbers that were drawn after the end were not used.
        if feed.profile != Profile::Rush {
            self.next = feed.next.load(Ordering::Relaxed).max(self.next);
        }
        self.tally.add(&tally);
        Ok(tally)
    }

    /// Waits until no hold is left, so that none ends in another contender's turn.
    fn settle(&mut self, ground: &Ground, mode: usize) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            ground.run(self.lanes[mode][0].sweep())?;
            let held = ground.run(self.store.held())?;
            if held == 0 {
                return Ok(());
            }
            if began.elapsed() > SETTLE_LIMIT {
                return Err(format!("{held} units are still held").into());
            }
            std::thread::sleep(SETTLE_POLL);
        }
    }

    fn cpu(&self) -> Option<Duration> {
        self.store.pid().and_then(process::cpu)
    }
}

impl<S: Store> Contender for Stand<S> {
    fn modes(&self) -> &[Mode] {
        &self.modes
    }

    fn turn(&mut self, ground: &Ground, mode: usize, limits: Limits) -> Result<Turn, Failure> {
        let (before, began) = (self.cpu(), Instant::now());
        let feed = self.feed(self.modes[mode].profile, self.next, limits);
        let tally = self.drive(ground, mode, feed)?;
        let turn = Turn {
            orders: tally.held + tally.short,
            took: began.elapsed(),
            server_cpu: spent(before, self.cpu()),
        };
        self.settle(ground, mode)?;
        Ok(turn)
    }

    fn open(
        &mut self,
        ground: &Ground,
        mode: usize,
        limits: Limits,
    ) -> Result<(Open, Turn), Failure> {
        let every = limits.time.div_f64(limits.orders as f64);
        let feed = Arc::new(self.feed(Profile::W, self.next, limits));
        let lanes = std::mem::take(&mut self.lanes[mode]);
        let before = self.cpu();
        let (lanes, run) =
            ground.run(drive::open(lanes, limits.orders, every, Arc::clone(&feed)))?;
        let turn = Turn {
            orders: run.tally.held + run.tally.short,
            took: run.took,
            server_cpu: spent(before, self.cpu()),
        };
        self.lanes[mode] = lanes;
        self.next = feed.next.load(Ordering::Relaxed);
        self.tally.add(&run.tally);
        self.settle(ground, mode)?;
        Ok((run, turn))
    }

    fn check(&mut self, ground: &Ground) -> Result<Verdict, Failure> {
        let limits = Limits {
            time: SETTLE_LIMIT,
            orders: RUSH_ORDERS,
        };
        let feed = self.feed(Profile::Rush, 0, limits);
        self.drive(ground, 0, feed)?;
        self.settle(ground, 0)?;
        let books = ground.run(self.store.books())?;
        Ok(Verdict {
            kept: books.is_some(),
            tally: self.tally.clone(),
            findings: books.map_or_else(Vec::new, |books| self.tally.findings(&books)),
        })
    }
}

fn spent(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

/// Drives lanes together until the feed ends, each with so many requests at once.
///
/// # Errors
/// The store's, or an answer that cannot be.
pub fn drive_all<S: Store>(
    ground: &Ground,
    lanes: Vec<S::Lane>,
    batch: usize,
    feed: &Arc<Feed>,
) -> Result<(Vec<S::Lane>, Tally), Failure> {
    match S::DRIVE {
        Drive::Tasks => ground.run(as_tasks(lanes, batch, feed)),
        Drive::Threads => as_threads(lanes, batch, feed),
    }
}

async fn as_tasks<L: Lane + 'static>(
    lanes: Vec<L>,
    batch: usize,
    feed: &Arc<Feed>,
) -> Result<(Vec<L>, Tally), Failure> {
    let mut tasks = JoinSet::new();
    for (index, mut lane) in lanes.into_iter().enumerate() {
        let feed = Arc::clone(feed);
        tasks.spawn_local(async move {
            let part = drive::closed(&mut lane, index == 0, batch, &feed).await?;
            Ok::<_, Failure>((lane, part))
        });
    }
    let (mut lanes, mut tally) = (Vec::new(), Tally::default());
    while let Some(done) = tasks.join_next().await {
        let (lane, part) = done??;
        lanes.push(lane);
        tally.add(&part);
    }
    Ok((lanes, tally))
}

fn as_threads<L: Lane + Send>(
    mut lanes: Vec<L>,
    batch: usize,
    feed: &Feed,
) -> Result<(Vec<L>, Tally), Failure> {
    let parts: Vec<Result<Tally, Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .iter_mut()
            .enumerate()
            .map(|(index, lane)| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                    runtime.block_on(drive::closed(lane, index == 0, batch, feed))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a lane's thread panicked".into()))
            })
            .collect()
    });
    let mut tally = Tally::default();
    for part in parts {
        tally.add(&part?);
    }
    Ok((lanes, tally))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::{Answer, Books, Request, Verb};
    use crate::process::Scratch;
    use crate::stores::book::{Book, BookLane};

    /// What a store gets wrong, once.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fault {
        Nothing,
        /// Acknowledges an order and forgets it.
        LosesAnOrder,
        /// Acknowledges a payment and forgets it, so that the units are sold again.
        LosesAPayment,
    }

    struct Faulty(Book, Fault);

    struct FaultyLane(BookLane, Fault);

    impl Lane for FaultyLane {
        async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
            let (verb, lie) = match self.1 {
                Fault::Nothing => return self.0.submit(requests).await,
                Fault::LosesAnOrder => (Verb::Place, Answer::Held),
                Fault::LosesAPayment => (Verb::Pay, Answer::Sold),
            };
            // An order that nobody pays, or the payment would fail and tell.
            let hit = requests.iter().position(|request| {
                request.verb == verb
                    && (verb == Verb::Pay || request.order.fate == crate::workload::Fate::Expires)
            });
            let Some(hit) = hit else {
                return self.0.submit(requests).await;
            };
            self.1 = Fault::Nothing;
            let mut answers = self.0.submit(&requests[..hit]).await?;
            answers.push(lie);
            answers.extend(self.0.submit(&requests[hit + 1..]).await?);
            Ok(answers)
        }

        async fn sweep(&mut self) -> Result<(), Failure> {
            self.0.sweep().await
        }
    }

    impl Store for Faulty {
        type Lane = FaultyLane;
        const DRIVE: Drive = Drive::Threads;

        async fn lane(&mut self) -> Result<FaultyLane, Failure> {
            Ok(FaultyLane(self.0.lane().await?, self.1))
        }

        async fn held(&mut self) -> Result<i64, Failure> {
            self.0.held().await
        }

        async fn books(&mut self) -> Result<Option<Books>, Failure> {
            self.0.books().await
        }
    }

    fn findings(fault: Fault) -> Vec<String> {
        let scratch = Scratch::of(&std::env::temp_dir(), &format!("{fault:?}")).expect("a folder");
        let ground = Ground::new().expect("a runtime");
        let hold = Duration::from_millis(200);
        let store = Faulty(Book::open(scratch.path(), hold).expect("a book"), fault);
        let modes = vec![Mode {
            name: "faulty",
            profile: Profile::W,
            lanes: 1,
            batch: 8,
        }];
        let workload = Arc::new(Workload::new(7));
        let mut stand = Stand::new(&ground, store, modes, workload).expect("a stand");
        let limits = Limits {
            time: Duration::from_secs(60),
            orders: 200,
        };
        let turn = stand.turn(&ground, 0, limits).expect("a turn");
        assert_eq!(turn.orders, 200);
        stand.check(&ground).expect("a verdict").findings
    }

    #[test]
    fn a_store_that_keeps_everything_passes() {
        assert_eq!(findings(Fault::Nothing), Vec::<String>::new());
    }

    #[test]
    fn a_lost_order_fails_the_check() {
        let found = findings(Fault::LosesAnOrder);
        assert!(found[0].contains("orders were acknowledged"), "{found:?}");
    }

    #[test]
    fn a_lost_payment_fails_the_check() {
        let found = findings(Fault::LosesAPayment);
        assert!(
            found
                .iter()
                .any(|text| text.contains("acknowledged as sold")),
            "{found:?}"
        );
    }
}
