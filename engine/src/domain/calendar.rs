//! Working time of a warehouse, in Asia/Shanghai (UTC+8, no summer time).

use super::time::{DAY, HOUR, MINUTE, Millis};
use serde::{Deserialize, Serialize};

/// Offset of Asia/Shanghai.
const OFFSET: Millis = 8 * HOUR;
/// A calendar that does not offer enough working time within so many days
/// counts as wall time: a mistake in it may hurry people, but no search is
/// endless and no task is without a due time.
const HORIZON_DAYS: i64 = 400;

/// Opening hours of one weekday, or of every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// 0 is every day, 1 Monday … 7 Sunday.
    pub weekday: u8,
    pub open_minute: u16,
    pub close_minute: u16,
}

/// Midnight to midnight, every day.
const ALL_DAY: Window = Window {
    weekday: 0,
    open_minute: 0,
    close_minute: 1_440,
};

/// A day, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day(pub i64);

/// What is wrong with a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("weekday is {0}; it is 0 (every day) to 7 (Sunday)")]
    Weekday(u8),
    #[error("a window runs from minute {0} to {1}; it must open before it closes, by minute 1440")]
    Window(u16, u16),
    #[error("{0:?} is no day; write it as 2026-10-01")]
    Day(String),
}

impl Day {
    /// Reads "2026-10-01".
    ///
    /// # Errors
    /// [`CalendarError::Day`] if it is not a day of the calendar.
    pub fn parse(text: &str) -> Result<Self, CalendarError> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(index, byte)| match index {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        shaped
            .then(|| Self::of_digits(text))
            .flatten()
            .ok_or_else(|| CalendarError::Day(text.to_owned()))
    }

    /// The day of a text that has digits in the places of "2026-10-01".
    fn of_digits(text: &str) -> Option<Self> {
        let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().ok();
        let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
        let days = days_from_civil(year, month, day);
        (civil_from_days(days) == (year, month, day)).then_some(Self(days))
    }
}

/// When a warehouse works.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calendar {
    /// Per weekday 1 to 7 in order, none overlapping. Empty: round the clock.
    windows: Vec<Window>,
    /// In order.
    closed_days: Vec<Day>,
}

impl Calendar {
    #[must_use]
    pub fn round_the_clock() -> Self {
        Self::default()
    }

    /// A calendar of windows and days without work. Windows that touch or
    /// overlap count once; without any window every day is open from midnight
    /// to midnight.
    ///
    /// # Errors
    /// [`CalendarError`] naming the window that is wrong.
    pub fn new(windows: Vec<Window>, mut closed_days: Vec<Day>) -> Result<Self, CalendarError> {
        for window in &windows {
            if window.weekday > 7 {
                return Err(CalendarError::Weekday(window.weekday));
            }
            if window.open_minute >= window.close_minute || window.close_minute > 1_440 {
                return Err(CalendarError::Window(
                    window.open_minute,
                    window.close_minute,
                ));
            }
        }
        closed_days.sort_unstable();
        let windows = match (windows.is_empty(), closed_days.is_empty()) {
            (true, true) => windows,
            (true, false) => merged(&[ALL_DAY]),
            (false, _) => merged(&windows),
        };
        Ok(Self {
            windows,
            closed_days,
        })
    }

    /// True if the warehouse works at this instant.
    #[must_use]
    pub fn is_open(&self, at: Millis) -> bool {
        let local = at + OFFSET;
        let (day, of_day) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        self.windows.is_empty()
            || self
                .open_windows(day)
                .any(|(open, close)| (open..close).contains(&of_day))
    }

    /// The first instant by which `minutes` of working time have passed since
    /// `from`. Time before the next opening does not count, and a count that is
    /// full at closing time ends there. No minutes are over at once, open or not.
    ///
    /// A calendar that does not offer so much working time within 400 days
    /// counts as wall time: the answer is `from` plus `minutes`.
    ///
    /// Costs one look at each window per day crossed, and allocates nothing.
    #[must_use]
    pub fn add_working(&self, from: Millis, minutes: u32) -> Millis {
        let mut left = Millis::from(minutes) * MINUTE;
        if self.windows.is_empty() || left == 0 {
            return from + left;
        }
        let local = from + OFFSET;
        let first = local.div_euclid(DAY);
        for day in first..first + HORIZON_DAYS {
            for (open, close) in self.open_windows(day) {
                let start = (day * DAY + open).max(local);
                let end = day * DAY + close;
                if start >= end {
                    continue;
                }
                if left <= end - start {
                    return start + left - OFFSET;
                }
                left -= end - start;
            }
        }
        from + Millis::from(minutes) * MINUTE
    }

    /// Windows of a day in order, as milliseconds after its midnight.
    fn open_windows(&self, day: i64) -> impl Iterator<Item = (Millis, Millis)> {
        // 1970-01-01 was a Thursday.
        let weekday = u8::try_from((day + 3).rem_euclid(7) + 1).expect("1 to 7");
        let closed = self.closed_days.binary_search(&Day(day)).is_ok();
        self.windows
            .iter()
            .filter(move |window| !closed && window.weekday == weekday)
            .map(|window| {
                (
                    Millis::from(window.open_minute) * MINUTE,
                    Millis::from(window.close_minute) * MINUTE,
                )
            })
    }
}

/// Windows per weekday in order, overlapping ones joined.
fn merged(windows: &[Window]) -> Vec<Window> {
    let mut merged: Vec<Window> = Vec::new();
    for weekday in 1..=7 {
        let of_day = windows
            .iter()
            .filter(|window| window.weekday == 0 || window.weekday == weekday);
        let mut of_day: Vec<Window> = of_day.map(|window| Window { weekday, ..*window }).collect();
        of_day.sort_unstable();
        for window in of_day {
            match merged.last_mut() {
                Some(last)
                    if last.weekday == weekday && window.open_minute <= last.close_minute =>
                {
                    last.close_minute = last.close_minute.max(window.close_minute);
                }
                _ => merged.push(window),
            }
        }
    }
    merged
}

/// Year, month and day of a number of days since 1970-01-01.
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day comes last; 146,097 days
    // are 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 of a year, month and day.
#[must_use]
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests;
