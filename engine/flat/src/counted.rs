//! The process whose instructions are counted: it fills a house and then does every operation.
//!
//! Each operation is a function of its own that is never inlined, so that callgrind tells it by
//! name. What an operation needs is made beforehand.

use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use holdfast_engine::archive::{Archive, By};
use holdfast_engine::domain::state::{ArchiveMark, chained};
use holdfast_engine::journal::Folder;
use prost::Message;

use crate::Failure;
use crate::house::{House, path};
use crate::orders;

/// How often each operation is done.
const TIMES: u64 = 100;
/// The last orders of those that are there: what operations are done to, and what is placed.
const SUBJECTS: u64 = 6 * TIMES;
/// Bytes of the largest block that operations ask for, and of the room made for each size.
const LARGEST_BLOCK: usize = 8 << 10;
const ROOM: usize = 256 << 10;
/// Orders in a run of the archive, as the archiver writes them.
const RUN: usize = 256;

/// An operation that is counted.
#[derive(Debug)]
pub struct Operation {
    pub name: &'static str,
    /// Percent that it may cost more among ten times as many orders.
    pub growth: f64,
    /// Why it may.
    pub why: &'static str,
}

const fn flat(name: &'static str) -> Operation {
    grows(name, 0.0, "")
}

const fn grows(name: &'static str, growth: f64, why: &'static str) -> Operation {
    Operation { name, growth, why }
}

const STEPS: &str = "a step or two more in each of some ten radix maps (`domain/radix`)";
const RUNS: &str = "one run more whose filter is asked; a larger page index";

/// What is counted, in the order of the table. Sets in order are radix maps: sixteen times as
/// many entries make them about one step deeper.
pub const OPERATIONS: [Operation; 11] = [
    flat("place"),
    grows("start_payment", 1.0, STEPS),
    grows("confirm_payment", 1.0, STEPS),
    grows("release_hold", 1.0, STEPS),
    flat("advance_parcel"),
    flat("repeat"),
    flat("get_order"),
    flat("get_stock"),
    grows("expire", 2.5, STEPS),
    grows("find_archived", 6.0, RUNS),
    flat("nothing"),
];

/// Functions that do one call each. The name in the body keeps the linker from making one
/// function of those that are equal otherwise.
macro_rules! calls {
    ($($name:ident)*) => {$(
        #[inline(never)]
        fn $name(house: &mut House, method: &str, request: &[u8]) {
            black_box(stringify!($name));
            black_box(house.call(method, request));
        }
    )*};
}

calls! { place start_payment confirm_payment release_hold advance_parcel repeat get_order get_stock }

#[inline(never)]
fn expire(house: &mut House) {
    black_box(house.expire_one());
}

#[inline(never)]
fn find_archived(archive: &Archive, number: &str) {
    let found = archive.find(0, number, By::Number);
    assert!(black_box(found).expect("a disk").is_some());
}

/// What the measuring itself costs.
#[inline(never)]
fn nothing() {
    black_box(());
}

type Operate = fn(&mut House, &str, &[u8]);
/// An operation, its method, and its request of each order.
type Call = (
    Operate,
    &'static str,
    fn(u64) -> Vec<u8>,
    std::ops::Range<u64>,
);

fn prepared((operation, method, request, orders): Call) -> (Operate, String, Vec<Vec<u8>>) {
    (operation, path(method), orders.map(request).collect())
}

fn each(operation: Operate, house: &mut House, method: &str, requests: &[Vec<u8>]) {
    for request in requests {
        operation(house, method, request);
    }
}

fn bytes<M: Message>(message: M) -> Vec<u8> {
    message.encode_to_vec()
}

/// Fills a house and an archive with so many orders, says so on its output, waits until the
/// file `go` is there, and does every operation.
///
/// # Errors
/// The archive's folder cannot be used.
pub fn run(open_orders: u64, go: &Path) -> Result<(), Failure> {
    let mut house = House::filled(open_orders - SUBJECTS);
    let group = |index: u64| {
        let first = open_orders - SUBJECTS + index * TIMES;
        first..first + TIMES
    };
    for number in group(0).start..group(5).start {
        house.call(
            &path("OrderService/PlaceOrder"),
            &bytes(orders::place_measured(number)),
        );
    }
    group(3).for_each(|number| house.confirm_payment(number));
    let folder = go.with_extension("archive");
    let archive = archive(&folder, open_orders)?;
    let reads: [Call; 3] = [
        (
            get_order,
            "OrderService/GetOrder",
            |n| bytes(orders::get_order(n)),
            group(4),
        ),
        (
            get_stock,
            "StockService/GetStock",
            |_| bytes(orders::get_stock()),
            group(4),
        ),
        (
            repeat,
            "OrderService/PlaceOrder",
            |n| bytes(orders::place_measured(n)),
            group(4),
        ),
    ];
    let writes: [Call; 5] = [
        (
            place,
            "OrderService/PlaceOrder",
            |n| bytes(orders::place_measured(n)),
            group(5),
        ),
        (
            start_payment,
            "OrderService/StartPayment",
            |n| bytes(orders::start_payment(n)),
            group(0),
        ),
        (
            confirm_payment,
            "OrderService/ConfirmPayment",
            |n| bytes(orders::confirm_payment(n)),
            group(1),
        ),
        (
            release_hold,
            "OrderService/ReleaseHold",
            |n| bytes(orders::release_hold(n)),
            group(2),
        ),
        (
            advance_parcel,
            "ParcelService/AdvanceParcel",
            |n| bytes(orders::advance_parcel(n)),
            group(3),
        ),
    ];
    let (reads, writes) = (reads.map(prepared), writes.map(prepared));
    // What is done once in a process, such as binding its symbols, is no operation's cost: 20,000
    // instructions, which would be 200 of each.
    for (operation, method, requests) in &reads {
        each(*operation, &mut house, method, requests);
    }
    let blocks = roomy_pages();
    let archived: Vec<String> = (0..TIMES)
        .map(|turn| orders::order_number(turn * 7_919 % open_orders))
        .collect();
    println!("filled");
    io::stdout().flush()?;
    // It does not sleep: only a running process hears that it is to be counted.
    while !go.exists() {}
    for (operation, method, requests) in reads.iter().chain(&writes) {
        each(*operation, &mut house, method, requests);
    }
    assert_eq!(house.open_orders().cast_unsigned(), open_orders);
    house.let_all_end();
    for number in &archived {
        expire(&mut house);
        find_archived(&archive, number);
        nothing();
    }
    drop(blocks);
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Gives all that follows pages of the allocator with room, while what this returns is kept.
///
/// How full the pages are that filling left differs from house to house, and with it how often
/// an operation has to look for another: that was 100 of 4,200 instructions. So what is free in
/// them is taken and kept, and of the pages behind them three blocks of four are given back.
fn roomy_pages() -> Vec<Vec<u8>> {
    let next = |size: &usize| Some(size + (size / 8).max(8));
    let sizes = std::iter::successors(Some(8), next).take_while(|size| *size <= LARGEST_BLOCK);
    let mut kept = Vec::new();
    for size in sizes {
        let taken = (0..2 * ROOM / size).map(|_| Vec::with_capacity(size));
        let mut taken: Vec<Vec<u8>> = taken.collect();
        let behind = taken.split_off(ROOM / size);
        kept.extend(taken);
        kept.extend(behind.into_iter().step_by(4));
    }
    kept
}

/// An archive of so many orders, merged as far as it is in a running engine.
fn archive(folder: &Path, count: u64) -> Result<Archive, Failure> {
    std::fs::create_dir_all(folder)?;
    let archive = Archive::open(Arc::new(Folder::at(folder)), ArchiveMark::default())?;
    let model = House::archived();
    let mut mark = ArchiveMark::default();
    for first in (0..count).step_by(RUN) {
        let orders: Vec<_> = (first..count.min(first + RUN as u64))
            .map(|number| {
                let mut archived = model.clone();
                archived.id = u32::try_from(number).expect("fewer than 2^32 orders");
                archived.order.number = orders::order_number(number).into();
                archived
            })
            .collect();
        let run = archive.keep(mark, &orders)?;
        let chain = chained(mark.chain, &orders);
        mark = ArchiveMark { run, chain };
        while archive.merge(run)? {}
    }
    Ok(archive)
}
