//! Checks of single fields: each refusal names the path, the value, what is
//! expected. A path becomes a text only for a refusal.

use std::fmt::Display;

use crate::domain::command::MAX_QUANTITY;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::time::Millis;

/// Longest name of anything: order numbers, SKUs, warehouses, actors.
pub const MAX_NAME: usize = 128;
/// Longest text of a person.
pub const MAX_TEXT: usize = 500;
/// 2000-01-01 and 2200-01-01.
const TIMES: (Millis, Millis) = (946_684_800_000, 7_258_118_400_000);

/// A text of 1 to 128 bytes without control characters, as it was sent.
pub fn name(path: impl Display, value: String) -> Result<String, Refusal> {
    if value.is_empty() {
        return Err(Refusal::field(
            path,
            "empty",
            format!("1 to {MAX_NAME} bytes"),
        ));
    }
    optional_name(path, value)
}

/// The same, or nothing.
pub fn optional_name(path: impl Display, value: String) -> Result<String, Refusal> {
    text(path, value, MAX_NAME)
}

/// A text of a person, or nothing.
pub fn note(path: impl Display, value: String) -> Result<String, Refusal> {
    text(path, value, MAX_TEXT)
}

fn text(path: impl Display, value: String, limit: usize) -> Result<String, Refusal> {
    if value.is_empty() {
        return Ok(value);
    }
    if value.len() > limit {
        return Err(Refusal::field(
            path,
            format!("{} bytes long", value.len()),
            format!("at most {limit} bytes"),
        ));
    }
    if !is_plain(&value)
        && let Some(control) = value.chars().find(|c| c.is_control())
    {
        return Err(Refusal::field(
            path,
            format!(
                "a text with the control character U+{:04X}",
                u32::from(control)
            ),
            "printable text",
        ));
    }
    Ok(value)
}

/// Printable ASCII alone. Every byte is looked at, so that many are at once.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte);
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

/// An order number also must not hold the separators of parcel and hold ids.
pub fn order_number(path: impl Display, value: String) -> Result<String, Refusal> {
    if value.bytes().any(|byte| matches!(byte, b'/' | b'#')) {
        return Err(Refusal::field(path, &value, "a number without '/' and '#'"));
    }
    name(path, value)
}

/// 1 to a billion.
pub fn quantity(path: impl Display, value: i64) -> Result<i64, Refusal> {
    quantity_from(path, value, 1)
}

/// `minimum` to a billion.
pub fn quantity_from(path: impl Display, value: i64, minimum: i64) -> Result<i64, Refusal> {
    if (minimum..=MAX_QUANTITY).contains(&value) {
        return Ok(value);
    }
    Err(Refusal::new(RefusalCode::QuantityInvalid)
        .fact("field", path)
        .fact("value", value)
        .fact("minimum", minimum)
        .fact("maximum", MAX_QUANTITY))
}

/// A UTC instant in milliseconds.
pub fn time(
    path: impl Display,
    value: Option<prost_types::Timestamp>,
) -> Result<Option<Millis>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let millis = value
        .seconds
        .checked_mul(1_000)
        .and_then(|ms| ms.checked_add(i64::from(value.nanos) / 1_000_000));
    let sound = (0..1_000_000_000).contains(&value.nanos);
    match millis {
        Some(millis) if sound && (TIMES.0..TIMES.1).contains(&millis) => Ok(Some(millis)),
        _ => Err(Refusal::field(
            path,
            format!("{} s {} ns", value.seconds, value.nanos),
            "an instant between 2000 and 2200",
        )),
    }
}

/// A value of a closed vocabulary; 0 is "not stated".
pub fn word<T: Copy + Display>(
    path: impl Display,
    value: i32,
    from_number: impl Fn(i32) -> Option<T>,
    all: &[T],
) -> Result<T, Refusal> {
    from_number(value).ok_or_else(|| {
        let known: Vec<String> = all.iter().map(ToString::to_string).collect();
        Refusal::field(path, value, format!("one of {}", known.join(", ")))
    })
}

/// 1 to 128 printable ASCII characters.
pub fn request_id(value: &str) -> Result<(), Refusal> {
    if (1..=MAX_NAME).contains(&value.len()) && is_plain(value) {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::RequestIdInvalid)
        .fact("field", "request_id")
        .fact("length", value.chars().count()))
}

/// Page sizes are bent into range, never refused for being large.
pub fn page_size(value: i32) -> Result<usize, Refusal> {
    match usize::try_from(value) {
        Ok(0) => Ok(100),
        Ok(size) => Ok(size.min(1_000)),
        Err(_) => Err(Refusal::field(
            "page_size",
            value,
            "0 (100 entries) to 1000",
        )),
    }
}

/// A wire timestamp of an instant.
#[must_use]
pub fn timestamp(at: Millis) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.rem_euclid(1_000) * 1_000_000).expect("below a second");
    prost_types::Timestamp {
        seconds: at.div_euclid(1_000),
        nanos,
    }
}

/// A wire timestamp, absent for 0.
#[must_use]
pub fn timestamp_or_none(at: Millis) -> Option<prost_types::Timestamp> {
    (at != 0).then(|| timestamp(at))
}
