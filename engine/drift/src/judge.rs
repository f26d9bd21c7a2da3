//! What pairs of measurements say: a ratio, its interval, and a verdict.
//!
//! A *pair* is a quantile of what one system took in a window, divided by the same quantile of
//! the system beside it. Pairs of one round share their processes, and with them whatever chance
//! gave those (addresses, threads, hash seeds), so that the bootstrap draws rounds, and pairs
//! within each. Nothing here reads a clock, and the same pairs always give the same verdict.

use holdfast_figures::quantile;
use holdfast_race::workload::Chance;
use serde::Serialize;

/// A ratio may differ from 1 by so much.
pub const MARGIN: f64 = 0.03;
/// Highest ratio of the 99th percentile: its windows vary too much for a margin.
pub const CEILING: f64 = 1.1;
/// Half the width of an interval that is narrow enough to stop.
pub const NARROW: f64 = 0.01;
/// Rounds below which nothing is judged.
pub const LEAST_ROUNDS: usize = 8;

const DRAWS: u64 = 2_000;
/// What an interval leaves out at each end.
const TAIL: f64 = 0.025;
const SEED: u64 = 20_261_111;

/// What a comparison, or all of them, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    #[serde(rename = "PASS")]
    Pass,
    #[serde(rename = "FAIL")]
    Fail,
    #[serde(rename = "INCONCLUSIVE")]
    Inconclusive,
    #[serde(rename = "GENERATOR-BOUND")]
    GeneratorBound,
}

impl Verdict {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::GeneratorBound => "GENERATOR-BOUND",
        }
    }

    /// 2 is wrong use, 5 a measurement that could not be carried out.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 3,
            Self::GeneratorBound => 4,
        }
    }

    /// The verdict on everything. Of latencies that a prober took which could not keep its pace
    /// none says anything, neither good nor bad.
    pub fn of_all(verdicts: impl Iterator<Item = Self>) -> Self {
        let found: Vec<Self> = verdicts.collect();
        [Self::GeneratorBound, Self::Fail, Self::Inconclusive]
            .into_iter()
            .find(|worse| found.contains(worse))
            .unwrap_or(Self::Pass)
    }
}

/// Which ratios are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// From 0.97 to 1.03.
    Within,
    /// To 1.03: to be faster is no fault.
    NotSlower,
    /// To 1.1.
    UnderCeiling,
    /// It is told and not judged.
    Reported,
}

impl Rule {
    fn limits(self) -> Option<(f64, f64)> {
        match self {
            Self::Within => Some((1.0 - MARGIN, 1.0 + MARGIN)),
            Self::NotSlower => Some((0.0, 1.0 + MARGIN)),
            Self::UnderCeiling => Some((0.0, CEILING)),
            Self::Reported => None,
        }
    }
}

/// The median of all pairs, and where it lies with 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Pairs.
    pub n: usize,
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Of pairs by round; none of nothing.
    pub fn of(rounds: &[Vec<f64>]) -> Option<Self> {
        let all: Vec<f64> = rounds.iter().flatten().copied().collect();
        let ratio = median(all.clone())?;
        let mut drawn = Vec::new();
        for draw in 0..DRAWS {
            let mut chance = Chance::of(SEED, draw);
            let mut sample = Vec::with_capacity(all.len());
            for _ in rounds {
                let round = &rounds[chance.index(rounds.len())];
                sample.extend(round.iter().map(|_| round[chance.index(round.len())]));
            }
            drawn.extend(median(sample));
        }
        drawn.sort_unstable_by(f64::total_cmp);
        Some(Self {
            n: all.len(),
            ratio,
            low: quantile(&drawn, TAIL)?,
            high: quantile(&drawn, 1.0 - TAIL)?,
        })
    }

    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// PASS with all of it among the good ratios, FAIL with all of it outside.
    fn under(&self, rule: Rule) -> Option<Verdict> {
        let (least, most) = rule.limits()?;
        Some(if least <= self.low && self.high <= most {
            Verdict::Pass
        } else if self.low > most || self.high < least {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        })
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let upper = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(upper, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp);
    Some(match lower {
        Some(lower) if !is_odd => f64::midpoint(lower, *upper),
        _ => *upper,
    })
}

/// Pairs of a system with the one beside it, and of two that do not differ, by round.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    pub ours: Vec<Vec<f64>>,
    pub control: Vec<Vec<f64>>,
}

impl Pairs {
    /// A verdict, unless the rule has none: with too few rounds, or with a control that shows a
    /// difference where none is, nothing is decided.
    pub fn judge(&self, rule: Rule) -> Option<(Interval, Interval, Option<Verdict>)> {
        let ours = Interval::of(&self.ours)?;
        let control = Interval::of(&self.control)?;
        let verdict = ours.under(rule).map(|verdict| {
            let blind = control.under(rule) == Some(Verdict::Fail);
            if blind || self.ours.len() < LEAST_ROUNDS {
                Verdict::Inconclusive
            } else {
                verdict
            }
        });
        Some((ours, control, verdict))
    }

    /// Whether the control lies as closely around its median as is wanted.
    pub fn is_narrow(&self) -> bool {
        self.control.len() >= LEAST_ROUNDS
            && Interval::of(&self.control).is_some_and(|it| it.half_width() <= NARROW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of four pairs around `centre`, each pair off by up to `noise` and each round by up
    /// to `luck` of its own.
    fn rounds(count: u64, centre: f64, noise: f64, luck: f64) -> Vec<Vec<f64>> {
        let off = |chance: &mut Chance, most: f64| (chance.share() * 2.0 - 1.0) * most;
        (0..count)
            .map(|round| {
                let mut chance = Chance::of(round, 7);
                let of_round = off(&mut chance, luck);
                (0..4)
                    .map(|_| centre * (1.0 + of_round + off(&mut chance, noise)))
                    .collect()
            })
            .collect()
    }

    fn verdict(ours: Vec<Vec<f64>>, rule: Rule) -> Option<Verdict> {
        let control = rounds(100, 1.0, 0.02, 0.0);
        Pairs { ours, control }.judge(rule).expect("pairs").2
    }

    #[test]
    fn no_difference_passes() {
        assert_eq!(
            verdict(rounds(50, 1.0, 0.05, 0.0), Rule::Within),
            Some(Verdict::Pass)
        );
    }

    #[test]
    fn a_known_shift_fails_in_both_directions() {
        assert_eq!(
            verdict(rounds(50, 1.05, 0.05, 0.0), Rule::Within),
            Some(Verdict::Fail)
        );
        assert_eq!(
            verdict(rounds(50, 0.95, 0.05, 0.0), Rule::Within),
            Some(Verdict::Fail)
        );
    }

    #[test]
    fn a_shift_that_noise_hides_is_inconclusive() {
        assert_eq!(
            verdict(rounds(10, 1.03, 0.2, 0.0), Rule::Within),
            Some(Verdict::Inconclusive)
        );
    }

    #[test]
    fn to_be_faster_is_a_fault_only_where_the_margin_is_two_sided() {
        let faster = rounds(50, 0.8, 0.05, 0.0);
        assert_eq!(
            verdict(faster.clone(), Rule::NotSlower),
            Some(Verdict::Pass)
        );
        assert_eq!(verdict(faster, Rule::Within), Some(Verdict::Fail));
        let slower = rounds(50, 1.05, 0.05, 0.0);
        assert_eq!(verdict(slower, Rule::NotSlower), Some(Verdict::Fail));
    }

    #[test]
    fn the_ceiling_is_at_a_tenth_more() {
        let judge = |centre| verdict(rounds(50, centre, 0.02, 0.0), Rule::UnderCeiling);
        assert_eq!(judge(1.08), Some(Verdict::Pass));
        assert_eq!(judge(1.12), Some(Verdict::Fail));
        assert_eq!(judge(1.1), Some(Verdict::Inconclusive));
    }

    #[test]
    fn what_is_only_reported_has_no_verdict() {
        assert_eq!(verdict(rounds(50, 2.0, 0.02, 0.0), Rule::Reported), None);
    }

    #[test]
    fn luck_that_a_round_shares_counts_once_a_round() {
        let shared = rounds(40, 1.0, 0.0, 0.03);
        let apart: Vec<Vec<f64>> = shared.iter().flatten().map(|pair| vec![*pair]).collect();
        let [shared, apart] = [shared, apart].map(|of| Interval::of(&of).expect("pairs"));
        assert!(
            shared.half_width() > 1.3 * apart.half_width(),
            "{shared:?} {apart:?}"
        );
    }

    #[test]
    fn an_interval_holds_its_median_and_is_the_same_each_time() {
        let pairs = rounds(30, 1.01, 0.05, 0.01);
        let interval = Interval::of(&pairs).expect("pairs");
        assert!(interval.low <= interval.ratio && interval.ratio <= interval.high);
        assert_eq!(Some(interval), Interval::of(&pairs));
        assert_eq!(interval.n, 120);
        assert_eq!(Interval::of(&[]), None);
    }

    #[test]
    fn about_one_interval_in_twenty_misses_the_truth() {
        let misses = (0..200)
            .filter(|run| {
                let pairs: Vec<Vec<f64>> = (0..20)
                    .map(|round| {
                        let mut chance = Chance::of(run * 1_000 + round, 3);
                        (0..4).map(|_| 0.9 + 0.2 * chance.share()).collect()
                    })
                    .collect();
                let interval = Interval::of(&pairs).expect("pairs");
                interval.low > 1.0 || interval.high < 1.0
            })
            .count();
        assert!(misses <= 20, "{misses} of 200");
    }

    #[test]
    fn few_rounds_decide_nothing() {
        assert_eq!(
            verdict(rounds(7, 1.5, 0.01, 0.0), Rule::Within),
            Some(Verdict::Inconclusive)
        );
    }

    #[test]
    fn a_control_that_differs_decides_nothing() {
        let pairs = Pairs {
            ours: rounds(50, 1.0, 0.02, 0.0),
            control: rounds(50, 1.06, 0.02, 0.0),
        };
        let (_, control, verdict) = pairs.judge(Rule::Within).expect("pairs");
        assert_eq!(verdict, Some(Verdict::Inconclusive));
        assert!(control.low > 1.03);
    }

    #[test]
    fn it_stops_when_the_control_is_narrow() {
        let narrow = |rounds| {
            let control = rounds;
            let pairs = Pairs {
                control,
                ..Pairs::default()
            };
            pairs.is_narrow()
        };
        assert!(narrow(rounds(50, 1.0, 0.02, 0.0)));
        assert!(!narrow(rounds(50, 1.0, 0.3, 0.0)));
        assert!(!narrow(rounds(7, 1.0, 0.001, 0.0)), "too few rounds");
    }

    #[test]
    fn the_worst_verdict_is_that_of_all() {
        let of = |verdicts: &[Verdict]| Verdict::of_all(verdicts.iter().copied());
        let (pass, fail, unsure) = (Verdict::Pass, Verdict::Fail, Verdict::Inconclusive);
        assert_eq!(of(&[pass, pass]).exit_code(), 0);
        assert_eq!(of(&[pass, unsure, fail]).exit_code(), 1);
        assert_eq!(of(&[pass, unsure]).exit_code(), 3);
        assert_eq!(of(&[fail, Verdict::GeneratorBound]).exit_code(), 4);
    }
}
