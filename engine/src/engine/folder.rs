//! Data folders without a running engine: checks, snapshots, compaction, new keys.

use std::ops::ControlFlow as Flow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::snapshotter::first_since;
use super::stores::{self, Stores, is_promised, open_vault, replay};
use super::{OpenError, Settings, note};
use crate::archive::{Archive, ArchiveFacts};
use crate::clock::{Clock, SystemClock};
use crate::domain::state::{Finding, Ledger, State};
use crate::domain::time::{DAY, Millis};
use crate::journal::{
    self, Cut, CutCopy, CutError, Disk, FileJournal, Folder, FolderLock, JournalError, Reader,
    Report, carry_out, plan_cut,
};
use crate::snapshots::{Head, Snapshots, Start};
use crate::vault::{DocumentRef, KeyRing, SealedDocuments, VaultError};

/// Makes a new master key of a data folder's documents current and gives its id.
/// No engine may have the folder open; the next one seals with the new key.
///
/// # Errors
/// [`OpenError`] if the folder is in use or the ring cannot be read or written.
pub fn rotate_key(path: &Path, key_file: Option<&Path>) -> Result<u32, OpenError> {
    let _lock = FolderLock::take(path)?;
    if !note::is_elsewhere(path) {
        return Ok(open_vault(path, None, key_file)?.rotate()?);
    }
    let ring = stores::key_file(path, key_file);
    if !ring.exists() {
        let detail = "it is missing; copy it from the machine that sealed the documents".into();
        return Err(VaultError::Ring { path: ring, detail }.into());
    }
    Ok(KeyRing::open(&ring)?.rotate()?)
}

/// The state that a data folder's journal gives, and where it differs from itself
/// or from the sum of its movements. For checks beside a running engine: nothing is
/// locked and nothing is written.
///
/// # Errors
/// [`OpenError`] if the journal cannot be read or does not fit this version.
pub fn replay_folder(
    path: &Path,
    mirror: Option<&Path>,
) -> Result<(State, Vec<Finding>), OpenError> {
    let (reader, last_seq) = FileJournal::open_reader(&path.join("journal"), mirror)?;
    examine(reader.as_ref(), &Snapshots::in_folder(path), last_seq)
}

/// The state that a journal gives, and where it differs from itself, from the sum of
/// its movements or from its snapshots.
pub(super) fn examine(
    reader: &dyn Reader,
    snapshots: &Snapshots,
    last_seq: u64,
) -> Result<(State, Vec<Finding>), OpenError> {
    let start = match reader.first_seq() {
        1 => Start::from_nothing(),
        _ => snapshots.start(reader, last_seq, true)?,
    };
    let mut state = start.state;
    let mut ledger = Ledger::of(&state);
    let mut findings = Vec::new();
    let mut heads = snapshots.heads()?;
    heads.retain(|head| head.seq > state.seq());
    replay(&mut state, reader, last_seq, &mut |record, state| {
        ledger.book(record);
        for head in heads.iter().filter(|head| head.seq == state.seq()) {
            if head.state_hash != state.digest() {
                findings.push(Finding {
                    identity: "R",
                    subject: format!("snapshot {}", head.seq),
                    detail: "holds another state than the journal gives".into(),
                });
            }
        }
        Flow::Continue(())
    })?;
    findings.extend(state.audit());
    findings.extend(ledger.audit(&state));
    Ok((state, findings))
}

/// What checking a data folder found.
#[derive(Debug, Serialize)]
pub struct FolderReport {
    #[serde(flatten)]
    pub journal: Report,
    /// Newest first.
    pub snapshots: Vec<SnapshotReport>,
    pub archive: ArchiveReport,
    pub documents: DocumentsReport,
}

/// The sealed documents that orders refer to, in memory and in the archive.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DocumentsReport {
    pub documents: u64,
    /// Damaged in one copy and whole in the other: the next scrub mends them.
    pub mendable: u64,
    /// Why not all of them can be opened, if so.
    pub problem: Option<String>,
}

/// The archive: what it has, or why it cannot be used.
#[derive(Debug, Serialize)]
pub struct ArchiveReport {
    #[serde(flatten)]
    pub facts: ArchiveFacts,
    pub problem: Option<String>,
}

/// One snapshot: what it says of itself, or why it cannot be used.
#[derive(Debug, Serialize)]
pub struct SnapshotReport {
    pub seq: u64,
    #[serde(flatten)]
    pub head: Option<Head>,
    pub problem: Option<String>,
}

/// Checks every frame of a data folder's journal and of its mirror, every snapshot, and
/// every order of the archive, and the sealed documents. Nothing is locked and nothing is written.
///
/// # Errors
/// [`JournalError`] for a damaged journal; other damage is in the report.
pub fn verify_folder(path: &Path, mirror: Option<&Path>) -> Result<FolderReport, OpenError> {
    let journal = journal::verify(&path.join("journal"), mirror)?;
    let (reader, _) = FileJournal::open_reader(&path.join("journal"), mirror)?;
    let kept = Snapshots::in_folder(path);
    let snapshots = kept.list()?.into_iter().map(|seq| {
        let checked = kept.check(seq, reader.as_ref());
        let problem = checked.as_ref().err().map(ToString::to_string);
        SnapshotReport {
            seq,
            head: checked.ok(),
            problem,
        }
    });
    let snapshots = snapshots.collect();
    let (archive, documents) = check_orders(path, mirror);
    Ok(FolderReport {
        journal,
        snapshots,
        archive,
        documents,
    })
}

/// Reads the whole archive of a folder, and every document. Beside a running engine a merge
/// may take files away that were just listed, or name runs that came later: then it looks
/// again.
fn check_orders(path: &Path, mirror: Option<&Path>) -> (ArchiveReport, DocumentsReport) {
    const ATTEMPTS: usize = 5;
    let mut report = ArchiveReport {
        facts: ArchiveFacts::default(),
        problem: None,
    };
    let mut documents = DocumentsReport::default();
    for _ in 0..ATTEMPTS {
        let state = match state_of(path, mirror) {
            Ok(state) => state,
            Err(error) => {
                report.problem = Some(format!("what must be in it is not known: {error}"));
                continue;
            }
        };
        let mut references = documents_of(&state);
        let disk = Arc::new(Folder::at(&Archive::folder(path)));
        let opened = Archive::reading(disk, state.archive_mark());
        let checked = opened.and_then(|archive| {
            archive.check(&mut |archived, _| {
                references.extend(DocumentRef::from_bytes(&archived.order.document));
            })?;
            Ok(archive.facts())
        });
        documents = check_documents(path, mirror, references);
        match checked {
            Ok(facts) => {
                report = ArchiveReport {
                    facts,
                    problem: None,
                };
                break;
            }
            Err(error) => report.problem = Some(error.to_string()),
        }
    }
    (report, documents)
}

/// The documents of the orders in memory.
fn documents_of(state: &State) -> Vec<DocumentRef> {
    let orders = state.merchants().iter().flat_map(|m| m.orders.iter());
    let documents = orders.filter_map(|(_, order)| DocumentRef::from_bytes(&order.document));
    documents.collect()
}

/// Reads documents in every copy.
fn check_documents(
    path: &Path,
    mirror: Option<&Path>,
    mut references: Vec<DocumentRef>,
) -> DocumentsReport {
    references.sort_unstable_by_key(|reference| *reference.as_bytes());
    references.dedup();
    let folder = path.join("documents");
    let mut report = DocumentsReport {
        documents: references.len() as u64,
        ..DocumentsReport::default()
    };
    let checked = std::iter::once(folder.as_path())
        .chain(mirror)
        .map(|folder| {
            let mut sealed = SealedDocuments::open(folder, None)?;
            let whole = references
                .iter()
                .map(|reference| sealed.is_whole(reference));
            whole.collect::<Result<Vec<bool>, _>>()
        })
        .collect::<Result<Vec<_>, _>>();
    match checked {
        Ok(copies) => {
            let whole_in = |place: usize| copies.iter().filter(|copy| copy[place]).count();
            let places = 0..references.len();
            let lost = places.clone().filter(|place| whole_in(*place) == 0).count();
            let whole = places
                .filter(|place| whole_in(*place) == copies.len())
                .count();
            report.mendable = (references.len() - lost - whole) as u64;
            report.problem = (lost > 0).then(|| {
                format!(
                    "{lost} of {} are damaged in every copy. Restore a backup",
                    report.documents
                )
            });
        }
        Err(error) => report.problem = Some(error.to_string()),
    }
    report
}

/// The state of a folder, as its newest usable snapshot and its journal have it.
fn state_of(path: &Path, mirror: Option<&Path>) -> Result<State, OpenError> {
    let (reader, last_seq) = FileJournal::open_reader(&path.join("journal"), mirror)?;
    let start = Snapshots::in_folder(path).start(reader.as_ref(), last_seq, false)?;
    let mut state = start.state;
    replay(&mut state, reader.as_ref(), last_seq, &mut |_, _| {
        Flow::Continue(())
    })?;
    Ok(state)
}

/// Cuts the journal of a data folder that no engine has open behind a record, in its
/// mirror too. What is taken away is kept in folders named `aside` in both, snapshots
/// beyond the record too. `done` says whether it is done or only told.
///
/// # Errors
/// [`CutError`]; [`JournalError::Locked`] if the folder is in use.
pub fn cut_folder(
    path: &Path,
    mirror: Option<&Path>,
    seq: u64,
    aside: &str,
    done: bool,
) -> Result<Cut, CutError> {
    let _lock = FolderLock::take(path)?;
    let journal = Arc::new(Folder::at(&path.join("journal")));
    let mirrored = mirror.map(|mirror| Arc::new(Folder::at(mirror)));
    let second = mirrored.clone().map(|mirrored| mirrored as Arc<dyn Disk>);
    let mut cut = plan_cut(journal.clone(), second, seq)?;
    let kept = Snapshots::in_folder(path);
    let seqs = kept.list().unwrap_or_default();
    let first_seq = cut.first_seq;
    if first_seq > 1 && !seqs.iter().any(|kept| (first_seq - 1..=seq).contains(kept)) {
        return Err(CutError::NoBeginning { first_seq, seq });
    }
    if !done {
        return Ok(cut);
    }
    let create = |folder: &Path| {
        let path = folder.join(aside);
        // What an earlier attempt kept there is never written over.
        std::fs::create_dir(&path)
            .and_then(|()| Folder::at(folder).sync())
            .map_err(JournalError::io("create", &path))?;
        Ok::<_, JournalError>(Folder::at(&path))
    };
    let beside = create(path)?;
    set_aside(path, seqs.into_iter().filter(|kept| *kept > seq), &beside)?;
    let mut copies = vec![CutCopy {
        journal: journal.as_ref(),
        aside: &beside,
    }];
    let beside_mirror = mirror.map(create).transpose()?;
    if let (Some(mirrored), Some(aside)) = (&mirrored, &beside_mirror) {
        copies.push(CutCopy {
            journal: mirrored.as_ref(),
            aside,
        });
    }
    carry_out(&copies, &mut cut)?;
    Ok(cut)
}

/// Moves snapshots of a data folder into another one, durably. The journal gives the
/// same state without them.
fn set_aside(
    path: &Path,
    seqs: impl Iterator<Item = u64>,
    aside: &Folder,
) -> Result<(), JournalError> {
    let folder = path.join("snapshots");
    let mut moved = false;
    for seq in seqs {
        let name = Snapshots::file_name(seq);
        let from = folder.join(&name);
        std::fs::rename(&from, aside.path(&name)).map_err(JournalError::io("move", &from))?;
        moved = true;
    }
    if moved {
        aside
            .sync()
            .and_then(|()| Folder::at(&folder).sync())
            .map_err(JournalError::io("sync", &folder))?;
    }
    Ok(())
}

/// Takes a snapshot of a data folder that no engine has open; `None` if its journal is
/// empty.
///
/// # Errors
/// As opening an engine there.
pub fn snapshot_folder(
    path: &Path,
    mirror: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<Option<Head>, OpenError> {
    take(&Stores::open(&settings(path, mirror, key_file))?)
}

/// What compacting a journal did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// The first record that was kept before, and that is kept now.
    pub first_seq_before: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Records of snapshots that hold what went; records behind the older one stay.
    pub snapshots: Vec<u64>,
}

/// Takes a snapshot of a data folder that no engine has open, and removes the records
/// that are older than `keep_days` and that two snapshots hold, whole files at a time.
///
/// # Errors
/// As opening an engine there.
pub fn compact_folder(
    path: &Path,
    mirror: Option<&Path>,
    key_file: Option<&Path>,
    keep_days: u32,
) -> Result<Compacted, OpenError> {
    let mut stores = Stores::open(&settings(path, mirror, key_file))?;
    take(&stores)?;
    let snapshots = Snapshots::in_folder(path).list()?;
    let first_seq_before = stores.reader.first_seq();
    // The mirror alone must be enough, and has no snapshots.
    if let [_, older] = snapshots[..]
        && super::mirror_of(path)?.is_none()
    {
        let since = Clock::System(SystemClock::default()).now() - Millis::from(keep_days) * DAY;
        let before_seq = first_since(stores.reader.as_ref(), older, since)?;
        stores
            .journal
            .trim(before_seq)
            .map_err(|source| JournalError::Io {
                action: "remove segments of",
                path: path.join("journal"),
                source,
            })?;
    }
    Ok(Compacted {
        first_seq_before,
        first_seq: stores.reader.first_seq(),
        last_seq: stores.recovery.last_seq,
        snapshots,
    })
}

fn take(stores: &Stores) -> Result<Option<Head>, OpenError> {
    let (state, recovered) = stores.state()?;
    // Records that it would have to be made of must not go.
    stores.archive(&state)?;
    let snapshots = stores.snapshots.as_ref().expect("a folder has snapshots");
    if recovered.replayed == 0 {
        let newest = snapshots.heads()?.into_iter().next();
        return Ok(newest.filter(|head| head.seq == recovered.snapshot_seq));
    }
    let anchor = stores.reader.anchor(state.seq())?;
    let promised = is_promised(stores.journal.durability());
    Ok(Some(snapshots.write(&state, anchor, promised)?))
}

fn settings(path: &Path, mirror: Option<&Path>, key_file: Option<&Path>) -> Settings {
    Settings {
        path: Some(path.to_owned()),
        mirror: mirror.map(Path::to_owned),
        key_file: key_file.map(Path::to_owned),
        ..Settings::default()
    }
}
