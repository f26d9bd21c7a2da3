//! A clock that Python moves.

use std::sync::Arc;

use holdfast_engine::clock::ManualClock as Inner;
use pyo3::prelude::*;

/// A clock for tests and rehearsals: milliseconds since 1970, UTC.
#[pyclass(frozen, module = "holdfast._engine")]
#[derive(Debug)]
pub struct ManualClock {
    pub inner: Arc<Inner>,
}

#[pymethods]
impl ManualClock {
    #[new]
    fn new(now_ms: i64) -> Self {
        Self {
            inner: Inner::new(now_ms),
        }
    }

    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }

    fn advance(&self, delta_ms: i64) -> i64 {
        self.inner.advance(delta_ms)
    }

    fn set(&self, now_ms: i64) {
        self.inner.set(now_ms);
    }
}
