//! What is sent to a server: scripts for what is rare, plain commands for what every order
//! waits for.
//!
//! A script compares and changes in one step, but its interpreter is cold when it is called
//! once a millisecond. Plain commands do the same under `WATCH`: a connection that has seen
//! stream and head to be its owner's adds a group only if nobody has touched either since.
//! Whatever else there is to find out, a script does.

use redis::{Cmd, Pipeline, Value};

use super::RedisOptions;
use super::replies::FIELDS;
use super::server::{Lease, NewEntry};

/// A script; the number of its text and of the name that the server gave it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Script {
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
pub(super) const SCRIPTS: [&str; 5] = [
    concat!(
        include_str!("scripts/last.lua"),
        include_str!("scripts/acquire.lua")
    ),
    owned_script!("scripts/append.lua"),
    owned_script!("scripts/renew.lua"),
    owned_script!("scripts/release.lua"),
    owned_script!("scripts/trim.lua"),
];

/// Names that the server gave to the texts.
pub(super) type Names = [String; SCRIPTS.len()];

/// The keys of one journal.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub stream: String,
    pub head: String,
    pub documents: String,
}

impl Keys {
    pub(super) fn new(options: &RedisOptions) -> Self {
        Self {
            stream: options.key("journal"),
            head: options.key("head"),
            documents: options.key("documents"),
        }
    }

    /// A call of a script.
    pub(super) fn call(&self, names: &Names, script: Script) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&names[script as usize]).arg(3).arg(&self.stream);
        call.arg(&self.head).arg(&self.documents);
        call
    }

    /// A call with what tells the owner, and where it left the stream.
    pub(super) fn owned(&self, names: &Names, script: Script, lease: &Lease, group: u64) -> Cmd {
        let mut call = self.call(names, script);
        call.arg(lease.epoch).arg(&lease.token);
        call.arg(group).arg(lease.millis);
        call
    }

    /// Appends whatever there is to find out about the stream.
    pub(super) fn append_by_script(
        &self,
        names: &Names,
        lease: &Lease,
        entry: &NewEntry<'_>,
    ) -> Cmd {
        let mut call = self.owned(names, Script::Append, lease, entry.group - 1);
        call.arg(entry.group).arg(entry.last_seq).arg(entry.frame);
        for (number, document) in entry.documents {
            call.arg(number).arg(&document[..]);
        }
        call
    }

    /// Appends if nobody has touched what is watched; the last reply is nothing if somebody
    /// has.
    pub(super) fn append_watched(&self, sent: &mut Pipeline, entry: &NewEntry<'_>) {
        sent.cmd("MULTI");
        if !entry.documents.is_empty() {
            let put = sent.cmd("HSET").arg(&self.documents);
            for (number, document) in entry.documents {
                put.arg(number).arg(&document[..]);
            }
        }
        let [frame, seq] = FIELDS;
        sent.cmd("XADD")
            .arg(&self.stream)
            .arg(format!("{}-0", entry.group))
            .arg(frame)
            .arg(entry.frame)
            .arg(seq)
            .arg(entry.last_seq);
        sent.cmd("EXEC");
    }

    /// Watches stream and head from here on, and then asks what the scripts look at:
    /// whatever happened before is seen, whatever happens later is found by `EXEC`.
    pub(super) fn watch(&self, sent: &mut Pipeline) {
        sent.cmd("WATCH").arg(&self.stream).arg(&self.head);
        sent.cmd("HMGET").arg(&self.head).arg("token").arg("origin");
        sent.cmd("XLEN").arg(&self.stream);
    }
}

/// True if what is watched is the owner's, and holds all groups up to this one and no other.
pub(super) fn ends_with(head: Value, entries: Value, lease: &Lease, group: u64) -> bool {
    let head = redis::from_redis_value::<(Option<String>, Option<u64>)>(head);
    let entries = redis::from_redis_value::<u64>(entries);
    match (head, entries) {
        (Ok((Some(token), origin)), Ok(entries)) => {
            token == lease.token && entries + origin.unwrap_or(1) == group + 1
        }
        _ => false,
    }
}
