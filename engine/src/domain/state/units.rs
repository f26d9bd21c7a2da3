//! Small sums over units, used by every handler.

use crate::domain::event::Movement;
use crate::domain::inventory::PoolId;
use crate::domain::names::NameId;
use crate::domain::words::Bucket;

/// A movement of units that are pinned to `batch` (0: not pinned).
pub(super) fn movement(
    pool: PoolId,
    batch: NameId,
    from: Bucket,
    to: Bucket,
    quantity: i64,
) -> Movement {
    debug_assert!(
        crate::domain::inventory::matrix::is_legal(from, to),
        "{from} to {to} is in no matrix"
    );
    Movement {
        pool,
        batch,
        from: from.number().into(),
        to: to.number().into(),
        quantity,
    }
}

/// Units as a promise keeps them. Commands are limited to a billion a line.
pub(super) fn narrow(quantity: i64) -> u32 {
    u32::try_from(quantity).expect("quantities of one promise fit 32 bits")
}
