//! What the journal needs of a server: few operations, each one round trip.
//!
//! Everything above this seam is deterministic: leases are judged by the server's
//! clock, waiting for replicas is the server's, and no thread is started.

use super::super::frame::Chain;
use super::documents::Document;
use super::settings::Settings;

/// Why an operation has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It may have been done or not; the next call connects again.
    Unreachable(String),
    /// It was not done and never will be.
    Refused(String),
}

/// Who writes, as the server knows it.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Drawn at random by each opener.
    pub token: String,
    /// For people: which process it is.
    pub owner: String,
    /// How long the lease lives without a sign of life, in milliseconds.
    pub millis: u64,
    /// Counts the openers; 0 until the lease is taken.
    pub epoch: u32,
}

/// The first group that is kept, and what the one before it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub group: u64,
    pub seq: u64,
    pub chain: Chain,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            group: 1,
            seq: 1,
            chain: Chain::default(),
        }
    }
}

/// What the server says that the stream holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// The last group and its last record; 0 in a new journal.
    pub group: u64,
    pub seq: u64,
    pub entries: u64,
    pub origin: Origin,
}

/// The answer to taking the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    Taken {
        epoch: u32,
        head: Head,
    },
    /// Another engine is alive.
    Held {
        owner: String,
        millis: u64,
    },
    /// There are entries, but nothing says how many there should be.
    Headless {
        entries: u64,
    },
}

/// The answer to everything that only the owner of the lease may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// A later opener owns the stream.
    Fenced {
        epoch: u64,
        owner: String,
    },
    /// The stream does not end where its owner left it, or has another length.
    Behind {
        group: u64,
        seq: u64,
        entries: u64,
    },
}

/// What an append waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The server's own reply.
    Reply,
    /// So many replicas have it in memory.
    Replicas(u32),
    /// The server and so many replicas have it on disk.
    Synced(u32),
}

impl Wait {
    /// Replicas that must have acknowledged.
    #[must_use]
    pub fn replicas(self) -> u32 {
        match self {
            Self::Reply => 0,
            Self::Replicas(count) | Self::Synced(count) => count,
        }
    }
}

/// A group on its way to the stream.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    pub group: u64,
    pub last_seq: u64,
    pub frame: &'a [u8],
    /// What its records refer to; at most what waits.
    pub documents: &'a [Document],
}

/// The answer to an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub verdict: Verdict,
    /// Replicas that have it, as far as that was waited for.
    pub replicas: u32,
}

/// An entry of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    pub group: u64,
    /// Empty if the entry is not of the form that the journal writes.
    pub frame: Vec<u8>,
}

/// A server that keeps one stream and its head.
pub trait Server: Send + std::fmt::Debug {
    /// Address and stream, for messages; never a password.
    fn place(&self) -> String;

    /// # Errors
    /// [`Fault`], as for every operation.
    fn inspect(&mut self) -> Result<Settings, Fault>;

    /// Takes the lease with the next epoch, unless another's is alive.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: the same lease may be taken again.
    fn acquire(&mut self, lease: &Lease) -> Result<Acquired, Fault>;

    /// Appends with its documents behind the group before it, and waits. The very same entry
    /// is done already if it is the last one; then the lease is renewed.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: the same entry may be appended again.
    fn append(
        &mut self,
        lease: &Lease,
        entry: &NewEntry<'_>,
        wait: Wait,
    ) -> Result<Appended, Fault>;

    /// Looks that the stream is whole and that `group` is the last one, and renews the lease.
    /// Without a group the stream may end anywhere, and a lease that is young stays as it is.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: it may be done again.
    fn renew(&mut self, lease: &Lease, group: Option<u64>) -> Result<Verdict, Fault>;

    /// Removes the groups before `origin`.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: it may be done again.
    fn trim(&mut self, lease: &Lease, group: u64, origin: &Origin) -> Result<Verdict, Fault>;

    /// Gives the lease up if it is still held; never waits for a new connection.
    fn release(&mut self, lease: &Lease);

    /// Entries from one group to another, in order, at most `count`.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: it may be read again.
    fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<StoredEntry>, Fault>;

    /// Another connection to the same stream.
    fn beside(&self) -> Box<dyn Server>;
}
