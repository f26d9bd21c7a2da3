//! Completed calls on their way to an event loop: one wake-up a commit group.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

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
}

impl Completions {
    pub fn new() -> std::io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            ready: Mutex::new(Vec::new()),
            fd,
            watched: AtomicBool::new(false),
        })
    }

    pub fn push(&self, ticket: u64, reply: Reply) {
        self.ready.lock().push((ticket, reply));
    }

    /// Wakes the loop, once for everything that is ready. Streams are woken by
    /// the same signal, so it is sent for groups without completions too.
    pub fn signal(&self) {
        if self.watched.load(Ordering::Relaxed) {
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
