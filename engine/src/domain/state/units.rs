//! Small sums and hashes over units, used by every handler.

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

/// 16 bytes of a hash over parts, each with its length, so that parts cannot
/// be shifted into one another.
pub(super) fn hash128(parts: &[&[u8]]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let bytes: [u8; 16] = hasher.finalize().as_bytes()[..16]
        .try_into()
        .expect("a hash has 32 bytes");
    u128::from_le_bytes(bytes)
}

/// Never 0, which stands for "none".
pub(super) fn hash64(parts: &[&[u8]]) -> u64 {
    ((hash128(parts) >> 64) as u64).max(1)
}
