//! Records for tests of journals, known by their numbers.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::io;
use std::ops::{ControlFlow, RangeInclusive};

use holdfast_engine::journal::{Group, Journal, Progress, Reader};

/// What the record of a number holds: of another length than its neighbours.
pub fn record(seq: u64) -> Vec<u8> {
    format!("record {seq} {}", "x".repeat((seq % 40) as usize)).into_bytes()
}

/// Tries to commit records as one group.
pub fn try_commit(journal: &mut dyn Journal, seqs: RangeInclusive<u64>) -> io::Result<Progress> {
    let mut body = Vec::new();
    for seq in seqs.clone() {
        let record = record(seq);
        body.push(u8::try_from(record.len()).expect("short records"));
        body.extend_from_slice(&record);
    }
    journal.commit(&Group {
        first_seq: *seqs.start(),
        count: u32::try_from(seqs.count()).expect("few"),
        body: &body,
    })
}

/// Commits records as one group. A replica that has just come may need a moment.
pub fn commit(journal: &mut dyn Journal, seqs: RangeInclusive<u64>) {
    let durable = (0..50).any(|_| {
        let progress = try_commit(journal, seqs.clone()).expect("committed");
        progress == Progress::Durable
    });
    assert!(durable, "records {seqs:?} are not durable");
}

/// The numbers of all records, each as it was committed.
pub fn all(reader: &dyn Reader) -> Vec<u64> {
    let mut seen = Vec::new();
    let scanned = reader.scan(reader.first_seq(), u64::MAX, &mut |seq, bytes| {
        assert_eq!(bytes, record(seq), "record {seq} changed");
        seen.push(seq);
        ControlFlow::Continue(())
    });
    scanned.expect("readable");
    seen
}
