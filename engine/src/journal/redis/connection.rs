//! The real server: one blocking connection, made again when it was lost.

use std::time::Duration;

use redis::{Cmd, Connection, Pipeline, RedisError, Value};

use super::commands::{Keys, Names, SCRIPTS, Script, ends_with};
use super::endpoint::Endpoint;
use super::replies::{acquired, hex, settings, stored, verdict};
use super::server::{
    Acquired, Appended, Fault, Lease, NewEntry, Origin, Server, StoredEntry, Verdict, Wait,
};
use super::settings::Settings;
use super::{RedisOptions, StreamError};

/// How long an append waits for replicas; the journal then appends it again.
const WAIT_MS: u64 = 1_000;
/// How long one question for the disks of replicas waits.
const ASK_DISKS_MS: u64 = 50;

/// A server and the keys of one journal on it.
#[derive(Clone)]
struct Home {
    endpoint: Endpoint,
    keys: Keys,
    assume_appendfsync: Option<String>,
}

/// A connection and the names of the scripts that it may call.
struct Live {
    connection: Connection,
    names: Names,
    /// The last group, if nobody has touched stream and head since they were seen to be ours.
    watched: Option<u64>,
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
                keys: Keys::new(options),
                assume_appendfsync: options.assume_appendfsync.clone(),
            },
            live: None,
        })
    }

    /// Sends commands together and gives their replies; any error ends the connection.
    fn ask(
        &mut self,
        make: impl FnOnce(&Keys, &Names) -> Pipeline,
    ) -> Result<Vec<Result<Value, RedisError>>, Fault> {
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.home.connect().map_err(|e| self.lost(&e))?,
        };
        let sent = make(&self.home.keys, &live.names);
        live.connection
            .send_packed_command(&sent.get_packed_pipeline())
            .map_err(|error| self.lost(&error))?;
        let mut replies = Vec::with_capacity(sent.len());
        for _ in 0..sent.len() {
            // Who is silent is waited for once, and not once a reply.
            let reply = live.connection.recv_response();
            replies.push(reply.map_err(|error| self.lost(&error))?.extract_error());
        }
        if replies.iter().all(Result::is_ok) {
            self.live = Some(live);
        }
        Ok(replies)
    }

    /// Sends one command.
    fn ask_one(&mut self, make: impl FnOnce(&Keys, &Names) -> Cmd) -> Result<Value, Fault> {
        let mut replies = self.ask(|keys, names| {
            let mut sent = redis::pipe();
            sent.add_command(make(keys, names));
            sent
        })?;
        let reply = replies.pop().ok_or_else(|| self.strange())?;
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
        let reply = self.ask_one(|keys, names| {
            let mut call = keys.owned(names, script, lease, group);
            call.arg(more);
            call
        })?;
        verdict(reply).ok_or_else(|| self.strange())
    }

    /// Sends a change, and in the same breath watches what it leaves and waits for
    /// replicas. Gives the reply to the last of `change`, and how many replicas have it.
    fn ask_watching(
        &mut self,
        lease: &Lease,
        end: u64,
        replicas: u32,
        change: impl FnOnce(&Keys, &Names, &mut Pipeline),
    ) -> Result<(Value, u32), Fault> {
        let replies = self.ask(|keys, names| {
            let mut sent = redis::pipe();
            change(keys, names, &mut sent);
            keys.watch(&mut sent);
            if replicas > 0 {
                sent.cmd("WAIT").arg(replicas).arg(WAIT_MS);
            }
            sent
        })?;
        let replies = replies.into_iter().collect::<Result<Vec<_>, _>>();
        let mut replies = replies.map_err(|error| self.lost(&error))?;
        let mut last = || replies.pop().unwrap_or(Value::Nil);
        let waited = match replicas {
            0 => Value::Int(0),
            _ => last(),
        };
        let (entries, head, _, reply) = (last(), last(), last(), last());
        if let Some(live) = &mut self.live {
            live.watched = ends_with(head, entries, lease, end).then_some(end);
        }
        let waited = redis::from_redis_value(waited).map_err(|_| self.strange())?;
        Ok((reply, waited))
    }

    /// Calls a script after which the owner's stream ends with a group.
    fn ask_script(
        &mut self,
        lease: &Lease,
        end: u64,
        replicas: u32,
        call: impl FnOnce(&Keys, &Names) -> Cmd,
    ) -> Result<Appended, Fault> {
        let (reply, replicas) = self.ask_watching(lease, end, replicas, |keys, names, sent| {
            // What was touched stays so until it is given up.
            sent.cmd("UNWATCH").add_command(call(keys, names));
        })?;
        let verdict = verdict(reply).ok_or_else(|| self.strange())?;
        if let Some(live) = &mut self.live
            && verdict != Verdict::Done
        {
            live.watched = None;
        }
        Ok(Appended { verdict, replicas })
    }

    /// Appends without a script; `None` if there is something to find out first.
    fn append_watched(
        &mut self,
        lease: &Lease,
        entry: &NewEntry<'_>,
        replicas: u32,
    ) -> Result<Option<Appended>, Fault> {
        let watched = self.live.as_ref().and_then(|live| live.watched);
        if watched != Some(entry.group - 1) {
            return Ok(None);
        }
        let (reply, replicas) =
            self.ask_watching(lease, entry.group, replicas, |keys, _, sent| {
                keys.append_watched(sent, entry);
            })?;
        match reply {
            Value::Nil => Ok(None),
            Value::Array(_) => Ok(Some(Appended {
                verdict: Verdict::Done,
                replicas,
            })),
            _ => Err(self.strange()),
        }
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
        let mut connection = self.endpoint.connect(&self.keys.stream)?;
        let patience = self.endpoint.timeout() + Duration::from_millis(WAIT_MS);
        connection.set_read_timeout(Some(patience))?;
        let mut names = Names::default();
        for (name, text) in names.iter_mut().zip(SCRIPTS) {
            let mut load = redis::cmd("SCRIPT");
            *name = load.arg("LOAD").arg(text).query(&mut connection)?;
        }
        Ok(Live {
            connection,
            names,
            watched: None,
        })
    }
}

impl Server for RedisServer {
    fn place(&self) -> String {
        format!(
            "{} on {}",
            self.home.keys.stream,
            self.home.endpoint.shown()
        )
    }

    fn inspect(&mut self) -> Result<Settings, Fault> {
        let replies = self.ask(|_, _| {
            let mut sent = redis::pipe();
            sent.cmd("INFO");
            sent.cmd("CONFIG").arg("GET").arg("appendfsync");
            sent
        })?;
        let [info, appendfsync] = <[_; 2]>::try_from(replies).map_err(|_| self.strange())?;
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
        let reply = self.ask_one(|keys, names| {
            let mut call = keys.call(names, Script::Acquire);
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
        let replicas = match wait {
            Wait::Replicas(count) => count,
            Wait::Reply | Wait::Synced(_) => 0,
        };
        let mut appended = match self.append_watched(lease, entry, replicas)? {
            Some(appended) => appended,
            None => self.ask_script(lease, entry.group, replicas, |keys, names| {
                keys.append_by_script(names, lease, entry)
            })?,
        };
        if let Wait::Synced(count) = wait {
            appended.replicas = self.wait_for_disks(count)?;
        }
        Ok(appended)
    }

    fn renew(&mut self, lease: &Lease, group: Option<u64>) -> Result<Verdict, Fault> {
        let Some(group) = group else {
            return self.ask_owned(Script::Renew, lease, 0, &[b"anywhere"]);
        };
        let renewed = self.ask_script(lease, group, 0, |keys, names| {
            keys.owned(names, Script::Renew, lease, group)
        })?;
        Ok(renewed.verdict)
    }

    fn trim(&mut self, lease: &Lease, group: u64, origin: &Origin) -> Result<Verdict, Fault> {
        let trimmed = self.ask_script(lease, group, 0, |keys, names| {
            let mut call = keys.owned(names, Script::Trim, lease, group);
            call.arg(origin.group)
                .arg(origin.seq)
                .arg(hex(&origin.chain));
            call
        })?;
        Ok(trimmed.verdict)
    }

    fn release(&mut self, lease: &Lease) {
        if self.live.is_some() {
            // Without an answer it runs out by itself.
            let _ = self.ask_owned(Script::Release, lease, 0, &[]);
        }
    }

    fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<StoredEntry>, Fault> {
        let reply = self.ask_one(|keys, _| {
            let mut range = redis::cmd("XRANGE");
            range.arg(&keys.stream).arg(from).arg(to);
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
