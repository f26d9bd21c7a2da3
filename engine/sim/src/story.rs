//! A run as data: the world it is in, and every step of it.

use holdfast_engine::journal::Mode;
use serde::{Deserialize, Serialize};

use crate::ask::Request;
use crate::disk::{Fault, Make};
use crate::redis::{Slip, Trouble};

/// Where the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Store {
    /// A file, synced before the reply.
    #[default]
    Synced,
    /// A file, synced a moment after it.
    Logged,
    /// A stream, with so many replicas of its server.
    Stream { mode: Mode, replicas: u32 },
}

/// What is fixed about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    pub shops: u8,
    pub skus: u8,
    pub warehouses: u8,
    pub clients: u8,
    pub disk: Make,
    pub segment_bytes: u64,
    pub reserve_bytes: u64,
    #[serde(default)]
    pub store: Store,
    /// Orders that are over leave for the archive.
    #[serde(default)]
    pub archives: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A request reaches the engine, for the first time or again.
    Send(Request),
    /// The clock moves, or steps back.
    Pass {
        ms: i64,
    },
    /// At most so many deadlines fall due.
    Tick {
        limit: usize,
    },
    /// The time is written down.
    Stamp,
    /// What waits becomes one group, which is under way from here on.
    Take,
    /// The group under way becomes durable, or else what waits.
    Commit,
    Seal,
    Tend,
    /// Something will go wrong on the disk.
    Arm(Fault),
    /// Something will go wrong with a call to the server.
    ArmSlip(Slip),
    /// The servers have trouble.
    Suffer(Trouble),
    /// What lies before this share of the durable records, in 1,000, may go.
    Trim {
        permille: u64,
    },
    /// A snapshot is taken beside the engine.
    Snapshot,
    /// The next segment is grown by so many pieces beside the engine.
    Grow {
        pieces: u64,
    },
    /// At most so many orders that are over are kept in a run of the archive.
    Keep {
        limit: usize,
    },
    /// The orders of the run that was kept leave memory.
    LetGo,
    /// Somebody removes a run of the archive while the engine is down.
    LoseRun {
        number: usize,
    },
    /// A second engine takes the journal over, so long after, while this one lives.
    TakeOver {
        outage_ms: i64,
    },
    /// Nothing armed goes wrong any more.
    Disarm,
    /// The machine loses its power and is back after so long, by its clock.
    PowerCut {
        seed: u64,
        outage_ms: i64,
    },
    /// The process dies.
    Kill {
        outage_ms: i64,
    },
    /// The engine is closed in order and opened again.
    Close {
        outage_ms: i64,
    },
    /// Reads are compared: a role's work in a warehouse, in pages.
    LookAtWork {
        shop: u8,
        role: u8,
        warehouse: u8,
        page: usize,
    },
    /// Every order, shelf and total of a shop is compared.
    LookAtAll {
        shop: u8,
    },
    /// Everything is compared and replayed.
    Inspect,
    /// No hold may live any more, and no call be open.
    AllQuiet,
}

/// A run from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// What was wrong when it was found.
    pub found: String,
    /// The mistake that was planted then, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<String>,
    pub seed: u64,
    pub world: World,
    pub steps: Vec<Step>,
}
