//! The native front and the counters that both fronts share, in Python.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::wire::methods::METHODS;
use holdfast_front::{
    BOUNDS_S, Connections as Allowed, Front as Inner, Notes, Pem, Settings, StartError,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::Engine;
use crate::error::{check_owner, unusable};

/// Calls by method and code, and how long they took.
#[pyclass(frozen, module = "holdfast._engine")]
#[derive(Debug)]
pub struct Tally {
    inner: Arc<holdfast_front::Tally>,
}

#[pymethods]
impl Tally {
    #[new]
    fn new() -> Self {
        Self {
            inner: Arc::default(),
        }
    }

    /// Counts one call.
    fn count(&self, path: &str, code: u32, seconds: f64) {
        let place = METHODS.iter().position(|method| method.path == path);
        let took = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.inner.count(place.unwrap_or(METHODS.len()), code, took);
    }

    /// Method, code, seconds in all, and how many calls took up to each bound and
    /// longer than the one before.
    fn told(&self) -> Vec<(&'static str, usize, f64, Vec<u64>)> {
        let told = self.inner.told().into_iter();
        told.map(|it| (it.method, it.code, it.seconds, it.counts))
            .collect()
    }

    /// Upper bounds in seconds; behind them counts all slower calls.
    #[staticmethod]
    fn bounds_s() -> Vec<f64> {
        BOUNDS_S.to_vec()
    }
}

/// Certificates, key and the roots of clients, in PEM.
type PemFiles = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// What the operator allows a connection: the attributes of `holdfast.server.Connections`.
#[derive(FromPyObject)]
struct Connections {
    most: usize,
    handshake_s: f64,
    idle_s: f64,
    age_s: f64,
    age_grace_s: f64,
    keepalive_s: f64,
    keepalive_timeout_s: f64,
    ping_spacing_s: f64,
}

impl From<Connections> for Allowed {
    fn from(given: Connections) -> Self {
        let span = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Self {
            most: given.most,
            handshake: span(given.handshake_s),
            idle: span(given.idle_s),
            age: span(given.age_s),
            age_grace: span(given.age_grace_s),
            keepalive: span(given.keepalive_s),
            keepalive_timeout: span(given.keepalive_timeout_s),
            ping_spacing: span(given.ping_spacing_s),
        }
    }
}

/// What was noted of one call: path, code, seconds, reason, beginning of the request.
type Noted<'py> = (&'static str, u32, f64, String, Bound<'py, PyBytes>);

/// A running native front.
#[pyclass(frozen, module = "holdfast._engine")]
#[derive(Debug)]
pub struct NativeFront {
    /// Taken only by a forked child, to be forgotten.
    inner: Option<Inner>,
    /// A child of fork has the memory but not the thread.
    owner: u32,
}

#[pymethods]
impl NativeFront {
    /// Listens; passes every call on to the socket `behind` until `open`.
    #[staticmethod]
    #[pyo3(signature = (
        host, port, behind, tally, *, default_deadline_ms, max_message, connections,
        log_refusals, log_one_in, tls = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "settings, by keyword")]
    fn start(
        py: Python<'_>,
        host: String,
        port: u16,
        behind: PathBuf,
        tally: &Tally,
        default_deadline_ms: u64,
        max_message: usize,
        connections: Connections,
        log_refusals: bool,
        log_one_in: u64,
        tls: Option<PemFiles>,
    ) -> PyResult<Self> {
        let pem = |(certificates, key, client_roots): PemFiles| Pem {
            certificates,
            key,
            client_roots,
        };
        let settings = Settings {
            host,
            port,
            tls: tls.map(pem),
            behind,
            default_deadline: Duration::from_millis(default_deadline_ms),
            max_message,
            connections: connections.into(),
            tally: Arc::clone(&tally.inner),
            notes: Notes::new(log_refusals, log_one_in),
        };
        let inner = py
            .detach(|| Inner::start(settings))
            .map_err(|error| not_started(py, &error))?;
        Ok(Self {
            inner: Some(inner),
            owner: std::process::id(),
        })
    }

    /// From here on hot calls go to this engine.
    fn open(&self, engine: &Engine) -> PyResult<()> {
        let core = engine.core()?;
        self.running().map(|front| front.open(core))
    }

    /// The port that was taken.
    fn port(&self) -> PyResult<u16> {
        self.running().map(Inner::port)
    }

    /// Hot calls and stream items that wait for their answer.
    fn in_flight(&self) -> PyResult<usize> {
        self.running().map(Inner::in_flight)
    }

    /// Streams of commands that are open.
    fn streams_open(&self) -> PyResult<usize> {
        self.running().map(Inner::streams_open)
    }

    /// Notes about calls since the last time, and how many were lost.
    fn take_notes<'py>(&self, py: Python<'py>) -> PyResult<(Vec<Noted<'py>>, u64)> {
        let (notes, lost) = self.running()?.notes().take();
        let noted = notes.into_iter().map(|note| {
            let path = METHODS[note.method].path;
            let request = PyBytes::new(py, &note.request);
            (
                path,
                note.code,
                note.took.as_secs_f64(),
                note.reason,
                request,
            )
        });
        Ok((noted.collect(), lost))
    }

    /// Takes no more connections and calls.
    fn drain(&self) -> PyResult<()> {
        self.running().map(Inner::drain)
    }

    /// Waits for what is under way, no longer than so many seconds, and ends the rest.
    fn close(&self, py: Python<'_>, within_s: f64) -> PyResult<()> {
        let front = self.running()?;
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        py.detach(|| front.close(within));
        Ok(())
    }
}

impl NativeFront {
    fn running(&self) -> PyResult<&Inner> {
        check_owner(self.owner)?;
        Ok(self.inner.as_ref().expect("only a dropped front has none"))
    }
}

impl Drop for NativeFront {
    fn drop(&mut self) {
        if std::process::id() != self.owner {
            // Dropping it would wait for a thread that this process has not.
            std::mem::forget(self.inner.take());
        }
    }
}

fn not_started(py: Python<'_>, error: &StartError) -> PyErr {
    let reason = match error {
        StartError::Listen { .. } => "ADDRESS_UNAVAILABLE",
        StartError::Tls(_) => "TLS_UNUSABLE",
    };
    unusable(py, error.to_string(), reason, &[])
}
