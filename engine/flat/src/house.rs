//! A state with so many open orders, asked as the engine asks it: bytes to bytes.
//!
//! What the engine adds to a call is left out, since none of it depends on what is stored: the
//! credential, the locks, the journal's thread. So two runs count the same instructions.

use holdfast_engine::backward::Put;
use holdfast_engine::domain::command::Principal;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::orders::archived::Archived;
use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::outcome::Answer;
use holdfast_engine::domain::state::{Decision, State};
use holdfast_engine::domain::time::{DAY, MINUTE, Millis, SECOND};
use holdfast_engine::journal::Durability;
use holdfast_engine::views::Locale;
use holdfast_engine::wire::decode::{self, Query, Request};
use holdfast_engine::wire::queries::{self, EngineFacts};
use holdfast_engine::wire::reply::{self, Receipt};
use holdfast_engine::wire::{methods, pb};
use prost::Message;

use crate::orders::{self, Fate};

/// 2026-11-11 00:00 in Shanghai.
const START: Millis = 1_794_326_400_000;
/// The house is filled within this time, so that no hold has ended by then.
const FILLED_IN: Millis = 10 * MINUTE;
/// Past the deadline of every hold.
const ALL_DUE: Millis = 30 * MINUTE;
const SHOP: &str = "shop";

/// A state and its clock.
pub struct House {
    state: State,
    now: Millis,
    caller: Principal,
}

impl House {
    /// Stock, and nothing ordered.
    fn stocked() -> Self {
        let mut house = Self {
            state: State::new(Board::default()),
            now: START,
            caller: Principal {
                actor: "shop".into(),
                role: Role::Admin,
                device: String::new(),
            },
        };
        for receipt in orders::receipts() {
            house.ask("StockService/ReceiveStock", &receipt);
        }
        house
    }

    /// A house in which orders below `upto` are open.
    pub fn filled(upto: u64) -> Self {
        let mut house = Self::stocked();
        for number in 0..upto {
            house.now = START + FILLED_IN * number.cast_signed() / upto.cast_signed();
            house.ask("OrderService/PlaceOrder", &orders::place(number));
            match Fate::of(number) {
                Fate::Held => {}
                Fate::Paying => house.start_payment(number),
                Fate::Paid => house.confirm_payment(number),
            }
        }
        house.now = START + FILLED_IN;
        house
    }

    fn start_payment(&mut self, number: u64) {
        self.ask("OrderService/StartPayment", &orders::start_payment(number));
    }

    pub fn confirm_payment(&mut self, number: u64) {
        let confirm = orders::confirm_payment(number);
        self.ask("OrderService/ConfirmPayment", &confirm);
    }

    fn ask(&mut self, method: &str, message: &impl Message) {
        self.call(&path(method), &message.encode_to_vec());
    }

    /// What a call costs beside locks and threads: the reply, and the record in the journal.
    ///
    /// # Panics
    /// It was refused, which none of ours may be.
    pub fn call(&mut self, method: &str, request: &[u8]) -> Vec<u8> {
        let method = methods::find(method).expect("a method of the contract");
        let caller = decode::Caller {
            merchant: SHOP,
            principal: &self.caller,
        };
        match decode::decode(method, request, caller) {
            Ok(Request::Command(decoded)) => self.submit(&decoded),
            Ok(Request::Query(query)) => self.answer(&query),
            other => panic!("{} is {other:?}", method.name),
        }
    }

    fn submit(&mut self, decoded: &decode::Decoded) -> Vec<u8> {
        let record = match self.state.submit(&decoded.submission, self.now) {
            Decision::New(record) => record,
            Decision::Repeat(seq) => return seq.to_le_bytes().to_vec(),
            Decision::Fresh(refusal, _) => panic!("refused: {refusal}"),
        };
        let mut told = record.to_bytes();
        let receipt = Receipt {
            seq: self.state.seq(),
            durability: Durability::Memory,
            replayed: false,
            decided_at: record.at,
        };
        let Some(Answer::Done(done)) = record.outcome.as_ref().and_then(|it| it.answer.as_ref())
        else {
            panic!("refused: {record:?}");
        };
        let shop = self.state.merchant(SHOP).expect("it has just submitted");
        told.extend(reply::encode(decoded, done, shop, receipt, Locale::En));
        told
    }

    fn answer(&self, query: &Query) -> Vec<u8> {
        let facts = EngineFacts {
            now: self.now,
            durability: Durability::Memory,
            durable_seq: self.state.seq(),
            persistence: String::new(),
            clock_step_ms: 0,
        };
        queries::answer(query, &self.state, SHOP, &facts, Locale::En).expect("it is there")
    }

    /// From here on every hold has ended, and nobody has written it.
    pub fn let_all_end(&mut self) {
        self.now = START + ALL_DUE;
    }

    /// Writes the end of one hold.
    pub fn expire_one(&mut self) -> Vec<u8> {
        let advance = self.state.advance(self.now, 1);
        let written = advance.records.iter().map(Put::to_bytes);
        written.reduce(|all, _| all).expect("one was due")
    }

    pub fn open_orders(&self) -> i64 {
        let shop = self.state.merchant(SHOP).expect("it is stocked");
        shop.totals.open_orders
    }

    /// An order that may go to the archive.
    pub fn archived() -> Archived {
        let mut house = Self::stocked();
        let policy = pb::PublishPolicyRequest {
            request_id: "policy".into(),
            policy_json: r#"{"archive_after_days": 30}"#.into(),
        };
        house.ask("AdminService/PublishPolicy", &policy);
        house.ask("OrderService/PlaceOrder", &orders::place(0));
        house.ask("OrderService/CancelOrder", &orders::cancel_order(0));
        let later = house.now + 31 * DAY + SECOND;
        let mut leaving = house.state.archivable(later, 1);
        leaving.pop().expect("it has been over for a month")
    }
}

/// The name of a method of the contract, from its service and name.
pub fn path(method: &str) -> String {
    format!("/holdfast.v1.{method}")
}
