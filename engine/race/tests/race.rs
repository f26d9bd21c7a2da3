//! A tiny race as a whole: who is here runs, is checked, and leaves three files and no trace.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("race-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn race(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast-race"))
        .args(["--short", "--rounds", "1", "--orders", "300", "--scratch"])
        .arg(folder)
        .arg("--out")
        .arg(folder.join("out"))
        .args(arguments)
        .output()
        .expect("it runs")
}

#[test]
fn a_tiny_race_runs_through_and_every_check_passes() {
    let folder = Folder::new("tiny");
    let only = "in-process,sqlite,book,echo-native,redis-always";
    let done = race(&folder.0, &["--only", only, "--seed", "3"]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");
    let out = folder.0.join("out");
    let json = std::fs::read(out.join("race.json")).expect("race.json");
    let report: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let checks = report["checks"].as_array().expect("a list");
    let absent = report["absent"].as_array().expect("a list");
    assert_eq!(checks.len() + absent.len(), 4, "the echo keeps nothing");
    for check in checks {
        // 300 orders of each mode at most, and the 250 that the rush can have.
        assert!(check["orders"].as_u64() >= Some(500), "{check}");
        assert_eq!(check["refused"], 150, "{check}");
        assert_eq!(
            check["findings"].as_array().map(Vec::len),
            Some(0),
            "{check}"
        );
    }
    let table = std::fs::read_to_string(out.join("race.md")).expect("race.md");
    assert!(table.contains("none lost, none sold twice"), "{table}");
    assert!(
        std::fs::read_to_string(out.join("race.svg"))
            .expect("race.svg")
            .ends_with("</svg>\n")
    );
    let left: Vec<_> = std::fs::read_dir(&folder.0)
        .expect("listed")
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "only out is left: {left:?}");
}

#[test]
fn it_rewrites_what_stands_between_its_marks_and_nothing_else() {
    let folder = Folder::new("docs");
    let document = folder.0.join("page.md");
    let begin = "<!-- race: begin, written by ./dev race --write-docs -->";
    let end = "<!-- race: end -->";
    let before = format!("Before.\n\n{begin}\nold\n{end}\n\nBehind.\n");
    std::fs::write(&document, before).expect("written");
    let path = document.to_str().expect("UTF-8");
    let done = race(&folder.0, &["--only", "book", "--write-docs", path]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = std::fs::read_to_string(&document).expect("read");
    assert!(text.starts_with(&format!("Before.\n\n{begin}\n")), "{text}");
    assert!(text.ends_with(&format!("{end}\n\nBehind.\n")), "{text}");
    assert!(
        text.contains("minimal hold book, 1 a sync") && !text.contains("\nold\n"),
        "{text}"
    );
}

#[test]
fn a_wrong_option_is_named() {
    let folder = Folder::new("wrong");
    let done = race(&folder.0, &["--fast"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("there is no option '--fast'"));
}
