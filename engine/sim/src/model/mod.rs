//! The naive model: what every answer should be, and where every unit is.
//!
//! Lists, scans and no index; it shares no code with the product, only words.
//! What the product may choose is taken from its records and checked: from which
//! pools units are taken, and when a deadline that has passed is written down.
//! Everything else is foretold.

mod cancelling;
mod floor;
mod money;
mod placing;
mod questions;
mod shelves;
mod shop;
mod ticks;

use std::collections::HashMap;

use holdfast_engine::domain::event::{Entry, Event, Promised, Record};
use holdfast_engine::domain::orders::archived::Archived;
use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::outcome::{Answer, Done};
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::time::Millis;

use crate::ask::{Ask, Request};

pub use floor::scanners;
pub use shelves::BY_HAND;
pub use shop::{Hold, Order, Parcel, Promise, Shelf, Shop};

/// Where the product and the model differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(pub String);

impl Wrong {
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Fails with what is wrong unless it is right.
macro_rules! must {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err($crate::model::Wrong::new(format!($($what)+)));
        }
    };
}
pub(crate) use must;

/// What an answer must say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The order of which the answer gives a view.
    pub order: Option<usize>,
    /// The parcel of which it gives one.
    pub parcel: Option<(usize, usize)>,
    pub new_parcel: Option<usize>,
    pub payment_result: u32,
    /// Parcel, result, node.
    pub cancels: Vec<(u32, u32, u32)>,
    pub inferred: Vec<u32>,
    pub evidence_only: bool,
    pub backorders_filled: i64,
    pub difference: i64,
    pub short: Vec<(u16, i64)>,
}

impl Told {
    fn order(order: usize) -> Self {
        Self {
            order: Some(order),
            ..Self::default()
        }
    }

    fn parcel(order: usize, parcel: usize) -> Self {
        Self {
            parcel: Some((order, parcel)),
            ..Self::default()
        }
    }
}

/// What a command comes to: an answer, a refusal, or a difference.
pub type Verdict = Result<Result<Told, RefusalCode>, Wrong>;

/// How a submission must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foretold {
    New(Result<Told, RefusalCode>),
    Repeat(u64),
    KeyReused,
    /// Refused and not remembered.
    Fresh(RefusalCode),
}

/// When and by whom a command is decided.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: Millis,
    /// By which deadlines are judged.
    pub deadline_now: Millis,
    pub role: Role,
    pub device: u8,
}

/// What the model takes from a record: the product's choices.
#[derive(Debug)]
pub struct Choices<'a> {
    pub promised: Vec<&'a [Promised]>,
}

impl<'a> Choices<'a> {
    fn of(record: Option<&'a Record>) -> Self {
        let events = record.into_iter().flat_map(|record| &record.events);
        let promised = events.filter_map(|entry| match &entry.event {
            Some(Event::OrderPlaced(placed)) => Some(&placed.promises[..]),
            Some(Event::HoldPlaced(placed)) => Some(&placed.promises[..]),
            Some(Event::HoldAmended(amended)) => Some(&amended.added[..]),
            _ => None,
        });
        Self {
            promised: promised.collect(),
        }
    }

    /// The pools that one command took from.
    fn taken(&self) -> Result<&'a [Promised], Wrong> {
        let first = self.promised.first().copied();
        first.ok_or_else(|| Wrong::new("units should have been promised, and were not"))
    }
}

#[derive(Debug, Clone, Copy)]
struct Answered {
    fingerprint: u64,
    seq: u64,
    at: Millis,
    refused: bool,
    about_an_order: bool,
}

/// Everything that the model knows.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub shops: Vec<Shop>,
    pub last_at: Millis,
    pub frozen_at: Option<Millis>,
    seq: u64,
    /// By shop and request, or by shop and scan.
    answered: HashMap<(u8, bool, u32), Answered>,
    refusals: Vec<(Millis, (u8, bool, u32))>,
}

impl Model {
    #[must_use]
    pub fn new(shops: u8) -> Self {
        Self {
            shops: (0..shops).map(|_| Shop::default()).collect(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    #[must_use]
    pub fn deadline_now(&self, now: Millis) -> Millis {
        self.frozen_at.map_or(now, |frozen| frozen.min(now))
    }

    /// The shop of a number.
    #[must_use]
    pub fn shop(&self, number: u8) -> &Shop {
        &self.shops[usize::from(number) - 1]
    }

    /// Carries out a request that the product has decided; `record` is what the
    /// product wrote, if anything.
    ///
    /// # Errors
    /// [`Wrong`] if the record says what cannot be.
    pub fn submit(
        &mut self,
        request: &Request,
        now: Millis,
        record: Option<&Record>,
    ) -> Result<Foretold, Wrong> {
        let now = now.max(self.last_at);
        let (key, fingerprint) = (
            (request.shop, false, request.id),
            crate::chance::mix(request.fingerprint()),
        );
        let scan = request.ask.scan().map(|(scan, at, node)| {
            let said = u64::from(at.order) << 32 | u64::from(at.parcel) << 16 | u64::from(node);
            ((request.shop, true, scan), said)
        });
        for (key, fingerprint) in [(key, fingerprint)].into_iter().chain(scan) {
            if let Some(answered) = self.answered.get(&key) {
                must!(
                    record.is_none(),
                    "a request that was answered wrote a record"
                );
                return Ok(if answered.fingerprint == fingerprint {
                    Foretold::Repeat(answered.seq)
                } else {
                    Foretold::KeyReused
                });
            }
        }
        let moment = Moment {
            now,
            deadline_now: self.deadline_now(now),
            role: Role::from_number(request.role.into()).expect("a role's number"),
            device: request.device,
        };
        let result = self.decide(request, moment, record)?;
        let foretold = match result {
            Err(code) if !is_remembered(code) => Foretold::Fresh(code),
            result => Foretold::New(result),
        };
        if let Some(record) = record {
            self.seq += 1;
            must!(
                record.at == now,
                "a record is dated {}, it is {now}",
                record.at
            );
            self.last_at = now;
            let memory = self.shop(request.shop).rules.refusal_memory_hours * 3_600_000;
            if let Foretold::New(result) = &foretold {
                let refused_until = result.is_err().then_some(now + memory);
                for (key, fingerprint) in [(key, fingerprint)].into_iter().chain(scan) {
                    let answered = Answered {
                        fingerprint,
                        seq: self.seq,
                        at: now,
                        refused: refused_until.is_some(),
                        about_an_order: request.ask.is_about_an_order(),
                    };
                    self.answered.insert(key, answered);
                    self.refusals
                        .extend(refused_until.map(|until| (until, key)));
                }
            }
            self.forget_refusals(now);
        }
        Ok(foretold)
    }

    /// Refusals are forgotten in the order in which they were made.
    fn forget_refusals(&mut self, now: Millis) {
        let stay = self.refusals.iter().position(|(until, _)| *until > now);
        let over = stay.unwrap_or(self.refusals.len());
        for (_, key) in self.refusals.drain(..over) {
            self.answered.remove(&key);
        }
    }

    fn decide(&mut self, request: &Request, moment: Moment, record: Option<&Record>) -> Verdict {
        if let Ask::ReconcileClock { reason } = &request.ask {
            self.shops[usize::from(request.shop) - 1].opened |= record.is_some();
            if !reason {
                return Ok(Err(RefusalCode::ReasonRequired));
            }
            self.frozen_at = None;
            return Ok(Ok(Told::default()));
        }
        let shop = &mut self.shops[usize::from(request.shop) - 1];
        shop.opened |= record.is_some();
        if let Some(record) = record {
            shop.revive(record)?;
        }
        shop.lapse(record, moment.deadline_now)?;
        shop.decide(&request.ask, moment, &Choices::of(record))
    }

    /// Carries out what the engine wrote by itself at a tick.
    ///
    /// # Errors
    /// [`Wrong`] if something happened before its time, or to nobody.
    pub fn tick(&mut self, record: &Record, now: Millis) -> Result<(), Wrong> {
        let now = now.max(self.last_at);
        must!(
            record.at == now,
            "a tick is dated {}, it is {now}",
            record.at
        );
        self.seq += 1;
        self.last_at = now;
        let deadline_now = self.deadline_now(now);
        let shop = self.numbered(record.merchant)?;
        self.shops[shop].tick(record, deadline_now)?;
        self.forget_refusals(now);
        Ok(())
    }

    /// The shop of a merchant: they are numbered as they are opened.
    fn numbered(&self, merchant: u32) -> Result<usize, Wrong> {
        let mut opened: Vec<(u32, usize)> = Vec::new();
        for (index, shop) in self.shops.iter().enumerate() {
            opened.extend(shop.merchant.map(|merchant| (merchant, index)));
        }
        let found = opened.iter().find(|(known, _)| *known == merchant);
        found
            .map(|(_, index)| *index)
            .ok_or_else(|| Wrong::new(format!("nobody opened merchant {merchant}")))
    }

    /// Notes which merchant a shop is, when its first record is seen.
    pub fn meet(&mut self, shop: u8, record: &Record) {
        self.shops[usize::from(shop) - 1]
            .merchant
            .get_or_insert(record.merchant);
    }

    /// Carries out a time stamp.
    ///
    /// # Errors
    /// [`Wrong`] if it is dated wrongly.
    pub fn stamp(&mut self, record: &Record, now: Millis) -> Result<(), Wrong> {
        must!(
            record.at == now,
            "a stamp is dated {}, it is {now}",
            record.at
        );
        self.seq += 1;
        self.last_at = self.last_at.max(now);
        self.forget_refusals(now);
        Ok(())
    }

    /// Looks whether orders may be kept in the archive at `now`.
    ///
    /// # Errors
    /// [`Wrong`] if one of them may not.
    pub fn check_kept(&self, orders: &[Archived], now: Millis) -> Result<(), Wrong> {
        let deadline_now = self.deadline_now(now.max(self.last_at));
        orders.iter().try_for_each(|archived| {
            let shop = self.numbered(archived.merchant)?;
            self.shops[shop].check_old(archived.id, deadline_now)
        })
    }

    /// Lets the orders go that a record sends to the archive.
    ///
    /// # Errors
    /// [`Wrong`] if one of them is not over.
    pub fn let_go(&mut self, record: &Record, now: Millis) -> Result<(), Wrong> {
        let now = now.max(self.last_at);
        let [
            Entry {
                event: Some(Event::OrdersArchived(left)),
                ..
            },
        ] = &record.events[..]
        else {
            return Err(Wrong::new(format!("orders left with {:?}", record.events)));
        };
        must!(
            record.at == now,
            "orders left at {}, it is {now}",
            record.at
        );
        self.forget_requests(left.forgotten_upto.unwrap_or(0), self.deadline_now(now))?;
        self.seq += 1;
        self.last_at = now;
        for of in &left.merchants {
            let shop = self.numbered(of.merchant)?;
            for id in &of.orders {
                self.shops[shop].let_go(*id)?;
            }
        }
        self.forget_refusals(now);
        Ok(())
    }

    /// Forgets what was asked about orders up to a record, if all of it is old enough.
    fn forget_requests(&mut self, upto: u64, deadline_now: Millis) -> Result<(), Wrong> {
        let opened = self.shops.iter().filter(|shop| shop.merchant.is_some());
        let days = opened.map(|shop| shop.rules.request_memory_days).max();
        let memory = days.unwrap_or(0) * 86_400_000;
        let goes = |known: &&Answered| known.seq <= upto && known.about_an_order;
        for answered in self.answered.values().filter(goes) {
            must!(
                !answered.refused && (answered.at + memory <= deadline_now),
                "the request of record {} is forgotten {} ms early",
                answered.seq,
                answered.at + memory - deadline_now
            );
        }
        self.answered
            .retain(|_, answered| answered.seq > upto || !answered.about_an_order);
        Ok(())
    }

    /// Something falls due by itself some time.
    fn awaits_anything(&self) -> bool {
        self.shops.iter().any(|shop| shop.next_due().is_some())
    }

    /// Carries out a start after `last_at` at `now`: holds that were live get
    /// the outage back; an implausible clock stops all deadlines.
    ///
    /// # Errors
    /// [`Wrong`] if the record credits or freezes otherwise.
    pub fn start(&mut self, record: &Record, now: Millis) -> Result<(), Wrong> {
        let Some(Event::EngineStarted(started)) =
            record.events.first().and_then(|entry| entry.event.as_ref())
        else {
            return Err(Wrong::new("a start is not recorded as one"));
        };
        let first = self.seq == 0;
        let outage = now - self.last_at;
        let implausible = !first && !(0..=86_400_000).contains(&outage) && self.awaits_anything();
        let frozen_at = match self.frozen_at {
            Some(frozen) => frozen,
            None if implausible => self.last_at,
            None => 0,
        };
        let credit_ms = if first || implausible {
            0
        } else {
            outage.max(0)
        };
        must!(
            (started.credit_ms, started.frozen_at, started.last_at)
                == (credit_ms, frozen_at, self.last_at),
            "a start {outage} ms after the last record says {started:?}, it should credit {credit_ms} ms and freeze at {frozen_at}"
        );
        self.frozen_at = (frozen_at != 0).then_some(frozen_at);
        let last_at = self.last_at;
        for shop in &mut self.shops {
            shop.credit(credit_ms, last_at);
        }
        self.seq += 1;
        self.last_at = now.max(last_at);
        self.forget_refusals(self.last_at);
        Ok(())
    }
}

/// Refusals of form are not remembered: the same request may come again.
fn is_remembered(code: RefusalCode) -> bool {
    !matches!(
        code,
        RefusalCode::FieldInvalid
            | RefusalCode::LinesEmpty
            | RefusalCode::KeyReused
            | RefusalCode::ReasonRequired
            | RefusalCode::PolicyInvalid
    )
}

/// Compares an answer with what it must say.
///
/// # Errors
/// [`Wrong`] naming the first part that differs.
pub fn compare(answer: &Answer, told: &Result<Told, RefusalCode>) -> Result<(), Wrong> {
    match (answer, told) {
        (Answer::Refused(refusal), Err(code)) => {
            must!(
                refusal.code() == *code,
                "refused with {}, expected {code}",
                refusal.code()
            );
            Ok(())
        }
        (Answer::Refused(refusal), Ok(told)) => Err(Wrong::new(format!(
            "refused ({refusal}), expected {told:?}"
        ))),
        (Answer::Done(done), Err(code)) => {
            Err(Wrong::new(format!("done ({done:?}), expected {code}")))
        }
        (Answer::Done(done), Ok(told)) => compare_done(done, told),
    }
}

fn compare_done(done: &Done, told: &Told) -> Result<(), Wrong> {
    let cancels: Vec<(u32, u32, u32)> = done
        .cancels
        .iter()
        .map(|cancel| (cancel.parcel, cancel.result, cancel.node))
        .collect();
    let short: Vec<(String, i64)> = done
        .short
        .iter()
        .map(|short| (short.order_number.clone(), short.quantity))
        .collect();
    let expected_short: Vec<(String, i64)> = told
        .short
        .iter()
        .map(|(order, quantity)| (crate::ask::order(*order), *quantity))
        .collect();
    must!(
        done.payment_result == told.payment_result,
        "payment result {}, expected {}",
        done.payment_result,
        told.payment_result
    );
    must!(
        cancels == told.cancels,
        "cancels {cancels:?}, expected {:?}",
        told.cancels
    );
    must!(
        done.inferred == told.inferred,
        "inferred {:?}, expected {:?}",
        done.inferred,
        told.inferred
    );
    must!(
        done.evidence_only == told.evidence_only,
        "evidence only is {}",
        done.evidence_only
    );
    must!(
        done.backorders_filled == told.backorders_filled,
        "{} back-ordered units filled, expected {}",
        done.backorders_filled,
        told.backorders_filled
    );
    must!(
        done.difference == told.difference,
        "difference {}, expected {}",
        done.difference,
        told.difference
    );
    must!(
        short == expected_short,
        "short {short:?}, expected {expected_short:?}"
    );
    must!(
        done.order.is_some() == told.order.is_some()
            && done.parcel.is_some() == told.parcel.is_some()
            && done.new_parcel.is_some() == told.new_parcel.is_some(),
        "views {done:?}, expected {told:?}"
    );
    Ok(())
}
