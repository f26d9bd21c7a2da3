//! Holdfast's core: it holds stock, moves parcels through twelve nodes, and
//! forgets nothing it has acknowledged.
//!
//! A tour, from the inside out:
//!
//! - [`domain`] decides. Pure: time is an argument, the same commands at the
//!   same times give the same records, byte for byte.
//! - [`journal`] keeps records; [`snapshots`] spare a start the replay of all of
//!   them; [`vault`] keeps the sealed order documents.
//! - [`wire`] turns the public messages into commands and outcomes into replies.
//! - [`engine`] runs it all: one lock, one journal thread, one ticker.
//! - [`archive`] keeps orders that are over, and finds them by number.
//! - [`backup`] copies a data folder, and makes one of a copy.
//! - [`backward`] writes messages from their end.
//! - [`views`] draws the lifecycle; [`clock`] keeps time from jumping.

mod ahead;
pub mod archive;
pub mod backup;
pub mod backward;
pub mod clock;
pub mod domain;
pub mod engine;
pub mod journal;
#[cfg(all(test, feature = "shuttle"))]
mod models;
pub mod planted;
pub mod snapshots;
mod sync;
pub mod vault;
pub mod views;
pub mod wire;
