//! Orders and parcels: what was promised, where each parcel is, who acts next.

pub mod agenda;
pub mod archived;
pub mod due;
pub mod hold;
pub mod index;
pub mod lifecycle;
pub mod order;
pub mod parcel;
pub mod promise;

/// Number of an order within its merchant, in the order of placing.
pub type OrderId = u32;
