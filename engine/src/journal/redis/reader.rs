//! Reading records of the Redis journal beside its writer.

use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::super::frame::{self, HEADER, Header};
use super::super::{JournalError, Reader, Scrubbed, records_among};
use super::StreamError;
use super::server::{Fault, Lease, Origin, Server, StoredEntry};
use super::walk::{Walk, missing, spoken};

/// One note covers about this many bytes of frames.
const NOTE_EVERY: usize = 16 << 10;

/// Where records are; shared by the writer and its readers.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub origin: Origin,
    /// The last group and its last record.
    pub group: u64,
    pub seq: u64,
    /// First record and number of some groups, in order.
    notes: Vec<(u64, u64)>,
    /// Bytes since the last note.
    since: usize,
    /// The writer has ended and given its lease up: readers have none to look at.
    pub given_up: bool,
}

impl Index {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            group: origin.group - 1,
            seq: origin.seq - 1,
            origin,
            ..Self::default()
        }
    }

    /// Takes up a group that stands at the end.
    pub(super) fn push(&mut self, group: u64, first_seq: u64, count: u32, bytes: usize) {
        self.group = group;
        self.seq = first_seq + u64::from(count) - 1;
        self.since += bytes;
        if count > 0 && (self.notes.is_empty() || self.since >= NOTE_EVERY) {
            self.notes.push((first_seq, group));
            self.since = 0;
        }
    }

    /// The nearest noted group at or before a record.
    pub(super) fn noted(&self, seq: u64) -> Option<(u64, u64)> {
        let position = self.notes.partition_point(|(first, _)| *first <= seq);
        position.checked_sub(1).map(|at| self.notes[at])
    }

    /// Forgets what stands before a group.
    pub(super) fn begin_at(&mut self, origin: Origin) {
        self.notes.retain(|(_, group)| *group >= origin.group);
        self.origin = origin;
    }

    /// From where `seq` is reached by walking on.
    fn start(&self, seq: u64) -> Walk {
        match self.noted(seq) {
            Some((first, group)) => Walk::between(group, first),
            None => Walk::from(&self.origin),
        }
    }
}

/// Sees a group; an error says what is wrong with it.
type VisitGroup<'a> = dyn FnMut(&Header, &StoredEntry) -> Result<ControlFlow<()>, String> + 'a;

/// Reads over a connection of its own.
#[derive(Debug)]
pub(super) struct RedisReader {
    server: Mutex<Box<dyn Server>>,
    /// What the last read brought: whoever asks for one record often asks for the next.
    last: Mutex<Arc<Vec<StoredEntry>>>,
    lease: Lease,
    index: Arc<RwLock<Index>>,
}

impl RedisReader {
    pub(super) fn new(server: Box<dyn Server>, lease: Lease, index: Arc<RwLock<Index>>) -> Self {
        Self {
            server: Mutex::new(server),
            last: Mutex::default(),
            lease,
            index,
        }
    }

    /// Visits every whole group from where the walk stands to the end.
    fn each_group(&self, mut walk: Walk, visit: &mut VisitGroup<'_>) -> Result<(), JournalError> {
        let (end, last_seq) = {
            let index = self.index.read();
            (index.group, index.seq)
        };
        while walk.next_group <= end {
            let entries = self.read(&mut walk, end)?;
            // Its groups follow each other, and may begin before the walk.
            let from = entries.partition_point(|entry| entry.group < walk.next_group);
            let found = match entries.len() == from {
                true => Err(format!("group {} is not there", walk.next_group)),
                false => {
                    entries[from..]
                        .iter()
                        .try_fold(ControlFlow::Continue(()), |flow, entry| {
                            if flow.is_break() {
                                return Ok(flow);
                            }
                            let header = walk.take(entry)?;
                            visit(&header, entry)
                        })
                }
            };
            match found {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(detail) => {
                    let origin = self.index.read().origin;
                    if origin.group <= walk.next_group {
                        return Err(self.damaged(walk, last_seq, detail));
                    }
                    // Old groups were removed while they were read.
                    walk = Walk::from(&origin);
                }
            }
        }
        Ok(())
    }

    /// A connection that was idle may be gone: one more attempt makes a new one.
    fn read(&self, walk: &mut Walk, end: u64) -> Result<Arc<Vec<StoredEntry>>, JournalError> {
        let last = Arc::clone(&self.last.lock());
        if last.iter().any(|entry| entry.group == walk.next_group) {
            return Ok(last);
        }
        let mut server = self.server.lock();
        let entries = match walk.read(server.as_mut(), end) {
            Err(Fault::Unreachable(_)) => walk.read(server.as_mut(), end),
            read => read,
        };
        let entries = Arc::new(entries.map_err(StreamError::from)?);
        // An engine that starts reads for as long as it takes before anybody tends its
        // lease. And an earlier history has groups of these numbers too: they count only
        // where this engine's lease stands.
        if !self.index.read().given_up {
            let found = server.renew(&self.lease, None).map_err(StreamError::from)?;
            let (origin, last_seq, given_up) = {
                let index = self.index.read();
                (index.origin, index.seq, index.given_up)
            };
            if !given_up {
                found.judge(server.as_mut(), &self.lease, &origin, last_seq)?;
            }
        }
        *self.last.lock() = Arc::clone(&entries);
        Ok(entries)
    }

    fn damaged(&self, walk: Walk, last_seq: u64, detail: String) -> JournalError {
        let mut server = self.server.lock();
        StreamError::damaged(server.as_mut(), walk, last_seq, detail).into()
    }
}

impl StreamError {
    /// Damage where a walk stands, with the records that are gone.
    pub(super) fn damaged(
        server: &mut dyn Server,
        walk: Walk,
        last_seq: u64,
        detail: String,
    ) -> Self {
        let good_seq = walk.next_seq - 1;
        match missing(server, walk, last_seq) {
            Err(fault) => fault.into(),
            Ok(missing) => Self::Damaged {
                place: server.place(),
                good_seq,
                missing: spoken(&missing),
                detail,
            },
        }
    }
}

impl Reader for RedisReader {
    fn first_seq(&self) -> u64 {
        self.index.read().origin.seq
    }

    fn scan(
        &self,
        from_seq: u64,
        upto_seq: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let walk = {
            let index = self.index.read();
            if from_seq > upto_seq || from_seq > index.seq {
                return Ok(());
            }
            index.start(from_seq)
        };
        self.each_group(walk, &mut |header, entry| {
            if header.first_seq > upto_seq {
                return Ok(ControlFlow::Break(()));
            }
            let body = &entry.frame[HEADER..];
            records_among(body, header.first_seq, from_seq..=upto_seq, visit)
                .ok_or_else(|| format!("the records of group {} do not add up", header.group))
        })
    }

    fn anchor(&self, seq: u64) -> Result<[u8; 16], JournalError> {
        let mut anchor = None;
        let walk = self.index.read().start(seq);
        self.each_group(walk, &mut |header, entry| {
            if header.next_seq() <= seq {
                return Ok(ControlFlow::Continue(()));
            }
            if header.first_seq <= seq {
                anchor = Some(frame::anchor_of(&entry.frame));
            }
            Ok(ControlFlow::Break(()))
        })?;
        anchor.ok_or(JournalError::Missing { seq })
    }

    fn scrub(&self, pace: &mut dyn FnMut(u64)) -> Result<Scrubbed, JournalError> {
        // What is there now is wanted, not what was there before.
        *self.last.lock() = Arc::default();
        let walk = Walk::from(&self.index.read().origin);
        let mut scrubbed = Scrubbed::default();
        self.each_group(walk, &mut |_, entry| {
            scrubbed.frames += 1;
            pace(entry.frame.len() as u64);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(scrubbed)
    }
}
