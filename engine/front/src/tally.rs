//! Calls by method and code, and how long they took: what both fronts count in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_engine::wire::methods::METHODS;

/// Upper bounds of the times, in seconds.
pub const BOUNDS_S: [f64; 12] = [
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0,
];
/// gRPC has the codes 0 to 16.
const CODES: usize = 17;

/// Counters of every method with every code.
#[derive(Debug)]
pub struct Tally {
    cells: Box<[Cell]>,
}

#[derive(Debug, Default)]
struct Cell {
    nanos: AtomicU64,
    /// Calls within each bound and above the one before; behind them all slower ones.
    counts: [AtomicU64; BOUNDS_S.len() + 1],
}

/// What was counted of one method with one code.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub method: &'static str,
    pub code: usize,
    pub seconds: f64,
    /// As many as [`BOUNDS_S`] and one more, not added up.
    pub counts: Vec<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let cells = (METHODS.len() + 1) * CODES;
        Self {
            cells: (0..cells).map(|_| Cell::default()).collect(),
        }
    }
}

// Relaxed throughout: the numbers guard nothing but themselves.
impl Tally {
    /// Counts one call. `method` is its place in the table; all that are not there are
    /// one: callers cannot make the numbers grow.
    pub fn count(&self, method: usize, code: u32, took: Duration) {
        let code = (code as usize).min(CODES - 1);
        let cell = &self.cells[method.min(METHODS.len()) * CODES + code];
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS_S.partition_point(|bound| *bound < seconds);
        cell.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        cell.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Everything that was ever counted.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let told = |(index, cell): (usize, &Cell)| {
            let counts = cell.counts.iter().map(|it| it.load(Ordering::Relaxed));
            let counts: Vec<u64> = counts.collect();
            counts.iter().any(|count| *count > 0).then(|| Told {
                method: METHODS
                    .get(index / CODES)
                    .map_or("unknown", |method| method.name),
                code: index % CODES,
                seconds: Duration::from_nanos(cell.nanos.load(Ordering::Relaxed)).as_secs_f64(),
                counts,
            })
        };
        self.cells.iter().enumerate().filter_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_once_under_its_method_code_and_time() {
        let tally = Tally::default();
        assert_eq!(tally.told(), []);
        tally.count(0, 0, Duration::from_micros(200));
        tally.count(0, 0, Duration::from_secs(60));
        tally.count(usize::MAX, 99, Duration::from_millis(3));
        let told = tally.told();
        assert_eq!((told[0].method, told[0].code), (METHODS[0].name, 0));
        assert_eq!((told[0].counts[0], told[0].counts[12]), (1, 1));
        assert_eq!((told[1].method, told[1].code), ("unknown", 16));
        assert_eq!(told[1].counts[4], 1);
    }
}
