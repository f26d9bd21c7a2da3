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
//! **Copies.** With a mirror every document stands in two files at the same place;
//! what one of them lost is read and mended from the other. What a crash left
//! incomplete at the end stays there: nothing refers to it.
//!
//! **Rotation.** [`Vault::rotate`] (`holdfast keys rotate`) makes a new master
//! key current; older keys stay in the ring to read older documents. **Erasure.** [`Vault::erase`]
//! overwrites a document's wrapped key: the document is unreadable from then
//! on, and the journal's chain stays valid.

mod ring;
mod sealed;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use parking_lot::Mutex;

use crate::journal::parent_of;
use crate::journal::redis::{Fault, RedisDocuments};

pub use ring::KeyRing;
pub use sealed::SealedDocuments;

/// The file of a folder's documents.
const FILE: &str = "documents.vault";
const NONCE: usize = 24;
const KEY: usize = 32;
/// A wrapped document key: nonce, key, tag.
const WRAPPED: usize = NONCE + KEY + 16;
/// Length of the sealed bytes, CRC-32C of all the rest, key id, document nonce, wrapped key.
const HEAD: usize = 4 + 4 + 4 + NONCE + WRAPPED;
const WRAPPED_AT: usize = HEAD - WRAPPED;
/// Sealed bytes of a document are fewer; a larger length is damage.
const MAX_SEALED: usize = 1 << 20;

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
    #[error("{0}")]
    Server(String),
    #[error("the document at {0} is damaged in every copy. Restore it from a backup")]
    Damaged(u64),
    #[error("the document was erased")]
    Erased,
    #[error("the document cannot be opened: key {0} is not in the ring")]
    KeyMissing(u32),
    #[error("a sealed document of {0} bytes is larger than any may be")]
    TooLarge(usize),
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

    fn server(fault: Fault) -> Self {
        let (Fault::Unreachable(detail) | Fault::Refused(detail)) = fault;
        Self::Server(detail)
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

/// Where sealed bytes are kept: in one or two files, on a server, or in memory.
#[derive(Debug)]
enum Store {
    Files(Vec<(File, PathBuf)>),
    /// Their place is a number drawn at random: an engine that was fenced and does not
    /// know it yet must not write where its successor does.
    Server(Box<RedisDocuments>),
    Memory(Vec<u8>),
}

#[derive(Debug)]
struct Shelf {
    store: Store,
    end: u64,
    /// Written since the last sync.
    dirty: bool,
    /// A sync failed.
    failed: bool,
}

/// The sealed documents of one data folder.
#[derive(Debug)]
pub struct Vault {
    shelf: Mutex<Shelf>,
    ring: Mutex<KeyRing>,
}

impl Vault {
    /// Opens the documents of a folder, and of its mirror, with a key ring, which is
    /// made if there is none. What one copy lacks at its end is taken from the other.
    ///
    /// # Errors
    /// [`VaultError`] if a file cannot be used or the ring is not readable.
    pub fn open(folder: &Path, mirror: Option<&Path>, key_file: &Path) -> Result<Self, VaultError> {
        let folders = std::iter::once(folder).chain(mirror);
        let files = folders.map(open_file).collect::<Result<Vec<_>, _>>()?;
        let end = level(&files)?;
        if end > 0 && !key_file.exists() {
            // A fresh ring in its place would look like documents that were tampered with.
            return Err(VaultError::Ring {
                path: key_file.to_owned(),
                detail: format!(
                    "it is missing, and {end} bytes of documents are sealed under it; to go on without them move {} away",
                    files[0].1.display()
                ),
            });
        }
        let ring = KeyRing::open(key_file)?;
        Ok(Self {
            shelf: Mutex::new(Shelf {
                store: Store::Files(files),
                end,
                dirty: false,
                failed: false,
            }),
            ring: Mutex::new(ring),
        })
    }

    /// Opens the documents beside a journal on a server.
    ///
    /// # Errors
    /// [`VaultError`] if the server cannot be reached or the ring is not readable.
    pub fn open_server(mut documents: RedisDocuments, key_file: &Path) -> Result<Self, VaultError> {
        let count = documents.count().map_err(VaultError::server)?;
        if count > 0 && !key_file.exists() {
            return Err(VaultError::Ring {
                path: key_file.to_owned(),
                detail: format!(
                    "it is missing, and {count} documents on the server are sealed under it; copy it from the machine that sealed them"
                ),
            });
        }
        let ring = KeyRing::open(key_file)?;
        Ok(Self {
            shelf: Mutex::new(Shelf {
                store: Store::Server(Box::new(documents)),
                end: 0,
                dirty: false,
                failed: false,
            }),
            ring: Mutex::new(ring),
        })
    }

    /// Documents that can be opened and not changed, and nothing sealed beside them.
    #[must_use]
    pub fn reading(documents: SealedDocuments, ring: KeyRing) -> Self {
        Self {
            shelf: Mutex::new(documents.shelf),
            ring: Mutex::new(ring),
        }
    }

    /// Documents that live as long as the process.
    #[must_use]
    pub fn memory() -> Self {
        let shelf = Shelf {
            store: Store::Memory(Vec::new()),
            end: 0,
            dirty: false,
            failed: false,
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
        let length = u32::try_from(sealed.len())
            .ok()
            .filter(|length| *length as usize <= MAX_SEALED);
        let length = length.ok_or(VaultError::TooLarge(sealed.len()))?;
        let mut record = Vec::with_capacity(HEAD + sealed.len());
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(&key_id.to_le_bytes());
        record.extend_from_slice(nonce);
        record.extend_from_slice(wrap_nonce);
        record.extend_from_slice(&wrapped);
        record.extend_from_slice(&sealed);
        stamp(&mut record);
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
        let record = self.shelf.lock().read(reference.offset())?;
        let (head, sealed) = record.split_at(HEAD);
        let key_id = u32::from_le_bytes(head[8..12].try_into().expect("4 bytes"));
        let nonce = &head[12..12 + NONCE];
        let wrapped = &head[WRAPPED_AT..];
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
        decrypt(&key, nonce, sealed, &bound(merchant, &reference.0[8..]))
    }

    /// Makes a document unreadable for ever.
    ///
    /// # Errors
    /// [`VaultError`] if there is none, or the disk did not take it.
    pub fn erase(&self, reference: &DocumentRef) -> Result<(), VaultError> {
        let mut shelf = self.shelf.lock();
        let mut record = shelf.read(reference.offset())?;
        record[WRAPPED_AT..HEAD].fill(0);
        stamp(&mut record);
        shelf.write(reference.offset(), &record)?;
        shelf
            .sync()
            .map_err(VaultError::io("sync", "the documents"))
    }

    /// Reads a document's bytes in every copy, and mends what is damaged in one.
    /// True if something was mended.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] if no copy is whole, or what the disk says.
    pub fn scrub(&self, reference: &DocumentRef) -> Result<bool, VaultError> {
        self.shelf.lock().mend(reference.offset())
    }

    /// Makes a new master key current and gives its id.
    ///
    /// # Errors
    /// [`VaultError`] if the ring could not be saved; the old key stays then.
    pub fn rotate(&self) -> Result<u32, VaultError> {
        self.ring.lock().rotate()
    }

    /// Makes sealed documents durable, together with what the journal commits next;
    /// costs nothing if there are none.
    ///
    /// # Errors
    /// Whatever the disk says; it must not be tried again.
    pub fn sync(&self) -> io::Result<()> {
        // The disk is waited for without the lock, so that sealing goes on.
        let mut shelf = self.shelf.lock();
        if shelf.failed {
            return Err(io::Error::other("an earlier sync of the documents failed"));
        }
        if !shelf.dirty {
            return Ok(());
        }
        match &shelf.store {
            // A journal on a server takes them along with its next group.
            Store::Memory(_) | Store::Server(_) => {}
            Store::Files(files) => {
                let files = files.iter().map(|(file, _)| file.try_clone());
                let files = files.collect::<io::Result<Vec<_>>>()?;
                shelf.dirty = false;
                drop(shelf);
                files.iter().try_for_each(File::sync_data)?;
            }
        }
        Ok(())
    }
}

/// A document on a server, whole as it was written.
fn read_whole(documents: &mut RedisDocuments, number: u64) -> Result<Vec<u8>, VaultError> {
    let record = documents.get(number).map_err(VaultError::server)?;
    let record = record.ok_or(VaultError::Missing(number))?;
    let whole = record.len() >= HEAD
        && record[4..8] == crc_of(&record).to_le_bytes()
        && record[..4] == ((record.len() - HEAD) as u64).to_le_bytes()[..4];
    match whole {
        true => Ok(record),
        false => Err(VaultError::Damaged(number)),
    }
}

impl Shelf {
    fn append(&mut self, record: &[u8]) -> Result<u64, VaultError> {
        if let Store::Server(documents) = &mut self.store {
            let mut number = [0; 8];
            random(&mut number)?;
            let number = u64::from_le_bytes(number);
            documents.put(number, record);
            return Ok(number);
        }
        let offset = self.end;
        self.write(offset, record)?;
        self.end += record.len() as u64;
        self.dirty = true;
        Ok(offset)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), VaultError> {
        match &mut self.store {
            Store::Files(files) => files.iter().try_for_each(|(file, path)| {
                file.write_all_at(bytes, offset)
                    .map_err(VaultError::io("write", path.as_path()))
            }),
            Store::Server(documents) => {
                let sent = documents.replace(offset, bytes);
                sent.map_err(VaultError::server)
            }
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

    fn copies(&self) -> usize {
        match &self.store {
            Store::Files(files) => files.len(),
            Store::Server(_) | Store::Memory(_) => 1,
        }
    }

    /// The whole record from the first copy that has it as it was written.
    fn read(&mut self, offset: u64) -> Result<Vec<u8>, VaultError> {
        if let Store::Server(documents) = &mut self.store {
            return read_whole(documents, offset);
        }
        if offset + HEAD as u64 > self.end {
            return Err(VaultError::Missing(offset));
        }
        for copy in 0..self.copies() {
            if let Some(record) = self.read_copy(copy, offset)? {
                return Ok(record);
            }
        }
        Err(VaultError::Damaged(offset))
    }

    /// The record as one copy has it; nothing if that is damaged.
    fn read_copy(&self, copy: usize, offset: u64) -> Result<Option<Vec<u8>>, VaultError> {
        let mut record = vec![0; HEAD];
        if !self.read_exact(copy, offset, &mut record)? {
            return Ok(None);
        }
        let length = u32::from_le_bytes(record[..4].try_into().expect("4 bytes")) as usize;
        if length > MAX_SEALED || offset + (HEAD + length) as u64 > self.end {
            return Ok(None);
        }
        record.resize(HEAD + length, 0);
        let is_there = self.read_exact(copy, offset, &mut record)?;
        let crc = u32::from_le_bytes(record[4..8].try_into().expect("4 bytes"));
        Ok((is_there && crc == crc_of(&record)).then_some(record))
    }

    /// Fills the buffer; false if this copy ends before.
    fn read_exact(&self, copy: usize, offset: u64, buffer: &mut [u8]) -> Result<bool, VaultError> {
        match &self.store {
            Store::Files(files) => {
                let (file, path) = &files[copy];
                match file.read_exact_at(buffer, offset) {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
                    read => read
                        .map(|()| true)
                        .map_err(VaultError::io("read", path.as_path())),
                }
            }
            Store::Server(_) => unreachable!("a server's documents are read whole"),
            Store::Memory(shelf) => {
                let start = usize::try_from(offset).map_err(|_| VaultError::Missing(offset))?;
                buffer.copy_from_slice(&shelf[start..start + buffer.len()]);
                Ok(true)
            }
        }
    }

    fn mend(&mut self, offset: u64) -> Result<bool, VaultError> {
        let good = self.read(offset)?;
        if let Store::Server(_) = self.store {
            return Ok(false);
        }
        for copy in 0..self.copies() {
            if self.read_copy(copy, offset)?.as_ref() != Some(&good) {
                self.write(offset, &good)?;
                self.sync()
                    .map_err(VaultError::io("sync", "the documents"))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every copy is asked, whatever another one says. What the system could not write
    /// it may have dropped: after a failure nothing more is durable here.
    fn sync(&mut self) -> io::Result<()> {
        if let Store::Files(files) = &self.store {
            let synced = files.iter().map(|(file, _)| file.sync_data());
            let synced = synced.fold(Ok(()), io::Result::and);
            self.failed |= synced.is_err();
            synced?;
        }
        self.dirty = false;
        Ok(())
    }
}

/// Opens a folder's file of documents; a folder and file that are made are durable.
fn open_file(folder: &Path) -> Result<(File, PathBuf), VaultError> {
    let path = folder.join(FILE);
    fs::create_dir_all(folder).map_err(VaultError::io("create", folder))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(VaultError::io("open", &path))?;
    for folder in [folder, parent_of(folder)] {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(VaultError::io("sync", folder))?;
    }
    Ok((file, path))
}

/// Fills shorter copies from the longest, and gives its length.
fn level(files: &[(File, PathBuf)]) -> Result<u64, VaultError> {
    let mut lengths = Vec::with_capacity(files.len());
    for (file, path) in files {
        let length = file
            .metadata()
            .map_err(VaultError::io("look at", path))?
            .len();
        lengths.push(length);
    }
    let end = lengths.iter().copied().max().unwrap_or(0);
    let Some(longest) = lengths.iter().position(|length| *length == end) else {
        return Ok(0);
    };
    for ((file, path), length) in files.iter().zip(&lengths) {
        let mut at = *length;
        while at < end {
            let size = usize::try_from(end - at).map_or(MAX_SEALED, |left| left.min(MAX_SEALED));
            let mut piece = vec![0; size];
            let (good, from) = &files[longest];
            good.read_exact_at(&mut piece, at)
                .map_err(VaultError::io("read", from))?;
            file.write_all_at(&piece, at)
                .map_err(VaultError::io("write", path))?;
            at += size as u64;
        }
        if *length < end {
            file.sync_all().map_err(VaultError::io("sync", path))?;
        }
    }
    Ok(end)
}

/// CRC-32C of a record without the CRC itself.
fn crc_of(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..])
}

fn stamp(record: &mut [u8]) {
    let crc = crc_of(record);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
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
