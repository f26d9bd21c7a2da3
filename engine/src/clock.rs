//! The engine's clock: wall time that never jumps.
//!
//! Deadlines are wall milliseconds, but a wall clock may step. Time is
//! therefore carried by the monotonic clock from an anchor, and only small
//! differences to the wall are worked off, slowly (H14). A step of more than
//! two seconds is counted and ignored until an operator reconciles it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::domain::time::{Millis, SECOND};

/// Differences beyond this are steps of the wall clock, not drift.
const STEP: Millis = 2 * SECOND;
/// One in this many milliseconds may be used to work a difference off.
const SLEW: Millis = 20;

/// A clock for tests and rehearsals: it moves when it is told to.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    #[must_use]
    pub fn new(now_ms: Millis) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now_ms)))
    }

    // A clock orders nothing but itself: relaxed.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }

    /// Moves the clock and gives the new time.
    pub fn advance(&self, delta_ms: Millis) -> Millis {
        self.0.fetch_add(delta_ms, Ordering::Relaxed) + delta_ms
    }

    pub fn set(&self, now_ms: Millis) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

/// Where the engine's `now` comes from.
#[derive(Debug)]
pub enum Clock {
    System(SystemClock),
    Manual(Arc<ManualClock>),
}

impl Clock {
    #[must_use]
    pub fn now(&self) -> Millis {
        match self {
            Self::System(clock) => clock.now(),
            Self::Manual(clock) => clock.now_ms(),
        }
    }

    /// Steps of the wall clock that were seen and not followed, and by how many
    /// milliseconds the wall is ahead now.
    #[must_use]
    pub fn steps(&self) -> (u64, Millis) {
        match self {
            Self::System(clock) => (
                clock.steps.load(Ordering::Relaxed),
                clock.step_ms.load(Ordering::Relaxed),
            ),
            Self::Manual(_) => (0, 0),
        }
    }

    /// Takes the wall clock as it is now, on an operator's word. Never moves
    /// backwards: a wall that is behind is waited for.
    pub fn reconcile(&self) {
        if let Self::System(clock) = self {
            clock.reconcile();
        }
    }
}

#[derive(Debug)]
struct Anchor {
    wall: Millis,
    at: Instant,
    /// Last value given out; time never runs backwards past it.
    last: Millis,
}

/// Monotonic time anchored to the wall.
#[derive(Debug)]
pub struct SystemClock {
    anchor: Mutex<Anchor>,
    steps: AtomicU64,
    step_ms: AtomicI64,
}

impl Default for SystemClock {
    fn default() -> Self {
        let wall = wall_ms();
        Self {
            anchor: Mutex::new(Anchor {
                wall,
                at: Instant::now(),
                last: wall,
            }),
            steps: AtomicU64::new(0),
            step_ms: AtomicI64::new(0),
        }
    }
}

impl SystemClock {
    fn now(&self) -> Millis {
        self.follow(wall_ms(), Instant::now())
    }

    fn follow(&self, wall: Millis, at: Instant) -> Millis {
        let mut anchor = self.anchor.lock();
        let elapsed =
            Millis::try_from(at.duration_since(anchor.at).as_millis()).unwrap_or(Millis::MAX);
        let carried = anchor.wall + elapsed;
        let difference = wall - carried;
        if difference.abs() > STEP {
            if self.step_ms.swap(difference, Ordering::Relaxed) == 0 {
                self.steps.fetch_add(1, Ordering::Relaxed);
            }
            anchor.last = anchor.last.max(carried);
            return anchor.last;
        }
        self.step_ms.store(0, Ordering::Relaxed);
        let slew = elapsed / SLEW;
        if slew > 0 {
            anchor.wall = carried + difference.clamp(-slew, slew);
            anchor.at = at;
            anchor.last = anchor.last.max(anchor.wall);
        } else {
            anchor.last = anchor.last.max(carried);
        }
        anchor.last
    }

    fn reconcile(&self) {
        let mut anchor = self.anchor.lock();
        anchor.wall = wall_ms().max(anchor.last);
        anchor.at = Instant::now();
        self.step_ms.store(0, Ordering::Relaxed);
    }
}

fn wall_ms() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn clock_at(wall: Millis, at: Instant) -> SystemClock {
        let clock = SystemClock::default();
        *clock.anchor.lock() = Anchor {
            wall,
            at,
            last: wall,
        };
        clock
    }

    #[test]
    fn a_step_of_the_wall_is_counted_and_not_followed() {
        let at = Instant::now();
        let clock = clock_at(1_000_000, at);
        let later = at + Duration::from_millis(500);
        assert_eq!(clock.follow(1_000_500 + 600_000, later), 1_000_500);
        assert_eq!(clock.follow(1_000_500 - 600_000, later), 1_000_500);
        assert_eq!(clock.steps.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_small_difference_is_worked_off_slowly_and_never_backwards() {
        let at = Instant::now();
        let clock = clock_at(0, at);
        assert_eq!(
            clock.follow(1_500, at + Duration::from_millis(1_000)),
            1_050
        );
        assert_eq!(
            clock.follow(1_060, at + Duration::from_millis(1_001)),
            1_051
        );
        let mut last = 0;
        for step in 0..200 {
            let now = clock.follow(
                1_000 + step,
                at + Duration::from_millis(1_001 + step.unsigned_abs()),
            );
            assert!(now >= last, "time ran backwards");
            last = now;
        }
    }
}
