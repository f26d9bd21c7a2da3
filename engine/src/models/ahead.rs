//! Making ahead: everything comes once and in order, whoever is quicker, and both ends end.

use std::ops::ControlFlow as Flow;

use super::check;
use crate::ahead::ahead;

/// More than the maker may be ahead.
const MADE: u64 = 12;

#[test]
fn everything_is_taken_once_and_in_order() {
    check(|| {
        let mut taken = Vec::new();
        let make = |give: &mut dyn FnMut(u64) -> Flow<()>| -> Result<(), ()> {
            let _ = (0..MADE).try_for_each(give);
            Ok(())
        };
        let ended = ahead(true, make, |number| {
            taken.push(number);
            Ok(Flow::Continue(()))
        });
        assert_eq!(ended, Ok(Flow::Continue(())));
        assert_eq!(taken, (0..MADE).collect::<Vec<_>>());
    });
}

#[test]
fn a_maker_that_waits_for_room_ends_with_its_taker() {
    check(|| {
        let make = |give: &mut dyn FnMut(u64) -> Flow<()>| -> Result<(), ()> {
            let ended = (0..).try_for_each(give);
            assert!(ended.is_break());
            Ok(())
        };
        let ended = ahead(true, make, |number| match number {
            2 => Ok(Flow::Break(())),
            _ => Ok(Flow::Continue(())),
        });
        assert_eq!(ended, Ok(Flow::Break(())));
    });
}
