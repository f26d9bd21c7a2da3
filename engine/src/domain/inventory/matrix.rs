//! The movement matrix: which ends a movement may have, and by which command.

use crate::domain::words::Bucket;

use Bucket::{
    Allocated, Available, Count, Customer, Damaged, Frozen, Held, InTransit, Loss, Putback, Qc,
    Safety, Supplier, TransferOut,
};

/// Every movement there is. A pair that is missing here cannot be made.
pub const MOVEMENTS: &[(Bucket, Bucket)] = &[
    (Supplier, Available),  // receive
    (Supplier, Qc),         // receive into quality control
    (Available, Held),      // hold
    (Held, Available),      // release, expire
    (Held, Allocated),      // confirm
    (Available, Allocated), // prepaid order, late payment
    (Allocated, Customer),  // depart
    (Allocated, Available), // cancel before picking
    (Allocated, Putback),   // cancel after picking
    (Putback, Available),   // put-back scan
    (Customer, Qc),         // return received
    (Qc, Available),        // return decision
    (Qc, Damaged),
    (Qc, Customer),           // sent back
    (Available, TransferOut), // transfer approved, and its cancel
    (TransferOut, Available),
    (TransferOut, InTransit), // transfer loaded
    (InTransit, Available),   // transfer received
    (InTransit, Qc),
    (InTransit, Damaged),
    (InTransit, Loss),
    (Available, Frozen), // freeze, and back
    (Frozen, Available),
    (Available, Safety), // safety stock, and back
    (Safety, Available),
    (Damaged, Loss),    // written off
    (Available, Count), // count: fewer than expected
    (Count, Available), // count: more than expected
    (Held, Count),      // short
    (Allocated, Count),
];

/// The movements a person may make with MoveStock. The others belong to
/// orders, transfers and counts, which keep their own books.
pub const BY_HAND: &[(Bucket, Bucket)] = &[
    (Available, Frozen),
    (Frozen, Available),
    (Available, Safety),
    (Safety, Available),
    (Qc, Available),
    (Qc, Damaged),
    (Damaged, Loss),
];

/// True if the matrix has this pair.
#[must_use]
pub fn is_legal(from: Bucket, to: Bucket) -> bool {
    MOVEMENTS.contains(&(from, to))
}

/// The pairs of [`BY_HAND`] in words, for a refusal.
#[must_use]
pub fn by_hand_text() -> String {
    BY_HAND
        .iter()
        .map(|(from, to)| format!("{from} to {to}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hand_movement_is_in_the_matrix_and_no_pair_stands_twice() {
        for (from, to) in BY_HAND {
            assert!(is_legal(*from, *to));
        }
        for (index, pair) in MOVEMENTS.iter().enumerate() {
            assert!(!MOVEMENTS[..index].contains(pair), "{pair:?}");
        }
    }
}
