//! The snapshotter: replays the journal beside the live engine, and keeps what comes
//! of it in a file. It never takes the engine's lock; what it needs is on disk.

use std::ops::ControlFlow as Flow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use prost::Message;

use super::beside::Beside;
use super::stores::{is_promised, replay};
use super::{OpenError, Shared};
use crate::domain::event::Record;
use crate::domain::time::{DAY, Millis};
use crate::journal::{JournalError, Reader, Space};
use crate::snapshots::{Head, SnapshotError};

/// How often it looks whether enough has happened.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After a failure it waits so long.
const PAUSE: Duration = Duration::from_secs(60);

/// What came of snapshots so far.
#[derive(Debug, Default)]
pub(super) struct SnapshotCounts {
    pub taken: AtomicU64,
    pub failures: AtomicU64,
    /// The last record of the newest one.
    pub last_seq: AtomicU64,
    /// One at a time.
    turn: Mutex<()>,
}

/// Whether `since` records are enough for another snapshot of a state that remembers `requests`.
/// It costs what the state holds, so that a large one waits for more: else the share of each
/// record in it would grow with them.
fn is_enough(since: u64, every: u64, requests: u64) -> bool {
    since >= every.max(requests / 3)
}

/// Starts the snapshotter.
pub(super) fn start(shared: &Arc<Shared>) -> Beside {
    let weak = Arc::downgrade(shared);
    Beside::look("snapshot", LOOK_EVERY, move || look(&weak))
}

/// Takes a snapshot if it is time; gives how long to wait then.
fn look(shared: &Weak<Shared>) -> Duration {
    let Some(shared) = shared.upgrade() else {
        return LOOK_EVERY;
    };
    let counts = &shared.snapshot_counts;
    let last = counts.last_seq.load(Ordering::Relaxed);
    let since = shared.writer.durable_seq() - last.max(shared.recovered.snapshot_seq);
    let is_short = shared.writer.space().and_then(Space::short).is_some();
    let requests = shared.seen.lock().requests_in_memory as u64;
    if !is_enough(since, shared.settings.snapshot_every, requests) || is_short {
        return LOOK_EVERY;
    }
    match take(&shared) {
        Ok(_) | Err(OpenError::Snapshot(SnapshotError::Stopped)) => LOOK_EVERY,
        Err(error) => {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            let detail = error.to_string();
            eprintln!(r#"{{"level":"error","event":"snapshot_failed","detail":{detail:?}}}"#);
            PAUSE
        }
    }
}

/// Takes a snapshot of what is durable, and lets the journal go of what is too old.
pub(super) fn take(shared: &Shared) -> Result<Option<Head>, OpenError> {
    let Some(snapshots) = &shared.snapshots else {
        return Ok(None);
    };
    let counts = &shared.snapshot_counts;
    let _turn = counts.turn.lock();
    let upto = shared.writer.durable_seq();
    if upto == 0 {
        return Ok(None);
    }
    let reader = shared.reader.as_ref();
    let promised = is_promised(shared.durability);
    let start = snapshots.start(reader, upto, promised)?;
    // A bad one must not push a good one out, nor count as one that holds what goes.
    snapshots.set_aside(&start.rejected)?;
    let head = match start.head {
        Some(head) if head.seq == upto => head,
        _ => {
            let mut state = start.state;
            replay(
                &mut state,
                reader,
                upto,
                &mut |_, _| match snapshots.is_stopped() {
                    true => Flow::Break(()),
                    false => Flow::Continue(()),
                },
            )?;
            if snapshots.is_stopped() {
                return Err(SnapshotError::Stopped.into());
            }
            let head = snapshots.write(&state, reader.anchor(upto)?, promised)?;
            counts.last_seq.store(head.seq, Ordering::Relaxed);
            counts.taken.fetch_add(1, Ordering::Release);
            head
        }
    };
    counts.last_seq.store(head.seq, Ordering::Relaxed);
    // Who takes over a journal in Redis has no snapshot of ours, and needs all of it; so
    // does who has only the mirror left.
    if let [_, older] = snapshots.list()?[..]
        && shared.settings.keep_days > 0
        && !shared.settings.journal.is_redis()
        && !shared.is_mirrored()?
        // A clock that is wrong would make everything old.
        && shared.clock.steps().1 == 0
        && shared.core.lock().frozen_at().is_none()
    {
        let keep = Millis::from(shared.settings.keep_days) * DAY;
        let before_seq = first_since(reader, older, shared.clock.now() - keep)?;
        if before_seq > reader.first_seq() {
            shared.writer.trim(before_seq);
        }
    }
    Ok(Some(head))
}

/// The first record of `since` or later, or `upto` if there is none before it. The time
/// of records never goes back.
pub(super) fn first_since(
    reader: &dyn Reader,
    upto: u64,
    since: Millis,
) -> Result<u64, JournalError> {
    let (mut low, mut high) = (reader.first_seq(), upto);
    while low < high {
        let middle = low + (high - low) / 2;
        let bytes = reader.read(middle)?;
        // What cannot be read is kept.
        if Record::decode(bytes.as_slice()).is_ok_and(|record| record.at < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of ever more records, each of which is held: a snapshot of all that is held costs as
    /// much as all of it, and together they cost no more than a few times all records.
    #[test]
    fn what_snapshots_cost_grows_as_records_do() {
        let every = 1_000;
        for records in [100_000_u64, 1_000_000, 10_000_000] {
            let (mut last, mut cost, mut longest) = (0, 0, 0);
            for now in (0..=records).step_by(100) {
                if is_enough(now - last, every, now) {
                    longest = longest.max(now - last);
                    (last, cost) = (now, cost + now);
                }
            }
            assert!(cost <= 4 * records, "{cost} for {records} records");
            assert!(longest <= records / 2, "{longest} of {records} to replay");
        }
        assert!(!is_enough(999, 1_000, 0) && is_enough(1_000, 1_000, 2_000));
    }
}
