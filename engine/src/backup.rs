//! Backups of a data folder, and what is made of them.
//!
//! A backup is a folder with the same files, as far as they are whole, and a manifest
//! with the hash of each and of the state that they give. It is replayed when it is
//! made, when it is verified and when it was restored: a backup that was never read is
//! a hope. It can be made beside a running engine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::{OpenError, replay_folder};
use crate::journal::{FileJournal, JournalError};
use crate::snapshots::Snapshots;

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const RING: &str = "keys/ring.json";
/// Old files may be removed while they are copied; then all of it begins again.
const ATTEMPTS: u32 = 5;

/// What a backup is and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub version: String,
    /// Milliseconds since 1970, UTC.
    pub made_at_ms: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Of the state at `last_seq`.
    pub state_hash: String,
    /// The ring of the documents' keys is in it.
    pub keys: bool,
    pub files: BTreeMap<String, Entry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub bytes: u64,
    pub blake3: String,
}

/// Why a backup could not be made, verified or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{0} exists already and is not empty. Name a folder that does not exist")]
    Exists(PathBuf),
    #[error("{0} has no journal in files. A journal in Redis is backed up with its server")]
    NoJournal(PathBuf),
    #[error("{path} is no backup that this version reads: {detail}")]
    Manifest { path: PathBuf, detail: String },
    #[error("{path} is not what was backed up: {detail}. Use another backup")]
    Changed { path: PathBuf, detail: String },
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl BackupError {
    /// A name for programs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "BACKUP_IO",
            Self::Exists(_) => "BACKUP_TARGET_EXISTS",
            Self::NoJournal(_) => "DATA_MISSING",
            Self::Manifest { .. } => "BACKUP_UNREADABLE",
            Self::Changed { .. } => "BACKUP_CHANGED",
            Self::Open(_) => "BACKUP_UNUSABLE",
        }
    }
}

impl From<JournalError> for BackupError {
    fn from(error: JournalError) -> Self {
        Self::Open(error.into())
    }
}

fn io_at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io {
        action,
        path,
        source,
    }
}

/// Copies a data folder, beside a running engine or not. `to` appears only when it is
/// complete, durable and was replayed.
///
/// # Errors
/// [`BackupError`]; the data folder is never changed.
pub fn backup(
    data: &Path,
    mirror: Option<&Path>,
    to: &Path,
    with_keys: bool,
    now_ms: u64,
) -> Result<Manifest, BackupError> {
    if !data.join("journal").is_dir() {
        return Err(BackupError::NoJournal(data.to_owned()));
    }
    must_be_free(to)?;
    let draft = draft_of(to);
    let mut attempt = 1;
    let files = loop {
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(io_at("remove", &draft))?;
        }
        match copy_data(data, mirror, &draft, with_keys) {
            Err(BackupError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            copied => break copied?,
        }
    };
    let (state, _) = replay_folder(&draft, None)?;
    let first_seq = FileJournal::open_reader(&draft.join("journal"), None)?
        .0
        .first_seq();
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        made_at_ms: now_ms,
        first_seq,
        last_seq: state.seq(),
        state_hash: hex(&state.digest()),
        keys: files.contains_key(RING),
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest).expect("plain keys and values");
    let path = draft.join(MANIFEST);
    let mut file = File::create(&path).map_err(io_at("create", &path))?;
    file.write_all(&text)
        .and_then(|()| file.sync_all())
        .map_err(io_at("write", &path))?;
    publish(&draft, to)?;
    Ok(manifest)
}

/// Checks a backup where it is: every file, then the state that they give.
///
/// # Errors
/// [`BackupError`] that names what is not as it was.
pub fn verify(backup: &Path) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(backup)?;
    for (name, entry) in &manifest.files {
        let path = backup.join(name);
        let found = hash_file(&path)?;
        if found != *entry {
            return Err(BackupError::Changed {
                path,
                detail: format!(
                    "it has {} bytes with hash {}, the manifest says {} with {}",
                    found.bytes, found.blake3, entry.bytes, entry.blake3
                ),
            });
        }
    }
    check_state(backup, &manifest)?;
    Ok(manifest)
}

/// Makes a data folder of a backup. `keys` is a ring that was kept apart from it.
///
/// # Errors
/// [`BackupError`]; `to` appears only when all of it is there and was replayed.
pub fn restore(backup: &Path, to: &Path, keys: Option<&Path>) -> Result<Manifest, BackupError> {
    must_be_free(to)?;
    let manifest = read_manifest(backup)?;
    let draft = draft_of(to);
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(io_at("remove", &draft))?;
    }
    for (name, entry) in &manifest.files {
        let copied = copy_file(&backup.join(name), &draft.join(name), u64::MAX)?;
        if copied != *entry {
            return Err(BackupError::Changed {
                path: backup.join(name),
                detail: format!("its hash is {}, not {}", copied.blake3, entry.blake3),
            });
        }
    }
    if let Some(ring) = keys {
        copy_file(ring, &draft.join(RING), u64::MAX)?;
    }
    keep_secret(&draft.join(RING))?;
    check_state(&draft, &manifest)?;
    publish(&draft, to)?;
    Ok(manifest)
}

fn check_state(folder: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let (state, _) = replay_folder(folder, None)?;
    let hash = hex(&state.digest());
    if state.seq() != manifest.last_seq || hash != manifest.state_hash {
        return Err(BackupError::Changed {
            path: folder.to_owned(),
            detail: format!(
                "it gives state {hash} at record {}, the manifest says {} at {}",
                state.seq(),
                manifest.state_hash,
                manifest.last_seq
            ),
        });
    }
    Ok(())
}

/// Journal first: records refer only to documents that were written before them.
fn copy_data(
    data: &Path,
    mirror: Option<&Path>,
    to: &Path,
    with_keys: bool,
) -> Result<BTreeMap<String, Entry>, BackupError> {
    let mut files = BTreeMap::new();
    let mut copy = |name: String, from: &Path, bytes: u64| -> Result<(), BackupError> {
        let entry = copy_file(from, &to.join(&name), bytes)?;
        files.insert(name, entry);
        Ok(())
    };
    let (segments, last_seq) = FileJournal::extent(&data.join("journal"), mirror)?;
    for (path, bytes) in segments {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        copy(format!("journal/{name}"), &path, bytes)?;
    }
    let documents = data.join("documents/documents.vault");
    if documents.exists() {
        copy("documents/documents.vault".into(), &documents, u64::MAX)?;
    }
    for seq in Snapshots::in_folder(data).list().map_err(OpenError::from)? {
        let name = format!("snapshots/{}", Snapshots::file_name(seq));
        let from = data.join(&name);
        if seq > last_seq {
            continue;
        }
        match copy(name, &from, u64::MAX) {
            // A newer one took its place.
            Err(BackupError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            copied => copied?,
        }
    }
    if with_keys {
        copy(RING.into(), &data.join(RING), u64::MAX)?;
        keep_secret(&to.join(RING))?;
    }
    Ok(files)
}

/// Copies at most so many bytes of a file, durably, and hashes them.
fn copy_file(from: &Path, to: &Path, most: u64) -> Result<Entry, BackupError> {
    let source = File::open(from).map_err(io_at("open", from))?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io_at("create", folder))?;
    }
    let mut target = File::create(to).map_err(io_at("create", to))?;
    let mut hasher = blake3::Hasher::new();
    let bytes = pump(source.take(most), &mut |piece| {
        hasher.update(piece);
        target.write_all(piece)
    })
    .map_err(io_at("copy", from))?;
    target.sync_all().map_err(io_at("sync", to))?;
    Ok(Entry {
        bytes,
        blake3: hasher.finalize().to_string(),
    })
}

fn hash_file(path: &Path) -> Result<Entry, BackupError> {
    let file = File::open(path).map_err(io_at("open", path))?;
    let mut hasher = blake3::Hasher::new();
    let bytes = pump(file, &mut |piece| {
        hasher.update(piece);
        Ok(())
    })
    .map_err(io_at("read", path))?;
    Ok(Entry {
        bytes,
        blake3: hasher.finalize().to_string(),
    })
}

fn pump(mut from: impl Read, to: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(got) => {
                bytes += got as u64;
                to(&buffer[..got])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn read_manifest(backup: &Path) -> Result<Manifest, BackupError> {
    let path = backup.join(MANIFEST);
    let text = fs::read(&path).map_err(io_at("read", &path))?;
    let unreadable = |detail: String| BackupError::Manifest {
        path: path.clone(),
        detail,
    };
    let format: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let found = format["format"].as_u64().unwrap_or(0);
    if found == 0 || found > u64::from(FORMAT) {
        return Err(unreadable(format!(
            "its format is {found}, and {FORMAT} is the newest known"
        )));
    }
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    // Whoever wrote it may be anybody: nothing is read or written outside.
    let inside = |name: &String| {
        let mut parts = Path::new(name).components();
        parts.all(|part| matches!(part, Component::Normal(_)))
    };
    match manifest.files.keys().find(|name| !inside(name)) {
        Some(name) => Err(unreadable(format!("{name} lies outside of it"))),
        None => Ok(manifest),
    }
}

fn must_be_free(to: &Path) -> Result<(), BackupError> {
    match fs::read_dir(to) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BackupError::Exists(to.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_at("look at", to)(error)),
    }
}

fn draft_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Gives a finished folder its name, everything in it being durable.
fn publish(draft: &Path, to: &Path) -> Result<(), BackupError> {
    let sync = |folder: &Path| {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_at("sync", folder))
    };
    for entry in fs::read_dir(draft).map_err(io_at("list", draft))? {
        let path = entry.map_err(io_at("list", draft))?.path();
        if path.is_dir() {
            sync(&path)?;
        }
    }
    sync(draft)?;
    if to.exists() {
        fs::remove_dir(to).map_err(io_at("replace", to))?;
    }
    fs::rename(draft, to).map_err(io_at("rename", draft))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))
}

/// Only the owner reads keys.
fn keep_secret(ring: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::PermissionsExt;
    if !ring.exists() {
        return Ok(());
    }
    fs::set_permissions(ring, fs::Permissions::from_mode(0o600)).map_err(io_at("protect", ring))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
