//! The journal thread: takes everything that waits, makes it durable once, and
//! tells everyone.
//!
//! While one group is being synced the next one gathers by itself, so that the
//! group grows with the load and no artificial delay is needed. The first
//! failure poisons the journal: nothing is acknowledged afterwards and no sync
//! is tried again, since the system may have dropped what it could not write.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use serde::Serialize;

use super::queue::{Queue, Taken};
use super::{Journal, Progress, Space, TEND_EVERY};
use crate::backward::Put;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, RwLock};

/// Bytes that may wait before new work is refused.
const BACKLOG_LIMIT: u64 = 64 << 20;
/// How long gathering may go on: whoever began it may never come to end it.
const GATHER_LIMIT: Duration = Duration::from_millis(2);
/// Pauses between attempts to commit one group: the first, doubled up to the last.
const AGAIN_FIRST: Duration = Duration::from_millis(5);
const AGAIN_LAST: Duration = Duration::from_millis(200);
/// Upper bounds of the sync time histogram, in microseconds.
const BOUNDS_US: [u64; 12] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 200_000, 1_000_000, 5_000_000,
];

/// Why a caller does not know that its record is durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    #[error("the deadline passed while the journal was writing")]
    DeadlineExceeded,
    #[error(
        "the journal failed: {0}. Nothing is acknowledged any more; start the engine again and repeat with the same request_id"
    )]
    Failed(String),
    #[error("the engine was closed before the record was durable")]
    Closed,
}

/// A journal that cannot be reached.
#[derive(Debug, Clone)]
pub struct Away {
    pub detail: String,
    pub since: Instant,
}

type Completion = Box<dyn FnOnce(Result<(), CommitError>) + Send>;
type Hook = Box<dyn Fn() + Send + Sync>;
type BeforeCommit = Box<dyn FnMut() -> io::Result<()> + Send>;

/// What the journal thread and its callers share under one lock.
struct Desk {
    queue: Queue<Completion>,
    /// More is about to be appended; until then it is not worth a sync.
    gathering_until: Option<Instant>,
    /// Records before this one are no longer needed.
    trim_before: Option<u64>,
    closing: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    /// Work arrived, or the engine closes.
    work: Condvar,
    /// A group became durable, or the journal failed.
    progress: Condvar,
    durable: AtomicU64,
    poisoned: AtomicBool,
    /// Why the journal cannot be reached at present, and since when.
    away: Mutex<Option<Away>>,
    is_away: AtomicBool,
    backlog: AtomicU64,
    hooks: RwLock<Vec<Hook>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    groups: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    last_group: AtomicU64,
    sync_us: AtomicU64,
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
}

/// Counters of the journal thread.
#[derive(Debug, Clone, Serialize)]
pub struct WriterMetrics {
    pub groups: u64,
    pub records: u64,
    pub bytes: u64,
    pub last_group_records: u64,
    pub backlog_bytes: u64,
    /// How long what the journal needs has been out of reach; 0 if it is there.
    pub away_seconds: u64,
    pub commit_us_sum: u64,
    /// Upper bound in microseconds and number of commits at or below it.
    pub commit_us_buckets: Vec<(u64, u64)>,
    pub poisoned: bool,
}

/// The handle to the journal thread.
pub struct Writer {
    space: Option<Arc<Space>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("durable_seq", &self.durable_seq())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread. `before_commit` makes durable what records refer to;
    /// it runs before each group and should cost nothing when nothing waits.
    #[must_use]
    pub fn start(journal: Box<dyn Journal>, before_commit: BeforeCommit) -> Self {
        let last_seq = journal.last_seq();
        let space = journal.space();
        let shared = Arc::new(Shared {
            desk: Mutex::new(Desk {
                queue: Queue::behind(last_seq),
                gathering_until: None,
                trim_before: None,
                closing: false,
            }),
            work: Condvar::new(),
            progress: Condvar::new(),
            durable: AtomicU64::new(last_seq),
            poisoned: AtomicBool::new(false),
            away: Mutex::default(),
            is_away: AtomicBool::new(false),
            backlog: AtomicU64::new(0),
            hooks: RwLock::default(),
            counts: Counts::default(),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("holdfast-journal".into())
            .spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| run(&own, journal, before_commit)));
                match outcome {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => own.fail(&error.to_string()),
                    Err(_) => own.fail("the journal thread panicked"),
                }
            })
            .expect("the system gives a thread");
        Self {
            space,
            shared,
            thread: Mutex::new(Some(thread)),
        }
    }

    /// Queues a record and gives its sequence number. Only copies; the caller
    /// holds the lock that puts records in order.
    pub fn append(&self, record: &[u8]) -> u64 {
        self.enqueue(|queue| queue.append(record))
    }

    /// The same for a record that is not bytes yet: written once, where it goes.
    pub fn append_message(&self, record: &(impl Put + Message)) -> u64 {
        self.enqueue(|queue| queue.append_message(record))
    }

    fn enqueue(&self, append: impl FnOnce(&mut Queue<Completion>) -> (u64, u64)) -> u64 {
        let mut desk = self.shared.desk.lock();
        let (seq, added) = append(&mut desk.queue);
        self.shared.backlog.fetch_add(added, Ordering::Relaxed);
        if desk.queue.len() == 1 && desk.gathering_until.is_none() {
            self.shared.work.notify_one();
        }
        seq
    }

    /// Says that more records follow within the instant: they share a sync if
    /// the journal thread waits for [`flush`](Self::flush), at most 2 ms.
    pub fn gather(&self) {
        self.shared
            .desk
            .lock()
            .gathering_until
            .get_or_insert_with(|| Instant::now() + GATHER_LIMIT);
    }

    /// Ends gathering.
    pub fn flush(&self) {
        let mut desk = self.shared.desk.lock();
        desk.gathering_until = None;
        if !desk.queue.is_empty() {
            self.shared.work.notify_one();
        }
    }

    /// Asks for [`Journal::trim`], when there is time. A snapshot must hold what goes.
    pub fn trim(&self, before_seq: u64) {
        self.shared.desk.lock().trim_before = Some(before_seq);
        self.shared.work.notify_one();
    }

    /// Runs `completion` when `seq` is durable, or known not to become so: at
    /// once, or in the journal thread.
    pub fn when_durable(&self, seq: u64, completion: Completion) {
        let settled = self.shared.desk.lock().queue.wait(seq, completion);
        if let Err((completion, result)) = settled {
            completion(result);
        }
    }

    /// Blocks until `seq` is durable.
    ///
    /// # Errors
    /// [`CommitError`]; the record may become durable all the same.
    pub fn wait(&self, seq: u64, deadline: Option<Instant>) -> Result<(), CommitError> {
        if self.durable_seq() >= seq {
            return Ok(());
        }
        let mut desk = self.shared.desk.lock();
        loop {
            if let Some(result) = desk.queue.settled(seq) {
                return result;
            }
            match deadline {
                None => self.shared.progress.wait(&mut desk),
                Some(deadline) => {
                    let late = self
                        .shared
                        .progress
                        .wait_until(&mut desk, deadline)
                        .timed_out();
                    if late && desk.queue.settled(seq).is_none() {
                        return Err(CommitError::DeadlineExceeded);
                    }
                }
            }
        }
    }

    /// Runs `hook` once after each group and its completions.
    pub fn on_group(&self, hook: Hook) {
        self.shared.hooks.write().push(hook);
    }

    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        // Acquire: whoever sees the number also sees what the group wrote.
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Waiting bytes and their limit, if there are too many.
    #[must_use]
    pub fn overloaded(&self) -> Option<(u64, u64)> {
        let backlog = self.shared.backlog.load(Ordering::Relaxed);
        (backlog > BACKLOG_LIMIT).then_some((backlog, BACKLOG_LIMIT))
    }

    /// How much room the journal has, where that is known.
    #[must_use]
    pub fn space(&self) -> Option<&Space> {
        self.space.as_deref()
    }

    /// Why nothing can be made durable at present, and since when, while the journal
    /// tries again.
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        match self.shared.is_away.load(Ordering::Relaxed) {
            true => self.shared.away.lock().clone(),
            false => None,
        }
    }

    /// Bytes that wait to become durable.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.shared.backlog.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn poisoned(&self) -> bool {
        self.shared.poisoned.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn metrics(&self) -> WriterMetrics {
        let counts = &self.shared.counts;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut below = 0;
        let bounds = BOUNDS_US.iter().copied().chain([u64::MAX]);
        let buckets = bounds.zip(&counts.buckets).map(|(bound, count)| {
            below += get(count);
            (bound, below)
        });
        WriterMetrics {
            commit_us_buckets: buckets.collect(),
            groups: get(&counts.groups),
            records: get(&counts.records),
            bytes: get(&counts.bytes),
            last_group_records: get(&counts.last_group),
            backlog_bytes: get(&self.shared.backlog),
            away_seconds: self.away().map_or(0, |away| away.since.elapsed().as_secs()),
            commit_us_sum: get(&counts.sync_us),
            poisoned: self.poisoned(),
        }
    }

    /// Makes everything durable that was appended, and ends the thread.
    ///
    /// # Errors
    /// [`CommitError::Failed`] if the journal failed before or now.
    pub fn flush_and_close(&self) -> Result<(), CommitError> {
        self.shared.desk.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // Its panics are caught and told as a failure.
            let _ = thread.join();
        }
        let (result, waiting) = {
            let mut desk = self.shared.desk.lock();
            let result = match desk.queue.failure() {
                Some(CommitError::Closed) | None => Ok(()),
                Some(failure) => Err(failure.clone()),
            };
            (result, desk.queue.close().collect::<Vec<_>>())
        };
        // Who appended after the thread's last look waits for nobody.
        self.shared.progress.notify_all();
        if !waiting.is_empty() {
            for completion in waiting {
                completion(Err(CommitError::Closed));
            }
            self.shared.call_hooks();
        }
        result
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.flush_and_close();
    }
}

impl Shared {
    /// Poisons the journal and tells everyone who waits.
    fn fail(&self, detail: &str) {
        eprintln!(r#"{{"level":"error","event":"journal_failed","detail":{detail:?}}}"#);
        let failure = CommitError::Failed(detail.to_owned());
        let waiting: Vec<Completion> = {
            let mut desk = self.desk.lock();
            self.poisoned.store(true, Ordering::Relaxed);
            desk.queue.fail(failure.clone()).collect()
        };
        self.progress.notify_all();
        for completion in waiting {
            completion(Err(failure.clone()));
        }
        self.call_hooks();
    }

    fn call_hooks(&self) {
        for hook in self.hooks.read().iter() {
            hook();
        }
    }
}

fn run(
    shared: &Shared,
    mut journal: Box<dyn Journal>,
    mut before_commit: BeforeCommit,
) -> io::Result<()> {
    let mut taken = Taken::default();
    let mut unsealed = false;
    let mut tended = Instant::now();
    loop {
        let next = take(shared, &mut taken, unsealed.then(|| journal.idle_after()));
        if tended.elapsed() >= TEND_EVERY {
            journal.tend()?;
            tended = Instant::now();
        }
        match next {
            Next::Commit => {
                let began = Instant::now();
                before_commit()?;
                let group = taken.group();
                persist(shared, || journal.commit(&group))?;
                shared.publish(&taken, began.elapsed());
                unsealed = true;
            }
            Next::Seal => {
                journal.seal()?;
                unsealed = false;
            }
            Next::Trim(before_seq) => journal.trim(before_seq)?,
            Next::Tend => {}
            Next::Close => {
                if unsealed {
                    journal.seal()?;
                }
                return Ok(());
            }
        }
    }
}

/// Makes something durable, as often as it says that it may be tried again.
fn persist(shared: &Shared, mut attempt: impl FnMut() -> io::Result<Progress>) -> io::Result<()> {
    let mut pause = AGAIN_FIRST;
    loop {
        match attempt()? {
            Progress::Durable => {
                if shared.is_away.swap(false, Ordering::Relaxed)
                    && let Some(away) = shared.away.lock().take()
                {
                    let seconds = away.since.elapsed().as_secs_f32();
                    eprintln!(
                        r#"{{"level":"warning","event":"journal_back","seconds":{seconds:.1}}}"#
                    );
                }
                return Ok(());
            }
            Progress::Again { detail } => {
                if !shared.is_away.swap(true, Ordering::Relaxed) {
                    eprintln!(r#"{{"level":"error","event":"journal_away","detail":{detail:?}}}"#);
                    *shared.away.lock() = Some(Away {
                        detail: detail.clone(),
                        since: Instant::now(),
                    });
                }
                let mut desk = shared.desk.lock();
                if !desk.closing {
                    shared.work.wait_for(&mut desk, pause);
                }
                if desk.closing {
                    return Err(io::Error::other(format!("closed while {detail}")));
                }
                pause = (pause * 2).min(AGAIN_LAST);
            }
        }
    }
}

enum Next {
    Commit,
    Seal,
    Trim(u64),
    /// Nothing came for a while.
    Tend,
    Close,
}

/// Waits for work and takes all of it.
fn take(shared: &Shared, taken: &mut Taken, idle: Option<Duration>) -> Next {
    let mut desk = shared.desk.lock();
    loop {
        if !desk.queue.is_empty() {
            if let Some(until) = desk.gathering_until
                && !desk.closing
                && Instant::now() < until
            {
                shared.work.wait_until(&mut desk, until);
                continue;
            }
            desk.gathering_until = None;
            desk.queue.take(taken);
            return Next::Commit;
        }
        if let Some(before_seq) = desk.trim_before.take() {
            return Next::Trim(before_seq);
        }
        if desk.closing {
            return Next::Close;
        }
        let (nap, then) = match idle {
            Some(idle) if idle < TEND_EVERY => (idle, Next::Seal),
            _ => (TEND_EVERY, Next::Tend),
        };
        if shared.work.wait_for(&mut desk, nap).timed_out()
            && desk.queue.is_empty()
            && desk.trim_before.is_none()
            && !desk.closing
        {
            return then;
        }
    }
}

impl Shared {
    /// Tells everyone that a group is durable.
    fn publish(&self, taken: &Taken, took: Duration) {
        let group = taken.group();
        let counts = &self.counts;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counts.groups.fetch_add(1, Ordering::Relaxed);
        counts
            .records
            .fetch_add(group.count.into(), Ordering::Relaxed);
        counts
            .bytes
            .fetch_add(group.body.len() as u64, Ordering::Relaxed);
        counts
            .last_group
            .store(group.count.into(), Ordering::Relaxed);
        counts.sync_us.fetch_add(us, Ordering::Relaxed);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        counts.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.backlog
            .fetch_sub(group.body.len() as u64, Ordering::Relaxed);
        let ready: Vec<Completion> = {
            let mut desk = self.desk.lock();
            // Release, under the lock: a waiter that looks afterwards sees it.
            self.durable.store(taken.last_seq(), Ordering::Release);
            desk.queue.publish(taken).collect()
        };
        self.progress.notify_all();
        for completion in ready {
            completion(Ok(()));
        }
        self.call_hooks();
    }
}
