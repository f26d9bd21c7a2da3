//! The journal thread and its callers: nothing is acknowledged that is not durable, nothing is
//! lost or told twice, the order stays, and everybody is told in the end.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex as Plain;
use std::time::{Duration, Instant};

use super::check;
use crate::journal::{
    CommitError, Durability, Group, Journal, MemoryJournal, Progress, Reader, Writer,
};
use crate::sync::{Condvar, Mutex, thread};

/// A journal that fails at a group, or never.
struct Failing {
    inner: MemoryJournal,
    groups_left: usize,
}

impl Journal for Failing {
    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        match self.groups_left.checked_sub(1) {
            Some(left) => self.groups_left = left,
            None => return Err(io::Error::other("the disk is gone")),
        }
        self.inner.commit(group)
    }

    fn seal(&mut self) -> io::Result<()> {
        self.inner.seal()
    }

    fn trim(&mut self, before_seq: u64) -> io::Result<()> {
        self.inner.trim(before_seq)
    }

    fn idle_after(&self) -> Duration {
        self.inner.idle_after()
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn last_seq(&self) -> u64 {
        self.inner.last_seq()
    }

    fn reader(&self) -> Arc<dyn Reader> {
        self.inner.reader()
    }
}

/// A writer over a journal that fails at a group, and what was made durable.
fn writer(groups: usize) -> (Arc<Writer>, Arc<dyn Reader>) {
    let journal = Failing {
        inner: MemoryJournal::default(),
        groups_left: groups,
    };
    let reader = journal.reader();
    let writer = Writer::start(Box::new(journal), Box::new(|| Ok(())));
    (Arc::new(writer), reader)
}

/// Records after one, in order.
fn records(reader: &dyn Reader, after: u64) -> Vec<(u64, u8)> {
    let mut found = Vec::new();
    reader
        .scan(after + 1, u64::MAX, &mut |seq, record| {
            found.push((seq, record[0]));
            ControlFlow::Continue(())
        })
        .expect("memory");
    found
}

#[test]
fn what_is_acknowledged_is_durable_whole_and_in_order() {
    check(|| {
        let (writer, reader) = writer(usize::MAX);
        let threads: Vec<_> = (0..3_u8)
            .map(|who| {
                let (writer, reader) = (Arc::clone(&writer), Arc::clone(&reader));
                thread::spawn(move || {
                    for _ in 0..2 {
                        let seq = writer.append(&[who]);
                        writer.wait(seq, None).expect("it does not fail");
                        assert!(writer.durable_seq() >= seq);
                        assert_eq!(reader.read(seq).expect("it is durable"), [who]);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let kept = records(reader.as_ref(), 0);
        assert_eq!(
            kept.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6]
        );
        assert_eq!(writer.flush_and_close(), Ok(()));
    });
}

#[test]
fn every_waiter_is_told_once_and_none_too_early() {
    check(|| {
        let (writer, _) = writer(usize::MAX);
        let told = Arc::new(Plain::new(Vec::new()));
        let threads: Vec<_> = (0..2_u8)
            .map(|who| {
                let (writer, told) = (Arc::clone(&writer), Arc::clone(&told));
                thread::spawn(move || {
                    for _ in 0..2 {
                        let seq = writer.append(&[who]);
                        let (told, asked) = (Arc::clone(&told), Arc::downgrade(&writer));
                        let completion = move |result| {
                            assert_eq!(result, Ok(()));
                            if let Some(writer) = asked.upgrade() {
                                assert!(writer.durable_seq() >= seq, "told too early");
                            }
                            told.lock().expect("no panic").push(seq);
                        };
                        writer.when_durable(seq, Box::new(completion));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(writer.flush_and_close(), Ok(()));
        let mut told = told.lock().expect("no panic").clone();
        told.sort_unstable();
        assert_eq!(told, [1, 2, 3, 4]);
    });
}

/// Who appends while another closes is told that it is durable, or that it is not known.
#[test]
fn closing_while_others_append_leaves_nobody_waiting() {
    check(|| {
        let (writer, reader) = writer(usize::MAX);
        let appending = {
            let (writer, reader) = (Arc::clone(&writer), Arc::clone(&reader));
            thread::spawn(move || {
                for _ in 0..2 {
                    let seq = writer.append(&[7]);
                    match writer.wait(seq, None) {
                        Ok(()) => assert_eq!(reader.read(seq).expect("durable"), [7]),
                        Err(error) => assert_eq!(error, CommitError::Closed),
                    }
                }
            })
        };
        assert_eq!(writer.flush_and_close(), Ok(()));
        appending.join().expect("no panic");
    });
}

/// The first group is kept, the next one fails.
#[test]
fn a_failure_is_told_to_everybody_and_acknowledges_nothing() {
    check(|| {
        let (writer, reader) = writer(1);
        let threads: Vec<_> = (0..2_u8)
            .map(|who| {
                let (writer, reader) = (Arc::clone(&writer), Arc::clone(&reader));
                thread::spawn(move || {
                    for _ in 0..2 {
                        let seq = writer.append(&[who]);
                        match writer.wait(seq, None) {
                            Ok(()) => assert_eq!(reader.read(seq).expect("durable"), [who]),
                            Err(CommitError::Failed(_)) => assert!(reader.read(seq).is_err()),
                            Err(other) => panic!("{other}"),
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let failed = writer.flush_and_close();
        assert_eq!(writer.poisoned(), failed.is_err());
        // Four records in one group: then nothing failed.
        let kept = records(reader.as_ref(), 0).len() as u64;
        assert_eq!((kept == 4, kept), (failed.is_ok(), writer.durable_seq()));
    });
}

#[test]
fn who_waits_no_longer_than_a_deadline_may_still_wait_again() {
    check(|| {
        let (writer, _) = writer(usize::MAX);
        let seq = writer.append(&[1]);
        let first = writer.wait(seq, Some(Instant::now() + Duration::from_secs(1)));
        assert!(matches!(first, Ok(()) | Err(CommitError::DeadlineExceeded)));
        assert_eq!(writer.wait(seq, None), Ok(()));
    });
}

/// Gathering holds a sync back for others, and loses nobody's call.
#[test]
fn who_gathers_beside_others_delays_nobody_for_ever() {
    check(|| {
        let (writer, _) = writer(usize::MAX);
        let gathering = {
            let writer = Arc::clone(&writer);
            thread::spawn(move || {
                writer.gather();
                let seq = writer.append(&[1]);
                writer.flush();
                writer.wait(seq, None)
            })
        };
        let seq = writer.append(&[2]);
        assert_eq!(writer.wait(seq, None), Ok(()));
        assert_eq!(gathering.join().expect("no panic"), Ok(()));
    });
}

/// What a record refers to is durable before the record.
#[test]
fn documents_are_synced_before_the_records_that_name_them() {
    check(|| {
        let shelf = Arc::new(Mutex::new((0_u8, 0_u8)));
        let syncing = Arc::clone(&shelf);
        let journal = MemoryJournal::default();
        let reader = journal.reader();
        let before_commit = move || {
            let mut shelf = syncing.lock();
            shelf.1 = shelf.0;
            Ok(())
        };
        let writer = Arc::new(Writer::start(Box::new(journal), Box::new(before_commit)));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (writer, shelf) = (Arc::clone(&writer), Arc::clone(&shelf));
                let reader = Arc::clone(&reader);
                thread::spawn(move || {
                    let document = {
                        let mut shelf = shelf.lock();
                        shelf.0 += 1;
                        shelf.0
                    };
                    let seq = writer.append(&[document]);
                    writer.wait(seq, None).expect("it does not fail");
                    for (_, named) in records(reader.as_ref(), 0) {
                        assert!(named <= shelf.lock().1, "document {named} is not durable");
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

/// A watcher that reads by position and sleeps until a group comes, as the streams of a front.
#[test]
fn a_slow_watcher_sees_every_record_once_and_in_order() {
    const RECORDS: u64 = 4;
    check(|| {
        let (writer, reader) = writer(usize::MAX);
        let bell = Arc::new((Mutex::new(0_u64), Condvar::new()));
        let ringing = Arc::clone(&bell);
        writer.on_group(Box::new(move || {
            *ringing.0.lock() += 1;
            ringing.1.notify_all();
        }));
        let watching = {
            let (writer, bell) = (Arc::clone(&writer), Arc::clone(&bell));
            thread::spawn(move || {
                let (mut seen, mut heard) = (Vec::new(), 0);
                let mut after = 0;
                while after < RECORDS {
                    let durable = writer.durable_seq();
                    for (seq, record) in records(reader.as_ref(), after) {
                        if seq <= durable {
                            seen.push((seq, record));
                        }
                    }
                    after = durable;
                    let mut rung = bell.0.lock();
                    while *rung == heard && after < RECORDS {
                        bell.1.wait(&mut rung);
                    }
                    heard = *rung;
                }
                seen
            })
        };
        for record in 1..=RECORDS {
            writer.append(&[record as u8]);
        }
        let seen = watching.join().expect("no panic");
        let all: Vec<_> = (1..=RECORDS).map(|seq| (seq, seq as u8)).collect();
        assert_eq!(seen, all);
    });
}
