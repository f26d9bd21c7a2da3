//! Cutting a journal behind a record, where a person says: everything after it is kept
//! in folders beside, in every copy.
//!
//! A mark stands in the first copy from before the first change until after the last.
//! No journal is opened with it, so that whenever a cut is interrupted the journal is
//! the old one, or refuses, or is the cut one; the same cut again finishes it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::copies::{Copies, Files};
use super::segment::{Found, START};
use super::survey::{Scope, Survey};
use super::{Disk, JournalError, read_up_to};

/// The mark; it holds the record of the cut.
pub(super) const MARK: &str = "cut.begun";
/// It has its name only once it says which.
const DRAFT: &str = "cut.draft";
/// Bytes copied at once.
const STRIDE: usize = 1 << 20;

/// Why a journal cannot be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    #[error(
        "records up to {good_seq} can be read; a cut behind record {seq} would keep what is damaged"
    )]
    Beyond { seq: u64, good_seq: u64 },
    #[error(
        "the journal begins at record {first_seq}; a cut behind record {seq} would keep nothing"
    )]
    Before { seq: u64, first_seq: u64 },
    #[error(
        "record {seq} is not the last of its group, and groups are kept whole. Cut behind record {}{after}",
        before.map(|before| format!("{before} or ")).unwrap_or_default()
    )]
    NoEnd {
        seq: u64,
        /// None if it is in the first group.
        before: Option<u64>,
        after: u64,
    },
    #[error(
        "the journal begins at record {first_seq}, and no snapshot up to record {seq} holds what was before"
    )]
    NoBeginning { first_seq: u64, seq: u64 },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl CutError {
    /// A name for programs, and what the message is about.
    #[must_use]
    pub fn parts(&self) -> (&'static str, Vec<(&'static str, u64)>) {
        match self {
            Self::Beyond { seq, good_seq } => {
                ("CUT_BEYOND", vec![("seq", *seq), ("good_seq", *good_seq)])
            }
            Self::Before { seq, first_seq } => {
                ("CUT_BEFORE", vec![("seq", *seq), ("first_seq", *first_seq)])
            }
            Self::NoEnd { seq, before, after } => {
                let before = before.unwrap_or(*after);
                let facts = vec![("seq", *seq), ("before", before), ("after", *after)];
                ("CUT_INSIDE_GROUP", facts)
            }
            Self::NoBeginning { first_seq, seq } => {
                let facts = vec![("seq", *seq), ("first_seq", *first_seq)];
                ("CUT_NO_BEGINNING", facts)
            }
            Self::Journal(_) => ("JOURNAL_UNUSABLE", Vec::new()),
        }
    }
}

/// What a cut does, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The last record that is kept.
    pub seq: u64,
    /// Records behind it up to here are whole, and are taken away too.
    pub good_seq: u64,
    /// The first record that the journal keeps.
    pub first_seq: u64,
    /// Files that are taken away whole, and the one that is cut at a byte; by the paths
    /// of the first copy.
    pub files: Vec<PathBuf>,
    pub cut: (PathBuf, u64),
    /// It was done.
    pub done: bool,
}

/// Plans a cut of a journal, and of its mirror, behind a record; changes nothing.
///
/// # Errors
/// [`CutError`] if the record is not where a cut can be.
pub fn plan_cut(
    journal: Arc<dyn Disk>,
    mirror: Option<Arc<dyn Disk>>,
    seq: u64,
) -> Result<Cut, CutError> {
    let copies = Copies::new(journal, mirror);
    let names = copies.segments_if_half_cut()?;
    let good_seq = good_seq(&copies, &names)?;
    if seq > good_seq {
        return Err(CutError::Beyond { seq, good_seq });
    }
    let mut segments = Vec::new();
    for name in &names {
        let files = copies.open(name, false)?;
        let origin = files.origin()?;
        segments.push((files, origin.map(|(origin, ..)| origin.first_seq)));
    }
    // What is good has heads, and names are in their order.
    let begins_by =
        |seq: u64| move |(_, first): &(Files, Option<u64>)| first.is_some_and(|first| first <= seq);
    let first_seq = segments.first().and_then(|(_, first)| *first).unwrap_or(1);
    let position = segments.iter().rposition(begins_by(seq));
    let Some(position) = position.filter(|_| seq > 0) else {
        return Err(CutError::Before { seq, first_seq });
    };
    let at = end_of(&segments[position].0, seq, first_seq)?;
    let path = |(files, _): &(Files, _)| files.path().clone();
    Ok(Cut {
        seq,
        good_seq,
        first_seq,
        files: segments[position + 1..].iter().map(path).collect(),
        cut: (path(&segments[position]), at),
        done: false,
    })
}

/// The last record up to which all is whole in one copy or the other.
fn good_seq(copies: &Copies, names: &[String]) -> Result<u64, JournalError> {
    let mut pace = |_| {};
    let scope = Scope {
        beside_writer: false,
        end: None,
        pace: &mut pace,
    };
    match Survey::over(copies, names, scope) {
        Ok(survey) => Ok(survey.recovery.last_seq),
        Err(JournalError::Corrupt { good_seq, .. } | JournalError::Diverged { good_seq, .. }) => {
            Ok(good_seq)
        }
        Err(other) => Err(other),
    }
}

/// Where in its segment the group ends whose last record is `seq`.
fn end_of(files: &Files, seq: u64, first_seq: u64) -> Result<u64, CutError> {
    let (mut at, mut buffer, mut before) = (START, Vec::new(), None);
    let mut group = None;
    loop {
        let fits = |header: &super::frame::Header| {
            group
                .is_some_and(|group| header.group != group)
                .then(|| format!("group {} stands there", header.group))
        };
        let reading = files
            .read_frame(at, &mut buffer, &fits)
            .map_err(JournalError::io("read", files.path()))?;
        let Found::Frame(header) = reading.found else {
            // It was whole a moment ago.
            return Err(JournalError::Missing { seq }.into());
        };
        at += header.size();
        group = Some(header.group + 1);
        let last = header.next_seq() - 1;
        if last == seq && last >= first_seq {
            return Ok(at);
        }
        if last > seq {
            let after = last;
            return Err(CutError::NoEnd { seq, before, after });
        }
        before = (last >= first_seq).then_some(last);
    }
}

/// One copy of a journal, and the folder that keeps what is cut from it.
#[derive(Debug)]
pub struct CutCopy<'a> {
    pub journal: &'a dyn Disk,
    pub aside: &'a dyn Disk,
}

/// Carries a planned cut out, in the first copy and in the others.
///
/// # Errors
/// [`JournalError`]; what was to be taken away is there, in place or aside, and the same
/// cut can be planned and carried out again.
pub fn carry_out(copies: &[CutCopy<'_>], cut: &mut Cut) -> Result<(), JournalError> {
    let names: Vec<String> = std::iter::once(&cut.cut.0)
        .chain(&cut.files)
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    for copy in copies {
        for name in &names {
            keep(copy, name).map_err(JournalError::io("copy", copy.journal.path(name)))?;
        }
        let synced = copy.aside.sync();
        synced.map_err(JournalError::io("sync", copy.aside.path("")))?;
    }
    let marked = copies[0].journal;
    mark(marked, cut.seq).map_err(JournalError::io("mark", marked.path(MARK)))?;
    for copy in copies {
        for (position, name) in names.iter().enumerate() {
            let taken = match position {
                0 => shorten(copy.journal, name, cut.cut.1),
                _ => copy.journal.remove(name),
            };
            if_there(taken).map_err(JournalError::io("cut", copy.journal.path(name)))?;
        }
        let synced = copy.journal.sync();
        synced.map_err(JournalError::io("sync", copy.journal.path("")))?;
    }
    marked
        .remove(MARK)
        .and_then(|()| marked.sync())
        .map_err(JournalError::io("remove", marked.path(MARK)))?;
    cut.done = true;
    Ok(())
}

/// Copies a file aside, durably, if this copy has it.
fn keep(copy: &CutCopy<'_>, name: &str) -> io::Result<()> {
    let source = match copy.journal.open(name, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let target = copy.aside.create(name)?;
    let (mut at, mut piece) = (0, vec![0; STRIDE]);
    loop {
        let got = read_up_to(source.as_ref(), &mut piece, at)?;
        if got == 0 {
            return target.sync_all();
        }
        target.write_all_at(&piece[..got], at)?;
        at += got as u64;
    }
}

fn mark(journal: &dyn Disk, seq: u64) -> io::Result<()> {
    let file = journal.create(DRAFT)?;
    file.write_all_at(seq.to_string().as_bytes(), 0)?;
    file.sync_all()?;
    journal.rename(DRAFT, MARK)?;
    journal.sync()
}

fn shorten(journal: &dyn Disk, name: &str, length: u64) -> io::Result<()> {
    let file = journal.open(name, true)?;
    if file.size()? > length {
        file.set_len(length)?;
    }
    file.sync_all()
}

/// A copy need not have every file.
fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
