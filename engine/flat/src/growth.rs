//! Instructions among more and more orders: what is not flat, and the table.

use std::fmt::Write;

use holdfast_figures::thousands;

use crate::callgrind::Counts;
use crate::counted::OPERATIONS;

/// Percent that an operation may differ among more orders: the aim of all.
const AIM: f64 = 1.0;
/// Percent by which the allocator differs from house to house: how full the pages are that an
/// operation takes its memory from decides how often it asks for another.
const ALLOCATOR: f64 = 1.0;

/// Counts among so many orders, fewest first.
pub struct Growth(pub Vec<(u64, Counts)>);

impl Growth {
    /// Percent that an operation costs more among the orders of `place` than among the fewest.
    fn percent(&self, name: &str, place: usize) -> f64 {
        (self.0[place].1[name] / self.0[0].1[name] - 1.0) * 100.0
    }

    /// Percent that one which grows so much a tenfold may differ there.
    fn allowed(&self, growth: f64, place: usize) -> f64 {
        AIM + ALLOCATOR + growth * (self.0[place].0 as f64 / self.0[0].0 as f64).log10()
    }

    /// Operations that differ more than they may.
    pub fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for operation in &OPERATIONS {
            for (place, (orders, counts)) in self.0.iter().enumerate() {
                let percent = self.percent(operation.name, place);
                let allowed = self.allowed(operation.growth, place);
                if percent.abs() > allowed {
                    findings.push(format!(
                        "{} takes {:.0} instructions among {} orders, {percent:+.1} % of those among {}; \
                         {allowed:.1} % are allowed",
                        operation.name,
                        counts[operation.name],
                        thousands(*orders as f64),
                        thousands(self.0[0].0 as f64)
                    ));
                }
            }
        }
        findings
    }

    /// Markdown: how many, and how much more among more orders.
    pub fn table(&self) -> String {
        let mut text = "| instructions among open orders |".to_owned();
        for (orders, _) in &self.0 {
            let _ = write!(text, " {} |", thousands(*orders as f64));
        }
        text += " ±1 % | what grows |\n|---|";
        text += &"---|".repeat(self.0.len() + 2);
        for operation in &OPERATIONS {
            let _ = write!(text, "\n| {} |", operation.name.replace('_', " "));
            let places = 0..self.0.len();
            for place in places.clone() {
                let count = thousands(self.0[place].1[operation.name]);
                let _ = match place {
                    0 => write!(text, " {count} |"),
                    _ => write!(
                        text,
                        " {count} ({:+.1} %) |",
                        self.percent(operation.name, place)
                    ),
                };
            }
            let is_flat = |place| self.percent(operation.name, place).abs() <= AIM;
            let met = if places.into_iter().all(is_flat) {
                "met"
            } else {
                "missed"
            };
            let _ = write!(text, " {met} | {} |", operation.why);
        }
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation takes 1,000 among a thousand orders, and `name` so many among more.
    fn growth(name: &str, more: &[(u64, f64)]) -> Growth {
        let all = OPERATIONS.iter().map(|one| (one.name.to_owned(), 1_000.0));
        let among = |(orders, count): (u64, f64)| {
            let mut counts: Counts = all.clone().collect();
            counts.insert(name.to_owned(), count);
            (orders, counts)
        };
        Growth(
            [(1_000, 1_000.0)]
                .iter()
                .chain(more)
                .copied()
                .map(among)
                .collect(),
        )
    }

    #[test]
    fn what_differs_is_found_either_way() {
        let fine = growth("get_order", &[(10_000, 1_019.0), (100_000, 981.0)]);
        assert_eq!(fine.findings(), Vec::<String>::new());
        assert!(
            fine.table()
                .contains("| get order | 1,000 | 1,019 (+1.9 %) | 981 (-1.9 %) | missed |")
        );
        let found = growth("get_order", &[(10_000, 1_000.0), (100_000, 1_021.0)]).findings();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("get_order takes 1021 instructions among 100,000 orders, +2.1 %")
        );
        assert_eq!(growth("get_order", &[(10_000, 970.0)]).findings().len(), 1);
    }

    #[test]
    fn a_stated_growth_is_allowed_for_each_tenfold_and_no_more() {
        let allowed = growth("start_payment", &[(10_000, 1_029.0), (100_000, 1_039.0)]);
        assert_eq!(allowed.findings(), Vec::<String>::new());
        let beyond = growth("start_payment", &[(10_000, 1_031.0), (100_000, 1_041.0)]);
        assert_eq!(beyond.findings().len(), 2);
    }
}
