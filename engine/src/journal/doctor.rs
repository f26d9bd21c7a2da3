//! A damaged journal: what of it can be read, and what is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::JournalError;
use super::copies::{Copies, Files};
use super::disk::Folder;
use super::segment::{self, Found, START, read_frame};
use super::survey::{Scope, Survey};

/// Frames begin at multiples of this.
const ALIGN: u64 = 8;

/// What a look at a journal found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Records up to here are whole and in order.
    pub good_seq: u64,
    /// Where the first damage is, and what it is; nothing if there is none.
    pub damage: Option<Damage>,
    /// First and last record that nothing readable holds, where both are known.
    pub lost: Option<(u64, u64)>,
    /// Records behind the damage that are whole in themselves.
    pub islands: Vec<Island>,
}

/// The first place that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    pub path: PathBuf,
    pub offset: u64,
    pub detail: String,
}

/// A run of whole groups behind damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Island {
    pub path: PathBuf,
    pub offset: u64,
    pub first_seq: u64,
    pub last_seq: u64,
}

/// Looks at a folder's journal; changes nothing.
///
/// # Errors
/// [`JournalError`] if it cannot be read at all, or is of a newer version.
pub fn diagnose(folder: &Path) -> Result<Diagnosis, JournalError> {
    let copies = Copies::new(Arc::new(Folder::at(folder)), None);
    let mut pace = |_| {};
    let scope = Scope {
        beside_writer: true,
        end: None,
        pace: &mut pace,
    };
    let (path, offset, good_seq, detail) = match Survey::of(&copies, scope) {
        Ok(survey) => {
            return Ok(Diagnosis {
                good_seq: survey.recovery.last_seq,
                ..Diagnosis::default()
            });
        }
        Err(JournalError::Corrupt {
            path,
            offset,
            good_seq,
            detail,
        }) => (path, offset, good_seq, detail),
        Err(other) => return Err(other),
    };
    let mut islands = Vec::new();
    for name in copies.segments()? {
        let files = copies.open(&name, false)?;
        if *files.path() < path {
            continue;
        }
        let from = if *files.path() == path { offset } else { START };
        find_islands(&files, from.max(START), good_seq, &mut islands)?;
    }
    let next = islands.iter().map(|island| island.first_seq).min();
    Ok(Diagnosis {
        good_seq,
        lost: next
            .filter(|next| *next > good_seq + 1)
            .map(|next| (good_seq + 1, next - 1)),
        damage: Some(Damage {
            path,
            offset,
            detail,
        }),
        islands,
    })
}

/// Whole groups of a segment from a place on; neighbours are one island.
fn find_islands(
    files: &Files,
    from: u64,
    good_seq: u64,
    islands: &mut Vec<Island>,
) -> Result<(), JournalError> {
    let failed = |error| JournalError::io("read", files.path())(error);
    for file in files.each() {
        let (mut at, mut buffer) = (from, Vec::new());
        let mut open: Option<usize> = None;
        loop {
            match read_frame(file, at, &mut buffer).map_err(failed)? {
                Found::Frame(header) => {
                    if header.count > 0 && header.first_seq > good_seq {
                        let last_seq = header.next_seq() - 1;
                        match open.map(|place| &mut islands[place]) {
                            Some(island) if island.last_seq + 1 == header.first_seq => {
                                island.last_seq = last_seq;
                            }
                            _ => {
                                open = Some(islands.len());
                                islands.push(Island {
                                    path: files.path().clone(),
                                    offset: at,
                                    first_seq: header.first_seq,
                                    last_seq,
                                });
                            }
                        }
                    }
                    at += header.size();
                }
                _ => {
                    let found = segment::find_frame(file, at + ALIGN, &|_| true);
                    let Some((_, next)) = found.map_err(failed)? else {
                        break;
                    };
                    (at, open) = (next, None);
                }
            }
        }
    }
    Ok(())
}
