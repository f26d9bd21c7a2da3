//! What opening an engine finds: the journal and what stands beside it, and the state
//! that the newest usable snapshot and the records after it give.

use std::ops::ControlFlow as Flow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;

use super::{OpenError, Recovered, Settings, archiver, mirror, note};
use crate::ahead::ahead;
use crate::archive::Archive;
use crate::domain::event::Record;
use crate::domain::state::State;
use crate::journal::{
    Disk, Durability, FileJournal, FileOptions, Folder, FolderLock, Journal, JournalError,
    MemoryJournal, Mode, Reader, Recovery, RedisJournal, StreamError,
};
use crate::snapshots::{SnapshotError, Snapshots, Start};
use crate::vault::{Vault, VaultError};

/// The journal and what stands beside it.
pub(super) struct Stores {
    pub(super) journal: Box<dyn Journal>,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) vault: Vault,
    pub(super) recovery: Recovery,
    pub(super) snapshots: Option<Snapshots>,
    /// The folder of the archive.
    pub(super) archive: Option<Arc<dyn Disk>>,
    pub(super) lock: Option<FolderLock>,
}

impl Stores {
    pub(super) fn open(settings: &Settings) -> Result<Self, OpenError> {
        let Some(path) = &settings.path else {
            let journal = MemoryJournal::default();
            let reader = journal.reader();
            return Ok(Self {
                journal: Box::new(journal),
                reader,
                vault: Vault::memory(),
                recovery: Recovery::default(),
                snapshots: None,
                archive: None,
                lock: None,
            });
        };
        let lock = FolderLock::take(path)?;
        note::belongs(path, settings.journal)?;
        // First, since a draft that was left may be what fills the disk.
        let snapshots = open_snapshots(path)?;
        snapshots.clear_draft();
        let (journal, recovery, vault) = match settings.journal {
            mode if mode.is_redis() => open_redis(path, settings)?,
            _ => open_files(path, settings)?,
        };
        Ok(Self {
            reader: journal.reader(),
            journal,
            vault,
            recovery,
            snapshots: Some(snapshots),
            archive: Some(Archive::create_folder(path)?),
            lock: Some(lock),
        })
    }

    /// The archive of a state.
    pub(super) fn archive(&self, state: &State) -> Result<Option<Archive>, OpenError> {
        let Some(disk) = &self.archive else {
            return Ok(None);
        };
        let (archive, lacked) = archiver::open(disk, state, self.reader.as_ref())?;
        if let Some(lacked) = lacked {
            let detail = lacked.to_string();
            eprintln!(r#"{{"level":"warning","event":"archive_rebuilt","detail":{detail:?}}}"#);
        }
        Ok(Some(archive))
    }

    /// The state that the newest usable snapshot and the records after it give.
    pub(super) fn state(&self) -> Result<(State, Recovered), OpenError> {
        let (reader, last_seq) = (self.reader.as_ref(), self.recovery.last_seq);
        let promised = is_promised(self.journal.durability());
        let start = match &self.snapshots {
            None => Start::from_nothing(),
            Some(snapshots) => {
                let start = snapshots.start(reader, last_seq, promised)?;
                snapshots.set_aside(&start.rejected)?;
                start
            }
        };
        let snapshot_seq = start.state.seq();
        let rejected = start.rejected.iter().map(ToString::to_string);
        let recovered = Recovered {
            journal: self.recovery.clone(),
            snapshot_seq,
            replayed: last_seq - snapshot_seq,
            rejected_snapshots: rejected.collect(),
        };
        let mut state = start.state;
        replay(&mut state, reader, last_seq, &mut |_, _| Flow::Continue(()))?;
        Ok((state, recovered))
    }
}

/// A journal, what opening it found, and the documents beside it.
type Opened = (Box<dyn Journal>, Recovery, Vault);

fn open_files(path: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    let options = FileOptions {
        synced: settings.journal == Mode::FileSync,
        low_water_bytes: settings.low_water_bytes,
        segment_bytes: settings.segment_bytes,
        ..FileOptions::default()
    };
    let folder = path.join("journal");
    let mirror = mirror::choose(path, settings.mirror.as_deref())?;
    let mirror = mirror.as_deref();
    let (journal, recovery) = match mirror {
        None => FileJournal::open(&folder, options)?,
        Some(mirror) => FileJournal::open_mirrored(&folder, mirror, options)?,
    };
    let vault = open_vault(path, mirror, settings.key_file.as_deref())?;
    Ok((Box::new(journal), recovery, vault))
}

fn open_redis(path: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    if settings.mirror.is_some() {
        return Err(OpenError::Setting {
            setting: "mirror",
            detail: format!(
                "{} keeps its copies on replicas; take redis.wait(N) or redis.waitaof(1,N)",
                settings.journal
            ),
        });
    }
    let options = settings.redis.options();
    let unfit = |error: StreamError| OpenError::Journal(error.into());
    let (journal, recovery) = RedisJournal::open_when_free(&options, settings.journal)?;
    note::compare(
        path,
        journal.reader().as_ref(),
        &recovery,
        settings.journal,
        &options.place(),
    )?;
    let ring = key_file(path, settings.key_file.as_deref());
    let documents = journal.documents(&options).map_err(unfit)?;
    let vault = Vault::open_server(documents, &ring)?;
    Ok((Box::new(journal), recovery, vault))
}

/// True if what is acknowledged outlives more than the engine's process.
pub(super) const fn is_promised(durability: Durability) -> bool {
    !matches!(durability, Durability::Memory | Durability::Logged)
}

fn open_snapshots(path: &Path) -> Result<Snapshots, SnapshotError> {
    let path = path.join("snapshots");
    let folder = Folder::create(&path).map_err(|source| SnapshotError::Io {
        action: "create",
        path,
        source,
    })?;
    Ok(Snapshots::new(Arc::new(folder)))
}

pub(super) fn open_vault(
    path: &Path,
    mirror: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<Vault, VaultError> {
    let ring = self::key_file(path, key_file);
    Vault::open(&path.join("documents"), mirror, &ring)
}

/// The key ring, in the data folder unless it is kept elsewhere.
pub(super) fn key_file(path: &Path, elsewhere: Option<&Path>) -> PathBuf {
    elsewhere.map_or_else(|| path.join("keys").join("ring.json"), Path::to_owned)
}

/// Replays the records behind `state` up to `last_seq`. `also` sees each record and the
/// state after it, and may end the replay.
pub(super) fn replay(
    state: &mut State,
    reader: &dyn Reader,
    last_seq: u64,
    also: &mut dyn FnMut(&Record, &State) -> Flow<()>,
) -> Result<(), OpenError> {
    let nothing = &mut |_: &Record, _: &State| Flow::Continue(());
    replay_with(state, reader, last_seq, nothing, also)
}

/// The same; `before` sees each record and the state before it.
pub(super) fn replay_with(
    state: &mut State,
    reader: &dyn Reader,
    last_seq: u64,
    before: &mut dyn FnMut(&Record, &State) -> Flow<()>,
    also: &mut dyn FnMut(&Record, &State) -> Flow<()>,
) -> Result<(), OpenError> {
    const BATCH: usize = 512;
    let first_seq = state.seq() + 1;
    let read = |give: &mut dyn FnMut(Vec<_>) -> Flow<()>| {
        let mut batch = Vec::new();
        reader.scan(first_seq, last_seq, &mut |seq, bytes| {
            batch.push((seq, Record::decode(bytes)));
            match batch.len() {
                BATCH => give(std::mem::take(&mut batch)),
                _ => Flow::Continue(()),
            }
        })?;
        let _ = give(batch);
        Ok::<_, OpenError>(())
    };
    let long = last_seq.saturating_sub(first_seq) > BATCH as u64;
    let ended = ahead(long, read, |batch| {
        for (seq, record) in batch {
            let record = record.map_err(|error| OpenError::Record {
                seq,
                detail: error.to_string(),
            })?;
            let expected = state.seq() + 1;
            if seq != expected {
                return Err(JournalError::Missing { seq: expected }.into());
            }
            if before(&record, state).is_break() {
                return Ok(Flow::Break(()));
            }
            state.replay(&record)?;
            if also(&record, state).is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    })?;
    if ended.is_continue() && state.seq() < last_seq {
        let seq = state.seq() + 1;
        return Err(JournalError::Missing { seq }.into());
    }
    Ok(())
}
