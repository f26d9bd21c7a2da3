//! The next segment, written with zeros before it is needed, beside the journal thread.
//!
//! Syncing into space that was written before takes half the time, and whoever has to
//! write that space first takes much longer. So somebody else grows a file of zeros while
//! the segment before it fills, and the journal takes it with one rename. It is nothing
//! before that: one that a process left is removed at the start.
//!
//! What a trim removes is not used again: a backup beside the engine may be reading it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::DiskFile;
use super::copies::Copies;
use super::file::FileOptions;
use super::space::is_full;
use crate::planted::planted;

/// Its name until it is a segment.
const NAME: &str = "spare";
/// Bytes written and synced at once, so that whoever syncs meanwhile waits for no more.
const STRIDE: u64 = 256 << 10;

/// Files of zeros, one in every copy.
type SpareFiles = Vec<Arc<dyn DiskFile>>;

#[derive(Debug, Default)]
enum Stage {
    /// There is none, or it is in somebody's hands.
    #[default]
    None,
    /// Zeros up to here.
    Growing(SpareFiles, u64),
    /// Zeros throughout.
    Ready(SpareFiles),
}

/// Grows the next segment.
#[derive(Debug)]
pub struct Spare {
    copies: Copies,
    /// Bytes of a segment when the next one follows.
    segment: u64,
    /// Bytes of a whole spare: a segment ends with the group that reaches its bytes.
    length: u64,
    /// Free bytes without which none is begun.
    low_water: u64,
    /// Bytes of the segment that is written.
    used: AtomicU64,
    stage: Mutex<Stage>,
}

impl Spare {
    /// Grows files in every copy. What an earlier process left goes.
    pub(super) fn new(copies: Copies, options: &FileOptions) -> io::Result<Self> {
        give_up(&copies)?;
        Ok(Self {
            copies,
            segment: options.segment_bytes,
            length: options.segment_bytes + options.ahead_bytes,
            low_water: options.low_water_bytes,
            used: AtomicU64::new(0),
            stage: Mutex::default(),
        })
    }

    /// The segment is filled up to here.
    pub(super) fn filled(&self, used: u64) {
        self.used.store(used, Ordering::Relaxed);
    }

    /// Does a little of what is to be done; true if there is more at once. The second
    /// half of a segment is the time for it: it is ready when three quarters are full.
    ///
    /// # Errors
    /// Nothing is lost with a spare: it was given up.
    pub fn grow(&self) -> io::Result<bool> {
        let used = self.used.load(Ordering::Relaxed);
        let due = (used.saturating_sub(self.segment / 2) * 4).min(self.segment);
        let wanted = self.length * due / self.segment.max(1);
        let taken = std::mem::take(&mut *self.stage.lock());
        let (files, upto) = match taken {
            Stage::None if wanted > 0 && self.has_room()? => (self.begin()?, 0),
            Stage::Growing(files, upto) if upto < wanted => (files, upto),
            other => {
                *self.stage.lock() = other;
                return Ok(false);
            }
        };
        match self.write(files, upto) {
            Ok(stage) => {
                let more = matches!(&stage, Stage::Growing(_, upto) if *upto < wanted);
                *self.stage.lock() = stage;
                Ok(more)
            }
            Err(error) => {
                give_up(&self.copies)?;
                if is_full(&error) {
                    Ok(false)
                } else {
                    Err(error)
                }
            }
        }
    }

    fn has_room(&self) -> io::Result<bool> {
        let needed = self.low_water.saturating_add(2 * self.length);
        Ok(self.copies.free_bytes()? >= needed)
    }

    fn begin(&self) -> io::Result<SpareFiles> {
        self.copies.disks().map(|disk| disk.create(NAME)).collect()
    }

    fn write(&self, files: SpareFiles, upto: u64) -> io::Result<Stage> {
        let size = STRIDE.min(self.length - upto);
        let zeros = vec![0; usize::try_from(size).expect("a stride fits memory")];
        for file in &files {
            file.write_all_at(&zeros, upto)?;
            file.sync_data()?;
        }
        let upto = upto + size;
        Ok(if upto < self.length {
            Stage::Growing(files, upto)
        } else {
            Stage::Ready(files)
        })
    }

    /// Gives a whole spare the name of a segment that begins with `head`, and its length;
    /// `None` if there is none.
    pub(super) fn take(&self, name: &str, head: &[u8]) -> io::Result<Option<(SpareFiles, u64)>> {
        self.filled(0);
        let mut stage = self.stage.lock();
        let files = match std::mem::take(&mut *stage) {
            Stage::Ready(files) => files,
            other => {
                *stage = other;
                return Ok(None);
            }
        };
        for (disk, file) in self.copies.disks().zip(&files) {
            file.write_all_at(head, 0)?;
            file.sync_data()?;
            disk.rename(NAME, name)?;
            if !planted!(ForgetFolderSync) {
                disk.sync()?;
            }
        }
        Ok(Some((files, self.length)))
    }
}

/// Removes it. Should a crash bring it back, the next start removes it again.
fn give_up(copies: &Copies) -> io::Result<()> {
    for disk in copies.disks() {
        match disk.remove(NAME) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
