//! A folder that has its name only once everything in it is durable.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::BackupError;
use crate::journal::{Folder, parent_of};

/// The folder while it is filled, under another name; removed if it is given up.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Draft {
    /// Begins a folder beside its name, for its owner only.
    pub(super) fn begin(target: &Path) -> Result<Self, BackupError> {
        let name = target.file_name().ok_or_else(|| BackupError::NotEmpty {
            path: target.into(),
        })?;
        let mut partial = name.to_owned();
        partial.push(".partial");
        let parent = parent_of(target);
        Folder::create(parent).map_err(BackupError::io("create", parent))?;
        let path = target.with_file_name(partial);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Unfinished { path: path.clone() },
            _ => BackupError::io("create", &path)(source),
        })?;
        Ok(Self {
            path,
            target: target.into(),
            finished: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins again.
    pub(super) fn clear(&self) -> Result<(), BackupError> {
        let entries = fs::read_dir(&self.path).map_err(BackupError::io("list", &self.path))?;
        for entry in entries {
            let path = entry.map_err(BackupError::io("list", &self.path))?.path();
            fs::remove_dir_all(&path).map_err(BackupError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Makes everything durable and gives the folder its name.
    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        sync_all(&self.path)?;
        fs::rename(&self.path, &self.target).map_err(|source| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                BackupError::NotEmpty {
                    path: self.target.clone(),
                }
            }
            _ => BackupError::io("rename to", &self.target)(source),
        })?;
        self.finished = true;
        sync(parent_of(&self.target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What went wrong is told already; a draft that stays is told at the next attempt.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Syncs every file below a folder, and every folder after what is in it.
fn sync_all(folder: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(BackupError::io("list", folder))? {
        let path = entry.map_err(BackupError::io("list", folder))?.path();
        match path.is_dir() {
            true => sync_all(&path)?,
            false => sync(&path)?,
        }
    }
    sync(folder)
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(BackupError::io("sync", path))
}
