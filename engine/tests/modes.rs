//! One suite for every journal: what the trait promises, in each mode.

mod records;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use holdfast_engine::journal::{
    FileJournal, FileOptions, Journal, JournalError, MemoryJournal, Mode, Recovery, RedisJournal,
    Writer,
};
use records::{all, commit, record};
use server::{ALWAYS, TestServer, skipped};

/// A journal that can be opened again and again.
struct Place {
    mode: Mode,
    mirrored: bool,
    folder: PathBuf,
    servers: Vec<TestServer>,
}

impl Place {
    fn new(mode: Mode, mirrored: bool, servers: Vec<TestServer>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdfast-modes-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        Self {
            mode,
            mirrored,
            folder,
            servers,
        }
    }

    fn open(&self) -> (Box<dyn Journal>, Recovery) {
        if self.mode == Mode::Memory {
            return (Box::new(MemoryJournal::default()), Recovery::default());
        }
        if let Some(server) = self.servers.first() {
            let (journal, recovery) =
                RedisJournal::open(&server.options(), self.mode).expect("a sound journal");
            return (Box::new(journal), recovery);
        }
        let options = FileOptions {
            synced: self.mode == Mode::FileSync,
            segment_bytes: 2_048,
            ahead_bytes: 512,
            ..FileOptions::default()
        };
        let folder = |name: &str| self.folder.join(name);
        let opened = match self.mirrored {
            false => FileJournal::open(&folder("first"), options),
            true => FileJournal::open_mirrored(&folder("first"), &folder("mirror"), options),
        };
        let (journal, recovery) = opened.expect("a sound journal");
        (Box::new(journal), recovery)
    }

    /// True if closing it does not lose it.
    fn lasts(&self) -> bool {
        self.mode != Mode::Memory
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A place for each mode that this machine can have.
fn places() -> Vec<Place> {
    let mut places = vec![
        Place::new(Mode::Memory, false, Vec::new()),
        Place::new(Mode::FileLog, false, Vec::new()),
        Place::new(Mode::FileSync, false, Vec::new()),
        Place::new(Mode::FileSync, true, Vec::new()),
    ];
    if skipped() {
        return places;
    }
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let alone = [(Mode::RedisEverysec, everysec), (Mode::RedisAlways, ALWAYS)];
    for (mode, arguments) in alone {
        places.push(Place::new(mode, false, vec![TestServer::start(&arguments)]));
    }
    for mode in [Mode::RedisWait(1), Mode::RedisWaitaof(1)] {
        let quick = [&ALWAYS[..], &["--repl-diskless-sync-delay", "0"]].concat();
        let primary = TestServer::start(&quick);
        if mode == Mode::RedisWaitaof(1) && !primary.ask(&["INFO", "server"]).contains("valkey") {
            continue;
        }
        let of = format!("127.0.0.1 {}", primary.port);
        let follows = [&ALWAYS[..], &["--replicaof", &of]].concat();
        let replica = TestServer::start(&follows);
        let linked = replica.wait_for("INFO", |info| info.contains("master_link_status:up"));
        assert!(linked, "the replica follows");
        places.push(Place::new(mode, false, vec![primary, replica]));
    }
    places
}

fn is_missing(read: Result<impl std::fmt::Debug, JournalError>, seq: u64) {
    assert!(
        matches!(read, Err(JournalError::Missing { seq: found }) if found == seq),
        "{read:?}"
    );
}

#[test]
fn what_is_committed_is_read_again_before_and_after_a_new_start() {
    for place in places() {
        let mode = place.mode;
        let (mut journal, recovery) = place.open();
        assert_eq!(recovery.last_seq, 0, "{mode}");
        assert_eq!(journal.durability(), mode.durability());
        commit(journal.as_mut(), 1..=3);
        commit(journal.as_mut(), 4..=4);
        journal.seal().expect("sealed");
        journal.tend().expect("all is well");
        commit(journal.as_mut(), 5..=9);
        let reader = journal.reader();
        assert_eq!(all(reader.as_ref()), (1..=9).collect::<Vec<_>>(), "{mode}");
        assert_eq!(reader.read(4).expect("there"), record(4));
        is_missing(reader.read(10), 10);
        assert_eq!((journal.last_seq(), reader.first_seq()), (9, 1));
        reader.scrub(&mut |_| {}).expect("whole");
        if !place.lasts() {
            continue;
        }
        let anchors: Vec<_> = (1..=9)
            .map(|seq| reader.anchor(seq).expect("there"))
            .collect();
        assert!(
            anchors[0] == anchors[2] && anchors[2] != anchors[3],
            "{mode}"
        );
        is_missing(reader.anchor(10), 10);
        drop((journal, reader));
        for epoch in 2..4 {
            let (mut journal, recovery) = place.open();
            let last_seq = 7 + u64::from(epoch);
            assert_eq!(
                (recovery.last_seq, recovery.records, recovery.epoch),
                (last_seq, last_seq, epoch),
                "{mode}"
            );
            let reader = journal.reader();
            let again = (1..=9).map(|seq| reader.anchor(seq).expect("there"));
            assert!(again.eq(anchors.iter().copied()), "{mode}");
            commit(journal.as_mut(), last_seq + 1..=last_seq + 1);
            assert_eq!(all(reader.as_ref()).len() as u64, last_seq + 1);
        }
    }
}

#[test]
fn what_is_trimmed_is_missing_and_the_rest_is_found_by_readers_and_a_new_start() {
    for place in places() {
        let mode = place.mode;
        let (mut journal, _) = place.open();
        let reader = journal.reader();
        for group in 0..600 {
            commit(journal.as_mut(), group * 2 + 1..=group * 2 + 2);
        }
        journal.trim(600).expect("trimmed");
        journal.tend().expect("all is well");
        let first = reader.first_seq();
        assert!(first > 1 && first <= 600, "{mode}: {first}");
        assert_eq!(reader.read(600).expect("kept"), record(600));
        is_missing(reader.read(first - 1), first - 1);
        is_missing(reader.anchor(first - 1), first - 1);
        assert_eq!(
            all(reader.as_ref()),
            (first..=1_200).collect::<Vec<_>>(),
            "{mode}"
        );
        drop((journal, reader));
        if place.lasts() {
            let (journal, recovery) = place.open();
            assert_eq!(
                (recovery.first_seq, recovery.last_seq),
                (first, 1_200),
                "{mode}"
            );
            let kept = all(journal.reader().as_ref());
            assert_eq!(kept, (first..=1_200).collect::<Vec<_>>(), "{mode}");
        }
    }
}

#[test]
fn records_of_many_threads_are_durable_when_their_callers_are_told_and_stand_in_order() {
    for place in places() {
        let (journal, _) = place.open();
        let reader = journal.reader();
        let writer = Arc::new(Writer::start(journal, Box::new(|| Ok(()))));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let (writer, reader) = (Arc::clone(&writer), Arc::clone(&reader));
                scope.spawn(move || {
                    for number in 0..25_u32 {
                        let bytes = number.to_le_bytes();
                        let seq = writer.append(&bytes);
                        writer.wait(seq, None).expect("durable");
                        assert_eq!(reader.read(seq).expect("told, so there"), bytes);
                    }
                });
            }
        });
        writer.flush_and_close().expect("clean");
        drop(writer);
        if place.lasts() {
            assert_eq!(place.open().1.last_seq, 200, "{}", place.mode);
        }
    }
}
