//! The Redis journal: one stream, one round trip a group.
//!
//! An entry's id is `<group>-0` and its only field the frame as it would stand on
//! disk, so that a flipped bit is found by the same checks. A hash beside it, the
//! head, holds the lease and says which groups the stream must have; whatever writes
//! compares both or watches both, so that nothing is written behind a loss.

mod commands;
mod connection;
mod documents;
mod endpoint;
mod reader;
mod replies;
mod server;
mod settings;
mod walk;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use self::connection::RedisServer;
use self::documents::Waiting;
pub use self::documents::{Document, RedisDocuments};
use self::endpoint::Endpoint;
use self::reader::{Index, RedisReader};
pub use self::server::{
    Acquired, Appended, Fault, Head, Lease, NewEntry, Origin, Server, StoredEntry, Verdict, Wait,
};
pub use self::settings::Settings;
use self::walk::{Walk, missing, spoken};
use super::frame::{self, Chain};
use super::{Durability, Group, Journal, JournalError, Mode, Progress, Reader, Recovery};
use crate::planted::planted;

/// A stream needs no seal: an entry is there as a whole or not at all.
const NO_SEAL: Duration = Duration::from_secs(3_600);
/// Groups that are removed at once; the server does nothing else meanwhile.
const TRIM_STEP: u64 = 4_096;
/// Milliseconds within which an owner renews its lease twice.
const SIGN_OF_LIFE: u64 = 1_200;
/// Bytes of the random token of an owner.
const TOKEN: usize = 16;

/// Where a Redis journal is and how it is kept.
#[derive(Clone)]
pub struct RedisOptions {
    /// Where the server is; see [`endpoint`].
    pub url: String,
    /// A file with the password, instead of one in the URL.
    pub password_file: Option<PathBuf>,
    /// PEM files for `rediss`: roots instead of the system's, and our own certificate.
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// What `appendfsync` is, if the server lets nobody ask. It never overrules an answer.
    pub assume_appendfsync: Option<String>,
    /// Tells journals on one server apart; a part of their keys.
    pub name: String,
    /// Who opens it, for whoever is refused meanwhile.
    pub owner: String,
    /// How long another engine has to wait for one that died.
    pub lease: Duration,
    /// How long to wait for a connection, and for a reply.
    pub timeout: Duration,
}

impl RedisOptions {
    #[must_use]
    pub fn new(url: impl Into<String>, name: impl Into<String>) -> Self {
        let host = rustix::system::uname();
        Self {
            url: url.into(),
            password_file: None,
            ca: None,
            cert: None,
            key: None,
            assume_appendfsync: None,
            name: name.into(),
            owner: format!(
                "process {} on {}",
                std::process::id(),
                host.nodename().to_string_lossy()
            ),
            lease: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
        }
    }
}

impl RedisOptions {
    /// The journal and where it is, for people; never a password.
    #[must_use]
    pub fn place(&self) -> String {
        let shown = Endpoint::new(self).map(|endpoint| endpoint.shown());
        format!("{} on {}", self.key("journal"), shown.unwrap_or_default())
    }

    /// A key of this journal; all of them have one slot in a cluster.
    fn key(&self, kind: &str) -> String {
        format!("{{holdfast:{}}}:{kind}", self.name)
    }
}

impl std::fmt::Debug for RedisOptions {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("name", &self.name)
            .field("owner", &self.owner)
            .field("lease", &self.lease)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why a stream cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error("{option} cannot be used: {detail}")]
    Option {
        option: &'static str,
        detail: String,
    },
    #[error("{detail}. Look whether the server runs, and whether user and password are right")]
    Unreachable { detail: String },
    #[error("{detail}. Nothing is written any more")]
    Refused { detail: String },
    #[error("{place} cannot keep the promise of {mode}: {problems}")]
    Unfit {
        place: String,
        mode: Mode,
        problems: String,
    },
    #[error(
        "{place} is written by {owner}. Stop it; if it died, its lease runs out in {millis} ms"
    )]
    Held {
        place: String,
        owner: String,
        millis: u64,
    },
    #[error(
        "{place} was taken over by {owner} with epoch {later}; this engine has {epoch} and writes nothing any more. Use the other one"
    )]
    Fenced {
        place: String,
        owner: String,
        epoch: u32,
        later: u64,
    },
    #[error(
        "{place} does not end where this engine left it, at record {last_seq}: {missing} missing, and the server holds {entries} groups up to record {found_seq}. \
         A failover, a flush or a foreign hand did it; what was acknowledged is not there. Restore it, or start again from what is left"
    )]
    Behind {
        place: String,
        last_seq: u64,
        missing: String,
        found_seq: u64,
        entries: u64,
    },
    #[error(
        "this folder has seen {place} up to record {seen}, and it ends at record {last_seq}: records {} to {seen} were acknowledged and are lost. \
         Restore the server, or promote the replica that has them; if their loss is accepted, remove {} and start again",
        last_seq + 1,
        note.display()
    )]
    Lost {
        place: String,
        seen: u64,
        last_seq: u64,
        note: PathBuf,
    },
    #[error(
        "{place} holds another history than the one that this folder has seen up to record {seen}. \
         Look whether URL and name are right; if they are, remove {} and start again",
        note.display()
    )]
    Foreign {
        place: String,
        seen: u64,
        note: PathBuf,
    },
    #[error(
        "{place} is damaged: {detail}. Good records end at {good_seq}; {missing} cannot be read, and nothing was changed. Restore a backup of the server"
    )]
    Damaged {
        place: String,
        good_seq: u64,
        missing: String,
        detail: String,
    },
}

impl StreamError {
    /// A name for programs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Option { .. } => "SETTING_INVALID",
            Self::Unreachable { .. } => "JOURNAL_UNREACHABLE",
            Self::Refused { .. } => "JOURNAL_REFUSED",
            Self::Unfit { .. } => "JOURNAL_UNFIT",
            Self::Held { .. } => "JOURNAL_LOCKED",
            Self::Fenced { .. } => "JOURNAL_FENCED",
            Self::Behind { .. } | Self::Lost { .. } | Self::Foreign { .. } => "JOURNAL_BEHIND",
            Self::Damaged { .. } => "JOURNAL_CORRUPT",
        }
    }
}

impl From<Fault> for StreamError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(detail) => Self::Unreachable { detail },
            Fault::Refused(detail) => Self::Refused { detail },
        }
    }
}

impl From<Fault> for JournalError {
    fn from(fault: Fault) -> Self {
        Self::Stream(fault.into())
    }
}

impl Verdict {
    /// An answer that is no success, as an error that says what is missing of the
    /// records from `origin` to `last_seq`.
    fn judge(
        self,
        server: &mut dyn Server,
        lease: &Lease,
        origin: &Origin,
        last_seq: u64,
    ) -> Result<(), StreamError> {
        let place = server.place();
        match self {
            Self::Done => Ok(()),
            Self::Fenced { epoch, owner } => Err(StreamError::Fenced {
                place,
                owner,
                epoch: lease.epoch,
                later: epoch,
            }),
            Self::Behind { seq, entries, .. } => {
                let missing = match missing(server, Walk::from(origin), last_seq) {
                    Ok(missing) => spoken(&missing),
                    Err(_) => format!("what of record {} on is", seq.min(last_seq) + 1),
                };
                Err(StreamError::Behind {
                    place,
                    last_seq,
                    missing,
                    found_seq: seq,
                    entries,
                })
            }
        }
    }
}

/// What an append of a mode waits for.
fn wait_of(mode: Mode) -> Wait {
    match mode {
        Mode::RedisWait(replicas) => Wait::Replicas(replicas),
        Mode::RedisWaitaof(replicas) => Wait::Synced(replicas),
        _ => Wait::Reply,
    }
}

/// A stream on a server.
#[derive(Debug)]
pub struct RedisJournal {
    server: Box<dyn Server>,
    lease: Lease,
    mode: Mode,
    index: Arc<RwLock<Index>>,
    /// Documents that go with the next group.
    waiting: Arc<Waiting>,
    next_group: u64,
    next_seq: u64,
    chain: Chain,
    frame: Vec<u8>,
    /// The server was away: it may come back with other settings.
    look_again: bool,
    /// What precedes this record may be removed, and is not yet.
    trim_before: Option<u64>,
    /// The first group that the server is known to keep.
    trimmed_to: u64,
}

impl RedisJournal {
    /// Takes the lease of a journal, checks all of it, and states a new epoch in it.
    ///
    /// # Errors
    /// [`JournalError::Stream`] if the server cannot be reached, cannot keep the
    /// mode's promise, is held by another engine, or holds damaged groups.
    pub fn open(options: &RedisOptions, mode: Mode) -> Result<(Self, Recovery), JournalError> {
        let mut token = [0; TOKEN];
        getrandom::fill(&mut token).map_err(|error| StreamError::Refused {
            detail: format!("the system gives no random numbers: {error}"),
        })?;
        let lease = Lease {
            token: token.iter().map(|byte| format!("{byte:02x}")).collect(),
            owner: options.owner.clone(),
            millis: u64::try_from(options.lease.as_millis()).unwrap_or(u64::MAX),
            epoch: 0,
        };
        Self::open_on(Box::new(RedisServer::new(options)?), lease, mode)
    }

    /// The same, and waits for the lease of an owner that gives no sign of life.
    ///
    /// # Errors
    /// As [`RedisJournal::open`]; [`StreamError::Held`] if the owner lives.
    pub fn open_when_free(
        options: &RedisOptions,
        mode: Mode,
    ) -> Result<(Self, Recovery), JournalError> {
        let mut left = None;
        loop {
            match Self::open(options, mode) {
                Err(JournalError::Stream(StreamError::Held { millis, .. }))
                    if left.is_none_or(|left: u64| millis + SIGN_OF_LIFE / 2 < left) =>
                {
                    // An owner that lives renews its lease within this time.
                    let nap = millis.min(SIGN_OF_LIFE) + 10;
                    std::thread::sleep(Duration::from_millis(nap));
                    left = Some(millis);
                }
                opened => return opened,
            }
        }
    }

    /// The documents beside this journal.
    ///
    /// # Errors
    /// [`StreamError::Option`] for options that cannot be used.
    pub fn documents(&self, options: &RedisOptions) -> Result<RedisDocuments, StreamError> {
        RedisDocuments::new(options, Arc::clone(&self.waiting))
    }

    /// The same on any server, with a lease that is not taken yet.
    ///
    /// # Errors
    /// As [`RedisJournal::open`].
    pub fn open_on(
        mut server: Box<dyn Server>,
        mut lease: Lease,
        mode: Mode,
    ) -> Result<(Self, Recovery), JournalError> {
        let settings = server.inspect()?;
        let mut problems = settings.passing_problems(mode);
        problems.extend(settings.lasting_problems(mode));
        fit(server.as_ref(), mode, &problems)?;
        let head = acquire(server.as_mut(), &mut lease)?;
        let recovered = recover(server.as_mut(), &lease, &head);
        let (walk, index, recovery) = match recovered {
            Ok(recovered) => recovered,
            Err(error) => {
                server.release(&lease);
                return Err(error.into());
            }
        };
        let mut journal = Self {
            server,
            lease,
            mode,
            index: Arc::new(RwLock::new(index)),
            waiting: Arc::default(),
            next_group: walk.next_group,
            next_seq: walk.next_seq,
            chain: walk.chain.unwrap_or_default(),
            frame: Vec::new(),
            look_again: false,
            trim_before: None,
            trimmed_to: head.origin.group,
        };
        // The empty group states the new epoch, and that the mode's promise is kept.
        let first = Group {
            first_seq: journal.next_seq,
            count: 0,
            body: &[],
        };
        match journal.append(&first)? {
            // From here on the head knows of this group, so that a stream that vanishes is missed.
            Progress::Durable => journal
                .look()
                .map(|()| (journal, recovery))
                .map_err(Into::into),
            Progress::Again { detail } => Err(StreamError::Unreachable { detail }.into()),
        }
    }

    fn append(&mut self, group: &Group<'_>) -> Result<Progress, StreamError> {
        debug_assert_eq!(
            group.first_seq, self.next_seq,
            "records are committed in order"
        );
        let mut frame = std::mem::take(&mut self.frame);
        frame::encode(
            &mut frame,
            self.lease.epoch,
            self.next_group,
            &self.chain,
            false,
            group,
        );
        let hash = frame::chain_of(&frame);
        let documents = self.waiting.all();
        let entry = NewEntry {
            group: self.next_group,
            last_seq: group.first_seq + u64::from(group.count) - 1,
            frame: &frame,
            documents: &documents,
        };
        let placed = place(
            self.server.as_mut(),
            &self.lease,
            self.mode,
            self.look_again,
            &entry,
        );
        let bytes = frame.len();
        self.frame = frame;
        let appended = match placed {
            Ok(appended) => appended,
            Err(Fault::Unreachable(_)) if planted!(TrustLostReply) => Appended {
                verdict: Verdict::Done,
                replicas: wait_of(self.mode).replicas(),
            },
            Err(Fault::Unreachable(detail)) => {
                self.look_again = true;
                return Ok(Progress::Again { detail });
            }
            Err(Fault::Refused(detail)) => return Err(StreamError::Refused { detail }),
        };
        self.look_again = false;
        self.judge(appended.verdict)?;
        let needed = wait_of(self.mode).replicas();
        if appended.replicas < needed && !planted!(ForgetReplicas) {
            return Ok(Progress::Again {
                detail: format!(
                    "{}: {} replicas have group {} and {} needs {needed}",
                    self.server.place(),
                    appended.replicas,
                    self.next_group,
                    self.mode
                ),
            });
        }
        self.waiting.put_away(documents.len());
        self.index
            .write()
            .push(self.next_group, group.first_seq, group.count, bytes);
        self.chain = hash;
        self.next_group += 1;
        self.next_seq += u64::from(group.count);
        Ok(Progress::Durable)
    }

    /// An answer that is no success ends the journal; it says what is missing.
    fn judge(&mut self, verdict: Verdict) -> Result<(), StreamError> {
        match verdict {
            Verdict::Fenced { .. } if planted!(IgnoreFence) => Ok(()),
            Verdict::Behind { .. } if planted!(IgnoreLostGroups) => Ok(()),
            verdict => {
                let origin = self.index.read().origin;
                let server = self.server.as_mut();
                verdict.judge(server, &self.lease, &origin, self.next_seq - 1)
            }
        }
    }

    /// Looks at the settings, the lease and the end of the stream.
    fn look(&mut self) -> Result<(), StreamError> {
        let outcome = check(self.server.as_mut(), self.mode)
            .and_then(|()| self.server.renew(&self.lease, Some(self.next_group - 1)));
        match outcome {
            Ok(verdict) => self.judge(verdict),
            Err(fault) => self.pass_over(fault),
        }
    }

    /// What cannot be reached now is looked at again later.
    fn pass_over(&mut self, fault: Fault) -> Result<(), StreamError> {
        match fault {
            Fault::Unreachable(_) => {
                self.look_again = true;
                Ok(())
            }
            Fault::Refused(detail) => Err(StreamError::Refused { detail }),
        }
    }

    /// Removes what may be removed, in steps.
    fn trim_pending(&mut self) -> Result<(), StreamError> {
        let Some(before) = self.trim_before else {
            return Ok(());
        };
        let noted = self.index.read().noted(before);
        let Some((_, last)) = noted else {
            self.trim_before = None;
            return Ok(());
        };
        loop {
            if self.trimmed_to >= last {
                self.trim_before = None;
                return Ok(());
            }
            let to = last.min(self.trimmed_to + TRIM_STEP) + u64::from(planted!(TrimTooMuch));
            match self.trim_to(to) {
                Ok(verdict) => self.judge(verdict)?,
                Err(fault) => return self.pass_over(fault),
            }
            self.trimmed_to = to;
        }
    }

    fn trim_to(&mut self, group: u64) -> Result<Verdict, Fault> {
        let place = self.server.place();
        let entries = self.server.range(group, group, 1)?;
        let Some(header) = entries.first().and_then(walk::whole) else {
            // If more than this group is gone, the head of the stream says what.
            return match self.server.renew(&self.lease, Some(self.next_group - 1))? {
                Verdict::Done => Err(Fault::Refused(format!(
                    "{place}: group {group} is not what was written"
                ))),
                verdict => Ok(verdict),
            };
        };
        let origin = Origin {
            group,
            seq: header.first_seq,
            chain: header.chain,
        };
        // Readers are told before it goes, so that they never miss it without a reason.
        self.index.write().begin_at(origin);
        self.server.trim(&self.lease, self.next_group - 1, &origin)
    }
}

impl Drop for RedisJournal {
    /// The next engine need not wait.
    fn drop(&mut self) {
        self.index.write().given_up = true;
        self.server.release(&self.lease);
    }
}

impl Journal for RedisJournal {
    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        self.append(group).map_err(io::Error::other)
    }

    fn seal(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn tend(&mut self) -> io::Result<()> {
        self.look()
            .and_then(|()| self.trim_pending())
            .map_err(io::Error::other)
    }

    /// Removes whole groups, as far as the index is fine enough to tell them apart.
    fn trim(&mut self, before_seq: u64) -> io::Result<()> {
        self.trim_before = self.trim_before.max(Some(before_seq));
        self.trim_pending().map_err(io::Error::other)
    }

    fn idle_after(&self) -> Duration {
        NO_SEAL
    }

    fn durability(&self) -> Durability {
        self.mode.durability()
    }

    fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(RedisReader::new(
            self.server.beside(),
            self.lease.clone(),
            Arc::clone(&self.index),
        ))
    }
}

/// Appends, after a look at the settings of a server that was away.
fn place(
    server: &mut dyn Server,
    lease: &Lease,
    mode: Mode,
    look: bool,
    entry: &NewEntry<'_>,
) -> Result<Appended, Fault> {
    if look {
        check(server, mode)?;
    }
    server.append(lease, entry, wait_of(mode))
}

/// Refuses a server whose settings no longer keep the promise.
fn check(server: &mut dyn Server, mode: Mode) -> Result<(), Fault> {
    if planted!(LookOnce) {
        return Ok(());
    }
    let problems = server.inspect()?.lasting_problems(mode);
    fit(server, mode, &problems).map_err(|error| Fault::Refused(error.to_string()))
}

fn fit(server: &dyn Server, mode: Mode, problems: &[String]) -> Result<(), StreamError> {
    match problems {
        [] => Ok(()),
        problems => Err(StreamError::Unfit {
            place: server.place(),
            mode,
            problems: problems.join("; "),
        }),
    }
}

/// Takes the lease and its epoch.
fn acquire(server: &mut dyn Server, lease: &mut Lease) -> Result<Head, StreamError> {
    let place = server.place();
    match server.acquire(lease)? {
        Acquired::Taken { epoch, head } => {
            lease.epoch = epoch;
            Ok(head)
        }
        Acquired::Held { owner, millis } => Err(StreamError::Held {
            place,
            owner,
            millis,
        }),
        Acquired::Headless { entries } => Err(StreamError::Refused {
            detail: format!(
                "{place} has {entries} entries, but the key beside it that counts them is gone. Restore a backup of the server"
            ),
        }),
    }
}

/// Reads everything, and keeps the lease alive meanwhile.
fn recover(
    server: &mut dyn Server,
    lease: &Lease,
    head: &Head,
) -> Result<(Walk, Index, Recovery), StreamError> {
    let mut walk = Walk::from(&head.origin);
    let mut index = Index::new(head.origin);
    let mut recovery = Recovery {
        first_seq: head.origin.seq,
        epoch: lease.epoch,
        ..Recovery::default()
    };
    while walk.next_group <= head.group {
        let entries = walk.read(server, head.group)?;
        if entries.is_empty() {
            let detail = format!("group {} and all after it are gone", walk.next_group);
            return Err(StreamError::damaged(server, walk, head.seq, detail));
        }
        for entry in &entries {
            match walk.take(entry) {
                Err(detail) => return Err(StreamError::damaged(server, walk, head.seq, detail)),
                Ok(header) => {
                    index.push(
                        header.group,
                        header.first_seq,
                        header.count,
                        entry.frame.len(),
                    );
                    recovery.records += u64::from(header.count);
                    recovery.groups += 1;
                }
            }
        }
        // Whoever took it meanwhile is found by the append that follows.
        server.renew(lease, Some(head.group))?;
    }
    recovery.last_seq = walk.next_seq - 1;
    if !walk::adds_up(head) || recovery.last_seq != head.seq {
        let detail = format!(
            "it should end with group {} and record {}, and has {} entries that end with record {}",
            head.group, head.seq, head.entries, recovery.last_seq
        );
        return Err(StreamError::damaged(server, walk, head.seq, detail));
    }
    Ok((walk, index, recovery))
}
