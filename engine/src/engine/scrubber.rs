//! The scrubber: reads the whole journal, the archive and the sealed documents again now
//! and then, and mends what rotted in one copy while the other one is still whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use super::Shared;
use super::beside::Beside;
use crate::vault::DocumentRef;

/// Bytes a second: a scrub must not be felt by whoever waits for the same disk.
const PACE: u64 = 32 << 20;
/// Bytes after which it pauses.
const STRIDE: u64 = 1 << 20;

/// What a sealed document is counted as, for the pace.
const DOCUMENT_BYTES: u64 = 2 << 10;
/// Orders whose documents are looked up while the state is locked.
const ORDERS_AT_ONCE: usize = 1_000;

/// What scrubs found so far.
#[derive(Debug, Default)]
pub(super) struct ScrubCounts {
    pub scrubs: AtomicU64,
    pub mended_frames: AtomicU64,
    pub mended_documents: AtomicU64,
    /// Scrubs that found what no copy has right.
    pub failures: AtomicU64,
}

/// Starts the scrubber.
pub(super) fn start(shared: &Arc<Shared>, every: Duration) -> Beside {
    let weak = Arc::downgrade(shared);
    Beside::start("scrub", move |stopped| {
        while stopped.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
            let mut pace = Pace::new(stopped);
            scrub_journal(&weak, &mut pace);
            scrub_documents(&weak, &mut pace);
            scrub_archive(&weak, &mut pace);
        }
    })
}

/// Pauses after each stride, until it is told to stop: then it runs through.
struct Pace<'a> {
    stopped: &'a mpsc::Receiver<()>,
    since_pause: u64,
    stopping: bool,
}

impl<'a> Pace<'a> {
    fn new(stopped: &'a mpsc::Receiver<()>) -> Self {
        Self {
            stopped,
            since_pause: 0,
            stopping: false,
        }
    }

    fn read(&mut self, bytes: u64) {
        self.since_pause += bytes;
        if self.since_pause >= STRIDE && !self.stopping {
            let pause = Duration::from_secs_f64(self.since_pause as f64 / PACE as f64);
            let waited = self.stopped.recv_timeout(pause);
            self.stopping = waited != Err(mpsc::RecvTimeoutError::Timeout);
            self.since_pause = 0;
        }
    }
}

fn scrub_journal(shared: &Weak<Shared>, pace: &mut Pace<'_>) {
    let Some(shared) = shared.upgrade() else {
        return;
    };
    let scrubbed = shared.reader.scrub(&mut |bytes| pace.read(bytes));
    let counts = &shared.scrubs;
    counts.scrubs.fetch_add(1, Ordering::Relaxed);
    match scrubbed {
        Ok(found) => tell_mended("journal_mended", found.mended_frames, &counts.mended_frames),
        Err(error) => tell_rot("journal_rot", &error.to_string(), counts),
    }
}

/// Reads the documents that orders in memory refer to, a few orders at a time.
fn scrub_documents(shared: &Weak<Shared>, pace: &mut Pace<'_>) {
    let (mut merchant, mut from) = (0, 0);
    while let Some(shared) = shared.upgrade()
        && !pace.stopping
    {
        let references: Vec<DocumentRef> = {
            let state = shared.core.lock();
            let Some(house) = state.merchants().get(merchant) else {
                return;
            };
            let placed = house.orders.placed();
            let upto = (from + ORDERS_AT_ONCE).min(placed);
            let orders = house.orders.range(from, upto);
            let found = orders.filter_map(|(_, order)| DocumentRef::from_bytes(&order.document));
            let found = found.collect();
            (merchant, from) = match upto < placed {
                true => (merchant, upto),
                false => (merchant + 1, 0),
            };
            found
        };
        mend_documents(&shared, &references, pace);
    }
}

fn mend_documents(shared: &Shared, references: &[DocumentRef], pace: &mut Pace<'_>) {
    let mut mended = 0;
    for reference in references {
        match shared.vault.scrub(reference) {
            Ok(was_mended) => mended += u64::from(was_mended),
            Err(error) => tell_rot("document_rot", &error.to_string(), &shared.scrubs),
        }
        pace.read(DOCUMENT_BYTES);
    }
    tell_mended("documents_mended", mended, &shared.scrubs.mended_documents);
}

/// Reads every run of the archive, and the documents of the orders in it.
fn scrub_archive(shared: &Weak<Shared>, pace: &mut Pace<'_>) {
    let Some(shared) = shared.upgrade() else {
        return;
    };
    let Some(archive) = &shared.archive else {
        return;
    };
    let checked = archive.check(&mut |archived, bytes| {
        let document = DocumentRef::from_bytes(&archived.order.document);
        mend_documents(&shared, document.as_slice(), pace);
        pace.read(bytes);
    });
    if let Err(error) = checked {
        tell_rot("archive_rot", &error.to_string(), &shared.scrubs);
    }
}

fn tell_mended(event: &str, count: u64, counter: &AtomicU64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
        eprintln!(r#"{{"level":"warning","event":"{event}","count":{count}}}"#);
    }
}

fn tell_rot(event: &str, detail: &str, counts: &ScrubCounts) {
    counts.failures.fetch_add(1, Ordering::Relaxed);
    eprintln!(r#"{{"level":"error","event":"{event}","detail":{detail:?}}}"#);
}
