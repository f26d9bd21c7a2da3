//! The real server: one blocking connection, made again when it was lost.

use std::time::Duration;

use redis::{Cmd, Connection, ConnectionLike, RedisError, Value};

use super::super::frame::Chain;
use super::endpoint::Endpoint;
use super::server::{
    Acquired, Appended, Fault, Head, Lease, NewEntry, Origin, Server, StoredEntry, Verdict, Wait,
};
use super::settings::Settings;
use super::{RedisOptions, StreamError};

/// How long an append waits for replicas; the journal then appends it again.
const WAIT_MS: u64 = 1_000;
/// How long one question for the disks of replicas waits.
const ASK_DISKS_MS: u64 = 50;
/// The fields of an entry: its frame, and the number of its last record.
const FIELDS: [&[u8]; 2] = [b"f", b"s"];

/// A script and the name that the server gave it.
#[derive(Debug, Clone, Copy)]
enum Script {
    Acquire,
    Append,
    Renew,
    Release,
    Trim,
}

/// A script that only the owner of the lease may call.
macro_rules! owned_script {
    ($file:literal) => {
        concat!(
            include_str!("scripts/last.lua"),
            include_str!("scripts/look.lua"),
            include_str!($file)
        )
    };
}

/// Texts of the scripts, in the order of [`Script`].
const SCRIPTS: [&str; 5] = [
    concat!(
        include_str!("scripts/last.lua"),
        include_str!("scripts/acquire.lua")
    ),
    owned_script!("scripts/append.lua"),
    owned_script!("scripts/renew.lua"),
    owned_script!("scripts/release.lua"),
    owned_script!("scripts/trim.lua"),
];

/// A server and the keys of one journal on it.
#[derive(Clone)]
struct Home {
    endpoint: Endpoint,
    stream: String,
    head: String,
    documents: String,
    assume_appendfsync: Option<String>,
}

/// A connection and the names of the scripts that it may call.
struct Live {
    connection: Connection,
    scripts: Vec<String>,
}

/// One stream on one server.
pub(super) struct RedisServer {
    home: Home,
    live: Option<Live>,
}

impl std::fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisServer")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

impl RedisServer {
    /// A server by its settings; the first operation connects.
    ///
    /// # Errors
    /// [`StreamError::Option`] for a URL or a name that cannot be used.
    pub(super) fn new(options: &RedisOptions) -> Result<Self, StreamError> {
        let refused = |option, detail: &str| StreamError::Option {
            option,
            detail: detail.to_owned(),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if options.name.is_empty() || !options.name.bytes().all(plain) {
            return Err(refused(
                "the journal's name",
                "it may hold letters, digits, '-', '_' and '.'",
            ));
        }
        Ok(Self {
            home: Home {
                endpoint: Endpoint::new(options)?,
                stream: options.key("journal"),
                head: options.key("head"),
                documents: options.key("documents"),
                assume_appendfsync: options.assume_appendfsync.clone(),
            },
            live: None,
        })
    }

    /// Sends commands together and gives their replies; any error ends the connection.
    fn ask<const N: usize>(
        &mut self,
        make: impl FnOnce(&Home, &[String]) -> [Cmd; N],
    ) -> Result<[Result<Value, RedisError>; N], Fault> {
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.home.connect().map_err(|e| self.lost(&e))?,
        };
        let mut packed = Vec::new();
        for command in make(&self.home, &live.scripts) {
            command.write_packed_command(&mut packed);
        }
        let replies = live
            .connection
            .req_packed_commands(&packed, 0, N)
            .map_err(|error| self.lost(&error))?;
        let replies: [Value; N] = replies
            .try_into()
            .map_err(|_| Fault::Unreachable(format!("{} sent too few replies", self.place())))?;
        let replies = replies.map(Value::extract_error);
        if replies.iter().all(Result::is_ok) {
            self.live = Some(live);
        }
        Ok(replies)
    }

    /// Sends one command.
    fn ask_one(&mut self, make: impl FnOnce(&Home, &[String]) -> Cmd) -> Result<Value, Fault> {
        let [reply] = self.ask(|home, scripts| [make(home, scripts)])?;
        reply.map_err(|error| self.lost(&error))
    }

    /// Calls a script that only the owner of the lease may call.
    fn ask_owned(
        &mut self,
        script: Script,
        lease: &Lease,
        group: u64,
        more: &[&[u8]],
    ) -> Result<Verdict, Fault> {
        let reply = self
            .ask_one(|home, scripts| owned(home, &scripts[script as usize], lease, group, more))?;
        verdict(reply).ok_or_else(|| self.strange())
    }

    /// Replicas that have everything so far on disk, waiting until there are enough.
    ///
    /// A replica that is asked in the same breath as it gets the write answers before
    /// it has synced, and by itself it answers once a second: therefore the question
    /// is a message of its own, and is asked again.
    fn wait_for_disks(&mut self, count: u32) -> Result<u32, Fault> {
        let mut replicas = 0;
        for _ in 0..WAIT_MS / ASK_DISKS_MS {
            let reply = self.ask_one(|_, _| {
                let mut waiting = redis::cmd("WAITAOF");
                waiting.arg(1).arg(count).arg(ASK_DISKS_MS);
                waiting
            })?;
            let (own, others): (u32, u32) =
                redis::from_redis_value(reply).map_err(|_| self.strange())?;
            replicas = if own == 0 { 0 } else { others };
            if replicas >= count {
                break;
            }
        }
        Ok(replicas)
    }

    /// A server's refusal leaves nothing half done, and most of them pass: a full
    /// disk, a failover, a script that is running.
    fn lost(&self, error: &RedisError) -> Fault {
        let detail = format!("{}: {error}", self.place());
        // What the server says when ours is not above the stream's last id.
        if error
            .detail()
            .is_some_and(|it| it.contains("equal or smaller"))
        {
            return Fault::Refused(format!(
                "{detail}. Somebody else added to the stream and removed it again"
            ));
        }
        Fault::Unreachable(detail)
    }

    fn strange(&self) -> Fault {
        Fault::Unreachable(format!("{} sent a reply of another form", self.place()))
    }
}

impl Home {
    fn connect(&self) -> Result<Live, RedisError> {
        let mut connection = self.endpoint.connect(&self.stream)?;
        let patience = self.endpoint.timeout() + Duration::from_millis(WAIT_MS);
        connection.set_read_timeout(Some(patience))?;
        let scripts = SCRIPTS
            .iter()
            .map(|text| {
                redis::cmd("SCRIPT")
                    .arg("LOAD")
                    .arg(text)
                    .query(&mut connection)
            })
            .collect::<Result<_, _>>()?;
        Ok(Live {
            connection,
            scripts,
        })
    }
}

impl Server for RedisServer {
    fn place(&self) -> String {
        format!("{} on {}", self.home.stream, self.home.endpoint.shown())
    }

    fn inspect(&mut self) -> Result<Settings, Fault> {
        let [info, appendfsync] = self.ask(|_, _| {
            let mut config = redis::cmd("CONFIG");
            config.arg("GET").arg("appendfsync");
            [redis::cmd("INFO"), config]
        })?;
        let info = info.map_err(|error| self.lost(&error))?;
        let info: String = redis::from_redis_value(info).map_err(|_| self.strange())?;
        let appendfsync = match appendfsync {
            Ok(reply) => redis::from_redis_value::<Vec<String>>(reply)
                .map_err(|_| self.strange())?
                .pop(),
            // Not allowed to ask, or taken away under this name.
            Err(error) if matches!(error.code(), Some("NOPERM" | "ERR")) => {
                self.home.assume_appendfsync.clone()
            }
            Err(error) => return Err(self.lost(&error)),
        };
        settings(&info, appendfsync).ok_or_else(|| self.strange())
    }

    fn acquire(&mut self, lease: &Lease) -> Result<Acquired, Fault> {
        let reply = self.ask_one(|home, scripts| {
            let mut call = call(home, &scripts[Script::Acquire as usize]);
            call.arg(&lease.token).arg(&lease.owner).arg(lease.millis);
            call
        })?;
        acquired(reply).ok_or_else(|| self.strange())
    }

    fn append(
        &mut self,
        lease: &Lease,
        entry: &NewEntry<'_>,
        wait: Wait,
    ) -> Result<Appended, Fault> {
        let append = |home: &Home, scripts: &[String]| {
            let group = entry.group.to_string();
            let seq = entry.last_seq.to_string();
            let script = &scripts[Script::Append as usize];
            let mut append = owned(home, script, lease, entry.group - 1, &[]);
            append.arg(group).arg(seq).arg(entry.frame);
            for (number, document) in entry.documents {
                append.arg(number).arg(&document[..]);
            }
            append
        };
        let (reply, replicas) = match wait {
            Wait::Reply => (self.ask_one(append)?, 0),
            Wait::Replicas(count) => {
                let mut waiting = redis::cmd("WAIT");
                waiting.arg(count).arg(WAIT_MS);
                let [reply, waited] = self.ask(|home, scripts| [append(home, scripts), waiting])?;
                let reply = reply.map_err(|error| self.lost(&error))?;
                let waited = waited.map_err(|error| self.lost(&error))?;
                (
                    reply,
                    redis::from_redis_value(waited).map_err(|_| self.strange())?,
                )
            }
            Wait::Synced(count) => {
                let reply = self.ask_one(append)?;
                (reply, self.wait_for_disks(count)?)
            }
        };
        let verdict = verdict(reply).ok_or_else(|| self.strange())?;
        Ok(Appended { verdict, replicas })
    }

    fn renew(&mut self, lease: &Lease, group: Option<u64>) -> Result<Verdict, Fault> {
        match group {
            Some(group) => self.ask_owned(Script::Renew, lease, group, &[]),
            None => self.ask_owned(Script::Renew, lease, 0, &[b"anywhere"]),
        }
    }

    fn trim(&mut self, lease: &Lease, group: u64, origin: &Origin) -> Result<Verdict, Fault> {
        let (first, seq) = (origin.group.to_string(), origin.seq.to_string());
        let chain = hex(&origin.chain);
        self.ask_owned(
            Script::Trim,
            lease,
            group,
            &[first.as_bytes(), seq.as_bytes(), chain.as_bytes()],
        )
    }

    fn release(&mut self, lease: &Lease) {
        if self.live.is_some() {
            // Without an answer it runs out by itself.
            let _ = self.ask_owned(Script::Release, lease, 0, &[]);
        }
    }

    fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<StoredEntry>, Fault> {
        let reply = self.ask_one(|home, _| {
            let mut range = redis::cmd("XRANGE");
            range.arg(&home.stream).arg(from).arg(to);
            range.arg("COUNT").arg(count);
            range
        })?;
        let entries = match reply {
            Value::Array(entries) => entries.into_iter().map(stored).collect(),
            _ => None,
        };
        entries.ok_or_else(|| self.strange())
    }

    fn beside(&self) -> Box<dyn Server> {
        Box::new(Self {
            home: self.home.clone(),
            live: None,
        })
    }
}

/// A call of a script with its keys.
fn call(home: &Home, script: &str) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(script).arg(3).arg(&home.stream);
    call.arg(&home.head).arg(&home.documents);
    call
}

/// A call with what tells the owner, and where it left the stream.
fn owned(home: &Home, script: &str, lease: &Lease, group: u64, more: &[&[u8]]) -> Cmd {
    let mut call = call(home, script);
    call.arg(lease.epoch).arg(&lease.token);
    call.arg(group).arg(lease.millis);
    for argument in more {
        call.arg(*argument);
    }
    call
}

fn verdict(reply: Value) -> Option<Verdict> {
    let mut parts = Parts::of(reply)?;
    match parts.text()?.as_str() {
        "OK" => Some(Verdict::Done),
        "FENCED" => Some(Verdict::Fenced {
            epoch: parts.number()?,
            owner: parts.text()?,
        }),
        "BEHIND" => Some(Verdict::Behind {
            group: parts.number()?,
            seq: parts.number()?,
            entries: parts.number()?,
        }),
        _ => None,
    }
}

fn acquired(reply: Value) -> Option<Acquired> {
    let mut parts = Parts::of(reply)?;
    match parts.text()?.as_str() {
        "TAKEN" => Some(Acquired::Taken {
            epoch: u32::try_from(parts.number()?).ok()?,
            head: Head {
                group: parts.number()?,
                seq: parts.number()?,
                entries: parts.number()?,
                origin: Origin {
                    group: parts.number()?,
                    seq: parts.number()?,
                    chain: chain(&parts.text()?)?,
                },
            },
        }),
        "HELD" => Some(Acquired::Held {
            owner: parts.text()?,
            millis: parts.number()?,
        }),
        "HEADLESS" => Some(Acquired::Headless {
            entries: parts.number()?,
        }),
        _ => None,
    }
}

/// The parts of a script's reply, taken in order.
struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    fn of(reply: Value) -> Option<Self> {
        match reply {
            Value::Array(parts) => Some(Self(parts.into_iter())),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        redis::from_redis_value(self.0.next()?).ok()
    }

    fn number(&mut self) -> Option<u64> {
        redis::from_redis_value(self.0.next()?).ok()
    }
}

/// `None` if it has no id; an entry of another form has no frame.
fn stored(entry: Value) -> Option<StoredEntry> {
    let (id, fields): (String, Vec<Vec<u8>>) = redis::from_redis_value(entry).ok()?;
    let (group, part) = id.split_once('-')?;
    let frame = match <[Vec<u8>; 4]>::try_from(fields) {
        Ok([frame_name, frame, seq_name, _])
            if part == "0" && [&frame_name[..], &seq_name[..]] == FIELDS =>
        {
            frame
        }
        _ => Vec::new(),
    };
    Some(StoredEntry {
        group: group.parse().ok()?,
        frame,
    })
}

/// Reads what `INFO` tells.
fn settings(info: &str, appendfsync: Option<String>) -> Option<Settings> {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let mut version = field("redis_version")?.split('.').map(str::parse);
    let online_replicas = info
        .lines()
        .filter(|line| line.starts_with("slave") && line.contains("state=online"))
        .count();
    Some(Settings {
        version: (version.next()?.ok()?, version.next()?.ok()?),
        role: field("role")?.to_owned(),
        online_replicas: u32::try_from(online_replicas).ok()?,
        maxmemory: field("maxmemory")?.parse().ok()?,
        maxmemory_policy: field("maxmemory_policy")?.to_owned(),
        appendonly: field("aof_enabled")? == "1",
        appendfsync,
    })
}

fn hex(chain: &Chain) -> String {
    chain.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The chain of a text; no text is the chain of a new journal.
fn chain(text: &str) -> Option<Chain> {
    let mut chain = Chain::default();
    if text.is_empty() {
        return Some(chain);
    }
    if text.len() != 2 * chain.len() || !text.is_ascii() {
        return None;
    }
    for (byte, at) in chain.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(chain)
}
