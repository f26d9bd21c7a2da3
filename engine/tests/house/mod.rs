//! A house to tell stories in: a state, a clock that jumps, a journal of records.
//!
//! After every step the audit must be clean; at the end replaying the journal
//! must give the same state, hash for hash.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use holdfast_engine::domain::command::{
    AdvanceParcel, CancelOrder, Command, ConfirmPayment, FailPayment, Line, PlaceOrder, Principal,
    ReceiveStock, RequestKey, StartPayment, Submission,
};
use holdfast_engine::domain::event::Record;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::orders::lifecycle::{Node, Role};
use holdfast_engine::domain::outcome::{Answer, Done, OrderView, ParcelView};
use holdfast_engine::domain::refusal::{Refusal, RefusalCode};
use holdfast_engine::domain::state::{Decision, Image, Ledger, Merchant, State};
use holdfast_engine::domain::time::{MINUTE, Millis};
use holdfast_engine::domain::words::{Bucket, Flag, Flags, HoldState, SourceChannel, Urgency};
use prost::Message;

/// 2026-11-11 00:00 in Shanghai.
pub const START: Millis = 1_794_326_400_000;
pub const SHOP: &str = "shop";

pub struct House {
    pub state: State,
    pub now: Millis,
    pub journal: Vec<Record>,
    pub role: Role,
    pub device: String,
    next_key: u128,
}

impl House {
    /// An empty house.
    pub fn new() -> Self {
        Self {
            state: State::new(Board::default()),
            now: START,
            journal: Vec::new(),
            role: Role::Admin,
            device: String::new(),
            next_key: 1,
        }
    }

    /// A house with some free units of SKUs in warehouse "hangzhou".
    pub fn stocked(stock: &[(&str, i64)]) -> Self {
        let mut house = Self::new();
        for (sku, quantity) in stock {
            house.receive(sku, "hangzhou", *quantity);
        }
        house
    }

    pub fn m(&self) -> &Merchant {
        self.state
            .merchant(SHOP)
            .expect("something was submitted before")
    }

    pub fn submission(&mut self, command: Command) -> Submission {
        self.next_key += 1;
        Submission {
            merchant: SHOP.into(),
            principal: Principal {
                actor: "anna".into(),
                role: self.role,
                device: self.device.clone(),
            },
            key: RequestKey {
                key: self.next_key,
                fingerprint: 1,
            },
            command,
            archived: None,
        }
    }

    pub fn decide(&mut self, submission: &Submission) -> Decision {
        let mut reborn = self.reborn();
        let decision = self.state.submit(submission, self.now);
        // A state that was just loaded decides alike.
        let again = reborn.submit(submission, self.now);
        assert_eq!(format!("{decision:?}"), format!("{again:?}"));
        assert_eq!(
            indexes(&reborn),
            indexes(&self.state),
            "after {submission:?}"
        );
        if let Decision::New(record) | Decision::Fresh(_, Some(record)) = &decision {
            self.journal.push((**record).clone());
        }
        self.check();
        decision
    }

    /// Submits under a fresh key.
    pub fn submit(&mut self, command: Command) -> Result<Done, Refusal> {
        let submission = self.submission(command);
        match self.decide(&submission) {
            Decision::New(record) => answer(&record),
            Decision::Fresh(refusal, _) => Err(refusal),
            Decision::Repeat(seq) => panic!("a fresh key cannot repeat record {seq}"),
        }
    }

    pub fn refused(&mut self, command: Command) -> Refusal {
        self.submit(command).expect_err("a refusal")
    }

    pub fn done(&mut self, command: Command) -> Done {
        self.submit(command).expect("no refusal")
    }

    /// The audit is clean.
    pub fn check(&self) {
        let findings = self.state.audit();
        assert!(findings.is_empty(), "{findings:#?}");
    }

    /// The state, loaded from its image.
    pub fn reborn(&self) -> State {
        let mut image = Image::new(Board::default());
        let taken = self.state.image(&mut |part| image.take(part));
        taken.expect("own image");
        let reborn = image.finish().expect("own image");
        assert_eq!(reborn.digest(), self.state.digest());
        reborn
    }

    /// Replaying the journal, through its bytes, gives the same state; and the
    /// movements in it add up to the counters (S4, S5).
    pub fn check_replay(&self) {
        let mut replayed = State::new(Board::default());
        let mut ledger = Ledger::default();
        for record in &self.journal {
            let bytes = record.encode_to_vec();
            let record = Record::decode(bytes.as_slice()).expect("own encoding");
            ledger.book(&record);
            replayed.replay(&record).expect("own journal");
        }
        let findings = ledger.audit(&self.state);
        assert!(findings.is_empty(), "{findings:#?}");
        assert_eq!(
            replayed.digest(),
            self.state.digest(),
            "replay differs from the live state"
        );
        let middle = self.journal.len() / 2;
        let mut resumed = State::new(Board::default());
        for record in &self.journal[..middle] {
            resumed.replay(record).expect("own journal");
        }
        let mut image = Image::new(Board::default());
        let taken = resumed.image(&mut |part| image.take(part));
        taken.expect("own image");
        let mut resumed = image.finish().expect("own image");
        for record in &self.journal[middle..] {
            resumed.replay(record).expect("own journal");
        }
        assert_eq!(
            resumed.digest(),
            self.state.digest(),
            "an image and the records after it differ from the live state"
        );
    }

    /// Lets time pass without anybody writing what falls due.
    pub fn pass(&mut self, duration: Millis) {
        self.now += duration;
    }

    /// Writes everything that is due.
    pub fn tick(&mut self) {
        loop {
            let advance = self.state.advance(self.now, 100);
            let more = advance.more;
            self.journal.extend(advance.records);
            self.check();
            if !more {
                return;
            }
        }
    }

    pub fn receive(&mut self, sku: &str, warehouse: &str, quantity: i64) -> Done {
        self.done(receive(sku, warehouse, quantity))
    }

    pub fn place(&mut self, number: &str, lines: &[(&str, i64)]) -> Result<Done, Refusal> {
        self.submit(place(number, lines))
    }

    pub fn start_payment(&mut self, number: &str) -> Result<Done, Refusal> {
        self.submit(start(number, "pay-1"))
    }

    pub fn fail_payment(&mut self, number: &str) -> Result<Done, Refusal> {
        self.submit(fail(number, "pay-1"))
    }

    pub fn confirm(&mut self, number: &str) -> Result<Done, Refusal> {
        self.submit(confirm(number))
    }

    /// Places and pays.
    pub fn paid(&mut self, number: &str, lines: &[(&str, i64)]) -> Done {
        self.place(number, lines).expect("placed");
        self.confirm(number).expect("paid")
    }

    /// Scans a parcel into a node with the role that may.
    pub fn scan(&mut self, parcel_id: &str, node: Node) -> Result<Done, Refusal> {
        let role = self.role;
        self.role = node
            .spec()
            .triggered_by
            .iter()
            .copied()
            .find(|role| *role != Role::Engine)
            .expect("somebody may");
        let result = self.submit(advance(parcel_id, node));
        self.role = role;
        result
    }

    /// Walks a paid parcel node by node up to `node`.
    pub fn walk(&mut self, parcel_id: &str, node: Node) {
        for step in Node::ALL
            .iter()
            .copied()
            .filter(|step| *step > Node::UnderReview && *step <= node)
        {
            self.pass(MINUTE);
            self.scan(parcel_id, step)
                .unwrap_or_else(|refusal| panic!("{parcel_id} to {step}: {refusal}"));
        }
    }

    /// Units of a bucket as an exact read gives them.
    pub fn units(&self, sku: &str, bucket: Bucket) -> i64 {
        self.units_in(sku, "hangzhou", bucket)
    }

    pub fn units_in(&self, sku: &str, warehouse: &str, bucket: Bucket) -> i64 {
        let m = self.m();
        let name = |text| m.names.find(text).expect("known name");
        let pool = m.pool_of(name(sku), name(warehouse)).expect("known pool");
        let now = self.state.deadline_now(self.now);
        m.stock_view(pool, now).buckets[usize::from(bucket.number()) - 1]
    }

    pub fn order(&self, number: &str) -> OrderView {
        let id = self.m().orders.find(number).expect("known order");
        self.m().order_view(id, self.state.deadline_now(self.now))
    }

    pub fn hold_state(&self, number: &str) -> HoldState {
        HoldState::from_number(self.order(number).hold_state as i32).expect("a hold")
    }

    pub fn has_flag(&self, number: &str, flag: Flag) -> bool {
        Flags::from_bits(self.order(number).flags).has(flag)
    }

    pub fn parcel(&self, parcel_id: &str) -> ParcelView {
        let (id, index) = self.m().find_parcel(parcel_id).expect("known parcel");
        self.m().parcel_view(id, index, self.now)
    }

    pub fn node(&self, parcel_id: &str) -> Node {
        Node::from_number(self.parcel(parcel_id).node as i32).expect("a node")
    }
}

pub fn answer(record: &Record) -> Result<Done, Refusal> {
    match record
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.answer.clone())
    {
        Some(Answer::Done(done)) => Ok(done),
        Some(Answer::Refused(refusal)) => Err(refusal),
        None => panic!("a command's record has an outcome"),
    }
}

pub fn code(result: Result<Done, Refusal>) -> RefusalCode {
    result.expect_err("a refusal").code()
}

pub fn receive(sku: &str, warehouse: &str, quantity: i64) -> Command {
    Command::ReceiveStock(ReceiveStock {
        sku: sku.into(),
        warehouse: warehouse.into(),
        quantity,
        batch: String::new(),
        expires_at: None,
        qc_report: String::new(),
        to_qc: false,
        reason: String::new(),
    })
}

pub fn line(sku: &str, quantity: i64) -> Line {
    Line {
        sku: sku.into(),
        quantity,
        ..Line::default()
    }
}

pub fn order(number: &str, lines: Vec<Line>) -> PlaceOrder {
    PlaceOrder {
        order_number: number.into(),
        source_channel: SourceChannel::Douyin,
        urgency: Urgency::Normal,
        lines,
        channel_order_id: String::new(),
        shop_id: String::new(),
        buyer_token: String::new(),
        province: String::new(),
        paid: false,
        supersede: false,
        ship_by: None,
        suspend_reason: String::new(),
        document: Vec::new(),
    }
}

pub fn place(number: &str, lines: &[(&str, i64)]) -> Command {
    Command::PlaceOrder(Box::new(order(
        number,
        lines
            .iter()
            .map(|(sku, quantity)| line(sku, *quantity))
            .collect(),
    )))
}

pub fn start(number: &str, payment_ref: &str) -> Command {
    Command::StartPayment(StartPayment {
        order_number: number.into(),
        payment_ref: payment_ref.into(),
    })
}

pub fn fail(number: &str, payment_ref: &str) -> Command {
    Command::FailPayment(FailPayment {
        order_number: number.into(),
        payment_ref: payment_ref.into(),
        reason: "DECLINED".into(),
    })
}

pub fn confirm(number: &str) -> Command {
    Command::ConfirmPayment(ConfirmPayment {
        order_number: number.into(),
        payment_ref: "pay-1".into(),
        paid_at: None,
        units: Vec::new(),
        keep_rest: false,
        amount_minor: 9_900,
    })
}

pub fn cancel(number: &str) -> Command {
    Command::CancelOrder(CancelOrder {
        order_number: number.into(),
        parcel_ids: Vec::new(),
        units: Vec::new(),
        reason: "customer".into(),
    })
}

pub fn advance(parcel_id: &str, node: Node) -> Command {
    Command::AdvanceParcel(Box::new(AdvanceParcel {
        parcel_id: parcel_id.into(),
        expected_version: 0,
        node,
        occurred_at: None,
        scan_id: String::new(),
        reason: "as found".into(),
        evidence: Vec::new(),
        warehouse: String::new(),
    }))
}

/// What follows from a state and is no part of its image, as text.
fn indexes(state: &State) -> String {
    let of = |merchant: &Merchant| {
        let pools: Vec<_> = (merchant.pools.iter())
            .map(|pool| {
                let first = pool.next_to_end(Millis::MIN);
                let lists: (Vec<_>, Vec<_>) =
                    (pool.waiting().collect(), pool.newest_promises().collect());
                (pool.backordered, lists, pool.scheduled(), first)
            })
            .collect();
        let buyers: BTreeMap<_, _> = merchant.buyers.iter().collect();
        let queues = (&merchant.due, &merchant.agenda, merchant.totals);
        format!(
            "{queues:?} {pools:?} {buyers:?} {:?}",
            merchant.pools_by_sku
        )
    };
    state.merchants().iter().map(of).collect()
}
