//! A segment: one file of frames, written ahead with zeros.
//!
//! | bytes | field |
//! |---|---|
//! | 0–7 | "HOLDFAST" |
//! | 8–11 | format number |
//! | 12–15 | CRC-32C of bytes 8–11 and 16–63 |
//! | 16–23 | sequence number of the first record |
//! | 24–31 | number of the first group |
//! | 32–47 | chain value of the first frame |
//! | 48–63 | id of the journal |
//!
//! Every later format keeps this head, so that an older version can tell a newer
//! journal from a damaged one.
//!
//! Space is written with zeros before it is used: syncing into written space
//! takes half the time of syncing a file that grows.

use std::io;
use std::path::Path;

use super::frame::{self, Chain, HEADER, Header, MAX_BODY};
use super::{DiskFile, JournalError, read_up_to};

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
/// Bytes before the first frame.
pub(super) const START: u64 = 64;
const MAGIC: &[u8; 8] = b"HOLDFAST";

/// Where a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub first_seq: u64,
    pub first_group: u64,
    pub chain: Chain,
    pub journal_id: [u8; 16],
}

pub(super) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}.segment")
}

/// True for the name of a segment.
pub(super) fn is_segment(name: &str) -> bool {
    name.ends_with(".segment")
}

impl Origin {
    pub(super) fn encode(&self) -> [u8; START as usize] {
        let mut bytes = [0; START as usize];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_group.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.chain);
        bytes[48..64].copy_from_slice(&self.journal_id);
        let crc = head_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the head of a segment. `Ok(None)` if it was never completed.
    pub(super) fn read(file: &dyn DiskFile, path: &Path) -> Result<Option<Self>, JournalError> {
        let mut bytes = [0; START as usize];
        let got = read_up_to(file, &mut bytes, 0).map_err(JournalError::io("read", path))?;
        if got < bytes.len() || &bytes[..8] != MAGIC {
            return Ok(None);
        }
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let found = u32_at(8);
        if u32_at(12) != head_crc(&bytes) || found == 0 {
            return Ok(None);
        }
        if found > FORMAT {
            return Err(JournalError::Newer {
                path: path.into(),
                found,
                known: FORMAT,
            });
        }
        Ok(Some(Self {
            first_seq: u64_at(16),
            first_group: u64_at(24),
            chain: bytes[32..48].try_into().expect("16 bytes"),
            journal_id: bytes[48..64].try_into().expect("16 bytes"),
        }))
    }
}

fn head_crc(bytes: &[u8; START as usize]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[8..12]), &bytes[16..])
}

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Frame(Header),
    /// Zeros, or the end of the file.
    Nothing,
    Damage(String),
    /// A whole frame that belongs elsewhere.
    Misplaced(String),
}

/// Reads the frame at `offset` into `buffer`.
pub(super) fn read_frame(
    file: &dyn DiskFile,
    offset: u64,
    buffer: &mut Vec<u8>,
) -> io::Result<Found> {
    let mut head = [0; HEADER];
    let got = read_up_to(file, &mut head, offset)?;
    if got < HEADER {
        return Ok(if head[..got].iter().all(|byte| *byte == 0) {
            Found::Nothing
        } else {
            Found::Damage("a header is cut off".into())
        });
    }
    let Some(header) = Header::parse(&head) else {
        return Ok(Found::Nothing);
    };
    if header.length as usize > MAX_BODY {
        return Ok(Found::Damage("a length is beyond every limit".into()));
    }
    let whole = HEADER + header.length as usize;
    buffer.resize(
        usize::try_from(header.size()).expect("a frame fits memory"),
        0,
    );
    let got = read_up_to(file, buffer, offset)?;
    if got < buffer.len() {
        return Ok(Found::Damage("a frame is cut off".into()));
    }
    let padded = buffer[whole..].iter().all(|byte| *byte == 0);
    buffer.truncate(whole);
    Ok(if header.matches(buffer) && padded {
        Found::Frame(header)
    } else {
        Found::Damage("a checksum is wrong".into())
    })
}

/// Looks for a whole frame after a damaged place that was written when the one
/// ahead of it was durable: then the damage is not a torn write.
pub(super) fn later_frame(
    file: &dyn DiskFile,
    from: u64,
    after_group: u64,
) -> io::Result<Option<Header>> {
    let later = |header: &Header| header.group > after_group && !header.before_sync;
    Ok(find_frame(file, from, &later)?.map(|(header, _)| header))
}

/// The first whole frame from a place on that is `wanted`, and its offset.
pub(super) fn find_frame(
    file: &dyn DiskFile,
    from: u64,
    wanted: &dyn Fn(&Header) -> bool,
) -> io::Result<Option<(Header, u64)>> {
    let length = file.size()?;
    let mut rest = vec![0; usize::try_from(length.saturating_sub(from)).unwrap_or(usize::MAX)];
    let got = read_up_to(file, &mut rest, from)?;
    rest.truncate(got);
    let mut at = 0;
    while at + HEADER <= rest.len() {
        let head: &[u8; HEADER] = rest[at..at + HEADER].try_into().expect("HEADER bytes");
        if let Some(header) = Header::parse(head)
            && wanted(&header)
            && header.length as usize <= MAX_BODY
            // Where a file ends within the padding, the frame was never durable.
            && rest.len() as u64 >= at as u64 + header.size()
            && header.matches(&rest[at..])
        {
            return Ok(Some((header, from + at as u64)));
        }
        at += frame::STEP;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Disk, Folder};

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let path = std::env::temp_dir().join(format!("holdfast-{}-newer", std::process::id()));
        let folder = Folder::create(&path).expect("a temporary folder");
        let origin = Origin {
            first_seq: 1,
            first_group: 1,
            chain: Chain::default(),
            journal_id: [7; 16],
        };
        let mut bytes = origin.encode();
        let file = folder.create("a.segment").expect("created");
        let read = |bytes: &[u8]| {
            file.write_all_at(bytes, 0).expect("written");
            Origin::read(file.as_ref(), &folder.path("a.segment"))
        };
        assert_eq!(read(&bytes).expect("readable"), Some(origin));
        bytes[8] = 9;
        assert_eq!(read(&bytes).expect("a flipped bit is no format"), None);
        let crc = head_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(
            read(&bytes),
            Err(JournalError::Newer { found: 9, .. })
        ));
        std::fs::remove_dir_all(&path).expect("removed");
    }
}
