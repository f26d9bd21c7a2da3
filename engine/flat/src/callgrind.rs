//! Counts instructions: runs this program again under valgrind and reads what it wrote.
//!
//! Filling a house of a million under a counting valgrind would take an hour. So the counting is
//! switched on from outside, by `vgdb`, once the house is full.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Failure;
use crate::counted::OPERATIONS;

/// Instructions of one operation, by its name.
pub type Counts = BTreeMap<String, f64>;

/// Counts every operation among so many orders; `folder` is for what is written meanwhile.
///
/// # Errors
/// valgrind or what it runs fails.
pub fn count(open_orders: u64, folder: &Path) -> Result<Counts, Failure> {
    let (written, go) = (folder.join("callgrind.out"), folder.join("go"));
    let mut child = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--instr-atstart=no"])
        .args(["--compress-strings=no", "--vgdb=yes"])
        .arg(format!("--callgrind-out-file={}", written.display()))
        .arg(std::env::current_exe()?)
        .args(["counted", &open_orders.to_string()])
        .arg(&go)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind: {error} (Debian: apt-get install valgrind)"))?;
    let begun = begin(&mut child, &go);
    if begun.is_err() {
        child.kill()?;
    }
    let ended = child.wait()?;
    begun?;
    if !ended.success() {
        return Err(format!("counting among {open_orders} orders ended with {ended}").into());
    }
    std::fs::remove_file(&go)?;
    let counts = read(&std::fs::read_to_string(&written)?);
    match OPERATIONS.iter().find(|one| !counts.contains_key(one.name)) {
        Some(lost) => Err(format!("valgrind told nothing of {}", lost.name).into()),
        None => Ok(counts),
    }
}

/// Waits until the house is full, and switches the counting on.
fn begin(child: &mut Child, go: &Path) -> Result<(), Failure> {
    let output = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    if BufReader::new(output).read_line(&mut line)? == 0 {
        return Err("the house was not filled, see above".into());
    }
    let told = Command::new("vgdb")
        .arg(format!("--pid={}", child.id()))
        .args(["--wait=10", "instrumentation", "on"])
        .output()?;
    if !told.status.success() {
        let words = String::from_utf8_lossy(&told.stderr);
        return Err(format!("vgdb could not switch the counting on: {words}").into());
    }
    Ok(std::fs::write(go, "")?)
}

/// Instructions of one call of each measured function, with all that it calls.
///
/// A call stands in three lines: `cfn=` names the function, `calls=` says how many, and the
/// line after it has a position and the instructions of all of them.
fn read(profile: &str) -> Counts {
    let mut totals: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let (mut called, mut lines) = ("", profile.lines());
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = operation(name);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let cost = lines.next().and_then(|line| line.split(' ').nth(1));
            let number = |text: Option<&str>| text?.parse::<f64>().ok();
            let calls = number(calls.split(' ').next());
            if let (Some(calls), Some(cost), false) = (calls, number(cost), called.is_empty()) {
                let total = totals.entry(called.to_owned()).or_default();
                *total = (total.0 + cost, total.1 + calls);
            }
        }
    }
    let each = totals.into_iter();
    each.map(|(name, (cost, calls))| (name, cost / calls))
        .collect()
}

/// The operation that a symbol stands for; empty if none.
fn operation(symbol: &str) -> &str {
    let symbol = symbol.strip_prefix("holdfast_flat::counted::");
    let name = symbol.and_then(|rest| rest.split("::").next());
    let is_one = |name: &&str| OPERATIONS.iter().any(|one| one.name == *name);
    name.filter(is_one).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_the_operation_and_nothing_else() {
        let profile = "\
fn=holdfast_flat::counted::run
16 12
cfn=holdfast_flat::counted::place
calls=3 200
17 900
cfn=holdfast_flat::counted::place::h0123456789abcdef
calls=1 200
18 300
cfn=holdfast_flat::counted::archive
calls=1 300
19 7000
cfn=memcpy
calls=9 0
20 90
";
        assert_eq!(read(profile), Counts::from([("place".to_owned(), 300.0)]));
    }
}
