//! Refusals and open errors as Python exceptions: one place, no text matching.

use std::collections::BTreeMap;

use holdfast_engine::archive::ArchiveError;
use holdfast_engine::engine::{OpenError as Inner, Reply};
use holdfast_engine::journal::JournalError;
use holdfast_engine::snapshots::SnapshotError;
use holdfast_engine::wire::status;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

pyo3::create_exception!(
    holdfast._engine,
    Refused,
    PyException,
    "A refused call: .code (gRPC), .reason, .facts, .message, .status (encoded google.rpc.Status)."
);
pyo3::create_exception!(
    holdfast._engine,
    OpenError,
    PyException,
    "An engine that cannot be used: .reason, .facts, .message."
);
pyo3::create_exception!(
    holdfast._engine,
    Forked,
    PyRuntimeError,
    "The engine belongs to the process that opened it."
);

/// The exception of a reply whose code is not 0.
pub fn refused(py: Python<'_>, reply: &Reply) -> PyErr {
    let parts = status::parts(&reply.payload);
    let text = format!("{}: {}", parts.reason, parts.message);
    let build = || {
        let exception = py.get_type::<Refused>().call1((text,))?;
        exception.setattr("code", reply.code)?;
        exception.setattr("reason", parts.reason)?;
        exception.setattr("facts", parts.facts)?;
        exception.setattr("message", parts.message)?;
        exception.setattr("status", PyBytes::new(py, &reply.payload))?;
        Ok(PyErr::from_value(exception))
    };
    build().unwrap_or_else(|error| error)
}

/// An OpenError with its parts.
pub fn unusable(py: Python<'_>, message: String, reason: &str, facts: &[(&str, String)]) -> PyErr {
    let build = || {
        let exception = py.get_type::<OpenError>().call1((message.as_str(),))?;
        let facts: BTreeMap<&str, &str> = facts
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        exception.setattr("reason", reason)?;
        exception.setattr("facts", facts)?;
        exception.setattr("message", message.as_str())?;
        Ok(PyErr::from_value(exception))
    };
    build().unwrap_or_else(|error| error)
}

/// The exception of an open error: reason and facts by kind.
pub fn not_opened(py: Python<'_>, error: &Inner) -> PyErr {
    let (reason, facts) = match error {
        Inner::Journal(error) => journal_facts(error),
        Inner::Snapshot(error) => snapshot_facts(error),
        Inner::Archive(error) => archive_facts(error),
        Inner::Vault(_) => ("DOCUMENTS_UNUSABLE", Vec::new()),
        Inner::Inconsistent(error) => {
            ("JOURNAL_INCONSISTENT", vec![("seq", error.seq.to_string())])
        }
        Inner::Record { seq, .. } => ("JOURNAL_INCONSISTENT", vec![("seq", seq.to_string())]),
        Inner::Setting { setting, .. } => {
            ("SETTING_INVALID", vec![("setting", (*setting).to_owned())])
        }
    };
    unusable(py, error.to_string(), reason, &facts)
}

/// The exception of a journal error.
pub fn journal_failed(py: Python<'_>, error: &JournalError) -> PyErr {
    let (reason, facts) = journal_facts(error);
    unusable(py, error.to_string(), reason, &facts)
}

fn snapshot_facts(error: &SnapshotError) -> (&'static str, Vec<(&'static str, String)>) {
    match error {
        SnapshotError::Journal(error) => journal_facts(error),
        SnapshotError::Ahead {
            path,
            seq,
            last_seq,
        } => (
            "JOURNAL_BEHIND",
            vec![
                ("path", path.display().to_string()),
                ("seq", seq.to_string()),
                ("last_seq", last_seq.to_string()),
            ],
        ),
        SnapshotError::NoneLeft { first_seq, .. } => (
            "SNAPSHOT_MISSING",
            vec![("first_seq", first_seq.to_string())],
        ),
        _ => ("SNAPSHOT_UNUSABLE", Vec::new()),
    }
}

fn archive_facts(error: &ArchiveError) -> (&'static str, Vec<(&'static str, String)>) {
    let (reason, path) = match error {
        ArchiveError::Io { path, .. } => ("ARCHIVE_IO", path),
        ArchiveError::Damaged { path, .. } => ("ARCHIVE_DAMAGED", path),
        ArchiveError::Newer { path, .. } => ("ARCHIVE_NEWER", path),
        ArchiveError::Missing { path, .. } => ("ARCHIVE_MISSING", path),
    };
    (reason, vec![("path", path.display().to_string())])
}

fn journal_facts(error: &JournalError) -> (&'static str, Vec<(&'static str, String)>) {
    match error {
        JournalError::Io { path, .. } => ("JOURNAL_IO", vec![("path", path.display().to_string())]),
        JournalError::Locked { path, pid } => (
            "JOURNAL_LOCKED",
            vec![("path", path.display().to_string()), ("pid", pid.clone())],
        ),
        JournalError::Corrupt {
            path,
            offset,
            good_seq,
            ..
        } => (
            "JOURNAL_CORRUPT",
            vec![
                ("path", path.display().to_string()),
                ("offset", offset.to_string()),
                ("good_seq", good_seq.to_string()),
            ],
        ),
        JournalError::Diverged {
            path,
            other,
            offset,
            good_seq,
        } => (
            "JOURNAL_DIVERGED",
            vec![
                ("path", path.display().to_string()),
                ("other", other.display().to_string()),
                ("offset", offset.to_string()),
                ("good_seq", good_seq.to_string()),
            ],
        ),
        JournalError::HalfCut { path, seq } => (
            "JOURNAL_HALF_CUT",
            vec![("path", path.display().to_string()), ("seq", seq.clone())],
        ),
        JournalError::Newer { found, known, .. } => (
            "JOURNAL_NEWER",
            vec![("found", found.to_string()), ("known", known.to_string())],
        ),
        JournalError::Missing { seq } => ("JOURNAL_MISSING", vec![("seq", seq.to_string())]),
        JournalError::Stream(error) => (error.reason(), Vec::new()),
    }
}

/// Refuses a handle that was carried into a forked child.
pub fn check_owner(owner: u32) -> PyResult<()> {
    if std::process::id() == owner {
        return Ok(());
    }
    Err(Forked::new_err(format!(
        "this engine was opened by process {owner}; a forked child must not use it. Open engines after the fork, or talk to one over gRPC"
    )))
}
