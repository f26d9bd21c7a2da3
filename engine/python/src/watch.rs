//! A stream of events for Python.

use holdfast_engine::engine::Watch as Inner;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::completions::Listening;
use crate::error::{check_owner, refused};

/// An open stream; `take` never blocks.
#[pyclass(frozen, module = "holdfast._engine")]
#[derive(Debug)]
pub struct Watch {
    inner: Mutex<Inner>,
    /// The process of the engine: a forked child may find the lock held.
    owner: u32,
    _listening: Listening,
}

impl Watch {
    pub const fn new(inner: Inner, owner: u32, listening: Listening) -> Self {
        Self {
            inner: Mutex::new(inner),
            owner,
            _listening: listening,
        }
    }
}

#[pymethods]
impl Watch {
    /// Encoded WatchEventsResponse messages that are ready, at most `limit`.
    fn take<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        check_owner(self.owner)?;
        let taken = py.detach(|| self.inner.lock().take(limit));
        let messages = taken.map_err(|reply| refused(py, &reply))?;
        Ok(messages
            .iter()
            .map(|message| PyBytes::new(py, message))
            .collect())
    }

    /// An encoded heartbeat at the position reached.
    fn heartbeat<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        check_owner(self.owner)?;
        let message = py.detach(|| self.inner.lock().heartbeat());
        Ok(PyBytes::new(py, &message))
    }

    /// How long the stream may be silent, in milliseconds.
    fn heartbeat_ms(&self, py: Python<'_>) -> PyResult<u32> {
        check_owner(self.owner)?;
        Ok(py.detach(|| self.inner.lock().heartbeat_ms()))
    }
}
