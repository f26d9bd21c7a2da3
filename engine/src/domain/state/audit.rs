//! The audit: every identity recomputed from its parts.
//!
//! It trusts no index and no total; it reads orders and pools and compares.

use std::collections::BTreeMap;

use super::{Merchant, State};
use crate::domain::inventory::PoolId;
use crate::domain::orders::lifecycle::Node;
use crate::domain::words::{Bucket, OrderStatus};

/// An identity that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// S1 … S8, H1 …, N (nodes), X (indexes).
    pub identity: &'static str,
    pub subject: String,
    pub detail: String,
}

/// Units that orders count on, per pool.
#[derive(Debug, Default, Clone, Copy)]
struct Claimed {
    held: i64,
    allocated: i64,
    putback: i64,
    backordered: i64,
    pinned: i64,
}

impl State {
    /// Checks every merchant. An empty list means that all identities hold.
    #[must_use]
    pub fn audit(&self) -> Vec<Finding> {
        self.merchants.iter().flat_map(Merchant::audit).collect()
    }
}

impl Merchant {
    /// Checks this merchant's stock, holds and orders.
    #[must_use]
    pub fn audit(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let claimed = self.claims();
        for id in 0..self.pools.len() {
            let id = u32::try_from(id).expect("fewer than 2^32 pools");
            self.audit_pool(
                id,
                claimed.get(&id).copied().unwrap_or_default(),
                &mut findings,
            );
        }
        self.audit_orders(&mut findings);
        self.audit_indexes(&mut findings);
        findings
    }

    fn claims(&self) -> BTreeMap<PoolId, Claimed> {
        let mut claims: BTreeMap<PoolId, Claimed> = BTreeMap::new();
        for (_, order) in self.orders.iter() {
            for promise in &order.promises {
                let claim = claims.entry(promise.pool).or_default();
                match promise.bucket {
                    Bucket::Held => claim.held += promise.units(),
                    Bucket::Allocated => claim.allocated += promise.units(),
                    Bucket::Putback => claim.putback += promise.units(),
                    _ => {}
                }
                if promise.is_open() {
                    claim.backordered += i64::from(promise.backordered);
                    if promise.batch != 0 {
                        claim.pinned += promise.units();
                    }
                }
            }
        }
        claims
    }

    fn audit_pool(&self, id: PoolId, claimed: Claimed, findings: &mut Vec<Finding>) {
        let pool = self.pool(id);
        let subject = format!(
            "{}/{} in {}",
            self.name,
            self.names.text(pool.sku),
            self.names.text(pool.warehouse)
        );
        let mut check = |identity, holds: bool, detail: String| {
            if !holds {
                findings.push(Finding {
                    identity,
                    subject: subject.clone(),
                    detail,
                });
            }
        };
        for bucket in Bucket::ALL {
            let units = pool.counters.get(*bucket);
            check("S1", units >= 0, format!("{bucket} is {units}"));
        }
        let pairs = [
            (Bucket::Held, claimed.held),
            (Bucket::Allocated, claimed.allocated),
            (Bucket::Putback, claimed.putback),
        ];
        for (bucket, claimed) in pairs {
            let units = pool.counters.get(bucket);
            check(
                "S3",
                units == claimed,
                format!("{bucket} is {units}, orders count on {claimed}"),
            );
        }
        check(
            "S3",
            pool.scheduled() == claimed.held,
            format!(
                "deadlines cover {} of {} held units",
                pool.scheduled(),
                claimed.held
            ),
        );
        check(
            "S7",
            pool.backordered == claimed.backordered,
            format!(
                "backordered is {}, orders wait for {}",
                pool.backordered, claimed.backordered
            ),
        );
        let pinned: i64 = pool
            .batches
            .iter()
            .map(|batch| batch.get(Bucket::Held) + batch.get(Bucket::Allocated))
            .sum();
        check(
            "S3",
            pinned == claimed.pinned,
            format!(
                "batches have {pinned} pinned units, promises {}",
                claimed.pinned
            ),
        );
        let batched: i64 = pool
            .batches
            .iter()
            .map(|batch| {
                Bucket::ALL
                    .iter()
                    .filter(|b| b.is_on_hand())
                    .map(|b| batch.get(*b))
                    .sum::<i64>()
            })
            .sum();
        check(
            "S2",
            batched <= pool.counters.on_hand(),
            format!(
                "batches have {batched} units, the pool {}",
                pool.counters.on_hand()
            ),
        );
        for batch in &pool.batches {
            for bucket in Bucket::ALL {
                let units = batch.get(*bucket);
                check(
                    "S1",
                    units >= 0,
                    format!("batch {} has {units} {bucket}", self.names.text(batch.name)),
                );
            }
        }
    }

    fn audit_orders(&self, findings: &mut Vec<Finding>) {
        for (_, order) in self.orders.iter() {
            let mut check = |identity, holds: bool, detail: &str| {
                if !holds {
                    findings.push(Finding {
                        identity,
                        subject: format!("{}/{}", self.name, order.number),
                        detail: detail.to_owned(),
                    });
                }
            };
            for (index, hold) in order.holds.iter().enumerate() {
                let keeps = !order.held_by(index).is_empty();
                check(
                    "H1",
                    hold.state.is_live() == keeps,
                    "a hold keeps units exactly while it lives",
                );
                check(
                    "H1",
                    hold.state.is_live() == (hold.ended_at == 0),
                    "a hold has an end exactly when it ended",
                );
            }
            for (index, parcel) in order.parcels.iter().enumerate() {
                let promises: Vec<_> = order
                    .promised_in(index)
                    .iter()
                    .map(|promise| order.promises[*promise].bucket)
                    .collect();
                let departed = parcel.node >= Node::Departed;
                check(
                    "N",
                    parcel.status != OrderStatus::Open
                        || !departed
                        || promises.iter().all(|bucket| *bucket == Bucket::Customer),
                    "goods of a departed parcel are the customer's",
                );
                check(
                    "N",
                    parcel
                        .steps
                        .last()
                        .is_some_and(|step| step.node == parcel.node),
                    "the last step names the node",
                );
                let (backordered, _) = order.lacking(index);
                check(
                    "S7",
                    parcel.node <= Node::WarehouseAssigned || backordered == 0,
                    "a parcel past node 3 waits for nothing",
                );
            }
            let open = order
                .parcels
                .iter()
                .any(|parcel| parcel.status == OrderStatus::Open);
            check(
                "N",
                (order.status == OrderStatus::Open) == open,
                "an order is open while a parcel is",
            );
        }
    }

    fn audit_indexes(&self, findings: &mut Vec<Finding>) {
        let live: i64 = self
            .orders
            .iter()
            .map(|(_, order)| i64::try_from(order.live_holds().count()).unwrap_or(i64::MAX))
            .sum();
        let open = self
            .orders
            .iter()
            .filter(|(_, order)| order.status == OrderStatus::Open)
            .count();
        let parcels = self
            .orders
            .iter()
            .flat_map(|(_, order)| order.parcels.iter())
            .filter(|parcel| parcel.is_open())
            .count();
        let closed = self
            .orders
            .iter()
            .filter_map(|(_, order)| order.closed_at());
        let closed = i64::try_from(closed.count()).unwrap_or(i64::MAX);
        let misplaced = self.orders.iter().find(|(id, order)| {
            let at = order.closed_at().unwrap_or(0);
            order.listed.0 != at || (at != 0) != self.closed.contains(at, *id)
        });
        if let Some((_, order)) = misplaced {
            findings.push(Finding {
                identity: "X",
                subject: format!("{}/{}", self.name, order.number),
                detail: "stands elsewhere in the list of closed orders".into(),
            });
        }
        let totals = [
            (
                "closed orders",
                i64::try_from(self.closed.len()).unwrap_or(i64::MAX),
                closed,
            ),
            ("live holds", self.totals.live_holds, live),
            (
                "open orders",
                self.totals.open_orders,
                i64::try_from(open).unwrap_or(i64::MAX),
            ),
            (
                "open parcels",
                self.totals.open_parcels,
                i64::try_from(parcels).unwrap_or(i64::MAX),
            ),
        ];
        for (what, total, counted) in totals {
            if total != counted {
                findings.push(Finding {
                    identity: "X",
                    subject: self.name.to_string(),
                    detail: format!("{what}: total says {total}, counting gives {counted}"),
                });
            }
        }
    }
}
