//! A thread that works beside the engine, until it is told to stop.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The priority of whoever lets all others go first.
const NICE: i32 = 19;

/// A running thread.
#[derive(Debug)]
pub(super) struct Beside {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Beside {
    /// Runs `work`, which ends when the channel that it is given is closed.
    pub(super) fn start(name: &str, work: impl FnOnce(&Receiver<()>) + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(format!("holdfast-{name}"))
            .spawn(move || work(&stopped))
            .expect("the system gives a thread");
        Self { stop, thread }
    }

    /// Looks again and again, with low priority; each look tells how long to wait then.
    pub(super) fn look(
        name: &str,
        first: Duration,
        mut look: impl FnMut() -> Duration + Send + 'static,
    ) -> Self {
        Self::start(name, move |stopped| {
            // Refused where the system does not know it; it is a courtesy.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            let mut nap = first;
            while stopped.recv_timeout(nap) == Err(RecvTimeoutError::Timeout) {
                nap = look();
            }
        })
    }

    /// Tells it to end, and waits until it has.
    pub(super) fn stop(self) {
        drop(self.stop);
        // Its panic aborts the process or was told.
        let _ = self.thread.join();
    }
}
