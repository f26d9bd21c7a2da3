//! Backups, restores, and cutting a damaged journal.

mod house;
mod shop;

use std::fs;

use holdfast_engine::backup::{BackupError, backup, restore, verify};
use holdfast_engine::engine::{cut_folder, replay_folder};
use holdfast_engine::journal::{CutError, Folder, carry_out, diagnose, plan_cut};
use shop::{Shop, copy, files, place, snapshot, stock};

#[test]
fn a_backup_beside_a_busy_engine_gives_a_state_that_the_engine_had() {
    let shop = Shop::new("busy");
    let to = Shop::new("busy-copy");
    let engine = shop.open();
    stock(&engine);
    place(&engine, 0..200);
    snapshot(&engine);
    let manifest = std::thread::scope(|scope| {
        let busy = scope.spawn(|| place(&engine, 200..1_200));
        let manifest = backup(&shop.root, None, &to.root, true, 0).expect("a backup");
        busy.join().expect("orders go on");
        manifest
    });
    assert!(manifest.last_seq >= 201);
    assert_eq!(verify(&to.root).expect("whole"), manifest);
    drop(engine);
    // The same state came by on the way to the present one.
    let (mut state, _) = replay_folder(&to.root, None).expect("a journal");
    assert_eq!(state.seq(), manifest.last_seq);
    let back = Shop::new("busy-back");
    restore(&to.root, &back.root, None).expect("restored");
    let engine = back.open();
    assert_eq!(engine.recovered().journal.last_seq, manifest.last_seq);
    place(&engine, 0..200);
    assert_eq!(
        engine.metrics().state_seq,
        manifest.last_seq + 1,
        "repeats change nothing"
    );
    drop(engine);
    state = replay_folder(&back.root, None).expect("a journal").0;
    assert_eq!(state.seq(), manifest.last_seq + 1);
}

#[test]
fn a_backup_that_was_changed_is_refused_by_name() {
    let shop = Shop::new("changed");
    let to = Shop::new("changed-copy");
    let engine = shop.open();
    stock(&engine);
    place(&engine, 0..20);
    drop(engine);
    backup(&shop.root, None, &to.root, false, 0).expect("a backup");
    assert!(matches!(
        backup(&shop.root, None, &to.root, false, 0),
        Err(BackupError::Exists(_))
    ));
    let segment = &files(&to.root.join("journal"), "segment")[0];
    let good = fs::read(segment).expect("a file");
    for at in (0..good.len()).step_by(97) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(segment, bytes).expect("a file");
        let error = verify(&to.root).expect_err("changed");
        assert!(matches!(error, BackupError::Changed { .. }), "{error}");
        let target = Shop::new("changed-target");
        restore(&to.root, &target.root, None).expect_err("changed");
        assert!(!target.root.exists(), "nothing half restored");
    }
    fs::write(segment, good).expect("a file");
    verify(&to.root).expect("whole again");
    let manifest = to.root.join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a file");
    fs::write(&manifest, text.replace("journal/", "../journal/")).expect("a file");
    let error = verify(&to.root).expect_err("outside");
    assert!(error.to_string().contains("lies outside"), "{error}");
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
