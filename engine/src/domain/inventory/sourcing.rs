//! Sourcing: from which warehouses a demand is taken.
//!
//! Pure choice over what the caller offers; nothing is held here.

use smallvec::SmallVec;

use super::PoolId;
use crate::domain::names::NameId;
use crate::domain::policy::SourcingRule;

/// One merged line: so many units of a SKU, from one warehouse or from any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand {
    pub sku: NameId,
    /// 0: any.
    pub warehouse: NameId,
    /// 0: any.
    pub batch: NameId,
    pub quantity: i64,
    /// First line that asked for it.
    pub line: u16,
}

/// A pool that could serve a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub pool: PoolId,
    pub warehouse: NameId,
    /// Units free at the instant of the decision.
    pub free: i64,
    /// Further units that may be promised beyond what is there.
    pub backorder_room: i64,
    /// Rank of the warehouse.
    pub rank: i32,
    /// Distance of the warehouse from the buyer's province; smaller is nearer.
    pub distance: u32,
}

/// The pools that could serve one demand; most SKUs lie in one.
pub type Offers = SmallVec<[Offer; 1]>;

/// Units taken from one pool for one demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    pub demand: usize,
    pub pool: PoolId,
    pub warehouse: NameId,
    pub quantity: i64,
    pub backordered: i64,
}

/// A demand that cannot be met: index, units missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub demand: usize,
    pub free: i64,
}

/// Chooses pools for all demands, or names every one that falls short.
///
/// `offers[i]` are the pools for `demands[i]`. With `allow_split` each demand
/// takes from the best warehouses in turn; without it a single warehouse that
/// has everything is preferred, and splitting is the last resort.
///
/// # Errors
/// Every demand that no combination of its offers can meet.
pub fn choose(
    demands: &[Demand],
    offers: &[Offers],
    rule: SourcingRule,
    allow_split: bool,
) -> Result<Vec<Take>, Vec<Missing>> {
    let ranked: SmallVec<[Offers; 4]> = offers.iter().map(|offers| ranked(offers, rule)).collect();
    if !allow_split && let Some(takes) = single_warehouse(demands, &ranked) {
        return Ok(takes);
    }
    let mut takes: Vec<Take> = Vec::with_capacity(demands.len());
    let mut missing = Vec::new();
    for index in pinned_first(demands) {
        let left_over: Offers = (ranked[index].iter())
            .map(|offer| left_over(*offer, &takes))
            .collect();
        match spread(index, demands[index].quantity, &left_over) {
            Ok(some) => takes.extend(some),
            Err(lack) => missing.push(lack),
        }
    }
    takes.sort_by_key(|take| take.demand);
    missing.sort_by_key(|lack| lack.demand);
    if missing.is_empty() {
        Ok(takes)
    } else {
        Err(missing)
    }
}

/// Best first. Ties go to the warehouse that was named first, so that the
/// choice never depends on chance.
fn ranked(offers: &[Offer], rule: SourcingRule) -> Offers {
    let mut ranked = Offers::from_slice(offers);
    ranked.sort_by_key(|offer| match rule {
        SourcingRule::Priority => (i64::from(offer.rank), 0, offer.warehouse),
        SourcingRule::MostStock => (-offer.free, offer.rank, offer.warehouse),
        SourcingRule::Nearest => (i64::from(offer.distance), offer.rank, offer.warehouse),
    });
    ranked
}

/// Demands that have no choice take before those that have one.
fn pinned_first(demands: &[Demand]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|index| demands[*index].warehouse == 0);
    order
}

/// An offer less what earlier demands of this order took from the same pool.
fn left_over(mut offer: Offer, takes: &[Take]) -> Offer {
    for take in takes.iter().filter(|take| take.pool == offer.pool) {
        offer.free -= take.quantity;
        offer.backorder_room -= take.backordered;
    }
    offer
}

/// The best warehouse that has everything free, in the order of the first
/// demand that leaves a choice. Pinned demands stay where they are pinned.
fn single_warehouse(demands: &[Demand], ranked: &[Offers]) -> Option<Vec<Take>> {
    let open = demands.iter().position(|demand| demand.warehouse == 0)?;
    ranked[open].iter().find_map(|candidate| {
        let mut takes: Vec<Take> = Vec::with_capacity(demands.len());
        for (index, demand) in demands.iter().enumerate() {
            let home = if demand.warehouse == 0 {
                candidate.warehouse
            } else {
                demand.warehouse
            };
            let offer = ranked[index].iter().find(|offer| {
                offer.warehouse == home && left_over(**offer, &takes).free >= demand.quantity
            })?;
            takes.push(Take {
                demand: index,
                pool: offer.pool,
                warehouse: home,
                quantity: demand.quantity,
                backordered: 0,
            });
        }
        Some(takes)
    })
}

/// Free units from the best offers in turn, then back-orders in the same turn.
fn spread(index: usize, quantity: i64, ranked: &[Offer]) -> Result<Vec<Take>, Missing> {
    let mut takes: Vec<Take> = Vec::new();
    let mut left = quantity;
    for offer in ranked.iter().filter(|offer| offer.free > 0) {
        let units = left.min(offer.free);
        if units > 0 {
            takes.push(Take {
                demand: index,
                pool: offer.pool,
                warehouse: offer.warehouse,
                quantity: units,
                backordered: 0,
            });
            left -= units;
        }
    }
    for offer in ranked.iter().filter(|offer| offer.backorder_room > 0) {
        let units = left.min(offer.backorder_room);
        if units > 0 {
            match takes.iter_mut().find(|take| take.pool == offer.pool) {
                Some(take) => take.backordered += units,
                None => takes.push(Take {
                    demand: index,
                    pool: offer.pool,
                    warehouse: offer.warehouse,
                    quantity: 0,
                    backordered: units,
                }),
            }
            left -= units;
        }
    }
    if left == 0 {
        Ok(takes)
    } else {
        Err(Missing {
            demand: index,
            free: quantity - left,
        })
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec as offers;

    use super::*;

    fn demand(sku: NameId, quantity: i64) -> Demand {
        Demand {
            sku,
            warehouse: 0,
            batch: 0,
            quantity,
            line: 0,
        }
    }

    fn offer(pool: PoolId, warehouse: NameId, free: i64, rank: i32) -> Offer {
        Offer {
            pool,
            warehouse,
            free,
            backorder_room: 0,
            rank,
            distance: 0,
        }
    }

    fn homes(takes: &[Take]) -> Vec<(NameId, i64)> {
        takes
            .iter()
            .map(|take| (take.warehouse, take.quantity))
            .collect()
    }

    #[test]
    fn one_warehouse_with_everything_is_preferred_over_a_better_ranked_split() {
        let demands = [demand(1, 2), demand(2, 1)];
        let offers: [Offers; 2] = [
            offers![offer(0, 10, 5, 0), offer(1, 20, 5, 1)],
            offers![offer(3, 20, 5, 1)],
        ];
        let takes = choose(&demands, &offers, SourcingRule::Priority, false).expect("enough");
        assert_eq!(homes(&takes), [(20, 2), (20, 1)]);
        let split = choose(&demands, &offers, SourcingRule::Priority, true).expect("enough");
        assert_eq!(homes(&split), [(10, 2), (20, 1)]);
    }

    #[test]
    fn most_stock_and_nearest_rank_differently() {
        let mut near = offer(0, 10, 3, 9);
        near.distance = 1;
        let mut far = offer(1, 20, 9, 0);
        far.distance = 5;
        let offers: [Offers; 1] = [offers![near, far]];
        let by = |rule| homes(&choose(&[demand(1, 2)], &offers, rule, false).expect("enough"));
        assert_eq!(by(SourcingRule::MostStock), [(20, 2)]);
        assert_eq!(by(SourcingRule::Nearest), [(10, 2)]);
        assert_eq!(by(SourcingRule::Priority), [(20, 2)]);
    }

    #[test]
    fn every_short_demand_is_named() {
        let demands = [demand(1, 4), demand(2, 1), demand(3, 9)];
        let offers: [Offers; 3] = [
            offers![offer(0, 10, 3, 0)],
            offers![offer(1, 10, 5, 0)],
            offers![],
        ];
        let missing = choose(&demands, &offers, SourcingRule::Priority, false).expect_err("short");
        assert_eq!(
            missing,
            [
                Missing { demand: 0, free: 3 },
                Missing { demand: 2, free: 0 }
            ]
        );
    }

    #[test]
    fn a_pinned_and_a_free_demand_never_share_the_same_units() {
        let pinned = Demand {
            warehouse: 10,
            ..demand(1, 2)
        };
        let offers: [Offers; 2] = [
            offers![offer(0, 10, 3, 0), offer(1, 20, 5, 1)],
            offers![offer(0, 10, 3, 0)],
        ];
        for allow_split in [false, true] {
            let takes = choose(
                &[demand(1, 2), pinned.clone()],
                &offers,
                SourcingRule::Priority,
                allow_split,
            )
            .expect("enough");
            let from_first: i64 = takes
                .iter()
                .filter(|take| take.pool == 0)
                .map(|take| take.quantity)
                .sum();
            assert!(from_first <= 3, "{takes:?}");
        }
    }

    #[test]
    fn backorders_come_only_after_what_is_free() {
        let mut limited = offer(0, 10, 3, 0);
        limited.backorder_room = 4;
        let takes = choose(
            &[demand(1, 6)],
            &[offers![limited, offer(1, 20, 1, 1)]],
            SourcingRule::Priority,
            false,
        )
        .expect("room");
        let units: Vec<_> = takes
            .iter()
            .map(|take| (take.warehouse, take.quantity, take.backordered))
            .collect();
        assert_eq!(units, [(10, 3, 2), (20, 1, 0)]);
    }
}
