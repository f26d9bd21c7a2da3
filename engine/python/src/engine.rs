//! The engine's handle in Python.

use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::clock::{Clock, SystemClock};
use holdfast_engine::engine::{Call, ClockChoice, Engine as Inner, Phase, Settings};
use holdfast_front::Core;
use parking_lot::{Mutex, RwLock};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::clock::ManualClock;
use crate::completions::Completions;
use crate::error::{check_owner, not_opened, refused, unusable};
use crate::watch::Watch;

/// Up to here a call is decided in a few microseconds, in bytes.
const SMALL_REQUEST: usize = 4 << 10;

/// One open engine. Calls may come from any thread.
#[pyclass(frozen, module = "holdfast._engine")]
#[derive(Debug)]
pub struct Engine {
    /// Taken by `close`, which waits for calls under way.
    inner: Core,
    completions: Arc<Completions>,
    /// A child of fork has the memory but not the threads.
    owner: u32,
    close_once: Mutex<()>,
}

#[pymethods]
impl Engine {
    /// Opens an engine; replays its journal without the interpreter lock.
    #[staticmethod]
    #[pyo3(signature = (settings_json, clock = None))]
    fn open(py: Python<'_>, settings_json: &str, clock: Option<&ManualClock>) -> PyResult<Self> {
        let settings: Settings = serde_json::from_str(settings_json).map_err(|error| {
            unusable(
                py,
                format!("the settings are wrong: {error}"),
                "SETTING_INVALID",
                &[],
            )
        })?;
        let clock = match (clock, settings.clock) {
            (Some(clock), _) => Clock::Manual(Arc::clone(&clock.inner)),
            (None, ClockChoice::System) => Clock::System(SystemClock::default()),
            (None, ClockChoice::ManualMs(now_ms)) => {
                Clock::Manual(holdfast_engine::clock::ManualClock::new(now_ms))
            }
        };
        let completions = Arc::new(Completions::new()?);
        let inner = py
            .detach(|| Inner::open_with_clock(settings, clock))
            .map_err(|error| not_opened(py, &error))?;
        let signal = Arc::clone(&completions);
        inner.on_group(Box::new(move || signal.signal()));
        Ok(Self {
            inner: Arc::new(RwLock::new(Some(inner))),
            completions,
            owner: std::process::id(),
            close_once: Mutex::new(()),
        })
    }

    /// Answers a call; blocks without the interpreter lock until it is durable.
    #[pyo3(signature = (method, request, token = None, deadline_ms = None, locale = ""))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        request: &[u8],
        token: Option<&str>,
        deadline_ms: Option<u64>,
        locale: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.check_owner()?;
        let call = Call {
            method,
            request,
            token,
            deadline: deadline_ms.map(Duration::from_millis),
            locale,
        };
        let reply = py
            .detach(|| self.inner.read().as_ref().map(|inner| inner.call(call)))
            .ok_or_else(|| closed(py))?;
        if reply.code == 0 {
            Ok(PyBytes::new(py, &reply.payload))
        } else {
            Err(refused(py, &reply))
        }
    }

    /// Begins a call. Gives (code, payload) if it is answered already; else the
    /// answer comes through `take_completions` under this ticket.
    #[pyo3(signature = (ticket, method, request, token = None, deadline_ms = None, locale = ""))]
    #[expect(clippy::too_many_arguments, reason = "the parts of a call")]
    fn submit<'py>(
        &self,
        py: Python<'py>,
        ticket: u64,
        method: &str,
        request: &[u8],
        token: Option<&str>,
        deadline_ms: Option<u64>,
        locale: &str,
    ) -> PyResult<Option<(u32, Bound<'py, PyBytes>)>> {
        self.check_owner()?;
        let call = Call {
            method,
            request,
            token,
            deadline: deadline_ms.map(Duration::from_millis),
            locale,
        };
        let begin = || {
            let inner = self.inner.read();
            let inner = inner.as_ref()?;
            // Filled only if the engine answers before `submit` returns; the
            // journal thread finds it closed and goes through the queue.
            let now = Arc::new(Mutex::new(Some(None)));
            let (slot, completions) = (Arc::clone(&now), Arc::clone(&self.completions));
            inner.submit(
                call,
                Box::new(move |reply| match slot.lock().as_mut() {
                    Some(open) => *open = Some(reply),
                    None => completions.push(ticket, reply),
                }),
            );
            Some(now.lock().take().flatten())
        };
        // Giving the interpreter away costs more than a small call takes.
        let ready = if request.len() > SMALL_REQUEST {
            py.detach(begin)
        } else {
            begin()
        };
        let ready = ready.ok_or_else(|| closed(py))?;
        Ok(ready.map(|reply| (reply.code, PyBytes::new(py, &reply.payload))))
    }

    /// Says that more calls follow within the instant, so that they share a sync.
    fn gather(&self) -> PyResult<()> {
        self.with(Inner::gather)
    }

    /// Says that they have come.
    fn flush(&self) -> PyResult<()> {
        self.with(Inner::flush)
    }

    /// The descriptor that becomes readable for each commit group with answers, or with
    /// an open stream of events.
    fn completions_fd(&self) -> PyResult<i32> {
        self.check_owner()?;
        Ok(self.completions.watch())
    }

    /// Answers that are ready: (ticket, code, payload).
    fn take_completions<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(u64, u32, Bound<'py, PyBytes>)>> {
        // The descriptor is shared with the parent: reading it here would take
        // the parent's wake-up away.
        self.check_owner()?;
        let ready = self.completions.take();
        Ok(ready
            .into_iter()
            .map(|(ticket, reply)| (ticket, reply.code, PyBytes::new(py, &reply.payload)))
            .collect())
    }

    /// Opens a stream of events.
    #[pyo3(signature = (request, token = None, locale = ""))]
    fn watch(
        &self,
        py: Python<'_>,
        request: &[u8],
        token: Option<&str>,
        locale: &str,
    ) -> PyResult<Watch> {
        self.check_owner()?;
        let call = Call {
            method: "/holdfast.v1.EventService/WatchEvents",
            request,
            token,
            deadline: None,
            locale,
        };
        // Before the stream looks for its first events.
        let listening = self.completions.listen();
        let watch = self
            .inner
            .read()
            .as_ref()
            .map(|inner| inner.watch(call))
            .ok_or_else(|| closed(py))?;
        watch
            .map(|inner| Watch::new(inner, self.owner, listening))
            .map_err(|reply| refused(py, &reply))
    }

    fn durable_seq(&self) -> PyResult<u64> {
        self.with(Inner::durable_seq)
    }

    /// SERVING, DRAINING, FAILED or CLOSED.
    fn phase(&self) -> PyResult<&'static str> {
        self.check_owner()?;
        Ok(match self.inner.read().as_ref().map(Inner::phase) {
            Some(Phase::Serving) => "SERVING",
            Some(Phase::Draining) => "DRAINING",
            Some(Phase::Failed) => "FAILED",
            None => "CLOSED",
        })
    }

    /// Counters of the engine as JSON.
    fn metrics_json(&self, py: Python<'_>) -> PyResult<String> {
        let metrics = py.detach(|| self.with(Inner::metrics))?;
        Ok(serde_json::to_string(&metrics).expect("metrics have only plain keys and values"))
    }

    /// What recovery found at the start, where the truth is kept and what a
    /// reply waits for, as JSON.
    fn recovery_json(&self) -> PyResult<String> {
        self.with(|inner| {
            let mut told = serde_json::to_value(inner.recovered())
                .expect("a report has only plain keys and values");
            told["persistence"] = inner.persistence().into();
            told["durability"] = inner.durability().to_string().into();
            told.to_string()
        })
    }

    /// Takes a snapshot of what is durable; what it says of itself as JSON, "null" if
    /// there is none to take.
    fn snapshot_json(&self, py: Python<'_>) -> PyResult<String> {
        let taken = py.detach(|| self.with(Inner::snapshot))?;
        let head = taken.map_err(|error| not_opened(py, &error))?;
        Ok(serde_json::to_string(&head).expect("a report has only plain keys and values"))
    }

    fn drain(&self) -> PyResult<()> {
        self.with(Inner::drain)
    }

    /// Makes everything durable and stops; a second call does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if std::process::id() != self.owner {
            // The threads and the lock are the parent's: there is nothing to close.
            return Ok(());
        }
        py.detach(|| {
            let _once = self.close_once.lock();
            let Some(mut inner) = self.inner.write().take() else {
                return Ok(());
            };
            inner.close()
        })
        .map_err(|error| unusable(py, error.to_string(), "COMMIT_UNKNOWN", &[]))
    }
}

impl Engine {
    /// The engine itself, for a front beside the interpreter.
    pub fn core(&self) -> PyResult<&Core> {
        self.check_owner()?;
        Ok(&self.inner)
    }

    fn check_owner(&self) -> PyResult<()> {
        check_owner(self.owner)
    }

    fn with<T>(&self, ask: impl FnOnce(&Inner) -> T) -> PyResult<T> {
        self.check_owner()?;
        self.inner
            .read()
            .as_ref()
            .map(ask)
            .ok_or_else(|| Python::attach(closed))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::process::id() != self.owner {
            // Dropping it would wait for threads that this process has not.
            std::mem::forget(Arc::clone(&self.inner));
        }
    }
}

fn closed(py: Python<'_>) -> PyErr {
    unusable(py, "the engine is closed".to_owned(), "ENGINE_CLOSED", &[])
}
