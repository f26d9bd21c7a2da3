//! How long a connection lives: what its owner allows, and what is to be done when.
//!
//! Pure: the time is an argument. The connection does what it is told.

use std::time::Duration;

use tokio::time::Instant;

use crate::frames::Gauge;

/// What the operator allows a connection.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// At once; one more is closed as soon as it is taken.
    pub most: usize,
    /// For the first bytes, TLS included.
    pub handshake: Duration,
    /// Without a call.
    pub idle: Duration,
    /// Balancers of connections get to spread them again.
    pub age: Duration,
    /// How long calls may go on behind that.
    pub age_grace: Duration,
    /// Silence after which a peer is asked whether it is there.
    pub keepalive: Duration,
    /// How long it has to say so.
    pub keepalive_timeout: Duration,
    /// Between two pings of a peer that was sent nothing meanwhile.
    pub ping_spacing: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// Ask whether the peer is there.
    Ping,
    /// Tell it to go; what is under way is finished.
    Leave,
    End,
}

/// The life of one connection.
#[derive(Debug)]
pub(crate) struct Life {
    allowed: Connections,
    /// When it is told to go.
    old_at: Instant,
    left_at: Option<Instant>,
    pinged_at: Option<Instant>,
}

impl Life {
    /// Begins now. `place` scatters the ends of connections that began together.
    pub(crate) fn new(allowed: Connections, place: u64, now: Instant) -> Self {
        Self {
            allowed,
            old_at: now + allowed.age.mul_f64(scattered(place)),
            left_at: None,
            pinged_at: None,
        }
    }

    /// It was told to go.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.left_at.get_or_insert(now);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.left_at.is_some()
    }

    /// When there may be something to do. What happens meanwhile only moves it back.
    pub(crate) fn due(&self, gauge: &Gauge, now: Instant) -> Instant {
        let ending = match self.left_at {
            Some(left) => left + self.farewell(gauge),
            None => self.old_at.min(gauge.idle_since(now) + self.allowed.idle),
        };
        let asking = match self.pinged_at {
            Some(pinged) => pinged + self.allowed.keepalive_timeout,
            None => gauge.read_at() + self.allowed.keepalive,
        };
        ending.min(asking)
    }

    /// What is to be done now.
    pub(crate) fn step(&mut self, gauge: &Gauge, now: Instant) -> Step {
        if self
            .pinged_at
            .is_some_and(|pinged| gauge.read_at() > pinged)
        {
            self.pinged_at = None;
        }
        if self.is_gone(gauge, now) {
            return Step::End;
        }
        let is_idle = now >= gauge.idle_since(now) + self.allowed.idle;
        if self.left_at.is_none() && (is_idle || now >= self.old_at) {
            self.leave(now);
            return Step::Leave;
        }
        if self.pinged_at.is_none() && now >= gauge.read_at() + self.allowed.keepalive {
            self.pinged_at = Some(now);
            return Step::Ping;
        }
        Step::Nothing
    }

    fn is_gone(&self, gauge: &Gauge, now: Instant) -> bool {
        let past = |since: Option<Instant>, span| since.is_some_and(|since| now >= since + span);
        past(self.pinged_at, self.allowed.keepalive_timeout)
            || past(self.left_at, self.farewell(gauge))
    }

    /// A peer that has nothing under way only needs to read that it is to go.
    fn farewell(&self, gauge: &Gauge) -> Duration {
        let grace = self.allowed.age_grace;
        match gauge.has_calls() {
            true => grace,
            false => grace.min(self.allowed.keepalive_timeout),
        }
    }
}

/// From 0.9 to 1.1, far apart for places that follow each other.
fn scattered(place: u64) -> f64 {
    const GOLDEN: u64 = 618_034;
    let millionths = place.wrapping_mul(GOLDEN) % 1_000_000;
    0.9 + f64::from(u32::try_from(millionths).expect("below a million")) / 5e6
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn allowed() -> Connections {
        Connections {
            most: 1,
            handshake: SECOND,
            idle: 50 * SECOND,
            age: 100 * SECOND,
            age_grace: 30 * SECOND,
            keepalive: 20 * SECOND,
            keepalive_timeout: 5 * SECOND,
            ping_spacing: 10 * SECOND,
        }
    }

    /// Follows a life for so many seconds and gives what was done, and when.
    fn lived(seconds: u32, mut happens: impl FnMut(u32, &Arc<Gauge>)) -> Vec<(u32, Step)> {
        let born = Instant::now();
        let gauge = Arc::new(Gauge::new(born, SECOND));
        let mut life = Life::new(allowed(), 0, born);
        let mut steps = Vec::new();
        for second in 0..=seconds {
            let now = born + second * SECOND;
            happens(second, &gauge);
            match life.step(&gauge, now) {
                Step::Nothing => assert!(life.due(&gauge, now) > now, "it would be asked in vain"),
                step => steps.push((second, step)),
            }
            if steps.last().is_some_and(|(_, step)| *step == Step::End) {
                break;
            }
        }
        steps
    }

    #[test]
    fn a_peer_that_vanished_is_asked_once_and_then_given_up() {
        let steps = lived(200, |_, _| {});
        assert_eq!(steps, [(20, Step::Ping), (25, Step::End)]);
    }

    #[test]
    fn a_peer_without_calls_is_told_to_go() {
        let mut born = None;
        let steps = lived(200, |second, gauge| {
            let born = *born.get_or_insert_with(|| gauge.read_at());
            gauge.read(born + second * SECOND);
        });
        assert_eq!(steps, [(50, Step::Leave), (55, Step::End)]);
    }

    #[test]
    fn an_old_peer_may_finish_its_calls() {
        let mut born = None;
        let mut call = None;
        let steps = lived(200, |second, gauge| {
            let born = *born.get_or_insert_with(|| gauge.read_at());
            gauge.read(born + second * SECOND);
            call.get_or_insert_with(|| gauge.call());
        });
        assert_eq!(steps, [(90, Step::Leave), (120, Step::End)]);
    }

    #[test]
    fn connections_that_began_together_do_not_end_together() {
        let mut ends: Vec<f64> = (0..100).map(scattered).collect();
        ends.sort_by(f64::total_cmp);
        assert!(ends[0] >= 0.9 && ends[99] < 1.1);
        assert!(ends.windows(2).all(|pair| pair[1] - pair[0] > 1e-4));
    }
}
