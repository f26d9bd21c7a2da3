//! The manifest: what a backup holds, so that it can be checked without its origin.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::BackupError;

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
/// Its file.
pub(super) const MANIFEST: &str = "manifest.json";
/// The folders of a backup; a data folder has the same.
const FOLDERS: [&str; 5] = ["journal", "snapshots", "archive", "documents", "keys"];
/// Bytes hashed at once.
const STRIDE: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Of the engine that made it.
    pub version: String,
    /// Milliseconds since 1970, UTC.
    pub made_at_ms: u64,
    /// In hex, as the hashes below.
    pub journal_id: String,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Of the state that replaying the backup gives.
    pub state_hash: String,
    /// What an audit of that state found; 0: every identity holds.
    pub findings: usize,
    /// Documents that orders refer to.
    pub documents: u64,
    /// Those that no copy had whole.
    pub damaged_documents: u64,
    /// The ring of the documents' keys is in it.
    pub keys: bool,
    /// By path inside the backup.
    pub files: BTreeMap<String, Entry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub bytes: u64,
    pub blake3: String,
}

impl Manifest {
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_string_pretty(self).expect("a manifest has only plain values");
        fs::write(&path, text + "\n").map_err(BackupError::io("write", &path))
    }

    /// Reads a backup's manifest; its files are not looked at.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => BackupError::None {
                path: folder.into(),
            },
            _ => BackupError::io("read", &path)(source),
        })?;
        let wrong = |detail: String| BackupError::Manifest {
            path: path.clone(),
            detail,
        };
        let told: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let found = told["format"].as_u64().unwrap_or(0);
        if found > u64::from(FORMAT) {
            return Err(BackupError::Newer { path, found });
        }
        let manifest: Self =
            serde_json::from_value(told).map_err(|error| wrong(error.to_string()))?;
        match manifest.files.keys().find(|path| !is_ours(path)) {
            Some(path) => Err(wrong(format!("{path:?} lies outside of it"))),
            None => Ok(manifest),
        }
    }

    /// Compares every file of a backup with what was written.
    pub(super) fn check_files(&self, folder: &Path) -> Result<(), BackupError> {
        for path in list(folder)? {
            if !self.files.contains_key(&path) {
                return Err(BackupError::Stray {
                    path: folder.join(path),
                });
            }
        }
        for (path, written) in &self.files {
            let path = folder.join(path);
            let found = Entry::of(&path)?;
            if found != *written {
                let detail = format!(
                    "it has {} bytes with hash {}, the manifest says {} with {}",
                    found.bytes, found.blake3, written.bytes, written.blake3
                );
                return Err(BackupError::Changed { path, detail });
            }
        }
        Ok(())
    }
}

impl Entry {
    /// A file as it is now.
    fn of(path: &Path) -> Result<Self, BackupError> {
        let mut file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => BackupError::Changed {
                path: path.into(),
                detail: "it is missing".into(),
            },
            _ => BackupError::io("open", path)(source),
        })?;
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; STRIDE];
        let mut bytes = 0;
        loop {
            let got = file
                .read(&mut piece)
                .map_err(BackupError::io("read", path))?;
            if got == 0 {
                break;
            }
            hasher.update(&piece[..got]);
            bytes += got as u64;
        }
        Ok(Self {
            bytes,
            blake3: hasher.finalize().to_hex().to_string(),
        })
    }
}

/// A path of ours is one of the folders and a plain name: whoever wrote the manifest may
/// be anybody, and it must not point outside.
fn is_ours(path: &str) -> bool {
    path.split_once('/').is_some_and(|(folder, name)| {
        FOLDERS.contains(&folder) && !name.contains('/') && !matches!(name, "" | "." | "..")
    })
}

/// Every file of a backup but the manifest, as it is now.
pub(super) fn entries(folder: &Path) -> Result<BTreeMap<String, Entry>, BackupError> {
    let paths = list(folder)?.into_iter();
    let entry = |path: String| Ok((path.clone(), Entry::of(&folder.join(path))?));
    paths.map(entry).collect()
}

/// The paths of a backup's files.
fn list(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut paths = Vec::new();
    for part in FOLDERS {
        let path = folder.join(part);
        let found = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.map_err(BackupError::io("list", &path))?,
        };
        for entry in found {
            let entry = entry.map_err(BackupError::io("list", &path))?;
            paths.push(format!("{part}/{}", entry.file_name().to_string_lossy()));
        }
    }
    Ok(paths)
}
