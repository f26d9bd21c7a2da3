//! Completed calls on their way to an event loop: one wake-up a commit group that the
//! loop has something of. A native front's calls never wake it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use holdfast_engine::engine::Reply;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};

/// Replies that wait to be taken, and the descriptor that says so.
#[derive(Debug)]
pub struct Completions {
    ready: Mutex<Vec<(u64, Reply)>>,
    fd: OwnedFd,
    /// Somebody reads the descriptor; until then nothing is signalled.
    watched: AtomicBool,
    /// Open streams of events: every group may have something for them.
    streams: AtomicUsize,
}

/// A stream of events that wants to be woken, as long as it lives.
#[derive(Debug)]
pub struct Listening(Arc<Completions>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Completions {
    pub fn new() -> std::io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            ready: Mutex::new(Vec::new()),
            fd,
            watched: AtomicBool::new(false),
            streams: AtomicUsize::new(0),
        })
    }

    pub fn push(&self, ticket: u64, reply: Reply) {
        self.ready.lock().push((ticket, reply));
    }

    /// Wakes the loop from now on for every group, until what it gives is dropped.
    pub fn listen(self: &Arc<Self>) -> Listening {
        self.streams.fetch_add(1, Ordering::Relaxed);
        // Whoever listens looks for events next, and the journal's thread, which has made
        // them durable, looks who listens: one of the two sees the other.
        fence(Ordering::SeqCst);
        Listening(Arc::clone(self))
    }

    /// Wakes the loop, once for everything that is ready.
    pub fn signal(&self) {
        fence(Ordering::SeqCst);
        let is_wanted = self.streams.load(Ordering::Relaxed) > 0 || !self.ready.lock().is_empty();
        if is_wanted && self.watched.load(Ordering::Relaxed) {
            // A full counter means that a wake-up is on its way already.
            let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
        }
    }

    pub fn watch(&self) -> i32 {
        self.watched.store(true, Ordering::Relaxed);
        self.fd.as_raw_fd()
    }

    pub fn take(&self) -> Vec<(u64, Reply)> {
        let mut counter = [0; 8];
        // Nothing to read is not an error: the loop may look without a signal.
        let _ = rustix::io::read(&self.fd, &mut counter);
        std::mem::take(&mut self.ready.lock())
    }
}
