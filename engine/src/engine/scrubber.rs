//! The scrubber: reads the whole journal again now and then, and mends what rotted
//! in one copy while the other one is still whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::journal::Reader;

/// Bytes a second: a scrub must not be felt by whoever waits for the same disk.
const PACE: u64 = 32 << 20;
/// Bytes after which it pauses.
const STRIDE: u64 = 1 << 20;

/// What scrubs found so far.
#[derive(Debug, Default)]
pub(super) struct ScrubCounts {
    pub scrubs: AtomicU64,
    pub mended_frames: AtomicU64,
    /// Scrubs that found what no copy has right.
    pub failures: AtomicU64,
}

/// The scrubber's thread. Stops when told to.
#[derive(Debug)]
pub(super) struct Scrubber {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Scrubber {
    pub(super) fn start(
        reader: Arc<dyn Reader>,
        every: Duration,
        counts: Arc<ScrubCounts>,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("holdfast-scrub".into())
            .spawn(move || {
                while stopped.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                    scrub(reader.as_ref(), &counts, &stopped);
                }
            })
            .expect("the system gives a thread");
        Self { stop, thread }
    }

    pub(super) fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

fn scrub(reader: &dyn Reader, counts: &ScrubCounts, stopped: &mpsc::Receiver<()>) {
    let (mut since_pause, mut stopping) = (0, false);
    let scrubbed = reader.scrub(&mut |bytes| {
        since_pause += bytes;
        if since_pause >= STRIDE && !stopping {
            // Once told to stop it runs through without pauses.
            let pause = Duration::from_secs_f64(since_pause as f64 / PACE as f64);
            stopping = stopped.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout);
            since_pause = 0;
        }
    });
    counts.scrubs.fetch_add(1, Ordering::Relaxed);
    match scrubbed {
        Ok(found) if found.mended_frames == 0 => {}
        Ok(found) => {
            counts
                .mended_frames
                .fetch_add(found.mended_frames, Ordering::Relaxed);
            eprintln!(
                r#"{{"level":"warning","event":"journal_mended","frames":{}}}"#,
                found.mended_frames
            );
        }
        Err(error) => {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            let detail = error.to_string();
            eprintln!(r#"{{"level":"error","event":"journal_rot","detail":{detail:?}}}"#);
        }
    }
}
