//! The vault: order documents, sealed, beside the journal.
//!
//! Receivers, addresses and notes never stand in clear in a file of Holdfast.
//! Each document is encrypted under a key of its own (XChaCha20-Poly1305); that
//! key is wrapped by the current master key of the key ring. The journal knows
//! a document only by its reference: its place and a keyed hash.
//!
//! **Where the key lives.** `keys/ring.json` in the data folder (mode 0600), or
//! wherever `key_file` points: keep it on another device than the documents,
//! and in the backup of your secrets. Without it documents are gone for good;
//! stock, orders and nodes are not touched by that.
//!
//! **Rotation.** [`Vault::rotate`] (`holdfast keys rotate`) makes a new master
//! key current; older keys stay in the ring to read older documents. **Erasure.** [`Vault::erase`]
//! overwrites a document's wrapped key: the document is unreadable from then
//! on, and the journal's chain stays valid.

mod ring;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use parking_lot::Mutex;

pub use ring::KeyRing;

const NONCE: usize = 24;
const KEY: usize = 32;
/// A wrapped document key: nonce, key, tag.
const WRAPPED: usize = NONCE + KEY + 16;
/// Length, CRC-32C, key id, document nonce, wrapped key.
const HEAD: usize = 4 + 4 + 4 + NONCE + WRAPPED;
const WRAPPED_AT: u64 = (HEAD - WRAPPED) as u64;

/// Why a document cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the key ring {path} cannot be used: {detail}. Restore it from your secrets' backup")]
    Ring { path: PathBuf, detail: String },
    #[error("there is no document at {0}")]
    Missing(u64),
    #[error("the document was erased")]
    Erased,
    #[error("the document cannot be opened: key {0} is not in the ring")]
    KeyMissing(u32),
    #[error("the document fails its checks: it was changed, or belongs to another merchant")]
    Forged,
    #[error("the system gave no random bytes: {0}")]
    Random(String),
}

impl VaultError {
    /// True if the disk has no room.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }

    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// What the journal keeps of a document: 8 bytes of place, 24 of keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentRef([u8; 32]);

impl DocumentRef {
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A reference as the journal kept it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn offset(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("8 bytes"))
    }
}

/// Where sealed bytes are kept.
#[derive(Debug)]
enum Store {
    File { file: File, path: PathBuf },
    Memory(Vec<u8>),
}

#[derive(Debug)]
struct Shelf {
    store: Store,
    end: u64,
    /// Written since the last sync.
    dirty: bool,
}

/// The sealed documents of one data folder.
#[derive(Debug)]
pub struct Vault {
    shelf: Mutex<Shelf>,
    ring: Mutex<KeyRing>,
}

impl Vault {
    /// Opens the documents of a folder with a key ring, which is made if there
    /// is none. An incomplete last document is cut: nothing refers to it.
    ///
    /// # Errors
    /// [`VaultError`] if a file cannot be used or the ring is not readable.
    pub fn open(folder: &Path, key_file: &Path) -> Result<Self, VaultError> {
        fs::create_dir_all(folder).map_err(VaultError::io("create", folder))?;
        let path = folder.join("documents.vault");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(VaultError::io("open", &path))?;
        let end = sound_end(&file).map_err(VaultError::io("read", &path))?;
        file.set_len(end).map_err(VaultError::io("cut", &path))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(VaultError::io("sync", folder))?;
        if end > 0 && !key_file.exists() {
            // A fresh ring in its place would look like documents that were tampered with.
            return Err(VaultError::Ring {
                path: key_file.to_owned(),
                detail: format!(
                    "it is missing, and {end} bytes of documents are sealed under it; to go on without them move {} away",
                    path.display()
                ),
            });
        }
        let ring = KeyRing::open(key_file)?;
        Ok(Self {
            shelf: Mutex::new(Shelf {
                store: Store::File { file, path },
                end,
                dirty: false,
            }),
            ring: Mutex::new(ring),
        })
    }

    /// Documents that live as long as the process.
    #[must_use]
    pub fn memory() -> Self {
        let shelf = Shelf {
            store: Store::Memory(Vec::new()),
            end: 0,
            dirty: false,
        };
        Self {
            shelf: Mutex::new(shelf),
            ring: Mutex::new(KeyRing::unsaved()),
        }
    }

    /// Seals a document. It is durable after the next [`Vault::sync`], which
    /// the journal thread runs before it writes the record that refers to it.
    ///
    /// # Errors
    /// [`VaultError`] if it could not be written; nothing refers to it then.
    pub fn seal(&self, merchant: &str, document: &[u8]) -> Result<DocumentRef, VaultError> {
        let mut key = [0; KEY];
        let mut nonces = [0; NONCE * 2];
        random(&mut key)?;
        random(&mut nonces)?;
        let (nonce, wrap_nonce) = nonces.split_at(NONCE);
        let (key_id, master, hash) = {
            let ring = self.ring.lock();
            let (key_id, master) = ring.current();
            (key_id, *master, ring.hash(merchant, document))
        };
        let sealed = encrypt(&key, nonce, document, &bound(merchant, &hash))?;
        let wrapped = encrypt(&master, wrap_nonce, &key, merchant.as_bytes())?;
        let mut record = Vec::with_capacity(HEAD + sealed.len());
        record.extend_from_slice(
            &u32::try_from(sealed.len())
                .map_err(|_| VaultError::Forged)?
                .to_le_bytes(),
        );
        record.extend_from_slice(&crc32c::crc32c(&sealed).to_le_bytes());
        record.extend_from_slice(&key_id.to_le_bytes());
        record.extend_from_slice(nonce);
        record.extend_from_slice(wrap_nonce);
        record.extend_from_slice(&wrapped);
        record.extend_from_slice(&sealed);
        let offset = self.shelf.lock().append(&record)?;
        let mut reference = [0; 32];
        reference[..8].copy_from_slice(&offset.to_le_bytes());
        reference[8..].copy_from_slice(&hash);
        Ok(DocumentRef(reference))
    }

    /// Opens a document of a merchant.
    ///
    /// # Errors
    /// [`VaultError`]: missing, erased, without its key, or changed.
    pub fn open_document(
        &self,
        merchant: &str,
        reference: &DocumentRef,
    ) -> Result<Vec<u8>, VaultError> {
        let (head, sealed) = self.shelf.lock().read(reference.offset())?;
        let key_id = u32::from_le_bytes(head[8..12].try_into().expect("4 bytes"));
        let nonce = &head[12..12 + NONCE];
        let wrapped = &head[12 + NONCE..];
        if wrapped.iter().all(|byte| *byte == 0) {
            return Err(VaultError::Erased);
        }
        let master = *self
            .ring
            .lock()
            .key(key_id)
            .ok_or(VaultError::KeyMissing(key_id))?;
        let key = decrypt(
            &master,
            &wrapped[..NONCE],
            &wrapped[NONCE..],
            merchant.as_bytes(),
        )?;
        decrypt(&key, nonce, &sealed, &bound(merchant, &reference.0[8..]))
    }

    /// Makes a document unreadable for ever.
    ///
    /// # Errors
    /// [`VaultError`] if there is none, or the disk did not take it.
    pub fn erase(&self, reference: &DocumentRef) -> Result<(), VaultError> {
        let mut shelf = self.shelf.lock();
        shelf.read(reference.offset())?;
        shelf.write(reference.offset() + WRAPPED_AT, &[0; WRAPPED])?;
        shelf.dirty = true;
        shelf
            .sync()
            .map_err(VaultError::io("sync", "the documents"))
    }

    /// Makes a new master key current and gives its id.
    ///
    /// # Errors
    /// [`VaultError`] if the ring could not be saved; the old key stays then.
    pub fn rotate(&self) -> Result<u32, VaultError> {
        self.ring.lock().rotate()
    }

    /// Makes sealed documents durable; costs nothing if there are none.
    ///
    /// # Errors
    /// Whatever the disk says; it must not be tried again.
    pub fn sync(&self) -> io::Result<()> {
        // The file is synced without the lock, so that sealing goes on.
        let file = {
            let mut shelf = self.shelf.lock();
            if !std::mem::take(&mut shelf.dirty) {
                return Ok(());
            }
            match &shelf.store {
                Store::File { file, .. } => file.try_clone()?,
                Store::Memory(_) => return Ok(()),
            }
        };
        file.sync_data()
    }
}

impl Shelf {
    fn append(&mut self, record: &[u8]) -> Result<u64, VaultError> {
        let offset = self.end;
        self.write(offset, record)?;
        self.end += record.len() as u64;
        self.dirty = true;
        Ok(offset)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), VaultError> {
        match &mut self.store {
            Store::File { file, path } => file
                .write_all_at(bytes, offset)
                .map_err(VaultError::io("write", path.as_path())),
            Store::Memory(shelf) => {
                let start = usize::try_from(offset).map_err(|_| VaultError::Missing(offset))?;
                if shelf.len() < start + bytes.len() {
                    shelf.resize(start + bytes.len(), 0);
                }
                shelf[start..start + bytes.len()].copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn read(&self, offset: u64) -> Result<([u8; HEAD], Vec<u8>), VaultError> {
        let mut head = [0; HEAD];
        self.read_exact(offset, &mut head)?;
        let length = u32::from_le_bytes(head[..4].try_into().expect("4 bytes"));
        if offset + HEAD as u64 + u64::from(length) > self.end {
            return Err(VaultError::Missing(offset));
        }
        let mut sealed = vec![0; length as usize];
        self.read_exact(offset + HEAD as u64, &mut sealed)?;
        Ok((head, sealed))
    }

    fn read_exact(&self, offset: u64, buffer: &mut [u8]) -> Result<(), VaultError> {
        if offset + buffer.len() as u64 > self.end {
            return Err(VaultError::Missing(offset));
        }
        match &self.store {
            Store::File { file, path } => file
                .read_exact_at(buffer, offset)
                .map_err(VaultError::io("read", path.as_path())),
            Store::Memory(shelf) => {
                let start = usize::try_from(offset).map_err(|_| VaultError::Missing(offset))?;
                buffer.copy_from_slice(&shelf[start..start + buffer.len()]);
                Ok(())
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.dirty = false;
        match &self.store {
            Store::File { file, .. } => file.sync_data(),
            Store::Memory(_) => Ok(()),
        }
    }
}

/// End of the last whole document.
fn sound_end(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut at = 0;
    let mut head = [0; 8];
    while at + HEAD as u64 <= length {
        file.read_exact_at(&mut head, at)?;
        let size = u64::from(u32::from_le_bytes(head[..4].try_into().expect("4 bytes")));
        let next = at + HEAD as u64 + size;
        if next > length {
            break;
        }
        if next == length {
            let mut sealed = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut sealed, at + HEAD as u64)?;
            let crc = u32::from_le_bytes(head[4..].try_into().expect("4 bytes"));
            return Ok(if crc32c::crc32c(&sealed) == crc {
                next
            } else {
                at
            });
        }
        at = next;
    }
    Ok(at)
}

/// What a sealed document is bound to, so that it cannot be passed off as
/// another merchant's or another document.
fn bound(merchant: &str, hash: &[u8]) -> Vec<u8> {
    [merchant.as_bytes(), &[0], hash].concat()
}

fn encrypt(key: &[u8], nonce: &[u8], clear: &[u8], bound_to: &[u8]) -> Result<Vec<u8>, VaultError> {
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    cipher
        .encrypt(
            XNonce::from_slice(nonce),
            Payload {
                msg: clear,
                aad: bound_to,
            },
        )
        .map_err(|_| VaultError::Forged)
}

fn decrypt(
    key: &[u8],
    nonce: &[u8],
    sealed: &[u8],
    bound_to: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    cipher
        .decrypt(
            XNonce::from_slice(nonce),
            Payload {
                msg: sealed,
                aad: bound_to,
            },
        )
        .map_err(|_| VaultError::Forged)
}

fn random(bytes: &mut [u8]) -> Result<(), VaultError> {
    getrandom::fill(bytes).map_err(|error| VaultError::Random(error.to_string()))
}
