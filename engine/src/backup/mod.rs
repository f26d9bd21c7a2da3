//! Backups: a data folder as it was at one record, checked when it is made and again
//! before it is used.
//!
//! A backup is made beside a running engine, without its lock. The journal is copied up
//! to a whole frame, then the documents, which were durable before the records that
//! refer to them. Snapshots are opened first: none of them is ahead of the journal then.
//! The copy is replayed, and the manifest says what state it gives.
//!
//! The key ring is left out unless it is asked for: whoever takes the backup could open
//! the documents with it. Without the ring they are lost, so it needs a backup of its own.

mod draft;
mod manifest;
mod restore;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Archive, ArchiveError};
use crate::domain::state::State;
use crate::engine::{OpenError, replay_folder};
use crate::journal::{Export, FileJournal, Folder, JournalError};
use crate::snapshots::{SnapshotError, Snapshots};
use crate::vault::{DocumentRef, SealedDocuments, VaultError};

use draft::Draft;
pub use manifest::{Entry, Manifest};
pub use restore::{Checked, Ring, restore, verify};

/// The archive, in a data folder and in a backup.
const ARCHIVE: &str = "archive";
/// The key ring, in a data folder and in a backup.
const RING: &str = "keys/ring.json";
/// How often a copy is begun again because old files went while it looked for them.
const ATTEMPTS: u32 = 5;

/// Why a backup cannot be made, or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{path} exists; a backup is never written over another. Name a folder that is not there"
    )]
    Exists { path: PathBuf },
    #[error("{path} is not an empty folder. Name one that is empty or not there, below its parent")]
    NotEmpty { path: PathBuf },
    #[error(
        "{path} exists: another process fills it now, or one died there. If none does, remove it and try again"
    )]
    Unfinished { path: PathBuf },
    #[error("{path} has no journal in files. A journal in Redis is backed up with its server")]
    NoJournal { path: PathBuf },
    #[error("the journal of {path} has no record, so there is nothing to back up")]
    Empty { path: PathBuf },
    #[error(
        "there is no key ring {path} to copy. Name it with --key-file, or leave --with-keys out"
    )]
    NoRing { path: PathBuf },
    #[error(
        "there is no backup in {path}: it has no manifest.json. One that was not finished ends in .partial"
    )]
    None { path: PathBuf },
    #[error("the manifest {path} cannot be used: {detail}. Use another backup")]
    Manifest { path: PathBuf, detail: String },
    #[error("{path} has format {found}, which is newer. Use the version that wrote it")]
    Newer { path: PathBuf, found: u64 },
    #[error("{path} is not what was backed up: {detail}. Use another backup")]
    Changed { path: PathBuf, detail: String },
    #[error("{path} is not in the backup's manifest. Move it away if it was put there later")]
    Stray { path: PathBuf },
    #[error(
        "{path} gives the state {found} at record {last_seq}, and the manifest says {expected}. \
         Restore it with the version that made it, or use another backup"
    )]
    Differs {
        path: PathBuf,
        last_seq: u64,
        expected: String,
        found: String,
    },
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl BackupError {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// A name for programs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "BACKUP_IO",
            Self::Exists { .. } | Self::NotEmpty { .. } => "BACKUP_TARGET_EXISTS",
            Self::Unfinished { .. } => "BACKUP_UNFINISHED",
            Self::NoJournal { .. } | Self::Empty { .. } => "NOTHING_TO_BACK_UP",
            Self::NoRing { .. } => "KEYS_MISSING",
            Self::None { .. } => "BACKUP_MISSING",
            Self::Manifest { .. } => "BACKUP_UNREADABLE",
            Self::Newer { .. } => "BACKUP_NEWER",
            Self::Changed { .. } => "BACKUP_CHANGED",
            Self::Stray { .. } => "BACKUP_STRAY_FILE",
            Self::Differs { .. } => "BACKUP_DIFFERS",
            Self::Open(_) => "BACKUP_UNUSABLE",
        }
    }

    /// What the message is about, for programs and translations.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let at = |path: &Path| vec![("path", path.display().to_string())];
        match self {
            Self::Io { path, source, .. } => {
                let mut facts = at(path);
                facts.push(("detail", source.to_string()));
                facts
            }
            Self::Manifest { path, detail } | Self::Changed { path, detail } => {
                let mut facts = at(path);
                facts.push(("detail", detail.clone()));
                facts
            }
            Self::Exists { path }
            | Self::NotEmpty { path }
            | Self::Unfinished { path }
            | Self::NoJournal { path }
            | Self::Empty { path }
            | Self::NoRing { path }
            | Self::None { path }
            | Self::Newer { path, .. }
            | Self::Stray { path }
            | Self::Differs { path, .. } => at(path),
            Self::Open(_) => Vec::new(),
        }
    }

    /// True if the engine beside it may have removed an old file meanwhile.
    fn is_vanished(&self) -> bool {
        match self {
            Self::Open(OpenError::Journal(JournalError::Io { action, source, .. })) => {
                *action == "open" && source.kind() == io::ErrorKind::NotFound
            }
            Self::Open(OpenError::Archive(error)) => matches!(error, ArchiveError::Missing { .. }),
            Self::Open(OpenError::Snapshot(error)) => {
                matches!(error, SnapshotError::NoneLeft { .. })
            }
            _ => false,
        }
    }
}

impl From<JournalError> for BackupError {
    fn from(error: JournalError) -> Self {
        Self::Open(error.into())
    }
}

impl From<SnapshotError> for BackupError {
    fn from(error: SnapshotError) -> Self {
        Self::Open(error.into())
    }
}

impl From<VaultError> for BackupError {
    fn from(error: VaultError) -> Self {
        Self::Open(error.into())
    }
}

/// What is backed up.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The data folder; an engine may be at work in it.
    pub data: &'a Path,
    /// The second folder of its journal and documents, if it has one.
    pub mirror: Option<&'a Path>,
    /// The key ring, if that is to be in the backup too.
    pub keys: Option<&'a Path>,
}

/// Copies a data folder into `to`, which must not exist, and checks the copy.
///
/// # Errors
/// [`BackupError`]; nothing is left of the copy then.
pub fn backup(source: Source<'_>, to: &Path, now_ms: u64) -> Result<Manifest, BackupError> {
    if !source.data.join("journal").is_dir() {
        return Err(BackupError::NoJournal {
            path: source.data.into(),
        });
    }
    if to.exists() {
        return Err(BackupError::Exists { path: to.into() });
    }
    let draft = Draft::begin(to)?;
    let mut filled = fill(source, draft.path(), now_ms);
    for _ in 1..ATTEMPTS {
        match &filled {
            Err(error) if error.is_vanished() => draft.clear()?,
            _ => break,
        }
        filled = fill(source, draft.path(), now_ms);
    }
    let manifest = filled?;
    manifest.write(draft.path())?;
    draft.finish()?;
    Ok(manifest)
}

/// Copies everything and says what it is.
fn fill(source: Source<'_>, to: &Path, now_ms: u64) -> Result<Manifest, BackupError> {
    // Held open from before the journal is read: what is pruned meanwhile can still be
    // copied, and no snapshot is ahead of the journal.
    let snapshots = open_files(&source.data.join("snapshots"), ".snapshot")?;
    let journal = Export::of(&source.data.join("journal"), source.mirror)?;
    if journal.last_seq == 0 {
        return Err(BackupError::Empty {
            path: source.data.into(),
        });
    }
    journal.write(&to.join("journal"))?;
    copy_snapshots(snapshots, to)?;
    // After the journal: it has every run that the copied records name.
    copy_archive(&Archive::folder(source.data), &to.join(ARCHIVE))?;
    let mut documents = SealedDocuments::open(&source.data.join("documents"), source.mirror)?;
    if documents.bytes() > 0 {
        documents.write(&to.join("documents"))?;
    }
    let (state, findings) = replay_folder(to, None)?;
    let references = documents_of(to, &state)?;
    let damaged_documents = documents.mend(
        &to.join("documents"),
        references.iter().map(|(_, reference)| *reference),
    )?;
    // Last: it has every key that a copied document was sealed under.
    if let Some(ring) = source.keys {
        copy_ring(ring, to)?;
    }
    Ok(Manifest {
        format: manifest::FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        made_at_ms: now_ms,
        journal_id: hex(&journal.journal_id),
        first_seq: journal.first_seq,
        last_seq: journal.last_seq,
        state_hash: hex(&state.digest()),
        findings: findings.len(),
        documents: references.len() as u64,
        damaged_documents,
        keys: source.keys.is_some(),
        files: manifest::entries(to)?,
    })
}

/// Names and files that end so; one that is pruned between two looks is gone.
fn open_files(folder: &Path, ending: &str) -> Result<Vec<(String, File)>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(BackupError::io("list", folder))?,
    };
    let mut opened = Vec::new();
    for entry in entries {
        let path = entry.map_err(BackupError::io("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| name.ends_with(ending)) else {
            continue;
        };
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => opened.push((
                name.to_owned(),
                file.map_err(BackupError::io("open", &path))?,
            )),
        }
    }
    Ok(opened)
}

/// Copies those that are whole and fit the copied journal; another one would cost a
/// start time and nothing else.
fn copy_snapshots(opened: Vec<(String, File)>, to: &Path) -> Result<(), BackupError> {
    let folder = to.join("snapshots");
    fs::create_dir(&folder).map_err(BackupError::io("create", &folder))?;
    for (name, mut file) in opened {
        let path = folder.join(name);
        let mut copy = File::create_new(&path).map_err(BackupError::io("create", &path))?;
        io::copy(&mut file, &mut copy).map_err(BackupError::io("write", &path))?;
    }
    let (reader, _) = FileJournal::open_reader(&to.join("journal"), None)?;
    let snapshots = Snapshots::new(Arc::new(Folder::at(&folder)));
    for seq in snapshots.list()? {
        if snapshots.check(seq, reader.as_ref()).is_err() {
            snapshots.remove(seq)?;
        }
    }
    Ok(())
}

/// Copies the runs of an archive. One that a merge takes away meanwhile is in a later one.
fn copy_archive(folder: &Path, to: &Path) -> Result<(), BackupError> {
    fs::create_dir(to).map_err(BackupError::io("create", to))?;
    for (name, mut file) in open_files(folder, ".archive")? {
        let path = to.join(name);
        let mut copy = File::create_new(&path).map_err(BackupError::io("create", &path))?;
        io::copy(&mut file, &mut copy).map_err(BackupError::io("write", &path))?;
    }
    Ok(())
}

/// Reads the whole archive of a copied folder, which must be the state's, and gives the
/// documents that orders refer to, in memory and in the archive, with their merchants.
fn documents_of<'a>(
    folder: &Path,
    state: &'a State,
) -> Result<Vec<(&'a str, DocumentRef)>, BackupError> {
    let disk = Arc::new(Folder::at(&folder.join(ARCHIVE)));
    let archive = Archive::reading(disk, state.archive_mark()).map_err(OpenError::from)?;
    archive.check(&mut |_, _| {}).map_err(OpenError::from)?;
    let merchants = state.merchants();
    let in_memory = merchants.iter().flat_map(|merchant| {
        let orders = merchant.orders.iter();
        orders.filter_map(|(_, order)| {
            let reference = DocumentRef::from_bytes(&order.document)?;
            Some((merchant.name.as_ref(), reference))
        })
    });
    let mut documents: Vec<_> = in_memory.collect();
    let archived = archive.each(&mut |archived| {
        let merchant = merchants.get(archived.merchant as usize);
        let reference = DocumentRef::from_bytes(&archived.order.document);
        // One that came back is in memory, and may have another document.
        if let (Some(merchant), Some(reference)) = (merchant, reference)
            && merchant.orders.look(archived.id).is_none()
        {
            documents.push((merchant.name.as_ref(), reference));
        }
    });
    archived.map_err(OpenError::from)?;
    Ok(documents)
}

/// Copies a key ring, for its owner only.
fn copy_ring(ring: &Path, to: &Path) -> Result<(), BackupError> {
    let content = fs::read(ring).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => BackupError::NoRing { path: ring.into() },
        _ => BackupError::io("read", ring)(source),
    })?;
    let path = to.join(RING);
    let folder = path.parent().expect("it lies in a folder");
    fs::create_dir_all(folder).map_err(BackupError::io("create", folder))?;
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&content))
        .map_err(BackupError::io("write", &path))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
