//! Bytes that rot below archived orders are found: in their runs and in their documents.

mod house;
mod shop;

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_engine::backup::{self, Source};
use holdfast_engine::domain::time::DAY;
use holdfast_engine::engine::{Engine, FolderReport, Settings, verify_folder};
use holdfast_engine::wire::pb;
use shop::{PLACE, Shop, ask, files, order, stock};

/// Orders that were archived, each with a document.
const ARCHIVED: u32 = 12;

/// A shop whose orders are in the archive, but for one.
fn archived(name: &str, mirror: Option<&Path>) -> Shop {
    let shop = Shop::new(name);
    let engine = shop
        .try_open(Settings {
            mirror: mirror.map(Path::to_owned),
            ..shop.settings()
        })
        .expect("an engine");
    stock(&engine);
    publish(&engine);
    for number in 0..=ARCHIVED {
        let mut order = order(number);
        order.document = format!("receiver {number}").into_bytes();
        assert_eq!(ask(&engine, PLACE, &order).0, 0);
    }
    for number in 0..ARCHIVED {
        let cancel = pb::CancelOrderRequest {
            request_id: format!("c{number:031x}"),
            order_number: format!("A{number}"),
            ..pb::CancelOrderRequest::default()
        };
        let (code, _) = ask(&engine, "/holdfast.v1.OrderService/CancelOrder", &cancel);
        assert_eq!(code, 0);
    }
    shop.clock.advance(2 * DAY);
    while engine.metrics().orders_in_memory > 1 {
        engine.archive().expect("a disk");
    }
    shop
}

fn publish(engine: &Engine) {
    let policy = pb::PublishPolicyRequest {
        request_id: "a".repeat(32),
        policy_json: r#"{"archive_after_days": 1}"#.into(),
    };
    let (code, _) = ask(engine, "/holdfast.v1.AdminService/PublishPolicy", &policy);
    assert_eq!(code, 0);
}

fn run_of(shop: &Shop) -> PathBuf {
    files(&shop.root.join("archive"), "archive").remove(0)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 1 << (at % 8);
    fs::write(path, bytes).expect("a file");
}

fn verify(shop: &Shop, mirror: Option<&Path>) -> FolderReport {
    verify_folder(&shop.root, mirror).expect("a journal")
}

#[test]
fn verify_reads_every_byte_of_runs_and_documents() {
    let shop = archived("rot-verify", None);
    let report = verify(&shop, None);
    assert_eq!(report.archive.problem, None);
    assert_eq!(report.archive.facts.orders, u64::from(ARCHIVED));
    assert_eq!(report.documents.documents, u64::from(ARCHIVED) + 1);
    assert_eq!(report.documents.problem, None);
    let run = run_of(&shop);
    let vault = shop.root.join("documents").join("documents.vault");
    for (path, every) in [(run, 61), (vault, 41)] {
        let good = fs::read(&path).expect("a file");
        for at in (0..good.len()).step_by(every) {
            flip(&path, at);
            let report = verify(&shop, None);
            let found = report.archive.problem.is_some() || report.documents.problem.is_some();
            assert!(found, "byte {at} of {}", path.display());
            fs::write(&path, &good).expect("a file");
        }
    }
}

#[test]
fn verify_tells_what_a_mirror_can_mend() {
    let mirror = std::env::temp_dir().join(format!("holdfast-rot-mirror-{}", std::process::id()));
    let _ = fs::remove_dir_all(&mirror);
    let shop = archived("rot-mirror", Some(&mirror));
    let copies = [
        shop.root.join("documents").join("documents.vault"),
        mirror.join("documents.vault"),
    ];
    let good = fs::read(&copies[0]).expect("a file");
    flip(&copies[1], 60);
    let report = verify(&shop, Some(&mirror)).documents;
    assert_eq!((report.mendable, report.problem), (1, None));
    flip(&copies[0], 60);
    let report = verify(&shop, Some(&mirror)).documents;
    assert!(report.problem.expect("lost").starts_with("1 of 13"));
    fs::write(&copies[0], good).expect("a file");
    let report = verify(&shop, Some(&mirror)).documents;
    assert_eq!((report.mendable, report.problem), (1, None));
    fs::remove_dir_all(&mirror).expect("our own folder");
}

#[test]
fn a_backup_has_the_documents_of_archived_orders_and_counts_what_is_damaged() {
    let shop = archived("rot-backup", None);
    let copy = std::env::temp_dir().join(format!("holdfast-rot-backup-{}", std::process::id()));
    let ring = shop.root.join("keys").join("ring.json");
    let back_up = |name: &str| {
        let to = copy.with_extension(name);
        let _ = fs::remove_dir_all(&to);
        let source = Source {
            data: &shop.root,
            mirror: None,
            keys: Some(&ring),
        };
        (backup::backup(source, &to, 0), to)
    };
    let (made, whole) = back_up("whole");
    let made = made.expect("a backup");
    let all = u64::from(ARCHIVED) + 1;
    assert_eq!((made.documents, made.damaged_documents), (all, 0));
    let checked = backup::verify(&whole, None).expect("whole");
    assert_eq!(
        (checked.opened_documents, checked.unopened_documents),
        (all, 0)
    );
    // A byte of the first order's document, which is archived.
    flip(&shop.root.join("documents").join("documents.vault"), 60);
    let (made, damaged) = back_up("damaged");
    let made = made.expect("a backup");
    assert_eq!((made.documents, made.damaged_documents), (all, 1));
    let checked = backup::verify(&damaged, None).expect("as it was written");
    assert_eq!(
        (checked.opened_documents, checked.unopened_documents),
        (all - 1, 1)
    );
    // A run that rotted makes no backup, and spoils one that was made.
    flip(&run_of(&shop), 100);
    back_up("none").0.expect_err("the archive is damaged");
    let run = files(&whole.join("archive"), "archive").remove(0);
    flip(&run, 100);
    backup::verify(&whole, None).expect_err("it was changed");
    for folder in [whole, damaged] {
        fs::remove_dir_all(folder).expect("our own folder");
    }
}

#[test]
fn a_scrub_finds_rot_below_archived_orders() {
    let shop = archived("rot-scrub", None);
    let vault = shop.root.join("documents").join("documents.vault");
    let (run, at) = (run_of(&shop), 100);
    for (path, at) in [(&vault, 60), (&run, at)] {
        let engine = shop
            .try_open(Settings {
                scrub_every_s: 1,
                ..shop.settings()
            })
            .expect("an engine");
        // The scrub of an engine that found nothing yet.
        while engine.metrics().scrubs < 2 {
            std::thread::yield_now();
        }
        assert_eq!(engine.metrics().scrub_failures, 0);
        let good = fs::read(path).expect("a file");
        flip(path, at);
        while engine.metrics().scrub_failures == 0 {
            std::thread::yield_now();
        }
        fs::write(path, good).expect("a file");
    }
}
