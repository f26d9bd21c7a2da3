//! A data folder remembers its mirror: whoever opens it without naming one must not
//! leave the second copy behind, nor cut one and keep the other.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::OpenError;
use crate::journal::{JournalError, replace_file};

/// Whoever removes it gives the mirror up.
const NAME: &str = "mirror.note";

/// A folder and its mirror, both as absolute paths: a copy of the folder has a mirror
/// of its own or none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    folder: PathBuf,
    mirror: PathBuf,
}

/// The mirror that a data folder has, if it was ever opened with one.
///
/// # Errors
/// [`OpenError::Setting`] if the folder was moved or copied since;
/// [`JournalError::Io`] if the note cannot be read.
pub fn mirror_of(folder: &Path) -> Result<Option<PathBuf>, OpenError> {
    let path = folder.join(NAME);
    let unreadable = |source| JournalError::io("read", &path)(source);
    let note: Note = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => serde_json::from_slice(&read.map_err(unreadable)?)
            .map_err(|error| unreadable(error.into()))?,
    };
    if note.folder == folder.canonicalize().map_err(unreadable)? {
        return Ok(Some(note.mirror));
    }
    Err(OpenError::Setting {
        setting: "mirror",
        detail: format!(
            "{} was moved or copied from {}, whose mirror is {}. Name the mirror that this one has, or remove {} to go on without",
            folder.display(),
            note.folder.display(),
            note.mirror.display(),
            path.display()
        ),
    })
}

/// The mirror to open a folder with: the one that is named, which is remembered from
/// then on, or the one that is remembered.
pub(super) fn choose(folder: &Path, named: Option<&Path>) -> Result<Option<PathBuf>, OpenError> {
    let Some(named) = named else {
        return mirror_of(folder);
    };
    let note = Note {
        folder: (folder.canonicalize()).map_err(JournalError::io("find", folder))?,
        mirror: std::path::absolute(named).map_err(JournalError::io("find", named))?,
    };
    let text = serde_json::to_vec(&note).expect("paths are text");
    if std::fs::read(folder.join(NAME)).ok().as_ref() != Some(&text) {
        replace_file(folder, NAME, &text).map_err(JournalError::io("write", folder.join(NAME)))?;
    }
    Ok(Some(note.mirror))
}
