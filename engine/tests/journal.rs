//! The journal: what was acknowledged comes back, and nothing else is invented.

mod records;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::journal::{
    CommitError, Durability, FileJournal, FileOptions, FolderLock, Group, Journal, JournalError,
    MemoryJournal, Progress, Reader, Writer, verify,
};
use records::{all, commit, record};

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("holdfast-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn small() -> FileOptions {
    FileOptions {
        synced: true,
        segment_bytes: 2_048,
        ahead_bytes: 512,
        ..FileOptions::default()
    }
}

fn open(folder: &Path) -> FileJournal {
    FileJournal::open(folder, small())
        .expect("a sound journal")
        .0
}

#[test]
fn every_journal_gives_back_what_was_committed() {
    let folder = Folder::new("suite");
    let journals: [Box<dyn Journal>; 2] = [
        Box::new(MemoryJournal::default()),
        Box::new(open(&folder.0)),
    ];
    for mut journal in journals {
        commit(journal.as_mut(), 1..=3);
        commit(journal.as_mut(), 4..=4);
        journal.seal().expect("sealed");
        commit(journal.as_mut(), 5..=9);
        let reader = journal.reader();
        assert_eq!(all(reader.as_ref()), (1..=9).collect::<Vec<_>>());
        assert_eq!(reader.read(4).expect("there"), record(4));
        assert!(matches!(
            reader.read(10),
            Err(JournalError::Missing { seq: 10 })
        ));
        assert_eq!(journal.last_seq(), 9);
    }
}

#[test]
fn trimming_removes_whole_segments_and_what_is_left_is_found_again() {
    let folder = Folder::new("trim");
    let mut journal = open(&folder.0);
    let reader = journal.reader();
    for seq in 1..=200 {
        commit(&mut journal, seq..=seq);
    }
    journal.trim(100).expect("trimmed");
    let first = reader.first_seq();
    assert!(first > 1 && first <= 100, "{first}");
    assert_eq!(reader.read(100).expect("kept"), record(100));
    assert!(matches!(
        reader.read(first - 1),
        Err(JournalError::Missing { .. })
    ));
    drop(journal);
    let (journal, recovery) = FileJournal::open(&folder.0, small()).expect("sound");
    assert_eq!((recovery.first_seq, recovery.last_seq), (first, 200));
    assert_eq!(journal.reader().read(first).expect("kept"), record(first));
}

#[test]
fn a_segment_that_was_grown_ahead_is_taken_and_one_that_was_left_is_not() {
    let folder = Folder::new("spare");
    let spare_file = folder.0.join("spare");
    // As a process leaves it that dies while it grows one.
    fs::write(&spare_file, [7; 3_000]).expect("written");
    let mut journal = open(&folder.0);
    assert!(!spare_file.exists(), "what it holds is unknown");
    let spare = journal.spare().expect("segments are files");
    assert!(!spare.grow().expect("a sound disk") && !spare_file.exists());
    let segments = || {
        let names = fs::read_dir(&folder.0).expect("a folder");
        names.filter(|name| {
            let name = name.as_ref().expect("a name").file_name();
            name.to_string_lossy().ends_with(".segment")
        })
    };
    let mut seq = 0;
    let mut taken = 0;
    while taken < 3 {
        seq += 1;
        let (before, was_there) = (segments().count(), spare_file.exists());
        commit(&mut journal, seq..=seq);
        if segments().count() > before {
            assert!(was_there, "it was grown while the segment before it filled");
            assert!(!spare_file.exists(), "it is a segment now");
            taken += 1;
        }
        while spare.grow().expect("a sound disk") {}
    }
    assert_eq!(
        all(journal.reader().as_ref()),
        (1..=seq).collect::<Vec<_>>()
    );
    drop(journal);
    let (journal, recovery) = FileJournal::open(&folder.0, small()).expect("sound");
    assert_eq!((recovery.last_seq, recovery.torn_bytes), (seq, 0));
    assert_eq!(
        all(journal.reader().as_ref()),
        (1..=seq).collect::<Vec<_>>()
    );
}

#[test]
fn reopening_continues_over_segments_with_a_new_epoch() {
    let folder = Folder::new("reopen");
    let mut next = 1;
    for round in 1..=5 {
        let (mut journal, recovery) = FileJournal::open(&folder.0, small()).expect("sound");
        assert_eq!(
            (recovery.last_seq, recovery.epoch, recovery.torn_bytes),
            (next - 1, round, 0)
        );
        for _ in 0..20 {
            commit(&mut journal, next..=next + 2);
            next += 3;
        }
    }
    assert!(
        fs::read_dir(&folder.0).expect("a folder").count() > 3,
        "it rolled"
    );
    assert_eq!(
        all(open(&folder.0).reader().as_ref()).len() as u64,
        next - 1
    );
    assert_eq!(
        verify(&folder.0, None).expect("sound").recovery.records,
        next - 1
    );
}

/// F4: the last frame torn at every length is cut, reported, and nothing else is lost.
#[test]
fn a_torn_last_group_is_cut_at_every_length() {
    let folder = Folder::new("torn");
    let mut journal = open(&folder.0);
    commit(&mut journal, 1..=2);
    let path = segment(&folder.0);
    // Frames are aligned to 8 bytes; what is between is zero and says nothing.
    let whole_before = used(&path).div_ceil(8) * 8;
    commit(&mut journal, 3..=4);
    let whole = used(&path);
    drop(journal);
    let bytes = fs::read(&path).expect("a segment");
    for length in whole_before + 1..whole {
        let copy = Folder::new("torn-copy");
        fs::write(
            copy.0.join(path.file_name().expect("a name")),
            &bytes[..length],
        )
        .expect("a copy");
        let (journal, recovery) = FileJournal::open(&copy.0, small()).expect("a torn tail is cut");
        assert_eq!(recovery.last_seq, 2, "cut at {length}");
        let visible = bytes[whole_before..length].iter().any(|byte| *byte != 0);
        assert_eq!(
            recovery.torn_bytes > 0,
            visible,
            "cut at {length} is reported"
        );
        assert_eq!(all(journal.reader().as_ref()), [1, 2]);
    }
}

/// A flipped bit anywhere is found; before a whole later group it refuses the start.
#[test]
fn a_flipped_bit_anywhere_is_found() {
    let folder = Folder::new("flip");
    let mut journal = open(&folder.0);
    for seq in 1..=4 {
        commit(&mut journal, seq..=seq);
    }
    journal.seal().expect("sealed");
    let path = segment(&folder.0);
    let end = used(&path);
    drop(journal);
    let bytes = fs::read(&path).expect("a segment");
    for at in 0..end {
        let copy = Folder::new("flip-copy");
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(copy.0.join(path.file_name().expect("a name")), &damaged).expect("a copy");
        match FileJournal::open(&copy.0, small()) {
            Err(JournalError::Corrupt { .. } | JournalError::Newer { .. }) => {}
            // The seal at the end holds no record: a flip in it looks like a torn seal.
            Ok((_, recovery)) if recovery.torn_bytes > 0 => {
                assert_eq!(recovery.last_seq, 4, "byte {at}")
            }
            Ok(_) => panic!("byte {at}: nobody noticed"),
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

/// A crash while a segment is begun leaves a file without a head; later ones follow it.
#[test]
fn a_segment_that_was_never_begun_is_no_damage_and_one_with_frames_is() {
    // Cut short at once, all zeros, and a part of its head.
    for left in [0, 64, 20] {
        let folder = Folder::new("begun");
        let mut journal = open(&folder.0);
        let mut last = 0;
        while segments(&folder.0).len() < 2 {
            last += 1;
            commit(&mut journal, last..=last);
        }
        drop(journal);
        let mut head = fs::read(segment(&folder.0)).expect("a segment");
        head.truncate(left);
        if left == 64 {
            head.fill(0);
        }
        fs::write(segment(&folder.0), head).expect("written");
        let mut journal = open(&folder.0);
        assert_eq!(journal.last_seq(), last);
        commit(&mut journal, last + 1..=last + 1);
        commit(&mut journal, last + 2..=last + 2);
        drop(journal);
        assert_eq!(open(&folder.0).last_seq(), last + 2);
        let mut rotten = fs::read(segment(&folder.0)).expect("a segment");
        rotten[20] ^= 1;
        fs::write(segment(&folder.0), rotten).expect("written");
        assert!(matches!(
            FileJournal::open(&folder.0, small()),
            Err(JournalError::Corrupt { .. })
        ));
    }

    let fresh = Folder::new("begun-fresh");
    fs::write(fresh.0.join("00000000000000000001.segment"), b"").expect("written");
    assert_eq!(open(&fresh.0).last_seq(), 0);
}

/// The newest segment of a small journal.
fn segment(folder: &Path) -> PathBuf {
    segments(folder).pop().expect("a segment")
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "segment"))
        .collect();
    segments.sort();
    segments
}

/// Bytes of a segment up to its last one that is not zero.
fn used(path: &Path) -> usize {
    let bytes = fs::read(path).expect("a segment");
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}

/// One engine a folder, in this process too.
#[test]
fn a_second_opener_is_refused_with_the_pid_of_the_first() {
    let folder = Folder::new("lock");
    let lock = FolderLock::take(&folder.0).expect("free");
    let Err(JournalError::Locked { pid, .. }) = FolderLock::take(&folder.0) else {
        panic!("it is locked")
    };
    assert!(pid.starts_with(&std::process::id().to_string()));
    drop(lock);
    FolderLock::take(&folder.0).expect("free again");
}

/// `FileJournal::open` takes no lock: this is what happens where there is none.
#[test]
fn a_second_engine_that_no_lock_keeps_out_stops_the_first() {
    let folder = Folder::new("second-engine");
    let mut first = open(&folder.0);
    commit(&mut first, 1..=3);
    let mut second = open(&folder.0);
    let group = Group {
        first_seq: 4,
        count: 1,
        body: &[1, b'x'],
    };
    for result in [first.commit(&group).map(|_| ()), first.tend()] {
        let error = result.expect_err("the folder is another's").to_string();
        assert!(error.contains("group 3 of epoch 2"), "{error}");
    }
    commit(&mut second, 4..=5);
    drop((first, second));
    assert_eq!(all(open(&folder.0).reader().as_ref()), [1, 2, 3, 4, 5]);
}

#[test]
fn many_threads_append_and_every_one_is_durable_before_it_is_told() {
    let folder = Folder::new("threads");
    let journal = FileJournal::open(&folder.0, FileOptions::default())
        .expect("sound")
        .0;
    let reader = journal.reader();
    let writer = Arc::new(Writer::start(Box::new(journal), Box::new(|| Ok(()))));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (writer, reader) = (Arc::clone(&writer), Arc::clone(&reader));
            scope.spawn(move || {
                for _ in 0..200 {
                    let seq = writer.append(b"one");
                    writer.wait(seq, None).expect("durable");
                    assert_eq!(reader.read(seq).expect("on disk"), b"one");
                }
            });
        }
    });
    assert_eq!(writer.durable_seq(), 1_600);
    assert!(writer.metrics().groups <= 1_600);
    writer.flush_and_close().expect("clean");
}

/// A journal whose n-th commit fails.
struct Failing {
    inner: MemoryJournal,
    left: u32,
}

impl Journal for Failing {
    fn trim(&mut self, before_seq: u64) -> io::Result<()> {
        self.inner.trim(before_seq)
    }

    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                self.inner.commit(group)
            }
            None => Err(io::Error::other("the disk is gone")),
        }
    }
    fn seal(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn idle_after(&self) -> Duration {
        Duration::from_secs(60)
    }
    fn durability(&self) -> Durability {
        Durability::Synced
    }
    fn last_seq(&self) -> u64 {
        self.inner.last_seq()
    }
    fn reader(&self) -> Arc<dyn Reader> {
        self.inner.reader()
    }
}

/// F7: after the first failure nothing is acknowledged, whoever waits or comes.
#[test]
fn the_first_failure_poisons_the_journal() {
    let writer = Writer::start(
        Box::new(Failing {
            inner: MemoryJournal::default(),
            left: 1,
        }),
        Box::new(|| Ok(())),
    );
    let first = writer.append(b"a");
    writer.wait(first, None).expect("the first is durable");
    let second = writer.append(b"b");
    let Err(CommitError::Failed(why)) = writer.wait(second, None) else {
        panic!("it failed")
    };
    assert!(why.contains("the disk is gone"));
    assert!(writer.poisoned());
    let third = writer.append(b"c");
    assert!(writer.wait(third, None).is_err());
    let (told, heard) = std::sync::mpsc::channel();
    writer.when_durable(
        third,
        Box::new(move |result| told.send(result).expect("somebody listens")),
    );
    assert!(heard.recv().expect("told").is_err());
    assert!(
        writer.wait(first, None).is_ok(),
        "what was durable stays so"
    );
    assert!(writer.flush_and_close().is_err());
}

#[test]
fn a_check_beside_a_busy_writer_finds_nothing_torn() {
    let folder = Folder::new("beside");
    let opened = FileJournal::open(&folder.0, FileOptions::default()).expect("opened");
    let writer = Writer::start(Box::new(opened.0), Box::new(|| Ok(())));
    let reports: Vec<_> = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for _ in 0..3_000 {
                let seq = writer.append(&[7; 3_000]);
                writer.wait(seq, None).expect("durable");
            }
        });
        std::iter::from_fn(|| (!writing.is_finished()).then(|| verify(&folder.0, None))).collect()
    });
    assert!(reports.len() > 1, "{} checks beside it", reports.len());
    for report in reports {
        assert_eq!(report.expect("whole").recovery.torn_bytes, 0);
    }
}

/// A journal that stands still until it is told to go on.
struct Standing {
    inner: MemoryJournal,
    go: std::sync::mpsc::Receiver<()>,
}

impl Journal for Standing {
    fn trim(&mut self, before_seq: u64) -> io::Result<()> {
        self.inner.trim(before_seq)
    }

    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        self.go.recv().map_err(io::Error::other)?;
        self.inner.commit(group)
    }

    fn seal(&mut self) -> io::Result<()> {
        self.inner.seal()
    }

    fn idle_after(&self) -> Duration {
        self.inner.idle_after()
    }

    fn last_seq(&self) -> u64 {
        self.inner.last_seq()
    }

    fn durability(&self) -> holdfast_engine::journal::Durability {
        self.inner.durability()
    }

    fn reader(&self) -> Arc<dyn holdfast_engine::journal::Reader> {
        self.inner.reader()
    }
}

/// A disk that stands still fills the queue; then new work is refused with
/// OVERLOADED, and taken again when the disk goes on.
#[test]
fn a_full_queue_is_told_with_its_numbers_and_empties_again() {
    let (tell, go) = std::sync::mpsc::channel();
    let journal = Standing {
        inner: MemoryJournal::default(),
        go,
    };
    let writer = Writer::start(Box::new(journal), Box::new(|| Ok(())));
    let record = vec![7; 1 << 20];
    let mut appended = 0;
    while writer.overloaded().is_none() {
        assert!(appended < 100, "100 MiB wait and nobody objects");
        writer.append(&record);
        appended += 1;
    }
    let (waiting, limit) = writer.overloaded().expect("overloaded");
    assert!(waiting > limit && limit == 64 << 20, "{waiting} of {limit}");
    tell.send(()).expect("it listens");
    tell.send(()).expect("it listens");
    writer.wait(appended, None).expect("durable");
    assert!(writer.overloaded().is_none());
}

#[test]
fn a_segment_that_was_never_begun_is_removed_whatever_its_head_says() {
    let heads: [&[u8]; 4] = [b"", &[0; 64], b"HOLDFAST", b"HOLDFAST\x41\0\0\0spoilt"];
    for head in heads {
        let folder = Folder::new("unbegun");
        let unbegun = |first_seq: u64| folder.0.join(format!("{first_seq:020}.segment"));
        fs::write(unbegun(1), head).expect("written");
        let mut journal = open(&folder.0);
        commit(&mut journal, 1..=3);
        drop(journal);
        fs::write(unbegun(4), head).expect("written");
        let mut journal = open(&folder.0);
        assert!(!unbegun(4).exists(), "{head:?}");
        // It would stand between what is written from here on.
        for seq in 4..=60 {
            commit(&mut journal, seq..=seq);
        }
        drop(journal);
        let reader = open(&folder.0).reader();
        assert_eq!(all(reader.as_ref()), (1..=60).collect::<Vec<_>>());
    }
}
