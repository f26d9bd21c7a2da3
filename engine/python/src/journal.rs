//! Data folders without an engine: verify, dump, replay, new keys.

use std::ops::ControlFlow;
use std::path::PathBuf;

use holdfast_engine::backup::{self, BackupError, Source};
use holdfast_engine::engine::{
    compact_folder, cut_folder, replay_folder, rotate_key as rotate, snapshot_folder, verify_folder,
};
use holdfast_engine::journal::{CutError, FileJournal, diagnose};
use holdfast_engine::wire::event::decode_json;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::error::{journal_failed, not_opened, unusable};

/// Checks every frame of a data folder's journal and of its mirror, and every
/// snapshot; a JSON report.
#[pyfunction]
#[pyo3(signature = (path, mirror=None))]
pub fn verify_journal(py: Python<'_>, path: PathBuf, mirror: Option<PathBuf>) -> PyResult<String> {
    let report = py
        .detach(|| verify_folder(&path, mirror.as_deref()))
        .map_err(|error| not_opened(py, &error))?;
    Ok(serde_json::to_string(&report).expect("a report has only plain keys and values"))
}

/// What of a damaged journal can be read, and what is lost; a JSON report.
#[pyfunction]
pub fn diagnose_journal(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    let found = py
        .detach(|| diagnose(&path.join("journal")))
        .map_err(|error| journal_failed(py, &error))?;
    Ok(serde_json::to_string(&found).expect("a report has only plain keys and values"))
}

/// The mirror that a data folder was last opened with, if any.
#[pyfunction]
pub fn mirror_of(py: Python<'_>, path: PathBuf) -> PyResult<Option<PathBuf>> {
    holdfast_engine::engine::mirror_of(&path).map_err(|error| not_opened(py, &error))
}

/// Records from a position on as JSON lines, at most `limit`.
#[pyfunction]
#[pyo3(signature = (path, from_seq, limit, mirror=None))]
pub fn dump_journal(
    py: Python<'_>,
    path: PathBuf,
    from_seq: u64,
    limit: usize,
    mirror: Option<PathBuf>,
) -> PyResult<Vec<String>> {
    let dumped = py.detach(|| {
        let (reader, last_seq) =
            FileJournal::open_reader(&path.join("journal"), mirror.as_deref())?;
        let mut lines = Vec::new();
        reader.scan(from_seq, last_seq, &mut |seq, bytes| {
            lines.push(decode_json(seq, bytes).to_string());
            if lines.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(lines)
    });
    dumped.map_err(|error| journal_failed(py, &error))
}

/// Hash, position, and findings as (identity, subject, detail).
type Replayed = (String, u64, Vec<(String, String, String)>);

/// Replays a data folder's journal without taking its lock: the state's hash in
/// hex, its position, and what the audit found as (identity, subject, detail).
#[pyfunction]
#[pyo3(signature = (path, mirror=None))]
pub fn replay_journal(
    py: Python<'_>,
    path: PathBuf,
    mirror: Option<PathBuf>,
) -> PyResult<Replayed> {
    let (state, findings) = py
        .detach(|| replay_folder(&path, mirror.as_deref()))
        .map_err(|error| not_opened(py, &error))?;
    let hash = state
        .digest()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let findings = findings
        .into_iter()
        .map(|finding| (finding.identity.to_owned(), finding.subject, finding.detail))
        .collect();
    Ok((hash, state.seq(), findings))
}

/// Takes a snapshot of a data folder that no engine has open; what it says of itself as
/// JSON, "null" if the journal is empty.
#[pyfunction]
#[pyo3(signature = (path, mirror=None, key_file=None))]
pub fn snapshot_journal(
    py: Python<'_>,
    path: PathBuf,
    mirror: Option<PathBuf>,
    key_file: Option<PathBuf>,
) -> PyResult<String> {
    let head = py
        .detach(|| snapshot_folder(&path, mirror.as_deref(), key_file.as_deref()))
        .map_err(|error| not_opened(py, &error))?;
    Ok(serde_json::to_string(&head).expect("a report has only plain keys and values"))
}

/// Takes a snapshot and removes records older than `keep_days` that two snapshots hold;
/// what was removed as JSON.
#[pyfunction]
#[pyo3(signature = (path, keep_days, mirror=None, key_file=None))]
pub fn compact_journal(
    py: Python<'_>,
    path: PathBuf,
    keep_days: u32,
    mirror: Option<PathBuf>,
    key_file: Option<PathBuf>,
) -> PyResult<String> {
    let (mirror, key_file) = (mirror.as_deref(), key_file.as_deref());
    let compacted = py
        .detach(|| compact_folder(&path, mirror, key_file, keep_days))
        .map_err(|error| not_opened(py, &error))?;
    Ok(serde_json::to_string(&compacted).expect("a report has only plain keys and values"))
}

/// Makes a new master key of a data folder's sealed documents current; its id.
/// `key_file` names a ring that is kept outside of the folder.
#[pyfunction]
#[pyo3(signature = (path, key_file=None))]
pub fn rotate_key(py: Python<'_>, path: PathBuf, key_file: Option<PathBuf>) -> PyResult<u32> {
    py.detach(|| rotate(&path, key_file.as_deref()))
        .map_err(|error| not_opened(py, &error))
}

/// Copies a data folder, beside a running engine or not; the manifest as JSON. `keys`
/// is the key ring, if that is to be copied too.
#[pyfunction]
#[pyo3(signature = (path, to, mirror=None, keys=None))]
pub fn backup_folder(
    py: Python<'_>,
    path: PathBuf,
    to: PathBuf,
    mirror: Option<PathBuf>,
    keys: Option<PathBuf>,
) -> PyResult<String> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    let source = Source {
        data: &path,
        mirror: mirror.as_deref(),
        keys: keys.as_deref(),
    };
    let made = py.detach(|| backup::backup(source, &to, now_ms));
    told(py, made.map(|made| json!(made)))
}

/// Checks a backup where it is, its documents too if it has a key ring or `keys` is
/// one; what was found as JSON.
#[pyfunction]
#[pyo3(signature = (path, keys=None))]
pub fn verify_backup(py: Python<'_>, path: PathBuf, keys: Option<PathBuf>) -> PyResult<String> {
    let found = py.detach(|| backup::verify(&path, keys.as_deref()));
    told(py, found.map(|found| json!(found)))
}

/// Makes a data folder of a backup; what was found as JSON.
#[pyfunction]
#[pyo3(signature = (path, to, keys=None))]
pub fn restore_backup(
    py: Python<'_>,
    path: PathBuf,
    to: PathBuf,
    keys: Option<PathBuf>,
) -> PyResult<String> {
    let made = py.detach(|| backup::restore(&path, &to, keys.as_deref()));
    told(py, made.map(|made| json!(made)))
}

fn told(py: Python<'_>, found: Result<Value, BackupError>) -> PyResult<String> {
    let found = found.map_err(|error| match &error {
        BackupError::Open(open) => not_opened(py, open),
        other => unusable(py, other.to_string(), other.reason(), &other.facts()),
    })?;
    Ok(found.to_string())
}

/// Cuts a closed folder's journal behind a record, or says what that would do; as JSON.
#[pyfunction]
#[pyo3(signature = (path, seq, aside, carry_out, mirror=None))]
pub fn cut_journal(
    py: Python<'_>,
    path: PathBuf,
    seq: u64,
    aside: &str,
    carry_out: bool,
    mirror: Option<PathBuf>,
) -> PyResult<String> {
    let cut = py
        .detach(|| cut_folder(&path, mirror.as_deref(), seq, aside, carry_out))
        .map_err(|error| match &error {
            CutError::Journal(error) => journal_failed(py, error),
            other => {
                let (reason, facts) = other.parts();
                let facts: Vec<_> = facts
                    .iter()
                    .map(|(key, value)| (*key, value.to_string()))
                    .collect();
                unusable(py, other.to_string(), reason, &facts)
            }
        })?;
    Ok(serde_json::to_string(&cut).expect("a report has only plain keys and values"))
}
