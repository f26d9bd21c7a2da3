//! Limits that are checked on bytes, before anything is built from them.
//!
//! A 4 MB message can hold two million empty lines; decoding it would make
//! two million objects. So the repeated fields are counted first.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::methods::MethodSpec;
use crate::domain::command::MAX_LINES;
use crate::domain::refusal::{Refusal, RefusalCode};

/// Most commands of one batch.
pub const MAX_COMMANDS: usize = 1_000;
/// Most repeated entries of any other kind in one message.
const MAX_ENTRIES: usize = 1_000;
/// Messages nest this deep in the contract, with room.
const MAX_DEPTH: u32 = 8;

/// Refuses what is too large, malformed, or has too many entries.
///
/// # Errors
/// `MESSAGE_TOO_LARGE`, `LINES_TOO_MANY`, `MESSAGE_MALFORMED`.
pub fn check(method: &MethodSpec, bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > method.max_bytes {
        return Err(Refusal::new(RefusalCode::MessageTooLarge)
            .fact("size", bytes.len())
            .fact("limit", method.max_bytes));
    }
    if method.name == "BatchSubmit" {
        return each_field(bytes, 0, &mut |_, _| Ok(()))
            .and_then(|counts| too_many(counts.most, MAX_COMMANDS))
            .and_then(|()| check_commands(bytes));
    }
    let depth = if method.name == "StreamSubmit" { 2 } else { 0 };
    check_entries(bytes, depth)
}

/// Each command of a batch has limits of its own.
fn check_commands(bytes: &[u8]) -> Result<(), Refusal> {
    each_field(bytes, 0, &mut |_, command| check_entries(command, 1)).map(|_| ())
}

/// Counts the entries of the message that lies `wrapped` levels deep.
fn check_entries(bytes: &[u8], wrapped: u32) -> Result<(), Refusal> {
    if wrapped == 0 {
        let counts = each_field(bytes, 0, &mut |_, _| Ok(()))?;
        return too_many(counts.most, MAX_LINES.max(MAX_ENTRIES));
    }
    each_field(bytes, 0, &mut |_, inner| check_entries(inner, wrapped - 1)).map(|_| ())
}

fn too_many(count: usize, limit: usize) -> Result<(), Refusal> {
    if count <= limit {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::LinesTooMany)
        .fact("count", count)
        .fact("limit", limit))
}

/// Looks at a length-delimited field: its tag and content.
type Visit<'a> = dyn FnMut(u32, &[u8]) -> Result<(), Refusal> + 'a;

/// How often the most frequent length-delimited field stands there.
struct Counts {
    most: usize,
}

/// Walks the top level of a message.
fn each_field(bytes: &[u8], depth: u32, visit: &mut Visit<'_>) -> Result<Counts, Refusal> {
    let malformed =
        |detail: &str| Refusal::new(RefusalCode::MessageMalformed).fact("detail", detail);
    if depth > MAX_DEPTH {
        return Err(malformed("it nests too deep"));
    }
    let mut counts = [0_usize; 32];
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, wire_type) =
            decode_key(&mut rest).map_err(|error| malformed(&error.to_string()))?;
        let skip = match wire_type {
            WireType::Varint => {
                decode_varint(&mut rest).map_err(|error| malformed(&error.to_string()))?;
                0
            }
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            WireType::LengthDelimited => {
                let length =
                    decode_varint(&mut rest).map_err(|error| malformed(&error.to_string()))?;
                let length = usize::try_from(length)
                    .map_err(|_| malformed("a length is beyond the message"))?;
                let inner = rest
                    .get(..length)
                    .ok_or_else(|| malformed("a length is beyond the message"))?;
                let slot = tag as usize % counts.len();
                counts[slot] += 1;
                visit(tag, inner)?;
                length
            }
            WireType::StartGroup | WireType::EndGroup => {
                return Err(malformed("groups are not part of the contract"));
            }
        };
        rest = rest
            .get(skip..)
            .ok_or_else(|| malformed("a field is cut off"))?;
    }
    Ok(Counts {
        most: counts.into_iter().max().unwrap_or(0),
    })
}
