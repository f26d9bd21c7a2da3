//! Holdfast in a simulated world: one seed, one run, one trace.
//!
//! - [`story`] is a run as data; [`draw`] makes one up from a seed; [`run`]
//!   carries it out and compares at every step.
//! - [`house`] drives the product's own state, queue and journal; [`disk`] is
//!   the disk below it, [`redis`] the servers, as the world has it.
//! - [`model`] says what every answer must be.
//! - [`shrink`] makes a failing story short.
//!
//! Everything happens in one thread, time is a number and chance comes from the
//! seed, so that a failure can be looked at as often as one likes.

/// The allocator of the extension module: a simulated crash frees and builds
/// everything anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod ask;
pub mod chance;
pub mod disk;
pub mod draw;
pub mod house;
pub mod model;
#[cfg(feature = "planted")]
pub mod plant;
pub mod redis;
pub mod run;
pub mod shrink;
pub mod story;
