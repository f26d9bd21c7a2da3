//! Memory of an open order, journal bytes of a placed and paid one, and the
//! longest single decision while the tables grow.
//!
//! `cargo bench -p holdfast-engine --bench footprint` (part of `./dev bench`).
//! Bytes asked of the allocator; they do not depend on the machine's speed.
//! The longest of many is also what the machine did meanwhile: it is printed
//! three times, and the least of them is the program's.

#[path = "../tests/house/mod.rs"]
mod house;

use std::alloc::System;
use std::time::{Duration, Instant};

use holdfast_engine::domain::command::Command;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::state::{Decision, State};
use house::{House, START, confirm, place, receive};
use prost::Message;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Past the 114,688 orders at which a table in one piece doubles.
const ORDERS: usize = 120_000;

fn main() {
    for _ in 0..3 {
        let (mut house, mut state) = (House::new(), State::new(Board::default()));
        let mut longest = Duration::ZERO;
        // Bytes of the record, and of its length before it.
        let mut submit = |command: Command| {
            let submission = house.submission(command);
            let began = Instant::now();
            let Decision::New(record) = state.submit(&submission, START) else {
                panic!("it is new and fits")
            };
            longest = longest.max(began.elapsed());
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
            "an open order (placed and paid): {} bytes of memory with both request ids, {} of journal \
             before frames; longest decision of {} orders {} us",
            memory / ORDERS,
            journal / ORDERS,
            ORDERS,
            longest.as_micros()
        );
    }
}
