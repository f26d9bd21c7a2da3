//! What the engine counts, read without stopping it: counters are atomics, and what only
//! the state knows is what somebody saw who had its lock anyway. An exporter never waits
//! for that lock, and nobody waits for an exporter.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::Shared;
use crate::archive::Archive;
use crate::domain::state::{State, Totals};
use crate::domain::time::Millis;
use crate::journal::{Space, WriterMetrics};

/// A snapshot for exporters. Times are microseconds unless named otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Metrics {
    pub state_seq: u64,
    pub durable_seq: u64,
    pub merchants: usize,
    pub live_holds: i64,
    pub open_orders: i64,
    pub open_parcels: i64,
    pub overdue_parcels: i64,
    /// Deadlines that have passed and are not written yet; counted up to 1,000.
    pub due_backlog: usize,
    pub clock_steps: u64,
    pub clock_step_ms: i64,
    pub deadlines_frozen: bool,
    pub incidents: u64,
    pub recovered_records: u64,
    pub torn_tail_bytes: u64,
    pub disk_free_bytes: u64,
    pub disk_short: bool,
    pub scrubs: u64,
    /// Scrubs that found damage which no copy has right.
    pub scrub_failures: u64,
    /// Frames taken from the other copy, at the start and by scrubs.
    pub mended_frames: u64,
    /// Sealed documents taken from the other copy by scrubs.
    pub mended_documents: u64,
    /// Snapshots taken by this engine, attempts that failed, and the last record of the
    /// newest one; 0: none.
    pub snapshots: u64,
    pub snapshot_failures: u64,
    pub snapshot_seq: u64,
    /// Orders in memory, open or not yet archived; those that were archived, and bytes of
    /// the archive on disk and of what finds orders in it in memory.
    pub orders_in_memory: usize,
    pub archived_orders: usize,
    /// Answered requests in memory, so that a repeated one gets its first answer.
    pub requests_in_memory: usize,
    pub archive_bytes: u64,
    pub archive_resident_bytes: u64,
    pub archive_failures: u64,
    /// The first record that the journal keeps.
    pub first_seq: u64,
    pub journal: WriterMetrics,
}

/// Deadlines that are counted, at most: counting holds the lock.
const MOST_DUE: usize = 1_000;

/// What only the state knows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    state_seq: u64,
    merchants: usize,
    totals: Totals,
    due_backlog: usize,
    deadlines_frozen: bool,
    orders_in_memory: usize,
    archived_orders: usize,
    pub(super) requests_in_memory: usize,
}

impl Seen {
    pub(super) fn of(state: &State, now: Millis) -> Self {
        let mut seen = Self {
            state_seq: state.seq(),
            merchants: state.merchants().len(),
            deadlines_frozen: state.frozen_at().is_some(),
            archived_orders: state.archived_orders(),
            requests_in_memory: state.requests_in_memory(),
            ..Self::default()
        };
        for merchant in state.merchants() {
            seen.totals += merchant.totals;
            seen.orders_in_memory += merchant.orders.len();
            seen.due_backlog += merchant.due.passed(now, MOST_DUE);
        }
        seen
    }
}

pub(super) fn collect(shared: &Shared) -> Metrics {
    if let Some(state) = shared.core.try_lock() {
        *shared.seen.lock() = Seen::of(&state, shared.clock.now());
    }
    let seen = *shared.seen.lock();
    // Acquire: a count of snapshots comes with the place of the last one.
    let get = |counter: &AtomicU64| counter.load(Ordering::Acquire);
    let space = shared.writer.space();
    let (clock_steps, clock_step_ms) = shared.clock.steps();
    let archive = shared
        .archive
        .as_ref()
        .map(Archive::facts)
        .unwrap_or_default();
    Metrics {
        state_seq: seen.state_seq,
        durable_seq: shared.writer.durable_seq(),
        merchants: seen.merchants,
        live_holds: seen.totals.live_holds,
        open_orders: seen.totals.open_orders,
        open_parcels: seen.totals.open_parcels,
        overdue_parcels: seen.totals.overdue_parcels,
        due_backlog: seen.due_backlog,
        clock_steps,
        clock_step_ms,
        deadlines_frozen: seen.deadlines_frozen,
        incidents: get(&shared.incidents),
        recovered_records: shared.recovered.journal.records,
        torn_tail_bytes: shared.recovered.journal.torn_bytes,
        disk_free_bytes: space.map_or(0, Space::free_bytes),
        disk_short: space.is_some_and(|space| space.short().is_some()),
        scrubs: get(&shared.scrubs.scrubs),
        scrub_failures: get(&shared.scrubs.failures),
        mended_frames: shared.recovered.journal.stale_frames + get(&shared.scrubs.mended_frames),
        mended_documents: get(&shared.scrubs.mended_documents),
        snapshots: get(&shared.snapshot_counts.taken),
        snapshot_failures: get(&shared.snapshot_counts.failures),
        snapshot_seq: get(&shared.snapshot_counts.last_seq).max(shared.recovered.snapshot_seq),
        orders_in_memory: seen.orders_in_memory,
        archived_orders: seen.archived_orders,
        requests_in_memory: seen.requests_in_memory,
        archive_bytes: archive.bytes,
        archive_resident_bytes: archive.resident_bytes,
        archive_failures: get(&shared.archive_counts.failures),
        first_seq: shared.reader.first_seq(),
        journal: shared.writer.metrics(),
    }
}
