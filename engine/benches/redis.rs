//! A durable order in `redis.always` beside a bare `XADD` of the same bytes, and beside
//! `file.sync`, at 1,000 orders a second.
//!
//! `cargo bench -p holdfast-engine --bench redis`. It starts a server of its own on a
//! free port (`TEST_REDIS_SERVER` names another binary; without one it says so).
//! The contenders take turns for a second each, one request a millisecond; medians of
//! one run are compared. `XADD by a thread` is what any commit in groups pays on top:
//! the request goes to another thread, and the answer comes back from it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use holdfast_engine::engine::{Call, Engine, RedisSettings, Settings};
use holdfast_engine::journal::Mode;
use holdfast_engine::wire::pb;
use prost::Message;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u64 = 10;
const PER_ROUND: u64 = 1_000;
const EVERY: Duration = Duration::from_millis(1);
/// A frame's header.
const HEADER: u64 = 48;

struct Server {
    process: Child,
    folder: PathBuf,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Option<Self> {
        let binary = std::env::var("TEST_REDIS_SERVER");
        let binary = binary.unwrap_or_else(|_| "redis-server".into());
        let free = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = free.local_addr().ok()?.port();
        drop(free);
        std::fs::create_dir_all(folder).expect("a folder");
        let process = Command::new(binary)
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self {
            process,
            folder: folder.to_owned(),
            url: format!("redis://127.0.0.1:{port}"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

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

fn open(settings: Settings) -> Engine {
    let engine = Engine::open(settings).expect("an engine");
    let receive = pb::ReceiveStockRequest {
        request_id: "stock".into(),
        sku: "cup".into(),
        warehouse: "hz".into(),
        quantity: 1_000_000_000,
        ..pb::ReceiveStockRequest::default()
    };
    ask(&engine, "/holdfast.v1.StockService/ReceiveStock", &receive);
    engine
}

fn place(engine: &Engine, number: u64) {
    let order = pb::PlaceOrderRequest {
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
    };
    ask(engine, "/holdfast.v1.OrderService/PlaceOrder", &order);
}

/// Nanoseconds of each request of a round, one due every millisecond.
fn round(first: u64, times: &mut Vec<u128>, mut one: impl FnMut(u64)) {
    let began = Instant::now();
    for number in 0..PER_ROUND {
        let due = EVERY * u32::try_from(number).expect("few");
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let sent = Instant::now();
        one(first + number);
        times.push(sent.elapsed().as_nanos());
    }
}

fn main() {
    let root = std::env::temp_dir().join(format!("holdfast-bench-redis-{}", std::process::id()));
    let Some(server) = Server::start(&root.join("server")) else {
        println!("there is no redis-server here; nothing was measured");
        return;
    };
    let of_redis = open(Settings {
        path: Some(root.join("redis")),
        journal: Mode::RedisAlways,
        redis: RedisSettings {
            url: server.url.clone(),
            ..RedisSettings::default()
        },
        ..Settings::default()
    });
    let of_memory = open(Settings::default());
    let of_files = open(Settings {
        path: Some(root.join("files")),
        ..Settings::default()
    });
    place(&of_redis, 1 << 40);
    let before = of_redis.metrics().journal;
    place(&of_redis, (1 << 40) + 1);
    let bytes = of_redis.metrics().journal.bytes - before.bytes + HEADER;
    let frame = vec![7_u8; usize::try_from(bytes).expect("small")];
    let client = redis::Client::open(server.url.as_str()).expect("a URL");
    let connect = || client.get_connection().expect("a connection");
    let add = |connection: &mut redis::Connection| {
        let mut add = redis::cmd("XADD");
        add.arg("bare").arg("*").arg("f").arg(&frame);
        let _: String = add.query(connection).expect("added");
    };
    let (mut bare, mut theirs) = (connect(), connect());
    let (hand, handed) = mpsc::channel::<mpsc::Sender<()>>();
    let [mut always, mut xadd, mut by_thread, mut sync, mut memory] = [(); 5].map(|()| Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for answer in handed {
                add(&mut theirs);
                let _ = answer.send(());
            }
        });
        for number in 0..ROUNDS {
            let first = number * PER_ROUND;
            round(first, &mut always, |number| place(&of_redis, number));
            round(first, &mut xadd, |_| add(&mut bare));
            round(first, &mut by_thread, |_| {
                let (answer, answered) = mpsc::channel();
                hand.send(answer).expect("a thread that waits");
                answered.recv().expect("an answer");
            });
            round(first, &mut sync, |number| place(&of_files, number));
            round(first, &mut memory, |number| place(&of_memory, number));
        }
        drop(hand);
    });
    let at = |times: &mut Vec<u128>, percent: usize| {
        times.sort_unstable();
        times[times.len() * percent / 100] as f64 / 1_000.0
    };
    println!("frames of {bytes} bytes, {} of each", always.len());
    println!("                 p50 µs    p99 µs   p50 beside XADD   beside file.sync");
    let (floor, files) = (at(&mut xadd, 50), at(&mut sync, 50));
    for (name, times) in [
        ("redis.always", &mut always),
        ("bare XADD", &mut xadd),
        ("XADD by a thread", &mut by_thread),
        ("file.sync", &mut sync),
        ("memory", &mut memory),
    ] {
        let (p50, p99) = (at(times, 50), at(times, 99));
        println!(
            "{name:<16} {p50:>6.0} {p99:>9.0} {:>17.2} {:>18.2}",
            p50 / floor,
            p50 / files
        );
    }
    drop((of_redis, of_files, server));
    let _ = std::fs::remove_dir_all(&root);
}
