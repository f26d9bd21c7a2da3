//! A Redis server with replicas, as far as the journal sees one.
//!
//! Everything that was ever written is one list; what a server has in memory or on
//! its disk is a beginning of it. So a restart without the last second, or a replica
//! that lags and takes over, is a shorter beginning. Commands do what the journal's
//! scripts do, one at a time, by the server's own clock.
//!
//! What is promised is judged here too: trouble that the mode does not cover excuses
//! a loss until the journal was opened again. A loss must be noticed all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_engine::journal::Mode;
use holdfast_engine::journal::redis::{
    Acquired, Appended, Fault, Head, Lease, NewEntry, Origin, Server, Settings, StoredEntry,
    Verdict, Wait,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How long a lease lives without a sign of life, in milliseconds.
pub const LEASE_MS: i64 = 5_000;
/// Longest time that `everysec` leaves a write unsynced, in milliseconds.
const EVERYSEC_MS: i64 = 1_000;

/// What happens to the servers between two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// The primary dies and comes back with what its disk has.
    Restart,
    /// Every server dies; all come back with what their disks have.
    AllRestart,
    /// A replica becomes the primary with what it has in memory.
    Failover { replica: u32 },
    /// The replica that has most becomes the primary.
    FailoverToBest,
    /// A replica stops or begins to receive.
    Lag { replica: u32 },
    /// Somebody removes everything.
    Flush,
    /// The stream is thrown away, its head stays.
    EvictStream,
    /// The head is thrown away, the stream stays.
    EvictHead,
    /// Somebody sets a policy under which records may be thrown away.
    AllowEviction,
}

/// What goes wrong with one of the writer's calls, after so many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slip {
    /// The call does not arrive.
    LoseCall { calls: u32 },
    /// It is carried out, and the reply does not arrive.
    LoseReply { calls: u32 },
    /// It is carried out, and carried out again after so many further calls.
    Repeat { calls: u32, later: u32 },
    /// It takes so long, by the server's clock.
    Slow { calls: u32, ms: u32 },
    /// The servers have trouble while it is under way; the reply does not arrive.
    Trouble { calls: u32, trouble: Trouble },
}

impl Slip {
    fn calls(&mut self) -> &mut u32 {
        match self {
            Self::LoseCall { calls }
            | Self::LoseReply { calls }
            | Self::Repeat { calls, .. }
            | Self::Slow { calls, .. }
            | Self::Trouble { calls, .. } => calls,
        }
    }
}

/// A change of what a server holds.
#[derive(Debug, Clone)]
enum Write {
    Acquire {
        epoch: u64,
        lease: Lease,
        until: i64,
    },
    Append {
        group: u64,
        seq: u64,
        frame: Arc<[u8]>,
    },
    Renew {
        until: i64,
    },
    Release,
    Trim {
        origin: Origin,
        until: i64,
    },
    DropStream,
    DropHead,
}

#[derive(Debug, Clone, Default)]
struct HeadRow {
    epoch: u64,
    token: String,
    owner: String,
    until: i64,
    /// What the stream ended with when the head was last written; appends do not.
    group: u64,
    seq: u64,
    origin: Origin,
}

#[derive(Debug, Clone)]
struct Entry {
    seq: u64,
    frame: Arc<[u8]>,
}

/// What a server holds.
#[derive(Debug, Clone, Default)]
struct Data {
    stream: BTreeMap<u64, Entry>,
    head: Option<HeadRow>,
}

impl Data {
    /// The last group and its last record, as far as anything tells.
    fn last(&self) -> (u64, u64) {
        let noted = self.head.as_ref().map_or((0, 0), |it| (it.group, it.seq));
        let there = self.stream.last_key_value();
        there.map_or(noted, |(group, entry)| noted.max((*group, entry.seq)))
    }

    /// True if all groups up to this one are there, and no other.
    fn ends_with(&self, group: u64) -> bool {
        let origin = self.head.as_ref().map_or(1, |head| head.origin.group);
        self.stream.len() as u64 + origin == group + 1
    }

    fn take(&mut self, write: &Write) {
        match write {
            Write::DropStream => self.stream.clear(),
            Write::DropHead => self.head = None,
            Write::Append { group, seq, frame } => {
                let (seq, frame) = (*seq, Arc::clone(frame));
                self.stream.insert(*group, Entry { seq, frame });
            }
            Write::Trim { origin, .. } => self.stream = self.stream.split_off(&origin.group),
            Write::Acquire { .. } | Write::Renew { .. } | Write::Release => {}
        }
        if matches!(
            write,
            Write::DropStream | Write::DropHead | Write::Append { .. }
        ) {
            return;
        }
        let last = self.last();
        let head = self.head.get_or_insert_default();
        (head.group, head.seq) = last;
        match write {
            Write::Acquire {
                epoch,
                lease,
                until,
            } => {
                head.epoch = *epoch;
                head.token.clone_from(&lease.token);
                head.owner.clone_from(&lease.owner);
                head.until = *until;
            }
            Write::Renew { until } => head.until = *until,
            Write::Release => {
                head.until = 0;
                head.token.clear();
            }
            Write::Trim { origin, until } => (head.origin, head.until) = (*origin, *until),
            Write::DropStream | Write::DropHead | Write::Append { .. } => {}
        }
    }
}

/// How much of the list a replica has.
#[derive(Debug, Clone, Copy, Default)]
struct Replica {
    received: usize,
    synced: usize,
    lags: bool,
}

/// A call that is carried out again later.
#[derive(Debug, Clone)]
struct Late {
    calls: u32,
    lease: Lease,
    group: u64,
    seq: u64,
    frame: Vec<u8>,
}

#[derive(Debug)]
struct Servers {
    mode: Mode,
    writes: Vec<Write>,
    /// What the primary has in memory: all of the list.
    data: Data,
    /// So much of the list is on the primary's disk.
    synced: usize,
    synced_at: i64,
    replicas: Vec<Replica>,
    evicts: bool,
    now: i64,
    slips: Vec<Slip>,
    late: Vec<Late>,
    /// The append under way comes again after so many calls.
    repeat_in: Option<u32>,
    /// Replicas died, and have not received again what they only had in memory.
    forgot: bool,
    /// Trouble came that the mode does not cover.
    excused: bool,
    /// The reply to the writer's last call arrived, and no trouble came since.
    heard: bool,
    /// Connections of an earlier process are dead.
    life: u32,
}

/// The servers; clones are the same ones.
#[derive(Debug, Clone)]
pub struct SimRedis(Arc<Mutex<Servers>>);

/// A connection.
#[derive(Debug)]
struct Connection {
    servers: SimRedis,
    life: u32,
    /// It is the writer's own; those beside it have no slips.
    is_writer: bool,
}

impl SimRedis {
    #[must_use]
    pub fn new(mode: Mode, replicas: u32) -> Self {
        Self(Arc::new(Mutex::new(Servers {
            mode,
            writes: Vec::new(),
            data: Data::default(),
            synced: 0,
            synced_at: 0,
            replicas: vec![Replica::default(); replicas as usize],
            evicts: false,
            now: 1,
            slips: Vec::new(),
            late: Vec::new(),
            repeat_in: None,
            forgot: false,
            excused: false,
            heard: true,
            life: 0,
        })))
    }

    /// A connection of the process that lives now.
    #[must_use]
    pub fn connect(&self) -> Box<dyn Server> {
        Box::new(Connection {
            life: self.0.lock().life,
            servers: self.clone(),
            is_writer: true,
        })
    }

    /// Lets a slip happen later.
    pub fn arm(&self, slip: Slip) {
        self.0.lock().slips.push(slip);
    }

    /// Nothing goes wrong from here on, and every replica receives.
    pub fn disarm(&self) {
        let mut servers = self.0.lock();
        servers.slips.clear();
        servers.late.clear();
        servers.evicts = false;
        for replica in &mut servers.replicas {
            replica.lags = false;
        }
        servers.replicate();
    }

    /// A new process: connections of the one before are gone.
    pub fn restart(&self) {
        self.0.lock().life += 1;
    }

    /// Time passes, by the server's clock.
    pub fn pass(&self, ms: i64) {
        self.0.lock().pass(ms);
    }

    pub fn suffer(&self, trouble: Trouble) {
        let mut servers = self.0.lock();
        servers.suffer(trouble);
        servers.heard = false;
    }

    /// Trouble came that the mode does not cover.
    #[must_use]
    pub fn is_excused(&self) -> bool {
        self.0.lock().excused
    }

    /// What is there now is what counts from here on.
    pub fn settle(&self) {
        self.0.lock().excused = false;
    }

    /// The last record that the primary has whole; `None` if what it holds does not
    /// add up.
    #[must_use]
    pub fn last_seq(&self) -> Option<u64> {
        let servers = self.0.lock();
        servers.data.head.as_ref()?;
        let (group, seq) = servers.data.last();
        servers.data.ends_with(group).then_some(seq)
    }

    /// The server may throw records away, and told the writer so in its last calls.
    #[must_use]
    pub fn evicts_unseen(&self) -> bool {
        let servers = self.0.lock();
        servers.evicts && servers.heard
    }

    /// The reply to the writer's last call arrived, and no trouble came since.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.0.lock().heard
    }
}

impl Servers {
    fn pass(&mut self, ms: i64) {
        self.now += ms;
        if self.now - self.synced_at >= EVERYSEC_MS {
            self.synced = self.writes.len();
            self.synced_at = self.now;
            for replica in &mut self.replicas {
                replica.synced = replica.received;
            }
        }
    }

    fn write(&mut self, write: Write) {
        self.data.take(&write);
        self.writes.push(write);
        if self.mode != Mode::RedisEverysec {
            self.synced = self.writes.len();
        }
        self.replicate();
    }

    /// What is written reaches every replica that does not lag.
    fn replicate(&mut self) {
        let all = self.writes.len();
        for replica in self.replicas.iter_mut().filter(|replica| !replica.lags) {
            replica.received = all;
        }
        self.forgot &= self.replicas.iter().any(|replica| replica.received < all);
    }

    fn suffer(&mut self, trouble: Trouble) {
        let keeps_its_disk = self.mode != Mode::RedisEverysec;
        match trouble {
            Trouble::Restart => {
                self.excused |= !keeps_its_disk;
                self.keep(self.synced);
            }
            Trouble::AllRestart => {
                self.excused |= !keeps_its_disk;
                self.forgot = !matches!(self.mode, Mode::RedisWaitaof(_));
                for replica in &mut self.replicas {
                    replica.received = replica.synced;
                }
                self.keep(self.synced);
            }
            Trouble::Failover { replica } => {
                if let Some(chosen) = self.replicas.get(replica as usize).copied() {
                    self.promote(chosen);
                }
            }
            Trouble::FailoverToBest => {
                if let Some(best) = self.replicas.iter().max_by_key(|it| it.received).copied() {
                    self.promote(best);
                }
            }
            Trouble::Lag { replica } => {
                if let Some(replica) = self.replicas.get_mut(replica as usize) {
                    replica.lags = !replica.lags;
                }
                self.replicate();
            }
            Trouble::Flush => {
                self.excused = true;
                self.write(Write::DropStream);
                self.write(Write::DropHead);
            }
            Trouble::EvictStream => {
                self.excused = true;
                self.write(Write::DropStream);
            }
            Trouble::EvictHead => {
                self.excused = true;
                self.write(Write::DropHead);
            }
            Trouble::AllowEviction => self.evicts = true,
        }
    }

    /// Modes that wait for replicas withstand it if the one that has most is chosen.
    fn promote(&mut self, chosen: Replica) {
        let is_best = self
            .replicas
            .iter()
            .all(|other| other.received <= chosen.received);
        let covered = matches!(self.mode, Mode::RedisWait(_) | Mode::RedisWaitaof(_));
        self.excused |= !covered || !is_best || self.forgot;
        self.keep(chosen.received);
        if self.mode == Mode::RedisEverysec {
            self.synced = chosen.synced.min(self.writes.len());
        }
    }

    /// Only the beginning of the list is left.
    fn keep(&mut self, count: usize) {
        if count < self.writes.len() {
            self.writes.truncate(count);
            self.data = Data::default();
            for write in &self.writes {
                self.data.take(write);
            }
        }
        self.synced = self.synced.min(count);
        for replica in &mut self.replicas {
            replica.received = replica.received.min(count);
            replica.synced = replica.synced.min(count);
        }
        self.replicate();
    }

    /// What the owner's scripts look at first: who owns it, and is it whole?
    fn look(&self, lease: &Lease, group: Option<u64>) -> Verdict {
        let head = self.data.head.clone().unwrap_or_default();
        let last = self.data.last();
        let mine = u64::from(lease.epoch);
        if head.epoch > mine || head.epoch == mine && head.token != lease.token {
            return Verdict::Fenced {
                epoch: head.epoch,
                owner: head.owner,
            };
        }
        if head.epoch == mine && self.data.ends_with(group.unwrap_or(last.0)) {
            return Verdict::Done;
        }
        Verdict::Behind {
            group: last.0,
            seq: last.1,
            entries: self.data.stream.len() as u64,
        }
    }

    fn until(&self, lease: &Lease) -> i64 {
        self.now + i64::try_from(lease.millis).unwrap_or(i64::MAX / 2)
    }

    fn acquire(&mut self, lease: &Lease) -> Acquired {
        let entries = self.data.stream.len() as u64;
        let Some(head) = &self.data.head else {
            return match entries {
                0 => self.grant(lease, 1),
                entries => Acquired::Headless { entries },
            };
        };
        let left = head.until - self.now;
        if left > 0 && head.token != lease.token {
            return Acquired::Held {
                owner: head.owner.clone(),
                millis: left.unsigned_abs(),
            };
        }
        // The same caller again, after a reply that was lost, keeps its epoch.
        let epoch = head.epoch + u64::from(head.token != lease.token);
        self.grant(lease, epoch)
    }

    fn grant(&mut self, lease: &Lease, epoch: u64) -> Acquired {
        let until = self.until(lease);
        self.write(Write::Acquire {
            epoch,
            lease: lease.clone(),
            until,
        });
        let head = self.data.head.as_ref().expect("written just now");
        Acquired::Taken {
            epoch: u32::try_from(epoch).expect("few epochs"),
            head: Head {
                group: head.group,
                seq: head.seq,
                entries: self.data.stream.len() as u64,
                origin: head.origin,
            },
        }
    }

    fn append(&mut self, late: &Late) -> Verdict {
        let again = self.look(&late.lease, Some(late.group)) == Verdict::Done
            && self
                .data
                .stream
                .get(&late.group)
                .is_some_and(|entry| *entry.frame == *late.frame);
        if again {
            let until = self.until(&late.lease);
            self.write(Write::Renew { until });
            return Verdict::Done;
        }
        let verdict = self.look(&late.lease, Some(late.group - 1));
        if verdict == Verdict::Done {
            self.write(Write::Append {
                group: late.group,
                seq: late.seq,
                frame: late.frame.as_slice().into(),
            });
        }
        verdict
    }

    fn renew(&mut self, lease: &Lease, group: Option<u64>) -> Verdict {
        let verdict = self.look(lease, group);
        let until = self.until(lease);
        let left = self.data.head.as_ref().map_or(0, |head| head.until) - self.now;
        let is_due = group.is_some() || left < (until - self.now) / 2;
        if verdict == Verdict::Done && is_due {
            self.write(Write::Renew { until });
        }
        verdict
    }

    fn trim(&mut self, lease: &Lease, group: u64, origin: &Origin) -> Verdict {
        let verdict = self.look(lease, Some(group));
        let head = self.data.head.clone().unwrap_or_default();
        if verdict == Verdict::Done {
            let until = self.until(lease);
            self.write(match head.origin.group < origin.group {
                true => Write::Trim {
                    origin: *origin,
                    until,
                },
                false => Write::Renew { until },
            });
        }
        verdict
    }

    /// Waits as long as an append does: what lags does not come.
    fn wait(&mut self, wait: Wait) -> u32 {
        let all = self.writes.len();
        if matches!(wait, Wait::Synced(_)) {
            self.synced = all;
            for replica in &mut self.replicas {
                replica.synced = replica.received;
            }
        }
        let has = self.replicas.iter().filter(|it| it.received == all);
        match wait {
            Wait::Reply => 0,
            Wait::Replicas(_) | Wait::Synced(_) => {
                u32::try_from(has.count()).expect("few replicas")
            }
        }
    }

    /// Late copies of earlier calls arrive between two calls.
    fn deliver_late(&mut self) {
        for late in std::mem::take(&mut self.late) {
            if late.calls == 0 {
                self.append(&late);
            } else {
                self.late.push(Late {
                    calls: late.calls - 1,
                    ..late
                });
            }
        }
    }

    /// Counts down what is armed.
    fn next_slip(&mut self) -> Option<Slip> {
        let mut struck = None;
        self.slips.retain_mut(|slip| {
            if struck.is_some() {
                return true;
            }
            match slip.calls() {
                0 => {
                    struck = Some(*slip);
                    false
                }
                left => {
                    *left -= 1;
                    true
                }
            }
        });
        struck
    }
}

impl Connection {
    /// Carries out a call, with whatever goes wrong with it.
    fn call<T>(&self, carry_out: impl FnOnce(&mut Servers) -> T) -> Result<T, Fault> {
        let lost = |what: &str| Err(Fault::Unreachable(format!("{}: {what}", self.place())));
        let mut servers = self.servers.0.lock();
        if servers.life != self.life {
            servers.heard = false;
            return lost("the connection is gone");
        }
        if !self.is_writer {
            return Ok(carry_out(&mut servers));
        }
        servers.deliver_late();
        servers.heard = false;
        match servers.next_slip() {
            Some(Slip::LoseCall { .. }) => return lost("the call did not arrive"),
            Some(Slip::LoseReply { .. }) => {
                carry_out(&mut servers);
                return lost("no reply came");
            }
            Some(Slip::Trouble { trouble, .. }) => {
                carry_out(&mut servers);
                servers.suffer(trouble);
                return lost("the server went away");
            }
            Some(Slip::Slow { ms, .. }) => servers.pass(ms.into()),
            Some(Slip::Repeat { later, .. }) => servers.repeat_in = Some(later),
            None => {}
        }
        let reply = carry_out(&mut servers);
        servers.heard = true;
        Ok(reply)
    }
}

impl Server for Connection {
    fn place(&self) -> String {
        "the journal in the simulated server".to_owned()
    }

    fn inspect(&mut self) -> Result<Settings, Fault> {
        self.call(|servers| Settings {
            version: (7, 2),
            role: "master".to_owned(),
            online_replicas: u32::try_from(servers.replicas.len()).expect("few replicas"),
            maxmemory: u64::from(servers.evicts) << 30,
            maxmemory_policy: "allkeys-lru".to_owned(),
            appendonly: true,
            appendfsync: Some(match servers.mode {
                Mode::RedisEverysec => "everysec".to_owned(),
                _ => "always".to_owned(),
            }),
        })
    }

    fn acquire(&mut self, lease: &Lease) -> Result<Acquired, Fault> {
        self.call(|servers| servers.acquire(lease))
    }

    fn append(
        &mut self,
        lease: &Lease,
        entry: &NewEntry<'_>,
        wait: Wait,
    ) -> Result<Appended, Fault> {
        let sent = Late {
            calls: 0,
            lease: lease.clone(),
            group: entry.group,
            seq: entry.last_seq,
            frame: entry.frame.to_vec(),
        };
        self.call(|servers| {
            let verdict = servers.append(&sent);
            let replicas = servers.wait(wait);
            if let Some(calls) = servers.repeat_in.take() {
                servers.late.push(Late { calls, ..sent });
            }
            Appended { verdict, replicas }
        })
    }

    fn renew(&mut self, lease: &Lease, group: Option<u64>) -> Result<Verdict, Fault> {
        self.call(|servers| servers.renew(lease, group))
    }

    fn trim(&mut self, lease: &Lease, group: u64, origin: &Origin) -> Result<Verdict, Fault> {
        self.call(|servers| servers.trim(lease, group, origin))
    }

    fn release(&mut self, lease: &Lease) {
        let mut servers = self.servers.0.lock();
        let head = servers.data.head.as_ref();
        let owns = head
            .is_some_and(|head| head.epoch == u64::from(lease.epoch) && head.token == lease.token);
        if owns && servers.life == self.life {
            servers.write(Write::Release);
        }
    }

    fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<StoredEntry>, Fault> {
        self.call(|servers| {
            let entries = servers.data.stream.range(from..=to).take(count);
            entries
                .map(|(group, entry)| StoredEntry {
                    group: *group,
                    frame: entry.frame.to_vec(),
                })
                .collect()
        })
    }

    fn beside(&self) -> Box<dyn Server> {
        Box::new(Self {
            servers: self.servers.clone(),
            life: self.life,
            is_writer: false,
        })
    }
}
