//! The stock board: counters by merchant, SKU and warehouse, for any thread.
//!
//! For dashboards and storefront hints: raw counters, in which a hold whose
//! deadline has passed still counts until its release is written. Exact
//! answers come from the state.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::counters::Counters;

/// Merchant, SKU, warehouse.
pub type CellKey = (Box<str>, Box<str>, Box<str>);

/// All pools' counters. Cloning shares them.
///
/// The lock guards only the index, which changes when a pool is opened; the
/// counters themselves are read without any lock once found.
#[derive(Debug, Clone, Default)]
pub struct Board {
    cells: Arc<RwLock<HashMap<CellKey, Arc<Counters>>>>,
}

impl Board {
    /// The counters of a pool; keep the handle to read without a look-up.
    #[must_use]
    pub fn find(&self, merchant: &str, sku: &str, warehouse: &str) -> Option<Arc<Counters>> {
        let key = (merchant.into(), sku.into(), warehouse.into());
        self.cells.read().get(&key).map(Arc::clone)
    }

    pub(crate) fn open(&self, merchant: &str, sku: &str, warehouse: &str) -> Arc<Counters> {
        let key = (merchant.into(), sku.into(), warehouse.into());
        Arc::clone(self.cells.write().entry(key).or_default())
    }
}
