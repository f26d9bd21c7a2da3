//! Time as the domain sees it: an argument, never a clock.

/// A UTC instant in milliseconds since 1970.
pub type Millis = i64;

pub const SECOND: Millis = 1_000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// An instant as "2026-11-11T00:15:00.000Z".
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    let (year, month, day) = super::calendar::civil_from_days(at.div_euclid(DAY));
    let of_day = at.rem_euclid(DAY);
    let (hour, minute) = (of_day / HOUR, of_day % HOUR / MINUTE);
    let (second, milli) = (of_day % MINUTE / SECOND, of_day % SECOND);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}
