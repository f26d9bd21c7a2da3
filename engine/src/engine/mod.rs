//! The running engine: the state behind one lock, the journal thread, the ticker.
//!
//! A call is decoded outside the lock, decided inside it, and answered when the
//! journal has made durable what the answer depends on: refusals and reads too,
//! since a crash could otherwise contradict them. Nobody waits while holding
//! the lock.

mod admission;
mod archiver;
mod beside;
mod calls;
mod folder;
mod metrics;
mod mirror;
mod note;
mod scrubber;
mod settings;
pub(crate) mod shares;
mod snapshotter;
mod stores;
mod ticker;
mod watch;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::archive::{Archive, ArchiveError};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::domain::inventory::board::Board;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::state::{Finding, State};
use crate::journal::{
    CommitError, Durability, Folder, FolderLock, Reader, Recovery, Spare, Writer,
};
use crate::snapshots::{Head, SnapshotError, Snapshots};
use crate::vault::{Vault, VaultError};
use crate::views::Locale;
use crate::wire::decode::{self, Request};
use crate::wire::status;

pub use folder::{
    ArchiveReport, Compacted, DocumentsReport, FolderReport, SnapshotReport, compact_folder,
    cut_folder, replay_folder, rotate_key, snapshot_folder, verify_folder,
};
pub use metrics::Metrics;
pub use mirror::mirror_of;
pub use settings::{ClockChoice, RedisSettings, Settings};
pub use watch::Watch;

use archiver::ArchiveCounts;
pub use archiver::{ArchivingError, open as open_archive};
use beside::Beside;
use calls::Step;
use metrics::Seen;
use scrubber::ScrubCounts;
use shares::Shares;
use snapshotter::SnapshotCounts;
use stores::Stores;

/// A call from any front. Everything about it except the socket is here.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// "/holdfast.v1.OrderService/PlaceOrder".
    pub method: &'a str,
    pub request: &'a [u8],
    /// The secret of the credential.
    pub token: Option<&'a str>,
    /// Time that is left to the caller.
    pub deadline: Option<Duration>,
    /// As in an accept-language header.
    pub locale: &'a str,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// gRPC status code; 0 is OK.
    pub code: u32,
    /// The response message, or a google.rpc.Status.
    pub payload: Vec<u8>,
}

impl Reply {
    fn ok(payload: Vec<u8>) -> Self {
        Self { code: 0, payload }
    }

    fn refused(refusal: &Refusal, locale: Locale) -> Self {
        Self {
            code: u32::from(refusal.spec().class as u8),
            payload: status::status(refusal, locale),
        }
    }
}

/// Receives the reply of [`Engine::submit`].
pub type Done = Box<dyn FnOnce(Reply) + Send>;

/// Whether the engine takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    Serving = 0,
    Draining = 1,
    Failed = 2,
}

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(
        "{0}. The journal and this version of the engine do not agree; restore a backup or use the version that wrote it"
    )]
    Inconsistent(#[from] crate::domain::state::Inconsistent),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("record {seq} of the journal cannot be read: {detail}")]
    Record { seq: u64, detail: String },
    #[error("the setting {setting} is wrong: {detail}")]
    Setting {
        setting: &'static str,
        detail: String,
    },
}

/// Everything that outlives one call.
#[derive(Debug)]
pub(crate) struct Shared {
    core: Mutex<State>,
    writer: Writer,
    reader: Arc<dyn Reader>,
    vault: Arc<Vault>,
    clock: Clock,
    board: Board,
    phase: AtomicU8,
    settings: Settings,
    durability: Durability,
    recovered: Recovered,
    snapshots: Option<Snapshots>,
    snapshot_counts: SnapshotCounts,
    archive: Option<Archive>,
    archive_counts: ArchiveCounts,
    merchant_numbers: RwLock<HashMap<Box<str>, u32>>,
    scrubs: ScrubCounts,
    incidents: AtomicU64,
    shares: Shares,
    /// What was last seen of the state, for exporters.
    seen: Mutex<Seen>,
    /// Dropped last: another engine may open the folder only after everything.
    _lock: Option<FolderLock>,
}

/// An open engine. Several may live in one process, each with its own folder.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    ticker: Option<Beside>,
    grower: Option<Beside>,
    scrubber: Option<Beside>,
    snapshotter: Option<Beside>,
    archiver: Option<Beside>,
    notary: Option<Beside>,
}

/// What opening an engine found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recovered {
    #[serde(flatten)]
    pub journal: Recovery,
    /// The last record of the snapshot that the start began with; 0: none.
    pub snapshot_seq: u64,
    /// Records replayed after it.
    pub replayed: u64,
    /// Why newer snapshots were not used.
    pub rejected_snapshots: Vec<String>,
}

impl Engine {
    /// Opens an engine: takes the folder's lock, replays the journal, credits
    /// the outage, starts the journal thread and the ticker.
    ///
    /// # Errors
    /// [`OpenError`] if the folder is in use, the journal is damaged or newer
    /// than this engine, or a setting is wrong. Nothing is changed then.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let clock = match settings.clock {
            ClockChoice::System => Clock::System(SystemClock::default()),
            ClockChoice::ManualMs(now_ms) => Clock::Manual(ManualClock::new(now_ms)),
        };
        Self::open_with_clock(settings, clock)
    }

    /// The same with a clock of the caller's.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_with_clock(settings: Settings, clock: Clock) -> Result<Self, OpenError> {
        let stores = Stores::open(&settings)?;
        let durability = stores.journal.durability();
        let (mut state, recovered) = stores.state()?;
        let archive = stores.archive(&state)?;
        let board = state.board().clone();
        let vault = Arc::new(stores.vault);
        let flush = Arc::clone(&vault);
        let spare = stores.journal.spare();
        let writer = Writer::start(stores.journal, Box::new(move || flush.sync()));
        let started = state.start(clock.now(), env!("CARGO_PKG_VERSION"));
        writer.append_message(&started);
        let shared = Arc::new(Shared {
            core: Mutex::new(state),
            writer,
            reader: stores.reader,
            vault,
            clock,
            board,
            phase: AtomicU8::new(Phase::Serving as u8),
            settings,
            durability,
            recovered,
            snapshots: stores.snapshots,
            snapshot_counts: SnapshotCounts::default(),
            archive,
            archive_counts: ArchiveCounts::default(),
            merchant_numbers: RwLock::default(),
            scrubs: ScrubCounts::default(),
            incidents: AtomicU64::new(0),
            shares: Shares::default(),
            seen: Mutex::default(),
            _lock: stores.lock,
        });
        shared.issue_bootstrap_token()?;
        let ticker = Some(ticker::start(&shared));
        let grower = spare.map(|spare| Beside::look("spare", GROW_EVERY, move || grow(&spare)));
        let scrubber = (shared.settings.scrub_every_s > 0)
            .then(|| scrubber::start(&shared, Duration::from_secs(shared.settings.scrub_every_s)));
        let notary = (shared.settings.journal.is_redis()).then(|| note::start(&shared));
        let snapshotter = (shared.snapshots.is_some() && shared.settings.snapshot_every > 0)
            .then(|| snapshotter::start(&shared));
        let archiver = shared.archive.is_some().then(|| archiver::start(&shared));
        Ok(Self {
            shared,
            ticker,
            grower,
            scrubber,
            snapshotter,
            archiver,
            notary,
        })
    }

    /// Answers a call; blocks until what it depends on is durable.
    #[must_use]
    pub fn call(&self, call: Call<'_>) -> Reply {
        let locale = Locale::from_accept_language(call.locale);
        let deadline = self.shared.deadline_of(&call);
        #[cfg(feature = "planted")]
        let began = Instant::now();
        let (step, _part) = self.shared.begin(&call, locale);
        let reply = match step {
            Step::Ready(reply) => reply,
            Step::After { seq, finish } => match self.shared.writer.wait(seq, deadline) {
                Ok(()) => finish(&self.shared),
                Err(error) => self.shared.unfinished(&error, locale),
            },
        };
        #[cfg(feature = "planted")]
        crate::planted::dragged(began, || self.metrics().open_orders);
        reply
    }

    /// Answers a call through `done`: at once if nothing is to be waited for,
    /// else from the journal thread.
    pub fn submit(&self, call: Call<'_>, done: Done) {
        let locale = Locale::from_accept_language(call.locale);
        let (step, part) = self.shared.begin(&call, locale);
        match step {
            Step::Ready(reply) => done(reply),
            Step::After { seq, finish } => {
                let shared = Arc::clone(&self.shared);
                self.shared.writer.when_durable(
                    seq,
                    Box::new(move |result| {
                        done(match result {
                            Ok(()) => finish(&shared),
                            Err(error) => shared.unfinished(&error, locale),
                        });
                        drop(part);
                    }),
                );
            }
        }
    }

    /// Says that more calls follow within the instant, so that they share a
    /// sync; [`flush`](Self::flush) says that they have come.
    pub fn gather(&self) {
        self.shared.writer.gather();
    }

    /// Ends what [`gather`](Self::gather) began.
    pub fn flush(&self) {
        self.shared.writer.flush();
    }

    /// Runs `hook` once after each commit group and its completions.
    pub fn on_group(&self, hook: Box<dyn Fn() + Send + Sync>) {
        self.shared.writer.on_group(hook);
    }

    /// Opens a stream of events.
    ///
    /// # Errors
    /// The refusal as a reply.
    pub fn watch(&self, call: Call<'_>) -> Result<Watch, Reply> {
        let locale = Locale::from_accept_language(call.locale);
        let admitted = self.shared.admit(&call).and_then(|(method, caller)| {
            let request = decode::decode(method, call.request, caller.of_request())?;
            Ok((request, caller.merchant))
        });
        match admitted.map_err(|refusal| Reply::refused(&refusal, locale))? {
            (Request::Watch(query), merchant) => Ok(Watch::open(
                Arc::clone(&self.shared),
                merchant,
                call.token.map(admission::sha256),
                query,
                locale,
            )),
            _ => Err(Reply::refused(
                &Refusal::new(RefusalCode::MethodUnknown).fact("method", call.method),
                locale,
            )),
        }
    }

    /// The raw counters of a merchant's pools, for any thread, without the lock.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.shared.board
    }

    #[must_use]
    pub fn manual_clock(&self) -> Option<Arc<ManualClock>> {
        match &self.shared.clock {
            Clock::Manual(clock) => Some(Arc::clone(clock)),
            Clock::System(_) => None,
        }
    }

    #[must_use]
    pub fn metrics(&self) -> Metrics {
        metrics::collect(&self.shared)
    }

    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        self.shared.writer.durable_seq()
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// Where the truth is kept, in words for people.
    #[must_use]
    pub fn persistence(&self) -> String {
        self.shared.persistence()
    }

    /// What a reply waits for.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.durability
    }

    /// What recovery found at the start.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.shared.recovered
    }

    /// Takes a snapshot of what is durable now, beside the running engine. Gives the
    /// newest one if nothing happened since, and `None` if nothing is durable in a folder.
    ///
    /// # Errors
    /// [`OpenError`], as replaying the journal and writing files give; the engine and
    /// the snapshots that were there are as before.
    pub fn snapshot(&self) -> Result<Option<Head>, OpenError> {
        snapshotter::take(&self.shared)
    }

    /// Archives every order that may leave memory now, and gives how many did. The engine
    /// does so by itself; without a data folder it never does.
    ///
    /// # Errors
    /// [`ArchivingError`]; what did not leave is in memory as before.
    pub fn archive(&self) -> Result<usize, ArchivingError> {
        let mut left = 0;
        loop {
            match archiver::one_run(&self.shared)? {
                0 => return Ok(left),
                more => left += more,
            }
        }
    }

    /// The state that replaying the journal gives, beside the running engine, and where
    /// it differs from itself, from the sum of its movements or from the snapshots.
    ///
    /// # Errors
    /// [`OpenError`] if the journal cannot be read or does not fit this version.
    pub fn examine(&self) -> Result<(State, Vec<Finding>), OpenError> {
        let none = Snapshots::new(Arc::new(Folder::at(Path::new(""))));
        let snapshots = self.shared.snapshots.as_ref().unwrap_or(&none);
        folder::examine(self.shared.reader.as_ref(), snapshots, self.durable_seq())
    }

    /// Takes nothing new from here on; what is under way is finished.
    pub fn drain(&self) {
        self.shared
            .phase
            .store(Phase::Draining as u8, Ordering::Relaxed);
    }

    /// Drains, makes everything durable and stops the threads.
    ///
    /// # Errors
    /// [`CommitError`] if the last group could not be made durable.
    pub fn close(&mut self) -> Result<(), CommitError> {
        self.drain();
        if let Some(ticker) = self.ticker.take() {
            ticker.stop();
        }
        if let Some(grower) = self.grower.take() {
            grower.stop();
        }
        if let Some(archiver) = self.archiver.take() {
            archiver.stop();
        }
        if let Some(snapshotter) = self.snapshotter.take() {
            if let Some(snapshots) = &self.shared.snapshots {
                snapshots.stop();
            }
            snapshotter.stop();
        }
        if let Some(scrubber) = self.scrubber.take() {
            scrubber.stop();
        }
        let closed = self.shared.writer.flush_and_close();
        if let Some(notary) = self.notary.take() {
            notary.stop();
        }
        closed
    }
}

/// How often it is looked whether the journal's next segment is to be grown.
const GROW_EVERY: Duration = Duration::from_millis(20);
/// Between two pieces of it, others get the disk.
const GROW_BREATH: Duration = Duration::from_millis(2);
/// After a failure, which the journal would meet too if it mattered.
const GROW_PAUSE: Duration = Duration::from_secs(60);

/// Grows the next segment a little, and gives how long to wait then.
fn grow(spare: &Spare) -> Duration {
    match spare.grow() {
        Ok(true) => GROW_BREATH,
        Ok(false) => GROW_EVERY,
        Err(error) => {
            let detail = error.to_string();
            eprintln!(r#"{{"level":"warning","event":"spare_failed","detail":{detail:?}}}"#);
            GROW_PAUSE
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The last group is durable or its callers were told otherwise.
        let _ = self.close();
    }
}

impl Shared {
    /// True if the data folder has a second copy of its journal.
    fn is_mirrored(&self) -> Result<bool, OpenError> {
        match &self.settings.path {
            Some(path) => Ok(mirror_of(path)?.is_some()),
            None => Ok(false),
        }
    }

    fn phase(&self) -> Phase {
        if self.writer.poisoned() {
            return Phase::Failed;
        }
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    fn deadline_of(&self, call: &Call<'_>) -> Option<Instant> {
        let left = call
            .deadline
            .unwrap_or(Duration::from_millis(self.settings.default_deadline_ms));
        Instant::now().checked_add(left)
    }

    /// Where the truth is kept, in words for people.
    fn persistence(&self) -> String {
        match &self.settings.path {
            None => "memory (gone when the process ends)".into(),
            Some(_) if self.settings.journal.is_redis() => {
                let place = self.settings.redis.options().place();
                format!("{} {place}", self.settings.journal)
            }
            Some(path) => format!("{} {}", self.settings.journal, path.display()),
        }
    }
}
