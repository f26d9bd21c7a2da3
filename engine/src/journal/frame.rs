//! A frame: one group on disk.
//!
//! Little-endian, aligned to 8 bytes:
//!
//! | bytes | field |
//! |---|---|
//! | 0–3 | CRC-32C of everything after it, body included |
//! | 4–7 | length of the body; the highest bit if frames before it may not be on disk |
//! | 8–11 | epoch of the writer |
//! | 12–15 | number of records; 0 in a seal |
//! | 16–23 | number of the group, from 1 |
//! | 24–31 | sequence number of the first record |
//! | 32–47 | chain: first half of the hash over the frame before it |
//! | 48… | body, then zeros up to the alignment |

use super::Group;
use crate::planted::planted;

/// Bytes before the body.
pub(super) const HEADER: usize = 48;
/// A body never exceeds this; a larger length is damage.
pub(super) const MAX_BODY: usize = 256 << 20;
const ALIGN: usize = 8;
/// Set in the length of a frame that was written before those ahead of it were
/// synced: a crash of the machine may keep it and lose them.
const BEFORE_SYNC: u32 = 1 << 31;

/// Hash that chains one group to the next.
pub(super) type Chain = [u8; 16];

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    crc: u32,
    pub length: u32,
    /// It was written before the frames ahead of it were synced.
    pub before_sync: bool,
    pub epoch: u32,
    pub count: u32,
    pub group: u64,
    pub first_seq: u64,
    pub chain: Chain,
}

impl Header {
    /// Reads a header; `None` for the zeros that follow the last frame.
    pub(super) fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        if bytes.iter().all(|byte| *byte == 0) {
            return None;
        }
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Some(Self {
            crc: u32_at(0),
            length: u32_at(4) & !BEFORE_SYNC,
            before_sync: u32_at(4) & BEFORE_SYNC != 0,
            epoch: u32_at(8),
            count: u32_at(12),
            group: u64_at(16),
            first_seq: u64_at(24),
            chain: bytes[32..48].try_into().expect("16 bytes"),
        })
    }

    /// True if header and body are what was written.
    pub(super) fn matches(&self, frame: &[u8]) -> bool {
        frame.len() >= HEADER + self.length as usize
            && (planted!(IgnoreChecksum)
                || crc32c::crc32c(&frame[4..HEADER + self.length as usize]) == self.crc)
    }

    /// Bytes on disk, alignment included.
    pub(super) fn size(&self) -> u64 {
        aligned(HEADER + self.length as usize) as u64
    }

    /// Sequence number after this group.
    pub(super) fn next_seq(&self) -> u64 {
        self.first_seq + u64::from(self.count)
    }
}

/// The chain value that the frame after this one carries.
pub(super) fn chain_of(frame: &[u8]) -> Chain {
    blake3::hash(frame).as_bytes()[..16]
        .try_into()
        .expect("a hash has 32 bytes")
}

/// What identifies a group and everything before it: a hash over its header, which
/// holds the chain and the checksum of its body.
pub(super) fn anchor_of(frame: &[u8]) -> Chain {
    chain_of(&frame[..HEADER])
}

/// Writes a frame into `out`, replacing what was there.
pub(super) fn encode(
    out: &mut Vec<u8>,
    epoch: u32,
    group_number: u64,
    chain: &Chain,
    before_sync: bool,
    group: &Group<'_>,
) {
    out.clear();
    out.extend_from_slice(&[0; 4]);
    let length = u32::try_from(group.body.len()).expect("the queue is bounded below 4 GiB");
    let flag = if before_sync { BEFORE_SYNC } else { 0 };
    out.extend_from_slice(&(length | flag).to_le_bytes());
    out.extend_from_slice(&epoch.to_le_bytes());
    out.extend_from_slice(&group.count.to_le_bytes());
    out.extend_from_slice(&group_number.to_le_bytes());
    out.extend_from_slice(&group.first_seq.to_le_bytes());
    out.extend_from_slice(chain);
    out.extend_from_slice(group.body);
    let crc = crc32c::crc32c(&out[4..]);
    out[..4].copy_from_slice(&crc.to_le_bytes());
}

/// Pads an encoded frame to its size on disk.
pub(super) fn pad(out: &mut Vec<u8>) {
    out.resize(aligned(out.len()), 0);
}

const fn aligned(length: usize) -> usize {
    length.div_ceil(ALIGN) * ALIGN
}

/// Step between places where a frame may begin.
pub(super) const STEP: usize = ALIGN;
