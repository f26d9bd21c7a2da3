//! What the engine counts, read without stopping it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::Shared;
use crate::archive::Archive;
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
    /// Deadlines that have passed and are not written yet; counted up to 10,000.
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
    pub archive_bytes: u64,
    pub archive_resident_bytes: u64,
    pub archive_failures: u64,
    /// The first record that the journal keeps.
    pub first_seq: u64,
    pub journal: WriterMetrics,
}

pub(super) fn collect(shared: &Shared) -> Metrics {
    let now = shared.clock.now();
    // Acquire: a count of snapshots comes with the place of the last one.
    let get = |counter: &AtomicU64| counter.load(Ordering::Acquire);
    let space = shared.writer.space();
    let (clock_steps, clock_step_ms) = shared.clock.steps();
    let archive = shared
        .archive
        .as_ref()
        .map(Archive::facts)
        .unwrap_or_default();
    let state = shared.core.lock();
    let sum = |of: fn(&crate::domain::state::Totals) -> i64| {
        state
            .merchants()
            .iter()
            .map(|merchant| of(&merchant.totals))
            .sum()
    };
    Metrics {
        state_seq: state.seq(),
        durable_seq: shared.writer.durable_seq(),
        merchants: state.merchants().len(),
        live_holds: sum(|totals| totals.live_holds),
        open_orders: sum(|totals| totals.open_orders),
        open_parcels: sum(|totals| totals.open_parcels),
        overdue_parcels: sum(|totals| totals.overdue_parcels),
        due_backlog: state
            .merchants()
            .iter()
            .map(|merchant| merchant.due.passed(now, 10_000))
            .sum(),
        clock_steps,
        clock_step_ms,
        deadlines_frozen: state.frozen_at().is_some(),
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
        orders_in_memory: (state.merchants().iter())
            .map(|merchant| merchant.orders.len())
            .sum(),
        archived_orders: state.archived_orders(),
        archive_bytes: archive.bytes,
        archive_resident_bytes: archive.resident_bytes,
        archive_failures: get(&shared.archive_counts.failures),
        first_seq: shared.reader.first_seq(),
        journal: shared.writer.metrics(),
    }
}
