//! The key ring: master keys by id, the newest of them current.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{KEY, VaultError, random};
use crate::journal::parent_of;

/// The file's content. Keys are hex.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Key of the documents' hashes; it never changes, so that references stay.
    hash_key: String,
    current: u32,
    keys: BTreeMap<u32, String>,
}

/// Master keys. Its `Debug` names no key.
pub struct KeyRing {
    path: Option<PathBuf>,
    hash_key: [u8; KEY],
    current: u32,
    keys: BTreeMap<u32, [u8; KEY]>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing")
            .field("current", &self.current)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Reads a ring, or makes one with a first key.
    ///
    /// # Errors
    /// [`VaultError::Ring`] if there is one that cannot be understood.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        if !path.exists() {
            let mut ring = Self::fresh()?;
            ring.path = Some(path.to_owned());
            ring.save()?;
            return Ok(ring);
        }
        let wrong = |detail: String| VaultError::Ring {
            path: path.to_owned(),
            detail,
        };
        let text = fs::read_to_string(path).map_err(VaultError::io("read", path))?;
        let stored: Stored =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let key =
            |hex: &str| from_hex(hex).ok_or_else(|| wrong("a key is not 64 hex digits".into()));
        let keys = stored
            .keys
            .iter()
            .map(|(id, hex)| Ok((*id, key(hex)?)))
            .collect::<Result<BTreeMap<_, _>, VaultError>>()?;
        if !keys.contains_key(&stored.current) {
            return Err(wrong(format!(
                "its current key {} is not in it",
                stored.current
            )));
        }
        Ok(Self {
            path: Some(path.to_owned()),
            hash_key: key(&stored.hash_key)?,
            current: stored.current,
            keys,
        })
    }

    /// A ring that is never written.
    ///
    /// # Panics
    /// If the system gives no random bytes.
    #[must_use]
    pub fn unsaved() -> Self {
        Self::fresh().expect("the system gives random bytes")
    }

    fn fresh() -> Result<Self, VaultError> {
        let (mut hash_key, mut first) = ([0; KEY], [0; KEY]);
        random(&mut hash_key)?;
        random(&mut first)?;
        Ok(Self {
            path: None,
            hash_key,
            current: 1,
            keys: BTreeMap::from([(1, first)]),
        })
    }

    pub(super) fn current(&self) -> (u32, &[u8; KEY]) {
        (self.current, &self.keys[&self.current])
    }

    pub(super) fn key(&self, id: u32) -> Option<&[u8; KEY]> {
        self.keys.get(&id)
    }

    /// Keyed, so that nobody can test guesses of an address against it.
    pub(super) fn hash(&self, merchant: &str, document: &[u8]) -> [u8; 24] {
        let mut hasher = blake3::Hasher::new_keyed(&self.hash_key);
        hasher.update(&(merchant.len() as u64).to_le_bytes());
        hasher.update(merchant.as_bytes());
        hasher.update(document);
        hasher.finalize().as_bytes()[..24]
            .try_into()
            .expect("a hash has 32 bytes")
    }

    pub(crate) fn rotate(&mut self) -> Result<u32, VaultError> {
        let mut key = [0; KEY];
        random(&mut key)?;
        let (old, new) = (self.current, self.current + 1);
        self.keys.insert(new, key);
        self.current = new;
        if let Err(error) = self.save() {
            self.keys.remove(&new);
            self.current = old;
            return Err(error);
        }
        Ok(new)
    }

    /// Writes beside, syncs, renames: a crash leaves the old ring or the new.
    fn save(&self) -> Result<(), VaultError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let folder = parent_of(path);
        fs::create_dir_all(folder).map_err(VaultError::io("create", folder))?;
        let stored = Stored {
            hash_key: to_hex(&self.hash_key),
            current: self.current,
            keys: self
                .keys
                .iter()
                .map(|(id, key)| (*id, to_hex(key)))
                .collect(),
        };
        let text =
            serde_json::to_string_pretty(&stored).expect("a ring has only plain keys and values");
        let beside = path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(VaultError::io("write", &beside))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(VaultError::io("write", &beside))?;
        fs::rename(&beside, path).map_err(VaultError::io("write", path))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(VaultError::io("sync", folder))
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; KEY]> {
    let mut bytes = [0; KEY];
    if text.len() != KEY * 2 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
