//! Snapshots: what a start from one gives, and what damage to them costs.

mod house;
mod shop;

use std::fs;
use std::sync::Arc;

use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::state::{Image, State};
use holdfast_engine::domain::time::{DAY, MINUTE};
use holdfast_engine::engine::{Call, OpenError, Settings, compact_folder};
use holdfast_engine::journal::Folder;
use holdfast_engine::snapshots::{SnapshotError, Snapshots};
use holdfast_engine::wire::{pb, status};
use house::House;
use proptest::prelude::*;
use prost::Message;
use shop::{Failing, PLACE, Shop, ask, copy, files, order, place, snapshot, stock};

/// A shop with two snapshots, and orders before, between and after them.
fn shop_with_two(name: &str) -> (Shop, u64, u64) {
    let shop = Shop::new(name);
    let engine = shop.open();
    stock(&engine);
    place(&engine, 0..30);
    let first = snapshot(&engine);
    place(&engine, 30..60);
    let second = snapshot(&engine);
    place(&engine, 60..90);
    drop(engine);
    (shop, first, second)
}

#[test]
fn a_start_from_a_snapshot_and_the_records_after_it_is_a_full_replay() {
    let (shop, _, second) = shop_with_two("equal");
    let hash = shop.hash();
    let engine = shop.open();
    assert_eq!(engine.recovered().snapshot_seq, second);
    assert_eq!(engine.recovered().replayed, 30);
    // Answers of before are found, from either side of the snapshot.
    for number in [5, 80] {
        let (code, reply) = ask(&engine, PLACE, &order(number));
        let reply = pb::PlaceOrderResponse::decode(reply.as_slice()).expect("an answer");
        assert!(code == 0 && reply.receipt.expect("a receipt").replayed);
    }
    // Deadlines are kept too.
    shop.clock.advance(16 * MINUTE);
    while engine.metrics().live_holds > 0 {
        std::thread::yield_now();
    }
    drop(engine);
    let after = shop.hash();
    assert_ne!(after, hash);
    fs::remove_dir_all(shop.root.join("snapshots")).expect("our own folder");
    assert_eq!(shop.hash(), after);
}

#[test]
fn two_snapshots_are_kept_and_nothing_new_gives_the_newest() {
    let shop = Shop::new("kept");
    let engine = shop.open();
    stock(&engine);
    let mut taken = Vec::new();
    for round in 0..4 {
        place(&engine, round * 3..round * 3 + 3);
        taken.push(snapshot(&engine));
    }
    assert_eq!(snapshot(&engine), taken[3]);
    assert_eq!(engine.metrics().snapshots, 4);
    let snapshots = Snapshots::new(Arc::new(Folder::at(&shop.root.join("snapshots"))));
    assert_eq!(snapshots.list().expect("a folder"), [taken[3], taken[2]]);
}

#[test]
fn snapshots_are_taken_by_themselves_when_enough_has_happened() {
    let shop = Shop::new("by-itself");
    let settings = Settings {
        snapshot_every: 20,
        ..shop.settings()
    };
    let engine = shop.try_open(settings).expect("an engine");
    stock(&engine);
    place(&engine, 0..25);
    while engine.metrics().snapshots == 0 {
        std::thread::yield_now();
    }
    assert!(engine.metrics().snapshot_seq >= 20);
    assert_eq!(engine.metrics().snapshot_failures, 0);
}

/// A damaged snapshot costs the one before it, then a full replay; never an order.
#[test]
fn a_damaged_snapshot_gives_way_to_the_one_before() {
    let (shop, first, second) = shop_with_two("damaged");
    let hash = shop.hash();
    let [older, newer] = &shop.files()[..] else {
        panic!("two snapshots")
    };
    let mut bytes = fs::read(newer).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(newer, bytes).expect("a file");
    let engine = shop.open();
    let recovered = engine.recovered().clone();
    assert_eq!(recovered.snapshot_seq, first);
    assert!(recovered.rejected_snapshots[0].contains("is damaged"));
    drop(engine);
    let aside = files(&shop.root.join("snapshots"), "rejected");
    assert!(aside[0].to_string_lossy().contains(&second.to_string()));
    let half = fs::read(older).expect("a file");
    fs::write(older, &half[..half.len() / 2]).expect("a file");
    let engine = shop.open();
    assert_eq!(engine.recovered().snapshot_seq, 0);
    drop(engine);
    // Only starts were added since, which change no hash but the position's.
    assert_ne!(shop.hash(), hash);
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_snapshot_is_noticed() {
    let shop = Shop::new("flips");
    let engine = shop.open();
    stock(&engine);
    place(&engine, 0..3);
    let seq = snapshot(&engine);
    drop(engine);
    let path = &shop.files()[0];
    let good = fs::read(path).expect("a file");
    let snapshots = Snapshots::new(Arc::new(Folder::at(&shop.root.join("snapshots"))));
    snapshots.read(seq).expect("whole");
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(path, &bytes).expect("a file");
        assert!(snapshots.read(seq).is_err(), "byte {at}");
        fs::write(path, &good[..at]).expect("a file");
        assert!(snapshots.read(seq).is_err(), "cut at {at}");
    }
}

#[test]
fn a_snapshot_of_another_journal_is_not_used() {
    let (shop, ..) = shop_with_two("own");
    let other = Shop::new("other");
    other.clock.advance(1);
    let engine = other.open();
    stock(&engine);
    place(&engine, 0..30);
    snapshot(&engine);
    place(&engine, 30..60);
    snapshot(&engine);
    drop(engine);
    copy(&other.root.join("snapshots"), &shop.root.join("snapshots"));
    let engine = shop.open();
    let recovered = engine.recovered();
    assert_eq!(recovered.snapshot_seq, 0);
    assert_eq!(recovered.rejected_snapshots.len(), 2);
    assert!(recovered.rejected_snapshots[0].contains("another history"));
}

/// The journal was put back from an old copy, or lost its end: never unsaid.
#[test]
fn a_snapshot_ahead_of_the_journal_refuses_the_start() {
    let shop = Shop::new("ahead");
    let engine = shop.open();
    stock(&engine);
    place(&engine, 0..10);
    drop(engine);
    copy(&shop.root.join("journal"), &shop.root.join("old"));
    let engine = shop.open();
    place(&engine, 10..20);
    let seq = snapshot(&engine);
    drop(engine);
    copy(&shop.root.join("old"), &shop.root.join("journal"));
    let error = shop
        .try_open(shop.settings())
        .expect_err("records are lost");
    let OpenError::Snapshot(SnapshotError::Ahead {
        seq: found,
        last_seq,
        ..
    }) = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*found, *last_seq), (seq, seq - 11));
    assert!(
        error
            .to_string()
            .contains(&format!("records {} to {seq}", seq - 10))
    );
}

#[test]
fn the_mirror_alone_is_enough_however_old_its_records_are() {
    let shop = Shop::new("mirrored");
    let data = shop.root.join("data");
    let settings = Settings {
        path: Some(data.clone()),
        keep_days: 1,
        mirror: Some(shop.root.join("mirror")),
        ..shop.settings()
    };
    let engine = shop.try_open(settings.clone()).expect("an engine");
    stock(&engine);
    for day in 0..4 {
        place(&engine, day * 60..(day + 1) * 60);
        snapshot(&engine);
        shop.clock.advance(DAY);
    }
    drop(engine);
    let compacted = compact_folder(&data, None, None, 1).expect("compacted");
    assert_eq!((compacted.first_seq, compacted.snapshots.len()), (1, 2));

    std::fs::remove_dir_all(&data).expect("the disk is lost");
    let engine = shop.try_open(settings).expect("an engine");
    assert_eq!(engine.recovered().snapshot_seq, 0, "nothing but the mirror");
    let (code, _) = ask(&engine, PLACE, &order(0));
    assert_eq!(code, 0, "the first answer again");
    assert_eq!(engine.metrics().open_orders, 240);
}

#[test]
fn old_records_go_when_two_snapshots_hold_them() {
    let shop = Shop::new("old");
    let settings = Settings {
        keep_days: 2,
        ..shop.settings()
    };
    let engine = shop.try_open(settings.clone()).expect("an engine");
    stock(&engine);
    place(&engine, 0..60);
    snapshot(&engine);
    shop.clock.advance(DAY);
    place(&engine, 60..120);
    snapshot(&engine);
    assert_eq!(engine.metrics().first_seq, 1, "nothing is two days old");
    shop.clock.advance(DAY + MINUTE);
    place(&engine, 120..130);
    snapshot(&engine);
    while engine.metrics().first_seq == 1 {
        std::thread::yield_now();
    }
    let first_seq = engine.metrics().first_seq;
    assert!(first_seq <= 62, "only what is two days old went");
    drop(engine);

    let engine = shop.try_open(settings.clone()).expect("an engine");
    let (code, reply) = ask(&engine, PLACE, &order(0));
    let refusal = status::parts(&reply);
    assert_eq!((code, refusal.reason.as_str()), (6, "KEY_EXPIRED"));
    assert_eq!(refusal.facts["first_seq"], first_seq.to_string());
    let (code, _) = ask(&engine, PLACE, &order(100));
    assert_eq!(code, 0, "this one's answer is kept");

    let watch = pb::WatchEventsRequest::default().encode_to_vec();
    let call = Call {
        method: "/holdfast.v1.EventService/WatchEvents",
        request: &watch,
        token: None,
        deadline: None,
        locale: "",
    };
    let mut watch = engine.watch(call).expect("a stream");
    let seen = watch.take(1_000).expect("events");
    let item = |bytes: &Vec<u8>| {
        let response = pb::WatchEventsResponse::decode(bytes.as_slice());
        response.expect("a response").item.expect("an item")
    };
    let pb::watch_events_response::Item::Gap(gap) = item(&seen[0]) else {
        panic!("a gap first")
    };
    assert_eq!((gap.from_seq, gap.upto_seq), (1, first_seq - 1));
    let pb::watch_events_response::Item::Event(event) = item(&seen[1]) else {
        panic!("then events")
    };
    assert!(event.seq >= first_seq);
    drop((watch, engine));

    // What remains is checked from the snapshot on.
    shop.hash();
    fs::remove_dir_all(shop.root.join("snapshots")).expect("our own folder");
    let error = shop.try_open(settings).expect_err("the beginning is gone");
    assert!(
        matches!(error, OpenError::Snapshot(SnapshotError::NoneLeft { .. })),
        "{error}"
    );
}

/// Wherever the writing of a snapshot ends, those before it are still good.
#[test]
fn a_disk_that_fails_at_any_call_costs_only_the_new_snapshot() {
    let folder = Shop::new("failing").root.clone();
    let mut house = House::stocked(&[("cup", 100)]);
    let good = Snapshots::new(Arc::new(Folder::create(&folder).expect("a folder")));
    let mut kept = Vec::new();
    for number in 0..3 {
        house
            .place(&format!("A{number}"), &[("cup", 1)])
            .expect("placed");
        good.write(&house.state, [0; 16], true).expect("written");
        kept.insert(0, house.state.seq());
    }
    kept.truncate(2);
    house.place("B", &[("cup", 1)]).expect("placed");
    let mut failed = 0;
    for calls in 0.. {
        let disk = Failing::at(&folder, calls);
        let written = Snapshots::new(Arc::new(disk)).write(&house.state, [0; 16], true);
        let seqs = good.list().expect("a folder");
        for seq in &seqs {
            let (head, state) = good.read(*seq).expect("whole");
            assert_eq!(state.digest(), head.state_hash);
        }
        match written {
            Ok(head) => {
                assert_eq!(seqs, [head.seq, kept[0]]);
                break;
            }
            Err(_) => {
                failed += 1;
                assert!(seqs.ends_with(&kept), "{seqs:?}");
            }
        }
    }
    assert!(failed >= 8, "{failed} calls");
    let _ = fs::remove_dir_all(&folder);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes come: an error, never a panic.
    #[test]
    fn bytes_that_are_no_image_are_refused(
        part in 0..4_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut house = House::stocked(&[("cup", 5)]);
        house.place("A", &[("cup", 2)]).expect("placed");
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let listed: Result<(), ()> = house.state.image(&mut |part| {
            parts.push(part.to_vec());
            Ok(())
        });
        listed.expect("a list");
        let part = part % parts.len();
        let at = at.index(parts[part].len());
        if cut {
            parts[part].truncate(at);
        } else {
            parts[part][at] = byte;
        }
        let mut image = Image::new(Board::default());
        let taken = parts.iter().try_for_each(|part| image.take(part));
        if let Ok(()) = taken && let Ok(state) = image.finish() {
            let _: State = state;
        }
    }
}
