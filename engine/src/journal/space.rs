//! Room on the disk: looked at before it is gone.
//!
//! Below the low-water mark no new orders should be taken, so that what is left
//! is for releases, payments and scans of the orders that there are. A small
//! file is kept in reserve against whoever fills the disk between two looks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::copies::Copies;

/// Name of the reserve file.
const RESERVE: &str = "reserve";
/// Its size, unless the low-water mark is so low that a quarter of it is less.
const RESERVE_BYTES: u64 = 4 << 20;

/// How much room there is, for any thread.
#[derive(Debug, Default)]
pub struct Space {
    short: AtomicBool,
    free: AtomicU64,
    needed: u64,
}

impl Space {
    /// Free bytes and how many are needed for new orders, if there are too few.
    #[must_use]
    pub fn short(&self) -> Option<(u64, u64)> {
        self.short
            .load(Ordering::Relaxed)
            .then(|| (self.free_bytes(), self.needed))
    }

    /// Free bytes at the last look.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }
}

/// Keeps the reserve and the mark.
#[derive(Debug)]
pub(super) struct SpaceKeeper {
    shared: Arc<Space>,
    reserve_bytes: u64,
}

impl SpaceKeeper {
    pub(super) fn new(low_water: u64) -> Self {
        Self {
            shared: Arc::new(Space {
                needed: low_water,
                ..Space::default()
            }),
            reserve_bytes: RESERVE_BYTES.min(low_water / 4),
        }
    }

    pub(super) fn shared(&self) -> Arc<Space> {
        Arc::clone(&self.shared)
    }

    /// Looks how much room there is, unless no mark is set, and makes the reserve again when it returns.
    pub(super) fn look(&self, copies: &Copies) -> io::Result<()> {
        let needed = self.shared.needed;
        if needed == 0 {
            return Ok(());
        }
        let free = copies.free_bytes()?;
        self.shared.free.store(free, Ordering::Relaxed);
        self.shared.short.store(free < needed, Ordering::Relaxed);
        if free >= needed.saturating_add(self.reserve_bytes) {
            self.make_reserve(copies)?;
        }
        Ok(())
    }

    /// Gives the reserve back to the disk, for the journal itself.
    pub(super) fn give_up_reserve(&self, copies: &Copies) -> io::Result<()> {
        self.shared.short.store(true, Ordering::Relaxed);
        copies.remove(RESERVE)
    }

    fn make_reserve(&self, copies: &Copies) -> io::Result<()> {
        for disk in copies.disks() {
            let there = match disk.open(RESERVE, true) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match disk.create(RESERVE) {
                        Err(error) if is_full(&error) => continue,
                        created => created?,
                    }
                }
                Err(error) => return Err(error),
            };
            if there.size()? < self.reserve_bytes {
                match there.allocate(self.reserve_bytes) {
                    // It was taken since we looked; the next look comes soon.
                    Err(error) if is_full(&error) => {}
                    allocated => allocated?,
                }
            }
        }
        Ok(())
    }
}

/// True if there is no room, on the disk or for this user.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
