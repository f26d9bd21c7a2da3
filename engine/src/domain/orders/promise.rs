//! A promise: units of one pool that an order counts on.

use serde::{Deserialize, Serialize};

use crate::domain::inventory::PoolId;
use crate::domain::names::NameId;
use crate::domain::words::Bucket;

/// Reserved and awaited units of one pool for one line of an order.
///
/// `bucket` says where the reserved units are: HELD with a live hold, ALLOCATED
/// once paid, PUTBACK after a cancel on the floor, CUSTOMER once departed,
/// AVAILABLE when given back (the promise is over).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    pub pool: PoolId,
    /// 0 until units are pinned to a batch.
    pub batch: NameId,
    pub quantity: u32,
    pub backordered: u32,
    /// Taken away by a count.
    pub short: u32,
    pub line: u16,
    /// Index of the parcel.
    pub parcel: u16,
    /// Index of the hold; `NO_HOLD` for a prepaid order.
    pub hold: u16,
    pub bucket: Bucket,
}

/// Hold index of promises that never had a deadline.
pub const NO_HOLD: u16 = u16::MAX;

impl Promise {
    #[must_use]
    pub fn units(&self) -> i64 {
        i64::from(self.quantity)
    }

    /// True while it keeps stock from others.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.bucket, Bucket::Held | Bucket::Allocated)
    }
}
