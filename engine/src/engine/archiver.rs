//! The archiver: keeps orders that are over in the archive, then lets memory go of them.
//!
//! It copies a few orders under the engine's lock and writes them without it. Only when
//! their run is durable does the state say that they left; a crash before that leaves
//! them in memory, and a run that nobody names.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::beside::Beside;
use super::stores::{is_promised, replay_with};
use super::{OpenError, Phase, Shared};
use crate::archive::{Archive, ArchiveError, By};
use crate::domain::event::{Event, Record};
use crate::domain::inventory::board::Board;
use crate::domain::orders::archived::Archived;
use crate::domain::refusal::Refusal;
use crate::domain::state::State;
use crate::journal::{CommitError, Disk, Reader, Space};

/// Orders in one run: so many are copied, and later dropped, in one go.
const AT_ONCE: usize = 256;
/// How often it looks whether orders may go.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two runs others get lock and disk.
const BREATH: Duration = Duration::from_millis(5);
/// A log is synced within 5 ms, a stream in `everysec` within two seconds; a crash may take
/// what is younger. After so long it is old.
const SETTLED: Duration = Duration::from_secs(5);
/// After a failure it waits so long.
const PAUSE: Duration = Duration::from_secs(60);
/// A journal that is away keeps nobody waiting longer, since a stop waits for this thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// What came of archiving so far.
#[derive(Debug, Default)]
pub(super) struct ArchiveCounts {
    pub failures: AtomicU64,
    /// One at a time.
    turn: Mutex<Named>,
}

/// The last run, the record that names it, and when that was written.
#[derive(Debug, Clone, Copy)]
struct Named {
    run: u64,
    by: u64,
    at: Instant,
}

impl Default for Named {
    fn default() -> Self {
        Self {
            run: 0,
            by: 0,
            at: Instant::now(),
        }
    }
}

/// Orders could not be archived; they are in memory still.
#[derive(Debug, thiserror::Error)]
pub enum ArchivingError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Opens the archive of a state. If it lacks something and the journal reaches back to its
/// beginning, it is made again from there; what it lacked is told then.
///
/// # Errors
/// [`OpenError`]; what the archive has is still there.
pub fn open(
    disk: &Arc<dyn Disk>,
    state: &State,
    reader: &dyn Reader,
) -> Result<(Archive, Option<ArchiveError>), OpenError> {
    match Archive::open(Arc::clone(disk), state.archive_mark()) {
        Err(error) if error.is_loss() && reader.first_seq() <= 1 => {
            Ok((rebuild(disk, reader, state.seq())?, Some(error)))
        }
        opened => Ok((opened?, None)),
    }
}

/// Makes the archive from the whole journal.
fn rebuild(disk: &Arc<dyn Disk>, reader: &dyn Reader, last_seq: u64) -> Result<Archive, OpenError> {
    let archive = Archive::begin_again(Arc::clone(disk))?;
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
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    let nothing = &mut |_: &Record, _: &State| ControlFlow::Continue(());
    replay_with(&mut state, reader, last_seq, kept, nothing)?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(Archive::open(Arc::clone(disk), state.archive_mark())?),
    }
}

/// Starts the archiver.
pub(super) fn start(shared: &Arc<Shared>) -> Beside {
    let weak = Arc::downgrade(shared);
    Beside::look("archive", LOOK_EVERY, move || look(&weak))
}

/// Archives a run if orders may go; gives how long to wait then.
fn look(shared: &Weak<Shared>) -> Duration {
    let Some(shared) = shared.upgrade() else {
        return LOOK_EVERY;
    };
    let is_short = shared.writer.space().and_then(Space::short).is_some();
    // A clock that is wrong would make everything old.
    if is_short || shared.phase() != Phase::Serving || shared.clock.steps().1 != 0 {
        return LOOK_EVERY;
    }
    match one_run(&shared) {
        Ok(0) => LOOK_EVERY,
        Ok(_) => BREATH,
        Err(error) => {
            shared
                .archive_counts
                .failures
                .fetch_add(1, Ordering::Relaxed);
            let detail = error.to_string();
            eprintln!(r#"{{"level":"error","event":"archive_failed","detail":{detail:?}}}"#);
            PAUSE
        }
    }
}

/// Archives at most one run, and merges what has become enough before; gives how many
/// orders left.
pub(super) fn one_run(shared: &Shared) -> Result<usize, ArchivingError> {
    let Some(archive) = &shared.archive else {
        return Ok(0);
    };
    let mut last = shared.archive_counts.turn.lock();
    // What a crash could still undo is not merged with what it could not.
    let is_settled = is_promised(shared.durability) || last.at.elapsed() >= SETTLED;
    if shared.writer.durable_seq() >= last.by && is_settled {
        while archive.merge(last.run)? {}
    }
    let (orders, mark, seq) = {
        let state = shared.core.lock();
        let orders = state.archivable(shared.clock.now(), AT_ONCE);
        (orders, state.archive_mark(), state.seq())
    };
    if orders.is_empty() {
        return Ok(0);
    }
    // What a crash could still undo does not go into a run.
    match shared
        .writer
        .wait(seq, Instant::now().checked_add(PATIENCE))
    {
        Err(CommitError::DeadlineExceeded) => return Ok(0),
        settled => settled?,
    }
    let run = archive.keep(mark, &orders)?;
    let left = {
        let mut state = shared.core.lock();
        let record = state.archive(&orders, run, shared.clock.now());
        record.map(|record| shared.writer.append_message(&record))
    };
    let Some(seq) = left else {
        // One of them changed meanwhile; the next look takes what is over then.
        archive.forget(run)?;
        return Ok(0);
    };
    *last = Named {
        run,
        by: seq,
        at: Instant::now(),
    };
    Ok(orders.len())
}

impl Shared {
    /// The archived order of this name, and the last run that was looked at.
    pub(super) fn look_up(
        &self,
        merchant: &str,
        name: Option<&str>,
        by: By,
    ) -> Result<(Option<Box<Archived>>, u64), Refusal> {
        let Some(archive) = &self.archive else {
            return Ok((None, 0));
        };
        // Before the look-up: what is archived meanwhile is looked up again.
        let seen = archive.last_run();
        let found = match (name, seen) {
            (None, _) | (_, 0) => None,
            (Some(name), _) => match self.merchant_number(merchant) {
                None => None,
                Some(number) => self.found(archive, number, name, by)?,
            },
        };
        Ok((found.map(Box::new), seen))
    }

    fn found(
        &self,
        archive: &Archive,
        merchant: u32,
        name: &str,
        by: By,
    ) -> Result<Option<Archived>, Refusal> {
        let found = archive.find(merchant, name, by);
        found.map_err(|error| self.incident(&error.to_string()))
    }

    /// A merchant's position, which never changes: the engine's lock is taken once for it.
    fn merchant_number(&self, merchant: &str) -> Option<u32> {
        if let Some(number) = self.merchant_numbers.read().get(merchant) {
            return Some(*number);
        }
        let number = self.core.lock().merchant_number(merchant)?;
        self.merchant_numbers
            .write()
            .insert(merchant.into(), number);
        Some(number)
    }
}
