//! A call from bytes to its answer: decoded outside the lock, decided inside it, and
//! finished when the journal has made durable what the answer depends on.
//!
//! Who may call at all is [`admission`](super::admission)'s.

use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;
use prost::Message;

use super::admission::Caller;
use super::shares::Part;
use super::{Call, Reply, Shared};
use crate::archive::By;
use crate::domain::command::{Command, Principal, Submission};
use crate::domain::event::Record;
use crate::domain::outcome::Answer;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::state::{Decision, Merchant, State};
use crate::journal::{CommitError, Space};
use crate::views::Locale;
use crate::wire::decode::{self, Decoded, Request};
use crate::wire::methods::Kind;
use crate::wire::queries::{self, EngineFacts};
use crate::wire::reply::{self, Receipt};

/// What a call waits for, and how it then answers.
pub(super) enum Step {
    Ready(Reply),
    After {
        seq: u64,
        finish: Box<dyn FnOnce(&Shared) -> Reply + Send>,
    },
}

impl Shared {
    /// Everything up to the point where only the journal is waited for, and the part of
    /// the engine that the call holds until it is answered.
    pub(super) fn begin(&self, call: &Call<'_>, locale: Locale) -> (Step, Option<Part>) {
        let refused = |refusal| (Step::Ready(Reply::refused(&refusal, locale)), None);
        if call.deadline.is_some_and(|left| left.is_zero()) {
            return refused(
                Refusal::new(RefusalCode::DeadlineExceeded)
                    .fact("when", "before the call was looked at; nothing was done"),
            );
        }
        let (method, caller) = match self.admit(call) {
            Ok(admitted) => admitted,
            Err(refusal) => return refused(refusal),
        };
        let in_stream = method.kind == Kind::BidiStream;
        let taken = decode::decode(method, call.request, caller.of_request())
            .and_then(|request| Ok((self.take_part(&caller, &request)?, request)));
        let (part, request) = match taken {
            Ok(taken) => taken,
            // One wrong item does not end a stream.
            Err(refusal) => {
                let item = self.refuse_item(&refusal, locale, in_stream);
                return (Step::Ready(item), None);
            }
        };
        let step = match request {
            Request::Command(decoded) => self.one(decoded, &caller, locale, in_stream),
            Request::Batch(items) => self.batch(items, locale),
            Request::Query(query) => {
                self.query(&query, &caller.principal, &caller.merchant, locale)
            }
            Request::Watch(_) => {
                return refused(
                    Refusal::new(RefusalCode::MethodUnknown).fact("method", call.method),
                );
            }
        };
        (step, part)
    }

    /// Decides one command and says what its reply waits for. `in_stream` wraps
    /// it as an item of a stream, refusals included.
    fn one(
        &self,
        mut decoded: Box<Decoded>,
        caller: &Caller,
        locale: Locale,
        in_stream: bool,
    ) -> Step {
        let ready = may_name_merchant(&decoded, caller)
            .and_then(|()| self.prepare(&mut decoded))
            .and_then(|()| self.lock_for(&mut [&mut decoded.submission]));
        let mut state = match ready {
            Ok(state) => state,
            Err(refusal) => return Step::Ready(self.refuse_item(&refusal, locale, in_stream)),
        };
        let now = self.clock.now();
        match state.submit(&decoded.submission, now) {
            Decision::New(record) => {
                let seq = self.writer.append_message(&*record);
                debug_assert_eq!(seq, state.seq(), "the journal and the state count alike");
                let receipt = Receipt {
                    seq,
                    durability: self.durability,
                    replayed: false,
                    decided_at: record.at,
                };
                let reply = self.dress(&state, &decoded, &record, receipt, locale, in_stream);
                self.after_commit(&decoded.submission.command);
                Step::After {
                    seq,
                    finish: Box::new(move |_| reply),
                }
            }
            Decision::Repeat(seq) => {
                let finish = move |shared: &Shared| shared.repeat(&decoded, seq, locale, in_stream);
                Step::After {
                    seq,
                    finish: Box::new(finish),
                }
            }
            Decision::Fresh(refusal, anyway) => {
                if let Some(record) = anyway {
                    self.writer.append_message(&*record);
                }
                let reply = self.refuse_item(&refusal, locale, in_stream);
                Step::After {
                    seq: state.seq(),
                    finish: Box::new(move |_| reply),
                }
            }
        }
    }

    /// The state, and with each submission the archived order that it names, if it does.
    fn lock_for(
        &self,
        submissions: &mut [&mut Submission],
    ) -> Result<MutexGuard<'_, State>, Refusal> {
        loop {
            let mut seen = u64::MAX;
            for submission in &mut *submissions {
                let by = match &submission.command {
                    // Another order may have the same id of its channel.
                    Command::PlaceOrder(_) => By::Number,
                    _ => By::AnyName,
                };
                let name = submission.command.order();
                let (archived, upto) = self.look_up(&submission.merchant, name, by)?;
                submission.archived = archived;
                seen = seen.min(upto);
            }
            let state = self.core.lock();
            // Orders that were archived between the two are neither here nor found.
            if state.archive_mark().run <= seen {
                return Ok(state);
            }
        }
    }

    fn refuse_item(&self, refusal: &Refusal, locale: Locale, in_stream: bool) -> Reply {
        if in_stream {
            Reply::ok(reply::stream_item(reply::refused_outcome(
                refusal, None, locale,
            )))
        } else {
            Reply::refused(refusal, locale)
        }
    }

    /// Makes sure that there is room for a new order, seals its document and leaves
    /// only the reference in the command.
    fn prepare(&self, decoded: &mut Decoded) -> Result<(), Refusal> {
        let submission = &mut decoded.submission;
        let Command::PlaceOrder(place) = &mut submission.command else {
            return Ok(());
        };
        let document = std::mem::take(&mut decoded.document);
        let short = self.writer.space().and_then(Space::short);
        if document.is_empty() && short.is_none() {
            return Ok(());
        }
        // A repeated order is answered from its record; its document is kept already.
        if self.core.lock().knows(submission.key.key) {
            return Ok(());
        }
        if let Some((free, needed)) = short {
            return Err(disk_short(free, needed));
        }
        let sealed = self.vault.seal(&submission.merchant, &document);
        let reference = sealed.map_err(|error| {
            if error.is_storage_full() {
                return disk_short(0, self.settings.low_water_bytes);
            }
            self.incident(&error.to_string())
        })?;
        place.document = reference.as_bytes().to_vec();
        Ok(())
    }

    /// An internal error: its text stays here, the caller gets a number.
    pub(super) fn incident(&self, detail: &str) -> Refusal {
        let number = self.incidents.fetch_add(1, Ordering::Relaxed) + 1;
        eprintln!(
            r#"{{"level":"error","event":"incident","incident":{number},"detail":{detail:?}}}"#
        );
        Refusal::new(RefusalCode::Internal).fact("incident", number)
    }

    fn after_commit(&self, command: &Command) {
        if let Command::ReconcileClock(_) = command {
            self.clock.reconcile();
        }
    }

    /// The reply of a decided record.
    fn dress(
        &self,
        state: &State,
        decoded: &Decoded,
        record: &Record,
        receipt: Receipt,
        locale: Locale,
        in_stream: bool,
    ) -> Reply {
        if in_stream {
            let outcome = self.outcome(state, decoded, record, receipt, locale);
            return Reply::ok(reply::stream_item(outcome));
        }
        match answer_of(record) {
            Some(Answer::Done(done)) => {
                let names = names(state, decoded);
                Reply::ok(reply::encode(decoded, done, names, receipt, locale))
            }
            Some(Answer::Refused(refusal)) => Reply::refused(refusal, locale),
            None => Reply::refused(&self.incident("a record without an outcome"), locale),
        }
    }

    /// The stored first answer of a repeated request.
    fn repeat(&self, decoded: &Decoded, seq: u64, locale: Locale, in_stream: bool) -> Reply {
        match self.stored(seq) {
            Ok(record) => {
                let receipt = Receipt {
                    seq,
                    durability: self.durability,
                    replayed: true,
                    decided_at: record.at,
                };
                let state = self.core.lock();
                self.dress(&state, decoded, &record, receipt, locale, in_stream)
            }
            Err(refusal) => self.refuse_item(&refusal, locale, in_stream),
        }
    }

    fn stored(&self, seq: u64) -> Result<Record, Refusal> {
        let bytes = self.reader.read(seq).map_err(|error| {
            let first_seq = self.reader.first_seq();
            if seq < first_seq {
                return Refusal::new(RefusalCode::KeyExpired)
                    .fact("seq", seq)
                    .fact("first_seq", first_seq);
            }
            self.incident(&error.to_string())
        })?;
        Record::decode(bytes.as_slice()).map_err(|error| self.incident(&error.to_string()))
    }

    /// Decides a batch in order; the reply waits for the last of it.
    fn batch(&self, mut items: Vec<Result<Decoded, Refusal>>, locale: Locale) -> Step {
        for item in &mut items {
            if let Ok(decoded) = item
                && let Err(refusal) = self.prepare(decoded)
            {
                *item = Err(refusal);
            }
        }
        let sound = items.iter_mut().filter_map(|item| item.as_mut().ok());
        let mut submissions: Vec<_> = sound.map(|decoded| &mut decoded.submission).collect();
        let mut state = match self.lock_for(&mut submissions) {
            Ok(state) => state,
            Err(refusal) => return Step::Ready(Reply::refused(&refusal, locale)),
        };
        let mut answered = Vec::new();
        let mut repeats: Vec<Repeat> = Vec::new();
        let now = self.clock.now();
        let mut last = 0;
        for item in items {
            let decoded = match item {
                Ok(decoded) => decoded,
                Err(refusal) => {
                    let outcome = reply::refused_outcome(&refusal, None, locale);
                    reply::add_outcome(outcome, &mut answered);
                    continue;
                }
            };
            match state.submit(&decoded.submission, now) {
                Decision::New(record) => {
                    last = self.writer.append_message(&*record);
                    let receipt = Receipt {
                        seq: last,
                        durability: self.durability,
                        replayed: false,
                        decided_at: record.at,
                    };
                    let outcome = self.outcome(&state, &decoded, &record, receipt, locale);
                    reply::add_outcome(outcome, &mut answered);
                }
                Decision::Repeat(seq) => {
                    last = last.max(seq);
                    repeats.push(Repeat {
                        place: answered.len(),
                        decoded: Box::new(decoded),
                        seq,
                    });
                }
                Decision::Fresh(refusal, anyway) => {
                    if let Some(record) = anyway {
                        self.writer.append_message(&*record);
                    }
                    // It tells what others did, and waits for it.
                    last = state.seq();
                    let outcome = reply::refused_outcome(&refusal, None, locale);
                    reply::add_outcome(outcome, &mut answered);
                }
            }
        }
        let finish = move |shared: &Shared| {
            if repeats.is_empty() {
                return Reply::ok(answered);
            }
            let mut response = Vec::with_capacity(answered.len());
            let mut done = 0;
            for repeat in &repeats {
                response.extend_from_slice(&answered[done..repeat.place]);
                done = repeat.place;
                let outcome = shared.stored_outcome(&repeat.decoded, repeat.seq, locale);
                reply::add_outcome(outcome, &mut response);
            }
            response.extend_from_slice(&answered[done..]);
            Reply::ok(response)
        };
        Step::After {
            seq: last,
            finish: Box::new(finish),
        }
    }

    fn stored_outcome(
        &self,
        decoded: &Decoded,
        seq: u64,
        locale: Locale,
    ) -> crate::wire::pb::CommandOutcome {
        let record = match self.stored(seq) {
            Ok(record) => record,
            Err(refusal) => return reply::refused_outcome(&refusal, None, locale),
        };
        let receipt = Receipt {
            seq,
            durability: self.durability,
            replayed: true,
            decided_at: record.at,
        };
        self.outcome(&self.core.lock(), decoded, &record, receipt, locale)
    }

    /// A record's answer as one item of a batch.
    fn outcome(
        &self,
        state: &State,
        decoded: &Decoded,
        record: &Record,
        receipt: Receipt,
        locale: Locale,
    ) -> crate::wire::pb::CommandOutcome {
        match answer_of(record) {
            Some(Answer::Done(done)) => {
                reply::done_outcome(decoded, done, names(state, decoded), receipt, locale)
            }
            Some(Answer::Refused(refusal)) => {
                reply::refused_outcome(refusal, Some(receipt), locale)
            }
            None => {
                let refusal = self.incident("a remembered record without an outcome");
                reply::refused_outcome(&refusal, None, locale)
            }
        }
    }

    /// Asks the state, and where it refuses, once more with the archived order of this name
    /// in it: what left memory was in the archive before. So it does where a channel's id
    /// is of an order in memory, since a younger one with the same id may have left.
    fn ask<T>(
        &self,
        merchant: &str,
        order: Option<&str>,
        question: impl Fn(&State) -> Result<T, Refusal>,
    ) -> Result<(MutexGuard<'_, State>, Result<T, Refusal>), Refusal> {
        let state = self.core.lock();
        let answer = question(&state);
        let is_number = |number: &str| {
            let merchant = state.merchant(merchant);
            merchant.is_some_and(|merchant| merchant.orders.by_number(number).is_some())
        };
        let is_exact = answer.is_ok() && (self.archive.is_none() || order.is_some_and(is_number));
        if is_exact || order.is_none() {
            return Ok((state, answer));
        }
        // Files are read without the lock.
        drop(state);
        let (archived, _) = self.look_up(merchant, order, By::AnyName)?;
        let mut state = self.core.lock();
        let answer = match archived {
            Some(archived) => state.with_archived(&archived, |state| question(state)),
            None => answer,
        };
        Ok((state, answer))
    }

    /// A read: exact at its instant, sent when what it saw is durable.
    fn query(
        &self,
        query: &decode::Query,
        principal: &Principal,
        merchant: &str,
        locale: Locale,
    ) -> Step {
        if let decode::Query::GetOrderDocument {
            order_number,
            purpose,
        } = query
        {
            return self.document(order_number, purpose, principal, merchant, locale);
        }
        let facts = EngineFacts {
            now: self.clock.now(),
            durability: self.durability,
            durable_seq: self.writer.durable_seq(),
            persistence: self.persistence(),
            clock_step_ms: self.clock.steps().1,
        };
        let question = |state: &State| queries::answer(query, state, merchant, &facts, locale);
        let (state, answer) = match self.ask(merchant, query.order(), question) {
            Ok(asked) => asked,
            Err(refusal) => return Step::Ready(Reply::refused(&refusal, locale)),
        };
        let seq = state.seq();
        match answer {
            Ok(payload) => Step::After {
                seq,
                finish: Box::new(move |_| Reply::ok(payload)),
            },
            Err(refusal) => {
                let reply = Reply::refused(&refusal, locale);
                Step::After {
                    seq,
                    finish: Box::new(move |_| reply),
                }
            }
        }
    }

    /// Opens a sealed document once it is durable who asked for it, and why.
    fn document(
        &self,
        order_number: &str,
        purpose: &str,
        principal: &Principal,
        merchant: &str,
        locale: Locale,
    ) -> Step {
        let question = |state: &State| queries::document_ref(state, merchant, order_number);
        let (mut state, found) = match self.ask(merchant, Some(order_number), question) {
            Ok(asked) => asked,
            Err(refusal) => return Step::Ready(Reply::refused(&refusal, locale)),
        };
        let (order, reference) = match found {
            Ok(found) => found,
            Err(refusal) => {
                let reply = Reply::refused(&refusal, locale);
                return Step::After {
                    seq: state.seq(),
                    finish: Box::new(move |_| reply),
                };
            }
        };
        let now = self.clock.now();
        let record = state.open_document(merchant, principal, order, purpose, now);
        let seq = self.writer.append_message(&record);
        let (merchant, order_number) = (merchant.to_owned(), order_number.to_owned());
        let finish = move |shared: &Shared| match shared.vault.open_document(&merchant, &reference)
        {
            Ok(document) => Reply::ok(queries::document(document, &reference)),
            Err(error) => Reply::refused(
                &Refusal::new(RefusalCode::DocumentNotFound)
                    .fact("order_number", order_number)
                    .fact("detail", error),
                locale,
            ),
        };
        Step::After {
            seq,
            finish: Box::new(finish),
        }
    }

    pub(super) fn unfinished(&self, error: &CommitError, locale: Locale) -> Reply {
        let refusal = match error {
            CommitError::DeadlineExceeded => Refusal::new(RefusalCode::DeadlineExceeded)
                .fact("when", "while the journal was writing"),
            other => Refusal::new(RefusalCode::CommitUnknown).fact("detail", other),
        };
        Reply::refused(&refusal, locale)
    }
}

/// Only the operator issues credentials of other merchants.
fn may_name_merchant(decoded: &Decoded, caller: &Caller) -> Result<(), Refusal> {
    let operator = decode::RESERVED_ACTORS.contains(&caller.principal.actor.as_str());
    if operator || decoded.submission.merchant == caller.merchant {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::PermissionDenied)
        .fact("role", caller.principal.role)
        .fact("method", "IssueToken for another merchant")
        .fact("allowed", "the operator's own credential"))
}

fn answer_of(record: &Record) -> Option<&Answer> {
    record.outcome.as_ref()?.answer.as_ref()
}

/// The merchant that a command was decided for.
fn names<'a>(state: &'a State, decoded: &Decoded) -> &'a Merchant {
    state
        .merchant(&decoded.submission.merchant)
        .expect("a decided command has opened its merchant")
}

fn disk_short(free: u64, needed: u64) -> Refusal {
    Refusal::new(RefusalCode::DiskShort)
        .fact("free_mib", free >> 20)
        .fact("needed_mib", needed >> 20)
}

/// A repeated item of a batch; its answer is read when it is durable.
struct Repeat {
    /// Where it belongs among the bytes of the other answers.
    place: usize,
    decoded: Box<Decoded>,
    seq: u64,
}
