//! Stories of holds: H1 to H15, and the pains they answer.

mod house;

use holdfast_engine::domain::command::{
    AmendOrder, AmendUnits, Command, ConfirmDeposit, ConfirmPayment, PublishPolicy, ReleaseHold,
};
use holdfast_engine::domain::orders::lifecycle::Node;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::state::Decision;
use holdfast_engine::domain::time::{DAY, HOUR, MINUTE, SECOND};
use holdfast_engine::domain::words::{Bucket, Flag, HoldState, PaymentResult};
use house::{House, cancel, code, confirm, fail, line, order, place, start};

fn policy(house: &mut House, json: &str) {
    house.done(Command::PublishPolicy(PublishPolicy {
        policy_json: json.into(),
    }));
}

fn result(done: &holdfast_engine::domain::outcome::Done) -> PaymentResult {
    PaymentResult::from_number(done.payment_result as i32).expect("a result")
}

/// The wire refuses it as well; here nothing of it may happen whoever calls.
#[test]
fn an_order_without_lines_is_refused_and_leaves_nothing() {
    let mut house = House::stocked(&[("cup", 5)]);
    let refusal = house.place("A", &[]).expect_err("no lines");
    assert_eq!(refusal.code(), RefusalCode::LinesEmpty);
    assert!(house.m().orders.is_empty());
}

#[test]
fn unpaid_hold_is_released_after_15_minutes() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(15 * MINUTE - 1);
    house.tick();
    assert_eq!(house.units("cup", Bucket::Available), 0);
    house.pass(1);
    house.tick();
    assert_eq!(house.units("cup", Bucket::Available), 1);
    assert_eq!(house.hold_state("A"), HoldState::Expired);
    assert!(house.has_flag("A", Flag::NoHold));
    house.check_replay();
}

#[test]
fn payment_keeps_a_hold_until_45_minutes_after_its_creation() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(10 * MINUTE);
    house.start_payment("A").expect("live");
    house.pass(35 * MINUTE - 1);
    house.tick();
    assert_eq!(house.hold_state("A"), HoldState::Paying);
    house.pass(1);
    house.tick();
    assert_eq!(house.hold_state("A"), HoldState::Expired);
}

#[test]
fn with_the_other_anchor_45_minutes_count_from_the_first_attempt_up_to_60() {
    let mut house = House::stocked(&[("cup", 2)]);
    policy(&mut house, r#"{"pay_anchor": "PAYMENT_STARTED"}"#);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(10 * MINUTE);
    house.start_payment("A").expect("live");
    assert_eq!(house.order("A").hold_expires_at, house.now + 45 * MINUTE);
    house.place("B", &[("cup", 1)]).expect("placed");
    house.pass(15 * MINUTE - 1);
    house.submit(start("B", "late")).expect("live");
    assert_eq!(
        house.order("B").hold_expires_at,
        house.now - (15 * MINUTE - 1) + 60 * MINUTE - 1
    );
}

#[test]
fn a_further_payment_reference_never_moves_the_deadline() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.submit(start("A", "one")).expect("live");
    let until = house.order("A").hold_expires_at;
    house.pass(5 * MINUTE);
    house.submit(start("A", "two")).expect("live");
    assert_eq!(house.order("A").hold_expires_at, until);
    house.submit(fail("A", "one")).expect("live");
    assert_eq!(
        house.hold_state("A"),
        HoldState::Paying,
        "another reference is still open"
    );
    house.submit(fail("A", "two")).expect("live");
    assert_eq!(house.hold_state("A"), HoldState::Held);
    assert_eq!(house.order("A").hold_expires_at, house::START + 15 * MINUTE);
}

#[test]
fn a_payment_that_fails_after_15_minutes_releases_at_once() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.start_payment("A").expect("live");
    house.pass(20 * MINUTE);
    house.fail_payment("A").expect("live");
    assert_eq!(house.hold_state("A"), HoldState::Released);
    assert_eq!(house.units("cup", Bucket::Available), 1);
    // Domain H6: after PAYMENT_FAILED a late payment may take it again.
    assert_eq!(
        result(&house.confirm("A").expect("answered")),
        PaymentResult::LateReacquired
    );
    house.check_replay();
}

#[test]
fn retry_grace_keeps_a_failed_payment_for_a_moment() {
    let mut house = House::stocked(&[("cup", 1)]);
    policy(&mut house, r#"{"retry_grace_seconds": 120}"#);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.start_payment("A").expect("live");
    house.pass(44 * MINUTE);
    house.fail_payment("A").expect("live");
    assert_eq!(house.hold_state("A"), HoldState::Held);
    assert_eq!(
        house.order("A").hold_expires_at,
        house::START + 45 * MINUTE,
        "never beyond the cap"
    );
}

/// Check 3: one millisecond decides, written or not.
#[test]
fn confirm_before_at_and_after_the_deadline() {
    for written in [false, true] {
        for (offset, expected) in [
            (-1, PaymentResult::Confirmed),
            (0, PaymentResult::LateReacquired),
            (1, PaymentResult::LateReacquired),
        ] {
            let mut house = House::stocked(&[("cup", 1)]);
            house.place("A", &[("cup", 1)]).expect("placed");
            house.pass(15 * MINUTE + offset);
            if written {
                house.tick();
            }
            let done = house.confirm("A").expect("answered");
            assert_eq!(result(&done), expected, "{offset} ms, written: {written}");
            assert_eq!(house.units("cup", Bucket::Allocated), 1);
            house.check_replay();
        }
    }
}

/// Check 4: the units are free to others before anybody wrote the expiry.
#[test]
fn a_lapsed_hold_is_refused_and_its_units_are_free() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(15 * MINUTE);
    assert_eq!(house.units("cup", Bucket::Available), 1);
    assert_eq!(house.hold_state("A"), HoldState::Expired);
    house.place("B", &[("cup", 1)]).expect("the unit is free");
    assert_eq!(code(house.start_payment("A")), RefusalCode::HoldExpired);
    assert_eq!(house.hold_state("B"), HoldState::Held);
}

#[test]
fn a_refused_extension_on_a_lapsed_hold_still_writes_what_is_true() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(15 * MINUTE);
    assert_eq!(code(house.start_payment("A")), RefusalCode::HoldExpired);
    house.check_replay();
}

/// Pain 11 and H6: money is never taken for nothing in silence.
#[test]
fn late_payment_without_stock_becomes_a_named_exception() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(16 * MINUTE);
    house.paid("B", &[("cup", 1)]);
    let done = house.confirm("A").expect("answered");
    assert_eq!(result(&done), PaymentResult::PaidNoStock);
    assert!(
        house.has_flag("A", Flag::StockLostAfterPayment) && house.has_flag("A", Flag::Suspended)
    );
    assert_eq!(house.units("cup", Bucket::Allocated), 1);
    house.receive("cup", "hangzhou", 1);
    assert_eq!(
        result(&house.confirm("A").expect("answered")),
        PaymentResult::LateReacquired
    );
    house.check_replay();
}

#[test]
fn paying_a_cancelled_order_moves_nothing_and_is_to_be_refunded() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.done(cancel("A"));
    assert_eq!(house.units("cup", Bucket::Available), 1);
    assert_eq!(
        result(&house.confirm("A").expect("answered")),
        PaymentResult::PaidAfterCancel
    );
    assert!(house.has_flag("A", Flag::RefundDue));
    assert_eq!(house.units("cup", Bucket::Allocated), 0);
    house.check_replay();
}

#[test]
fn a_second_confirmation_moves_nothing() {
    let mut house = House::stocked(&[("cup", 3)]);
    house.paid("A", &[("cup", 1)]);
    assert_eq!(
        result(&house.confirm("A").expect("answered")),
        PaymentResult::AlreadyConfirmed
    );
    assert_eq!(house.units("cup", Bucket::Allocated), 1);
}

/// Check 6 and pain 3: lines of one SKU are one demand.
#[test]
fn three_lines_of_a_sku_need_the_sum() {
    let mut house = House::stocked(&[("cup", 2)]);
    let refusal = house
        .place("A", &[("cup", 1), ("cup", 1), ("cup", 1)])
        .expect_err("short");
    assert_eq!(refusal.code(), RefusalCode::StockInsufficient);
    assert_eq!((refusal.get("asked"), refusal.get("free")), ("3", "2"));
    assert_eq!(house.units("cup", Bucket::Held), 0);
}

#[test]
fn a_refusal_names_every_short_pool_and_who_holds_it_until_when() {
    let mut house = House::stocked(&[("cup", 1), ("pot", 1), ("tray", 9)]);
    house.place("A", &[("cup", 1), ("pot", 1)]).expect("placed");
    let refusal = house
        .place("B", &[("cup", 1), ("tray", 1), ("pot", 2)])
        .expect_err("short");
    assert_eq!(
        (
            refusal.get("sku"),
            refusal.get("sku.2"),
            refusal.get("short_pools")
        ),
        ("cup", "pot", "2")
    );
    assert_eq!(
        (refusal.get("held_by"), refusal.get("held_until")),
        ("A", "2026-11-10T16:15:00.000Z")
    );
    assert_eq!(house.units("tray", Bucket::Held), 0, "nothing was held");
}

#[test]
fn the_same_lines_again_are_the_same_hold_and_others_are_refused() {
    let mut house = House::stocked(&[("cup", 5)]);
    house.place("A", &[("cup", 2)]).expect("placed");
    house.pass(MINUTE);
    let again = house
        .place("A", &[("cup", 1), ("cup", 1)])
        .expect("the same hold")
        .order
        .expect("an order");
    assert_eq!(again.hold_expires_at, house::START + 15 * MINUTE);
    assert_eq!(house.units("cup", Bucket::Held), 2);
    assert_eq!(
        code(house.place("A", &[("cup", 3)])),
        RefusalCode::AlreadyHeld
    );
}

/// Pain 15: the buyer is not blocked by his own earlier hold.
#[test]
fn supersede_replaces_a_hold_counting_its_own_units_as_free() {
    let mut house = House::stocked(&[("cup", 3)]);
    house.place("A", &[("cup", 3)]).expect("placed");
    house.pass(5 * MINUTE);
    let mut again = order("A", vec![line("cup", 2)]);
    again.supersede = true;
    let view = house
        .done(Command::PlaceOrder(Box::new(again.clone())))
        .order
        .expect("an order");
    assert_eq!(
        view.hold_expires_at,
        house::START + 15 * MINUTE,
        "the first deadline is kept"
    );
    assert_eq!(
        (
            house.units("cup", Bucket::Held),
            house.units("cup", Bucket::Available)
        ),
        (2, 1)
    );
    house.start_payment("A").expect("live");
    again.lines = vec![line("cup", 1)];
    assert_eq!(
        house.refused(Command::PlaceOrder(Box::new(again))).code(),
        RefusalCode::PaymentInProgress
    );
    house.check_replay();
}

#[test]
fn an_expired_order_may_be_placed_again() {
    let mut house = House::stocked(&[("cup", 3), ("pot", 1)]);
    house.place("A", &[("cup", 3)]).expect("placed");
    house.pass(15 * MINUTE);
    let view = house
        .place("A", &[("pot", 1)])
        .expect("placed again")
        .order
        .expect("an order");
    assert_eq!(view.hold_generation, 2);
    assert!(!house.has_flag("A", Flag::NoHold));
    house.confirm("A").expect("paid");
    assert_eq!(
        (
            house.units("cup", Bucket::Available),
            house.units("pot", Bucket::Allocated)
        ),
        (3, 1)
    );
    house.check_replay();
}

#[test]
fn part_of_an_order_is_confirmed_and_the_rest_released_or_kept() {
    for keep_rest in [false, true] {
        let mut house = House::stocked(&[("cup", 3)]);
        house.place("A", &[("cup", 3)]).expect("placed");
        let partial = ConfirmPayment {
            order_number: "A".into(),
            payment_ref: "p".into(),
            paid_at: None,
            units: vec![("cup".into(), 1)],
            keep_rest,
            amount_minor: 0,
        };
        house.done(Command::ConfirmPayment(partial));
        assert_eq!(house.units("cup", Bucket::Allocated), 1);
        assert_eq!(
            house.units("cup", Bucket::Held),
            if keep_rest { 2 } else { 0 }
        );
        assert_eq!(house.node("A/1"), Node::UnderReview);
        if keep_rest {
            assert_eq!(house.order("A").hold_expires_at, house::START + 15 * MINUTE);
            house.confirm("A").expect("the rest");
            assert_eq!(
                (house.units("cup", Bucket::Allocated), house.node("A/2")),
                (3, Node::UnderReview)
            );
        }
        house.check_replay();
    }
}

#[test]
fn confirming_more_than_is_held_is_refused_and_changes_nothing() {
    let mut house = House::stocked(&[("cup", 3)]);
    house.place("A", &[("cup", 2)]).expect("placed");
    let partial = ConfirmPayment {
        order_number: "A".into(),
        payment_ref: "p".into(),
        paid_at: None,
        units: vec![("cup".into(), 3)],
        keep_rest: false,
        amount_minor: 0,
    };
    assert_eq!(
        house.refused(Command::ConfirmPayment(partial)).code(),
        RefusalCode::FieldInvalid
    );
    assert_eq!(house.units("cup", Bucket::Held), 2);
}

#[test]
fn amend_frees_and_takes_units_without_moving_the_deadline() {
    let mut house = House::stocked(&[("cup", 5), ("pot", 1)]);
    house.place("A", &[("cup", 3)]).expect("placed");
    let amend = |sku: &str, quantity| {
        Command::AmendOrder(AmendOrder {
            order_number: "A".into(),
            units: vec![AmendUnits {
                sku: sku.into(),
                quantity,
                warehouse: String::new(),
            }],
        })
    };
    house.pass(MINUTE);
    house.done(amend("cup", 1));
    assert_eq!(
        (
            house.units("cup", Bucket::Held),
            house.units("cup", Bucket::Available)
        ),
        (1, 4)
    );
    house.done(amend("cup", 5));
    house.done(amend("pot", 1));
    assert_eq!(
        (
            house.units("cup", Bucket::Held),
            house.units("pot", Bucket::Held)
        ),
        (5, 1)
    );
    assert_eq!(house.order("A").hold_expires_at, house::START + 15 * MINUTE);
    assert_eq!(
        house.refused(amend("cup", 6)).code(),
        RefusalCode::StockInsufficient
    );
    house.done(amend("cup", 0));
    assert_eq!(
        house.refused(amend("pot", 0)).code(),
        RefusalCode::FieldInvalid,
        "an empty hold is released instead"
    );
    house.confirm("A").expect("paid");
    assert_eq!(
        (
            house.units("cup", Bucket::Allocated),
            house.units("pot", Bucket::Allocated)
        ),
        (0, 1)
    );
    house.check_replay();
}

#[test]
fn release_ends_a_hold_once() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    let release = || {
        Command::ReleaseHold(ReleaseHold {
            order_number: "A".into(),
            reason: "closed by the channel".into(),
        })
    };
    house.done(release());
    house.done(release());
    assert_eq!(
        (house.hold_state("A"), house.units("cup", Bucket::Available)),
        (HoldState::Released, 1)
    );
    assert_eq!(code(house.start_payment("A")), RefusalCode::HoldNotLive);
    house.check_replay();
}

/// Pain 21: a closed order takes no hold.
#[test]
fn a_cancelled_order_takes_no_new_hold() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.done(cancel("A"));
    assert_eq!(
        code(house.place("A", &[("cup", 1)])),
        RefusalCode::OrderClosed
    );
}

/// Pain 16: one buyer cannot freeze the shop.
#[test]
fn quotas_limit_one_buyer() {
    let by = |number: &str, quantity| {
        let mut place = order(number, vec![line("cup", quantity)]);
        place.buyer_token = "b1".into();
        Command::PlaceOrder(Box::new(place))
    };
    for (json, quota) in [
        (
            r#"{"quotas": {"units_per_buyer_and_sku": 3}}"#,
            "units_per_buyer_and_sku",
        ),
        (r#"{"quotas": {"holds_per_buyer": 1}}"#, "holds_per_buyer"),
        (
            r#"{"quotas": {"pool_share_percent": 30}}"#,
            "pool_share_percent",
        ),
    ] {
        let mut house = House::stocked(&[("cup", 10)]);
        policy(&mut house, json);
        house.done(by("A", 2));
        let refusal = house.refused(by("B", 2));
        assert_eq!(
            (refusal.code(), refusal.get("quota")),
            (RefusalCode::QuotaExceeded, quota)
        );
        house.pass(15 * MINUTE);
        house.done(by("C", 2));
        house.check_replay();
    }
}

#[test]
fn a_presale_deposit_keeps_the_hold_until_the_balance_is_due() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    let deposit = |due| {
        Command::ConfirmDeposit(ConfirmDeposit {
            order_number: "A".into(),
            payment_ref: "d".into(),
            balance_due_at: due,
        })
    };
    assert_eq!(
        house.refused(deposit(house::START + 31 * DAY)).code(),
        RefusalCode::FieldInvalid
    );
    house.done(deposit(house::START + 20 * DAY));
    house.pass(10 * DAY);
    house.tick();
    assert!(house.has_flag("A", Flag::DepositPaid));
    assert_eq!(
        (house.hold_state("A"), house.node("A/1")),
        (HoldState::Held, Node::AwaitingPayment)
    );
    house.confirm("A").expect("the balance");
    assert_eq!(house.node("A/1"), Node::UnderReview);
    house.check_replay();
}

/// H13: an outage is given back, at most 15 minutes in all.
#[test]
fn an_outage_is_credited_to_the_holds_it_hit() {
    let mut house = House::stocked(&[("cup", 2)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(5 * MINUTE);
    let stamp = house.state.stamp(house.now);
    house.journal.push(stamp);
    house.pass(12 * MINUTE);
    let started = house.state.start(house.now, "test");
    house.journal.push(started);
    assert_eq!(house.order("A").hold_expires_at, house::START + 27 * MINUTE);
    house.pass(SECOND);
    let stamp = house.state.stamp(house.now);
    house.journal.push(stamp);
    house.pass(5 * MINUTE);
    let started = house.state.start(house.now, "test");
    house.journal.push(started);
    assert_eq!(
        house.order("A").hold_expires_at,
        house::START + 30 * MINUTE,
        "15 minutes in total"
    );
    house.pass(HOUR);
    house.tick();
    assert_eq!(house.hold_state("A"), HoldState::Expired);
    house.check_replay();
}

/// H13: an implausible clock ends nothing until a person says so.
#[test]
fn deadlines_stand_still_after_a_start_with_an_implausible_clock() {
    for jump in [-HOUR, 25 * HOUR] {
        let mut house = House::stocked(&[("cup", 1)]);
        house.place("A", &[("cup", 1)]).expect("placed");
        house.now += jump;
        let started = house.state.start(house.now, "test");
        house.journal.push(started);
        house.now = house.now.max(house.state.last_at()) + 20 * MINUTE;
        house.tick();
        assert_eq!(house.hold_state("A"), HoldState::Held, "jump of {jump} ms");
        assert_eq!(house.state.next_deadline(), None);
        house.done(Command::ReconcileClock(
            holdfast_engine::domain::command::ReconcileClock {
                reason: "clock checked".into(),
            },
        ));
        house.tick();
        assert_eq!(house.hold_state("A"), HoldState::Expired);
        house.check_replay();
    }
}

/// Check 5: one key, one effect; the refusal is sticky too.
#[test]
fn a_repeated_request_gets_the_first_answer() {
    let mut house = House::stocked(&[("cup", 1)]);
    let first = house.submission(place("A", &[("cup", 1)]));
    let Decision::New(record) = house.decide(&first) else {
        panic!("decided")
    };
    assert!(house::answer(&record).is_ok());
    let seq = house.state.seq();
    assert!(matches!(house.decide(&first), Decision::Repeat(at) if at == seq));
    let refused = house.submission(place("B", &[("cup", 1)]));
    assert!(matches!(house.decide(&refused), Decision::New(_)));
    house.receive("cup", "hangzhou", 1);
    assert!(
        matches!(house.decide(&refused), Decision::Repeat(_)),
        "a refusal is sticky"
    );
    let mut other = refused.clone();
    other.key.fingerprint = 2;
    let Decision::Fresh(refusal, _) = house.decide(&other) else {
        panic!("refused")
    };
    assert_eq!(refusal.code(), RefusalCode::KeyReused);
    house.pass(25 * HOUR);
    house.receive("cup", "hangzhou", 1);
    assert!(
        matches!(house.decide(&refused), Decision::New(_)),
        "a refusal is forgotten after a day"
    );
    assert!(
        matches!(house.decide(&first), Decision::Repeat(_)),
        "an accepted request is not"
    );
    house.check_replay();
}

/// Check 2 of `who wins`: payment and expiry in one millisecond, expiry wins.
#[test]
fn expiry_wins_over_payment_in_the_same_millisecond() {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A", &[("cup", 1)]).expect("placed");
    house.pass(15 * MINUTE);
    house
        .place("B", &[("cup", 1)])
        .expect("the unit is free at the deadline");
    assert_eq!(
        result(&house.confirm("A").expect("answered")),
        PaymentResult::PaidNoStock
    );
}

/// Pain 19: a storm of deadlines is worked off a few at a time and never shows.
#[test]
fn ten_thousand_deadlines_of_one_second_are_bounded_per_tick_and_invisible() {
    let mut house = House::stocked(&[("cup", 10_000)]);
    for index in 0..10_000 {
        let submission = house.submission(place(&format!("A{index}"), &[("cup", 1)]));
        let Decision::New(record) = house.state.submit(&submission, house.now) else {
            panic!("placed")
        };
        house.journal.push(*record);
    }
    house.pass(15 * MINUTE);
    let tick = house.state.advance(house.now, 256);
    assert!(tick.more);
    assert_eq!(
        tick.records
            .iter()
            .map(|record| record.events.len())
            .sum::<usize>(),
        256
    );
    assert_eq!(
        house.units("cup", Bucket::Available),
        10_000,
        "the bound never shows in an answer"
    );
    house.journal.extend(tick.records);
    house.done(place("B", &[("cup", 10_000)]));
    house.done(confirm("B"));
    assert_eq!(house.units("cup", Bucket::Allocated), 10_000);
    house.check_replay();
}
