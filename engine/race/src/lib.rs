//! Holdfast and what a shop would use instead, on one stream of orders: for `./dev race`, which is
//! this crate's program, and for `./dev drift`.
//!
//! Workload W is in [`workload`]; a contender is a [`contender::Store`] with lanes; [`drive`]
//! carries requests to it, [`tally`] notes what it acknowledged and compares its books with that.
//! Nothing of the product is decided here.
// Two programs of this workspace use it, and nobody else.
#![allow(async_fn_in_trait, missing_debug_implementations)]
#![allow(
    clippy::cast_precision_loss, // counts far below 2^52
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

pub mod contender;
pub mod drive;
pub mod machine;
pub mod process;
pub mod stand;
pub mod stores;
pub mod tally;
pub mod workload;
