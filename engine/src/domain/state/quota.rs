//! Quotas: one buyer must not freeze the shop.

use super::tx::Tx;
use crate::domain::inventory::sourcing::{Demand, Take};
use crate::domain::orders::OrderId;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::words::Bucket;

impl Tx<'_> {
    /// Refuses an order that would take a buyer past a limit. `replaced` is an
    /// order whose own hold gives way to this one.
    pub(super) fn check_quotas(
        &mut self,
        buyer: u64,
        demands: &[Demand],
        takes: &[Take],
        replaced: Option<OrderId>,
    ) -> Result<(), Refusal> {
        if buyer == 0 {
            return Ok(());
        }
        let quotas = self.m().policy().quotas.clone();
        let orders: Vec<OrderId> = self
            .m()
            .buyers
            .get(&buyer)
            .map_or_else(Vec::new, |orders| orders.to_vec());
        for order in &orders {
            self.settle(*order);
        }
        let mut others: Vec<OrderId> = self
            .m()
            .buyers
            .get(&buyer)
            .map_or_else(Vec::new, |orders| orders.to_vec());
        others.retain(|order| Some(*order) != replaced);
        if let Some(limit) = quotas.holds_per_buyer {
            let would_be = i64::try_from(others.len())
                .unwrap_or(i64::MAX)
                .saturating_add(1);
            exceeds("holds_per_buyer", "", limit, would_be)?;
        }
        others.dedup();
        if let Some(limit) = quotas.units_per_buyer_and_sku {
            for demand in demands {
                let wanted: i64 = demands
                    .iter()
                    .filter(|other| other.sku == demand.sku)
                    .map(|other| other.quantity)
                    .sum();
                let held = self.units_held(&others, |tx, pool| tx.m().pool(pool).sku == demand.sku);
                exceeds(
                    "units_per_buyer_and_sku",
                    self.m().names.text(demand.sku),
                    limit,
                    held + wanted,
                )?;
            }
        }
        if let Some(limit) = quotas.pool_share_percent {
            for take in takes.iter().filter(|take| take.quantity > 0) {
                let held = self.units_held(&others, |_, pool| pool == take.pool);
                let taken: i64 = takes
                    .iter()
                    .filter(|other| other.pool == take.pool)
                    .map(|other| other.quantity)
                    .sum();
                let pool = self.m().pool(take.pool);
                let whole = pool.counters.get(Bucket::Available) + pool.counters.get(Bucket::Held);
                let share = ((held + taken) * 100).div_euclid(whole.max(1));
                exceeds(
                    "pool_share_percent",
                    self.m().names.text(pool.sku),
                    limit,
                    share,
                )?;
            }
        }
        Ok(())
    }

    fn units_held(&self, orders: &[OrderId], belongs: impl Fn(&Self, u32) -> bool) -> i64 {
        orders
            .iter()
            .flat_map(|order| self.order(*order).promises.iter())
            .filter(|promise| promise.bucket == Bucket::Held && belongs(self, promise.pool))
            .map(crate::domain::orders::promise::Promise::units)
            .sum()
    }
}

fn exceeds(quota: &str, sku: &str, limit: i64, would_be: i64) -> Result<(), Refusal> {
    if would_be <= limit {
        return Ok(());
    }
    let refusal = Refusal::new(RefusalCode::QuotaExceeded)
        .fact("quota", quota)
        .fact("limit", limit)
        .fact("would_be", would_be);
    Err(if sku.is_empty() {
        refusal
    } else {
        refusal.fact("sku", sku)
    })
}
