//! Two copies of a journal: what one of them lost comes back from the other.

mod records;

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_engine::journal::{
    FileJournal, FileOptions, Group, Journal, JournalError, Progress, Recovery, verify,
};
use records::{all, commit};

/// Both folders of a journal; removed with the test.
struct Pair(PathBuf);

impl Pair {
    fn new(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("holdfast-pair-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a temporary folder");
        Self(root)
    }

    fn of(&self, copy: usize) -> PathBuf {
        self.0.join(["first", "mirror"][copy])
    }

    fn open(&self) -> Result<(FileJournal, Recovery), JournalError> {
        let options = FileOptions {
            segment_bytes: 512,
            ahead_bytes: 256,
            low_water_bytes: 0,
            ..FileOptions::default()
        };
        FileJournal::open_mirrored(&self.of(0), &self.of(1), options)
    }

    /// The same files under another name.
    fn copy(&self, name: &str) -> Self {
        let other = Self::new(name);
        for copy in 0..2 {
            fs::create_dir_all(other.of(copy)).expect("a folder");
            for path in segments(&self.of(copy)) {
                let to = other.of(copy).join(path.file_name().expect("a name"));
                fs::copy(&path, to).expect("a copy");
            }
        }
        other
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "segment"))
        .collect();
    paths.sort();
    paths
}

/// Twelve records over several segments.
fn written(name: &str) -> Pair {
    let pair = Pair::new(name);
    let (mut journal, _) = pair.open().expect("new");
    for seq in 1..=12 {
        commit(&mut journal, seq..=seq);
    }
    journal.seal().expect("sealed");
    assert!(
        segments(&pair.of(0)).len() > 1,
        "there are several segments"
    );
    pair
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a segment");
    bytes[at] ^= 0x20;
    fs::write(path, bytes).expect("written");
}

const TWELVE: [u64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// The bytes of all segments up to the last that is not zero.
fn content(folder: &Path) -> Vec<Vec<u8>> {
    let used = |path: &PathBuf| {
        let mut bytes = fs::read(path).expect("a segment");
        let end = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        bytes.truncate(end);
        bytes
    };
    segments(folder).iter().map(used).collect()
}

#[test]
fn rot_of_any_byte_of_one_copy_is_mended_at_the_start() {
    let pair = written("rot");
    let names: Vec<PathBuf> = segments(&pair.of(0));
    for copy in 0..2 {
        for (position, path) in names.iter().enumerate() {
            let name = path.file_name().expect("a name");
            let is_last = position + 1 == names.len();
            let length = fs::read(path).expect("a segment").len();
            for at in 0..length {
                let damaged = pair.copy("rot-copy");
                flip(&damaged.of(copy).join(name), at);
                let (journal, recovery) = damaged
                    .open()
                    .unwrap_or_else(|error| panic!("copy {copy}, {name:?}, byte {at}: {error}"));
                assert_eq!(all(journal.reader().as_ref()), TWELVE);
                // Behind the end of the last segment it looks like a torn write, and is cut.
                let noticed = recovery.stale_frames > 0 || (is_last && recovery.torn_bytes > 0);
                assert!(noticed, "copy {copy}, {name:?}, byte {at}: nobody noticed");
                assert_eq!(content(&damaged.of(0)), content(&damaged.of(1)));
            }
        }
    }
}

#[test]
fn rot_under_a_running_engine_is_mended_by_a_scrub() {
    let pair = Pair::new("scrub");
    let (mut journal, _) = pair.open().expect("new");
    for seq in 1..=12 {
        commit(&mut journal, seq..=seq);
    }
    let reader = journal.reader();
    assert_eq!(reader.scrub(&mut |_| {}).expect("sound").mended_frames, 0);
    for path in [
        &segments(&pair.of(0))[0],
        segments(&pair.of(1)).last().expect("one"),
    ] {
        flip(path, 90);
    }
    assert_eq!(all(reader.as_ref()), TWELVE, "the other copy is read");
    let mut read = 0;
    let found = reader.scrub(&mut |bytes| read += bytes).expect("mended");
    assert_eq!((found.mended_frames, read > 0), (2, true));
    assert_eq!(reader.scrub(&mut |_| {}).expect("sound").mended_frames, 0);
    commit(&mut journal, 13..=13);
    drop(journal);
    let report = verify(&pair.of(0), Some(&pair.of(1))).expect("sound");
    assert_eq!(
        (report.recovery.last_seq, report.recovery.stale_frames),
        (13, 0)
    );
}

#[test]
fn damage_of_both_copies_is_mended_crosswise_and_refused_at_one_place() {
    let pair = written("both");
    let name = segments(&pair.of(0))[0]
        .file_name()
        .expect("a name")
        .to_owned();
    flip(&pair.of(0).join(&name), 100);
    flip(&pair.of(1).join(&name), 200);
    let (_, recovery) = pair.open().expect("each has what the other lacks");
    assert_eq!(recovery.stale_frames, 2);
    for copy in 0..2 {
        flip(&pair.of(copy).join(&name), 100);
    }
    let before = content(&pair.of(0));
    assert!(matches!(pair.open(), Err(JournalError::Corrupt { .. })));
    assert_eq!(
        content(&pair.of(0)),
        before,
        "a refused start changes nothing"
    );
}

#[test]
fn a_lost_folder_is_filled_from_the_other_one() {
    for lost in 0..2 {
        let pair = written("lost");
        fs::remove_dir_all(pair.of(lost)).expect("gone");
        let (journal, recovery) = pair.open().expect("the other copy is whole");
        assert_eq!(all(journal.reader().as_ref()), TWELVE);
        assert!(recovery.stale_frames >= 12);
        assert_eq!(content(&pair.of(0)), content(&pair.of(1)));
    }
}

#[test]
fn a_group_that_reached_one_copy_only_is_kept_at_every_torn_length_of_the_other() {
    let pair = Pair::new("half");
    let (mut journal, _) = pair.open().expect("new");
    commit(&mut journal, 1..=1);
    let path = segments(&pair.of(0)).pop().expect("one");
    let name = path.file_name().expect("a name").to_owned();
    let before = content(&pair.of(0))[0].len();
    commit(&mut journal, 2..=2);
    drop(journal);
    let after = content(&pair.of(0))[0].len();
    for copy in 0..2 {
        for length in before..after {
            let torn = pair.copy("half-copy");
            let path = torn.of(copy).join(&name);
            let mut bytes = fs::read(&path).expect("a segment");
            bytes[length..].fill(0);
            fs::write(&path, bytes).expect("written");
            let (journal, _) = torn.open().expect("sound");
            assert_eq!(all(journal.reader().as_ref()), [1, 2]);
        }
    }
}

#[test]
fn copies_with_different_histories_are_refused() {
    let pair = written("history");
    let apart = pair.copy("history-apart");
    for (folder, text) in [(pair.of(0), "here"), (apart.of(1), "there")] {
        let options = FileOptions {
            low_water_bytes: 0,
            ..FileOptions::default()
        };
        let (mut alone, _) = FileJournal::open(&folder, options).expect("sound");
        let mut body = vec![u8::try_from(text.len()).expect("short")];
        body.extend_from_slice(text.as_bytes());
        let group = Group {
            first_seq: 13,
            count: 1,
            body: &body,
        };
        assert_eq!(alone.commit(&group).expect("committed"), Progress::Durable);
    }
    for path in segments(&apart.of(1)) {
        let to = pair.of(1).join(path.file_name().expect("a name"));
        fs::copy(path, to).expect("copied");
    }
    let Err(JournalError::Diverged { good_seq, .. }) = pair.open() else {
        panic!("they tell different things of record 13")
    };
    assert_eq!(good_seq, 12);
}
