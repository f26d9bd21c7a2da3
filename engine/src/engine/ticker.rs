//! The ticker: lets deadlines fall due, and stamps the time while holds live.

use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use super::beside::Beside;
use super::metrics::Seen;
use super::{Phase, Shared};
use crate::domain::time::{Millis, SECOND};

/// Longest sleep. A new deadline is never nearer than seconds, so that nobody
/// has to wake the ticker; a manual clock is looked at as often.
const NAP: Duration = Duration::from_millis(20);
/// Between two bounded ticks requests get the lock.
const BREATH: Duration = Duration::from_micros(200);

/// Starts the ticker. It ends when told to, or when its engine is gone.
pub(super) fn start(shared: &Arc<Shared>) -> Beside {
    let weak = Arc::downgrade(shared);
    Beside::start("ticker", move |stopped| run(&weak, stopped))
}

fn run(shared: &Weak<Shared>, stopped: &mpsc::Receiver<()>) {
    let mut stamped: Millis = 0;
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let more = shared.phase() != Phase::Failed && tick(&shared, &mut stamped);
        drop(shared);
        match stopped.recv_timeout(if more { BREATH } else { NAP }) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// One bounded tick; true if more is due already.
fn tick(shared: &Shared, stamped: &mut Millis) -> bool {
    let now = shared.clock.now();
    let mut state = shared.core.lock();
    let due = state
        .next_deadline()
        .is_some_and(|deadline| deadline <= now);
    let stamp = state.has_live_holds() && now >= *stamped + SECOND && now > state.last_at();
    let more = if due {
        let advance = state.advance(now, shared.settings.expiry_per_tick);
        for record in &advance.records {
            shared.writer.append_message(record);
        }
        advance.more
    } else {
        if stamp {
            let record = state.stamp(now);
            shared.writer.append_message(&record);
        }
        false
    };
    if due || stamp {
        *stamped = now;
    }
    *shared.seen.lock() = Seen::of(&state, now);
    more
}
