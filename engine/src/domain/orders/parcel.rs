//! A parcel: what leaves one warehouse for one order, and how it came here.

use super::lifecycle::{Node, Role};
use crate::domain::names::NameId;
use crate::domain::time::Millis;
use crate::domain::words::{Flag, Flags, OrderStatus};
use serde::{Deserialize, Serialize};

/// A step in a parcel's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub node: Node,
    pub role: Role,
    /// Bits `INFERRED`, `REWORK`, `OVERRIDE`.
    pub marks: u8,
    pub actor: NameId,
    pub device: NameId,
    pub reason: NameId,
    pub occurred_at: Millis,
    pub received_at: Millis,
}

impl Step {
    pub const INFERRED: u8 = 1;
    pub const REWORK: u8 = 2;
    pub const OVERRIDE: u8 = 4;
}

/// How overdue a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Green = 1,
    Yellow = 2,
    Red = 3,
}

/// One parcel of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub warehouse: NameId,
    pub node: Node,
    pub status: OrderStatus,
    pub flags: Flags,
    /// Raised by one with every change; starts at 1.
    pub version: u32,
    pub since: Millis,
    /// Yellow from here; 0: untimed.
    pub due_at: Millis,
    pub red_at: Millis,
    /// Turning red is on record.
    pub red_noted: bool,
    /// Delivery window, once the carrier gave one.
    pub eta: Option<Box<(Millis, Millis)>>,
    /// Why it stands still; 0: it does not.
    pub blocked_by: NameId,
    /// Who decides while it is suspended.
    pub owner: Role,
    pub steps: Vec<Step>,
}

impl Parcel {
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == OrderStatus::Open
    }

    /// True if somebody must act on it: open, or cancelled with goods to put back.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        match self.status {
            OrderStatus::Open => {
                self.node != Node::AwaitingPayment || self.flags.has(Flag::Suspended)
            }
            OrderStatus::Cancelled => self.flags.has(Flag::PutbackOpen),
            OrderStatus::Completed => false,
        }
    }

    /// The roles that act next.
    #[must_use]
    pub fn next_roles(&self) -> &'static [Role] {
        if self.flags.has(Flag::PutbackOpen) {
            return &[Role::Picker];
        }
        if self.flags.has(Flag::Suspended) {
            return self.owner.as_slice();
        }
        if self.flags.has(Flag::Intercept) {
            return &[Role::Carrier];
        }
        self.node.spec().next_roles
    }

    #[must_use]
    pub fn colour(&self, now: Millis) -> Colour {
        if !self.is_open() || self.node == Node::Signed {
            return Colour::Green;
        }
        colour(self.due_at, self.red_at, now)
    }

    /// The last thing that really happened, for device skew.
    #[must_use]
    pub fn last_occurred_at(&self) -> Millis {
        self.steps.last().map_or(0, |step| step.occurred_at)
    }
}

/// Green until `due_at`, yellow until `red_at`; a zero is untimed.
#[must_use]
pub fn colour(due_at: Millis, red_at: Millis, now: Millis) -> Colour {
    if red_at != 0 && now >= red_at {
        Colour::Red
    } else if due_at != 0 && now >= due_at {
        Colour::Yellow
    } else {
        Colour::Green
    }
}

impl Role {
    /// This role as a list of one, without allocating.
    #[must_use]
    pub fn as_slice(self) -> &'static [Self] {
        let index = Self::ALL
            .iter()
            .position(|role| *role == self)
            .expect("ALL has every role");
        &Self::ALL[index..=index]
    }
}
