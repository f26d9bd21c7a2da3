//! How measured figures are told: medians with what lay around them, numbers with commas, rows
//! of a Markdown table, and the part of a page that a program writes.
#![allow(
    clippy::cast_precision_loss, // counts far below 2^52
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::fmt::Write;
use std::io;
use std::path::Path;

use serde::Serialize;

/// A median and what lay around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// None of nothing.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            median: quantile(&values, 0.5)?,
            low: *values.first()?,
            high: *values.last()?,
        })
    }
}

/// Of values in rising order; the mean of the two in the middle for an even number's median.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (place.floor(), place.ceil());
    let (low, high) = (sorted[below as usize], sorted[above as usize]);
    Some(low + (high - low) * (place - below))
}

/// A whole number with commas.
#[must_use]
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Adds a row to a Markdown table.
pub fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// Replaces what stands between the marks that `./dev COMMAND --write-docs` has in a page.
///
/// # Errors
/// The file or its marks are not there.
pub fn rewrite(path: &Path, command: &str, part: &str) -> io::Result<()> {
    let begin = format!("<!-- {command}: begin, written by ./dev {command} --write-docs -->\n");
    let end = format!("<!-- {command}: end -->");
    let text = std::fs::read_to_string(path)?;
    let lacking = || {
        let detail = format!("{} lacks the lines {begin}{end}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, detail)
    };
    let (before, rest) = text.split_once(&begin).ok_or_else(lacking)?;
    let (_, after) = rest.split_once(&end).ok_or_else(lacking)?;
    std::fs::write(path, format!("{before}{begin}\n{part}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_all_rounds() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0, 10.0]).expect("some");
        assert_eq!((spread.median, spread.low, spread.high), (2.5, 1.0, 10.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(999.0), "999");
    }
}
