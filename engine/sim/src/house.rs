//! The product as the simulator drives it: the state, the queue and a journal,
//! in one thread and call by call.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::domain::event::Record;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::state::{Inconsistent, State};
use holdfast_engine::journal::redis::Lease;
use holdfast_engine::journal::{
    CommitError, Disk, Durability, FileJournal, FileOptions, Journal, JournalError, Mode, Progress,
    Queue, Reader, Recovery, RedisJournal, Taken,
};

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
    Inconsistent(#[from] Inconsistent),
    #[error("record {seq} came back, and is not what was written")]
    Unknown { seq: u64 },
}

impl House {
    /// Opens the journal and replays it: what was trimmed from `records`, the rest as
    /// it comes back, without decoding what is known.
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
        let mut state = State::new(Board::default());
        for seq in 1..recovery.first_seq {
            state.replay(records.trimmed(seq).ok_or(NotOpened::Unknown { seq })?)?;
        }
        let mut failure = None;
        reader.scan(recovery.first_seq, recovery.last_seq, &mut |seq, bytes| {
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
        let house = Self {
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

    /// The last record that a power cut must leave.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.synced
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
