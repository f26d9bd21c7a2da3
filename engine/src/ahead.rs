//! A thread that makes things ahead of the one that uses them.

use std::ops::ControlFlow as Flow;
use std::panic;

use crate::sync::{mpsc, thread};

/// How far the maker may be ahead.
const DEPTH: usize = 8;

/// Gives all that `make` makes to `take`, in order, until one of them ends it; says
/// whether `take` did. With `aside`, `make` runs in a thread of its own, so that two
/// cores share the work: worth it where there is much.
///
/// # Errors
/// What `take` says, or else what `make` says.
pub fn ahead<T: Send, E: Send>(
    aside: bool,
    make: impl FnOnce(&mut dyn FnMut(T) -> Flow<()>) -> Result<(), E> + Send,
    mut take: impl FnMut(T) -> Result<Flow<()>, E>,
) -> Result<Flow<()>, E> {
    let mut taken = Ok(Flow::Continue(()));
    let mut take = |thing| {
        // Whoever makes may have one more to give after the end.
        if let Ok(Flow::Continue(())) = taken {
            taken = take(thing);
        }
        match taken {
            Ok(Flow::Continue(())) => Flow::Continue(()),
            _ => Flow::Break(()),
        }
    };
    let made = if aside {
        thread::scope(|scope| {
            let (give, given) = mpsc::sync_channel(DEPTH);
            let maker = scope.spawn(move || {
                make(&mut |thing| match give.send(thing) {
                    Ok(()) => Flow::Continue(()),
                    Err(_) => Flow::Break(()),
                })
            });
            let _ = given.into_iter().try_for_each(&mut take);
            maker
                .join()
                .unwrap_or_else(|cause| panic::resume_unwind(cause))
        })
    } else {
        make(&mut take)
    };
    match taken {
        Ok(Flow::Continue(())) => made.map(Flow::Continue),
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up to `last`, then fails; what was taken, and the end.
    fn count(aside: bool, last: u64, end: u64) -> (Vec<u64>, Result<Flow<()>, &'static str>) {
        let mut taken = Vec::new();
        let make = |give: &mut dyn FnMut(u64) -> Flow<()>| {
            for number in 0..last {
                if give(number).is_break() {
                    return Ok(());
                }
            }
            Err("nothing left")
        };
        let ended = ahead(aside, make, |number| {
            taken.push(number);
            match number {
                number if number == end => Ok(Flow::Break(())),
                13 => Err("unlucky"),
                _ => Ok(Flow::Continue(())),
            }
        });
        (taken, ended)
    }

    #[test]
    fn what_ended_it_stays_when_more_is_given() {
        for end in [Ok(Flow::Break(())), Err("wrong")] {
            let make = |give: &mut dyn FnMut(u64) -> Flow<()>| {
                let (_, _) = (give(1), give(2));
                Ok(())
            };
            let mut taken = 0;
            let ended = ahead(false, make, |_| {
                taken += 1;
                end
            });
            assert_eq!((taken, ended), (1, end));
        }
    }

    #[test]
    fn both_ways_give_the_same() {
        for aside in [false, true] {
            let all = |upto| (0..upto).collect::<Vec<u64>>();
            assert_eq!(count(aside, 5, 99), (all(5), Err("nothing left")));
            assert_eq!(count(aside, 500, 9), (all(10), Ok(Flow::Break(()))));
            assert_eq!(count(aside, 500, 99), (all(14), Err("unlucky")));
        }
    }

    #[test]
    #[should_panic(expected = "made nothing")]
    fn a_maker_that_panics_is_not_forgotten() {
        let make = |_: &mut dyn FnMut(()) -> Flow<()>| -> Result<(), ()> { panic!("made nothing") };
        let _ = ahead(true, make, |()| Ok(Flow::Continue(())));
    }
}
