//! Stock: pools with their counters and batches, and where to take units from.
//!
//! A pool is one SKU in one warehouse. Every unit on hand is in exactly one of
//! nine buckets; units move only by movements with two ends. This room knows
//! nothing of payments or nodes: it counts.

pub mod board;
pub mod catalogue;
pub mod counters;
pub mod matrix;
pub mod pool;
pub mod sourcing;

/// Number of a pool within its merchant, in the order of opening.
pub type PoolId = u32;
