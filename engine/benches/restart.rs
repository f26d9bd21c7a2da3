//! A start with 1,000,000 open orders: from a snapshot, and by replaying everything.
//!
//! `cargo bench -p holdfast-engine --bench restart [-- ORDERS]`. Both are done in one
//! run, in turns, in a folder of its own, each in a new process, as restarts are; each
//! figure is the median of three.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use holdfast_engine::domain::event::Record;
use holdfast_engine::engine::{Call, Engine, Settings};
use holdfast_engine::journal::FileJournal;
use holdfast_engine::wire::pb;
use prost::Message;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: u64 = 1_000;
const SKUS: u64 = 500;
const ROUNDS: usize = 3;

fn ask(engine: &Engine, method: &str, request: &impl Message) {
    let reply = engine.call(Call {
        method,
        request: &request.encode_to_vec(),
        token: None,
        deadline: Some(Duration::from_secs(60)),
        locale: "",
    });
    assert_eq!(reply.code, 0, "{method}");
}

fn fill(engine: &Engine, orders: u64) {
    for sku in 0..SKUS {
        let receive = pb::ReceiveStockRequest {
            request_id: format!("{sku:032x}"),
            sku: format!("sku-{sku}"),
            warehouse: "hangzhou".into(),
            quantity: i64::try_from(orders).expect("a plain number"),
            ..pb::ReceiveStockRequest::default()
        };
        ask(engine, "/holdfast.v1.StockService/ReceiveStock", &receive);
    }
    for first in (0..orders).step_by(BATCH as usize) {
        let commands = (first..first + BATCH).map(|number| {
            let place = pb::PlaceOrderRequest {
                request_id: format!("{:032x}", (1_u128 << 64) + u128::from(number)),
                order_number: format!("douyin:7784061:69234567{number:011}"),
                channel_order_id: format!("69234567{number:011}"),
                source_channel: 1,
                urgency: 1,
                paid: number % 4 != 0,
                lines: vec![pb::OrderLine {
                    sku: format!("sku-{}", number % SKUS),
                    quantity: 1,
                    ..pb::OrderLine::default()
                }],
                ..pb::PlaceOrderRequest::default()
            };
            pb::Command {
                command: Some(pb::command::Command::PlaceOrder(place)),
            }
        });
        let batch = pb::BatchSubmitRequest {
            commands: commands.collect(),
        };
        ask(engine, "/holdfast.v1.OrderService/BatchSubmit", &batch);
    }
}

fn settings(folder: PathBuf) -> Settings {
    Settings {
        path: Some(folder),
        snapshot_every: 0,
        ..Settings::default()
    }
}

/// What this program prints when it is started to open a folder: the time in
/// microseconds, the record of the snapshot and how many were replayed.
fn reopen(folder: PathBuf) {
    let began = Instant::now();
    let engine = Engine::open(settings(folder)).expect("an engine");
    let took = began.elapsed().as_micros();
    let recovered = engine.recovered();
    println!("{took} {} {}", recovered.snapshot_seq, recovered.replayed);
    // A million orders are not taken apart one by one: the process ends.
    std::process::exit(0);
}

/// Opens the folder in a new process.
fn restart(folder: &Path) -> (Duration, u64, u64) {
    let program = std::env::current_exe().expect("this program");
    let printed = Command::new(program)
        .arg(folder)
        .output()
        .expect("a process");
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8(printed.stdout).expect("numbers");
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let &[micros, snapshot_seq, replayed] = numbers.as_slice() else {
        panic!("{text:?} is not three numbers");
    };
    (Duration::from_micros(micros), snapshot_seq, replayed)
}

/// How many events the journal's records hold: an order that is placed and paid is one
/// record and two events.
fn count_events(folder: &Path) -> usize {
    let (reader, last_seq) =
        FileJournal::open_reader(&folder.join("journal"), None).expect("a journal");
    let mut events = 0;
    let scanned = reader.scan(1, last_seq, &mut |_, bytes| {
        events += Record::decode(bytes).expect("a record").events.len();
        ControlFlow::Continue(())
    });
    scanned.expect("a whole journal");
    events
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let argument = std::env::args().skip(1).find(|text| !text.starts_with('-'));
    let folder = argument.as_ref().filter(|text| text.contains('/'));
    if let Some(folder) = folder {
        reopen(folder.into());
    }
    let orders = argument
        .map(|text| text.parse().expect("how many orders"))
        .unwrap_or(1_000_000);
    let folder = std::env::temp_dir().join(format!("holdfast-restart-{}", std::process::id()));
    let engine = Engine::open(settings(folder.clone())).expect("an engine");
    fill(&engine, orders);
    let began = Instant::now();
    let head = engine.snapshot().expect("a snapshot").expect("a folder");
    let taken = began.elapsed();
    drop(engine);
    let snapshots = folder.join("snapshots");
    let aside = folder.join("aside");
    let events = count_events(&folder);
    let (mut loads, mut replays) = (Vec::new(), Vec::new());
    let mut records = 0;
    for _ in 0..ROUNDS {
        let (took, snapshot_seq, _) = restart(&folder);
        assert_eq!(snapshot_seq, head.seq);
        loads.push(took);
        std::fs::rename(&snapshots, &aside).expect("a folder of snapshots");
        let (took, snapshot_seq, replayed) = restart(&folder);
        assert_eq!(snapshot_seq, 0);
        records = replayed;
        replays.push(took);
        std::fs::remove_dir_all(&snapshots).expect("an empty folder");
        std::fs::rename(&aside, &snapshots).expect("the snapshots back");
    }
    let (load, replay) = (median(loads), median(replays));
    let per_second = |count: f64| count / replay.as_secs_f64();
    println!("open orders                  {orders:>12}");
    println!(
        "snapshot                     {:>9} MiB, taken in {taken:.2?}",
        head.bytes >> 20
    );
    println!("start from the snapshot      {load:>12.2?}");
    println!(
        "start by replaying           {replay:>12.2?}  {:.0} records/s, {:.0} events/s",
        per_second(records as f64),
        per_second(events as f64)
    );
    std::fs::remove_dir_all(&folder).expect("our own folder");
}
