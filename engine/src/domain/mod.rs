//! The trade itself, pure: no IO, no threads, no clock, no randomness.
//!
//! Rooms: `inventory` (pools, batches, sourcing), `orders` (nodes, parcels,
//! holds, agenda), and around them the vocabulary (`command`, `event`,
//! `outcome`, `refusal`, `policy`). They meet in `state`, the one door:
//! `submit(command, now)`, `advance(now)`, `next_deadline()`. The same commands
//! at the same times give the same records, byte for byte.

pub mod calendar;
pub(crate) mod closed_enum;
pub mod command;
pub mod digest;
pub mod event;
pub mod inventory;
pub mod names;
pub mod orders;
pub mod outcome;
pub mod policy;
pub(crate) mod radix;
pub mod refusal;
pub mod state;
pub(crate) mod table;
pub mod time;
pub mod words;
