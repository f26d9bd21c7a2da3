//! Reading a journal once from end to end: where it stands, what of it is torn,
//! what is damaged, and what one copy has to take from the other.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::copies::{Copies, Files, Repair};
use super::file::Indexed;
use super::frame::{self, Chain, HEADER, Header};
use super::segment::{self, Found, START};
use super::{DiskFile, JournalError, Recovery, read_up_to};
use crate::planted::planted;

/// How often a reader beside a writer looks again at what is not whole.
const LOOKS: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Bytes looked at in one go behind the last frame.
const LEFTOVER_PIECE: usize = 1 << 20;

/// Where the last good frame ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub offset: u64,
    /// Before this all is known to be on disk: what was written behind it says so.
    pub synced: u64,
    pub next_group: u64,
    pub next_seq: u64,
    pub chain: Chain,
    pub epoch: u32,
}

/// How far a survey goes, and how gently.
pub(super) struct Scope<'a> {
    /// A writer may be at work: what stands at the tail may be half written.
    pub beside_writer: bool,
    /// First record of the last segment to read, and where to stop in it.
    pub end: Option<(u64, u64)>,
    /// Told the bytes of each frame that was read.
    pub pace: &'a mut dyn FnMut(u64),
}

/// Everything that reading a journal once tells.
pub(super) struct Survey<'a> {
    scope: Scope<'a>,
    pub segments: Vec<Indexed>,
    pub recovery: Recovery,
    pub tail: Tail,
    pub journal_id: [u8; 16],
    pub repairs: Vec<Repair>,
    /// A segment that was begun and never had a head; it holds nothing.
    pub unfinished: Option<String>,
}

impl<'a> Survey<'a> {
    pub(super) fn of(copies: &Copies, scope: Scope<'a>) -> Result<Self, JournalError> {
        Self::over(copies, &copies.segments()?, scope)
    }

    /// The same of the segments with these names.
    pub(super) fn over(
        copies: &Copies,
        names: &[String],
        scope: Scope<'a>,
    ) -> Result<Self, JournalError> {
        let mut survey = Self {
            scope,
            segments: Vec::new(),
            recovery: Recovery::default(),
            tail: Tail {
                offset: START,
                synced: 0,
                next_group: 1,
                next_seq: 1,
                chain: Chain::default(),
                epoch: 0,
            },
            journal_id: [0; 16],
            repairs: Vec::new(),
            unfinished: None,
        };
        for (position, name) in names.iter().enumerate() {
            let files = copies.open(name, false)?;
            if !survey.read_segment(&files, position + 1 == names.len())? {
                break;
            }
        }
        let first = survey.segments.first();
        survey.recovery.first_seq = first.map_or(1, |first| first.first_seq);
        survey.recovery.last_seq = survey.tail.next_seq - 1;
        survey.recovery.epoch = survey.tail.epoch;
        Ok(survey)
    }

    /// Reads one segment; false if the survey ends with it.
    fn read_segment(&mut self, files: &Files, is_last: bool) -> Result<bool, JournalError> {
        let Some((origin, from, stale)) = files.origin()? else {
            // Only the newest segment may be unfinished: a crash while it was begun may
            // have left anything in its head, and nothing behind it.
            let begun = !self.segments.is_empty() || files.name() == segment::file_name(1);
            if is_last && begun && is_empty(files)? {
                self.unfinished = Some(files.name().to_owned());
                return Ok(false);
            }
            return Err(self.corrupt(files.path(), 0, "its head is not readable"));
        };
        let (end_segment, end_offset) = self.scope.end.unwrap_or((u64::MAX, u64::MAX));
        if origin.first_seq > end_segment {
            return Ok(false);
        }
        let fits = origin.first_seq == self.tail.next_seq
            && origin.first_group == self.tail.next_group
            && origin.chain == self.tail.chain
            && origin.journal_id == self.journal_id;
        if !self.segments.is_empty() && !fits {
            let detail = format!(
                "it begins with record {}, expected {}",
                origin.first_seq, self.tail.next_seq
            );
            return Err(self.corrupt(files.path(), 0, detail));
        }
        self.journal_id = origin.journal_id;
        self.tail = Tail {
            offset: START,
            synced: 0,
            next_group: origin.first_group,
            next_seq: origin.first_seq,
            chain: origin.chain,
            epoch: self.tail.epoch,
        };
        self.repair(files, from, &stale, 0, START);
        self.segments.push(Indexed {
            files: files.clone(),
            first_seq: origin.first_seq,
            frames: Vec::new(),
        });
        let is_end = origin.first_seq == end_segment;
        self.read_frames(files, is_last, if is_end { end_offset } else { u64::MAX })?;
        Ok(!is_end)
    }

    fn read_frames(&mut self, files: &Files, is_last: bool, end: u64) -> Result<(), JournalError> {
        let mut buffer = Vec::new();
        let looks = if self.scope.beside_writer { LOOKS } else { 0 };
        let mut looks_left = looks;
        while self.tail.offset < end {
            let tail = self.tail;
            let reading = files
                .read_frame(tail.offset, &mut buffer, &|header| misfit(&tail, header))
                .map_err(JournalError::io("read", files.path()))?;
            if reading.diverged {
                return Err(JournalError::Diverged {
                    path: files.path_of(0).clone(),
                    other: files.path_of(1).clone(),
                    offset: tail.offset,
                    good_seq: tail.next_seq - 1,
                });
            }
            let detail = match reading.found {
                Found::Frame(header) => {
                    self.repair(
                        files,
                        reading.from,
                        &reading.stale,
                        tail.offset,
                        header.size(),
                    );
                    self.take(&header, &buffer);
                    (self.scope.pace)(header.size());
                    looks_left = looks;
                    continue;
                }
                Found::Misplaced(detail) => {
                    return Err(self.corrupt(files.path_of(reading.from), tail.offset, detail));
                }
                Found::Nothing => "there are zeros".to_owned(),
                Found::Damage(detail) => detail,
            };
            let leftover = self.leftover(files, is_last)?;
            if leftover == 0 {
                break;
            }
            if looks_left == 0 {
                return self.judge(files, is_last, &detail, leftover);
            }
            // What is half written now is whole in a moment; only what a crash
            // left stays as it is.
            looks_left -= 1;
            std::thread::sleep(LOOK_AGAIN);
        }
        if self.tail.offset < end && end != u64::MAX {
            let detail = format!("it ends here, but was written up to byte {end}");
            return Err(self.corrupt(files.path(), self.tail.offset, detail));
        }
        Ok(())
    }

    fn take(&mut self, header: &Header, frame: &[u8]) {
        if header.count > 0 {
            let segment = self.segments.last_mut().expect("pushed before");
            segment.note(header.first_seq, self.tail.offset);
        }
        self.recovery.records += u64::from(header.count);
        self.recovery.groups += 1;
        self.tail = Tail {
            offset: self.tail.offset + header.size(),
            synced: match header.before_sync {
                true => self.tail.synced,
                false => self.tail.offset,
            },
            next_group: header.group + 1,
            next_seq: header.next_seq(),
            chain: frame::chain_of(&frame[..HEADER + header.length as usize]),
            epoch: header.epoch,
        };
    }

    /// Notes what copies have to take from another one; neighbours together.
    fn repair(&mut self, files: &Files, from: usize, stale: &[usize], offset: u64, length: u64) {
        for copy in stale {
            self.recovery.stale_frames += 1;
            let before = self.repairs.iter_mut().rfind(|repair| {
                repair.name == files.name()
                    && (repair.copy, repair.from) == (*copy, from)
                    && repair.offset + repair.length == offset
            });
            match before {
                Some(repair) => repair.length += length,
                None => self.repairs.push(Repair {
                    name: files.name().to_owned(),
                    copy: *copy,
                    from,
                    offset,
                    length,
                }),
            }
        }
    }

    /// Bytes behind the tail that are not zero. In a segment that is closed, one copy
    /// without any says that those of the other one are rot.
    fn leftover(&mut self, files: &Files, is_last: bool) -> Result<u64, JournalError> {
        let at = self.tail.offset;
        let mut clean = None;
        let mut dirty = Vec::new();
        for (copy, file) in files.copies() {
            let found = last_nonzero(file, at).map_err(JournalError::io("read", files.path()))?;
            match found {
                0 => clean = clean.or(Some(copy)),
                found => dirty.push((copy, found)),
            }
        }
        let most = dirty.iter().map(|(_, found)| *found).max().unwrap_or(0);
        match clean {
            Some(from) if !is_last => {
                for (copy, found) in dirty {
                    self.repair(files, from, &[copy], at, found);
                }
                Ok(0)
            }
            _ => Ok(most),
        }
    }

    /// No whole frame follows at the tail, but something: a torn write or damage.
    fn judge(
        &mut self,
        files: &Files,
        is_last: bool,
        detail: &str,
        leftover: u64,
    ) -> Result<(), JournalError> {
        let at = self.tail.offset;
        for file in files.each() {
            let later = segment::later_frame(file, at, self.tail.next_group - 1)
                .map_err(JournalError::io("read", files.path()))?;
            if let Some(later) = later {
                let detail = format!("{detail}, but group {} after it is whole", later.group);
                return Err(self.corrupt(files.path(), at, detail));
            }
        }
        if !is_last {
            let detail = format!("{detail}, but there is a later segment");
            return Err(self.corrupt(files.path(), at, detail));
        }
        if planted!(CutGoodGroup) {
            self.tail.offset = START;
        }
        self.recovery.torn_bytes = leftover;
        self.recovery.torn_at = Some((files.path().display().to_string(), at));
        Ok(())
    }

    fn corrupt(&self, path: &Path, offset: u64, detail: impl Into<String>) -> JournalError {
        JournalError::Corrupt {
            path: path.to_owned(),
            offset,
            good_seq: self.tail.next_seq - 1,
            detail: detail.into(),
        }
    }
}

/// True if nothing stands behind a segment's head, in any copy.
fn is_empty(files: &Files) -> Result<bool, JournalError> {
    for file in files.each() {
        let found = last_nonzero(file, START).map_err(JournalError::io("read", files.path()))?;
        if found > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Why a whole frame does not belong at the tail.
fn misfit(tail: &Tail, header: &Header) -> Option<String> {
    if header.group != tail.next_group || header.first_seq != tail.next_seq {
        return Some(format!(
            "group {} with record {} follows, expected group {} with record {}",
            header.group, header.first_seq, tail.next_group, tail.next_seq
        ));
    }
    if header.chain != tail.chain {
        return Some(format!(
            "group {} is not chained to the one before it",
            header.group
        ));
    }
    (header.epoch < tail.epoch || planted!(RefuseSameEpoch) && header.epoch == tail.epoch)
        .then(|| format!("epoch {} after epoch {}", header.epoch, tail.epoch))
}

/// Where the last byte stands that is not zero.
fn last_byte(bytes: &[u8]) -> Option<usize> {
    // Nearly all are zero, and that is seen fastest in words.
    let (front, words) = bytes.as_rchunks::<16>();
    let word = words
        .iter()
        .rposition(|word| u128::from_ne_bytes(*word) != 0);
    let upto = word.map_or(front.len(), |word| front.len() + 16 * (word + 1));
    bytes[..upto].iter().rposition(|byte| *byte != 0)
}

fn last_nonzero(file: &dyn DiskFile, from: u64) -> io::Result<u64> {
    // One byte more than there is, so that one read says that it was all.
    let rest = file.size()?.saturating_sub(from).saturating_add(1);
    let mut piece =
        vec![0; usize::try_from(rest).map_or(LEFTOVER_PIECE, |rest| rest.min(LEFTOVER_PIECE))];
    let (mut at, mut last) = (from, 0);
    loop {
        let got = read_up_to(file, &mut piece, at)?;
        if let Some(place) = last_byte(&piece[..got]) {
            last = at + place as u64 + 1 - from;
        }
        if got < piece.len() {
            return Ok(last);
        }
        at += got as u64;
    }
}
