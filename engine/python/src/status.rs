//! What a front reads out of a google.rpc.Status, and the few it states itself.

use std::collections::BTreeMap;

use holdfast_engine::domain::refusal::{Refusal, RefusalCode};
use holdfast_engine::engine::Reply;
use holdfast_engine::views::Locale;
use holdfast_engine::wire::status;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A refusal that only a front can know of, such as a call that waited too
/// long: gRPC code and encoded google.rpc.Status, worded like the engine's own.
#[pyfunction]
pub fn refusal_status<'py>(
    py: Python<'py>,
    reason: &str,
    facts: BTreeMap<String, String>,
    locale: &str,
) -> PyResult<(u32, Bound<'py, PyBytes>)> {
    let code = RefusalCode::from_id(reason)
        .ok_or_else(|| PyValueError::new_err(format!("there is no refusal {reason}")))?;
    let refusal = facts
        .into_iter()
        .fold(Refusal::new(code), |refusal, (key, value)| {
            refusal.fact(key, value)
        });
    let reply = Reply {
        code: refusal.spec().class as u32,
        payload: status::status(&refusal, Locale::from_accept_language(locale)),
    };
    Ok((reply.code, PyBytes::new(py, &reply.payload)))
}

/// Reason, text and encoded google.rpc.Status as a front sends them, see
/// [`status::named`].
#[pyfunction]
pub fn named_status<'py>(
    py: Python<'py>,
    payload: &[u8],
) -> PyResult<(String, String, Bound<'py, PyBytes>)> {
    let named = status::named(payload)
        .ok_or_else(|| PyValueError::new_err("this is no google.rpc.Status"))?;
    Ok((named.reason, named.text, PyBytes::new(py, &named.status)))
}

/// The secret in an `authorization` value.
#[pyfunction]
pub fn secret(authorization: &str) -> &str {
    holdfast_engine::wire::credential::secret(authorization)
}
