//! The ledger: every movement since the beginning, added up apart from the state.
//!
//! The counters of the state and the sums of the ledger come from the same
//! records by two ways; where they differ, one of the ways is wrong (S4, S5).

use std::collections::BTreeMap;

use super::{Finding, State};
use crate::domain::event::Record;
use crate::domain::inventory::PoolId;
use crate::domain::words::Bucket;

/// Sums of movements by merchant, pool and bucket.
#[derive(Debug, Default)]
pub struct Ledger {
    sums: BTreeMap<(u32, PoolId), [i64; Bucket::ALL.len()]>,
    /// Movements that cannot be: not above zero, or between unknown buckets.
    wrong: Vec<String>,
}

impl Ledger {
    /// The books as they stand in a state, to go on from there.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut sums = BTreeMap::new();
        for (number, merchant) in (0..).zip(state.merchants()) {
            for (id, pool) in (0..).zip(&merchant.pools) {
                let mut units = [0; Bucket::ALL.len()];
                for (slot, bucket) in units.iter_mut().zip(Bucket::ALL) {
                    *slot = pool.counters.get(*bucket);
                }
                sums.insert((number, id), units);
            }
        }
        Self {
            sums,
            wrong: Vec::new(),
        }
    }

    /// Books a record's movements.
    pub fn book(&mut self, record: &Record) {
        let movements = record.events.iter().flat_map(|entry| &entry.movements);
        for movement in movements {
            let ends = (slot(movement.from), slot(movement.to));
            let (Some(from), Some(to), true) = (ends.0, ends.1, movement.quantity > 0) else {
                self.wrong.push(format!("{movement:?}"));
                continue;
            };
            let sums = self
                .sums
                .entry((record.merchant, movement.pool))
                .or_default();
            sums[from] -= movement.quantity;
            sums[to] += movement.quantity;
        }
    }

    /// Where the ledger and the state differ. An empty list: nowhere.
    #[must_use]
    pub fn audit(&self, state: &State) -> Vec<Finding> {
        let wrong = self.wrong.iter().map(|movement| Finding {
            identity: "S5",
            subject: "movement".into(),
            detail: movement.clone(),
        });
        let mut findings: Vec<Finding> = wrong.collect();
        for (number, merchant) in (0..).zip(state.merchants()) {
            for (id, pool) in (0..).zip(&merchant.pools) {
                let sums = self.sums.get(&(number, id)).copied().unwrap_or_default();
                for (bucket, booked) in Bucket::ALL.iter().zip(sums) {
                    // Suppliers, customers and losses are outside: no counter, only sums.
                    let counted = pool.counters.get(*bucket);
                    if bucket.is_on_hand() && counted != booked {
                        findings.push(Finding {
                            identity: "S5",
                            subject: format!(
                                "{}/{}@{}",
                                merchant.name,
                                merchant.names.text(pool.sku),
                                merchant.names.text(pool.warehouse)
                            ),
                            detail: format!(
                                "{bucket} is {counted}, its movements add up to {booked}"
                            ),
                        });
                    }
                }
            }
        }
        findings
    }
}

fn slot(number: u32) -> Option<usize> {
    Bucket::ALL
        .iter()
        .position(|bucket| u32::from(bucket.number()) == number)
}
