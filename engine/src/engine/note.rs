//! The note: what a data folder has last seen of a journal that is elsewhere.
//!
//! A server can be emptied, replaced, or succeeded by a replica that lags behind. An
//! engine that runs finds it at its next append; one that starts has only this note.
//! It is written beside the journal thread, about once a second, and may lag as much.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::beside::Beside;
use super::{OpenError, Shared};
use crate::journal::{
    Disk, Folder, JournalError, Mode, Reader, Recovery, StreamError, read_up_to, replace_file,
};

const NAME: &str = "journal.note";
const EVERY: Duration = Duration::from_secs(1);

/// A record that was durable, and what identifies the history up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    seq: u64,
    anchor: [u8; 16],
}

/// True if the folder's journal is not in it.
pub(super) fn is_elsewhere(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// Refuses a folder whose journal is of the other kind: beside an empty journal its
/// orders would seem gone.
///
/// # Errors
/// [`OpenError::Setting`] that says where the journal is.
pub(super) fn belongs(folder: &Path, mode: Mode) -> Result<(), OpenError> {
    let (other, what) = match mode.is_redis() {
        true => ("journal", "has a journal in files"),
        false => (NAME, "goes with a journal in Redis"),
    };
    if !folder.join(other).exists() {
        return Ok(());
    }
    Err(OpenError::Setting {
        setting: "journal",
        detail: format!(
            "it is {mode}, but {} {what}, as {other} in it shows; name that journal or take another folder",
            folder.display()
        ),
    })
}

/// Refuses a journal that does not hold what this folder has seen of it.
///
/// A mode that promises nothing beyond the server's memory may lose its end: that is
/// said aloud and goes on.
///
/// # Errors
/// [`StreamError::Lost`] with the records that are missing, [`StreamError::Foreign`]
/// for another history, and what reading gives.
pub(super) fn compare(
    folder: &Path,
    reader: &dyn Reader,
    recovery: &Recovery,
    mode: Mode,
    place: &str,
) -> Result<(), JournalError> {
    let Some(note) = read(folder)? else {
        // From now on the folder belongs to a journal that is elsewhere.
        let (seq, anchor) = (0, [0; 16]);
        return write(folder, Note { seq, anchor });
    };
    if note.seq == 0 {
        return Ok(());
    }
    let (seen, last_seq) = (note.seq, recovery.last_seq);
    let place = place.to_owned();
    let error = match reader.anchor(seen) {
        _ if seen > last_seq => StreamError::Lost {
            place,
            seen,
            last_seq,
            note: folder.join(NAME),
        },
        // It was trimmed since, by an engine with another folder.
        Err(JournalError::Missing { .. }) => return Ok(()),
        Ok(anchor) if anchor == note.anchor => return Ok(()),
        Ok(_) => StreamError::Foreign {
            place,
            seen,
            note: folder.join(NAME),
        },
        Err(error) => return Err(error),
    };
    if mode == Mode::RedisEverysec {
        let detail = error.to_string();
        eprintln!(r#"{{"level":"error","event":"records_lost","detail":{detail:?}}}"#);
        return Ok(());
    }
    Err(error.into())
}

fn read(folder: &Path) -> Result<Option<Note>, JournalError> {
    let disk = Folder::at(folder);
    let file = match disk.open(NAME, false) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(JournalError::io("open", disk.path(NAME)))?,
    };
    let mut bytes = [0; 512];
    let got = read_up_to(file.as_ref(), &mut bytes, 0)
        .map_err(JournalError::io("read", disk.path(NAME)))?;
    serde_json::from_slice(&bytes[..got])
        .map(Some)
        .map_err(|error| JournalError::Corrupt {
            path: disk.path(NAME),
            offset: 0,
            good_seq: 0,
            detail: error.to_string(),
        })
}

fn write(folder: &Path, note: Note) -> Result<(), JournalError> {
    let text = serde_json::to_vec(&note).expect("a note has only plain keys and values");
    replace_file(folder, NAME, &text).map_err(failed(folder))
}

fn failed(folder: &Path) -> impl FnOnce(std::io::Error) -> JournalError {
    JournalError::io("write", PathBuf::from(folder).join(NAME))
}

/// Starts the thread that writes the note, and writes the last one when told to stop.
pub(super) fn start(shared: &Arc<Shared>) -> Beside {
    let weak = Arc::downgrade(shared);
    Beside::start("note", move |stopped| {
        let (mut noted, mut said) = (0, false);
        loop {
            let waited = stopped.recv_timeout(EVERY);
            let Some(shared) = weak.upgrade() else { return };
            match take(&shared, noted) {
                Ok(seq) => noted = seq,
                // The server may be away; the journal thread says so.
                Err(error) if !said => {
                    said = true;
                    let detail = error.to_string();
                    eprintln!(r#"{{"level":"warning","event":"note_failed","detail":{detail:?}}}"#);
                }
                Err(_) => {}
            }
            if waited != Err(mpsc::RecvTimeoutError::Timeout) {
                return;
            }
        }
    })
}

/// Notes what is durable now, if that is more than was noted.
fn take(shared: &Shared, noted: u64) -> Result<u64, JournalError> {
    // What failed may have been taken over: another history is not ours to note.
    if shared.writer.poisoned() {
        return Ok(noted);
    }
    let seq = shared.writer.durable_seq();
    if seq > noted
        && let Some(folder) = &shared.settings.path
    {
        let anchor = shared.reader.anchor(seq)?;
        write(folder, Note { seq, anchor })?;
    }
    Ok(seq)
}
