//! A hold: stock with a deadline. It ends exactly once.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::names::NameId;
use crate::domain::time::Millis;
use crate::domain::words::HoldState;
use crate::planted::planted;

/// One hold of an order. A hold lives while it is HELD or PAYING and
/// `now < expires_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub state: HoldState,
    pub created_at: Millis,
    pub expires_at: Millis,
    /// When it reached a final state; 0 before.
    pub ended_at: Millis,
    /// Outage credit it was given so far, in milliseconds.
    pub credited_ms: i64,
    /// First payment attempt; 0 before.
    pub paying_since: Millis,
    /// Hashes of payment references that are open.
    pub open_payments: SmallVec<[u64; 1]>,
    /// Why it was released.
    pub reason: NameId,
    /// A deposit was paid: the deadline is the channel's for the balance.
    pub deposit: bool,
}

impl Hold {
    #[must_use]
    pub fn new(created_at: Millis, expires_at: Millis) -> Self {
        Self {
            state: HoldState::Held,
            created_at,
            expires_at,
            ended_at: 0,
            credited_ms: 0,
            paying_since: 0,
            open_payments: SmallVec::new(),
            reason: 0,
            deposit: false,
        }
    }

    /// True if it keeps stock at `now`.
    #[must_use]
    pub fn is_live(&self, now: Millis) -> bool {
        self.state.is_live() && now < self.expires_at
    }

    /// True if its deadline has passed and nobody wrote it yet.
    #[must_use]
    pub fn is_lapsed(&self, now: Millis) -> bool {
        self.state.is_live()
            && (now > self.expires_at || now == self.expires_at && !planted!(ExpireLate))
    }
}
