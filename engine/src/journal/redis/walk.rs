//! Checks that entries of a stream follow each other as they were written.

use std::ops::RangeInclusive;

use super::super::frame::{self, Chain, HEADER, Header};
use super::server::{Fault, Head, Origin, Server, StoredEntry};

/// Bytes that one read should bring.
const PIECE: usize = 1 << 20;
/// Entries that one read brings at most.
const ENTRIES: usize = 1_024;
/// Entries of the first read, while their size is unknown.
const FIRST: usize = 16;

/// A place between two groups.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub next_group: u64,
    pub next_seq: u64,
    /// `None` where a walk begins in the middle.
    pub chain: Option<Chain>,
    pub epoch: u32,
    count: usize,
}

impl Walk {
    pub(super) fn from(origin: &Origin) -> Self {
        Self {
            chain: Some(origin.chain),
            ..Self::between(origin.group, origin.seq)
        }
    }

    pub(super) fn between(next_group: u64, next_seq: u64) -> Self {
        Self {
            next_group,
            next_seq,
            chain: None,
            epoch: 0,
            count: FIRST,
        }
    }

    /// Reads on, about as much at once as fits into a piece.
    pub(super) fn read(
        &mut self,
        server: &mut dyn Server,
        upto_group: u64,
    ) -> Result<Vec<StoredEntry>, Fault> {
        let entries = server.range(self.next_group, upto_group, self.count)?;
        let bytes: usize = entries.iter().map(|entry| entry.frame.len()).sum();
        if let Some(average) = bytes.checked_div(entries.len()) {
            self.count = (PIECE / average.max(1)).clamp(1, ENTRIES);
        }
        Ok(entries)
    }

    /// Goes over an entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&mut self, entry: &StoredEntry) -> Result<Header, String> {
        let header = self.check(entry)?;
        self.next_group += 1;
        self.next_seq = header.next_seq();
        self.chain = Some(frame::chain_of(&entry.frame));
        self.epoch = header.epoch;
        Ok(header)
    }

    fn check(&self, entry: &StoredEntry) -> Result<Header, String> {
        if entry.group != self.next_group {
            return Err(format!(
                "group {} stands where {} is expected",
                entry.group, self.next_group
            ));
        }
        let header =
            whole(entry).ok_or_else(|| format!("group {} is not what was written", entry.group))?;
        if header.first_seq != self.next_seq {
            return Err(format!(
                "group {} begins with record {}, expected {}",
                header.group, header.first_seq, self.next_seq
            ));
        }
        if self.chain.is_some_and(|chain| chain != header.chain) {
            return Err(format!(
                "group {} is not chained to the one before it",
                header.group
            ));
        }
        if header.epoch < self.epoch {
            return Err(format!("epoch {} after epoch {}", header.epoch, self.epoch));
        }
        Ok(header)
    }
}

/// The header of an entry whose bytes are what was written under its id.
pub(super) fn whole(entry: &StoredEntry) -> Option<Header> {
    let header = Header::parse(entry.frame.first_chunk::<HEADER>()?)?;
    let exact = entry.frame.len() == HEADER + header.length as usize;
    (exact && header.matches(&entry.frame) && header.group == entry.group).then_some(header)
}

/// Records up to `last_seq` that no whole entry holds from where the walk stands.
pub(super) fn missing(
    server: &mut dyn Server,
    mut walk: Walk,
    last_seq: u64,
) -> Result<Vec<RangeInclusive<u64>>, Fault> {
    let mut missing = Vec::new();
    loop {
        let entries = walk.read(server, u64::MAX)?;
        let Some(last) = entries.last() else { break };
        for header in entries.iter().filter_map(whole) {
            if header.first_seq > walk.next_seq {
                missing.push(walk.next_seq..=header.first_seq - 1);
            }
            walk.next_seq = walk.next_seq.max(header.next_seq());
        }
        let Some(next) = last.group.checked_add(1) else {
            break;
        };
        walk.next_group = next;
    }
    if walk.next_seq <= last_seq {
        missing.push(walk.next_seq..=last_seq);
    }
    Ok(missing)
}

/// Ranges as people write them.
pub(super) fn spoken(ranges: &[RangeInclusive<u64>]) -> String {
    const SHOWN: usize = 5;
    let mut shown: Vec<String> = ranges
        .iter()
        .take(SHOWN)
        .map(|range| match (range.start(), range.end()) {
            (start, end) if start == end => format!("record {start}"),
            (start, end) => format!("records {start} to {end}"),
        })
        .collect();
    if ranges.len() > SHOWN {
        shown.push(format!("{} more ranges", ranges.len() - SHOWN));
    }
    match shown.is_empty() {
        true => "no record".to_owned(),
        false => shown.join(", "),
    }
}

/// True if the stream has as many entries as its head says.
pub(super) fn adds_up(head: &Head) -> bool {
    head.group + 1 == head.origin.group + head.entries
}
