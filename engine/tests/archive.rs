//! The archive: orders that are over leave memory, and nobody can tell by the answers.

mod house;
mod shop;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use holdfast_engine::archive::{Archive, ArchiveError, By};
use holdfast_engine::backup;
use holdfast_engine::domain::command::{Command, PublishPolicy};
use holdfast_engine::domain::orders::archived::Archived;
use holdfast_engine::domain::orders::lifecycle::Node;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::state::{ArchiveMark, Decision, chained};
use holdfast_engine::domain::time::DAY;
use holdfast_engine::domain::words::Flag;
use holdfast_engine::engine::{Call, Engine, OpenError, Settings, compact_folder, verify_folder};
use holdfast_engine::journal::Folder;
use holdfast_engine::wire::{pb, status};
use house::{House, cancel, confirm, place as placing};
use prost::Message;
use shop::{Failing, PLACE, Shop, ask, copy, files, order, place, snapshot, stock};

const GET: &str = "/holdfast.v1.OrderService/GetOrder";
const STATUS: &str = "/holdfast.v1.OrderService/GetOrderStatus";
const PARCEL: &str = "/holdfast.v1.ParcelService/GetParcel";
const CANCEL: &str = "/holdfast.v1.OrderService/CancelOrder";
const CONFIRM: &str = "/holdfast.v1.OrderService/ConfirmPayment";
const PUBLISH: &str = "/holdfast.v1.AdminService/PublishPolicy";

fn cancelled(
    engine: &Engine,
    numbers: std::ops::Range<u32>,
    request: &str,
) -> Vec<(u32, pb::CancelOrderResponse)> {
    let cancel = |number: u32| pb::CancelOrderRequest {
        request_id: format!("{request}{number:031x}"),
        order_number: format!("A{number}"),
        reason: "changed their mind".into(),
        ..pb::CancelOrderRequest::default()
    };
    let told = numbers.map(|number| {
        let (code, reply) = ask(engine, CANCEL, &cancel(number));
        let mut reply = pb::CancelOrderResponse::decode(reply.as_slice()).expect("an answer");
        reply.receipt = None;
        (code, reply)
    });
    told.collect()
}

fn policy(engine: &Engine, json: &str, request: &str) {
    let publish = pb::PublishPolicyRequest {
        request_id: request.repeat(32),
        policy_json: json.into(),
    };
    assert_eq!(ask(engine, PUBLISH, &publish).0, 0);
}

/// All that a shop can be asked about an order, but for the position of the answer.
fn told(
    engine: &Engine,
    number: u32,
) -> (
    pb::GetOrderResponse,
    pb::GetOrderStatusResponse,
    pb::GetParcelResponse,
) {
    let order_number = format!("A{number}");
    let (code, order) = ask(
        engine,
        GET,
        &pb::GetOrderRequest {
            order_number: order_number.clone(),
        },
    );
    assert_eq!(code, 0, "order {number}");
    let (code, status) = ask(engine, STATUS, &pb::GetOrderStatusRequest { order_number });
    assert_eq!(code, 0, "order {number}");
    let parcel_id = format!("A{number}/1");
    let (code, parcel) = ask(engine, PARCEL, &pb::GetParcelRequest { parcel_id });
    assert_eq!(code, 0, "order {number}");
    let mut order = pb::GetOrderResponse::decode(order.as_slice()).expect("an order");
    let mut status = pb::GetOrderStatusResponse::decode(status.as_slice()).expect("a status");
    let mut parcel = pb::GetParcelResponse::decode(parcel.as_slice()).expect("a parcel");
    (order.state_seq, status.state_seq, parcel.state_seq) = (0, 0, 0);
    (order, status, parcel)
}

/// A shop with orders 0 to 39, of which the first 30 were cancelled a month ago. None was
/// archived yet.
fn month_old(name: &str) -> (Shop, Engine) {
    let shop = Shop::new(name);
    let engine = shop.open();
    stock(&engine);
    policy(&engine, r#"{"archive_after_days": 0}"#, "a");
    place(&engine, 0..40);
    assert!(
        cancelled(&engine, 0..30, "c")
            .iter()
            .all(|(code, _)| *code == 0)
    );
    shop.clock.advance(31 * DAY);
    while engine.metrics().live_holds > 0 {
        std::thread::yield_now();
    }
    (shop, engine)
}

/// Archives what is 30 days old, with the archiver of the engine or before it.
fn archive(engine: &Engine, left: usize) {
    policy(engine, r#"{"archive_after_days": 30}"#, "b");
    while engine.metrics().orders_in_memory > left {
        engine.archive().expect("a disk");
    }
}

#[test]
fn an_archived_order_answers_as_before() {
    let (shop, engine) = month_old("answers");
    let before: Vec<_> = (0..40).map(|number| told(&engine, number)).collect();
    let refused = cancelled(&engine, 0..30, "d");
    let mut again = order(7);
    again.request_id = "9".repeat(32);
    let closed = ask(&engine, PLACE, &again);
    assert_eq!(status::parts(&closed.1).reason, "ORDER_CLOSED");
    archive(&engine, 10);
    let metrics = engine.metrics();
    assert_eq!(
        (metrics.orders_in_memory, metrics.archived_orders),
        (10, 30)
    );
    assert!(metrics.archive_bytes > 0);
    let after: Vec<_> = (0..40).map(|number| told(&engine, number)).collect();
    assert_eq!(before, after);
    // A request of then is answered as then; a new one is refused as it would have been.
    let (code, reply) = ask(&engine, PLACE, &order(7));
    let reply = pb::PlaceOrderResponse::decode(reply.as_slice()).expect("an answer");
    assert!(code == 0 && reply.receipt.expect("a receipt").replayed);
    again.request_id = "8".repeat(32);
    assert_eq!(ask(&engine, PLACE, &again), closed);
    assert_eq!(cancelled(&engine, 0..30, "e"), refused);
    let batch = pb::BatchSubmitRequest {
        commands: (6..9)
            .map(|number| {
                let mut order = order(number);
                order.request_id = format!("7{number:031x}");
                pb::Command {
                    command: Some(pb::command::Command::PlaceOrder(order)),
                }
            })
            .collect(),
    };
    let (code, reply) = ask(&engine, "/holdfast.v1.OrderService/BatchSubmit", &batch);
    let reply = pb::BatchSubmitResponse::decode(reply.as_slice()).expect("outcomes");
    assert!(code == 0 && reply.outcomes.len() == 3);
    assert!(format!("{reply:?}").contains("ORDER_CLOSED"), "{reply:?}");
    assert_eq!(engine.metrics().orders_in_memory, 10);
    // A number that was never seen is still free.
    place(&engine, 40..41);
    // None of this changed the house.
    drop(engine);
    shop.hash();
}

#[test]
fn a_late_payment_brings_an_archived_order_back() {
    let (shop, engine) = month_old("late");
    archive(&engine, 10);
    let pay = pb::ConfirmPaymentRequest {
        request_id: "5".repeat(32),
        order_number: "A3".into(),
        payment_ref: "late".into(),
        ..pb::ConfirmPaymentRequest::default()
    };
    let (code, reply) = ask(&engine, CONFIRM, &pay);
    let detail = String::from_utf8_lossy(&reply).into_owned();
    let flags = told(&engine, 3).0.order.expect("its state").flags;
    assert!(
        flags.contains(&i32::from(Flag::PaidAfterCancel.number())),
        "{code} {detail} {flags:?}"
    );
    // It is over still, and leaves again with what it has become.
    archive_again(&engine, 10);
    assert_eq!(told(&engine, 3).0.order.expect("its state").flags, flags);
    drop(engine);
    let engine = shop.open();
    assert_eq!(told(&engine, 3).0.order.expect("its state").flags, flags);
    drop(engine);
    shop.hash();
}

fn archive_again(engine: &Engine, left: usize) {
    while engine.metrics().orders_in_memory > left {
        engine.archive().expect("a disk");
    }
}

#[test]
fn every_kind_of_start_finds_archived_orders() {
    let (shop, engine) = month_old("starts");
    archive(&engine, 10);
    let seq = snapshot(&engine);
    let told_before: Vec<_> = (0..30).map(|number| told(&engine, number).0).collect();
    drop(engine);
    let check = |snapshot_seq: u64| {
        let engine = shop.open();
        assert_eq!(engine.recovered().snapshot_seq, snapshot_seq);
        assert_eq!(engine.metrics().orders_in_memory, 10);
        let now: Vec<_> = (0..30).map(|number| told(&engine, number).0).collect();
        assert_eq!(now, told_before);
    };
    check(seq);
    fs::remove_dir_all(shop.root.join("snapshots")).expect("our own folder");
    check(0);
    // Lost or damaged, it is made again from the journal.
    fs::remove_dir_all(shop.root.join("archive")).expect("our own folder");
    check(0);
    let file = &runs(&shop)[0];
    let mut bytes = fs::read(file).expect("a file");
    bytes[20] ^= 1;
    fs::write(file, bytes).expect("a file");
    let report = verify_folder(&shop.root, None).expect("a journal");
    assert!(
        report
            .archive
            .problem
            .expect("a problem")
            .contains("damaged")
    );
    check(0);
    let report = verify_folder(&shop.root, None).expect("a journal");
    assert_eq!(
        (report.archive.problem, report.archive.facts.orders),
        (None, 30)
    );
}

fn runs(shop: &Shop) -> Vec<PathBuf> {
    files(&shop.root.join("archive"), "archive")
}

/// Once the journal begins later, nothing else has what the archive has.
#[test]
fn a_lost_archive_of_a_trimmed_journal_is_told() {
    let (shop, engine) = month_old("trimmed");
    archive(&engine, 10);
    snapshot(&engine);
    place(&engine, 50..60);
    snapshot(&engine);
    drop(engine);
    let compacted = compact_folder(&shop.root, None, None, 0).expect("compacted");
    assert!(compacted.first_seq > 1, "{compacted:?}");
    let kept = shop.root.join("kept");
    copy(&shop.root.join("archive"), &kept);
    let file = &runs(&shop)[0];
    fs::remove_file(file).expect("our own file");
    let refused = shop.try_open(shop.settings()).expect_err("a refusal");
    let OpenError::Archive(ArchiveError::Missing { run, .. }) = refused else {
        panic!("{refused}");
    };
    assert!(run > 0);
    compact_folder(&shop.root, None, None, 0).expect_err("nothing more may go");
    copy(&kept, &shop.root.join("archive"));
    let engine = shop.open();
    assert_eq!(
        told(&engine, 5).0.order.expect("its state").order_number,
        "A5"
    );
}

/// Killed between the run and its record: the orders are in memory, the run counts for nothing.
#[test]
fn a_run_that_no_record_names_is_set_aside() {
    let (shop, engine) = month_old("orphan");
    let (state, _) = engine.examine().expect("a journal");
    let orders = [Archived {
        merchant: 0,
        id: 4,
        order: state.merchants()[0].orders.get(4).clone(),
    }];
    drop(engine);
    let disk = Arc::new(Folder::at(&shop.root.join("archive")));
    let orphan = Archive::open(disk, ArchiveMark::default()).expect("an empty archive");
    assert_eq!(
        orphan.keep(ArchiveMark::default(), &orders).expect("kept"),
        1
    );
    let engine = shop.open();
    assert_eq!(runs(&shop).len(), 0);
    assert_eq!(files(&shop.root.join("archive"), "rejected").len(), 1);
    assert_eq!(engine.metrics().orders_in_memory, 40);
    told(&engine, 4);
    // The clock stood still while the engine was away for a month; nothing is archived then.
    drop(engine);
    shop.hash();
}

#[test]
fn a_backup_has_the_archive_and_a_restored_folder_answers() {
    let (shop, engine) = month_old("backup");
    archive(&engine, 10);
    let before = told(&engine, 11).0;
    let (copied, restored) = (
        shop.root.join("../archive-copy"),
        shop.root.join("../archive-restored"),
    );
    let (copied, restored) = (unique(&copied), unique(&restored));
    let source = backup::Source {
        data: &shop.root,
        mirror: None,
        keys: None,
    };
    backup::backup(source, &copied, 0).expect("a backup");
    drop(engine);
    backup::restore(&copied, &restored, None).expect("restored");
    let settings = Settings {
        path: Some(restored.clone()),
        ..shop.settings()
    };
    let engine = shop.try_open(settings).expect("an engine");
    assert_eq!(told(&engine, 11).0, before);
    drop(engine);
    // A backup whose archive was cut is no backup.
    let file = files(&copied.join("archive"), "archive").remove(0);
    fs::remove_file(file).expect("a file");
    backup::verify(&copied, None).expect_err("it lacks orders");
    fs::remove_dir_all(copied).expect("our own folder");
    fs::remove_dir_all(restored).expect("our own folder");
}

fn unique(path: &std::path::Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{}", std::process::id()));
    let path = PathBuf::from(name);
    let _ = fs::remove_dir_all(&path);
    path
}

#[test]
fn watchers_of_old_records_still_read_numbers() {
    let (_shop, engine) = month_old("watch");
    archive(&engine, 10);
    let request = pb::WatchEventsRequest::default().encode_to_vec();
    let call = Call {
        method: "/holdfast.v1.EventService/WatchEvents",
        request: &request,
        token: None,
        deadline: None,
        locale: "",
    };
    let mut watch = engine.watch(call).expect("a stream");
    let mut numbered = 0;
    for bytes in watch.take(1_000).expect("events") {
        let response = pb::WatchEventsResponse::decode(bytes.as_slice()).expect("a response");
        if let Some(pb::watch_events_response::Item::Event(event)) = response.item
            && matches!(
                event.r#type.as_str(),
                "OrderPlaced" | "ParcelCancelled" | "HoldReleased"
            )
        {
            assert!(event.order_number.starts_with('A'), "{event:?}");
            numbered += 1;
        }
    }
    assert!(numbered >= 70, "{numbered}");
}

fn archive_after(house: &mut House, days: u32) {
    house.done(Command::PublishPolicy(PublishPolicy {
        policy_json: format!(r#"{{"archive_after_days": {days}}}"#),
    }));
}

/// A house with `count` cancelled orders that may be archived.
fn closed(count: u32) -> House {
    let mut house = House::stocked(&[("cup", 1_000_000)]);
    archive_after(&mut house, 30);
    for number in 0..count {
        let number = format!("A{number}");
        house.place(&number, &[("cup", 1)]).expect("placed");
        house.done(cancel(&number));
    }
    house.pass(31 * DAY);
    house
}

/// Lets orders go and checks that the records say all of it.
fn leave(house: &mut House, orders: &[Archived]) {
    let run = house.state.archive_mark().run + 1;
    let record = house
        .state
        .archive(orders, run, house.now)
        .expect("as they were");
    house.journal.push(record);
    house.check();
    house.reborn();
}

#[test]
fn what_is_over_may_leave_and_what_is_not_may_not() {
    let mut house = House::stocked(&[("cup", 100)]);
    archive_after(&mut house, 0);
    house.place("unpaid", &[("cup", 1)]).expect("placed");
    house.paid("picking", &[("cup", 1)]);
    house.walk("picking/1", Node::Picking);
    house.paid("back", &[("cup", 1)]);
    house.walk("back/1", Node::Packed);
    house.done(cancel("back"));
    house.paid("signed", &[("cup", 1)]);
    house.walk("signed/1", Node::Signed);
    house.pass(60 * DAY);
    house.tick();
    house.pass(29 * DAY);
    assert!(
        house.state.archivable(house.now, 100).is_empty(),
        "nobody wants it"
    );
    archive_after(&mut house, 30);
    let names = |house: &House| -> Vec<String> {
        let orders = house.state.archivable(house.now, 100);
        orders
            .iter()
            .map(|archived| archived.order.number.to_string())
            .collect()
    };
    // Completed some days after it was signed, and so closed for more than 30 days; what
    // is still on the floor stays, cancelled or not.
    assert_eq!(names(&house), ["signed"]);
    archive_after(&mut house, 0);
    assert_eq!(names(&house), [] as [&str; 0]);
    archive_after(&mut house, 1);
    let orders = house.state.archivable(house.now, 100);
    leave(&mut house, &orders);
    assert!(house.m().orders.find("signed").is_none());
    assert_eq!(house.state.archived_orders(), 1);
    house.check_replay();
}

#[test]
fn a_command_of_an_archived_order_is_decided_as_if_it_were_here() {
    let mut house = closed(3);
    let orders = house.state.archivable(house.now, 100);
    leave(&mut house, &orders);
    let archived = |number: usize| Some(Box::new(orders[number].clone()));
    let mut again = house.submission(placing("A1", &[("cup", 2)]));
    again.archived = archived(1);
    let Decision::New(record) = house.decide(&again) else {
        panic!("a refusal is remembered");
    };
    let refusal = house::answer(&record).expect_err("it is closed");
    assert_eq!(refusal.code(), RefusalCode::OrderClosed);
    assert!(house.m().orders.find("A1").is_none());
    // Money that comes late must not be lost: the order comes back with it.
    let mut late = house.submission(confirm("A2"));
    late.archived = archived(2);
    house.decide(&late);
    assert!(house.has_flag("A2", Flag::PaidAfterCancel));
    assert_eq!(house.state.archived_orders(), 2);
    // An order that is here goes before a copy of it.
    let mut more = house.submission(confirm("A2"));
    more.archived = archived(2);
    house.decide(&more);
    assert!(house.has_flag("A2", Flag::PaidAfterCancel));
    house.check_replay();
}

/// Whatever changed between copying and letting go stays.
#[test]
fn an_order_that_changed_does_not_leave() {
    let mut house = closed(2);
    let orders = house.state.archivable(house.now, 100);
    let _ = house.submit(confirm("A1"));
    assert!(house.state.archive(&orders, 1, house.now).is_none());
    assert_eq!(house.state.archived_orders(), 0);
    house.check_replay();
}

/// Memory follows what is open, however many were placed.
#[test]
fn blocks_of_archived_orders_are_given_back() {
    let mut house = House::stocked(&[("cup", 1_000_000)]);
    archive_after(&mut house, 30);
    let now = house.now;
    for number in 0..9_000_u32 {
        let submission = house.submission(placing(&format!("A{number}"), &[("cup", 1)]));
        assert!(matches!(
            house.state.submit(&submission, now),
            Decision::New(_)
        ));
        if number % 100 != 0 {
            let submission = house.submission(cancel(&format!("A{number}")));
            assert!(matches!(
                house.state.submit(&submission, now),
                Decision::New(_)
            ));
        }
    }
    house.now += 31 * DAY;
    loop {
        let orders = house.state.archivable(house.now, 256);
        let run = house.state.archive_mark().run + 1;
        if house.state.archive(&orders, run, house.now).is_none() {
            break;
        }
    }
    let orders = &house.m().orders;
    assert_eq!((orders.len(), orders.placed()), (90, 9_000));
    assert!(
        orders
            .iter()
            .all(|(id, order)| *order.number == format!("A{id}") && id % 100 == 0)
    );
    assert!((0..9_000).all(|id| orders.look(id).is_some() == (id % 100 == 0)));
    assert_eq!(orders.find("A8900"), Some(8_900));
    assert_eq!(orders.range(4_000, 4_500).count(), 5);
    house.check();
    house.reborn();
}

/// Runs of one order each, as the archiver would write them.
fn in_runs(archive: &Archive, orders: &[Archived]) -> ArchiveMark {
    let mut mark = ArchiveMark::default();
    for archived in orders {
        let some = std::slice::from_ref(archived);
        let run = archive.keep(mark, some).expect("a disk");
        let chain = chained(mark.chain, some);
        mark = ArchiveMark { run, chain };
    }
    mark
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("holdfast-archive-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn all_found(archive: &Archive, orders: &[Archived]) {
    for archived in orders {
        let by_number = archive.find(0, &archived.order.number, By::Number);
        assert_eq!(by_number.expect("whole").as_ref(), Some(archived));
        let by_id = archive.by_id(0, archived.id).expect("whole");
        assert_eq!(by_id.as_ref(), Some(archived));
    }
    assert_eq!(archive.find(0, "never", By::AnyName).expect("whole"), None);
    assert_eq!(archive.find(1, "A0", By::AnyName).expect("whole"), None);
}

#[test]
fn merged_runs_hold_every_order_and_the_newest_of_each() {
    let path = folder("merge");
    let house = closed(100);
    let mut orders = house.state.archivable(house.now, 1_000);
    // One came back and left again.
    let mut changed = orders[3].clone();
    changed.order.version += 1;
    orders.push(changed.clone());
    let archive = Archive::open(Arc::new(Folder::at(&path)), ArchiveMark::default()).expect("new");
    let mark = in_runs(&archive, &orders);
    while archive.merge(mark.run).expect("a disk") {}
    orders[3] = changed;
    orders.pop();
    all_found(&archive, &orders);
    assert!(archive.facts().files < 20, "{:?}", archive.facts());
    archive.check(&mut |_, _| {}).expect("whole");
    let again = Archive::open(Arc::new(Folder::at(&path)), mark).expect("the same");
    all_found(&again, &orders);
    // Of another history, or farther than it is.
    let foreign = ArchiveMark {
        chain: [7; 16],
        ..mark
    };
    let ahead = ArchiveMark {
        run: mark.run + 1,
        ..mark
    };
    for mark in [foreign, ahead] {
        let refused = Archive::reading(Arc::new(Folder::at(&path)), mark);
        assert!(matches!(refused, Err(ArchiveError::Missing { .. })));
    }
    fs::remove_dir_all(path).expect("our own folder");
}

/// A journal may be cut, or a server lose what it had. What was merged since cannot be told
/// from what was there then.
#[test]
fn runs_that_were_merged_with_lost_ones_are_not_used() {
    let path = folder("beyond");
    let house = closed(7);
    let mut orders = house.state.archivable(house.now, 1_000);
    // It came back and left again in the run that the journal lost.
    let mut changed = orders[3].clone();
    changed.order.version += 1;
    orders.push(changed);
    let disk = || Arc::new(Folder::at(&path));
    let archive = Archive::open(disk(), ArchiveMark::default()).expect("new");
    let before = in_runs(&archive, &orders[..7]);
    let chain = chained(before.chain, &orders[7..]);
    let run = archive.keep(before, &orders[7..]).expect("a disk");
    let apart = Archive::reading(disk(), before).expect("the runs of then");
    all_found(&apart, &orders[..7]);
    assert!(archive.merge(run).expect("a disk"));
    Archive::reading(disk(), ArchiveMark { run, chain }).expect("the runs of now");
    let refused = Archive::reading(disk(), before).expect_err("merged");
    assert!(refused.is_loss(), "{refused}");
    fs::remove_dir_all(path).expect("our own folder");
}

/// Of several orders with one id of their channel the youngest is meant, wherever it is.
#[test]
fn a_channel_id_means_its_youngest_order() {
    let path = folder("channel");
    let mut house = House::stocked(&[("cup", 10)]);
    archive_after(&mut house, 30);
    for number in ["A0", "A1"] {
        let mut order = placing(number, &[("cup", 1)]);
        if let Command::PlaceOrder(order) = &mut order {
            order.channel_order_id = "same".into();
        }
        house.done(order);
        house.done(cancel(number));
    }
    house.pass(31 * DAY);
    let orders = house.state.archivable(house.now, 10);
    let archive = Archive::open(Arc::new(Folder::at(&path)), ArchiveMark::default()).expect("new");
    in_runs(&archive, &[orders[1].clone(), orders[0].clone()]);
    let found = archive.find(0, "same", By::AnyName).expect("whole");
    assert_eq!(found.expect("one of them").id, orders[1].id);
    fs::remove_dir_all(path).expect("our own folder");
}

#[test]
fn a_read_by_channel_id_shows_the_youngest_order_though_it_left() {
    let shop = Shop::new("twins");
    let engine = shop.open();
    stock(&engine);
    for number in 0..2 {
        let mut order = order(number);
        order.channel_order_id = "same".into();
        assert_eq!(ask(&engine, PLACE, &order).0, 0);
    }
    assert_eq!(cancelled(&engine, 1..2, "c")[0].0, 0);
    let shown = |engine: &Engine| {
        let order_number = "same".into();
        let (code, order) = ask(engine, GET, &pb::GetOrderRequest { order_number });
        let order = pb::GetOrderResponse::decode(order.as_slice()).expect("an order");
        (code, order.order.expect("its state").order_number)
    };
    assert_eq!(shown(&engine), (0, "A1".into()));
    shop.clock.advance(31 * DAY);
    archive(&engine, 1);
    assert_eq!(shown(&engine), (0, "A1".into()));
    drop(engine);
    shop.hash();
}

/// A disk that fails at each call while runs are written and merged loses no run that
/// was acknowledged.
#[test]
fn a_disk_that_fails_at_any_call_loses_nothing() {
    let house = closed(9);
    let orders = house.state.archivable(house.now, 100);
    for calls in 0.. {
        let path = folder("failing");
        let disk = Arc::new(Failing::at(&path, calls));
        let mut kept = ArchiveMark::default();
        let mut whole = 0;
        let done = (|| -> Result<(), ArchiveError> {
            let archive = Archive::open(disk, kept)?;
            for archived in &orders {
                let some = std::slice::from_ref(archived);
                let run = archive.keep(kept, some)?;
                let chain = chained(kept.chain, some);
                kept = ArchiveMark { run, chain };
                whole += 1;
                while archive.merge(run)? {}
            }
            Ok(())
        })();
        let archive = Archive::open(Arc::new(Folder::at(&path)), kept).expect("what was kept");
        all_found(&archive, &orders[..whole]);
        archive.check(&mut |_, _| {}).expect("whole");
        fs::remove_dir_all(&path).expect("our own folder");
        if done.is_ok() {
            assert!(calls > 50, "{calls}");
            break;
        }
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let path = folder("flips");
    let house = closed(2);
    let orders = house.state.archivable(house.now, 100);
    let archive = Archive::open(Arc::new(Folder::at(&path)), ArchiveMark::default()).expect("new");
    let run = archive.keep(ArchiveMark::default(), &orders).expect("kept");
    let mark = ArchiveMark {
        run,
        chain: chained([0; 16], &orders),
    };
    let file = files(&path, "archive").remove(0);
    let good = fs::read(&file).expect("a file");
    let is_whole = || {
        let opened = Archive::reading(Arc::new(Folder::at(&path)), mark);
        opened
            .and_then(|archive| archive.check(&mut |_, _| {}))
            .is_ok()
    };
    assert!(is_whole());
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&file, &bytes).expect("a file");
        assert!(!is_whole(), "byte {at} of {}", good.len());
        fs::write(&file, &good[..at]).expect("a file");
        assert!(!is_whole(), "cut at {at}");
    }
    fs::remove_dir_all(path).expect("our own folder");
}
