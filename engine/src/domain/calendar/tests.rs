use super::*;

/// 2026-11-23 was a Monday.
const MONDAY: i64 = 20_780;

fn window(weekday: u8, open: (u16, u16), close: (u16, u16)) -> Window {
    Window {
        weekday,
        open_minute: open.0 * 60 + open.1,
        close_minute: close.0 * 60 + close.1,
    }
}

fn office_week() -> Vec<Window> {
    (1..=5)
        .flat_map(|day| [window(day, (9, 0), (12, 0)), window(day, (13, 30), (18, 0))])
        .collect()
}

fn night_shift() -> Vec<Window> {
    vec![window(0, (22, 0), (24, 0)), window(0, (0, 0), (6, 0))]
}

fn calendar(windows: Vec<Window>, closed: &[i64]) -> Calendar {
    let closed = closed.iter().map(|day| Day(*day)).collect();
    Calendar::new(windows, closed).expect("a calendar")
}

/// An instant by its day and Shanghai time of day.
fn at(day: i64, hour: i64, minute: i64) -> Millis {
    day * DAY + hour * HOUR + minute * MINUTE - OFFSET
}

#[test]
fn days_and_dates_are_one_to_one_over_eight_centuries() {
    let (mut year, mut month, mut day) = (1_600, 1, 1);
    for days in days_from_civil(1_600, 1, 1)..days_from_civil(2_400, 1, 1) {
        assert_eq!(civil_from_days(days), (year, month, day));
        assert_eq!(days_from_civil(year, month, day), days);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (year, month, day) = match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, last) if last == length => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
    }
    assert_eq!(days_from_civil(1970, 1, 1), 0);
    assert_eq!(days_from_civil(2026, 11, 23), MONDAY);
}

#[test]
fn a_day_is_read_only_as_year_month_day() {
    assert_eq!(Day::parse("1970-01-02"), Ok(Day(1)));
    assert_eq!(Day::parse("2028-02-29").map(|day| day.0), Ok(21_243));
    for wrong in [
        "",
        "2026-02-29",
        "2100-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-04-31",
        "2026-4-01",
        "2026/10/01",
        "+026-10-01",
        "2026-+1-01",
        "2026-10-01 ",
        "二〇二六-1",
        "9223372036854775807-01-01",
    ] {
        let error = Day::parse(wrong).expect_err(wrong);
        assert_eq!(error, CalendarError::Day(wrong.to_owned()));
    }
}

#[test]
fn a_wrong_window_is_named_with_its_numbers() {
    let error = |weekday, open_minute, close_minute| {
        let window = Window {
            weekday,
            open_minute,
            close_minute,
        };
        Calendar::new(vec![window], vec![])
            .expect_err("wrong")
            .to_string()
    };
    assert_eq!(
        error(8, 0, 60),
        "weekday is 8; it is 0 (every day) to 7 (Sunday)"
    );
    for (open, close) in [(60, 60), (61, 60), (0, 1_441), (1_440, 1_440)] {
        let text = error(1, open, close);
        assert!(
            text.contains(&format!("from minute {open} to {close}")),
            "{text}"
        );
    }
}

#[test]
fn windows_are_half_open() {
    let calendar = calendar(office_week(), &[MONDAY + 2]);
    for (instant, open) in [
        (at(MONDAY, 9, 0) - 1, false),
        (at(MONDAY, 9, 0), true),
        (at(MONDAY, 12, 0) - 1, true),
        (at(MONDAY, 12, 0), false),
        (at(MONDAY, 13, 30), true),
        (at(MONDAY + 2, 10, 0), false),
        (at(MONDAY + 4, 17, 59), true),
        (at(MONDAY + 5, 10, 0), false),
    ] {
        assert_eq!(calendar.is_open(instant), open, "{instant}");
    }
}

#[test]
fn working_time_skips_what_is_closed() {
    let friday = MONDAY + 4;
    let one_minute = || vec![window(0, (8, 0), (8, 1))];
    let sundays = || vec![window(7, (0, 0), (24, 0))];
    let overlapping = || vec![window(0, (9, 0), (11, 0)), window(1, (10, 0), (12, 0))];
    let cases = [
        (
            "in a window",
            office_week(),
            at(MONDAY, 9, 0),
            60,
            at(MONDAY, 10, 0),
        ),
        (
            "full at closing",
            office_week(),
            at(MONDAY, 11, 0),
            60,
            at(MONDAY, 12, 0),
        ),
        (
            "over lunch",
            office_week(),
            at(MONDAY, 11, 0),
            61,
            at(MONDAY, 13, 31),
        ),
        (
            "begun at closing",
            office_week(),
            at(MONDAY, 12, 0),
            1,
            at(MONDAY, 13, 31),
        ),
        (
            "begun at lunch",
            office_week(),
            at(MONDAY, 12, 45),
            15,
            at(MONDAY, 13, 45),
        ),
        (
            "before opening",
            office_week(),
            at(MONDAY, 3, 0),
            5,
            at(MONDAY, 9, 5),
        ),
        (
            "over a weekend",
            office_week(),
            at(friday, 17, 0),
            90,
            at(friday + 3, 9, 30),
        ),
        (
            "no minutes while closed",
            office_week(),
            at(friday, 20, 0),
            0,
            at(friday, 20, 0),
        ),
        (
            "over midnight",
            night_shift(),
            at(MONDAY, 23, 0),
            120,
            at(MONDAY + 1, 1, 0),
        ),
        (
            "full at midnight",
            night_shift(),
            at(MONDAY, 23, 0),
            60,
            at(MONDAY + 1, 0, 0),
        ),
        (
            "over a day's rest",
            night_shift(),
            at(MONDAY, 5, 30),
            31,
            at(MONDAY, 22, 1),
        ),
        (
            "a minute a day",
            one_minute(),
            at(MONDAY, 8, 0),
            3,
            at(MONDAY + 2, 8, 1),
        ),
        (
            "half a minute left",
            one_minute(),
            at(MONDAY, 8, 0) + 30_000,
            1,
            at(MONDAY + 1, 8, 0) + 30_000,
        ),
        (
            "another weekday",
            sundays(),
            at(MONDAY, 8, 0),
            1,
            at(MONDAY + 6, 0, 1),
        ),
        (
            "an overlap counts once",
            overlapping(),
            at(MONDAY, 9, 0),
            180,
            at(MONDAY, 12, 0),
        ),
    ];
    for (name, windows, from, minutes, expected) in cases {
        let due = calendar(windows, &[]).add_working(from, minutes);
        assert_eq!(due, expected, "{name}");
    }
}

#[test]
fn closed_days_do_not_count() {
    let closed = [MONDAY + 1, MONDAY];
    let office = calendar(office_week(), &closed);
    assert_eq!(
        office.add_working(at(MONDAY, 9, 0), 30),
        at(MONDAY + 2, 9, 30)
    );
    let otherwise_open = calendar(vec![], &closed);
    assert_eq!(
        otherwise_open.add_working(at(MONDAY - 1, 23, 50), 20),
        at(MONDAY + 2, 0, 10)
    );
}

#[test]
fn round_the_clock_is_wall_time() {
    let calendar = Calendar::round_the_clock();
    assert_eq!(
        calendar.add_working(1_234, u32::MAX),
        1_234 + i64::from(u32::MAX) * MINUTE
    );
    assert!(calendar.is_open(-1));
    assert_eq!(Calendar::new(vec![], vec![]), Ok(calendar));
}

#[test]
fn too_little_working_time_falls_back_to_wall_time() {
    let year_off: Vec<i64> = (MONDAY..MONDAY + 400).collect();
    let shut = calendar(office_week(), &year_off);
    assert_eq!(shut.add_working(at(MONDAY, 9, 0), 7), at(MONDAY, 9, 7));
    let opens_on_the_last_day = calendar(night_shift(), &year_off[..399]);
    assert_eq!(
        opens_on_the_last_day.add_working(at(MONDAY, 9, 0), 7),
        at(MONDAY + 399, 0, 7)
    );
    let minute_a_day = calendar(vec![window(0, (8, 0), (8, 1))], &[]);
    let from = at(MONDAY, 0, 0);
    assert_eq!(minute_a_day.add_working(from, 400), at(MONDAY + 399, 8, 1));
    assert_eq!(minute_a_day.add_working(from, 401), from + 401 * MINUTE);
}

/// A small generator of equal numbers on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn window(&mut self) -> Window {
        let open_minute = self.below(1_440) as u16;
        let room = u64::from(1_440 - open_minute);
        Window {
            weekday: self.below(8) as u8,
            open_minute,
            close_minute: open_minute + 1 + self.below(room) as u16,
        }
    }
}

/// Open or not, from the windows as they were given.
fn open_by_the_book(windows: &[Window], closed: &[i64], instant: Millis) -> bool {
    let minutes = (instant + OFFSET).div_euclid(MINUTE);
    let (day, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    let weekday = (day - MONDAY).rem_euclid(7) + 1;
    !closed.contains(&day)
        && windows.iter().any(|window| {
            (window.weekday == 0 || i64::from(window.weekday) == weekday)
                && i64::from(window.open_minute) <= minute
                && minute < i64::from(window.close_minute)
        })
}

#[test]
fn counting_step_by_step_gives_the_same_instants() {
    const STEP: Millis = 20_000;
    let mut dice = Dice(2_026);
    for round in 0..300 {
        // One window a day at least, so that counting ends.
        let mut windows: Vec<Window> = (0..dice.below(4)).map(|_| dice.window()).collect();
        windows.push(window(0, (10, 0), (10, 30)));
        let closed: Vec<i64> = (0..dice.below(4))
            .map(|_| MONDAY + dice.below(10) as i64)
            .collect();
        let from = at(MONDAY, 0, 0) + dice.below(7 * 4_320) as i64 * STEP;
        let minutes = dice.below(300) as u32 + 1;
        let calendar = calendar(windows.clone(), &closed);

        let (mut now, mut left) = (from, i64::from(minutes) * MINUTE);
        while left > 0 {
            let open = open_by_the_book(&windows, &closed, now);
            assert_eq!(calendar.is_open(now), open, "round {round} at {now}");
            left -= if open { STEP } else { 0 };
            now += STEP;
        }
        assert_eq!(calendar.add_working(from, minutes), now, "round {round}");
    }
}
