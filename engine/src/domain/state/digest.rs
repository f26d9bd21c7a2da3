//! The canonical hash of the state.
//!
//! Two states with the same hash answer every later command alike. Indexes and
//! totals are left out: they follow from what is hashed. Maps are walked in
//! the order of their keys, so that chance never enters.

use super::{Merchant, State};
use crate::domain::words::Bucket;

impl State {
    /// 32 bytes over everything that decides.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new();
        put(
            &mut hash,
            &format!("{} {} {:?}", self.seq, self.last_at, self.frozen_at),
        );
        let mut tokens: Vec<_> = self.tokens.iter().collect();
        tokens.sort_by_key(|(sha256, _)| **sha256);
        put(&mut hash, &format!("{tokens:?}"));
        for merchant in &self.merchants {
            merchant.digest_into(&mut hash);
        }
        *hash.finalize().as_bytes()
    }
}

impl Merchant {
    fn digest_into(&self, hash: &mut blake3::Hasher) {
        put(hash, &self.name);
        for name in self.names.iter() {
            put(hash, name);
        }
        for policy in &self.policies {
            put(hash, &policy.to_json());
        }
        let catalogue = &self.catalogue;
        put(
            hash,
            &format!("{:?} {:?}", catalogue.warehouses, catalogue.unmapped),
        );
        let mut skus: Vec<_> = catalogue.skus.iter().collect();
        skus.sort_by_key(|(sku, _)| **sku);
        let mut mappings: Vec<_> = catalogue.mappings.iter().collect();
        mappings.sort();
        let mut devices: Vec<_> = catalogue.devices.iter().collect();
        devices.sort();
        put(hash, &format!("{skus:?} {mappings:?} {devices:?}"));
        for pool in &self.pools {
            let buckets: Vec<i64> = Bucket::ALL
                .iter()
                .map(|bucket| pool.counters.get(*bucket))
                .collect();
            put(
                hash,
                &format!(
                    "{} {} {buckets:?} {} {:?} {:?}",
                    pool.sku, pool.warehouse, pool.backorder_limit, pool.buffers, pool.batches
                ),
            );
        }
        for (_, order) in self.orders.iter() {
            put(hash, &format!("{order:?}"));
        }
    }
}

fn put(hash: &mut blake3::Hasher, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}
