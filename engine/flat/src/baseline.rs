//! What an operation cost when somebody last agreed to it: a file of the repository.
//!
//! The same compiler counts the same but for a few instructions in a thousand, so that a change
//! which costs more than it should is seen. Another compiler makes other code: then only what is
//! far away is a finding.

use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::callgrind::Counts;

/// Percent that an operation may differ with the compiler of the file, and with another.
const SAME_COMPILER: f64 = 5.0;
const OTHER_COMPILER: f64 = 20.0;

/// Agreed counts among the fewest orders, and what compiled them.
#[derive(Debug, PartialEq)]
pub struct Baseline {
    compiler: String,
    counts: Counts,
}

impl Baseline {
    pub fn of(counts: &Counts) -> Self {
        Self {
            compiler: compiler(),
            counts: counts.clone(),
        }
    }

    /// # Errors
    /// The file is not there or not ours.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)?;
        Self::parse(&text).ok_or_else(|| format!("{} is no baseline", path.display()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let compiler = lines.next()?.to_owned();
        let count = |line: &str| {
            let (name, count) = line.split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        };
        let counts = lines.map(count).collect::<Option<Counts>>()?;
        Some(Self { compiler, counts })
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        Ok(std::fs::write(path, self.text())?)
    }

    fn text(&self) -> String {
        let lines = self.counts.iter();
        let lines = lines.map(|(name, count)| format!("{name} {count:.0}\n"));
        format!(
            "# Instructions of an operation among 1,000 open orders. Made by ./dev flat --update.\n{}\n{}",
            self.compiler,
            lines.collect::<String>()
        )
    }

    /// Operations that cost more or less than was agreed, and how to agree.
    pub fn findings(&self, counts: &Counts) -> Vec<String> {
        let same = self.compiler == compiler();
        let tolerance = if same { SAME_COMPILER } else { OTHER_COMPILER };
        let change = |(name, now): (&String, &f64)| {
            let Some(agreed) = self.counts.get(name) else {
                return Some(format!(
                    "{name} is not in the baseline: ./dev flat --update"
                ));
            };
            let percent = (now / agreed - 1.0) * 100.0;
            (percent.abs() > tolerance).then(|| {
                format!(
                    "{name} takes {now:.0} instructions, {percent:+.1} % of the {agreed:.0} in the \
                     baseline of {} (±{tolerance} %); if that is meant: ./dev flat --update",
                    self.compiler
                )
            })
        };
        counts.iter().filter_map(change).collect()
    }
}

/// "rustc 1.95.0" of whoever builds here.
fn compiler() -> String {
    let told = Command::new("rustc").arg("--version").output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    let words = told.unwrap_or_default();
    let words: Vec<&str> = words.split(' ').take(2).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(place: f64) -> Counts {
        Counts::from([("place".to_owned(), place)])
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let baseline = Baseline::of(&counts(50_000.0));
        assert_eq!(Baseline::parse(&baseline.text()), Some(baseline));
    }

    #[test]
    fn what_costs_a_tenth_more_is_found() {
        let baseline = Baseline::of(&counts(50_000.0));
        assert_eq!(baseline.findings(&counts(52_000.0)), Vec::<String>::new());
        let found = baseline.findings(&counts(55_000.0));
        assert!(
            found[0].starts_with("place takes 55000 instructions, +10.0 %"),
            "{found:?}"
        );
        assert_eq!(baseline.findings(&counts(40_000.0)).len(), 1);
    }

    #[test]
    fn another_compiler_is_given_more_room() {
        let mut baseline = Baseline::of(&counts(50_000.0));
        baseline.compiler = "rustc 1.0.0".into();
        assert_eq!(baseline.findings(&counts(55_000.0)), Vec::<String>::new());
        assert_eq!(baseline.findings(&counts(65_000.0)).len(), 1);
    }
}
