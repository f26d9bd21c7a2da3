//! The product as the simulator drives it: the state, the queue and a journal,
//! in one thread and call by call.

use std::ops::ControlFlow;
use std::sync::Arc;

use holdfast_engine::domain::event::Record;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::state::State;
use holdfast_engine::journal::{
    CommitError, FileJournal, FileOptions, Journal, JournalError, Progress, Queue, Reader,
    Recovery, Taken,
};
use prost::Message;

use crate::disk::SimDisk;
use crate::story::World;

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
}

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
    #[error("record {seq}: {detail}")]
    Record { seq: u64, detail: String },
}

/// Opens the journal on a disk. Other journals get their arm here.
///
/// # Errors
/// As [`FileJournal::open_on`].
pub fn open_journal(
    disk: &SimDisk,
    world: &World,
) -> Result<(Box<dyn Journal>, Recovery), JournalError> {
    let options = FileOptions {
        synced: true,
        segment_bytes: world.segment_bytes,
        ahead_bytes: world.reserve_bytes,
        low_water_bytes: 0,
        journal_id: Some([7; 16]),
    };
    let (journal, recovery) = FileJournal::open_on(Arc::new(disk.clone()), None, options)?;
    Ok((Box::new(journal), recovery))
}

impl House {
    /// Opens the journal and replays it. `known` gets every record's bytes and may
    /// give the record that it knows them to be, so that it need not be decoded.
    ///
    /// # Errors
    /// [`NotOpened`] if the journal cannot be read or does not fit.
    pub fn open<'a>(
        disk: &SimDisk,
        world: &World,
        known: &mut dyn FnMut(u64, &[u8]) -> Option<&'a Record>,
    ) -> Result<(Self, Recovery), NotOpened> {
        let (journal, recovery) = open_journal(disk, world)?;
        let reader = journal.reader();
        let mut state = State::new(Board::default());
        let mut failure = None;
        reader.scan(1, recovery.last_seq, &mut |seq, bytes| {
            let replayed = match known(seq, bytes) {
                Some(record) => state.replay(record).map_err(|error| error.to_string()),
                None => Record::decode(bytes)
                    .map_err(|error| error.to_string())
                    .and_then(|record| state.replay(&record).map_err(|error| error.to_string())),
            };
            match replayed {
                Ok(()) => ControlFlow::Continue(()),
                Err(detail) => {
                    failure = Some(NotOpened::Record { seq, detail });
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
        match self.journal.commit(&self.taken.group()) {
            Ok(Progress::Durable) => {
                self.unsealed = true;
                Ok(self.queue.publish(&self.taken).collect())
            }
            Ok(Progress::Again { detail }) => Err(self.fail(&detail)),
            Err(error) => Err(self.fail(&error.to_string())),
        }
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
        let sealed = self.journal.seal();
        sealed.map_err(|error| self.fail(&error.to_string()))
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
