//! The product as the simulator drives it: the state, the queue and a journal,
//! in one thread and call by call.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::archive::{Archive, ArchiveError, By};
use holdfast_engine::domain::command::{Command, Submission};
use holdfast_engine::domain::event::Record;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::orders::archived::Archived;
use holdfast_engine::domain::state::{Inconsistent, State};
use holdfast_engine::domain::time::Millis;
use holdfast_engine::engine::{OpenError, open_archive};
use holdfast_engine::journal::redis::Lease;
use holdfast_engine::journal::{
    CommitError, Disk, Durability, FileJournal, FileOptions, Journal, JournalError, Mode, Progress,
    Queue, Reader, Recovery, RedisJournal, Taken,
};

use holdfast_engine::snapshots::{SnapshotError, Snapshots};

use crate::disk::SimDisk;
use crate::redis::{LEASE_MS, SimRedis};
use crate::story::{Store, World};

/// What the journal stands on: the world has one of them.
#[derive(Debug, Clone)]
pub struct Ground {
    pub disk: SimDisk,
    pub redis: SimRedis,
    openings: u64,
}

impl Ground {
    #[must_use]
    pub fn new(world: &World) -> Self {
        let redis = match world.store {
            Store::Stream { mode, replicas } => SimRedis::new(mode, replicas),
            Store::Synced | Store::Logged => SimRedis::new(Mode::RedisAlways, 0),
        };
        Self {
            disk: SimDisk::new(world.disk),
            redis,
            openings: 0,
        }
    }

    /// A new process: what the one before had open is closed.
    pub fn restart(&self) {
        self.disk.restart();
        self.redis.restart();
    }

    pub fn disarm(&self) {
        self.disk.disarm();
        self.redis.disarm();
    }

    pub fn pass(&self, ms: i64) {
        if let Ok(forward) = u64::try_from(ms) {
            self.disk.pass(Duration::from_millis(forward));
            self.redis.pass(ms);
        }
    }

    /// The time that files see.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.disk.now()
    }

    /// Opens the journal. Other journals get their arm here.
    fn open(&mut self, world: &World) -> Result<(Box<dyn Journal>, Recovery), JournalError> {
        match world.store {
            Store::Synced => self.open_file(world, true),
            Store::Logged => self.open_file(world, false),
            Store::Stream { mode, .. } => {
                self.openings += 1;
                let lease = Lease {
                    token: format!("token {}", self.openings),
                    owner: format!("engine {}", self.openings),
                    millis: LEASE_MS.unsigned_abs(),
                    epoch: 0,
                };
                let (journal, recovery) = RedisJournal::open_on(self.redis.connect(), lease, mode)?;
                Ok((Box::new(journal), recovery))
            }
        }
    }

    /// Snapshots stand on the journal's own disk; a journal on a server has none here.
    #[must_use]
    pub fn snapshots(&self, world: &World) -> Option<Snapshots> {
        match world.store {
            Store::Synced | Store::Logged => Some(Snapshots::new(Arc::new(self.disk.clone()))),
            Store::Stream { .. } => None,
        }
    }

    /// The archive stands on the machine's own disk, wherever the journal is.
    #[must_use]
    pub fn archive(&self) -> SimDisk {
        self.disk.folder("archive/")
    }

    fn open_file(
        &self,
        world: &World,
        synced: bool,
    ) -> Result<(Box<dyn Journal>, Recovery), JournalError> {
        let options = FileOptions {
            synced,
            segment_bytes: world.segment_bytes,
            ahead_bytes: world.reserve_bytes,
            low_water_bytes: 0,
            journal_id: Some([7; 16]),
        };
        let (journal, recovery) = FileJournal::open_on(Arc::new(self.disk.clone()), None, options)?;
        Ok((Box::new(journal), recovery))
    }
}

/// The records that a run has written: a snapshot of them all, and what to compare
/// what comes back with.
pub trait Records {
    /// The record of a number, which the journal no longer keeps.
    fn trimmed(&self, seq: u64) -> Option<&Record>;

    /// The record of a number if these are its bytes.
    fn known(&self, seq: u64, bytes: &[u8]) -> Option<&Record>;
}

/// A call that waits for its reply: its number.
pub type Call = u64;

/// An open engine.
pub struct House {
    pub state: State,
    pub queue: Queue<Call>,
    pub reader: Arc<dyn Reader>,
    pub archive: Archive,
    /// What the archive lacked, if it was made again at the start.
    pub lacked: Option<ArchiveError>,
    /// A run that was kept, and its orders, which are in memory still.
    kept: Option<(u64, Vec<Archived>)>,
    /// The last run that a record names, and that record.
    named: (u64, u64),
    journal: Box<dyn Journal>,
    taken: Taken,
    /// A group is taken and not committed yet.
    under_way: bool,
    unsealed: bool,
    /// By whose clock a log is synced.
    clock: SimDisk,
    /// When all was synced last, or a little later.
    synced_at: Duration,
    /// The last record that a power cut must leave.
    synced: u64,
}

/// Longest time that a log may be unsynced.
const UNSYNCED: Duration = Duration::from_millis(5);

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// Why a house could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Archive(OpenError),
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
    #[error("record {seq} came back, and is not what was written")]
    Unknown { seq: u64 },
}

impl NotOpened {
    /// True if the disk failed, and what is on it may be sound.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(
            self,
            Self::Journal(JournalError::Io { .. })
                | Self::Snapshot(
                    SnapshotError::Io { .. } | SnapshotError::Journal(JournalError::Io { .. })
                )
                | Self::Archive(
                    OpenError::Archive(ArchiveError::Io { .. })
                        | OpenError::Journal(JournalError::Io { .. })
                )
        )
    }

    /// True if the archive lacks something, and the journal does not reach back to make it
    /// again.
    #[must_use]
    pub fn is_archive_lost(&self) -> bool {
        matches!(self, Self::Archive(OpenError::Archive(error)) if error.is_loss())
    }
}

impl House {
    /// Opens the journal and replays it: from a snapshot, or what was trimmed from
    /// `records`, and the rest as it comes back, without decoding what is known.
    ///
    /// # Errors
    /// [`NotOpened`] if the journal cannot be read or does not fit.
    pub fn open(
        ground: &mut Ground,
        world: &World,
        records: &dyn Records,
    ) -> Result<(Self, Recovery), NotOpened> {
        let (journal, recovery) = ground.open(world)?;
        let reader = journal.reader();
        let mut state = match ground.snapshots(world) {
            Some(snapshots) => {
                let promised = journal.durability() != Durability::Logged;
                let start = snapshots.start(&*reader, recovery.last_seq, promised)?;
                snapshots.set_aside(&start.rejected)?;
                start.state
            }
            None => {
                let mut state = State::new(Board::default());
                for seq in 1..recovery.first_seq {
                    state.replay(records.trimmed(seq).ok_or(NotOpened::Unknown { seq })?)?;
                }
                state
            }
        };
        let mut failure = None;
        reader.scan(state.seq() + 1, recovery.last_seq, &mut |seq, bytes| {
            let replayed = match records.known(seq, bytes) {
                Some(record) => state.replay(record).map_err(NotOpened::from),
                None => Err(NotOpened::Unknown { seq }),
            };
            match replayed {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let disk: Arc<dyn Disk> = Arc::new(ground.archive());
        let (archive, lacked) =
            open_archive(&disk, &state, &*reader).map_err(NotOpened::Archive)?;
        let house = Self {
            archive,
            lacked,
            kept: None,
            named: (0, 0),
            queue: Queue::behind(journal.last_seq()),
            state,
            reader,
            journal,
            taken: Taken::default(),
            under_way: false,
            unsealed: false,
            clock: ground.disk.clone(),
            synced_at: ground.disk.now(),
            synced: recovery.last_seq,
        };
        Ok((house, recovery))
    }

    /// Takes what waits as the next group; what comes now is for the one after.
    pub fn take(&mut self) {
        if !self.under_way && !self.queue.is_empty() {
            self.queue.take(&mut self.taken);
            self.under_way = true;
        }
    }

    /// True while some record waits for a commit.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.under_way || !self.queue.is_empty()
    }

    /// Commits the group that is under way, or else what waits, and gives the
    /// calls that are answered by it.
    ///
    /// # Errors
    /// The calls that never will be answered, with why.
    pub fn commit(&mut self) -> Result<Vec<Call>, (Vec<Call>, CommitError)> {
        self.take();
        if !std::mem::take(&mut self.under_way) {
            return Ok(Vec::new());
        }
        let began = self.clock.now();
        match self.journal.commit(&self.taken.group()) {
            Ok(Progress::Durable) => {
                self.unsealed = true;
                let is_due = began - self.synced_at >= UNSYNCED;
                if is_due || self.journal.durability() != Durability::Logged {
                    self.synced = self.taken.last_seq();
                }
                // A slow call may have made the journal sync before it was due.
                if is_due || self.clock.now() != began {
                    self.synced_at = self.clock.now();
                }
                Ok(self.queue.publish(&self.taken).collect())
            }
            // It may be there or not: the same group is committed again.
            Ok(Progress::Again { .. }) => {
                self.under_way = true;
                Ok(Vec::new())
            }
            Err(error) => Err(self.fail(&error.to_string())),
        }
    }

    /// Takes a snapshot as the product does: from the last one and the records after it,
    /// beside the live state. Gives the record that it stands behind.
    ///
    /// # Errors
    /// [`NotOpened`]; the live engine is not touched by it.
    pub fn snapshot(&self, snapshots: &Snapshots, records: &dyn Records) -> Result<u64, NotOpened> {
        let promised = self.journal.durability() != Durability::Logged;
        let upto = match promised {
            true => self.queue.durable(),
            false => self.synced,
        };
        let start = snapshots.start(&*self.reader, upto, promised)?;
        let mut state = start.state;
        if upto == 0 || state.seq() == upto {
            return Ok(upto);
        }
        let mut failure = None;
        self.reader.scan(state.seq() + 1, upto, &mut |seq, bytes| {
            let known = records.known(seq, bytes).ok_or(NotOpened::Unknown { seq });
            match known.and_then(|record| Ok(state.replay(record)?)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let head = snapshots.write(&state, self.reader.anchor(upto)?, promised)?;
        Ok(head.seq)
    }

    /// Gives a submission the archived order that it names, as the product does.
    ///
    /// # Errors
    /// [`ArchiveError`] if it cannot be said whether there is one.
    pub fn look_up(&self, submission: &mut Submission) -> Result<(), ArchiveError> {
        let by = match submission.command {
            Command::PlaceOrder(_) => By::Number,
            _ => By::AnyName,
        };
        let merchant = self.state.merchant_number(&submission.merchant);
        if let (Some(name), Some(merchant)) = (submission.command.order(), merchant) {
            submission.archived = self.archive.find(merchant, name, by)?.map(Box::new);
        }
        Ok(())
    }

    /// Keeps orders that are over in the next run of the archive, as the product's archiver
    /// does: only what is durable, and after it has merged what has become enough. Gives them.
    ///
    /// # Errors
    /// [`ArchiveError`]; the orders are in memory.
    pub fn keep(&mut self, now: Millis, limit: usize) -> Result<&[Archived], ArchiveError> {
        if self.kept.is_some() {
            return Ok(&[]);
        }
        let (run, named_by) = self.named;
        if self.synced >= named_by {
            while self.archive.merge(run)? {}
        }
        let orders = self.state.archivable(now, limit);
        if !orders.is_empty() && self.queue.durable() == self.state.seq() {
            let run = self.archive.keep(self.state.archive_mark(), &orders)?;
            self.kept = Some((run, orders));
        }
        Ok(self.kept.as_ref().map_or(&[], |(_, orders)| orders))
    }

    /// Lets the orders of the run go that was kept, unless one of them has changed since.
    ///
    /// # Errors
    /// [`ArchiveError`]; the orders are in memory.
    pub fn let_go(&mut self, now: Millis) -> Result<Option<Record>, ArchiveError> {
        let Some((run, orders)) = self.kept.take() else {
            return Ok(None);
        };
        match self.state.archive(&orders, run, now) {
            Some(record) => {
                self.named = (run, self.state.seq());
                Ok(Some(record))
            }
            None => self.archive.forget(run).map(|()| None),
        }
    }

    /// The last record that a power cut must leave.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// A segment that cannot be grown hurts nobody: it is begun when it is needed.
    pub fn grow(&self, pieces: u64) {
        let spare = self.journal.spare();
        for _ in 0..pieces {
            if !spare
                .as_ref()
                .is_some_and(|spare| spare.grow().is_ok_and(|more| more))
            {
                break;
            }
        }
    }

    /// Removes what lies wholly before a record.
    ///
    /// # Errors
    /// As [`House::seal`].
    pub fn trim(&mut self, before_seq: u64) -> Result<(), (Vec<Call>, CommitError)> {
        let trimmed = self.journal.trim(before_seq);
        trimmed.map_err(|error| self.fail(&error.to_string()))
    }

    /// Seals the last group, if it is not.
    ///
    /// # Errors
    /// The calls that never will be answered, with why.
    pub fn seal(&mut self) -> Result<(), (Vec<Call>, CommitError)> {
        if !self.unsealed || self.is_busy() {
            return Ok(());
        }
        self.unsealed = false;
        match self.journal.seal() {
            Ok(()) => {
                self.synced = self.queue.durable();
                self.synced_at = self.clock.now();
                Ok(())
            }
            Err(error) => Err(self.fail(&error.to_string())),
        }
    }

    /// Looks after the journal.
    ///
    /// # Errors
    /// As [`House::seal`].
    pub fn tend(&mut self) -> Result<(), (Vec<Call>, CommitError)> {
        let tended = self.journal.tend();
        tended.map_err(|error| self.fail(&error.to_string()))
    }

    fn fail(&mut self, detail: &str) -> (Vec<Call>, CommitError) {
        let failure = CommitError::Failed(detail.to_owned());
        (self.queue.fail(failure.clone()).collect(), failure)
    }
}
