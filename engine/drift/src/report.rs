//! What was found, for the terminal and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::judge::{Interval, Verdict};

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was compared, in words.
    pub name: String,
    /// 0.5, 0.95, 0.99 or 0.999.
    pub quantile: f64,
    /// Orders that were there, or asked for a second.
    pub n: u64,
    /// Median of the pairs; 1 is no difference.
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
    /// None where it is only reported.
    pub verdict: Option<Verdict>,
    /// The interval of the control: the noise floor.
    pub control_low: f64,
    pub control_high: f64,
    pub control: Interval,
    pub pairs: usize,
    /// How long all of its kind were measured.
    pub seconds: f64,
    /// False: the prober was late, and nothing is judged.
    pub kept_pace: bool,
}

/// A measurement, of which each row tells one quantile.
#[derive(Debug)]
pub struct Found<'a> {
    pub what: &'static str,
    pub system: &'a str,
    pub beside: String,
    pub n: u64,
    pub seconds: f64,
    pub kept_pace: bool,
}

impl Found<'_> {
    /// None if there are no pairs.
    pub fn row(
        &self,
        operation: &str,
        quantile: f64,
        judged: Option<(Interval, Interval, Option<Verdict>)>,
    ) -> Option<Row> {
        let (ours, control, verdict) = judged?;
        Some(Row {
            name: format!(
                "{} drift, {}, {}: {operation} {}",
                self.what,
                self.system,
                self.beside,
                percentile(quantile)
            ),
            quantile,
            n: self.n,
            ratio: ours.ratio,
            low: ours.low,
            high: ours.high,
            verdict: verdict.map(|verdict| match self.kept_pace {
                true => verdict,
                false => Verdict::Inconclusive,
            }),
            control_low: control.low,
            control_high: control.high,
            control,
            pairs: ours.n,
            seconds: self.seconds,
            kept_pace: self.kept_pace,
        })
    }
}

fn percentile(quantile: f64) -> String {
    format!("p{}", (quantile * 1e3).round() / 10.0)
}

/// The verdict on all rows.
pub fn verdict(rows: &[Row]) -> Verdict {
    Verdict::of_all(rows.iter().filter_map(|row| match row.kept_pace {
        true => row.verdict,
        false => Some(Verdict::GeneratorBound),
    }))
}

/// A line a row, and the verdict on all.
pub fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:>6}  {:15}  {:15}  {:>5}  verdict\n",
        "", "ratio", "95 %", "A/A", "pairs"
    );
    for row in rows {
        let span = |low: f64, high: f64| format!("{low:.3} – {high:.3}");
        let _ = writeln!(
            text,
            "{:width$}  {:>6.3}  {:15}  {:15}  {:>5}  {}",
            row.name,
            row.ratio,
            span(row.low, row.high),
            span(row.control_low, row.control_high),
            row.pairs,
            row.verdict.map_or("reported", Verdict::name),
        );
    }
    let _ = writeln!(text, "\n{}", verdict(rows).name());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(verdict: Verdict, kept_pace: bool) -> Row {
        let interval = Interval {
            n: 32,
            ratio: 1.0,
            low: 0.99,
            high: 1.01,
        };
        let found = Found {
            what: "volume",
            system: "in process",
            beside: "10,000 orders, to 1,000".into(),
            n: 10_000,
            seconds: 60.0,
            kept_pace,
        };
        found
            .row("place", 0.999, Some((interval, interval, Some(verdict))))
            .expect("a row")
    }

    #[test]
    fn a_prober_that_was_late_judges_nothing() {
        let rows = [row(Verdict::Pass, true), row(Verdict::Fail, false)];
        assert_eq!(verdict(&rows), Verdict::GeneratorBound);
        assert_eq!(rows[1].verdict, Some(Verdict::Inconclusive));
    }

    #[test]
    fn a_row_has_what_a_reader_of_the_file_needs() {
        let told = serde_json::to_value(row(Verdict::Pass, true)).expect("JSON");
        assert_eq!(
            told["name"],
            "volume drift, in process, 10,000 orders, to 1,000: place p99.9"
        );
        assert_eq!(told["verdict"], "PASS");
        assert_eq!(told["control"]["n"], 32);
        assert!(table(&[row(Verdict::Pass, true)]).ends_with("\n\nPASS\n"));
    }
}
