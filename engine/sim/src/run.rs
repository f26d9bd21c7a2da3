//! Carries out a story step by step and compares the product with the model at
//! every one of them.
//!
//! Kept here: what was written and by what, what was acknowledged, and who still
//! waits. After a crash everything acknowledged must be there, at most what was
//! not may be there too, and the model is taken back to where the journal is.

use std::collections::BTreeMap;

use holdfast_engine::archive::{ArchiveError, By};
use holdfast_engine::domain::event::{Entry, Event, Record};
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::outcome::{Answer, Done};
use holdfast_engine::domain::state::{Decision, Ledger, Merchant, State};
use holdfast_engine::domain::time::Millis;
use holdfast_engine::journal::{CommitError, JournalError, Recovery, StreamError};
use prost::Message;

use crate::ask::{self, Ask, Request};
use crate::chance::Trace;
use crate::disk::Down;
use crate::house::{Call, Ground, House, NotOpened, Records};
use crate::model::{self, Foretold, Model, Told, Wrong, must};
use crate::redis::LEASE_MS;
use crate::story::{Step, Store, World};

/// 2026-11-11 00:00 in Shanghai.
pub const START: Millis = 1_794_326_400_000;
/// A checkpoint of the model is taken after so many records.
const CHECKPOINT_EVERY: u64 = 400;
/// Groups that an engine tries to commit before it closes.
const CLOSE_COMMITS: u32 = 8;
/// Attempts to open after a crash before whatever is armed is taken away.
const ATTEMPTS: u32 = 4;

/// What a client gets back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Answered,
    /// The outcome is unknown: the same request must be sent again.
    Unknown,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    On,
    /// The journal refuses to open, as it may on a disk that lies.
    Refused,
}

/// What a run has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub steps: u64,
    pub records: u64,
    pub groups: u64,
    pub crashes: u64,
    /// Of the crashes, those of the whole machine.
    pub power_cuts: u64,
    pub snapshots: u64,
    /// Orders that left for the archive, and those that came back.
    pub archived: u64,
    pub revived: u64,
    pub repeats: u64,
    pub refusals: u64,
    pub acknowledged: u64,
    pub lost_unacknowledged: u64,
}

#[derive(Debug)]
enum Cause {
    Sent(Box<Request>),
    Tick,
    LetGo,
    Stamp,
    Start,
}

#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    /// What was encoded; every inspection decodes the bytes and compares.
    record: Box<Record>,
    /// The clock when it was decided.
    now: Millis,
    cause: Cause,
}

#[derive(Debug)]
struct Waiting {
    request: (u8, u32),
    seq: u64,
    /// The record that has the first answer.
    repeats: Option<u64>,
}

/// What was written, as snapshots would have it.
struct History<'a>(&'a [Written]);

impl Records for History<'_> {
    fn trimmed(&self, seq: u64) -> Option<&Record> {
        let written = self.0.get(seq as usize - 1)?;
        Some(&written.record)
    }

    fn known(&self, seq: u64, bytes: &[u8]) -> Option<&Record> {
        let written = self.0.get(seq as usize - 1)?;
        (written.bytes == bytes).then_some(&*written.record)
    }
}

/// All records so far, decoded from their bytes and replayed from the first one; each
/// inspection goes on where the one before it ended.
#[derive(Debug)]
struct Replayed {
    state: State,
    ledger: Ledger,
}

impl Replayed {
    fn from_nothing() -> Self {
        Self {
            state: State::new(Board::default()),
            ledger: Ledger::default(),
        }
    }
}

/// A run under way.
#[derive(Debug)]
pub struct Runner {
    pub world: World,
    pub ground: Ground,
    pub model: Model,
    pub now: Millis,
    pub tally: Tally,
    /// Replies since they were last taken: shop, request, what it got.
    pub replies: Vec<(u8, u32, Reply)>,
    house: Option<House>,
    history: Vec<Written>,
    acknowledged: u64,
    /// What a power cut had to leave when the last engine ended.
    synced: u64,
    power_was_cut: bool,
    /// What lies before this record may be trimmed.
    trimmed_before: u64,
    /// Somebody removed a run of the archive.
    lost_run: bool,
    epoch: u32,
    calls: BTreeMap<Call, Waiting>,
    next_call: Call,
    checkpoint: (u64, Model),
    replayed: Replayed,
    trace: Trace,
}

impl Runner {
    /// A world before its first step.
    ///
    /// # Errors
    /// [`Wrong`] if an empty disk cannot be opened.
    pub fn new(world: World) -> Result<Self, Wrong> {
        let model = Model::new(world.shops);
        let mut runner = Self {
            world,
            ground: Ground::new(&world),
            checkpoint: (0, model.clone()),
            model,
            now: START,
            tally: Tally::default(),
            replies: Vec::new(),
            house: None,
            history: Vec::new(),
            acknowledged: 0,
            synced: 0,
            power_was_cut: false,
            trimmed_before: 1,
            lost_run: false,
            epoch: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            replayed: Replayed::from_nothing(),
            trace: Trace::default(),
        };
        runner.open()?;
        Ok(runner)
    }

    /// Hash of everything that was decided and written.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.trace.hash()
    }

    #[must_use]
    pub fn state(&self) -> &State {
        &self.house().state
    }

    /// The last record that somebody was promised.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// True while some record waits for a commit.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.house().is_busy()
    }

    #[must_use]
    pub fn merchant(&self, shop: u8) -> Option<&Merchant> {
        self.house().state.merchant(&ask::shop(shop))
    }

    fn house(&self) -> &House {
        self.house.as_ref().expect("a house is open between steps")
    }

    fn house_mut(&mut self) -> &mut House {
        self.house.as_mut().expect("a house is open between steps")
    }

    /// Carries out one step.
    ///
    /// # Errors
    /// [`Wrong`] if the product does what it must not.
    pub fn step(&mut self, step: &Step) -> Result<Going, Wrong> {
        self.tally.steps += 1;
        match step {
            Step::Send(request) => return self.send(request),
            Step::Pass { ms } => {
                self.now += ms;
                self.ground.pass(*ms);
            }
            Step::Tick { limit } => self.tick(*limit)?,
            Step::Stamp => self.stamp()?,
            Step::Take => self.house_mut().take(),
            Step::Commit => {
                let result = self.house_mut().commit();
                return self.committed(result);
            }
            Step::Seal => {
                let result = self.house_mut().seal();
                return self.committed(result.map(|()| Vec::new()));
            }
            Step::Tend => {
                let result = self.house_mut().tend();
                must!(
                    result.is_err() || !self.ground.redis.evicts_unseen(),
                    "the engine looked after its stream and did not see that the server may evict it"
                );
                return self.committed(result.map(|()| Vec::new()));
            }
            Step::Arm(fault) => self.ground.disk.arm(*fault),
            Step::ArmSlip(slip) => self.ground.redis.arm(*slip),
            Step::Suffer(trouble) => self.ground.redis.suffer(*trouble),
            Step::Trim { permille } => {
                let mut before = 1 + self.house().queue.durable() * permille / 1_000;
                if let Some(snapshots) = self.ground.snapshots(&self.world) {
                    // Two snapshots must hold what goes.
                    match snapshots.list().as_deref() {
                        Ok([_, older]) => before = before.min(*older),
                        _ => return Ok(Going::On),
                    }
                }
                self.trimmed_before = self.trimmed_before.max(before);
                let result = self.house_mut().trim(before);
                return self.committed(result.map(|()| Vec::new()));
            }
            Step::Snapshot => return self.snapshot(),
            Step::Grow { pieces } => {
                self.house().grow(*pieces);
                return self.survive();
            }
            Step::Keep { limit } => return self.keep(*limit),
            Step::LetGo => return self.let_go(),
            Step::LoseRun { number } => {
                self.abandon();
                self.lost_run = self.ground.archive().lose(".archive", *number);
                return self.reopen(0);
            }
            Step::TakeOver { outage_ms } => return self.take_over(*outage_ms),
            Step::Disarm => self.ground.disarm(),
            Step::PowerCut { seed, outage_ms } => {
                self.abandon();
                self.cut_power(*seed);
                return self.reopen(*outage_ms);
            }
            Step::Kill { outage_ms } => {
                self.abandon();
                return self.reopen(*outage_ms);
            }
            Step::Close { outage_ms } => {
                for _ in 0..CLOSE_COMMITS {
                    let result = self.house_mut().commit();
                    if self.committed(result)? == Going::Refused {
                        return Ok(Going::Refused);
                    }
                }
                // What replicas do not take is given up.
                if self.is_busy() {
                    self.abandon();
                    return self.reopen(*outage_ms);
                }
                let sealed = self.house_mut().seal();
                if self.committed(sealed.map(|()| Vec::new()))? == Going::Refused {
                    return Ok(Going::Refused);
                }
                return self.reopen(*outage_ms);
            }
            Step::LookAtWork {
                shop,
                role,
                warehouse,
                page,
            } => self.look_at_work(*shop, *role, *warehouse, *page)?,
            Step::LookAtAll { shop } => self.look_at_all(*shop)?,
            Step::Inspect => self.inspect()?,
            Step::AllQuiet => self.all_quiet()?,
        }
        Ok(Going::On)
    }

    // --- requests ------------------------------------------------------------

    fn send(&mut self, request: &Request) -> Result<Going, Wrong> {
        let (now, mut submission) = (self.now, request.submission());
        if let Err(error) = self.house().look_up(&mut submission) {
            must!(
                error.is_loss() && self.world.disk.may_lose(),
                "an order cannot be looked up: {error}"
            );
            return Ok(Going::Refused);
        }
        let decision = self.house_mut().state.submit(&submission, now);
        let record = match &decision {
            Decision::New(record) | Decision::Fresh(_, Some(record)) => Some(&**record),
            Decision::Repeat(_) | Decision::Fresh(_, None) => None,
        };
        if let Some(record) = record {
            self.model.meet(request.shop, record);
        }
        let foretold = self.model.submit(request, now, record)?;
        let last = self.house().state.seq();
        let (seq, repeats) = match (&decision, &foretold) {
            (Decision::New(record), Foretold::New(told)) => {
                self.check_answer(request, record, told)?;
                (last, None)
            }
            (Decision::Repeat(seq), Foretold::Repeat(expected)) => {
                must!(
                    seq == expected,
                    "a repeat is answered from record {seq}, the first answer is {expected}"
                );
                self.tally.repeats += 1;
                (*seq, Some(*seq))
            }
            (Decision::Fresh(refusal, _), Foretold::Fresh(code)) => {
                must!(
                    refusal.code() == *code,
                    "refused with {}, expected {code}",
                    refusal.code()
                );
                (last, None)
            }
            (Decision::Fresh(refusal, None), Foretold::KeyReused) => {
                let code = refusal.code().to_string();
                must!(
                    code == "KEY_REUSED",
                    "refused with {code}, expected KEY_REUSED"
                );
                (last, None)
            }
            _ => {
                return Err(Wrong::new(format!(
                    "the engine decided {decision:?}, expected {foretold:?}"
                )));
            }
        };
        self.check_shelves(request.shop)?;
        if let Decision::New(record) | Decision::Fresh(_, Some(record)) = decision {
            let back = |entry: &&Entry| matches!(entry.event, Some(Event::OrderRevived(_)));
            self.tally.revived += record.events.iter().filter(back).count() as u64;
            self.write(record, Cause::Sent(Box::new(request.clone())))?;
        }
        self.wait(request, seq, repeats)?;
        Ok(Going::On)
    }

    /// Opens a call that is answered when `seq` is durable.
    fn wait(&mut self, request: &Request, seq: u64, repeats: Option<u64>) -> Result<(), Wrong> {
        let call = self.next_call;
        self.next_call += 1;
        self.calls.insert(
            call,
            Waiting {
                request: (request.shop, request.id),
                seq,
                repeats,
            },
        );
        match self.house_mut().queue.wait(seq, call) {
            Ok(()) => Ok(()),
            Err((call, Ok(()))) => self.answer(call),
            Err((_, Err(error))) => Err(Wrong::new(format!("an open engine said {error}"))),
        }
    }

    fn write(&mut self, record: Box<Record>, cause: Cause) -> Result<(), Wrong> {
        self.append(record, cause)?;
        let seq = self.history.len() as u64;
        must!(
            seq == self.house().state.seq() && seq == self.model.seq(),
            "there are {seq} records, the state counts {}, the model {}",
            self.house().state.seq(),
            self.model.seq()
        );
        Ok(())
    }

    /// Adds a record to the next group and to the history.
    fn append(&mut self, record: Box<Record>, cause: Cause) -> Result<(), Wrong> {
        let bytes = record.encode_to_vec();
        let (seq, _) = self.house_mut().queue.append(&bytes);
        must!(
            seq == self.history.len() as u64 + 1,
            "record {seq} follows {}",
            self.history.len()
        );
        self.trace.bytes(&bytes);
        self.tally.records += 1;
        let now = self.now;
        self.history.push(Written {
            bytes,
            record,
            now,
            cause,
        });
        Ok(())
    }

    fn check_answer(
        &mut self,
        request: &Request,
        record: &Record,
        told: &Result<Told, holdfast_engine::domain::refusal::RefusalCode>,
    ) -> Result<(), Wrong> {
        let answer = record
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.answer.as_ref())
            .ok_or_else(|| Wrong::new("a decided command has no outcome"))?;
        model::compare(answer, told)?;
        let merchant = self.merchant(request.shop);
        let merchant = merchant.ok_or_else(|| Wrong::new("a command opened no merchant"))?;
        let actor = merchant.names.text(record.actor);
        must!(
            actor == format!("client-{}", request.client) && record.role == u32::from(request.role),
            "the record names {actor} as role {}",
            record.role
        );
        match (answer, told) {
            (Answer::Done(done), Ok(told)) => self.check_views(request, merchant, done, told)?,
            _ => self.tally.refusals += 1,
        }
        Ok(())
    }

    fn check_views(
        &self,
        request: &Request,
        merchant: &Merchant,
        done: &Done,
        told: &Told,
    ) -> Result<(), Wrong> {
        let shop = self.model.shop(request.shop);
        let deadline_now = self.deadline_now();
        if let (Some(view), Some(order)) = (&done.order, told.order) {
            shop.check_order(merchant, order, view, deadline_now)?;
        }
        let Some((order, parcel)) = told.parcel else {
            return Ok(());
        };
        if let Some(view) = &done.parcel {
            shop.orders[order].check_parcel(merchant, parcel, view)?;
        }
        if let (Some(view), Some(parcel)) = (&done.new_parcel, told.new_parcel) {
            shop.orders[order].check_parcel(merchant, parcel, view)?;
        }
        if let Ask::Advance(scan) = &request.ask
            && !told.evidence_only
        {
            let id = u32::try_from(order).expect("small worlds");
            let steps = &merchant.orders.get(id).parcels[parcel].steps;
            let step = steps
                .last()
                .ok_or_else(|| Wrong::new("a scan left no step"))?;
            let signed = (
                merchant.names.text(step.actor),
                step.role.number(),
                step.node.number(),
            );
            let expected = format!("client-{}", request.client);
            must!(
                signed == (&*expected, request.role, scan.node),
                "the step is signed {signed:?}, {expected} scanned it"
            );
        }
        Ok(())
    }

    fn check_shelves(&self, shop: u8) -> Result<(), Wrong> {
        let Some(merchant) = self.merchant(shop) else {
            return Ok(());
        };
        let shop = self.model.shop(shop);
        shop.check_shelves(merchant, self.deadline_now())
    }

    fn deadline_now(&self) -> Millis {
        self.model.deadline_now(self.now.max(self.model.last_at))
    }

    // --- time ----------------------------------------------------------------

    fn tick(&mut self, limit: usize) -> Result<(), Wrong> {
        let now = self.now;
        let advance = self.house_mut().state.advance(now, limit);
        let mut happened = 0;
        // The records were decided one after the other, before any was written.
        for record in advance.records {
            self.model.tick(&record, now)?;
            let filled = |entry: &&Entry| matches!(entry.event, Some(Event::BackorderFilled(_)));
            happened += record.events.iter().filter(|entry| !filled(entry)).count();
            self.append(Box::new(record), Cause::Tick)?;
        }
        must!(
            happened <= limit,
            "a tick of at most {limit} wrote {happened} deadlines"
        );
        let deadline_now = self.deadline_now();
        for shop in 1..=self.world.shops {
            let due = self.model.shop(shop).next_due();
            must!(
                advance.more || due.is_none_or(|due| due > deadline_now),
                "a tick says that nothing more is due, shop {shop} has something {} ms ago",
                deadline_now - due.unwrap_or(0)
            );
            self.check_shelves(shop)?;
        }
        Ok(())
    }

    fn stamp(&mut self) -> Result<(), Wrong> {
        let now = self.now;
        // As the engine does: only while somebody waits, and never back in time.
        let house = self.house_mut();
        if !house.state.has_live_holds() || now <= house.state.last_at() {
            return Ok(());
        }
        let record = house.state.stamp(now);
        self.model.stamp(&record, now)?;
        self.write(Box::new(record), Cause::Stamp)
    }

    // --- durability ----------------------------------------------------------

    fn committed(
        &mut self,
        result: Result<Vec<Call>, (Vec<Call>, CommitError)>,
    ) -> Result<Going, Wrong> {
        match result {
            Ok(calls) => {
                self.check_noticed()?;
                self.tally.groups += 1;
                for call in calls {
                    self.answer(call)?;
                }
                self.take_checkpoint();
                Ok(Going::On)
            }
            Err((calls, error)) => {
                self.check_named(&error)?;
                for call in calls {
                    self.leave_unknown(call);
                }
                self.abandon();
                if let Some(Down::PowerCut(seed)) = self.ground.disk.down() {
                    self.cut_power(seed);
                }
                self.reopen(0)
            }
        }
    }

    /// An engine that heard from its server goes on only if nothing that it
    /// acknowledged is gone.
    fn check_noticed(&self) -> Result<(), Wrong> {
        must!(
            !self.lost_acknowledged(),
            "the engine goes on, although the server lost some of {} acknowledged records",
            self.acknowledged
        );
        Ok(())
    }

    /// An engine that ends for a loss says so.
    fn check_named(&self, error: &CommitError) -> Result<(), Wrong> {
        let text = error.to_string();
        let reasons = [
            "does not end where",
            "was taken over",
            "cannot keep the promise",
        ];
        must!(
            !self.lost_acknowledged() || reasons.iter().any(|reason| text.contains(reason)),
            "acknowledged records are lost, and the engine says: {text}"
        );
        Ok(())
    }

    fn lost_acknowledged(&self) -> bool {
        let redis = &self.ground.redis;
        self.is_stream()
            && redis.was_heard()
            && redis.last_seq().is_none_or(|seq| seq < self.acknowledged)
    }

    fn take_checkpoint(&mut self) {
        let seq = self.model.seq();
        if self.house().queue.durable() == seq && seq >= self.checkpoint.0 + CHECKPOINT_EVERY {
            self.checkpoint = (seq, self.model.clone());
        }
    }

    fn answer(&mut self, call: Call) -> Result<(), Wrong> {
        let waiting = self
            .calls
            .remove(&call)
            .ok_or_else(|| Wrong::new("a call was answered twice"))?;
        self.acknowledged = self.acknowledged.max(waiting.seq);
        self.tally.acknowledged += 1;
        if let Some(seq) = waiting.repeats {
            match self.house().reader.read(seq) {
                Ok(stored) => must!(
                    stored == self.history[seq as usize - 1].bytes,
                    "the journal gives another record {seq} than was written"
                ),
                Err(JournalError::Missing { .. }) if seq < self.trimmed_before => {}
                // The engine does not know yet that its server lost it, or that its
                // machine stopped in the middle of this read.
                Err(error)
                    if match error {
                        JournalError::Stream(_) => self.ground.redis.is_excused(),
                        _ => self.ground.disk.down().is_some(),
                    } =>
                {
                    let (shop, request) = waiting.request;
                    self.replies.push((shop, request, Reply::Unknown));
                    return Ok(());
                }
                Err(error) => return Err(Wrong::new(error.to_string())),
            }
        }
        let (shop, request) = waiting.request;
        self.replies.push((shop, request, Reply::Answered));
        Ok(())
    }

    /// A snapshot that fails hurts nobody, unless the machine goes down with it.
    fn snapshot(&mut self) -> Result<Going, Wrong> {
        let Some(snapshots) = self.ground.snapshots(&self.world) else {
            return Ok(Going::On);
        };
        let records = History(&self.history);
        match self.house().snapshot(&snapshots, &records) {
            Ok(_) => self.tally.snapshots += 1,
            Err(error) => must!(
                error.is_io() || self.may_lose(),
                "no snapshot could be taken: {error}"
            ),
        }
        self.survive()
    }

    /// A run that cannot be kept hurts nobody either.
    fn keep(&mut self, limit: usize) -> Result<Going, Wrong> {
        // Only what is durable is kept: the group under way, and what waits behind it.
        for _ in 0..2 {
            let crashes = self.tally.crashes;
            let result = self.house_mut().commit();
            let going = self.committed(result)?;
            if going == Going::Refused || self.tally.crashes > crashes {
                return Ok(going);
            }
        }
        let now = self.now;
        let house = self.house.as_mut().expect("a house is open between steps");
        let kept = house.keep(now, limit);
        let kept = match kept {
            Ok(orders) => {
                self.model.check_kept(orders, now)?;
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.check_archived(kept)
    }

    fn let_go(&mut self) -> Result<Going, Wrong> {
        let now = self.now;
        match self.house_mut().let_go(now) {
            Ok(Some(record)) => {
                self.model.let_go(&record, now)?;
                if let Some(Event::OrdersArchived(left)) = &record.events[0].event {
                    let left = left.merchants.iter().map(|of| of.orders.len() as u64);
                    self.tally.archived += left.sum::<u64>();
                }
                self.write(Box::new(record), Cause::LetGo)?;
                Ok(Going::On)
            }
            nothing => self.check_archived(nothing.map(drop)),
        }
    }

    fn check_archived(&mut self, done: Result<(), ArchiveError>) -> Result<Going, Wrong> {
        match done {
            Err(error) if error.is_loss() => {
                must!(
                    self.world.disk.may_lose(),
                    "the archive cannot be used: {error}"
                );
                Ok(Going::Refused)
            }
            _ => self.survive(),
        }
    }

    /// What is done beside the engine may go down with the machine.
    fn survive(&mut self) -> Result<Going, Wrong> {
        let Some(down) = self.ground.disk.down() else {
            return Ok(Going::On);
        };
        self.abandon();
        if let Down::PowerCut(seed) = down {
            self.cut_power(seed);
        }
        self.reopen(0)
    }

    fn leave_unknown(&mut self, call: Call) {
        if let Some(waiting) = self.calls.remove(&call) {
            let (shop, request) = waiting.request;
            self.replies.push((shop, request, Reply::Unknown));
        }
    }

    // --- crashes -------------------------------------------------------------

    /// The engine is gone; nobody who waited will be answered.
    fn abandon(&mut self) {
        self.tally.crashes += 1;
        self.synced = self.house().synced();
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.leave_unknown(call);
        }
    }

    fn reopen(&mut self, outage_ms: i64) -> Result<Going, Wrong> {
        self.now += outage_ms;
        self.ground.pass(outage_ms);
        self.ground.restart();
        self.open()
    }

    /// A second engine opens the same journal, as if the lock or the lease did not
    /// keep it out. The first one lives on and must not write any more.
    fn take_over(&mut self, outage_ms: i64) -> Result<Going, Wrong> {
        self.abandon();
        self.now += outage_ms;
        self.ground.pass(outage_ms.max(LEASE_MS + 1));
        let mut first = self.house.take().expect("a house is open between steps");
        if self.open()? == Going::Refused {
            return Ok(Going::Refused);
        }
        let written = match first.is_busy() {
            true => first.commit().map(|_| !first.is_busy()),
            false => first
                .tend()
                .map(|()| !self.is_stream() || self.ground.redis.was_heard()),
        };
        must!(
            !matches!(written, Ok(true)),
            "an engine goes on although another took its journal over"
        );
        Ok(Going::On)
    }

    fn is_stream(&self) -> bool {
        matches!(self.world.store, Store::Stream { .. })
    }

    /// Opens what the disk has, as often as it takes.
    fn open(&mut self) -> Result<Going, Wrong> {
        for attempt in 0.. {
            if attempt == ATTEMPTS {
                self.ground.disarm();
            }
            let opened = House::open(&mut self.ground, &self.world, &History(&self.history));
            match opened {
                // What went down with a call whose failure hurts nobody.
                Ok(_) if self.ground.disk.down().is_some() => self.restart(),
                Ok((house, recovery)) => {
                    must!(
                        house.lacked.is_none() || self.may_lack_runs(),
                        "the archive had to be made again: {:?}",
                        house.lacked
                    );
                    self.lost_run = false;
                    must!(
                        self.may_lose() || recovery.epoch > self.epoch,
                        "the journal was opened under epoch {}, which was given out before",
                        recovery.epoch
                    );
                    self.epoch = recovery.epoch;
                    return self.recover(house, &recovery);
                }
                Err(error) if error.is_io() && attempt < ATTEMPTS => self.restart(),
                Err(NotOpened::Journal(JournalError::Stream(error)))
                    if self.ground.redis.is_excused()
                        && matches!(
                            error,
                            StreamError::Damaged { .. } | StreamError::Refused { .. }
                        ) =>
                {
                    return Ok(Going::Refused);
                }
                // A restart took back that everything was removed: an older history is
                // there again.
                Err(NotOpened::Unknown { .. }) if self.ground.redis.is_excused() => {
                    return Ok(Going::Refused);
                }
                Err(NotOpened::Journal(JournalError::Stream(error))) if attempt < 2 * ATTEMPTS => {
                    if let StreamError::Held { millis, .. } = error {
                        self.ground.redis.pass(millis.cast_signed() + 1);
                    }
                    self.ground.restart();
                }
                Err(NotOpened::Journal(JournalError::Corrupt { .. }) | NotOpened::Snapshot(_))
                    if self.world.disk.may_lose() =>
                {
                    return Ok(Going::Refused);
                }
                // What the journal does not have any more cannot be made again from it.
                Err(error)
                    if error.is_archive_lost()
                        && self.may_lack_runs()
                        && self.trimmed_before > 1 =>
                {
                    return Ok(Going::Refused);
                }
                Err(error) => {
                    return Err(Wrong::new(format!(
                        "the engine does not start again: {error}"
                    )));
                }
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// The machine is back after what went wrong while the engine opened.
    fn restart(&mut self) {
        if let Some(Down::PowerCut(seed)) = self.ground.disk.down() {
            self.cut_power(seed);
        }
        self.ground.restart();
    }

    /// A journal that lost records does not know the runs that were merged since.
    fn may_lack_runs(&self) -> bool {
        self.lost_run || self.world.disk.may_lose() || self.may_lose()
    }

    /// What stands below the journal may lose what it said it has.
    fn may_lose(&self) -> bool {
        match self.world.store {
            Store::Synced | Store::Logged => self.world.disk.may_lose(),
            Store::Stream { .. } => self.ground.redis.is_excused(),
        }
    }

    fn cut_power(&mut self, seed: u64) {
        self.power_was_cut = true;
        self.tally.power_cuts += 1;
        self.ground.disk.power_cut(seed);
    }

    /// Compares what came back with what was written.
    fn recover(&mut self, house: House, recovery: &Recovery) -> Result<Going, Wrong> {
        let kept = recovery.last_seq;
        let must_be_there = match self.world.store {
            Store::Logged if self.power_was_cut => self.synced,
            _ => self.acknowledged,
        };
        must!(
            self.may_lose() || kept >= must_be_there,
            "{kept} records came back, {must_be_there} must be there, {} were acknowledged",
            self.acknowledged
        );
        must!(
            recovery.first_seq <= self.trimmed_before,
            "the journal begins with record {}, what lies before {} could go",
            recovery.first_seq,
            self.trimmed_before
        );
        self.trimmed_before = self.trimmed_before.min(kept + 1);
        self.power_was_cut = false;
        self.ground.redis.settle();
        let lost = self.history.len() as u64 - kept;
        self.tally.lost_unacknowledged += lost;
        self.trace.number(kept);
        self.acknowledged = self.acknowledged.min(kept);
        self.rewind(kept as usize)?;
        self.house = Some(house);
        must!(
            self.house().state.seq() == kept,
            "{kept} records came back, the state counts {}",
            self.house().state.seq()
        );
        for shop in 1..=self.world.shops {
            self.look_at_all(shop)?;
        }
        let now = self.now;
        let record = self.house_mut().state.start(now, "sim");
        self.model.start(&record, now)?;
        self.write(Box::new(record), Cause::Start)?;
        Ok(Going::On)
    }

    /// Takes the model back to where the journal is.
    fn rewind(&mut self, kept: usize) -> Result<(), Wrong> {
        if self.replayed.state.seq() > kept as u64 {
            self.replayed = Replayed::from_nothing();
        }
        if kept as u64 == self.model.seq() {
            // Deadlines that passed unwritten are judged anew; nothing to take back.
            self.history.truncate(kept);
            return Ok(());
        }
        let (from, mut model) = if self.checkpoint.0 <= kept as u64 {
            (self.checkpoint.0 as usize, self.checkpoint.1.clone())
        } else {
            (0, Model::new(self.world.shops))
        };
        if from == 0 {
            self.checkpoint = (0, Model::new(self.world.shops));
        }
        self.history.truncate(kept);
        for written in &self.history[from..] {
            let record = &written.record;
            match &written.cause {
                Cause::Sent(request) => {
                    model.meet(request.shop, record);
                    model.submit(request, written.now, Some(record))?;
                }
                Cause::Tick => model.tick(record, written.now)?,
                Cause::LetGo => model.let_go(record, written.now)?,
                Cause::Stamp => model.stamp(record, written.now)?,
                Cause::Start => model.start(record, written.now)?,
            }
        }
        self.model = model;
        Ok(())
    }

    // --- looking -------------------------------------------------------------

    fn look_at_work(&self, shop: u8, role: u8, warehouse: u8, page: usize) -> Result<(), Wrong> {
        let role = Role::from_number(role.into()).expect("a role's number");
        match self.merchant(shop) {
            Some(merchant) => self
                .model
                .shop(shop)
                .check_work(merchant, role, warehouse, page),
            None => Ok(()),
        }
    }

    fn look_at_all(&mut self, shop: u8) -> Result<(), Wrong> {
        let known = self.model.shop(shop);
        match self.merchant(shop) {
            Some(merchant) => {
                known.check_all(merchant, self.deadline_now())?;
                known.check_totals(merchant)?;
                self.look_at_archived(shop)
            }
            None => {
                must!(!known.opened, "shop {shop} is gone");
                Ok(())
            }
        }
    }

    /// Every order that left memory is found by each of its names, and shown as before.
    fn look_at_archived(&mut self, shop: u8) -> Result<(), Wrong> {
        let deadline_now = self.deadline_now();
        let known = self.model.shop(shop);
        let House { state, archive, .. } = self.house.as_mut().expect("open between steps");
        let name = ask::shop(shop);
        let number = state.merchant_number(&name);
        let number = number.ok_or_else(|| Wrong::new("a shop with orders is known"))?;
        for (index, order) in known.orders.iter().enumerate() {
            if !order.archived {
                continue;
            }
            let id = u32::try_from(index).expect("small worlds");
            let (text, channel) = (ask::order(order.number), ask::channel_id(order.number));
            // Of two with the same id of their channel the youngest is meant.
            let twins = known.orders.iter().zip(0u32..);
            let twins = twins.filter(|(twin, _)| ask::channel_id(twin.number) == channel);
            let is_meant = twins.map(|(_, id)| id).max() == Some(id);
            let mut found = vec![
                archive.by_id(number, id),
                archive.find(number, &text, By::Number),
            ];
            if is_meant {
                found.push(archive.find(number, &channel, By::AnyName));
            }
            for found in found {
                let found = match found {
                    Err(error) if error.is_loss() && self.world.disk.may_lose() => return Ok(()),
                    found => found.map_err(|error| Wrong::new(error.to_string()))?,
                };
                let Some(found) = found.filter(|found| found.id == id) else {
                    return Err(Wrong::new(format!("{text} is not in the archive")));
                };
                state.with_archived(&found, |state| {
                    let merchant = state.merchant(&name).expect("asked before");
                    must!(
                        merchant.orders.look(id).is_some(),
                        "{text} is not lent by its archive"
                    );
                    let view = merchant.order_view(id, deadline_now);
                    known.check_order(merchant, id as usize, &view, deadline_now)
                })?;
            }
        }
        Ok(())
    }

    /// Everything is compared, audited, and replayed from the first record.
    fn inspect(&mut self) -> Result<(), Wrong> {
        for shop in 1..=self.world.shops {
            self.look_at_all(shop)?;
        }
        let Replayed { state, ledger } = &mut self.replayed;
        for written in &self.history[state.seq() as usize..] {
            let seq = state.seq() + 1;
            let record = Record::decode(&*written.bytes).expect("own encoding");
            must!(
                record == *written.record,
                "record {seq} is read otherwise than it was written"
            );
            ledger.book(&record);
            if let Err(error) = state.replay(&record) {
                return Err(Wrong::new(format!("replaying record {seq}: {error}")));
            }
        }
        let Replayed {
            state: replayed,
            ledger,
        } = &self.replayed;
        let state = self.state();
        let digest = state.digest();
        must!(
            replayed.digest() == digest,
            "replaying all {} records gives another state",
            self.history.len()
        );
        let findings = [state.audit(), replayed.audit(), ledger.audit(state)].concat();
        must!(findings.is_empty(), "the audit finds {findings:?}");
        self.trace.bytes(&digest);
        Ok(())
    }

    fn all_quiet(&self) -> Result<(), Wrong> {
        must!(
            self.calls.is_empty(),
            "{} calls were never answered",
            self.calls.len()
        );
        must!(
            !self.state().has_live_holds(),
            "holds live on although their time is over"
        );
        Ok(())
    }
}
