//! Check 7: 100,000 holds end within one second while 2,000 orders a second are
//! placed; does the placing notice?
//!
//! `cargo bench -p holdfast-engine --bench storm`. One thread places durable
//! orders at fixed times and measures from the time each was due, so that a stall
//! counts for every order it delayed. The same traffic runs before, during and
//! after; the ratios of one run are the figure.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_engine::clock::{Clock, ManualClock};
use holdfast_engine::domain::time::MINUTE;
use holdfast_engine::engine::{Call, Engine, Settings};
use holdfast_engine::wire::pb;
use prost::Message;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_794_326_400_000;
const HOLDS: u64 = 100_000;
const PER_SECOND: u64 = 2_000;
const PHASE: Duration = Duration::from_secs(3);

static NEXT: AtomicU64 = AtomicU64::new(0);

fn ask(engine: &Engine, method: &str, request: &impl Message) {
    let reply = engine.call(Call {
        method,
        request: &request.encode_to_vec(),
        token: None,
        deadline: None,
        locale: "",
    });
    assert_eq!(reply.code, 0, "{method}");
}

fn order() -> pb::PlaceOrderRequest {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    pb::PlaceOrderRequest {
        request_id: format!("{number:032x}"),
        order_number: format!("douyin:7784061:69234567{number:011}"),
        source_channel: 1,
        urgency: 1,
        lines: vec![pb::OrderLine {
            sku: "cup".into(),
            quantity: 1,
            ..pb::OrderLine::default()
        }],
        ..pb::PlaceOrderRequest::default()
    }
}

/// Latencies in microseconds, sorted.
fn traffic(engine: &Engine) -> Vec<u128> {
    let began = Instant::now();
    let mut latencies = Vec::new();
    for index in 0.. {
        let due = began + Duration::from_micros(index * 1_000_000 / PER_SECOND);
        if due - began > PHASE {
            break;
        }
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
        ask(engine, "/holdfast.v1.OrderService/PlaceOrder", &order());
        latencies.push(due.elapsed().as_micros());
    }
    latencies.sort_unstable();
    latencies
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("holdfast-storm-{}", std::process::id()));
    println!("in memory, the engine alone:");
    storm(None);
    println!("on disk, synced before each answer:");
    storm(Some(folder.clone()));
    let _ = std::fs::remove_dir_all(&folder);
}

fn storm(path: Option<PathBuf>) {
    let clock = ManualClock::new(START);
    let settings = Settings {
        path,
        ..Settings::default()
    };
    let engine =
        Engine::open_with_clock(settings, Clock::Manual(Arc::clone(&clock))).expect("opened");
    let stock = pb::ReceiveStockRequest {
        request_id: "stock".into(),
        sku: "cup".into(),
        warehouse: "hz".into(),
        quantity: 1_000_000_000,
        ..pb::ReceiveStockRequest::default()
    };
    ask(&engine, "/holdfast.v1.StockService/ReceiveStock", &stock);
    for _ in 0..1_000 {
        let commands = (0..HOLDS / 1_000).map(|_| pb::Command {
            command: Some(pb::command::Command::PlaceOrder(order())),
        });
        let batch = pb::BatchSubmitRequest {
            commands: commands.collect(),
        };
        ask(&engine, "/holdfast.v1.OrderService/BatchSubmit", &batch);
        clock.advance(1);
    }
    assert_eq!(engine.metrics().live_holds, HOLDS as i64);
    // Just before the first deadline; what is placed from here on outlives the run.
    clock.set(START + 15 * MINUTE - 1);

    let calm = traffic(&engine);
    let stop = AtomicBool::new(false);
    let (storm, released_in) = std::thread::scope(|scope| {
        let (engine, clock, stop) = (&engine, &clock, &stop);
        scope.spawn(move || {
            let began = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                let passed = i64::try_from(began.elapsed().as_millis()).expect("a short run");
                clock.set(START + 15 * MINUTE - 1 + passed);
            }
        });
        let watching = scope.spawn(move || {
            let began = Instant::now();
            while engine.metrics().due_backlog > 0 || began.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(50));
            }
            began.elapsed()
        });
        let latencies = traffic(engine);
        stop.store(true, Ordering::Relaxed);
        (latencies, watching.join().expect("no panic"))
    });
    let after = traffic(&engine);
    println!("all {HOLDS} holds were written as ended {released_in:.1?} after the first deadline");
    for (name, latencies) in [("before", &calm), ("storm", &storm), ("after", &after)] {
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        println!(
            "{name:>7}: {} orders, p50 {} us, p99 {} us, p99.9 {} us, longest {} us",
            latencies.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
    }
}
