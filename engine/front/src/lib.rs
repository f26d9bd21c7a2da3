//! The native front: a gRPC listener that needs no interpreter.
//!
//! It takes the public port, answers the hot methods of the engine's table and passes
//! every other call on, streams and trailers included, to the service behind a private
//! socket, so that callers see one door. It decides nothing: identity, rights, limits,
//! idempotency and refusals are the engine's. What it keeps to itself is what a gRPC
//! server owes any caller: frames, message sizes, deadlines, cancellation, floods.
//!
//! Everything runs in one thread on one loop. Nothing on that loop blocks but a
//! decision of the engine.

mod answer;
mod answers;
mod call;
mod connection;
mod door;
mod frames;
mod headers;
mod lifetime;
mod message;
mod notes;
mod pass;
mod stream;
mod tally;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_engine::engine::Engine;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, watch};

pub use lifetime::Connections;
pub use notes::{Note, Notes};
pub use tally::{BOUNDS_S, Tally, Told};
pub use tls::{Pem, TlsError};

use answers::Answers;

/// An engine that its owner may close while calls come: `None` from then on.
pub type Core = Arc<RwLock<Option<Engine>>>;

/// What a front is started with.
#[derive(Debug)]
pub struct Settings {
    /// Name or address to listen on.
    pub host: String,
    /// 0 takes a free one.
    pub port: u16,
    pub tls: Option<Pem>,
    /// The private socket of the service that answers everything else.
    pub behind: PathBuf,
    /// For calls that state none.
    pub default_deadline: Duration,
    /// Largest message on the wire, in bytes.
    pub max_message: usize,
    pub connections: Connections,
    pub tally: Arc<Tally>,
    pub notes: Notes,
}

/// Why a front could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {host}:{port}: {source}")]
    Listen {
        host: String,
        port: u16,
        source: io::Error,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// How far the front is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Connections are told to go; what is under way is finished.
    Draining,
    Closed,
}

impl Phase {
    /// Returns once the front no longer takes calls.
    async fn left_serving(told: &mut watch::Receiver<Self>) {
        // An error means that the front is gone: it serves no longer either.
        let _ = told.wait_for(|phase| *phase != Self::Serving).await;
    }
}

/// What the connections of one front share.
#[derive(Debug)]
struct Shared {
    core: OnceLock<Core>,
    answers: Arc<Answers>,
    tally: Arc<Tally>,
    notes: Notes,
    behind: PathBuf,
    default_deadline: Duration,
    max_message: usize,
    connections: Connections,
    /// Of connections that may still come.
    places: Arc<Semaphore>,
    /// Connections that were ever begun.
    begun: AtomicU64,
    /// Bytes of messages that have not come as a whole.
    half_read: AtomicUsize,
    in_flight: AtomicUsize,
    streams_open: AtomicUsize,
}

/// A running front.
#[derive(Debug)]
pub struct Front {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    phase: watch::Sender<Phase>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Front {
    /// Listens. Until [`open`](Self::open) everything is passed on.
    ///
    /// # Errors
    /// [`StartError`] if the address cannot be had or the certificates do not fit.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let listeners = door::listen(&settings.host, settings.port)?;
        let addresses = listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect();
        let shared = Arc::new(Shared {
            core: OnceLock::new(),
            answers: Arc::default(),
            tally: settings.tally,
            notes: settings.notes,
            behind: settings.behind,
            default_deadline: settings.default_deadline,
            max_message: settings.max_message,
            connections: settings.connections,
            places: Arc::new(Semaphore::new(settings.connections.most)),
            begun: AtomicU64::new(0),
            half_read: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            streams_open: AtomicUsize::new(0),
        });
        let (phase, told) = watch::channel(Phase::Serving);
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("holdfast-front".into())
            .spawn(move || door::run(&own, listeners, tls, told))
            .expect("the system gives a thread");
        Ok(Self {
            shared,
            addresses,
            phase,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// From here on hot calls go to this engine.
    pub fn open(&self, core: &Core) {
        let answers = Arc::clone(&self.shared.answers);
        if let Some(engine) = core.read().as_ref() {
            engine.on_group(Box::new(move || answers.wake()));
        }
        // A second engine would answer for the first one's calls: the first stays.
        let _ = self.shared.core.set(Arc::clone(core));
    }

    /// The port that was taken.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    #[must_use]
    pub fn notes(&self) -> &Notes {
        &self.shared.notes
    }

    /// Hot calls and stream items that wait for their answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Streams of commands that are open.
    #[must_use]
    pub fn streams_open(&self) -> usize {
        self.shared.streams_open.load(Ordering::Relaxed)
    }

    /// Takes no more connections and calls; those under way are finished.
    pub fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Waits until everything under way is finished, no longer than `within`; then
    /// ends what is left, and the thread.
    pub fn close(&self, within: Duration) {
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        self.drain();
        let ends = std::time::Instant::now() + within;
        while !thread.is_finished() && std::time::Instant::now() < ends {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.phase.send_replace(Phase::Closed);
        // A panic there was told when it happened.
        let _ = thread.join();
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}
