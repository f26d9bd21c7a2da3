//! A journal to be copied, beside its writer if there is one.

use std::path::Path;
use std::sync::Arc;

use super::copies::Files;
use super::file::{Indexed, beside, scope_beside};
use super::frame::{self, HEADER};
use super::segment::{Found, START};
use super::survey::{Survey, Tail};
use super::{Disk, DiskFile, Folder, JournalError};

/// Bytes that are written at once.
const STRIDE: usize = 1 << 20;

/// A journal up to the last frame that was whole at one moment. Its files are held
/// open: what a writer removes meanwhile can still be read.
#[derive(Debug)]
pub struct Export {
    segments: Vec<Indexed>,
    tail: Tail,
    pub journal_id: [u8; 16],
    pub first_seq: u64,
    /// 0 if there is no record.
    pub last_seq: u64,
}

impl Export {
    /// Reads a folder's journal, and its mirror's, without a lock.
    ///
    /// # Errors
    /// As [`FileJournal::open_mirrored`](super::FileJournal::open_mirrored);
    /// [`JournalError::Io`] if old segments were removed while they were looked for.
    pub fn of(folder: &Path, mirror: Option<&Path>) -> Result<Self, JournalError> {
        let mut pace = |_| {};
        let survey = Survey::of(&beside(folder, mirror), scope_beside(&mut pace))?;
        Ok(Self {
            segments: survey.segments,
            tail: survey.tail,
            journal_id: survey.journal_id,
            first_seq: survey.recovery.first_seq,
            last_seq: survey.recovery.last_seq,
        })
    }

    /// Writes it into a folder, durably: every frame from a copy that has it whole.
    ///
    /// # Errors
    /// [`JournalError`] if a file cannot be read or written.
    pub fn write(&self, to: &Path) -> Result<(), JournalError> {
        let folder = Folder::create(to).map_err(JournalError::io("create", to))?;
        for (position, segment) in self.segments.iter().enumerate() {
            let is_last = position + 1 == self.segments.len();
            let end = if is_last { self.tail.offset } else { u64::MAX };
            write_segment(&segment.files, end, &folder)?;
        }
        folder.sync().map_err(JournalError::io("sync", to))
    }
}

/// Copies the head and every whole frame before `end`.
fn write_segment(files: &Files, end: u64, folder: &Folder) -> Result<(), JournalError> {
    let path = folder.path(files.name());
    let origin = files.origin()?;
    let (origin, ..) = origin.ok_or_else(|| JournalError::Corrupt {
        path: files.path().clone(),
        offset: 0,
        good_seq: 0,
        detail: "its head is not readable".into(),
    })?;
    let written: Arc<dyn DiskFile> = folder
        .create(files.name())
        .map_err(JournalError::io("create", &path))?;
    let mut waiting = origin.encode().to_vec();
    let (mut written_to, mut at, mut buffer) = (0, START, Vec::new());
    let mut expected = origin.first_group;
    while at < end {
        let reading = files
            .read_frame(at, &mut buffer, &|header| {
                (header.group != expected).then(|| format!("group {} stands there", header.group))
            })
            .map_err(JournalError::io("read", files.path()))?;
        let Found::Frame(header) = reading.found else {
            break;
        };
        debug_assert_eq!(buffer.len(), HEADER + header.length as usize);
        frame::pad(&mut buffer);
        waiting.extend_from_slice(&buffer);
        if waiting.len() >= STRIDE {
            let placed = written.write_all_at(&waiting, written_to);
            placed.map_err(JournalError::io("write", &path))?;
            written_to += waiting.len() as u64;
            waiting.clear();
        }
        at += header.size();
        expected = header.group + 1;
    }
    written
        .write_all_at(&waiting, written_to)
        .and_then(|()| written.sync_all())
        .map_err(JournalError::io("write", &path))
}
