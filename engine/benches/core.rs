//! Real units of work in the core, and durable placing by group size.
//!
//! `cargo bench -p holdfast-engine` (part of `./dev bench`). The machine is
//! shared: read ratios between lines of one run, not single figures.

#[path = "../tests/house/mod.rs"]
mod house;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BatchSize, Criterion, Throughput};
use holdfast_engine::domain::command::{Command, RequestKey, Submission};
use holdfast_engine::domain::orders::lifecycle::{Node, Role};
use holdfast_engine::domain::state::{Decision, State};
use holdfast_engine::engine::{Call, Engine, Settings};
use holdfast_engine::journal::{FileJournal, FileOptions, Journal, Writer};
use holdfast_engine::wire::pb;
use house::{House, START, advance, confirm, place};
use prost::Message;

/// That of the extension module.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A house with plenty of one SKU.
fn stocked() -> House {
    House::stocked(&[("cup", 1_000_000_000)])
}

fn submission(house: &mut House, key: u128, command: Command) -> Submission {
    let mut submission = house.submission(command);
    submission.key = RequestKey {
        key,
        fingerprint: 1,
    };
    submission
}

fn decide(state: &mut State, submission: &Submission) {
    assert!(matches!(state.submit(submission, START), Decision::New(_)));
}

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core");
    group.throughput(Throughput::Elements(1));
    let mut next = 1_u128 << 64;
    let mut key = || {
        next += 1;
        next
    };
    let mut house = stocked();
    let mut place_only = stocked();
    group.bench_function("place", |bencher| {
        bencher.iter_custom(|rounds| {
            let submissions: Vec<Submission> = (0..rounds)
                .map(|_| {
                    let key = key();
                    submission(
                        &mut house,
                        key,
                        place(&format!("douyin:77:{key}"), &[("cup", 1)]),
                    )
                })
                .collect();
            let began = std::time::Instant::now();
            for submission in &submissions {
                decide(&mut place_only.state, submission);
            }
            began.elapsed()
        });
    });
    let mut paying = stocked();
    group.bench_function("confirm", |bencher| {
        bencher.iter_custom(|rounds| {
            let confirms: Vec<Submission> = (0..rounds)
                .map(|_| {
                    let number = format!("c{}", key());
                    let placing = submission(&mut house, key(), place(&number, &[("cup", 1)]));
                    decide(&mut paying.state, &placing);
                    submission(&mut house, key(), confirm(&number))
                })
                .collect();
            let began = std::time::Instant::now();
            for confirm in &confirms {
                decide(&mut paying.state, confirm);
            }
            began.elapsed()
        });
    });
    let mut walking = stocked();
    group.bench_function("advance", |bencher| {
        bencher.iter_custom(|rounds| {
            let scans: Vec<Submission> = (0..rounds)
                .map(|_| {
                    let number = format!("w{}", key());
                    for command in [place(&number, &[("cup", 1)]), confirm(&number)] {
                        let placing = submission(&mut house, key(), command);
                        decide(&mut walking.state, &placing);
                    }
                    house.role = Role::Reviewer;
                    let scan = advance(&format!("{number}/1"), Node::WarehouseAssigned);
                    submission(&mut house, key(), scan)
                })
                .collect();
            let began = std::time::Instant::now();
            for scan in &scans {
                decide(&mut walking.state, scan);
            }
            began.elapsed()
        });
    });
    group.finish();
}

/// A folder that is removed with the benchmark.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("holdfast-bench-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Placing through the whole engine, bytes in and durable bytes out.
fn durable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable place");
    group.sample_size(20);
    let counter = AtomicU64::new(0);
    for size in [1_u64, 64, 1_000] {
        let folder = Folder::new(&format!("place-{size}"));
        let engine = Engine::open(Settings {
            path: Some(folder.0.clone()),
            ..Settings::default()
        })
        .expect("opened");
        receive(&engine);
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("{size} in a batch"), |bencher| {
            bencher.iter_batched(
                || {
                    let commands = (0..size).map(|_| pb::Command {
                        command: Some(pb::command::Command::PlaceOrder(order(
                            counter.fetch_add(1, Ordering::Relaxed),
                        ))),
                    });
                    pb::BatchSubmitRequest {
                        commands: commands.collect(),
                    }
                    .encode_to_vec()
                },
                |request| {
                    let reply =
                        engine.call(call("/holdfast.v1.OrderService/BatchSubmit", &request));
                    assert_eq!(reply.code, 0);
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn call<'a>(method: &'a str, request: &'a [u8]) -> Call<'a> {
    Call {
        method,
        request,
        token: None,
        deadline: None,
        locale: "",
    }
}

fn receive(engine: &Engine) {
    let request = pb::ReceiveStockRequest {
        request_id: "stock".into(),
        sku: "cup".into(),
        warehouse: "hz".into(),
        quantity: 1_000_000_000,
        ..pb::ReceiveStockRequest::default()
    };
    assert_eq!(
        engine
            .call(call(
                "/holdfast.v1.StockService/ReceiveStock",
                &request.encode_to_vec()
            ))
            .code,
        0
    );
}

fn order(number: u64) -> pb::PlaceOrderRequest {
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

/// A bare journal for comparison: one record a group, and the thread's own groups.
fn journal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    let folder = Folder::new("journal");
    let opened = FileJournal::open(&folder.0, FileOptions::default())
        .expect("opened")
        .0;
    assert_eq!(opened.last_seq(), 0);
    let writer = Arc::new(Writer::start(Box::new(opened), Box::new(|| Ok(()))));
    let record = [7_u8; 100];
    group.bench_function("append and wait, one at a time", |bencher| {
        bencher.iter(|| {
            let seq = writer.append(&record);
            writer.wait(seq, None).expect("durable");
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    core(&mut criterion);
    journal(&mut criterion);
    durable(&mut criterion);
    criterion.final_summary();
}
