//! Reading records of the file journal beside its writer, and scrubbing it.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::RwLock;

use super::copies::{Copies, Files};
use super::file::Index;
use super::frame::{self, HEADER, Header};
use super::segment::{Found, START};
use super::survey::{Scope, Survey};
use super::{JournalError, Reader, Scrubbed, records_among};

/// Reads frames of the segments that the writer shares.
#[derive(Debug)]
pub(super) struct FileReader {
    copies: Copies,
    index: Arc<RwLock<Index>>,
}

/// Sees a whole frame; `None` for a body that does not add up.
type VisitFrame<'a> = dyn FnMut(&Header, &[u8]) -> Option<ControlFlow<()>> + 'a;

/// A place in the journal.
struct Place {
    segment: u64,
    files: Files,
    offset: u64,
    /// The record that the frame there begins with.
    seq: u64,
}

impl FileReader {
    pub(super) fn new(copies: Copies, index: Arc<RwLock<Index>>) -> Self {
        Self { copies, index }
    }

    /// From where `seq` is reached by walking on.
    fn start(&self, seq: u64) -> Option<Place> {
        let index = self.index.read();
        let position = index
            .segments
            .partition_point(|segment| segment.first_seq <= seq)
            .checked_sub(1)?;
        let segment = &index.segments[position];
        let frame = segment
            .frames
            .partition_point(|(first, _)| *first <= seq)
            .checked_sub(1);
        let (seq, offset) = frame.map_or((segment.first_seq, START), |frame| segment.frames[frame]);
        Some(Place {
            segment: segment.first_seq,
            files: segment.files.clone(),
            offset,
            seq,
        })
    }

    /// The segment after one, by its first record: older ones may go meanwhile.
    fn after(&self, first_seq: u64) -> Option<Place> {
        let index = self.index.read();
        let position = index
            .segments
            .partition_point(|segment| segment.first_seq <= first_seq);
        let next = index.segments.get(position)?;
        Some(Place {
            segment: next.first_seq,
            files: next.files.clone(),
            offset: START,
            seq: next.first_seq,
        })
    }
}

impl Reader for FileReader {
    fn first_seq(&self) -> u64 {
        let index = self.index.read();
        index.segments.first().map_or(1, |first| first.first_seq)
    }

    fn scan(
        &self,
        from_seq: u64,
        upto_seq: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        if from_seq > upto_seq {
            return Ok(());
        }
        self.each_frame(from_seq, &mut |header, frame| {
            if header.first_seq > upto_seq {
                return Some(ControlFlow::Break(()));
            }
            let body = &frame[HEADER..];
            records_among(body, header.first_seq, from_seq..=upto_seq, visit)
        })
    }

    fn anchor(&self, seq: u64) -> Result<[u8; 16], JournalError> {
        let mut anchor = None;
        self.each_frame(seq, &mut |header, frame| {
            if header.next_seq() <= seq {
                return Some(ControlFlow::Continue(()));
            }
            if header.first_seq <= seq {
                anchor = Some(frame::anchor_of(frame));
            }
            Some(ControlFlow::Break(()))
        })?;
        anchor.ok_or(JournalError::Missing { seq })
    }

    fn scrub(&self, pace: &mut dyn FnMut(u64)) -> Result<Scrubbed, JournalError> {
        let first = self.first_seq();
        match self.scrub_once(pace) {
            // Old segments were removed while it read them.
            Err(JournalError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && self.first_seq() != first =>
            {
                self.scrub_once(pace)
            }
            scrubbed => scrubbed,
        }
    }
}

impl FileReader {
    /// Visits whole frames from about a record on to the end.
    fn each_frame(&self, from_seq: u64, visit: &mut VisitFrame<'_>) -> Result<(), JournalError> {
        let Some(mut place) = self.start(from_seq) else {
            return Ok(());
        };
        let mut buffer = Vec::new();
        // What stands behind the end is being written, and may be there in part.
        while !self.is_end(&place) {
            let expected = place.seq;
            let fits = |header: &Header| {
                (header.first_seq != expected).then(|| {
                    format!(
                        "record {} stands there, expected {expected}",
                        header.first_seq
                    )
                })
            };
            let reading = place
                .files
                .read_frame(place.offset, &mut buffer, &fits)
                .map_err(JournalError::io("read", place.files.path()))?;
            let corrupt = |place: &Place, detail: String| JournalError::Corrupt {
                path: place.files.path_of(reading.from).clone(),
                offset: place.offset,
                good_seq: place.seq - 1,
                detail,
            };
            match reading.found {
                Found::Frame(header) => match visit(&header, &buffer) {
                    Some(ControlFlow::Continue(())) => {
                        place.offset += header.size();
                        place.seq = header.next_seq();
                    }
                    Some(ControlFlow::Break(())) => return Ok(()),
                    None => {
                        let detail = format!("the records of group {} do not add up", header.group);
                        return Err(corrupt(&place, detail));
                    }
                },
                Found::Nothing => {
                    let Some(next) = self.after(place.segment) else {
                        return Ok(());
                    };
                    place = next;
                }
                Found::Damage(detail) | Found::Misplaced(detail) => {
                    return Err(corrupt(&place, detail));
                }
            }
        }
        Ok(())
    }

    fn is_end(&self, place: &Place) -> bool {
        let index = self.index.read();
        let last = index.segments.last();
        last.is_none_or(|last| last.first_seq == place.segment && place.offset >= index.end)
    }

    fn scrub_once(&self, pace: &mut dyn FnMut(u64)) -> Result<Scrubbed, JournalError> {
        let end = {
            let index = self.index.read();
            let last = index.segments.last();
            last.map(|last| (last.first_seq, index.end))
        };
        let survey = Survey::of(
            &self.copies,
            Scope {
                beside_writer: false,
                end,
                pace,
            },
        )?;
        for repair in &survey.repairs {
            let path = self.copies.first().path(&repair.name);
            self.copies
                .mend(repair)
                .map_err(JournalError::io("mend", path))?;
        }
        Ok(Scrubbed {
            frames: survey.recovery.groups,
            mended_frames: survey.recovery.stale_frames,
        })
    }
}
