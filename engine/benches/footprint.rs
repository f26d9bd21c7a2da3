//! Memory of an open order and journal bytes of a placed and paid one.
//!
//! `cargo bench -p holdfast-engine --bench footprint` (part of `./dev bench`).
//! Bytes asked of the allocator; they do not depend on the machine's speed.

#[path = "../tests/house/mod.rs"]
mod house;

use std::alloc::System;

use holdfast_engine::domain::command::Command;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::state::{Decision, State};
use house::{House, START, confirm, place, receive};
use prost::Message;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ORDERS: usize = 100_000;

fn main() {
    let (mut house, mut state) = (House::new(), State::new(Board::default()));
    // Bytes of the record, and of its length before it.
    let mut submit = |command: Command| {
        let Decision::New(record) = state.submit(&house.submission(command), START) else {
            panic!("it is new and fits")
        };
        record.encoded_len() + 2
    };
    submit(receive("cup", "hz", 1_000_000_000));
    let region = Region::new(ALLOCATOR);
    let mut journal = 0;
    for number in 0..ORDERS {
        let number = format!("douyin:7784061:69234567{number:011}");
        journal += submit(place(&number, &[("cup", 1)])) + submit(confirm(&number));
    }
    let change = region.change();
    let memory = change.bytes_allocated - change.bytes_deallocated;
    println!(
        "memory an open order (placed and paid, with both request ids): {} bytes",
        memory / ORDERS
    );
    println!(
        "journal an order (place and pay, before frames): {} bytes",
        journal / ORDERS
    );
}
