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

/// Reason, text and encoded google.rpc.Status as a front sends them.
///
/// The text is "REASON: what happened" for callers that read nothing else. The
/// status carries it word for word as its `message`: readers of rich errors
/// reject a call whose text and status differ.
#[pyfunction]
pub fn named_status<'py>(
    py: Python<'py>,
    payload: &[u8],
) -> PyResult<(String, String, Bound<'py, PyBytes>)> {
    let reason = status::parts(payload).reason;
    let (code, message, details) =
        split(payload).ok_or_else(|| PyValueError::new_err("this is no google.rpc.Status"))?;
    let text = format!("{reason}: {message}");
    let mut named = Vec::with_capacity(payload.len() + reason.len() + 4);
    put(&mut named, CODE);
    put(&mut named, code);
    put(&mut named, MESSAGE);
    put(&mut named, text.len() as u64);
    named.extend_from_slice(text.as_bytes());
    named.extend_from_slice(details);
    Ok((reason, text, PyBytes::new(py, &named)))
}

/// Tags of google.rpc.Status: a varint and a text.
const CODE: u64 = 1 << 3;
const MESSAGE: u64 = 2 << 3 | 2;

/// Code, message and the encoded details, which the engine writes in this order.
fn split(payload: &[u8]) -> Option<(u64, &str, &[u8])> {
    let mut rest = payload;
    if take(&mut rest)? != CODE {
        return None;
    }
    let code = take(&mut rest)?;
    if take(&mut rest)? != MESSAGE {
        return None;
    }
    let length = usize::try_from(take(&mut rest)?).ok()?;
    let (message, details) = rest.split_at_checked(length)?;
    Some((code, std::str::from_utf8(message).ok()?, details))
}

/// Takes a varint off the front.
fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a varint.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
