//! Working time of a warehouse, in Asia/Shanghai (UTC+8, no summer time).

use super::time::{DAY, HOUR, MINUTE, Millis};

/// Offset of Asia/Shanghai.
const OFFSET: Millis = 8 * HOUR;
/// A calendar that does not open within so many days counts as wall time, so
/// that a mistake in it delays work and never loses it.
const HORIZON_DAYS: i64 = 400;

/// Opening hours of one weekday, or of every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// 0 is every day, 1 Monday … 7 Sunday.
    pub weekday: u8,
    pub open_minute: u16,
    pub close_minute: u16,
}

/// A day, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
        let wrong = || CalendarError::Day(text.to_owned());
        let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
        let mut part = || parts.next().and_then(Result::ok).ok_or_else(wrong);
        let (year, month, day) = (part()?, part()?, part()?);
        let days = days_from_civil(year, month, day);
        if text.len() == 10 && civil_from_days(days) == (year, month, day) {
            Ok(Self(days))
        } else {
            Err(wrong())
        }
    }
}

/// When a warehouse works.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    /// Empty: round the clock.
    windows: Vec<Window>,
    closed_days: Vec<Day>,
}

impl Calendar {
    #[must_use]
    pub fn round_the_clock() -> Self {
        Self::default()
    }

    /// A calendar of windows and days without work. Windows that touch or
    /// overlap count once.
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
        Ok(Self {
            windows: merged(&windows),
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

    /// The instant by which `minutes` of working time have passed since `from`.
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
