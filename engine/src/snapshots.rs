//! Snapshots: images of the state in files, so that a start need not replay
//! everything and the journal need not be kept for ever.
//!
//! The journal stays the truth. A snapshot says which record it stands behind and
//! names the history before it, and is used only with a journal that has that
//! history. Two are kept; a damaged one costs time and nothing else.
//!
//! | bytes | field |
//! |---|---|
//! | 0–7 | "HOLDSNAP" |
//! | 8–11 | format number |
//! | 12–15 | CRC-32C of bytes 8–11 and 16–127 |
//! | 16–23 | sequence number of the last record in it |
//! | 24–39 | anchor: names the history up to that record |
//! | 40–71 | hash of the state |
//! | 72–79 | number of parts |
//! | 80–87 | bytes of the whole file |
//! | 88 | 1 if the journal had promised its records beyond a power cut |
//! | 96–127 | version of the engine that wrote it |
//! | 128… | the parts, each behind its length and CRC-32C, 4 bytes each |
//!
//! Every later format keeps this head. Numbers are little-endian.

use std::io;
use std::ops::ControlFlow as Flow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ahead::ahead;
use crate::domain::inventory::board::Board;
use crate::domain::state::{Image, ImageDigest, ImageError, Part, State};
use crate::journal::{Disk, DiskFile, Folder, JournalError, Reader, read_up_to};

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 3;
const MAGIC: &[u8; 8] = b"HOLDSNAP";
/// Bytes of the head.
const START: usize = 128;
/// Bytes before a part: its length and checksum.
const PREFIX: usize = 8;
/// A longer part is damage.
const MAX_PART: usize = 256 << 20;
/// Bytes that go to or come from the disk at once.
const STRIDE: usize = 1 << 20;
/// Snapshots that are kept: the newest, and one should it be damaged.
const KEPT: usize = 2;
/// From this size on two threads load it.
const LARGE: u64 = 1 << 20;
/// A snapshot that is being written.
const DRAFT: &str = "draft";

/// What a snapshot says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Head {
    /// The last record in it.
    pub seq: u64,
    #[serde(serialize_with = "hex")]
    pub anchor: [u8; 16],
    #[serde(serialize_with = "hex")]
    pub state_hash: [u8; 32],
    pub parts: u64,
    pub bytes: u64,
    /// Its records were promised beyond a power cut.
    pub synced: bool,
    pub version: String,
}

/// Why a snapshot cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path} is damaged: {detail}")]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "{path} has format {found}; this version reads up to {known}. Use the version that wrote it"
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error(
        "{path} stands behind record {seq} of another history than the journal's; it came from elsewhere, or the journal did"
    )]
    Foreign { path: PathBuf, seq: u64 },
    #[error(
        "the journal ends at record {last_seq}, but {path} holds what was promised up to record {seq}: \
         records {} to {seq} are lost from the journal. Restore a backup; or, if their loss is accepted, move that file away and start again",
        last_seq + 1
    )]
    Ahead {
        path: PathBuf,
        seq: u64,
        last_seq: u64,
    },
    #[error(
        "the journal begins at record {first_seq} and no snapshot holds what was before{}. Restore a backup",
        list(rejected)
    )]
    NoneLeft {
        first_seq: u64,
        rejected: Vec<String>,
    },
    #[error("given up, since the engine closes")]
    Stopped,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn list(rejected: &[String]) -> String {
    match rejected.is_empty() {
        true => String::new(),
        false => format!(" ({})", rejected.join("; ")),
    }
}

fn hex<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&blake3_hex(bytes))
}

fn blake3_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A state to go on from, and what was passed over on the way to it.
#[derive(Debug)]
pub struct Start {
    pub state: State,
    /// The snapshot that the state came from; none is the empty house.
    pub head: Option<Head>,
    /// Why newer snapshots were not used.
    pub rejected: Vec<SnapshotError>,
}

impl Start {
    /// The empty house, before the first record.
    #[must_use]
    pub fn from_nothing() -> Self {
        Self {
            state: State::new(Board::default()),
            head: None,
            rejected: Vec::new(),
        }
    }
}

/// The snapshots of one journal, in a folder.
#[derive(Debug, Clone)]
pub struct Snapshots {
    disk: Arc<dyn Disk>,
    stopped: Arc<AtomicBool>,
}

impl Snapshots {
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            stopped: Arc::default(),
        }
    }

    /// The snapshots of a data folder.
    #[must_use]
    pub fn in_folder(data: &Path) -> Self {
        Self::new(Arc::new(Folder::at(&data.join("snapshots"))))
    }

    /// The name of a snapshot's file.
    #[must_use]
    pub fn file_name(seq: u64) -> String {
        format!("{seq:020}.snapshot")
    }

    /// Ends what is being read or written; it gives [`SnapshotError::Stopped`].
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// True after [`Snapshots::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Sequence numbers of the snapshots that are there, newest first. No folder: none.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn list(&self) -> Result<Vec<u64>, SnapshotError> {
        let names = match self.disk.list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(self.io("list", ""))?,
        };
        let mut seqs: Vec<u64> = names.iter().filter_map(|name| seq_of(name)).collect();
        seqs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(seqs)
    }

    /// The newest state that fits a journal which ends at `last_seq`.
    ///
    /// `synced` journals lose nothing by a power cut: a snapshot ahead of one is
    /// proof of a loss.
    ///
    /// # Errors
    /// [`SnapshotError::Ahead`] then, [`SnapshotError::NoneLeft`] if the journal no
    /// longer reaches back to the beginning, and what reading the folder gives.
    pub fn start(
        &self,
        reader: &dyn Reader,
        last_seq: u64,
        synced: bool,
    ) -> Result<Start, SnapshotError> {
        let mut rejected = Vec::new();
        for seq in self.list()? {
            match self.fitting(seq, reader, last_seq) {
                Ok((head, state)) => {
                    return Ok(Start {
                        state,
                        head: Some(head),
                        rejected,
                    });
                }
                Err((error @ SnapshotError::Ahead { .. }, true)) if synced => return Err(error),
                Err((error, _)) => rejected.push(error),
            }
        }
        let first_seq = reader.first_seq();
        if first_seq > 1 {
            return Err(SnapshotError::NoneLeft {
                first_seq,
                rejected: rejected.iter().map(ToString::to_string).collect(),
            });
        }
        Ok(Start {
            rejected,
            ..Start::from_nothing()
        })
    }

    /// What the snapshots with a whole head say of themselves, newest first.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn heads(&self) -> Result<Vec<Head>, SnapshotError> {
        let seqs = self.list()?;
        let opened = seqs.into_iter().map(|seq| self.open(seq));
        Ok(opened.flatten().map(|(_, head)| head).collect())
    }

    /// A snapshot, if it fits; else why not, and whether its records were promised.
    fn fitting(
        &self,
        seq: u64,
        reader: &dyn Reader,
        last_seq: u64,
    ) -> Result<(Head, State), (SnapshotError, bool)> {
        let (file, head) = self.open(seq).map_err(|error| (error, false))?;
        let path = self.disk.path(&Self::file_name(seq));
        let error = match reader.anchor(seq) {
            _ if seq > last_seq => SnapshotError::Ahead {
                path,
                seq,
                last_seq,
            },
            Ok(anchor) if anchor == head.anchor => {
                let loaded = self.load(file.as_ref(), &head);
                return loaded
                    .map(|state| (head, state))
                    .map_err(|error| (error, false));
            }
            Ok(_) => SnapshotError::Foreign { path, seq },
            Err(error) => error.into(),
        };
        Err((error, head.synced))
    }

    /// Reads a snapshot whole, without a journal to compare it with.
    ///
    /// # Errors
    /// [`SnapshotError`] if it is damaged, newer, or cannot be read.
    pub fn read(&self, seq: u64) -> Result<(Head, State), SnapshotError> {
        let (file, head) = self.open(seq)?;
        let state = self.load(file.as_ref(), &head)?;
        Ok((head, state))
    }

    /// Reads a snapshot whole and compares it with the journal beside it.
    ///
    /// # Errors
    /// [`SnapshotError`] if it cannot be used with this journal.
    pub fn check(&self, seq: u64, reader: &dyn Reader) -> Result<Head, SnapshotError> {
        let (head, _) = self.read(seq)?;
        match reader.anchor(seq)? == head.anchor {
            true => Ok(head),
            false => Err(SnapshotError::Foreign {
                path: self.disk.path(&Self::file_name(seq)),
                seq,
            }),
        }
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn remove(&self, seq: u64) -> Result<(), SnapshotError> {
        let name = Self::file_name(seq);
        self.disk.remove(&name).map_err(self.io("remove", &name))
    }

    fn open(&self, seq: u64) -> Result<(Arc<dyn DiskFile>, Head), SnapshotError> {
        let name = Self::file_name(seq);
        let file = self
            .disk
            .open(&name, false)
            .map_err(self.io("open", &name))?;
        let mut bytes = [0; START];
        let got = read_up_to(file.as_ref(), &mut bytes, 0).map_err(self.io("read", &name))?;
        let damaged = |detail: String| SnapshotError::Damaged {
            path: self.disk.path(&name),
            detail,
        };
        let head = Head::decode(&bytes[..got]).map_err(|wrong| match wrong {
            Wrong::Newer(found) => SnapshotError::Newer {
                path: self.disk.path(&name),
                found,
                known: FORMAT,
            },
            Wrong::Damaged => damaged("its head is not what was written".into()),
        })?;
        let size = file.size().map_err(self.io("read", &name))?;
        if head.seq != seq || head.bytes != size {
            return Err(damaged(format!(
                "it says record {} and {} bytes, and has {size}",
                head.seq, head.bytes
            )));
        }
        Ok((file, head))
    }

    fn load(&self, file: &dyn DiskFile, head: &Head) -> Result<State, SnapshotError> {
        let damaged = |detail: String| self.damaged(head.seq, detail);
        // A board of its own: one that fails half way leaves nothing behind.
        let mut image = Image::new(Board::default());
        let read = |give: &mut dyn FnMut(_) -> Flow<()>| self.read_parts(file, head, give);
        let _ = ahead(head.bytes > LARGE, read, |part| {
            let put = part.and_then(|part| image.put(part));
            put.map_err(|error| damaged(error.to_string()))?;
            Ok(Flow::Continue(()))
        })?;
        let state = image.finish().map_err(|error| damaged(error.to_string()))?;
        if state.seq() != head.seq {
            return Err(damaged(format!("its state is of record {}", state.seq())));
        }
        Ok(state)
    }

    /// Reads all parts, one after the other, and compares them with the head.
    fn read_parts(
        &self,
        file: &dyn DiskFile,
        head: &Head,
        give: &mut dyn FnMut(Result<Part, ImageError>) -> Flow<()>,
    ) -> Result<(), SnapshotError> {
        let name = Self::file_name(head.seq);
        let damaged = |detail: String| self.damaged(head.seq, detail);
        let mut parts = Parts::new(file, head);
        let mut digest = ImageDigest::default();
        let mut number = 0;
        while let Some(part) = parts.next().map_err(self.io("read", &name))? {
            if self.is_stopped() {
                return Err(SnapshotError::Stopped);
            }
            let part = part.map_err(damaged)?;
            digest.add(part);
            number += 1;
            if give(Part::decode(number, part)).is_break() {
                return Ok(());
            }
        }
        if parts.end() != head.bytes || digest.finish() != head.state_hash {
            return Err(damaged("the hash of its state is another one".into()));
        }
        Ok(())
    }

    /// Reads what was written back, part by part, without building another state of it: that
    /// would take as much memory as the engine itself. The next snapshot does, on its way.
    fn verify(&self, file: &dyn DiskFile, head: &Head) -> Result<(), SnapshotError> {
        let read = |give: &mut dyn FnMut(_) -> Flow<()>| self.read_parts(file, head, give);
        let _ = ahead(false, read, |part| match part {
            Ok(_) => Ok(Flow::Continue(())),
            Err(error) => Err(self.damaged(head.seq, error.to_string())),
        })?;
        Ok(())
    }

    fn damaged(&self, seq: u64, detail: String) -> SnapshotError {
        let path = self.disk.path(&Self::file_name(seq));
        SnapshotError::Damaged { path, detail }
    }

    /// Writes a snapshot of `state` and removes all but the newest two. The file has
    /// its name only once it is durable and was read back.
    ///
    /// # Errors
    /// [`SnapshotError`]; the snapshots that were there are still there.
    pub fn write(
        &self,
        state: &State,
        anchor: [u8; 16],
        synced: bool,
    ) -> Result<Head, SnapshotError> {
        let written = self.write_whole(state, anchor, synced);
        if written.is_err() {
            // It may be what fills the disk.
            let _ = self.disk.remove(DRAFT);
        }
        written
    }

    /// Removes what a process left that died while it wrote.
    pub fn clear_draft(&self) {
        let _ = self.disk.remove(DRAFT);
    }

    fn write_whole(
        &self,
        state: &State,
        anchor: [u8; 16],
        synced: bool,
    ) -> Result<Head, SnapshotError> {
        let file = self.disk.create(DRAFT).map_err(self.io("create", DRAFT))?;
        let head = write_draft(file.as_ref(), state, anchor, synced, &self.stopped);
        let head = head.map_err(|error| match self.is_stopped() {
            true => SnapshotError::Stopped,
            false => self.io("write", DRAFT)(error),
        })?;
        // What cannot be read is no snapshot, however well it was written.
        self.verify(file.as_ref(), &head)?;
        let name = Self::file_name(head.seq);
        self.disk
            .rename(DRAFT, &name)
            .map_err(self.io("rename", &name))?;
        self.disk.sync().map_err(self.io("sync", ""))?;
        for old in self.list()?.into_iter().skip(KEPT) {
            let old = Self::file_name(old);
            self.disk.remove(&old).map_err(self.io("remove", &old))?;
        }
        Ok(head)
    }

    /// Takes snapshots that this journal will never use out of the way, so that they
    /// do not stand in the place of good ones.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn set_aside(&self, rejected: &[SnapshotError]) -> Result<(), SnapshotError> {
        let paths = rejected.iter().filter_map(|error| match error {
            SnapshotError::Damaged { path, .. }
            | SnapshotError::Foreign { path, .. }
            | SnapshotError::Ahead { path, .. } => path.file_name()?.to_str(),
            _ => None,
        });
        for name in paths {
            self.disk
                .rename(name, &format!("{name}.rejected"))
                .map_err(self.io("rename", name))?;
        }
        Ok(())
    }

    fn io<'a>(
        &'a self,
        action: &'static str,
        name: &'a str,
    ) -> impl Fn(io::Error) -> SnapshotError + 'a {
        move |source| SnapshotError::Io {
            action,
            path: self.disk.path(name),
            source,
        }
    }
}

fn seq_of(name: &str) -> Option<u64> {
    name.strip_suffix(".snapshot")?.parse().ok()
}

/// What is wrong with a head.
enum Wrong {
    Newer(u32),
    Damaged,
}

impl Head {
    fn encode(&self) -> [u8; START] {
        let mut bytes = [0; START];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.seq.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.anchor);
        bytes[40..72].copy_from_slice(&self.state_hash);
        bytes[72..80].copy_from_slice(&self.parts.to_le_bytes());
        bytes[80..88].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[88] = u8::from(self.synced);
        let version = &self.version.as_bytes()[..self.version.len().min(32)];
        bytes[96..96 + version.len()].copy_from_slice(version);
        let crc = head_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, Wrong> {
        let bytes: &[u8; START] = bytes.try_into().map_err(|_| Wrong::Damaged)?;
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        if &bytes[..8] != MAGIC || u32_at(12) != head_crc(bytes) {
            return Err(Wrong::Damaged);
        }
        match u32_at(8) {
            0 => return Err(Wrong::Damaged),
            found if found > FORMAT => return Err(Wrong::Newer(found)),
            _ => {}
        }
        let version = bytes[96..].split(|byte| *byte == 0).next();
        Ok(Self {
            seq: u64_at(16),
            anchor: bytes[24..40].try_into().expect("16 bytes"),
            state_hash: bytes[40..72].try_into().expect("32 bytes"),
            parts: u64_at(72),
            bytes: u64_at(80),
            synced: bytes[88] == 1,
            version: String::from_utf8_lossy(version.unwrap_or_default()).into_owned(),
        })
    }
}

fn head_crc(bytes: &[u8; START]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[8..12]), &bytes[16..])
}

/// Writes everything and makes it durable; the head comes last.
fn write_draft(
    file: &dyn DiskFile,
    state: &State,
    anchor: [u8; 16],
    synced: bool,
    stopped: &AtomicBool,
) -> io::Result<Head> {
    let mut digest = ImageDigest::default();
    let mut waiting = Vec::new();
    let (mut parts, mut offset) = (0, START as u64);
    state.image(&mut |part| {
        if stopped.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        digest.add(part);
        parts += 1;
        let length = u32::try_from(part.len()).map_err(io::Error::other)?;
        waiting.extend_from_slice(&length.to_le_bytes());
        waiting.extend_from_slice(&crc32c::crc32c(part).to_le_bytes());
        waiting.extend_from_slice(part);
        if waiting.len() >= STRIDE {
            file.write_all_at(&waiting, offset)?;
            offset += waiting.len() as u64;
            waiting.clear();
        }
        Ok::<(), io::Error>(())
    })?;
    file.write_all_at(&waiting, offset)?;
    let head = Head {
        seq: state.seq(),
        anchor,
        state_hash: digest.finish(),
        parts,
        bytes: offset + waiting.len() as u64,
        synced,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    file.write_all_at(&head.encode(), 0)?;
    file.sync_all()?;
    Ok(head)
}

/// The parts of a file, read a stride at a time.
struct Parts<'a> {
    file: &'a dyn DiskFile,
    left: u64,
    bytes: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next part begins, and where the buffer ends in the file.
    from: usize,
    read_to: u64,
}

impl<'a> Parts<'a> {
    fn new(file: &'a dyn DiskFile, head: &Head) -> Self {
        Self {
            file,
            left: head.parts,
            bytes: head.bytes,
            buffer: Vec::new(),
            from: 0,
            read_to: START as u64,
        }
    }

    /// Where in the file the part after the last one would begin.
    fn end(&self) -> u64 {
        self.read_to - (self.buffer.len() - self.from) as u64
    }

    /// The next part, or what is wrong with it; `None` behind the last one.
    fn next(&mut self) -> io::Result<Option<Result<&[u8], String>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let begins = self.end();
        if !self.have(PREFIX)? {
            return Ok(Some(Err(format!("it ends at byte {begins}"))));
        }
        let prefix = &self.buffer[self.from..self.from + PREFIX];
        let u32_at =
            |at: usize| u32::from_le_bytes(prefix[at..at + 4].try_into().expect("4 bytes"));
        let (length, crc) = (u32_at(0) as usize, u32_at(4));
        if length > MAX_PART || !self.have(PREFIX + length)? {
            return Ok(Some(Err(format!(
                "the part at byte {begins} has {length} bytes, more than there are"
            ))));
        }
        let from = self.from + PREFIX;
        self.from = from + length;
        self.left -= 1;
        let part = &self.buffer[from..from + length];
        if crc32c::crc32c(part) != crc {
            return Ok(Some(Err(format!(
                "the part at byte {begins} is not what was written"
            ))));
        }
        Ok(Some(Ok(part)))
    }

    /// Makes sure that so many bytes stand in the buffer, if the file has them.
    fn have(&mut self, bytes: usize) -> io::Result<bool> {
        if self.buffer.len() - self.from >= bytes {
            return Ok(true);
        }
        self.buffer.drain(..self.from);
        self.from = 0;
        let had = self.buffer.len();
        let rest = usize::try_from(self.bytes - self.read_to).unwrap_or(usize::MAX);
        self.buffer
            .resize(bytes.max(STRIDE).min(had.saturating_add(rest)), 0);
        let got = read_up_to(self.file, &mut self.buffer[had..], self.read_to)?;
        self.buffer.truncate(had + got);
        self.read_to += got as u64;
        Ok(self.buffer.len() >= bytes)
    }
}
