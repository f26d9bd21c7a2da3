//! Sealed documents without their keys: what a backup needs of them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{DocumentRef, FILE, Shelf, Store, VaultError};

/// Bytes copied at once.
const STRIDE: usize = 1 << 20;

/// The documents of a folder, and of its mirror, for reading only. A writer may be at
/// work beside it; what is sealed later is not seen.
#[derive(Debug)]
pub struct SealedDocuments {
    pub(super) shelf: Shelf,
}

impl SealedDocuments {
    /// Opens the files that are there; none holds no documents.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn open(folder: &Path, mirror: Option<&Path>) -> Result<Self, VaultError> {
        let mut files = Vec::new();
        for folder in std::iter::once(folder).chain(mirror) {
            let path = folder.join(FILE);
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(VaultError::io("open", &path))?,
            };
            let size = file.metadata().map_err(VaultError::io("look at", &path))?;
            files.push((size.len(), file, path));
        }
        // The longest comes first.
        files.sort_by_key(|(size, ..)| std::cmp::Reverse(*size));
        let end = files.first().map_or(0, |(size, ..)| *size);
        let files = files.into_iter().map(|(_, file, path)| (file, path));
        Ok(Self {
            shelf: Shelf {
                store: Store::Files(files.collect()),
                end,
                dirty: false,
                failed: false,
            },
        })
    }

    /// Bytes of the longest copy; 0: nothing was ever sealed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shelf.end
    }

    /// True if a copy has this document as it was written.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn is_whole(&mut self, reference: &DocumentRef) -> Result<bool, VaultError> {
        match self.shelf.read(reference.offset()) {
            Ok(_) => Ok(true),
            Err(VaultError::Damaged(_) | VaultError::Missing(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Writes them into a folder, durably; the places stay, so that references do.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn write(&self, to: &Path) -> Result<(), VaultError> {
        fs::create_dir_all(to).map_err(VaultError::io("create", to))?;
        let path = to.join(FILE);
        let copy = File::create(&path).map_err(VaultError::io("create", &path))?;
        self.write_file(&copy, &path)?;
        copy.sync_all().map_err(VaultError::io("sync", &path))?;
        File::open(to)
            .and_then(|folder| folder.sync_all())
            .map_err(VaultError::io("sync", to))
    }

    /// Mends in a copy made by [`SealedDocuments::write`] the documents that it has
    /// damaged and this one whole. Gives how many are damaged in both.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn mend(
        &mut self,
        to: &Path,
        references: impl Iterator<Item = DocumentRef>,
    ) -> Result<u64, VaultError> {
        let mut copied = Self::open(to, None)?;
        let path = to.join(FILE);
        let (mut damaged, mut mended) = (0, Vec::new());
        for reference in references {
            if copied.is_whole(&reference)? {
                continue;
            }
            match self.shelf.read(reference.offset()) {
                Ok(record) => mended.push((reference.offset(), record)),
                Err(VaultError::Damaged(_) | VaultError::Missing(_)) => damaged += 1,
                Err(other) => return Err(other),
            }
        }
        if !mended.is_empty() {
            let file = File::options()
                .write(true)
                .open(&path)
                .map_err(VaultError::io("open", &path))?;
            for (offset, record) in &mended {
                file.write_all_at(record, *offset)
                    .map_err(VaultError::io("write", &path))?;
            }
            file.sync_all().map_err(VaultError::io("sync", &path))?;
        }
        Ok(damaged)
    }

    fn write_file(&self, copy: &File, path: &Path) -> Result<(), VaultError> {
        let mut piece = vec![0; STRIDE];
        let mut at = 0;
        while at < self.shelf.end {
            let size = usize::try_from(self.shelf.end - at).map_or(STRIDE, |left| left.min(STRIDE));
            if !self.shelf.read_exact(0, at, &mut piece[..size])? {
                return Err(VaultError::Missing(at));
            }
            copy.write_all_at(&piece[..size], at)
                .map_err(VaultError::io("write", path))?;
            at += size as u64;
        }
        Ok(())
    }
}
