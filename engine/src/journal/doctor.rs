//! A damaged journal: what of it can be read, and what is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::JournalError;
use super::copies::{Copies, Files};
use super::disk::{Disk, Folder, read_up_to};
use super::segment::{self, Found, START, read_frame};
use super::survey::{Scope, Survey};

/// Frames begin at multiples of this.
const ALIGN: u64 = 8;

/// A segment that is being cut.
const DRAFT: &str = "cut.draft";

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

/// Why a journal cannot be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    #[error(
        "records up to {good_seq} can be read; a cut behind record {seq} would keep what is damaged"
    )]
    Beyond { seq: u64, good_seq: u64 },
    #[error(
        "record {seq} is not the last of its group, and groups are kept whole. Cut behind record {before} or {after}"
    )]
    NoEnd { seq: u64, before: u64, after: u64 },
    #[error(
        "the journal begins at record {first_seq}, and no snapshot up to record {seq} holds what was before"
    )]
    NoBeginning { first_seq: u64, seq: u64 },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a cut does, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The last record that is kept.
    pub seq: u64,
    /// Where what is taken away is kept.
    pub aside: PathBuf,
    /// Files that are taken away whole, and the one that is cut at a byte.
    pub files: Vec<PathBuf>,
    pub cut: Option<(PathBuf, u64)>,
    /// It was done.
    pub done: bool,
}

/// Plans a cut behind a record: what is kept, and what is moved to `aside`.
///
/// # Errors
/// [`CutError`] if the record is not where a cut can be.
pub fn plan_cut(folder: &Path, seq: u64, aside: &Path) -> Result<Cut, CutError> {
    let good_seq = diagnose(folder)?.good_seq;
    if seq > good_seq {
        return Err(CutError::Beyond { seq, good_seq });
    }
    let disk = Folder::at(folder);
    let copies = Copies::new(Arc::new(Folder::at(folder)), None);
    let mut cut = Cut {
        seq,
        aside: aside.to_owned(),
        files: Vec::new(),
        cut: None,
        done: false,
    };
    let mut before = 0;
    for name in copies.segments()? {
        let path = disk.path(&name);
        if cut.cut.is_some() {
            cut.files.push(path);
            continue;
        }
        let files = copies.open(&name, false)?;
        let file = files.each().next().expect("one copy");
        let (mut at, mut buffer) = (START, Vec::new());
        while let Found::Frame(header) =
            read_frame(file, at, &mut buffer).map_err(JournalError::io("read", &path))?
        {
            at += header.size();
            let last = header.next_seq() - 1;
            if header.count > 0 && last > seq {
                let after = last;
                return Err(CutError::NoEnd { seq, before, after });
            }
            before = last;
            if last == seq {
                cut.cut = Some((path, at));
                break;
            }
        }
    }
    Ok(cut)
}

/// Carries a planned cut out. Whenever it is interrupted, the journal is the old one
/// or has a gap, and both refuse a start, until it is the new one.
///
/// # Errors
/// [`JournalError`]; what was to be taken away is there, in place or aside.
pub fn carry_out(folder: &dyn Disk, aside: &dyn Disk, cut: &mut Cut) -> Result<(), JournalError> {
    let name_of = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let failed = |action, name: &str| JournalError::io(action, folder.path(name));
    let whole = cut.files.iter().map(|path| (name_of(path), u64::MAX));
    let kept = cut.cut.as_ref().map(|(path, _)| (name_of(path), u64::MAX));
    for (name, _) in whole.chain(kept) {
        copy(folder, &name, aside, &name, u64::MAX).map_err(failed("copy", &name))?;
    }
    aside.sync().map_err(failed("sync", ""))?;
    if let Some((path, bytes)) = &cut.cut {
        let name = name_of(path);
        copy(folder, &name, folder, DRAFT, *bytes).map_err(failed("cut", &name))?;
        folder
            .rename(DRAFT, &name)
            .map_err(failed("rename", &name))?;
        folder.sync().map_err(failed("sync", ""))?;
    }
    // The next one first, then from the end: there is a gap until the last is gone.
    let (next, others) = cut.files.split_at(cut.files.len().min(1));
    for path in next.iter().chain(others.iter().rev()) {
        let name = name_of(path);
        folder.remove(&name).map_err(failed("remove", &name))?;
        folder.sync().map_err(failed("sync", ""))?;
    }
    cut.done = true;
    Ok(())
}

/// Copies at most so many bytes of a file, durably.
fn copy(
    from: &dyn Disk,
    name: &str,
    to: &dyn Disk,
    new_name: &str,
    most: u64,
) -> std::io::Result<()> {
    let source = from.open(name, false)?;
    let target = to.create(new_name)?;
    let (mut at, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let wanted = usize::try_from(most - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let got = read_up_to(source.as_ref(), &mut buffer[..wanted], at)?;
        if got == 0 {
            return target.sync_all();
        }
        target.write_all_at(&buffer[..got], at)?;
        at += got as u64;
    }
}
