//! Using a backup: checking it where it lies, and making a data folder of it.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::draft::Draft;
use super::manifest::Manifest;
use super::{BackupError, RING, copy_ring, documents_of, hex};
use crate::domain::state::State;
use crate::engine::replay_folder;
use crate::vault::{KeyRing, SealedDocuments, Vault, VaultError};

/// Where the key ring of a backup or of a restored folder comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ring {
    /// There is none: nobody can open the documents, and no engine starts beside them.
    Missing,
    /// There are no documents, so none is needed.
    NotNeeded,
    /// It was backed up too.
    InBackup,
    Given,
}

/// What checking or restoring a backup found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    #[serde(flatten)]
    pub manifest: Manifest,
    pub ring: Ring,
    /// Documents that the ring opens, or that were erased.
    pub opened_documents: u64,
    /// Documents that it does not open.
    pub unopened_documents: u64,
}

/// Checks a backup in place: every file's hash, every frame, the state that a replay
/// gives, and that the documents open if there is a key ring, in it or in `keys`.
///
/// # Errors
/// [`BackupError`] naming what is not as it was written.
pub fn verify(from: &Path, keys: Option<&Path>) -> Result<Checked, BackupError> {
    let manifest = Manifest::read(from)?;
    manifest.check_files(from)?;
    let state = replay(from, &manifest)?;
    check_documents(from, &state, manifest, keys)
}

/// Makes a data folder of a backup in `to`, which must be empty or not exist. It has its
/// name only once it is durable and gave the same state as when the backup was made.
///
/// # Errors
/// [`BackupError`]; nothing is left of the folder then.
pub fn restore(from: &Path, to: &Path, keys: Option<&Path>) -> Result<Checked, BackupError> {
    let manifest = Manifest::read(from)?;
    refuse_filled(to)?;
    manifest.check_files(from)?;
    let draft = Draft::begin(to)?;
    let folder = draft.path();
    for path in manifest.files.keys() {
        let (source, copy) = (from.join(path), folder.join(path));
        let parent = copy.parent().expect("an entry lies in a folder");
        fs::create_dir_all(parent).map_err(BackupError::io("create", parent))?;
        fs::copy(&source, &copy).map_err(BackupError::io("copy to", &copy))?;
    }
    manifest.check_files(folder)?;
    if let Some(ring) = keys {
        copy_ring(ring, folder)?;
    }
    let state = replay(folder, &manifest)?;
    let checked = check_documents(folder, &state, manifest, keys)?;
    draft.finish()?;
    Ok(checked)
}

fn refuse_filled(to: &Path) -> Result<(), BackupError> {
    if !to.exists() {
        return Ok(());
    }
    let is_empty = to.is_dir()
        && fs::read_dir(to)
            .map_err(BackupError::io("list", to))?
            .next()
            .is_none();
    match is_empty {
        true => Ok(()),
        false => Err(BackupError::NotEmpty { path: to.into() }),
    }
}

/// The state of a folder, which must be the one that the manifest tells.
fn replay(folder: &Path, manifest: &Manifest) -> Result<State, BackupError> {
    let (state, _) = replay_folder(folder, None)?;
    let found = hex(&state.digest());
    if (found.as_str(), state.seq()) == (manifest.state_hash.as_str(), manifest.last_seq) {
        return Ok(state);
    }
    Err(BackupError::Differs {
        path: folder.into(),
        last_seq: state.seq(),
        expected: manifest.state_hash.clone(),
        found,
    })
}

/// Reads the archive, and opens every document that orders refer to if there is a key ring.
fn check_documents(
    folder: &Path,
    state: &State,
    manifest: Manifest,
    keys: Option<&Path>,
) -> Result<Checked, BackupError> {
    let documents = documents_of(folder, state)?;
    let sealed = SealedDocuments::open(&folder.join("documents"), None)?;
    let ring = match keys {
        Some(_) => Ring::Given,
        None if manifest.keys => Ring::InBackup,
        None if sealed.bytes() == 0 => Ring::NotNeeded,
        None => Ring::Missing,
    };
    let mut checked = Checked {
        manifest,
        ring,
        opened_documents: 0,
        unopened_documents: 0,
    };
    if matches!(ring, Ring::Missing | Ring::NotNeeded) {
        return Ok(checked);
    }
    let in_folder = folder.join(RING);
    let path = keys.unwrap_or(&in_folder);
    if !path.exists() {
        return Err(BackupError::NoRing { path: path.into() });
    }
    let vault = Vault::reading(sealed, KeyRing::open(path)?);
    for (merchant, reference) in documents {
        match vault.open_document(merchant, &reference) {
            Ok(_) | Err(VaultError::Erased) => checked.opened_documents += 1,
            Err(error @ VaultError::Io { .. }) => return Err(error.into()),
            Err(_) => checked.unopened_documents += 1,
        }
    }
    Ok(checked)
}
