//! What an engine is opened with, as JSON from any front.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::journal::{Mode, RedisOptions};

/// Which clock runs the deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockChoice {
    System,
    /// Starts at this instant and moves when told to; for tests and rehearsals.
    ManualMs(i64),
}

/// Where a journal in Redis is, and how to be let in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`, see
    /// docs/durability.md. It may hold a password.
    pub url: String,
    /// Tells journals on one server apart.
    pub name: String,
    pub password_file: Option<PathBuf>,
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// What `appendfsync` is, where the server lets nobody ask; "": it must tell.
    pub assume_appendfsync: String,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".into(),
            name: "main".into(),
            password_file: None,
            ca: None,
            cert: None,
            key: None,
            assume_appendfsync: String::new(),
        }
    }
}

impl RedisSettings {
    pub(super) fn options(&self) -> RedisOptions {
        RedisOptions {
            password_file: self.password_file.clone(),
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            assume_appendfsync: Some(self.assume_appendfsync.clone()).filter(|it| !it.is_empty()),
            ..RedisOptions::new(&self.url, &self.name)
        }
    }
}

impl std::fmt::Debug for RedisSettings {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisSettings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Everything an engine needs to know at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The data folder; none keeps everything in memory.
    pub path: Option<PathBuf>,
    /// Where the truth is kept and what a reply waits for. Without a path it is
    /// always memory.
    pub journal: Mode,
    /// The server of a journal in Redis.
    pub redis: RedisSettings,
    /// A second folder for the journal, best on another device.
    pub mirror: Option<PathBuf>,
    /// Seconds between two scrubs of the journal; 0: never.
    pub scrub_every_s: u64,
    /// Free bytes on the disk below which no new orders are taken.
    pub low_water_bytes: u64,
    /// Bytes after which the journal begins another file.
    pub segment_bytes: u64,
    /// Records after which a snapshot is taken beside the running engine; a third as many as
    /// requests that it remembers, if that is more. 0: never.
    pub snapshot_every: u64,
    /// Days for which the journal keeps every record; older ones go once two
    /// snapshots hold them. 0: for ever. A journal in Redis is never trimmed.
    pub keep_days: u32,
    /// Merchant of calls without a credential, and of the bootstrap credential.
    pub merchant: String,
    /// Calls without a credential act as ADMIN of `merchant`: for embedding only.
    pub embedded: bool,
    /// SHA-256 of an operator's secret, in hex.
    pub bootstrap_token_sha256: Option<String>,
    pub clock: ClockChoice,
    /// Key ring of the sealed documents; by default inside the data folder.
    pub key_file: Option<PathBuf>,
    /// Most deadlines that fall due in one tick.
    pub expiry_per_tick: usize,
    /// For calls that state none.
    pub default_deadline_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            journal: Mode::FileSync,
            redis: RedisSettings::default(),
            mirror: None,
            scrub_every_s: 86_400,
            low_water_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            snapshot_every: 250_000,
            keep_days: 180,
            merchant: "default".into(),
            embedded: true,
            bootstrap_token_sha256: None,
            clock: ClockChoice::System,
            key_file: None,
            expiry_per_tick: 256,
            default_deadline_ms: 5_000,
        }
    }
}
