//! Backups: what is in them, what damage to them is noticed, what comes of them. And
//! cutting a damaged journal.

mod house;
mod shop;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use holdfast_engine::backup::{self, BackupError, Manifest, Ring, Source};
use holdfast_engine::clock::ManualClock;
use holdfast_engine::domain::event::Record;
use holdfast_engine::domain::inventory::board::Board;
use holdfast_engine::domain::state::State;
use holdfast_engine::domain::time::DAY;
use holdfast_engine::engine::{Engine, OpenError, Settings, cut_folder, replay_folder};
use holdfast_engine::journal::{
    Cut, CutCopy, CutError, Disk, FileJournal, Folder, JournalError, carry_out, plan_cut, verify,
};
use holdfast_engine::vault::VaultError;
use holdfast_engine::wire::pb;
use house::START;
use prost::Message;
use shop::{Shop, ask, files, place, snapshot, stock};

/// A shop with room beside it for a mirror, backups and what is made of them; removed
/// with the test.
struct Yard {
    root: PathBuf,
    shop: Shop,
    mirrored: bool,
}

impl Yard {
    fn new(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("holdfast-backup-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        Self {
            shop: Shop {
                root: root.join("data"),
                clock: ManualClock::new(START),
            },
            root,
            mirrored: false,
        }
    }

    /// A stopped shop with two snapshots, and orders before, between and after them.
    fn stopped(name: &str) -> Self {
        let yard = Self::new(name);
        let engine = yard.open();
        for number in 0..45 {
            place_sealed(&engine, number);
            if number == 14 || number == 29 {
                snapshot(&engine);
            }
        }
        drop(engine);
        yard
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn data(&self) -> PathBuf {
        self.shop.root.clone()
    }

    fn ring(&self) -> PathBuf {
        self.data().join("keys").join("ring.json")
    }

    fn mirror(&self) -> Option<PathBuf> {
        self.mirrored.then(|| self.at("mirror"))
    }

    fn open(&self) -> Engine {
        let settings = Settings {
            mirror: self.mirror(),
            keep_days: 1,
            ..self.shop.settings()
        };
        let engine = self.shop.try_open(settings).expect("an engine");
        stock(&engine);
        engine
    }

    fn try_open_at(&self, name: &str) -> Result<Engine, OpenError> {
        self.shop.try_open(Settings {
            path: Some(self.at(name)),
            ..self.shop.settings()
        })
    }

    fn backup(&self, name: &str, with_keys: bool) -> Result<Manifest, BackupError> {
        let (data, mirror, ring) = (self.data(), self.mirror(), self.ring());
        let source = Source {
            data: &data,
            mirror: mirror.as_deref(),
            keys: with_keys.then_some(ring.as_path()),
        };
        backup::backup(source, &self.at(name), 0)
    }

    /// A restored folder starts and answers every order as it was answered before.
    fn check_restored(&self, name: &str, orders: u32) {
        let engine = self.try_open_at(name).expect("an engine");
        for number in 0..orders {
            assert!(place_sealed(&engine, number), "order {number} is new");
        }
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Places an order with a document; true if it was placed before.
fn place_sealed(engine: &Engine, number: u32) -> bool {
    let request = pb::PlaceOrderRequest {
        document: format!("receiver of order {number}").into_bytes(),
        ..shop::order(number)
    };
    let (code, reply) = ask(engine, shop::PLACE, &request);
    assert_eq!(code, 0, "order {number}");
    let reply = pb::PlaceOrderResponse::decode(reply.as_slice()).expect("an answer");
    reply.receipt.expect("a receipt").replayed
}

fn hash(data: &Path) -> String {
    let (state, findings) = replay_folder(data, None).expect("a journal");
    assert!(findings.is_empty(), "{findings:?}");
    let digest = state.digest();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn copy_all(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for path in below(from) {
        let copied = to.join(path.strip_prefix(from).expect("below it"));
        fs::create_dir_all(copied.parent().expect("a parent")).expect("a folder");
        fs::copy(path, copied).expect("a copy");
    }
}

/// Tells another thread to end, however this one ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_of_a_stopped_shop_restores_to_the_same_state() {
    let yard = Yard::stopped("same");
    let made = yard.backup("b", true).expect("a backup");
    assert_eq!(made.state_hash, hash(&yard.data()));
    assert_eq!((made.first_seq, made.findings), (1, 0));
    assert_eq!((made.documents, made.damaged_documents), (45, 0));
    let of = |kind: &str| {
        made.files
            .keys()
            .filter(|path| path.starts_with(kind))
            .count()
    };
    assert!(of("journal/") > 2);
    assert_eq!((of("snapshots/"), of("documents/"), of("keys/")), (2, 1, 1));

    let checked = backup::verify(&yard.at("b"), None).expect("whole");
    assert_eq!(checked.manifest, made);
    assert_eq!(
        (checked.opened_documents, checked.unopened_documents),
        (45, 0)
    );

    let restored = backup::restore(&yard.at("b"), &yard.at("r"), None).expect("restored");
    assert_eq!(restored, checked);
    assert_eq!(hash(&yard.at("r")), made.state_hash);
    yard.check_restored("r", 45);
}

#[test]
fn without_the_ring_a_restored_shop_starts_once_its_ring_is_there() {
    let yard = Yard::stopped("ring");
    let made = yard.backup("b", false).expect("a backup");
    assert!(!made.keys && made.files.keys().all(|path| !path.starts_with("keys/")));
    let (b, r) = (yard.at("b"), yard.at("r"));
    let restored = backup::restore(&b, &r, None).expect("restored");
    assert_eq!(
        (restored.ring, restored.opened_documents),
        (Ring::Missing, 0)
    );
    let error = yard.try_open_at("r").expect_err("there is no ring");
    assert!(
        matches!(error, OpenError::Vault(VaultError::Ring { .. })),
        "{error}"
    );

    let given = backup::restore(&b, &yard.at("g"), Some(&yard.ring())).expect("restored");
    assert_eq!((given.ring, given.opened_documents), (Ring::Given, 45));
    yard.check_restored("g", 45);

    // The ring of another shop opens nothing, and that is told before it matters.
    let other = Yard::stopped("other-ring");
    let checked = backup::verify(&b, Some(&other.ring())).expect("whole in itself");
    assert_eq!(
        (checked.opened_documents, checked.unopened_documents),
        (0, 45)
    );
    let error = backup::verify(&b, Some(&yard.at("none"))).expect_err("no such ring");
    assert!(matches!(error, BackupError::NoRing { .. }), "{error}");
    assert_eq!(below(&b), below(&yard.at("b")), "checking writes nothing");
}

#[test]
fn backups_beside_a_busy_engine_hold_what_was_durable_before_them() {
    let yard = Yard::new("busy");
    let engine = yard.open();
    for number in 0..50 {
        place_sealed(&engine, number);
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&done);
        scope.spawn(|| {
            // Days pass, snapshots are pruned and old segments removed all the time.
            for number in 50.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                place_sealed(&engine, number);
                if number % 10 == 0 {
                    yard.shop.clock.advance(DAY);
                    engine.snapshot().expect("taken");
                }
            }
        });
        let mut last_seq = 0;
        for round in 0..8 {
            let durable = engine.durable_seq();
            let made = yard.backup(&format!("b{round}"), true).expect("a backup");
            assert!(made.last_seq >= durable && made.last_seq >= last_seq);
            last_seq = made.last_seq;
        }
    });
    assert!(engine.metrics().first_seq > 1, "old records went meanwhile");
    drop(engine);
    for round in 0..8 {
        let (from, to) = (yard.at(&format!("b{round}")), yard.at(&format!("r{round}")));
        let restored = backup::restore(&from, &to, None).expect("restored");
        let manifest = &restored.manifest;
        assert_eq!((manifest.findings, manifest.damaged_documents), (0, 0));
        assert_eq!(restored.opened_documents, manifest.documents);
        assert!(manifest.documents >= 50);
    }
}

#[test]
fn any_change_of_any_file_of_a_backup_is_found() {
    let yard = Yard::stopped("changed");
    yard.backup("b", true).expect("a backup");
    let (b, spoilt, r) = (yard.at("b"), yard.at("spoilt"), yard.at("r"));
    let check = |path: &Path, change: &dyn Fn(&Path)| {
        copy_all(&b, &spoilt);
        change(&spoilt.join(path.strip_prefix(&b).expect("below it")));
        let checked = backup::verify(&spoilt, None).expect_err("a finding");
        let restored = backup::restore(&spoilt, &r, None).expect_err("refused");
        assert_eq!(checked.to_string(), restored.to_string());
        assert!(!r.exists() && !yard.at("r.partial").exists());
        checked
    };
    for path in below(&b) {
        let bytes = fs::read(&path).expect("a file");
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            if path.ends_with("manifest.json") {
                continue;
            }
            check(&path, &|spoilt| {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1;
                fs::write(spoilt, bytes).expect("written");
            });
        }
        let cut = check(&path, &|spoilt| {
            fs::write(spoilt, &bytes[..bytes.len() / 2]).expect("written");
        });
        let gone = check(&path, &|spoilt| fs::remove_file(spoilt).expect("removed"));
        if path.ends_with("manifest.json") {
            assert!(matches!(cut, BackupError::Manifest { .. }), "{cut}");
            assert!(matches!(gone, BackupError::None { .. }), "{gone}");
        } else {
            assert!(matches!(cut, BackupError::Changed { .. }), "{cut}");
            assert!(matches!(gone, BackupError::Changed { .. }), "{gone}");
        }
    }
    let segment = below(&b.join("journal")).pop().expect("a segment");
    let stray = check(&segment, &|path| {
        fs::copy(path, path.with_file_name("00000000000000009999.segment")).expect("a copy");
    });
    assert!(matches!(stray, BackupError::Stray { .. }), "{stray}");
}

#[test]
fn a_manifest_of_another_state_a_newer_one_and_one_that_points_outside_are_refused() {
    let yard = Yard::stopped("manifest");
    let made = yard.backup("b", true).expect("a backup");
    let path = yard.at("b").join("manifest.json");
    let text = fs::read_to_string(&path).expect("a manifest");
    let check = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        fs::write(&path, changed).expect("written");
        backup::verify(&yard.at("b"), None).expect_err("a finding")
    };
    let error = check(&made.state_hash, &"0".repeat(64));
    assert!(matches!(error, BackupError::Differs { .. }), "{error}");
    let seq = format!("\"last_seq\": {}", made.last_seq);
    let error = check(&seq, "\"last_seq\": 7");
    assert!(matches!(error, BackupError::Differs { .. }), "{error}");
    let error = check("\"format\": 1", "\"format\": 2");
    assert!(
        matches!(error, BackupError::Newer { found: 2, .. }),
        "{error}"
    );
    for outside in ["../", "journal/../../", "/", "elsewhere/"] {
        let error = check("\"journal/", &format!("\"{outside}"));
        assert!(matches!(error, BackupError::Manifest { .. }), "{error}");
    }
}

#[test]
fn nothing_is_written_over_and_an_attempt_that_failed_leaves_nothing() {
    let yard = Yard::stopped("over");
    yard.backup("b", true).expect("a backup");
    let before = below(&yard.root);
    let error = yard.backup("b", true).expect_err("it exists");
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    let error = backup::restore(&yard.at("b"), &yard.data(), None).expect_err("filled");
    assert!(matches!(error, BackupError::NotEmpty { .. }), "{error}");
    let data = yard.data();
    let nowhere = Source {
        data: &data,
        mirror: None,
        keys: Some(Path::new("nowhere")),
    };
    let error = backup::backup(nowhere, &yard.at("c"), 0).expect_err("no ring");
    assert!(matches!(error, BackupError::NoRing { .. }), "{error}");
    assert_eq!(below(&yard.root), before);

    // An empty folder may be restored into, and a draft that somebody left may not.
    fs::create_dir(yard.at("r")).expect("a folder");
    fs::create_dir(yard.at("r.partial")).expect("a folder");
    let restore = || backup::restore(&yard.at("b"), &yard.at("r"), None);
    let error = restore().expect_err("unfinished");
    assert!(matches!(error, BackupError::Unfinished { .. }), "{error}");
    fs::remove_dir(yard.at("r.partial")).expect("removed");
    restore().expect("restored");
    yard.check_restored("r", 45);
}

#[test]
fn what_one_copy_has_wrong_is_backed_up_from_the_other() {
    let mut yard = Yard::new("mirror");
    yard.mirrored = true;
    let engine = yard.open();
    for number in 0..45 {
        place_sealed(&engine, number);
    }
    drop(engine);
    let (data, mirror) = (yard.data(), yard.at("mirror"));
    // Each copy is damaged in another file.
    let journal = below(&data.join("journal"));
    let spoil = |path: &Path, at: usize| {
        let mut bytes = fs::read(path).expect("a file");
        for byte in &mut bytes[at..at + 8] {
            *byte ^= 0x55;
        }
        fs::write(path, bytes).expect("written");
    };
    spoil(&journal[0], 300);
    spoil(&mirror.join(journal[1].file_name().expect("a name")), 300);
    spoil(&data.join("documents").join("documents.vault"), 1_050);
    spoil(&mirror.join("documents.vault"), 3_000);
    let made = yard.backup("b", true).expect("a backup");
    assert_eq!((made.documents, made.damaged_documents), (45, 0));
    let checked = backup::verify(&yard.at("b"), None).expect("whole");
    assert_eq!(
        (checked.opened_documents, checked.unopened_documents),
        (45, 0)
    );

    // Without the mirror the journal cannot be read, and a lost document is counted.
    yard.mirrored = false;
    let error = yard.backup("c", true).expect_err("damaged");
    assert!(
        matches!(error, BackupError::Open(OpenError::Journal(_))),
        "{error}"
    );
    spoil(&journal[0], 300);
    let made = yard.backup("c", true).expect("a backup");
    assert_eq!((made.documents, made.damaged_documents), (45, 1));
    let checked = backup::verify(&yard.at("c"), None).expect("as it was written");
    assert_eq!(
        (checked.opened_documents, checked.unopened_documents),
        (44, 1)
    );
}

/// A flipped bit in the record of an order.
fn flip(segment: &Path, order: u32) {
    let mut bytes = fs::read(segment).expect("a file");
    let at = place_of(&bytes, order);
    bytes[at] ^= 1;
    fs::write(segment, bytes).expect("written");
}

/// Where in a segment an order stands.
fn place_of(segment: &[u8], order: u32) -> usize {
    let name = format!("A{order}");
    let mut parts = segment.windows(name.len());
    let place = parts.position(|part| part == name.as_bytes());
    place.expect("the order stands there")
}

/// The state that the records of a whole journal up to one give, with nothing behind.
fn state_up_to(data: &Path, seq: u64) -> [u8; 32] {
    let (reader, _) = FileJournal::open_reader(&data.join("journal"), None).expect("a journal");
    let mut state = State::new(Board::default());
    let scanned = reader.scan(1, seq, &mut |_, bytes| {
        let record = Record::decode(bytes).expect("a record");
        state.replay(&record).expect("it fits");
        ControlFlow::Continue(())
    });
    scanned.expect("whole");
    assert_eq!(state.seq(), seq);
    state.digest()
}

/// A stopped shop of 120 orders, its segments, and the record of the first order.
fn long(name: &str, mirrored: bool) -> (Yard, Vec<PathBuf>, u64) {
    let mut yard = Yard::new(name);
    yard.mirrored = mirrored;
    let engine = yard.open();
    let stocked = engine.metrics().state_seq;
    place(&engine, 0..120);
    drop(engine);
    let segments = files(&yard.data().join("journal"), "segment");
    assert!(segments.len() > 4, "{} files", segments.len());
    (yard, segments, stocked + 1)
}

fn segment_of(segments: &[PathBuf], order: u32) -> PathBuf {
    let name = format!("A{order}");
    let has = |path: &&PathBuf| {
        let bytes = fs::read(path).expect("a file");
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    segments.iter().find(has).expect("an order").clone()
}

fn in_mirror(yard: &Yard, segment: &Path) -> PathBuf {
    yard.at("mirror").join(segment.file_name().expect("a name"))
}

impl Yard {
    fn cut(&self, seq: u64, aside: &str, done: bool) -> Result<Cut, CutError> {
        cut_folder(&self.data(), self.mirror().as_deref(), seq, aside, done)
    }

    fn try_open(&self) -> Result<Engine, OpenError> {
        self.shop.try_open(Settings {
            mirror: self.mirror(),
            ..self.shop.settings()
        })
    }
}

#[test]
fn a_cut_keeps_what_is_whole_and_sets_the_rest_aside() {
    let (yard, segments, first) = long("cut", false);
    let cut_at = first + 59;
    let hash = state_up_to(&yard.data(), cut_at);
    let spoilt = segment_of(&segments, 60);
    flip(&spoilt, 60);
    let before = fs::read(&spoilt).expect("a file");
    let told = yard.cut(cut_at, "aside", false).expect("a plan");
    assert!(!told.done && told.cut.0 == spoilt && told.good_seq == cut_at);
    yard.try_open().expect_err("nothing was done yet");
    assert!(!yard.data().join("aside").exists());

    let done = yard.cut(cut_at, "aside", true).expect("a cut");
    assert_eq!((done.done, &done.files), (true, &told.files));
    let aside = yard.data().join("aside");
    assert_eq!(files(&aside, "segment").len(), told.files.len() + 1);
    let kept = aside.join(spoilt.file_name().expect("a name"));
    assert_eq!(fs::read(kept).expect("a file"), before);
    let (state, findings) = replay_folder(&yard.data(), None).expect("whole");
    assert_eq!(
        (state.seq(), state.digest(), findings.len()),
        (cut_at, hash, 0)
    );
    // A second one finds nothing to take, and never writes over what is kept.
    yard.cut(cut_at, "aside", true)
        .expect_err("the folder is there");
    let again = yard.cut(cut_at, "again", true).expect("nothing to do");
    assert!(again.files.is_empty());
    let engine = yard.try_open().expect("it starts");
    place(&engine, 0..130);
    drop(engine);
    yard.shop.hash();
}

#[test]
fn snapshots_beyond_a_cut_go_with_it_and_one_before_it_must_hold_what_was_trimmed() {
    let yard = Yard::new("cut-snapshots");
    let engine = yard.open();
    place(&engine, 0..60);
    let first = snapshot(&engine);
    yard.shop.clock.advance(2 * DAY);
    place(&engine, 60..120);
    let second = snapshot(&engine);
    while engine.metrics().first_seq == 1 {
        thread::yield_now();
    }
    let first_seq = engine.metrics().first_seq;
    drop(engine);
    let error = yard.cut(first_seq - 1, "a", true).expect_err("too early");
    assert!(matches!(error, CutError::Before { .. }), "{error}");
    let error = yard.cut(first - 1, "a", true).expect_err("no beginning");
    assert!(matches!(error, CutError::NoBeginning { .. }), "{error}");
    yard.cut(second - 1, "a", true).expect("a cut");
    let name = |path: &PathBuf| path.file_name().expect("a name").to_owned();
    let of = |folder: &str| -> Vec<_> {
        files(&yard.data().join(folder), "snapshot")
            .iter()
            .map(name)
            .collect()
    };
    assert_eq!(of("snapshots"), [format!("{first:020}.snapshot").as_str()]);
    assert_eq!(of("a"), [format!("{second:020}.snapshot").as_str()]);
    let engine = yard.try_open().expect("it starts");
    assert_eq!(engine.recovered().journal.last_seq, second - 1);
}

#[test]
fn a_cut_in_a_group_or_behind_the_damage_is_refused_with_numbers() {
    let (yard, segments, first) = long("wrong-cut", false);
    flip(&segment_of(&segments, 60), 60);
    let error = yard
        .cut(first + 60, "aside", true)
        .expect_err("behind the damage");
    assert!(matches!(error, CutError::Beyond { good_seq, .. } if good_seq == first + 59));
    let error = yard.cut(0, "aside", true).expect_err("nothing is left");
    assert!(
        matches!(error, CutError::Before { first_seq: 1, .. }),
        "{error}"
    );
    let other = Yard::new("group-cut");
    let engine = other.open();
    shop::batch(&engine, 0..50);
    drop(engine);
    // Which records of a batch become a group is up to the moment, but some do.
    let (seq, before, after) = (1..=50)
        .find_map(|seq| match other.cut(seq, "aside", false) {
            Err(CutError::NoEnd { before, after, .. }) => Some((seq, before?, after)),
            _ => None,
        })
        .expect("a group of several");
    assert!(before < seq && after > seq, "{before} {seq} {after}");
    other.cut(seq, "aside", true).expect_err("in a group");
    other.cut(after, "aside", true).expect("at an end");
    other.cut(before, "earlier", true).expect("at an end");
}

#[test]
fn what_either_copy_has_whole_can_be_kept() {
    let (yard, segments, first) = long("mirrored-cut", true);
    let cut_at = first + 79;
    let hash = state_up_to(&yard.data(), cut_at);
    flip(&segment_of(&segments, 40), 40);
    for order in [60, 80] {
        flip(&in_mirror(&yard, &segment_of(&segments, order)), order);
    }
    flip(&segment_of(&segments, 80), 80);
    yard.try_open().expect_err("damaged in both");
    yard.cut(cut_at, "aside", true).expect("a cut");
    assert!(!files(&yard.at("mirror").join("aside"), "segment").is_empty());
    drop(yard.try_open().expect("one mends the other"));
    for folder in [None, yard.mirror()] {
        let journal = folder.unwrap_or_else(|| yard.data().join("journal"));
        let found = verify(&journal, None).expect("whole alone");
        assert!(found.recovery.last_seq > cut_at);
    }
    assert_eq!(state_up_to(&yard.data(), cut_at), hash);
}

/// A kill at any call leaves the old journal or a half cut one, and both refuse; or the
/// cut one. The same cut again finishes it.
#[test]
fn a_cut_that_is_interrupted_leaves_nothing_that_starts_by_mistake() {
    for mirrored in [false, true] {
        let (yard, segments, first) = long(&format!("interrupted-{mirrored}"), mirrored);
        // Behind the damage the first copy has more than the mirror, and the cut is before it.
        let cut_at = first + 49;
        let hash = state_up_to(&yard.data(), cut_at);
        flip(&segment_of(&segments, 60), 60);
        if mirrored {
            let torn = in_mirror(&yard, &segment_of(&segments, 55));
            let bytes = fs::read(&torn).expect("a file");
            fs::write(&torn, &bytes[..place_of(&bytes, 55)]).expect("written");
            for later in files(&yard.at("mirror"), "segment") {
                if later > torn {
                    fs::remove_file(later).expect("removed");
                }
            }
        }
        copy_all(&yard.root, &yard.root.with_extension("keep"));
        let (mut half, mut old) = (0, 0);
        for calls in 0.. {
            copy_all(&yard.root.with_extension("keep"), &yard.root);
            let (journal, mirror) = (yard.data().join("journal"), yard.at("mirror"));
            let second = mirrored.then(|| Arc::new(Folder::at(&mirror)) as Arc<dyn Disk>);
            let planned = plan_cut(Arc::new(Folder::at(&journal)), second, cut_at);
            let mut cut = planned.expect("a plan");
            let disks = shop::Failing::at(&journal, calls);
            let mirror_disk = disks.beside(&mirror);
            let asides = ["data", "mirror"].map(|of| yard.at(of).join("aside"));
            let mut folders = Vec::new();
            for aside in &asides[..1 + usize::from(mirrored)] {
                fs::create_dir_all(aside).expect("a folder");
                folders.push(disks.beside(aside));
            }
            let mut copies = vec![CutCopy {
                journal: &disks,
                aside: &folders[0],
            }];
            if let Some(aside) = folders.get(1) {
                copies.push(CutCopy {
                    journal: &mirror_disk,
                    aside,
                });
            }
            let done = carry_out(&copies, &mut cut).is_ok();
            match yard.try_open() {
                Ok(engine) => assert_eq!(engine.recovered().journal.last_seq, cut_at),
                Err(OpenError::Journal(JournalError::HalfCut { seq, .. })) => {
                    assert_eq!(seq, cut_at.to_string());
                    half += 1;
                }
                Err(OpenError::Journal(JournalError::Corrupt { .. })) => old += 1,
                Err(other) => panic!("after {calls} calls: {other}"),
            }
            if done {
                break;
            }
            let again = yard.cut(cut_at, "again", true);
            again.unwrap_or_else(|error| panic!("after {calls} calls: {error}"));
            assert_eq!(state_up_to(&yard.data(), cut_at), hash);
            drop(yard.try_open().expect("it starts"));
        }
        assert!(half > 5 && old > 5, "{half} and {old} calls");
        let _ = fs::remove_dir_all(yard.root.with_extension("keep"));
    }
}
