//! Looking archived orders up: how long it takes among many, and what memory it costs.
//!
//! `ARCHIVED=1000000 cargo bench -p holdfast-engine --bench archive`; without it 100,000.
//! The pages are in the system's cache: a disk adds two reads to a look-up that finds.

#[path = "../tests/house/mod.rs"]
mod house;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_engine::archive::{Archive, By};
use holdfast_engine::domain::orders::archived::Archived;
use holdfast_engine::domain::state::{ArchiveMark, chained};
use holdfast_engine::domain::time::DAY;
use holdfast_engine::journal::Folder;
use house::{House, cancel};

/// Orders in a run, as the archiver writes them.
const RUN: u32 = 256;
const ASKED: u32 = 20_000;

fn model() -> Archived {
    let mut house = House::stocked(&[("cup", 1)]);
    house.place("A0", &[("cup", 1)]).expect("placed");
    house.done(cancel("A0"));
    house.pass(31 * DAY);
    house.state.archivable(house.now, 1).remove(0)
}

fn number(id: u32) -> String {
    format!("dy:20261111:{id:010}")
}

fn main() {
    let count: u32 = std::env::var("ARCHIVED")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    let path = std::env::temp_dir().join(format!("holdfast-bench-{}", std::process::id()));
    fs::create_dir_all(&path).expect("a folder");
    let disk = Arc::new(Folder::at(&path));
    let archive = Archive::open(disk, ArchiveMark::default()).expect("a new archive");
    let model = model();
    let mut mark = ArchiveMark::default();
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    for first in (0..count).step_by(RUN as usize) {
        let orders: Vec<Archived> = (first..count.min(first + RUN))
            .map(|id| {
                let mut archived = model.clone();
                archived.id = id;
                archived.order.number = number(id).into();
                archived
            })
            .collect();
        let run = archive.keep(mark, &orders).expect("a disk");
        let chain = chained(mark.chain, &orders);
        mark = ArchiveMark { run, chain };
        let merging = Instant::now();
        while archive.merge(run).expect("a disk") {}
        longest = longest.max(merging.elapsed());
    }
    let facts = archive.facts();
    println!(
        "{count} orders in {:.1?}, longest merges {longest:.1?}: {facts:?}",
        began.elapsed()
    );
    let per_order = facts.resident_bytes as f64 / f64::from(count);
    println!("{per_order:.2} bytes of memory an order");
    told("found", count, &archive, |turn| {
        number(turn.wrapping_mul(2_654_435_761) % count)
    });
    told("absent", count, &archive, |turn| number(count + turn));
    fs::remove_dir_all(path).expect("our own folder");
}

/// Times look-ups one by one and prints the median, the 99th percentile and the worst.
fn told(what: &str, count: u32, archive: &Archive, name: impl Fn(u32) -> String) {
    let mut took: Vec<Duration> = (0..ASKED.min(count))
        .map(|turn| {
            let name = name(turn);
            let began = Instant::now();
            let found = archive.find(0, &name, By::Number).expect("whole");
            let took = began.elapsed();
            assert_eq!(found.is_some(), what == "found");
            took
        })
        .collect();
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!(
        "{what}: median {:?}, p99 {:?}, worst {:?}",
        at(50),
        at(99),
        at(100)
    );
}
