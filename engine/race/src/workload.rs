//! Workload W: the orders that every contender gets, each a function of the seed and its number.
//!
//! 1,000 SKUs with 10 million units each, chosen by Zipf 0.99; an order asks for 1 to 3 SKUs,
//! 1 or 2 units of each, all or nothing. 80 in 100 are paid, 15 are left to expire, 5 start a
//! payment before they pay: 1.9 requests an order. The rush that ends a race asks for more of
//! one SKU than there is.
//!
//! Order N is the same for every contender, whoever asks for it and when.

use serde::Serialize;

/// SKUs of W; the rush has one more.
pub const SKUS: u16 = 1_000;
/// Units of each.
pub const UNITS: i64 = 10_000_000;
/// The SKU of the rush, and its units: odd, so that one order of two just misses.
pub const RUSH_SKU: u16 = SKUS;
pub const RUSH_UNITS: i64 = 501;
/// Orders of the rush, two units each: 250 can be had.
pub const RUSH_ORDERS: u64 = 400;

const SKEW: f64 = 0.99;
/// Every so many orders one is asked for, and paid, twice under the same ids.
const REPEAT_EVERY: u64 = 500;
/// Numbers of the rush lie beyond those of W.
const RUSH_BASE: u64 = 1 << 40;
/// Numbers of probes, apart from both.
const PROBE_BASE: u64 = 1 << 41;

/// What became of it in the story that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Paid,
    Expires,
    PayingThenPaid,
    /// Closed while its units are held.
    Released,
    /// Closed after it was paid.
    Cancelled,
}

/// Units of one SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    pub sku: u16,
    pub units: u8,
}

/// One order. Its lines name distinct SKUs, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub number: u64,
    pub fate: Fate,
    /// Asked for and paid twice, with the same request ids.
    pub repeated: bool,
    lines: [Line; 3],
    count: u8,
}

impl Order {
    pub fn lines(&self) -> &[Line] {
        &self.lines[..usize::from(self.count)]
    }
}

/// Which orders are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Profile {
    W,
    /// The orders of W, of which nobody pays one.
    PlaceOnly,
    Rush,
    /// The orders of W that stay: nine of ten are paid, the tenth keeps its hold.
    Stay,
    /// The orders of W, each of which is closed again: one released, the next paid, and cancelled.
    Probe,
}

impl Profile {
    /// As it stands in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::W => "W",
            Self::PlaceOnly => "place only",
            Self::Rush => "rush",
            Self::Stay => "stay",
            Self::Probe => "probe",
        }
    }
}

/// Units that each SKU begins with, by its number.
pub fn received() -> impl Iterator<Item = (u16, i64)> {
    (0..SKUS)
        .map(|sku| (sku, UNITS))
        .chain([(RUSH_SKU, RUSH_UNITS)])
}

/// Draws orders.
#[derive(Debug)]
pub struct Workload {
    seed: u64,
    /// Share of the draws that fall on each SKU or one before it.
    upto: Vec<f64>,
}

impl Workload {
    pub fn new(seed: u64) -> Self {
        let weights: Vec<f64> = (1..=SKUS).map(|rank| f64::from(rank).powf(-SKEW)).collect();
        let total: f64 = weights.iter().sum();
        let upto = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight / total;
                Some(*sum)
            })
            .collect();
        Self { seed, upto }
    }

    pub fn order(&self, profile: Profile, index: u64) -> Order {
        match profile {
            Profile::W => self.drawn(index),
            Profile::PlaceOnly => Order {
                fate: Fate::Expires,
                ..self.drawn(index)
            },
            Profile::Stay => self.simple(
                index,
                if index % 10 == 9 {
                    Fate::Expires
                } else {
                    Fate::Paid
                },
            ),
            Profile::Probe => {
                let fate = if index.is_multiple_of(2) {
                    Fate::Released
                } else {
                    Fate::Cancelled
                };
                self.simple(PROBE_BASE + index, fate)
            }
            Profile::Rush => Order {
                number: RUSH_BASE + index,
                fate: Fate::Paid,
                repeated: false,
                lines: [Line {
                    sku: RUSH_SKU,
                    units: 2,
                }; 3],
                count: 1,
            },
        }
    }

    fn simple(&self, number: u64, fate: Fate) -> Order {
        Order {
            fate,
            repeated: false,
            ..self.drawn(number)
        }
    }

    fn drawn(&self, number: u64) -> Order {
        let mut chance = Chance::of(self.seed, number);
        let fate = match chance.below(100) {
            0..80 => Fate::Paid,
            80..95 => Fate::Expires,
            _ => Fate::PayingThenPaid,
        };
        let (mut lines, mut count) = ([Line::default(); 3], 0);
        for _ in 0..=chance.below(3) {
            let line = Line {
                sku: self.sku(chance.share()),
                units: if chance.below(2) == 0 { 1 } else { 2 },
            };
            if lines[..count].iter().all(|other| other.sku != line.sku) {
                lines[count] = line;
                count += 1;
            }
        }
        lines[..count].sort_unstable_by_key(|line| line.sku);
        Order {
            number,
            fate,
            repeated: number % REPEAT_EVERY == REPEAT_EVERY - 1,
            lines,
            count: u8::try_from(count).expect("at most 3"),
        }
    }

    fn sku(&self, share: f64) -> u16 {
        let rank = self.upto.partition_point(|upto| *upto < share);
        u16::try_from(rank).map_or(SKUS - 1, |rank| rank.min(SKUS - 1))
    }
}

/// SplitMix64: small, and the same on every machine for ever.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// A sequence of its own for each number.
    pub fn of(seed: u64, number: u64) -> Self {
        let mut chance = Self(seed);
        Self(chance.next() ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A place among so many, of which there is at least one.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// From 0 up to but not including 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS_AN_ORDER: f64 = 1.9;

    #[test]
    fn the_mix_is_that_of_w() {
        let workload = Workload::new(1);
        let orders: Vec<Order> = (0..100_000)
            .map(|index| workload.order(Profile::W, index))
            .collect();
        let share = |wanted: fn(&Order) -> bool| {
            orders.iter().filter(|order| wanted(order)).count() as f64 / orders.len() as f64
        };
        let requests: usize = orders
            .iter()
            .map(|order| match order.fate {
                Fate::Expires => 1,
                Fate::Released | Fate::Cancelled => 0, // none of W
                Fate::Paid => 2,
                Fate::PayingThenPaid => 3,
            })
            .sum();
        assert!((requests as f64 / orders.len() as f64 - REQUESTS_AN_ORDER).abs() < 0.01);
        assert!((share(|order| order.fate == Fate::Expires) - 0.15).abs() < 0.01);
        let hottest = share(|order| order.lines().iter().any(|line| line.sku == 0));
        assert!(
            (0.2..0.3).contains(&hottest),
            "a quarter wants SKU 0, not {hottest}"
        );
        assert!(orders.iter().all(|order| {
            let lines = order.lines();
            !lines.is_empty() && lines.windows(2).all(|pair| pair[0].sku < pair[1].sku)
        }));
    }

    #[test]
    fn an_order_depends_on_seed_and_number_alone() {
        let (one, other) = (Workload::new(1), Workload::new(2));
        assert_eq!(
            one.order(Profile::W, 77),
            Workload::new(1).order(Profile::W, 77)
        );
        let same = (0..1_000)
            .filter(|index| one.order(Profile::W, *index) == other.order(Profile::W, *index))
            .count();
        assert!(same < 100);
    }
}
