//! The journal: the truth, of which the state is only a summary.
//!
//! A *record* is one transaction's bytes with a sequence number, gap-free from one.
//! A *group* is every record that one fdatasync makes durable, and one frame
//! on disk; groups are chained by a hash. Records are opaque here. One trait
//! has several journals behind it; one suite of tests runs over all of them.

mod copies;
mod cut;
mod disk;
mod doctor;
mod export;
mod file;
mod file_reader;
mod frame;
mod lock;
mod memory;
mod mode;
mod queue;
pub mod redis;
mod segment;
mod space;
mod spare;
mod survey;
mod writer;

use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use cut::{Cut, CutCopy, CutError, carry_out, plan_cut};
pub use disk::{Disk, DiskFile, Folder, read_up_to};
pub(crate) use disk::{parent_of, replace_file};
pub use doctor::{Damage, Diagnosis, Island, diagnose};
pub use export::Export;
pub use file::{FileJournal, FileOptions, Report, verify};
pub use lock::FolderLock;
pub use memory::MemoryJournal;
pub use mode::{Mode, UnknownMode};
pub use queue::{Queue, Taken};
pub use redis::{RedisJournal, RedisOptions, StreamError};
pub use space::Space;
pub use spare::Spare;
pub use writer::{Away, CommitError, Writer, WriterMetrics};

/// What an acknowledgement of this journal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Applied in this process.
    Memory,
    /// Handed to the operating system or to Redis.
    Logged,
    /// On disk, with everything before it.
    Synced,
    /// In memory of so many replicas.
    Replicated(u32),
    /// On disk here and at so many replicas.
    ReplicatedSynced(u32),
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory => f.write_str("MEMORY"),
            Self::Logged => f.write_str("LOGGED"),
            Self::Synced => f.write_str("SYNCED"),
            Self::Replicated(replicas) => write!(f, "REPLICATED({replicas})"),
            Self::ReplicatedSynced(replicas) => write!(f, "REPLICATED_SYNCED({replicas})"),
        }
    }
}

/// Records that are made durable together.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    pub first_seq: u64,
    pub count: u32,
    /// The records, each behind its length as a varint.
    pub body: &'a [u8],
}

/// How often the journal thread looks after its journal.
pub const TEND_EVERY: Duration = Duration::from_millis(500);

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    Durable,
    /// It may be there or not: commit the same group again, to whoever can be
    /// reached then. It is found if it is there already.
    Again {
        detail: String,
    },
}

/// What a journal must do. It has one owner, the journal thread.
pub trait Journal: Send {
    /// Appends a group and makes it as durable as [`Journal::durability`] says.
    ///
    /// # Errors
    /// Any failure leaves it unknown what was written: the owner stops using the
    /// journal and never tries the same sync again.
    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress>;

    /// Marks the last group as complete, after a moment without work, so that
    /// damage to it can be told from a torn write.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    fn seal(&mut self) -> io::Result<()>;

    /// Looks that all is well: the file is still there, the lease is still ours.
    /// Called about every [`TEND_EVERY`], work or none.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    fn tend(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Removes what lies wholly before a record, as far as it can be removed at
    /// little cost. A snapshot must hold what is removed.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    fn trim(&mut self, before_seq: u64) -> io::Result<()>;

    /// How long without work before [`Journal::seal`] is due.
    fn idle_after(&self) -> Duration;

    fn durability(&self) -> Durability;

    fn last_seq(&self) -> u64;

    /// How much room it has, where that is known.
    fn space(&self) -> Option<Arc<Space>> {
        None
    }

    /// Grows its next segment, where segments are files.
    fn spare(&self) -> Option<Arc<Spare>> {
        None
    }

    /// Reads beside the writer.
    fn reader(&self) -> Arc<dyn Reader>;
}

/// Reads records, never in the writer's way.
pub trait Reader: Send + Sync + std::fmt::Debug {
    /// The first record that is still kept; 1 until something is trimmed.
    fn first_seq(&self) -> u64;

    /// Visits records in order until `upto_seq`, the end, or a break.
    ///
    /// # Errors
    /// [`JournalError`] if a record cannot be read or fails its checks.
    fn scan(
        &self,
        from_seq: u64,
        upto_seq: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError>;

    /// What identifies the group of a record and the whole history before it: two
    /// journals with the same anchor there hold the same records up to it.
    ///
    /// # Errors
    /// [`JournalError::Missing`] if there is no such record, others as [`Reader::scan`].
    fn anchor(&self, seq: u64) -> Result<[u8; 16], JournalError>;

    /// Reads everything that is durable again, and mends what one copy has wrong
    /// and another has right. `pace` is told the bytes read, and may wait.
    ///
    /// # Errors
    /// [`JournalError`] for what no copy has right.
    fn scrub(&self, pace: &mut dyn FnMut(u64)) -> Result<Scrubbed, JournalError>;

    /// One record.
    ///
    /// # Errors
    /// [`JournalError::Missing`] if there is none, others as [`Reader::scan`].
    fn read(&self, seq: u64) -> Result<Vec<u8>, JournalError> {
        let mut found = None;
        self.scan(seq, seq, &mut |_, record| {
            found = Some(record.to_vec());
            ControlFlow::Break(())
        })?;
        found.ok_or(JournalError::Missing { seq })
    }
}

/// What a scrub found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Scrubbed {
    pub frames: u64,
    pub mended_frames: u64,
}

/// What opening a journal found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// The first record that is kept.
    pub first_seq: u64,
    pub last_seq: u64,
    pub records: u64,
    pub groups: u64,
    /// Bytes of an incomplete last group that were cut; nobody was promised them.
    pub torn_bytes: u64,
    /// Where they were.
    pub torn_at: Option<(String, u64)>,
    /// Frames that one copy lacked or had wrong; taken from the other one.
    pub stale_frames: u64,
    pub epoch: u32,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{path} is in use by process {pid}. Stop it, or talk to it instead of opening the folder"
    )]
    Locked { path: PathBuf, pid: String },
    #[error(
        "{path} is damaged at byte {offset}: {detail}. Good records end at {good_seq}, and later ones exist, so nothing was cut. \
         Restore a backup, or look with `holdfast journal verify`"
    )]
    Corrupt {
        path: PathBuf,
        offset: u64,
        good_seq: u64,
        detail: String,
    },
    #[error(
        "{path} and {other} hold different histories from byte {offset} on, behind record {good_seq}. \
         Look at both with `holdfast journal dump`, move the wrong one away and start again"
    )]
    Diverged {
        path: PathBuf,
        other: PathBuf,
        offset: u64,
        good_seq: u64,
    },
    #[error(
        "{path} has format {found}; this version reads up to {known}. Use the version that wrote it"
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error(
        "{path}: cutting this journal behind record {seq} was begun and not finished, and nothing starts from it before. \
         Run `holdfast journal doctor --cut-at {seq} --yes` again"
    )]
    HalfCut { path: PathBuf, seq: String },
    #[error("record {seq} is not in the journal")]
    Missing { seq: u64 },
    /// A journal in Redis.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl JournalError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Appends a record to a group's body.
pub(crate) fn put_record(body: &mut Vec<u8>, record: &[u8]) {
    prost::encoding::encode_varint(record.len() as u64, body);
    body.extend_from_slice(record);
}

/// Visits those records of a group that are among `wanted`, and ends behind them.
/// `None` if the body is malformed.
pub(crate) fn records_among(
    body: &[u8],
    first_seq: u64,
    wanted: RangeInclusive<u64>,
    visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Option<ControlFlow<()>> {
    let mut seqs = first_seq..;
    each_record(body, |record| match seqs.next() {
        Some(seq) if seq < *wanted.start() => ControlFlow::Continue(()),
        Some(seq) if seq <= *wanted.end() => visit(seq, record),
        _ => ControlFlow::Break(()),
    })
}

/// Visits the records of a group's body. `None` if the body is malformed.
pub(crate) fn each_record(
    body: &[u8],
    mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Option<ControlFlow<()>> {
    let mut rest = body;
    while !rest.is_empty() {
        let length = usize::try_from(prost::encoding::decode_varint(&mut rest).ok()?).ok()?;
        let (record, tail) = rest.split_at_checked(length)?;
        if visit(record).is_break() {
            return Some(ControlFlow::Break(()));
        }
        rest = tail;
    }
    Some(ControlFlow::Continue(()))
}
