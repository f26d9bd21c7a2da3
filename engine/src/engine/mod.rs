//! The running engine: the state behind one lock, the journal thread, the ticker.
//!
//! A call is decoded outside the lock, decided inside it, and answered when the
//! journal has made durable what the answer depends on: refusals and reads too,
//! since a crash could otherwise contradict them. Nobody waits while holding
//! the lock.

mod archiver;
mod beside;
mod folder;
mod metrics;
mod mirror;
mod note;
mod scrubber;
mod settings;
pub(crate) mod shares;
mod snapshotter;
mod ticker;
mod watch;

use std::collections::HashMap;
use std::ops::ControlFlow as Flow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLock};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::ahead::ahead;
use crate::archive::{Archive, ArchiveError, By};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::domain::command::{Command, IssueToken, Principal, RequestKey, Submission};
use crate::domain::event::{Event, Record};
use crate::domain::inventory::board::Board;
use crate::domain::orders::lifecycle::Role;
use crate::domain::outcome::Answer;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::state::{Decision, Finding, State};
use crate::journal::{
    CommitError, Disk, Durability, FileJournal, FileOptions, Folder, FolderLock, Journal,
    JournalError, MemoryJournal, Mode, Reader, Recovery, RedisJournal, Space, StreamError, Writer,
};
use crate::snapshots::{Head, SnapshotError, Snapshots, Start};
use crate::vault::{Vault, VaultError};
use crate::views::Locale;
use crate::wire::decode::{self, Decoded, Request};
use crate::wire::methods::{self, Kind, MethodSpec};
use crate::wire::queries::{self, EngineFacts};
use crate::wire::reply::{self, Receipt};
use crate::wire::status;

pub use folder::{
    ArchiveReport, Compacted, FolderReport, SnapshotReport, compact_folder, cut_folder,
    replay_folder, rotate_key, snapshot_folder, verify_folder,
};
pub use metrics::Metrics;
pub use mirror::mirror_of;
pub use settings::{ClockChoice, RedisSettings, Settings};
pub use watch::Watch;

use archiver::ArchiveCounts;
pub use archiver::ArchivingError;
use beside::Beside;
use scrubber::ScrubCounts;
use shares::{Part, Shares};
use snapshotter::SnapshotCounts;

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

/// Bytes that may wait while the journal cannot be reached; more would only grow old.
const AWAY_BACKLOG: u64 = 256 << 10;

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
    /// Dropped last: another engine may open the folder only after everything.
    _lock: Option<FolderLock>,
}

/// An open engine. Several may live in one process, each with its own folder.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    ticker: Option<Beside>,
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

/// Who calls, and when.
struct Caller {
    merchant: String,
    /// The merchant's number; `None` for the process that the engine is embedded in.
    number: Option<u32>,
    principal: Principal,
    now: i64,
}

/// What a call waits for, and how it then answers.
enum Step {
    Ready(Reply),
    After {
        seq: u64,
        finish: Box<dyn FnOnce(&Shared) -> Reply + Send>,
    },
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
        let writer = Writer::start(stores.journal, Box::new(move || flush.sync()));
        let started = state.start(clock.now(), env!("CARGO_PKG_VERSION"));
        writer.append(&started.encode_to_vec());
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
            _lock: stores.lock,
        });
        shared.issue_bootstrap_token()?;
        let ticker = Some(ticker::start(&shared));
        let scrubber = (shared.settings.scrub_every_s > 0)
            .then(|| scrubber::start(&shared, Duration::from_secs(shared.settings.scrub_every_s)));
        let notary = (shared.settings.journal.is_redis()).then(|| note::start(&shared));
        let snapshotter = (shared.snapshots.is_some() && shared.settings.snapshot_every > 0)
            .then(|| snapshotter::start(&shared));
        let archiver = shared.archive.is_some().then(|| archiver::start(&shared));
        Ok(Self {
            shared,
            ticker,
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
        let (step, _part) = self.shared.begin(&call, locale);
        match step {
            Step::Ready(reply) => reply,
            Step::After { seq, finish } => match self.shared.writer.wait(seq, deadline) {
                Ok(()) => finish(&self.shared),
                Err(error) => self.shared.unfinished(&error, locale),
            },
        }
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
            let request = decode::decode(method, call.request, &caller.principal)?;
            Ok((request, caller.merchant))
        });
        match admitted.map_err(|refusal| Reply::refused(&refusal, locale))? {
            (Request::Watch(query), merchant) => Ok(Watch::open(
                Arc::clone(&self.shared),
                merchant,
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

    /// Everything up to the point where only the journal is waited for, and the part of
    /// the engine that the call holds until it is answered.
    fn begin(&self, call: &Call<'_>, locale: Locale) -> (Step, Option<Part>) {
        let refused = |refusal| (Step::Ready(Reply::refused(&refusal, locale)), None);
        if call.deadline.is_some_and(|left| left.is_zero()) {
            return refused(
                Refusal::new(RefusalCode::DeadlineExceeded)
                    .fact("when", "before the call was looked at; nothing was done"),
            );
        }
        let (method, caller) = match self.admit(call) {
            Ok(admitted) => admitted,
            Err(refusal) => return refused(refusal),
        };
        let in_stream = method.kind == Kind::BidiStream;
        let taken = decode::decode(method, call.request, &caller.principal)
            .and_then(|request| Ok((self.take_part(&caller, &request)?, request)));
        let (part, request) = match taken {
            Ok(taken) => taken,
            // One wrong item does not end a stream.
            Err(refusal) => {
                let item = self.refuse_item(&refusal, locale, in_stream);
                return (Step::Ready(item), None);
            }
        };
        let Caller {
            merchant,
            principal,
            ..
        } = caller;
        let step = match request {
            Request::Command(decoded) => self.one(*decoded, &merchant, locale, in_stream),
            Request::Batch(items) => self.batch(items, &merchant, locale),
            Request::Query(query) => self.query(&query, &principal, &merchant, locale),
            Request::Watch(_) => {
                return refused(
                    Refusal::new(RefusalCode::MethodUnknown).fact("method", call.method),
                );
            }
        };
        (step, part)
    }

    /// The caller's part of the engine. The process that the engine is embedded in
    /// has nobody to share with.
    fn take_part(&self, caller: &Caller, request: &Request) -> Result<Option<Part>, Refusal> {
        let commands = match request {
            Request::Batch(items) => items.len(),
            Request::Command(_) | Request::Query(_) | Request::Watch(_) => 1,
        };
        caller
            .number
            .map(|number| self.shares.take(number, commands, caller.now))
            .transpose()
    }

    /// Method, identity, authorization, phase.
    fn admit(&self, call: &Call<'_>) -> Result<(&'static MethodSpec, Caller), Refusal> {
        let method = methods::find(call.method)
            .ok_or_else(|| Refusal::new(RefusalCode::MethodUnknown).fact("method", call.method))?;
        let caller = self.identify(call.token)?;
        methods::authorize(method, caller.principal.role)?;
        if method.mutation {
            self.check_open()?;
        }
        Ok((method, caller))
    }

    fn check_open(&self) -> Result<(), Refusal> {
        match self.phase() {
            Phase::Draining => return Err(Refusal::new(RefusalCode::Draining)),
            Phase::Failed => {
                return Err(Refusal::new(RefusalCode::CommitUnknown).fact(
                    "detail",
                    "the journal failed; the engine must be started again",
                ));
            }
            Phase::Serving => {}
        }
        if let Some(away) = self.writer.away()
            && self.writer.backlog() > AWAY_BACKLOG
        {
            return Err(Refusal::new(RefusalCode::JournalUnreachable)
                .fact("detail", away.detail)
                .fact("seconds", away.since.elapsed().as_secs())
                .fact("retry_ms", 1_000));
        }
        match self.writer.overloaded() {
            None => Ok(()),
            Some((count, limit)) => Err(Refusal::new(RefusalCode::Overloaded)
                .fact("what", "the journal's queue")
                .fact("count", count)
                .fact("limit", limit)
                .fact("retry_ms", 50)),
        }
    }

    /// Merchant and principal of a credential.
    fn identify(&self, token: Option<&str>) -> Result<Caller, Refusal> {
        let unknown =
            |detail: &str| Refusal::new(RefusalCode::Unauthenticated).fact("detail", detail);
        let now = self.clock.now();
        let Some(secret) = token else {
            if !self.settings.embedded {
                return Err(unknown("the call carries none"));
            }
            let principal = Principal {
                actor: "embedded".into(),
                role: Role::Admin,
                device: String::new(),
            };
            return Ok(Caller {
                merchant: self.settings.merchant.clone(),
                number: None,
                principal,
                now,
            });
        };
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let state = self.core.lock();
        let token = state
            .token(&hash)
            .ok_or_else(|| unknown("it is not known or was revoked"))?;
        if token.expires_at != 0 && now >= token.expires_at {
            return Err(unknown("it has expired"));
        }
        let merchant = state.merchants()[token.merchant as usize].name.to_string();
        Ok(Caller {
            merchant,
            number: Some(token.merchant),
            principal: Principal {
                actor: token.actor.to_string(),
                role: token.role,
                device: token.device.to_string(),
            },
            now,
        })
    }

    fn issue_bootstrap_token(&self) -> Result<(), OpenError> {
        let Some(hex) = &self.settings.bootstrap_token_sha256 else {
            return Ok(());
        };
        let wrong = || OpenError::Setting {
            setting: "bootstrap_token_sha256",
            detail: "expected 64 hex digits".into(),
        };
        let token_sha256 = unhex(hex).ok_or_else(wrong)?;
        if self.core.lock().token(&token_sha256).is_some() {
            return Ok(());
        }
        let issue = IssueToken {
            token_sha256,
            actor: "operator".into(),
            role: Role::Admin,
            device: String::new(),
            expires_at: None,
            merchant: String::new(),
        };
        let submission = Submission {
            merchant: self.settings.merchant.clone(),
            principal: Principal {
                actor: "operator".into(),
                role: Role::Admin,
                device: String::new(),
            },
            key: RequestKey {
                key: decode::request_key(&self.settings.merchant, "operator", "bootstrap", hex),
                fingerprint: 1,
            },
            command: Command::IssueToken(issue),
            archived: None,
        };
        let mut state = self.core.lock();
        let now = self.clock.now();
        if let Decision::New(record) = state.submit(&submission, now) {
            self.writer.append(&record.encode_to_vec());
        }
        Ok(())
    }

    /// Decides one command and says what its reply waits for. `in_stream` wraps
    /// it as an item of a stream, refusals included.
    fn one(&self, mut decoded: Decoded, merchant: &str, locale: Locale, in_stream: bool) -> Step {
        if let Err(refusal) = self.may_name_merchant(&decoded, merchant) {
            return Step::Ready(self.refuse_item(&refusal, locale, in_stream));
        }
        if let Err(refusal) = self.prepare(&mut decoded, merchant) {
            return Step::Ready(self.refuse_item(&refusal, locale, in_stream));
        }
        let mut submissions = [decoded.submission(merchant)];
        let mut state = match self.lock_for(&mut submissions) {
            Ok(state) => state,
            Err(refusal) => return Step::Ready(self.refuse_item(&refusal, locale, in_stream)),
        };
        let now = self.clock.now();
        match state.submit(&submissions[0], now) {
            Decision::New(record) => {
                let seq = self.writer.append(&record.encode_to_vec());
                debug_assert_eq!(seq, state.seq(), "the journal and the state count alike");
                let reply = self.dress(
                    &state,
                    &decoded,
                    merchant,
                    &record,
                    Receipt {
                        seq,
                        durability: self.durability,
                        replayed: false,
                        decided_at: record.at,
                    },
                    locale,
                    in_stream,
                );
                self.after_commit(&decoded.command);
                Step::After {
                    seq,
                    finish: Box::new(move |_| reply),
                }
            }
            Decision::Repeat(seq) => {
                let merchant = merchant.to_owned();
                let finish = move |shared: &Shared| {
                    shared.repeat(&decoded, &merchant, seq, locale, in_stream)
                };
                Step::After {
                    seq,
                    finish: Box::new(finish),
                }
            }
            Decision::Fresh(refusal, anyway) => {
                if let Some(record) = anyway {
                    self.writer.append(&record.encode_to_vec());
                }
                let reply = self.refuse_item(&refusal, locale, in_stream);
                Step::After {
                    seq: state.seq(),
                    finish: Box::new(move |_| reply),
                }
            }
        }
    }

    /// The state, and with each submission the archived order that it names, if it does.
    fn lock_for(&self, submissions: &mut [Submission]) -> Result<MutexGuard<'_, State>, Refusal> {
        loop {
            let mut seen = u64::MAX;
            for submission in &mut *submissions {
                let by = match &submission.command {
                    // Another order may have the same id of its channel.
                    Command::PlaceOrder(_) => By::Number,
                    _ => By::AnyName,
                };
                let name = submission.command.order();
                let (archived, upto) = self.look_up(&submission.merchant, name, by)?;
                submission.archived = archived;
                seen = seen.min(upto);
            }
            let state = self.core.lock();
            // Orders that were archived between the two are neither here nor found.
            if state.archive_mark().run <= seen {
                return Ok(state);
            }
        }
    }

    /// Only the operator issues credentials of other merchants.
    fn may_name_merchant(&self, decoded: &Decoded, merchant: &str) -> Result<(), Refusal> {
        let operator = decode::RESERVED_ACTORS.contains(&decoded.caller.as_str());
        if operator || decoded.merchant(merchant) == merchant {
            return Ok(());
        }
        Err(Refusal::new(RefusalCode::PermissionDenied)
            .fact("role", decoded.principal.role)
            .fact("method", "IssueToken for another merchant")
            .fact("allowed", "the operator's own credential"))
    }

    fn refuse_item(&self, refusal: &Refusal, locale: Locale, in_stream: bool) -> Reply {
        if in_stream {
            Reply::ok(reply::stream_item(reply::refused_outcome(
                refusal, None, locale,
            )))
        } else {
            Reply::refused(refusal, locale)
        }
    }

    /// Makes sure that there is room for a new order, seals its document and leaves
    /// only the reference in the command.
    fn prepare(&self, decoded: &mut Decoded, merchant: &str) -> Result<(), Refusal> {
        let Command::PlaceOrder(_) = &decoded.command else {
            return Ok(());
        };
        let document = std::mem::take(&mut decoded.document);
        let short = self.writer.space().and_then(Space::short);
        if document.is_empty() && short.is_none() {
            return Ok(());
        }
        // A repeated order is answered from its record; its document is kept already.
        let key = decoded.submission(merchant).key.key;
        if self.core.lock().knows(key) {
            return Ok(());
        }
        if let Some((free, needed)) = short {
            return Err(disk_short(free, needed));
        }
        let reference = self.vault.seal(merchant, &document).map_err(|error| {
            if error.is_storage_full() {
                return disk_short(0, self.settings.low_water_bytes);
            }
            self.incident(&error.to_string())
        })?;
        if let Command::PlaceOrder(place) = &mut decoded.command {
            place.document = reference.as_bytes().to_vec();
        }
        Ok(())
    }

    /// An internal error: its text stays here, the caller gets a number.
    fn incident(&self, detail: &str) -> Refusal {
        let number = self.incidents.fetch_add(1, Ordering::Relaxed) + 1;
        eprintln!(
            r#"{{"level":"error","event":"incident","incident":{number},"detail":{detail:?}}}"#
        );
        Refusal::new(RefusalCode::Internal).fact("incident", number)
    }

    fn after_commit(&self, command: &Command) {
        if let Command::ReconcileClock(_) = command {
            self.clock.reconcile();
        }
    }

    /// The reply of a decided record.
    #[expect(
        clippy::too_many_arguments,
        reason = "one place where all parts of an answer meet"
    )]
    fn dress(
        &self,
        state: &State,
        decoded: &Decoded,
        merchant: &str,
        record: &Record,
        receipt: Receipt,
        locale: Locale,
        in_stream: bool,
    ) -> Reply {
        if in_stream {
            let outcome = self.outcome(state, decoded, merchant, record, receipt, locale);
            return Reply::ok(reply::stream_item(outcome));
        }
        let merchant = decoded.merchant(merchant);
        let names = state
            .merchant(merchant)
            .expect("a decided command has opened its merchant");
        match record
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.answer.as_ref())
        {
            Some(Answer::Done(done)) => {
                Reply::ok(reply::encode(decoded, done, names, receipt, locale))
            }
            Some(Answer::Refused(refusal)) => Reply::refused(refusal, locale),
            None => Reply::refused(&self.incident("a record without an outcome"), locale),
        }
    }

    /// The stored first answer of a repeated request.
    fn repeat(
        &self,
        decoded: &Decoded,
        merchant: &str,
        seq: u64,
        locale: Locale,
        in_stream: bool,
    ) -> Reply {
        match self.stored(seq) {
            Ok(record) => {
                let receipt = Receipt {
                    seq,
                    durability: self.durability,
                    replayed: true,
                    decided_at: record.at,
                };
                self.dress(
                    &self.core.lock(),
                    decoded,
                    merchant,
                    &record,
                    receipt,
                    locale,
                    in_stream,
                )
            }
            Err(refusal) => self.refuse_item(&refusal, locale, in_stream),
        }
    }

    fn stored(&self, seq: u64) -> Result<Record, Refusal> {
        let bytes = self.reader.read(seq).map_err(|error| {
            let first_seq = self.reader.first_seq();
            if seq < first_seq {
                return Refusal::new(RefusalCode::KeyExpired)
                    .fact("seq", seq)
                    .fact("first_seq", first_seq);
            }
            self.incident(&error.to_string())
        })?;
        Record::decode(bytes.as_slice()).map_err(|error| self.incident(&error.to_string()))
    }

    /// Decides a batch in order; the reply waits for the last of it.
    fn batch(&self, items: Vec<Result<Decoded, Refusal>>, merchant: &str, locale: Locale) -> Step {
        let mut outcomes: Vec<Item> = Vec::with_capacity(items.len());
        let mut sealed: Vec<Result<Decoded, Refusal>> = items;
        for item in &mut sealed {
            if let Ok(decoded) = item
                && let Err(refusal) = self.prepare(decoded, merchant)
            {
                *item = Err(refusal);
            }
        }
        let named =
            |item: &Result<Decoded, Refusal>| Some(item.as_ref().ok()?.submission(merchant));
        let mut submissions: Vec<Submission> = sealed.iter().filter_map(named).collect();
        let mut state = match self.lock_for(&mut submissions) {
            Ok(state) => state,
            Err(refusal) => return Step::Ready(Reply::refused(&refusal, locale)),
        };
        let mut submissions = submissions.into_iter();
        let now = self.clock.now();
        let mut last = 0;
        for item in sealed {
            let decoded = match item {
                Ok(decoded) => decoded,
                Err(refusal) => {
                    outcomes.push(Item::Ready(Box::new(reply::refused_outcome(
                        &refusal, None, locale,
                    ))));
                    continue;
                }
            };
            let submission = submissions.next().expect("each decoded item has one");
            match state.submit(&submission, now) {
                Decision::New(record) => {
                    last = self.writer.append(&record.encode_to_vec());
                    let receipt = Receipt {
                        seq: last,
                        durability: self.durability,
                        replayed: false,
                        decided_at: record.at,
                    };
                    let outcome =
                        self.outcome(&state, &decoded, merchant, &record, receipt, locale);
                    outcomes.push(Item::Ready(Box::new(outcome)));
                }
                Decision::Repeat(seq) => {
                    last = last.max(seq);
                    outcomes.push(Item::Stored {
                        decoded: Box::new(decoded),
                        seq,
                    });
                }
                Decision::Fresh(refusal, anyway) => {
                    if let Some(record) = anyway {
                        self.writer.append(&record.encode_to_vec());
                    }
                    // It tells what others did, and waits for it.
                    last = state.seq();
                    let outcome = reply::refused_outcome(&refusal, None, locale);
                    outcomes.push(Item::Ready(Box::new(outcome)));
                }
            }
        }
        let merchant = merchant.to_owned();
        let finish = move |shared: &Shared| {
            let outcomes = outcomes.into_iter().map(|item| match item {
                Item::Ready(outcome) => *outcome,
                Item::Stored { decoded, seq } => {
                    shared.stored_outcome(&decoded, &merchant, seq, locale)
                }
            });
            Reply::ok(reply::batch(outcomes.collect()))
        };
        Step::After {
            seq: last,
            finish: Box::new(finish),
        }
    }

    fn stored_outcome(
        &self,
        decoded: &Decoded,
        merchant: &str,
        seq: u64,
        locale: Locale,
    ) -> crate::wire::pb::CommandOutcome {
        let record = match self.stored(seq) {
            Ok(record) => record,
            Err(refusal) => return reply::refused_outcome(&refusal, None, locale),
        };
        let receipt = Receipt {
            seq,
            durability: self.durability,
            replayed: true,
            decided_at: record.at,
        };
        self.outcome(
            &self.core.lock(),
            decoded,
            merchant,
            &record,
            receipt,
            locale,
        )
    }

    /// A record's answer as one item of a batch.
    fn outcome(
        &self,
        state: &State,
        decoded: &Decoded,
        merchant: &str,
        record: &Record,
        receipt: Receipt,
        locale: Locale,
    ) -> crate::wire::pb::CommandOutcome {
        let names = state
            .merchant(merchant)
            .expect("a decided command has opened its merchant");
        match record
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.answer.as_ref())
        {
            Some(Answer::Done(done)) => reply::done_outcome(decoded, done, names, receipt, locale),
            Some(Answer::Refused(refusal)) => {
                reply::refused_outcome(refusal, Some(receipt), locale)
            }
            None => {
                let refusal = self.incident("a remembered record without an outcome");
                reply::refused_outcome(&refusal, None, locale)
            }
        }
    }

    /// Asks the state, and where it refuses, once more with the archived order of this name
    /// in it: what left memory was in the archive before.
    fn ask<T>(
        &self,
        merchant: &str,
        order: Option<&str>,
        question: impl Fn(&State) -> Result<T, Refusal>,
    ) -> Result<(MutexGuard<'_, State>, Result<T, Refusal>), Refusal> {
        let state = self.core.lock();
        let answer = question(&state);
        if answer.is_ok() || order.is_none() {
            return Ok((state, answer));
        }
        // Files are read without the lock.
        drop(state);
        let (archived, _) = self.look_up(merchant, order, By::AnyName)?;
        let mut state = self.core.lock();
        let answer = match archived {
            Some(archived) => state.with_archived(&archived, |state| question(state)),
            None => answer,
        };
        Ok((state, answer))
    }

    /// A read: exact at its instant, sent when what it saw is durable.
    fn query(
        &self,
        query: &decode::Query,
        principal: &Principal,
        merchant: &str,
        locale: Locale,
    ) -> Step {
        if let decode::Query::GetOrderDocument {
            order_number,
            purpose,
        } = query
        {
            return self.document(order_number, purpose, principal, merchant, locale);
        }
        let facts = EngineFacts {
            now: self.clock.now(),
            durability: self.durability,
            durable_seq: self.writer.durable_seq(),
            persistence: self.persistence(),
            clock_step_ms: self.clock.steps().1,
        };
        let question = |state: &State| queries::answer(query, state, merchant, &facts, locale);
        let (state, answer) = match self.ask(merchant, query.order(), question) {
            Ok(asked) => asked,
            Err(refusal) => return Step::Ready(Reply::refused(&refusal, locale)),
        };
        let seq = state.seq();
        match answer {
            Ok(payload) => Step::After {
                seq,
                finish: Box::new(move |_| Reply::ok(payload)),
            },
            Err(refusal) => {
                let reply = Reply::refused(&refusal, locale);
                Step::After {
                    seq,
                    finish: Box::new(move |_| reply),
                }
            }
        }
    }

    /// Opens a sealed document once it is durable who asked for it, and why.
    fn document(
        &self,
        order_number: &str,
        purpose: &str,
        principal: &Principal,
        merchant: &str,
        locale: Locale,
    ) -> Step {
        let question = |state: &State| queries::document_ref(state, merchant, order_number);
        let (mut state, found) = match self.ask(merchant, Some(order_number), question) {
            Ok(asked) => asked,
            Err(refusal) => return Step::Ready(Reply::refused(&refusal, locale)),
        };
        let (order, reference) = match found {
            Ok(found) => found,
            Err(refusal) => {
                let reply = Reply::refused(&refusal, locale);
                return Step::After {
                    seq: state.seq(),
                    finish: Box::new(move |_| reply),
                };
            }
        };
        let now = self.clock.now();
        let record = state.open_document(merchant, principal, order, purpose, now);
        let seq = self.writer.append(&record.encode_to_vec());
        let (merchant, order_number) = (merchant.to_owned(), order_number.to_owned());
        let finish = move |shared: &Shared| match shared.vault.open_document(&merchant, &reference)
        {
            Ok(document) => Reply::ok(queries::document(document, &reference)),
            Err(error) => Reply::refused(
                &Refusal::new(RefusalCode::DocumentNotFound)
                    .fact("order_number", order_number)
                    .fact("detail", error),
                locale,
            ),
        };
        Step::After {
            seq,
            finish: Box::new(finish),
        }
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

    fn unfinished(&self, error: &CommitError, locale: Locale) -> Reply {
        let refusal = match error {
            CommitError::DeadlineExceeded => Refusal::new(RefusalCode::DeadlineExceeded)
                .fact("when", "while the journal was writing"),
            other => Refusal::new(RefusalCode::CommitUnknown).fact("detail", other),
        };
        Reply::refused(&refusal, locale)
    }
}

fn disk_short(free: u64, needed: u64) -> Refusal {
    Refusal::new(RefusalCode::DiskShort)
        .fact("free_mib", free >> 20)
        .fact("needed_mib", needed >> 20)
}

/// One place of a batch's answer.
enum Item {
    Ready(Box<crate::wire::pb::CommandOutcome>),
    Stored { decoded: Box<Decoded>, seq: u64 },
}

/// The journal and what stands beside it.
struct Stores {
    journal: Box<dyn Journal>,
    reader: Arc<dyn Reader>,
    vault: Vault,
    recovery: Recovery,
    snapshots: Option<Snapshots>,
    /// The folder of the archive.
    archive: Option<Arc<dyn Disk>>,
    lock: Option<FolderLock>,
}

impl Stores {
    fn open(settings: &Settings) -> Result<Self, OpenError> {
        let Some(path) = &settings.path else {
            let journal = MemoryJournal::default();
            let reader = journal.reader();
            return Ok(Self {
                journal: Box::new(journal),
                reader,
                vault: Vault::memory(),
                recovery: Recovery::default(),
                snapshots: None,
                archive: None,
                lock: None,
            });
        };
        let lock = FolderLock::take(path)?;
        note::belongs(path, settings.journal)?;
        // First, since a draft that was left may be what fills the disk.
        let snapshots = open_snapshots(path)?;
        snapshots.clear_draft();
        let (journal, recovery, vault) = match settings.journal {
            mode if mode.is_redis() => open_redis(path, settings)?,
            _ => open_files(path, settings)?,
        };
        Ok(Self {
            reader: journal.reader(),
            journal,
            vault,
            recovery,
            snapshots: Some(snapshots),
            archive: Some(Archive::create_folder(path)?),
            lock: Some(lock),
        })
    }

    /// The archive of a state; made again if it lacks something and the journal does not.
    fn archive(&self, state: &State) -> Result<Option<Archive>, OpenError> {
        let Some(disk) = &self.archive else {
            return Ok(None);
        };
        match Archive::open(Arc::clone(disk), state.archive_mark()) {
            Err(error) if error.is_loss() && self.reader.first_seq() <= 1 => {
                let detail = error.to_string();
                eprintln!(r#"{{"level":"warning","event":"archive_rebuilt","detail":{detail:?}}}"#);
                self.rebuild_archive(Arc::clone(disk)).map(Some)
            }
            opened => Ok(Some(opened?)),
        }
    }

    /// Makes the archive from the whole journal.
    fn rebuild_archive(&self, disk: Arc<dyn Disk>) -> Result<Archive, OpenError> {
        let archive = Archive::begin_again(Arc::clone(&disk))?;
        let mut state = State::new(Board::default());
        let mut failed = None;
        let kept = &mut |record: &Record, state: &State| {
            let left = record.events.iter().filter_map(|entry| match &entry.event {
                Some(Event::OrdersArchived(left)) => Some(left),
                _ => None,
            });
            for left in left {
                let kept = archive.keep_again(state.archive_mark(), left.run, &state.leaving(left));
                if let Err(error) = kept {
                    failed = Some(error);
                    return Flow::Break(());
                }
            }
            Flow::Continue(())
        };
        let last_seq = self.recovery.last_seq;
        replay_with(
            &mut state,
            self.reader.as_ref(),
            last_seq,
            kept,
            &mut |_, _| Flow::Continue(()),
        )?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(Archive::open(disk, state.archive_mark())?),
        }
    }

    /// The state that the newest usable snapshot and the records after it give.
    fn state(&self) -> Result<(State, Recovered), OpenError> {
        let (reader, last_seq) = (self.reader.as_ref(), self.recovery.last_seq);
        let promised = is_promised(self.journal.durability());
        let start = match &self.snapshots {
            None => Start::from_nothing(),
            Some(snapshots) => {
                let start = snapshots.start(reader, last_seq, promised)?;
                snapshots.set_aside(&start.rejected)?;
                start
            }
        };
        let snapshot_seq = start.state.seq();
        let rejected = start.rejected.iter().map(ToString::to_string);
        let recovered = Recovered {
            journal: self.recovery.clone(),
            snapshot_seq,
            replayed: last_seq - snapshot_seq,
            rejected_snapshots: rejected.collect(),
        };
        let mut state = start.state;
        replay(&mut state, reader, last_seq, &mut |_, _| Flow::Continue(()))?;
        Ok((state, recovered))
    }
}

/// A journal, what opening it found, and the documents beside it.
type Opened = (Box<dyn Journal>, Recovery, Vault);

fn open_files(path: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    let options = FileOptions {
        synced: settings.journal == Mode::FileSync,
        low_water_bytes: settings.low_water_bytes,
        segment_bytes: settings.segment_bytes,
        ..FileOptions::default()
    };
    let folder = path.join("journal");
    let mirror = mirror::choose(path, settings.mirror.as_deref())?;
    let mirror = mirror.as_deref();
    let (journal, recovery) = match mirror {
        None => FileJournal::open(&folder, options)?,
        Some(mirror) => FileJournal::open_mirrored(&folder, mirror, options)?,
    };
    let vault = open_vault(path, mirror, settings.key_file.as_deref())?;
    Ok((Box::new(journal), recovery, vault))
}

fn open_redis(path: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    if settings.mirror.is_some() {
        return Err(OpenError::Setting {
            setting: "mirror",
            detail: format!(
                "{} keeps its copies on replicas; take redis.wait(N) or redis.waitaof(1,N)",
                settings.journal
            ),
        });
    }
    let options = settings.redis.options();
    let unfit = |error: StreamError| OpenError::Journal(error.into());
    let (journal, recovery) = RedisJournal::open_when_free(&options, settings.journal)?;
    note::compare(
        path,
        journal.reader().as_ref(),
        &recovery,
        settings.journal,
        &options.place(),
    )?;
    let ring = key_file(path, settings.key_file.as_deref());
    let documents = journal.documents(&options).map_err(unfit)?;
    let vault = Vault::open_server(documents, &ring)?;
    Ok((Box::new(journal), recovery, vault))
}

/// True if what is acknowledged outlives more than the engine's process.
const fn is_promised(durability: Durability) -> bool {
    !matches!(durability, Durability::Memory | Durability::Logged)
}

fn open_snapshots(path: &Path) -> Result<Snapshots, SnapshotError> {
    let path = path.join("snapshots");
    let folder = Folder::create(&path).map_err(|source| SnapshotError::Io {
        action: "create",
        path,
        source,
    })?;
    Ok(Snapshots::new(Arc::new(folder)))
}

fn open_vault(
    path: &Path,
    mirror: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<Vault, VaultError> {
    let ring = self::key_file(path, key_file);
    Vault::open(&path.join("documents"), mirror, &ring)
}

/// The key ring, in the data folder unless it is kept elsewhere.
fn key_file(path: &Path, elsewhere: Option<&Path>) -> PathBuf {
    elsewhere.map_or_else(|| path.join("keys").join("ring.json"), Path::to_owned)
}

/// Replays the records behind `state` up to `last_seq`. `also` sees each record and the
/// state after it, and may end the replay.
fn replay(
    state: &mut State,
    reader: &dyn Reader,
    last_seq: u64,
    also: &mut dyn FnMut(&Record, &State) -> Flow<()>,
) -> Result<(), OpenError> {
    let nothing = &mut |_: &Record, _: &State| Flow::Continue(());
    replay_with(state, reader, last_seq, nothing, also)
}

/// The same; `before` sees each record and the state before it.
fn replay_with(
    state: &mut State,
    reader: &dyn Reader,
    last_seq: u64,
    before: &mut dyn FnMut(&Record, &State) -> Flow<()>,
    also: &mut dyn FnMut(&Record, &State) -> Flow<()>,
) -> Result<(), OpenError> {
    const BATCH: usize = 512;
    let first_seq = state.seq() + 1;
    let read = |give: &mut dyn FnMut(Vec<_>) -> Flow<()>| {
        let mut batch = Vec::new();
        reader.scan(first_seq, last_seq, &mut |seq, bytes| {
            batch.push((seq, Record::decode(bytes)));
            match batch.len() {
                BATCH => give(std::mem::take(&mut batch)),
                _ => Flow::Continue(()),
            }
        })?;
        let _ = give(batch);
        Ok::<_, OpenError>(())
    };
    let long = last_seq.saturating_sub(first_seq) > BATCH as u64;
    let ended = ahead(long, read, |batch| {
        for (seq, record) in batch {
            let record = record.map_err(|error| OpenError::Record {
                seq,
                detail: error.to_string(),
            })?;
            let expected = state.seq() + 1;
            if seq != expected {
                return Err(JournalError::Missing { seq: expected }.into());
            }
            if before(&record, state).is_break() {
                return Ok(Flow::Break(()));
            }
            state.replay(&record)?;
            if also(&record, state).is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    })?;
    if ended.is_continue() && state.seq() < last_seq {
        let seq = state.seq() + 1;
        return Err(JournalError::Missing { seq }.into());
    }
    Ok(())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
