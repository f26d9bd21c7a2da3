//! A slow-down that is there on purpose: a method that does not find it finds none.

use holdfast_race::contender::Failure;

use crate::report::Row;

/// Makes engines of this process slower among many orders.
///
/// # Errors
/// They were built without it.
pub fn switch_on() -> Result<(), Failure> {
    #[cfg(feature = "planted")]
    {
        holdfast_engine::planted::drag(true);
        Ok(())
    }
    #[cfg(not(feature = "planted"))]
    Err("this was built without --features planted; ./dev drift --planted builds it".into())
}

/// 0 if every operation's median was found to be slower, beside a control that was not; else 1.
///
/// # Errors
/// Nothing was measured.
pub fn found(rows: &[Row]) -> Result<u8, Failure> {
    let mut medians = rows.iter().filter(|row| row.quantile == 0.5).peekable();
    medians.peek().ok_or("nothing was measured")?;
    let missed: Vec<&str> = medians
        .filter(|row| !is_found(row))
        .map(|row| row.name.as_str())
        .collect();
    if missed.is_empty() {
        println!("the planted slow-down was found");
        return Ok(0);
    }
    eprintln!(
        "drift: the planted slow-down of 5 % was not found in: {}; on a busy machine give --minutes more",
        missed.join("; ")
    );
    Ok(1)
}

fn is_found(row: &Row) -> bool {
    row.verdict == Some(crate::judge::Verdict::Fail) && row.ratio > 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Interval, Verdict};
    use crate::report::Found;

    fn row(ratio: f64, verdict: Verdict) -> Row {
        let interval = Interval {
            n: 64,
            ratio,
            low: ratio - 0.005,
            high: ratio + 0.005,
        };
        let found = Found {
            what: "volume",
            system: "in process",
            beside: "10,000 orders, to 1,000".into(),
            n: 10_000,
            seconds: 1.0,
            kept_pace: true,
        };
        let judged = Some((interval, interval, Some(verdict)));
        found.row("place", 0.5, judged).expect("a row")
    }

    #[test]
    fn only_slower_medians_of_every_operation_are_a_find() {
        let slower = || row(1.05, Verdict::Fail);
        assert_eq!(found(&[slower(), slower()]).expect("rows"), 0);
        let faster = row(0.95, Verdict::Fail);
        assert_eq!(found(&[slower(), faster]).expect("rows"), 1);
        let unsure = row(1.04, Verdict::Inconclusive);
        assert_eq!(found(&[slower(), unsure]).expect("rows"), 1);
        assert!(found(&[]).is_err());
    }
}
