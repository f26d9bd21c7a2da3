//! The state of the house, and the one door to it.
//!
//! `submit(command, now)` decides and answers; `advance(now)` lets deadlines
//! fall due, a bounded number at a time; `replay(record)` repeats what was
//! decided before. Every change goes through an event that `apply` carries out,
//! live and on replay alike, so that the two cannot differ.

mod admin;
mod apply;
mod archiving;
mod audit;
mod cancel;
mod floor;
mod image;
mod ledger;
mod merchant;
mod money;
mod place;
mod quota;
mod requests;
mod stock;
mod ticking;
mod tx;
mod units;
mod view;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::command::{Command, Principal, RequestKey, Submission};
use super::event::{DocumentOpened, Entry, Event, MerchantOpened, Record};
use super::inventory::board::Board;
use super::orders::OrderId;
use super::orders::lifecycle::Role;
use super::outcome::{Answer, Done, Outcome};
use super::refusal::{Refusal, RefusalCode};
use super::time::Millis;
use crate::planted::planted;

pub use archiving::{ArchiveMark, chained};
pub use audit::Finding;
pub use image::{Image, ImageDigest, ImageError, Part};
pub use ledger::Ledger;
pub use merchant::{Merchant, Totals};
use requests::{Answered, Requests};
pub use ticking::Advance;
use tx::Tx;

/// A credential as the state knows it: never the secret, only its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub merchant: u32,
    pub actor: Box<str>,
    pub role: Role,
    pub device: Box<str>,
    /// 0: never.
    pub expires_at: Millis,
}

/// What `submit` decided.
#[derive(Debug)]
pub enum Decision {
    /// Decided now: append the record, reply when it is durable.
    New(Box<Record>),
    /// The same request came before: its answer stands in this record.
    Repeat(u64),
    /// Refused and not remembered: the same request may come again. What was
    /// true anyway (a lapsed hold, a new name) may have to be appended.
    Fresh(Refusal, Option<Box<Record>>),
}

/// A record does not fit the state that the records before it made.
#[derive(Debug, thiserror::Error)]
#[error("record {seq} does not fit the state before it: {detail}")]
pub struct Inconsistent {
    pub seq: u64,
    pub detail: String,
}

/// Everything the engine knows.
#[derive(Debug, Default)]
pub struct State {
    /// Number of the last record.
    seq: u64,
    /// Time of the last record; time never runs backwards past it.
    last_at: Millis,
    /// Deadlines stand still at this instant until a person reconciles the clock.
    frozen_at: Option<Millis>,
    merchants: Vec<Merchant>,
    by_name: HashMap<Box<str>, u32>,
    tokens: HashMap<[u8; 32], Token>,
    requests: Requests,
    archive: ArchiveMark,
    board: Board,
}

impl State {
    /// An empty house that publishes its counters on `board`.
    #[must_use]
    pub fn new(board: Board) -> Self {
        Self {
            board,
            ..Self::default()
        }
    }

    /// Where its counters are published.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Time of the last record.
    #[must_use]
    pub fn last_at(&self) -> Millis {
        self.last_at
    }

    #[must_use]
    pub fn frozen_at(&self) -> Option<Millis> {
        self.frozen_at
    }

    #[must_use]
    pub fn merchants(&self) -> &[Merchant] {
        &self.merchants
    }

    #[must_use]
    pub fn merchant(&self, name: &str) -> Option<&Merchant> {
        self.by_name
            .get(name)
            .map(|index| &self.merchants[*index as usize])
    }

    /// A merchant's position among all merchants.
    #[must_use]
    pub fn merchant_number(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    #[must_use]
    pub fn token(&self, sha256: &[u8; 32]) -> Option<&Token> {
        self.tokens.get(sha256)
    }

    /// The instant by which deadlines are judged: `now`, or where they stand still.
    #[must_use]
    pub fn deadline_now(&self, now: Millis) -> Millis {
        self.frozen_at.map_or(now, |frozen| frozen.min(now))
    }

    /// Decides a command at `now`.
    ///
    /// Same key and payload as before gives [`Decision::Repeat`]; same key and
    /// another payload is refused. Otherwise the effect is complete when this
    /// returns, and it is a promise only once the record is durable.
    pub fn submit(&mut self, submission: &Submission, now: Millis) -> Decision {
        let now = now.max(self.last_at);
        if let Some(decision) = self.answered(submission.key)
            && !planted!(ForgetRequests)
        {
            return decision;
        }
        let scan = scan_of(submission);
        let asked_before = scan.filter(|_| !planted!(ForgetScans));
        if let Some(decision) = asked_before.and_then(|scan| self.answered(scan)) {
            return decision;
        }
        let lent = self.lend(submission.archived.as_deref());
        let mut tx = self.begin(submission, now);
        let result = tx.decide(&submission.command);
        if let Some(archived) = lent {
            tx.keep_or_return(archived);
        }
        if let Err(refusal) = &result
            && !refusal.spec().sticky
        {
            let refusal = refusal.clone();
            if tx.entries.is_empty() {
                return Decision::Fresh(refusal, None);
            }
            let record = tx.finish(None, None, None);
            self.remember(&record);
            return Decision::Fresh(refusal, Some(Box::new(record)));
        }
        let record = tx.finish(Some(submission.key), scan, Some(Outcome::from(result)));
        self.remember(&record);
        Decision::New(Box::new(record))
    }

    /// Keeps who reads an order's sealed document, and why. Append the record;
    /// the document may be shown when it is durable.
    pub fn open_document(
        &mut self,
        merchant: &str,
        principal: &Principal,
        order: OrderId,
        purpose: &str,
        now: Millis,
    ) -> Record {
        let index = self.by_name[merchant];
        let mut tx = Tx::new(self, index, now.max(self.last_at), Vec::new());
        tx.sign(principal);
        tx.emit(Event::DocumentOpened(DocumentOpened {
            order,
            purpose: purpose.to_owned(),
        }));
        let record = tx.finish(None, None, None);
        self.remember(&record);
        record
    }

    /// Repeats a record that was decided before.
    ///
    /// # Errors
    /// [`Inconsistent`] if it does not fit; the state must then be thrown away.
    pub fn replay(&mut self, record: &Record) -> Result<(), Inconsistent> {
        let fail = |seq, detail: String| Inconsistent { seq, detail };
        for entry in &record.events {
            self.apply(record, entry)
                .map_err(|detail| fail(self.seq + 1, detail))?;
        }
        self.remember(record);
        Ok(())
    }

    /// True if a request of this key was answered before.
    #[must_use]
    pub fn knows(&self, key: u128) -> bool {
        self.requests.find(key).is_some()
    }

    /// Answered requests that take memory.
    #[must_use]
    pub fn requests_in_memory(&self) -> usize {
        self.requests.in_memory()
    }

    fn answered(&self, request: RequestKey) -> Option<Decision> {
        let answered = self.requests.find(request.key)?;
        Some(
            if answered.fingerprint == request.fingerprint || planted!(IgnoreFingerprint) {
                Decision::Repeat(answered.seq)
            } else {
                Decision::Fresh(Refusal::new(RefusalCode::KeyReused), None)
            },
        )
    }

    /// Counts the record and keeps its keys.
    fn remember(&mut self, record: &Record) {
        self.seq += 1;
        self.last_at = self.last_at.max(record.at);
        let outcome = record.outcome.as_ref();
        let answer = outcome.and_then(|outcome| outcome.answer.as_ref());
        let refused = matches!(answer, Some(Answer::Refused(_)));
        if let Some(Answer::Done(done)) = answer
            && done.order.is_none()
            && done.parcel.is_none()
        {
            self.requests.keep(self.seq);
        }
        let keys = [
            (&record.key, record.fingerprint),
            (&record.scan_key, record.scan_fingerprint),
        ];
        for (bytes, fingerprint) in keys {
            let Ok(bytes) = <[u8; 16]>::try_from(bytes.as_slice()) else {
                continue;
            };
            let key = u128::from_le_bytes(bytes);
            self.requests.add(Answered {
                key,
                fingerprint,
                seq: self.seq,
            });
            if refused {
                let memory = self
                    .merchants
                    .get(record.merchant as usize)
                    .map_or(0, |m| m.policy().refusal_memory_ms());
                self.requests.refusals.push_back((record.at + memory, key));
            }
        }
        self.requests.forget_refusals(record.at);
    }

    fn begin(&mut self, submission: &Submission, now: Millis) -> Tx<'_> {
        let mut opened = Vec::new();
        let index = match self.by_name.get(submission.merchant.as_str()) {
            Some(index) => *index,
            None => {
                let event = Event::MerchantOpened(MerchantOpened {
                    merchant: submission.merchant.clone(),
                });
                let entry = Entry {
                    event: Some(event),
                    movements: Vec::new(),
                };
                let header = Record {
                    at: now,
                    ..Record::default()
                };
                self.apply(&header, &entry)
                    .expect("a new merchant fits any state");
                opened.push(entry);
                u32::try_from(self.merchants.len() - 1).expect("fewer than 2^32 merchants")
            }
        };
        let mut tx = Tx::new(self, index, now, opened);
        tx.sign(&submission.principal);
        tx
    }
}

/// A scan's own key: the device repeats it, whatever request carries it.
fn scan_of(submission: &Submission) -> Option<RequestKey> {
    let (scan_id, parcel_id, what) = match &submission.command {
        Command::AdvanceParcel(advance) => {
            (&advance.scan_id, &advance.parcel_id, advance.node.number())
        }
        Command::PutBackParcel(put_back) => (&put_back.scan_id, &put_back.parcel_id, 0),
        _ => return None,
    };
    if scan_id.is_empty() {
        return None;
    }
    let key = units::hash128(&[b"scan", submission.merchant.as_bytes(), scan_id.as_bytes()]);
    let fingerprint = units::hash64(&[parcel_id.as_bytes(), &[what]]);
    Some(RequestKey { key, fingerprint })
}

impl Tx<'_> {
    fn decide(&mut self, command: &Command) -> Result<Done, Refusal> {
        match command {
            Command::PlaceOrder(place) => self.place_order(place),
            Command::StartPayment(start) => self.start_payment(start),
            Command::FailPayment(fail) => self.fail_payment(fail),
            Command::ConfirmPayment(confirm) => self.confirm_payment(confirm),
            Command::ConfirmDeposit(deposit) => self.confirm_deposit(deposit),
            Command::ReleaseHold(release) => self.release_hold(release),
            Command::AmendOrder(amend) => self.amend_order(amend),
            Command::CancelOrder(cancel) => self.cancel_order(cancel),
            Command::AdvanceParcel(advance) => self.advance_parcel(advance, false),
            Command::OverrideParcel(advance) => self.advance_parcel(advance, true),
            Command::RerouteParcel(reroute) => self.reroute_parcel(reroute),
            Command::SplitParcel(split) => self.split_parcel(split),
            Command::SuspendParcel(suspend) => self.suspend_parcel(suspend),
            Command::ResumeParcel(resume) => self.resume_parcel(resume),
            Command::PutBackParcel(put_back) => self.put_back_parcel(put_back),
            Command::ReceiveStock(receive) => self.receive_stock(receive),
            Command::MoveStock(movement) => self.move_stock(movement),
            Command::CountStock(count) => self.count_stock(count),
            Command::ConfigurePool(pool) => self.configure_pool(pool),
            Command::ConfigureWarehouse(warehouse) => self.configure_warehouse(warehouse),
            Command::ConfigureSku(sku) => self.configure_sku(sku),
            Command::MapChannelSkus(map) => self.map_channel_skus(map),
            Command::PublishPolicy(publish) => self.publish_policy(publish),
            Command::IssueToken(issue) => self.issue_token(issue),
            Command::RevokeToken(revoke) => self.revoke_token(revoke),
            Command::RegisterDevice(register) => self.register_device(register),
            Command::ReconcileClock(reconcile) => self.reconcile_clock(reconcile),
        }
    }
}
