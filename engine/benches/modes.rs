//! What each journal mode costs: one durable order at a time, and 1,000 in a call.
//!
//! `cargo bench -p holdfast-engine --bench modes`. Rounds of all modes take turns on
//! one disk, so that the machine's moods fall on each alike; the ratios to file.sync
//! are the figure.

use std::path::PathBuf;
use std::time::Instant;

use holdfast_engine::engine::{Call, Engine, Settings};
use holdfast_engine::journal::Mode;
use holdfast_engine::wire::pb;
use prost::Message;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 30;
const ALONE: u64 = 100;
const TOGETHER: u64 = 1_000;

struct Contender {
    name: &'static str,
    engine: Engine,
    next: u64,
    /// Nanoseconds of each order that was placed alone.
    alone: Vec<u128>,
    /// Nanoseconds of each call of many.
    together: Vec<u128>,
}

impl Contender {
    fn new(name: &'static str, settings: Settings) -> Self {
        let engine = Engine::open(settings).expect("opened");
        let stock = pb::ReceiveStockRequest {
            request_id: "stock".into(),
            sku: "cup".into(),
            warehouse: "hz".into(),
            quantity: 1_000_000_000,
            ..pb::ReceiveStockRequest::default()
        };
        let mut contender = Self {
            name,
            engine,
            next: 0,
            alone: Vec::new(),
            together: Vec::new(),
        };
        contender.ask("/holdfast.v1.StockService/ReceiveStock", &stock);
        contender
    }

    fn ask(&mut self, method: &str, request: &impl Message) -> u128 {
        let request = request.encode_to_vec();
        let began = Instant::now();
        let reply = self.engine.call(Call {
            method,
            request: &request,
            token: None,
            deadline: None,
            locale: "",
        });
        assert_eq!(reply.code, 0, "{method} on {}", self.name);
        began.elapsed().as_nanos()
    }

    fn order(&mut self) -> pb::PlaceOrderRequest {
        self.next += 1;
        pb::PlaceOrderRequest {
            request_id: format!("{:032x}", self.next),
            order_number: format!("douyin:7784061:69234567{:011}", self.next),
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

    fn round(&mut self) {
        for _ in 0..ALONE {
            let order = self.order();
            let took = self.ask("/holdfast.v1.OrderService/PlaceOrder", &order);
            self.alone.push(took);
        }
        let commands = (0..TOGETHER).map(|_| pb::Command {
            command: Some(pb::command::Command::PlaceOrder(self.order())),
        });
        let batch = pb::BatchSubmitRequest {
            commands: commands.collect(),
        };
        let took = self.ask("/holdfast.v1.OrderService/BatchSubmit", &batch);
        self.together.push(took);
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let root = std::env::temp_dir().join(format!("holdfast-modes-{}", std::process::id()));
    let at = |name: &str| -> PathBuf { root.join(name) };
    let file = |name: &str, journal: Mode| Settings {
        path: Some(at(name)),
        journal,
        ..Settings::default()
    };
    let mut contenders = [
        Contender::new("file.sync", file("sync", Mode::FileSync)),
        Contender::new(
            "file.sync, mirrored",
            Settings {
                mirror: Some(at("mirror")),
                ..file("mirrored", Mode::FileSync)
            },
        ),
        Contender::new("file.log", file("log", Mode::FileLog)),
        Contender::new("memory", Settings::default()),
    ];
    for round in 0..ROUNDS {
        let first = round % contenders.len();
        contenders.rotate_left(first);
        for contender in &mut contenders {
            contender.round();
        }
        contenders.rotate_right(first);
    }
    let base = |values: &mut Vec<u128>| {
        values.sort_unstable();
        values[values.len() / 2] as f64
    };
    let (alone, together) = {
        let sync = &mut contenders[0];
        (base(&mut sync.alone), base(&mut sync.together))
    };
    println!(
        "{:<22}{:>12}{:>10}{:>12}{:>16}{:>10}",
        "mode", "alone p50", "ratio", "alone p99", "1,000 together", "ratio"
    );
    for contender in &mut contenders {
        let p50 = base(&mut contender.alone);
        let p99 = contender.alone[contender.alone.len() * 99 / 100] as f64;
        let many = base(&mut contender.together);
        println!(
            "{:<22}{:>9.0} us{:>10.2}{:>9.0} us{:>13.1} ms{:>10.2}",
            contender.name,
            p50 / 1e3,
            p50 / alone,
            p99 / 1e3,
            many / 1e6,
            many / together
        );
    }
    drop(contenders);
    let _ = std::fs::remove_dir_all(&root);
}
