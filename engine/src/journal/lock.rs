//! One engine a folder: a lock that dies with its process.
//!
//! A POSIX record lock, since a `flock` would live on in a forked child. Record
//! locks say nothing between two openers of one process, so those are kept
//! apart by a list of this process's folders.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use super::JournalError;

/// Folders that this process has open.
static OPEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The right to write into a data folder. Given up when dropped.
#[derive(Debug)]
pub struct FolderLock {
    folder: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder, which is created if need be.
    ///
    /// # Errors
    /// [`JournalError::Locked`] naming the process that has it.
    pub fn take(folder: &Path) -> Result<Self, JournalError> {
        fs::create_dir_all(folder).map_err(JournalError::io("create", folder))?;
        let folder = folder
            .canonicalize()
            .map_err(JournalError::io("find", folder))?;
        let path = folder.join("LOCK");
        let mut open = OPEN.lock();
        if open.contains(&folder) {
            let pid = format!("{} (this one)", std::process::id());
            return Err(JournalError::Locked { path: folder, pid });
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(JournalError::io("open", &path))?;
        if let Err(error) = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            if !matches!(error, Errno::AGAIN | Errno::ACCESS) {
                return Err(JournalError::io("lock", &path)(error.into()));
            }
            let mut holder = String::new();
            // Without a readable pid the lock is still somebody's.
            let _ = file.read_to_string(&mut holder);
            let pid = holder.lines().next().unwrap_or("unknown").to_owned();
            return Err(JournalError::Locked { path: folder, pid });
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(JournalError::io("write", &path))?;
        open.insert(folder.clone());
        Ok(Self {
            folder,
            _file: file,
        })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        OPEN.lock().remove(&self.folder);
    }
}
