//! A folder of files as the journal sees it: the few calls that it makes.
//!
//! The file system behind it is [`Folder`]; the simulator has its own, which
//! loses, tears and changes what was not synced. Nothing here buffers: a call is
//! a system call, so that a tracer can name each place where a process may die.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A folder.
pub trait Disk: Debug + Send + Sync {
    /// Names of the files in it, in no order.
    ///
    /// # Errors
    /// Whatever the system says, here and below.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A file that is there; for reading, or for both.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is none.
    fn open(&self, name: &str, writing: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// An empty file, whatever was there before.
    ///
    /// # Errors
    /// As [`Disk::list`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, which it takes from whatever had it.
    ///
    /// # Errors
    /// As [`Disk::open`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As [`Disk::open`].
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes created, renamed and removed names durable.
    ///
    /// # Errors
    /// As [`Disk::list`].
    fn sync(&self) -> io::Result<()>;

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// As [`Disk::list`].
    fn free_bytes(&self) -> io::Result<u64>;

    /// Time on a clock that never goes back.
    fn now(&self) -> Duration;

    /// What to call a file in a message.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads at a place, as much as the system gives at once; 0 at the end.
    ///
    /// # Errors
    /// Whatever the system says, here and below.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of it.
    ///
    /// # Errors
    /// After one it is unknown what of it was written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes what was written durable.
    ///
    /// # Errors
    /// After one it is unknown what is durable; trying again proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    /// As [`DiskFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Makes sure that so many bytes of it can be written, without writing them.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] if there is no room.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Cuts or extends with zeros.
    ///
    /// # Errors
    /// As [`DiskFile::read_at`].
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// As [`DiskFile::read_at`].
    fn size(&self) -> io::Result<u64>;

    /// True while the folder knows this very file by `name`.
    ///
    /// # Errors
    /// As [`DiskFile::read_at`].
    fn is_still(&self, name: &str) -> io::Result<bool>;
}

/// Reads as much as there is, up to the buffer's length.
///
/// # Errors
/// As [`DiskFile::read_at`].
pub fn read_up_to(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(&mut buffer[got..], offset + got as u64) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    began: Instant,
}

impl Folder {
    /// A folder that is there.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            began: Instant::now(),
        }
    }

    /// A folder that is made if need be, with every name on the way durable.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut missing = Vec::new();
        let mut at = path;
        while !at.as_os_str().is_empty() && !at.exists() {
            missing.push(at);
            at = at.parent().unwrap_or(Path::new(""));
        }
        fs::create_dir_all(path)?;
        for made in missing {
            File::open(parent_of(made))?.sync_all()?;
        }
        Ok(Self::at(path))
    }
}

/// The folder that a path lies in; the current one for a single name.
pub(crate) fn parent_of(path: &Path) -> &Path {
    let parent = path.parent();
    let named = parent.filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// Gives a small file a new content: a crash leaves the old one or the new.
pub(crate) fn replace_file(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let disk = Folder::at(folder);
    let draft = format!("{name}.draft");
    let file = disk.create(&draft)?;
    file.write_all_at(content, 0)?;
    file.sync_all()?;
    disk.rename(&draft, name)?;
    disk.sync()
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str, writing: bool) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(writing).open(&path)?;
        Ok(Arc::new(OpenFile {
            file,
            folder: self.path.clone(),
        }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path.join(name))?;
        Ok(Arc::new(OpenFile {
            file,
            folder: self.path.clone(),
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    folder: PathBuf,
}

impl DiskFile for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        let from = self.size()?;
        match fallocate(&self.file, FallocateFlags::empty(), 0, length).map_err(io::Error::from) {
            // Some file systems can only be written.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let zeros = usize::try_from(length.saturating_sub(from)).unwrap_or(usize::MAX);
                self.file.write_all_at(&vec![0; zeros], from)
            }
            allocated => allocated,
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn is_still(&self, name: &str) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(self.folder.join(name)) {
            Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
