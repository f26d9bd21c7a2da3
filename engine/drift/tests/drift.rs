//! A tiny measurement as a whole: it tells what it found and leaves nothing else. What the machine
//! of the tests is like decides which verdict that is, so that any will do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("drift-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn drift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast-drift"))
        .args(["--minutes", "0.001", "--scratch"])
        .arg(folder)
        .arg("--out")
        .arg(folder.join("out"))
        .args(arguments)
        .output()
        .expect("it runs")
}

/// The rows of a run that was carried out, whose exit code says what they say.
fn rows(folder: &Folder, done: &Output) -> Vec<serde_json::Value> {
    let told = String::from_utf8_lossy(&done.stdout);
    let code = done.status.code().expect("no signal");
    let verdict = match code {
        0 => "PASS",
        1 => "FAIL",
        3 => "INCONCLUSIVE",
        4 => "GENERATOR-BOUND",
        _ => panic!("{code}: {}", String::from_utf8_lossy(&done.stderr)),
    };
    assert!(told.contains(&format!("\n{verdict}\n")), "{code}: {told}");
    let json = std::fs::read(folder.0.join("out/drift.json")).expect("drift.json");
    let left = std::fs::read_dir(&folder.0).expect("listed").count();
    assert_eq!(left, 1, "only out is left");
    serde_json::from_slice(&json).expect("a list")
}

fn number(row: &serde_json::Value, name: &str) -> f64 {
    row[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name}: {row}"))
}

fn check(row: &serde_json::Value) {
    let [low, ratio, high] = ["low", "ratio", "high"].map(|name| number(row, name));
    assert!(0.0 < low && low <= ratio && ratio <= high, "{row}");
    assert!(
        number(row, "control_low") <= number(row, "control_high"),
        "{row}"
    );
    assert!(
        number(row, "pairs") >= 1.0 && number(row, "seconds") > 0.0,
        "{row}"
    );
    // One round decides nothing.
    let judged = if number(row, "quantile") < 0.999 {
        "INCONCLUSIVE".into()
    } else {
        serde_json::Value::Null
    };
    assert_eq!(row["verdict"], judged, "{row}");
}

#[test]
fn volume_drift_is_told_for_each_operation_and_quantile() {
    let folder = Folder::new("volume");
    let done = drift(&folder.0, &["volume", "--front", "none", "--orders", "2k"]);
    let rows = rows(&folder, &done);
    assert_eq!(rows.len(), 12);
    for row in &rows {
        check(row);
        assert_eq!(row["n"], 2_000);
        assert_eq!(row["pairs"], 4);
    }
    assert_eq!(
        rows[0]["name"],
        "volume drift, in process, 2,000 orders, to 1,000: place p50"
    );
}

#[test]
fn rate_drift_is_told_beside_the_hold_book() {
    let folder = Folder::new("rate");
    let done = drift(&folder.0, &["rate", "--front", "none", "--rate", "10"]);
    let rows = rows(&folder, &done);
    assert_eq!(rows.len(), 12);
    for row in &rows {
        check(row);
        assert_eq!(row["n"], 100);
        assert_eq!(row["pairs"], 1);
    }
}

#[test]
fn a_peer_is_judged_by_the_same_method() {
    for (peer, lacking) in [("redis", "no redis-server"), ("postgresql", "no initdb")] {
        let folder = Folder::new(peer);
        let done = drift(&folder.0, &["volume", "--peer", peer, "--orders", "1500"]);
        if String::from_utf8_lossy(&done.stderr).contains(lacking) {
            assert_eq!(done.status.code(), Some(5));
            eprintln!("{peer} is not on this machine");
            continue;
        }
        let rows = rows(&folder, &done);
        assert_eq!(rows.len(), 12);
        rows.iter().for_each(check);
    }
}

#[test]
fn wrong_use_is_told_apart_from_what_cannot_be_done() {
    let folder = Folder::new("wrong");
    let done = drift(&folder.0, &["--orders", "many"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("'many'"));
    let done = drift(&folder.0, &["--front", "native"]);
    assert_eq!(done.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&done.stderr).contains("--python"));
}
