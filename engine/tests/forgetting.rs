//! Requests about orders are forgotten in time; one that comes again then does nothing twice.

mod house;

use std::collections::BTreeMap;

use holdfast_engine::domain::command::{
    AmendOrder, AmendUnits, Command, ConfirmDeposit, PublishPolicy, ReleaseHold, Submission,
};
use holdfast_engine::domain::orders::archived::Archived;
use holdfast_engine::domain::orders::lifecycle::{Node, Role};
use holdfast_engine::domain::outcome::{Done, OrderView};
use holdfast_engine::domain::refusal::{Refusal, RefusalCode};
use holdfast_engine::domain::state::Decision;
use holdfast_engine::domain::time::{DAY, HOUR, Millis};
use holdfast_engine::domain::words::{Bucket, CancelResult, Flag, HoldState, PaymentResult};
use house::{House, advance, answer, cancel, confirm, fail, place, receive, start};

/// A house, what it was asked, and what left it.
struct Told {
    house: House,
    asked: BTreeMap<&'static str, Submission>,
    archived: Vec<Archived>,
}

impl Told {
    fn new(policy: &str) -> Self {
        let mut house = House::new();
        let started = house.state.start(house.now, "test");
        house.journal.push(started);
        house.done(Command::PublishPolicy(PublishPolicy {
            policy_json: policy.into(),
        }));
        Self {
            house,
            asked: BTreeMap::new(),
            archived: Vec::new(),
        }
    }

    /// Submits a command that will be asked again under this name.
    fn ask(&mut self, name: &'static str, command: Command) -> Result<Done, Refusal> {
        let submission = self.house.submission(command);
        let decision = self.house.decide(&submission);
        self.asked.insert(name, submission);
        decided(&decision)
    }

    /// The same submission again, with the archived order that it names.
    fn again(&mut self, name: &str) -> Decision {
        let mut submission = self.asked[name].clone();
        if let Some(order) = submission.command.order() {
            let found = self.archived.iter().rev();
            let mut found = found.filter(|archived| &*archived.order.number == order);
            submission.archived = found.next().cloned().map(Box::new);
        }
        self.house.decide(&submission)
    }

    fn knows(&self, name: &str) -> bool {
        self.house.state.knows(self.asked[name].key.key)
    }

    /// Lets everything go that may.
    fn archive(&mut self) -> usize {
        let orders = self.house.state.archivable(self.house.now, 1_000);
        let run = self.house.state.archive_mark().run + 1;
        let record = self.house.state.archive(&orders, run, self.house.now);
        self.house.journal.extend(record);
        self.house.check();
        self.archived.extend(orders.iter().cloned());
        orders.len()
    }

    /// Places and cancels an order, so that there is one to archive later.
    fn fill(&mut self, number: &str) {
        self.house.place(number, &[("cup", 1)]).expect("placed");
        self.house.done(cancel(number));
    }

    fn view(&mut self, number: &str) -> OrderView {
        let archived = self.archived.iter().rev();
        let mut found = archived.filter(|archived| &*archived.order.number == number);
        let archived = found.next().expect("it was archived").clone();
        let now = self.house.now;
        self.house.state.with_archived(&archived, |state| {
            let merchant = &state.merchants()[0];
            merchant.order_view(archived.id, now)
        })
    }

    fn units(&self) -> Vec<i64> {
        let buckets = [Bucket::Available, Bucket::Held, Bucket::Allocated];
        buckets.map(|bucket| self.house.units("cup", bucket)).into()
    }
}

fn decided(decision: &Decision) -> Result<Done, Refusal> {
    match decision {
        Decision::New(record) => answer(record),
        Decision::Fresh(refusal, _) => Err(refusal.clone()),
        Decision::Repeat(seq) => panic!("record {seq} is remembered"),
    }
}

fn amend(number: &str, quantity: i64) -> Command {
    let change = AmendUnits {
        sku: "cup".into(),
        warehouse: String::new(),
        quantity,
    };
    Command::AmendOrder(AmendOrder {
        order_number: number.into(),
        units: vec![change],
    })
}

fn deposit(number: &str, balance_due_at: Millis) -> Command {
    Command::ConfirmDeposit(ConfirmDeposit {
        order_number: number.into(),
        payment_ref: "wx-3".into(),
        balance_due_at,
    })
}

/// One order of each kind of end, archived, and their requests forgotten.
fn forgotten() -> Told {
    let mut told = Told::new(r#"{"archive_after_days": 30, "request_memory_days": 40}"#);
    told.ask("receive", receive("cup", "hangzhou", 100))
        .expect("received");
    told.ask("place", place("paid", &[("cup", 2)]))
        .expect("placed");
    told.ask("start", start("paid", "wx-1")).expect("paying");
    told.ask("confirm", confirm("paid")).expect("paid");
    told.house.walk("paid/1", Node::Departed);
    let anybody = std::mem::replace(&mut told.house.role, Role::Driver);
    told.ask("advance", advance("paid/1", Node::WithCarrier))
        .expect("scanned");
    told.house.role = anybody;
    told.house.scan("paid/1", Node::Signed).expect("signed");
    told.ask("place cancelled", place("cancelled", &[("cup", 1)]))
        .expect("placed");
    told.ask("cancel", cancel("cancelled")).expect("cancelled");
    told.ask("late payment", confirm("cancelled"))
        .expect("a refund is due");
    told.house.place("failed", &[("cup", 1)]).expect("placed");
    told.house.done(start("failed", "wx-2"));
    told.ask("fail", fail("failed", "wx-2")).expect("failed");
    let release = Command::ReleaseHold(ReleaseHold {
        order_number: "failed".into(),
        reason: String::new(),
    });
    told.ask("release", release).expect("released");
    told.house.done(cancel("failed"));
    told.house.place("changed", &[("cup", 1)]).expect("placed");
    told.ask("amend", amend("changed", 3)).expect("amended");
    let due = told.house.now + DAY;
    told.ask("deposit", deposit("changed", due)).expect("paid");
    told.house.done(cancel("changed"));
    // Its hold runs out, and the payment finds the units again.
    told.house.place("expired", &[("cup", 1)]).expect("placed");
    told.house.pass(HOUR);
    told.house.tick();
    told.ask("expired payment", confirm("expired"))
        .expect("paid");
    told.house.done(cancel("expired"));
    told.house.pass(16 * DAY);
    told.house.tick();
    told.house.pass(31 * DAY);
    assert_eq!(told.archive(), 5);
    told.fill("later");
    told.house.pass(40 * DAY - 1);
    told.archive();
    assert!(told.knows("place"), "a millisecond before its time");
    told.house.pass(1);
    told.fill("last");
    told.house.pass(31 * DAY);
    told.archive();
    told
}

#[test]
fn each_hot_command_that_comes_again_finds_what_it_did() {
    let mut told = forgotten();
    let numbers = ["paid", "cancelled", "failed", "changed", "expired"];
    let views = numbers.map(|number| told.view(number));
    let units = told.units();
    for (name, code) in [
        ("place", RefusalCode::OrderClosed),
        ("place cancelled", RefusalCode::OrderClosed),
        ("start", RefusalCode::OrderClosed),
        ("fail", RefusalCode::OrderClosed),
        ("amend", RefusalCode::OrderClosed),
        ("deposit", RefusalCode::OrderClosed),
    ] {
        assert!(!told.knows(name), "{name}");
        let decision = told.again(name);
        assert_eq!(decided(&decision).expect_err(name).code(), code, "{name}");
    }
    let confirmed = decided(&told.again("confirm")).expect("an answer");
    let already = u32::from(PaymentResult::AlreadyConfirmed.number());
    assert_eq!(confirmed.payment_result, already);
    let released = decided(&told.again("release")).expect("an answer");
    let hold_state = released.order.expect("its order").hold_state;
    assert_eq!(hold_state, u32::from(HoldState::Released.number()));
    let cancelled = decided(&told.again("cancel")).expect("an answer");
    let already = u32::from(CancelResult::AlreadyCancelled.number());
    assert_eq!(cancelled.cancels[0].result, already);
    assert!(decided(&told.again("advance")).expect("kept").evidence_only);
    // Money that comes for a cancelled order takes no goods; a person compares the payments.
    let after_cancel = u32::from(PaymentResult::PaidAfterCancel.number());
    for name in ["late payment", "expired payment"] {
        let late = decided(&told.again(name)).expect("an answer");
        assert_eq!(late.payment_result, after_cancel, "{name}");
    }
    assert_eq!(told.units(), units);
    for (number, before) in numbers.iter().zip(views) {
        let after = match told.house.m().orders.by_number(number) {
            Some(_) => told.house.order(number),
            None => told.view(number),
        };
        assert_eq!(after.parcels, before.parcels, "{number}");
        let flags = |view: &OrderView| view.flags & !(1 << Flag::PaidAfterCancel.number());
        assert_eq!(flags(&after), flags(&before), "{number}");
        assert_eq!(after.status, before.status, "{number}");
    }
    told.house.check_replay();
}

/// Nothing else would say that the goods came before.
#[test]
fn stock_that_came_is_never_counted_twice() {
    let mut told = forgotten();
    let units = told.units();
    assert!(told.knows("receive"));
    assert!(matches!(told.again("receive"), Decision::Repeat(_)));
    assert_eq!(told.units(), units);
}

#[test]
fn an_order_that_is_open_is_held_once() {
    let mut told = Told::new(r#"{"archive_after_days": 1, "request_memory_days": 2}"#);
    told.house.receive("cup", "hangzhou", 10);
    told.ask("place", place("open", &[("cup", 2)]))
        .expect("placed");
    told.ask("confirm", confirm("open")).expect("paid");
    told.fill("a");
    for number in ["b", "c", "d"] {
        told.house.pass(2 * DAY);
        assert_eq!(told.archive(), 1);
        told.fill(number);
    }
    assert!(!told.knows("place") && !told.knows("confirm"));
    let again = decided(&told.again("place")).expect_err("refused");
    assert_eq!(again.code(), RefusalCode::OrderExists);
    let again = decided(&told.again("confirm")).expect("an answer");
    let already = u32::from(PaymentResult::AlreadyConfirmed.number());
    assert_eq!(again.payment_result, already);
    assert_eq!(told.house.units("cup", Bucket::Allocated), 2);
}

/// A request of the same key and another payload is a new one once the first is forgotten.
#[test]
fn what_was_forgotten_is_remembered_anew() {
    let mut told = forgotten();
    assert!(!told.knows("start"));
    let refused = told.again("start");
    assert!(matches!(refused, Decision::New(_)), "{refused:?}");
    assert!(told.knows("start"));
    assert!(matches!(told.again("start"), Decision::Repeat(_)));
    // The refusal has its own, shorter time.
    told.house.pass(25 * HOUR);
    told.fill("another");
    assert!(!told.knows("start"));
    told.house.check_replay();
}

/// Memory holds requests of the last days, however many there were.
#[test]
fn requests_in_memory_are_bounded() {
    let mut told = Told::new(r#"{"archive_after_days": 1, "request_memory_days": 2}"#);
    told.house.receive("cup", "hangzhou", 10);
    let mut most = 0;
    for day in 0..40 {
        for order in 0..20 {
            told.fill(&format!("{day}-{order}"));
        }
        told.house.pass(DAY);
        told.archive();
        if day == 20 {
            most = told.house.state.requests_in_memory();
        }
    }
    let after = told.house.state.requests_in_memory();
    // 40 requests a day are remembered for two days after they were marked.
    assert!(after <= most && after < 400, "{most}, then {after}");
    told.house.check_replay();
}

/// The longest memory of all merchants holds, and the default is half a year.
#[test]
fn requests_are_remembered_for_180_days_unless_a_policy_says_otherwise() {
    let mut told = Told::new(r#"{"archive_after_days": 1}"#);
    told.house.receive("cup", "hangzhou", 10);
    told.ask("place", place("first", &[("cup", 1)]))
        .expect("placed");
    told.house.done(cancel("first"));
    for day in 0..180 {
        told.fill(&format!("{day}"));
        told.house.pass(DAY);
        assert!(told.archive() > 0);
        assert!(told.knows("place"), "after {day} days");
    }
    for day in 180..183 {
        told.fill(&format!("{day}"));
        told.house.pass(DAY);
        assert!(told.archive() > 0);
    }
    assert!(!told.knows("place"));
}
