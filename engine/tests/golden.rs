//! Folders that earlier versions wrote: every later version opens them.
//!
//! `tests/golden/<version>` holds a journal and a snapshot with all kinds of events, and
//! what they give. CONTRIBUTING.md says when to add another one; what stands there is
//! never written again.

mod house;
mod shop;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use holdfast_engine::backward::Put;
use holdfast_engine::domain::event::Record;
use holdfast_engine::domain::orders::lifecycle::Node;
use holdfast_engine::domain::time::{DAY, MINUTE};
use holdfast_engine::engine::{Engine, Settings, replay_folder};
use holdfast_engine::journal::{FileJournal, FileOptions, Journal, Progress, Queue, Taken};
use holdfast_engine::wire::pb;
use prost::Message;
use serde::{Deserialize, Serialize};
use shop::{Shop, ask, copy, order, place, snapshot, stock};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Expected {
    seq: u64,
    snapshot_seq: u64,
    open_orders: i64,
    open_parcels: i64,
    live_holds: i64,
    /// Units of "cup": available, held, allocated.
    units: (i64, i64, i64),
    /// Of the state as the version of this folder wrote it. A version that gives its
    /// state another form has another hash for it, and says so here.
    state_hash: String,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(golden()).expect("golden folders");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_folder_that_was_ever_written_opens_and_gives_what_it_gave() {
    let folders = folders();
    assert!(!folders.is_empty());
    for golden in folders {
        let text = fs::read_to_string(golden.join("expected.json")).expect("what it gives");
        let expected: Expected = serde_json::from_str(&text).expect("what it gives");
        for with_snapshot in [true, false] {
            let shop = Shop::new("golden");
            copy(&golden.join("journal"), &shop.root.join("journal"));
            if with_snapshot {
                copy(&golden.join("snapshots"), &shop.root.join("snapshots"));
            }
            assert_eq!(
                given(&shop, with_snapshot),
                expected,
                "{}",
                golden.display()
            );
        }
    }
}

/// What was written once would be written again, byte for byte: by the engine, and by prost.
#[test]
fn every_record_that_was_ever_written_is_written_so_today() {
    for golden in folders() {
        let shop = Shop::new("golden-records");
        copy(&golden.join("journal"), &shop.root.join("journal"));
        let (files, recovery) =
            FileJournal::open(&shop.root.join("journal"), FileOptions::default())
                .expect("a journal");
        let mut seen = 0;
        let scanned = files.reader().scan(1, u64::MAX, &mut |seq, bytes| {
            let record = Record::decode(bytes).expect("a record");
            assert_eq!(record.to_bytes(), bytes, "record {seq}");
            assert_eq!(record.encode_to_vec(), bytes, "record {seq}");
            seen += 1;
            ControlFlow::Continue(())
        });
        scanned.expect("readable");
        assert_eq!(seen, recovery.last_seq);
    }
}

/// What a folder gives, and that life goes on in it.
fn given(shop: &Shop, with_snapshot: bool) -> Expected {
    let (state, findings) = replay_folder(&shop.root, None).expect("a journal");
    assert!(findings.is_empty(), "{findings:?}");
    let house = state.merchant("default").expect("the merchant");
    let cup = house.names.find("cup").expect("the SKU");
    let pools = house.pools.iter().filter(|pool| pool.sku == cup);
    let sum = |bucket| pools.clone().map(|pool| pool.counters.get(bucket)).sum();
    use holdfast_engine::domain::words::Bucket::{Allocated, Available, Held};
    let units = (sum(Available), sum(Held), sum(Allocated));
    let totals = house.totals;
    shop.clock.set(state.last_at() + 1_000);
    let engine = shop.open();
    let recovered = engine.recovered().clone();
    assert_eq!(recovered.snapshot_seq > 0, with_snapshot);
    assert_eq!(recovered.rejected_snapshots, [""; 0]);
    place(&engine, 900_000..900_003);
    let snapshot_seq = match with_snapshot {
        true => recovered.snapshot_seq,
        // As the other folder says, which is compared with the same expectation.
        false => snapshot_seq_of(&golden_of(state.seq())),
    };
    Expected {
        seq: state.seq(),
        snapshot_seq,
        open_orders: totals.open_orders,
        open_parcels: totals.open_parcels,
        live_holds: totals.live_holds,
        units,
        state_hash: state
            .digest()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    }
}

fn golden_of(seq: u64) -> PathBuf {
    let of_this = |folder: &PathBuf| {
        let text = fs::read_to_string(folder.join("expected.json")).expect("what it gives");
        let expected: Expected = serde_json::from_str(&text).expect("what it gives");
        expected.seq == seq
    };
    folders().into_iter().find(of_this).expect("the folder")
}

fn snapshot_seq_of(golden: &Path) -> u64 {
    let newest = shop::files(&golden.join("snapshots"), "snapshot").pop();
    let newest = newest.expect("a snapshot");
    let name = newest.file_stem().and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).expect("a number")
}

/// Writes the folder of this version; run with `HOLDFAST_GOLDEN=NAME`.
#[test]
fn write_the_folder_of_this_version() {
    let Ok(name) = std::env::var("HOLDFAST_GOLDEN") else {
        return;
    };
    let folder = golden().join(name);
    assert!(!folder.exists(), "what stands there is never written again");
    let shop = Shop::new("golden-new");
    let settings = Settings {
        segment_bytes: 16 << 10,
        ..shop.settings()
    };
    let engine = shop.try_open(settings.clone()).expect("an engine");
    all_kinds(&shop, &engine);
    let snapshot_seq = snapshot(&engine);
    place(&engine, 500..540);
    drop(engine);
    copy(&shop.root.join("journal"), &folder.join("journal"));
    copy(&shop.root.join("snapshots"), &folder.join("snapshots"));
    for segment in shop::files(&folder.join("journal"), "segment") {
        // The zeros that were written ahead need no place in the repository.
        let mut bytes = fs::read(&segment).expect("a file");
        let end = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        bytes.truncate(end.next_multiple_of(8));
        fs::write(&segment, bytes).expect("a file");
    }
    let (state, _) = replay_folder(&shop.root, None).expect("a journal");
    let mut expected = given(&shop, true);
    assert_eq!(expected.seq, state.seq());
    expected.snapshot_seq = snapshot_seq;
    let text = serde_json::to_string_pretty(&expected).expect("plain values");
    fs::write(folder.join("expected.json"), text).expect("a file");
}

/// One of everything that a shop does.
fn all_kinds(shop: &Shop, engine: &Engine) {
    let mut next = 0;
    let mut id = || {
        next += 1;
        format!("{next:032x}")
    };
    let done = |(code, reply): (u32, Vec<u8>)| {
        assert_eq!(
            code,
            0,
            "{:?}",
            holdfast_engine::wire::status::parts(&reply)
        );
    };
    stock(engine);
    let orders = |method: &str| format!("/holdfast.v1.OrderService/{method}");
    let stocks = |method: &str| format!("/holdfast.v1.StockService/{method}");
    let parcels = |method: &str| format!("/holdfast.v1.ParcelService/{method}");
    let admin = |method: &str| format!("/holdfast.v1.AdminService/{method}");
    let nodes = Node::ALL.iter().map(|node| (node.id(), ["ADMIN"]));
    let roles: std::collections::BTreeMap<_, _> = nodes.collect();
    let policy = serde_json::json!({
        "require_registered_device": false,
        "quotas": {"holds_per_buyer": 50},
        "roles": roles,
    });
    done(ask(
        engine,
        &admin("PublishPolicy"),
        &pb::PublishPolicyRequest {
            request_id: id(),
            policy_json: policy.to_string(),
        },
    ));
    done(ask(
        engine,
        &admin("IssueToken"),
        &pb::IssueTokenRequest {
            request_id: id(),
            token_sha256: vec![7; 32],
            actor: "picker".into(),
            role: 5,
            ..pb::IssueTokenRequest::default()
        },
    ));
    done(ask(
        engine,
        &admin("RegisterDevice"),
        &pb::RegisterDeviceRequest {
            request_id: id(),
            device: "gun-1".into(),
            warehouse: "hangzhou".into(),
            kind: "scanner".into(),
            ..pb::RegisterDeviceRequest::default()
        },
    ));
    done(ask(
        engine,
        &stocks("ReceiveStock"),
        &pb::ReceiveStockRequest {
            request_id: id(),
            sku: "cup".into(),
            warehouse: "suzhou".into(),
            quantity: 40,
            batch: "B1".into(),
            ..pb::ReceiveStockRequest::default()
        },
    ));
    done(ask(
        engine,
        &stocks("MoveStock"),
        &pb::MoveStockRequest {
            request_id: id(),
            sku: "cup".into(),
            warehouse: "hangzhou".into(),
            from: 1,
            to: 6,
            quantity: 10,
            reason: "reserve".into(),
            ..pb::MoveStockRequest::default()
        },
    ));
    done(ask(
        engine,
        &stocks("ConfigurePool"),
        &pb::ConfigurePoolRequest {
            request_id: id(),
            sku: "cup".into(),
            warehouse: "hangzhou".into(),
            backorder_limit: 5,
            ..pb::ConfigurePoolRequest::default()
        },
    ));
    for number in 100..160_u32 {
        let mut placing = order(number);
        placing.document = format!("receiver {number}").into_bytes();
        placing.buyer_token = format!("buyer {}", number % 7);
        placing.province = "Zhejiang".into();
        placing.channel_order_id = format!("platform-{number}");
        placing.urgency = 1 + (number % 3).cast_signed();
        placing.paid = number % 10 == 9;
        done(ask(engine, shop::PLACE, &placing));
        let order_number = placing.order_number.clone();
        let payment_ref = "wx-1".to_owned();
        if number % 10 < 5 {
            done(ask(
                engine,
                &orders("StartPayment"),
                &pb::StartPaymentRequest {
                    request_id: id(),
                    order_number: order_number.clone(),
                    payment_ref: payment_ref.clone(),
                },
            ));
        }
        match number % 10 {
            0 => done(ask(
                engine,
                &orders("FailPayment"),
                &pb::FailPaymentRequest {
                    request_id: id(),
                    order_number,
                    payment_ref,
                    reason: "no money".into(),
                },
            )),
            1..=3 => done(ask(
                engine,
                &orders("ConfirmPayment"),
                &pb::ConfirmPaymentRequest {
                    request_id: id(),
                    order_number,
                    payment_ref,
                    ..pb::ConfirmPaymentRequest::default()
                },
            )),
            6 => done(ask(
                engine,
                &orders("ReleaseHold"),
                &pb::ReleaseHoldRequest {
                    request_id: id(),
                    order_number,
                    reason: "changed mind".into(),
                },
            )),
            7 => done(ask(
                engine,
                &orders("CancelOrder"),
                &pb::CancelOrderRequest {
                    request_id: id(),
                    order_number,
                    reason: "mistake".into(),
                    ..pb::CancelOrderRequest::default()
                },
            )),
            _ => {}
        }
    }
    for (number, last) in [(101, 12), (102, 10), (103, 6), (109, 4)] {
        for node in 3..=last {
            let advance = pb::AdvanceParcelRequest {
                request_id: id(),
                parcel_id: format!("A{number}/1"),
                node,
                reason: "walk".into(),
                ..pb::AdvanceParcelRequest::default()
            };
            done(ask(engine, &parcels("AdvanceParcel"), &advance));
        }
    }
    shop.clock.advance(16 * MINUTE);
    while engine.metrics().due_backlog > 0 {
        std::thread::yield_now();
    }
    done(ask(
        engine,
        &stocks("CountStock"),
        &pb::CountStockRequest {
            request_id: id(),
            sku: "cup".into(),
            warehouse: "suzhou".into(),
            batch: "B1".into(),
            counted: 38,
            reason: "stocktaking".into(),
            approver: "lead".into(),
        },
    ));
    shop.clock.advance(DAY / 2);
    while engine.metrics().due_backlog > 0 {
        std::thread::yield_now();
    }
}

/// A record as a later version would write it: with an event that this one does not know.
fn record_of_a_later_version(at: i64) -> Vec<u8> {
    // Field 201 of the entry, with two bytes in it; it is field 9 of the record.
    let event = [0xca, 0x0c, 0x02, 0x08, 0x01];
    let mut record = Record {
        at,
        ..Record::default()
    }
    .encode_to_vec();
    record.extend([0x4a, event.len() as u8]);
    record.extend(event);
    record
}

#[test]
fn an_event_of_a_later_version_refuses_the_start_and_names_its_record() {
    let shop = Shop::new("later");
    stock(&shop.open());
    let (mut files, recovery) =
        FileJournal::open(&shop.root.join("journal"), FileOptions::default()).expect("a journal");
    let mut queue: Queue<()> = Queue::behind(recovery.last_seq);
    let (seq, _) = queue.append(&record_of_a_later_version(i64::MAX / 2));
    let mut taken = Taken::default();
    queue.take(&mut taken);
    let committed = files.commit(&taken.group()).expect("written");
    assert!(matches!(committed, Progress::Durable), "{committed:?}");
    drop(files);
    let refused = Engine::open(shop.settings());
    let error = refused.expect_err("refused").to_string();
    assert!(
        error.contains(&seq.to_string()) && error.contains("newer version"),
        "{error}"
    );
    let report = replay_folder(&shop.root, None).expect_err("refused");
    assert_eq!(report.to_string(), error);
}
