//! Backups: what is in them, what damage to them is noticed, what comes of them. And
//! cutting a damaged journal.

mod house;
mod shop;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use holdfast_engine::backup::{self, BackupError, Manifest, Ring, Source};
use holdfast_engine::clock::ManualClock;
use holdfast_engine::domain::time::DAY;
use holdfast_engine::engine::{Engine, OpenError, Settings, cut_folder, replay_folder};
use holdfast_engine::journal::{CutError, Folder, carry_out, diagnose, plan_cut};
use holdfast_engine::vault::VaultError;
use holdfast_engine::wire::pb;
use house::START;
use prost::Message;
use shop::{Shop, ask, copy, files, place, snapshot, stock};

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

/// A journal whose third file has a flipped bit in the middle.
fn damaged(name: &str) -> (Shop, u64) {
    let shop = Shop::new(name);
    let engine = shop.open();
    stock(&engine);
    place(&engine, 0..200);
    drop(engine);
    let segments = files(&shop.root.join("journal"), "segment");
    assert!(segments.len() > 4, "{} files", segments.len());
    let mut bytes = fs::read(&segments[2]).expect("a file");
    // In its second group.
    let second = bytes
        .windows(2)
        .position(|pair| pair == b"A4")
        .expect("an order");
    bytes[second] ^= 1;
    fs::write(&segments[2], bytes).expect("a file");
    let good_seq = diagnose(&shop.root.join("journal"))
        .expect("a look")
        .good_seq;
    shop.try_open(shop.settings()).expect_err("damaged");
    (shop, good_seq)
}

#[test]
fn a_cut_keeps_what_is_whole_and_sets_the_rest_aside() {
    let (shop, good_seq) = damaged("cut");
    let told = cut_folder(&shop.root, None, good_seq, "aside", false).expect("a plan");
    assert!(!told.done && told.cut.is_some() && told.files.len() > 2);
    shop.try_open(shop.settings())
        .expect_err("nothing was done yet");
    cut_folder(&shop.root, None, good_seq, "aside", true).expect("a cut");
    assert_eq!(
        files(&shop.root.join("aside"), "segment").len(),
        told.files.len() + 1
    );
    let (state, findings) = replay_folder(&shop.root, None).expect("whole");
    assert_eq!((state.seq(), findings.len()), (good_seq, 0));
    let engine = shop.open();
    place(&engine, 0..210);
    drop(engine);
    shop.hash();
}

#[test]
fn a_cut_in_a_group_or_behind_the_damage_is_refused_with_numbers() {
    let (shop, good_seq) = damaged("wrong-cut");
    let cut = |seq| cut_folder(&shop.root, None, seq, "aside", true).expect_err("refused");
    assert!(matches!(cut(good_seq + 1), CutError::Beyond { .. }));
    let other = Shop::new("group-cut");
    let engine = other.open();
    stock(&engine);
    shop::batch(&engine, 0..50);
    drop(engine);
    let error = cut_folder(&other.root, None, 20, "aside", true).expect_err("in a group");
    let CutError::NoEnd { before, after, .. } = error else {
        panic!("{error}")
    };
    assert!(before < 20 && after > 20);
    cut_folder(&other.root, None, after, "aside", true).expect("at an end");
}

/// A kill at any call leaves a journal that refuses, or the cut one.
#[test]
fn a_cut_that_is_interrupted_leaves_nothing_that_starts_by_mistake() {
    let (shop, good_seq) = damaged("interrupted");
    let keep = Shop::new("interrupted-keep");
    copy(&shop.root.join("journal"), &keep.root);
    for calls in 0.. {
        copy(&keep.root, &shop.root.join("journal"));
        let _ = fs::remove_dir_all(shop.root.join("aside"));
        let aside = Folder::create(&shop.root.join("aside")).expect("a folder");
        let mut cut = plan_cut(
            &shop.root.join("journal"),
            good_seq,
            &shop.root.join("aside"),
        )
        .expect("a plan");
        let disk = shop::Failing::at(&shop.root.join("journal"), calls);
        let done = carry_out(&disk, &aside, &mut cut).is_ok();
        match shop.try_open(shop.settings()) {
            Ok(engine) => assert_eq!(
                engine.recovered().journal.last_seq,
                good_seq,
                "after {calls} calls: {:?}",
                engine.recovered()
            ),
            Err(_) => assert!(!done),
        }
        if done {
            assert!(calls > 10, "{calls} calls");
            break;
        }
    }
}
