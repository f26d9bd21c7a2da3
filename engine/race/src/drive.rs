//! Drives lanes: as fast as they answer (closed), or at a fixed rate (open).
//!
//! Every order is carried to its end: what was begun in a turn is paid, or has expired, in it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::contender::{Answer, Failure, Lane, Request, VERBS, Verb};
use crate::tally::Tally;
use crate::workload::{Fate, Order, Profile, Workload};

/// Between two looks for what is due, in the first lane.
const SWEEP_EVERY: Duration = Duration::from_millis(10);

/// Hands orders out to the lanes of one turn.
#[derive(Debug)]
pub struct Feed {
    pub workload: Arc<Workload>,
    pub profile: Profile,
    pub next: AtomicU64,
    /// No order from this one on.
    pub end: u64,
    pub until: Instant,
}

impl Feed {
    fn order(&self) -> Option<Order> {
        if Instant::now() >= self.until {
            return None;
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < self.end).then(|| self.workload.order(self.profile, index))
    }
}

/// One turn of one lane: so many requests at once until the feed ends.
///
/// What follows from an answer goes before new orders, so that a hold waits for nobody.
pub async fn closed<L: Lane>(
    lane: &mut L,
    sweeps: bool,
    batch: usize,
    feed: &Feed,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut following = VecDeque::new();
    let mut requests = Vec::new();
    let mut swept = Instant::now();
    loop {
        requests.clear();
        while requests.len() < batch {
            match following.pop_front().or_else(|| feed.order().map(placing)) {
                Some(request) => requests.push(request),
                None => break,
            }
        }
        if requests.is_empty() {
            return Ok(tally);
        }
        let answers = lane.submit(&requests).await?;
        if answers.len() != requests.len() {
            return Err(format!("{} answers to {}", answers.len(), requests.len()).into());
        }
        for (request, answer) in requests.iter().zip(&answers) {
            tally.note(request, *answer)?;
            follow(request, *answer, &mut following);
        }
        if sweeps && swept.elapsed() >= SWEEP_EVERY {
            lane.sweep().await?;
            swept = Instant::now();
        }
    }
}

fn placing(order: Order) -> Request {
    Request {
        verb: Verb::Place,
        order,
        first: None,
    }
}

/// What comes after an answer, and the repeat of what was just answered before it.
fn follow(request: &Request, answer: Answer, following: &mut VecDeque<Request>) {
    if request.first.is_some() {
        return;
    }
    if request.order.repeated {
        following.push_back(Request {
            first: Some(answer),
            ..*request
        });
    }
    let verb = match (answer, request.order.fate) {
        (Answer::Held, Fate::Paid | Fate::Cancelled) | (Answer::Paying, _) => Verb::Pay,
        (Answer::Held, Fate::Released) => Verb::Release,
        (Answer::Closed, _) if request.verb == Verb::Release => Verb::Close,
        (Answer::Sold, Fate::Cancelled) => Verb::Close,
        (Answer::Held, Fate::PayingThenPaid) => Verb::StartPayment,
        (Answer::Held, Fate::Expires)
        | (Answer::Sold | Answer::Short | Answer::Lapsed | Answer::Closed, _) => return,
    };
    following.push_back(Request {
        verb,
        order: request.order,
        first: None,
    });
}

/// A run at a fixed rate.
#[derive(Debug, Default)]
pub struct Open {
    pub tally: Tally,
    /// Nanoseconds of each request, by [`Verb`]: of a placing from the instant at which it was due,
    /// of what follows from the answer before.
    pub waits: [Vec<u64>; VERBS],
    /// Nanoseconds from that instant until a lane took the order.
    pub lags: Vec<u64>,
    pub took: Duration,
}

/// Sends orders when they are due, whether earlier ones are answered or not, and pays them.
///
/// An order that finds every lane busy waits, and its wait counts.
pub async fn open<L: Lane + 'static>(
    lanes: Vec<L>,
    orders: u64,
    every: Duration,
    feed: Arc<Feed>,
) -> Result<(Vec<L>, Open), Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let began = Instant::now();
    let pacer = std::thread::spawn(move || pace(&sender, &feed, orders, began, every));
    let receiver = Arc::new(Mutex::new(receiver));
    let mut tasks = JoinSet::new();
    for (index, lane) in lanes.into_iter().enumerate() {
        tasks.spawn_local(paced(lane, index == 0, Arc::clone(&receiver)));
    }
    let (mut lanes, mut run) = (Vec::new(), Open::default());
    while let Some(done) = tasks.join_next().await {
        let (lane, part) = done??;
        lanes.push(lane);
        run.tally.add(&part.tally);
        for (waits, more) in run.waits.iter_mut().zip(part.waits) {
            waits.extend(more);
        }
        run.lags.extend(part.lags);
    }
    pacer.join().map_err(|_| "the pacer's thread panicked")?;
    run.took = began.elapsed();
    Ok((lanes, run))
}

/// Tokio's timer counts milliseconds; a sleeping thread counts tens of microseconds.
fn pace(
    sender: &mpsc::UnboundedSender<(Order, Instant)>,
    feed: &Feed,
    orders: u64,
    began: Instant,
    every: Duration,
) {
    for index in 0..orders {
        let due = began + every.mul_f64(index as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let number = feed.next.fetch_add(1, Ordering::Relaxed);
        if sender
            .send((feed.workload.order(feed.profile, number), due))
            .is_err()
        {
            return; // Every lane has failed.
        }
    }
}

type Due = mpsc::UnboundedReceiver<(Order, Instant)>;

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

async fn paced<L: Lane>(
    mut lane: L,
    sweeps: bool,
    due: Arc<Mutex<Due>>,
) -> Result<(L, Open), Failure> {
    let (mut run, mut following) = (Open::default(), VecDeque::new());
    let mut swept = Instant::now();
    loop {
        let next = due.lock().await.recv().await;
        let Some((order, at)) = next else {
            return Ok((lane, run));
        };
        run.lags.push(nanoseconds(at));
        following.push_back(placing(order));
        let mut due = at;
        while let Some(request) = following.pop_front() {
            let answers = lane.submit(&[request]).await?;
            if request.first.is_none() {
                run.waits[request.verb as usize].push(nanoseconds(due));
            }
            due = Instant::now();
            let answer = *answers.first().ok_or("no answer")?;
            run.tally.note(&request, answer)?;
            follow(&request, answer, &mut following);
        }
        if sweeps && swept.elapsed() >= SWEEP_EVERY {
            lane.sweep().await?;
            swept = Instant::now();
        }
    }
}
