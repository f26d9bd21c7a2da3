//! A start with 1,000,000 open orders: from a snapshot, and by replaying everything.
//!
//! `cargo bench -p holdfast-engine --bench restart [-- ORDERS]`. Both are done in one
//! run, in turns, in a folder of its own; each figure is the median of three.

use std::time::{Duration, Instant};

use holdfast_engine::engine::{Call, Engine, Settings};
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

fn open(settings: &Settings) -> (Duration, Engine) {
    let began = Instant::now();
    let engine = Engine::open(settings.clone()).expect("an engine");
    (began.elapsed(), engine)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let orders = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1_000_000);
    let folder = std::env::temp_dir().join(format!("holdfast-restart-{}", std::process::id()));
    let settings = Settings {
        path: Some(folder.clone()),
        snapshot_every: 0,
        ..Settings::default()
    };
    let (_, engine) = open(&settings);
    fill(&engine, orders);
    let began = Instant::now();
    let head = engine.snapshot().expect("a snapshot").expect("a folder");
    let taken = began.elapsed();
    drop(engine);
    let snapshots = folder.join("snapshots");
    let aside = folder.join("aside");
    let (mut loads, mut replays) = (Vec::new(), Vec::new());
    let mut events = 0;
    for _ in 0..ROUNDS {
        let (took, engine) = open(&settings);
        assert_eq!(engine.recovered().snapshot_seq, head.seq);
        loads.push(took);
        drop(engine);
        std::fs::rename(&snapshots, &aside).expect("a folder of snapshots");
        let (took, engine) = open(&settings);
        assert_eq!(engine.recovered().snapshot_seq, 0);
        events = engine.recovered().replayed;
        replays.push(took);
        drop(engine);
        std::fs::remove_dir_all(&snapshots).expect("an empty folder");
        std::fs::rename(&aside, &snapshots).expect("the snapshots back");
    }
    let (load, replay) = (median(loads), median(replays));
    let per_second = events as f64 / replay.as_secs_f64();
    println!("open orders                  {orders:>12}");
    println!(
        "snapshot                     {:>9} MiB, taken in {taken:.2?}",
        head.bytes >> 20
    );
    println!("start from the snapshot      {load:>12.2?}");
    println!("start by replaying           {replay:>12.2?}  {per_second:.0} records/s");
    std::fs::remove_dir_all(&folder).expect("our own folder");
}
