//! Holdfast's core: it holds stock, moves parcels through twelve nodes, and
//! forgets nothing it has acknowledged.
//!
//! - [`domain`] decides. Pure: time is an argument, the same commands at the
//!   same times give the same records, byte for byte.

pub mod domain;
