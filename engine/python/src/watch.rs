//! A stream of events for Python.

use holdfast_engine::engine::Watch as Inner;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::refused;

/// An open stream; `take` never blocks.
#[pyclass(frozen, module = "holdfast._engine")]
#[derive(Debug)]
pub struct Watch {
    inner: Mutex<Inner>,
}

impl Watch {
    pub const fn new(inner: Inner) -> Self {
        Self {
            inner: Mutex::new(inner),
        }
    }
}

#[pymethods]
impl Watch {
    /// Encoded WatchEventsResponse messages that are ready, at most `limit`.
    fn take<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let taken = py.detach(|| self.inner.lock().take(limit));
        let messages = taken.map_err(|reply| refused(py, &reply))?;
        Ok(messages
            .iter()
            .map(|message| PyBytes::new(py, message))
            .collect())
    }

    /// An encoded heartbeat at the position reached.
    fn heartbeat<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.lock().heartbeat())
    }

    /// How long the stream may be silent, in milliseconds.
    fn heartbeat_ms(&self) -> u32 {
        self.inner.lock().heartbeat_ms()
    }
}
