//! The file journal: append-only segments, one fdatasync a group.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::copies::{Copies, Files};
use super::file_reader::FileReader;
use super::frame::{self, Chain};
use super::segment::{Origin, START, file_name};
use super::space::{Space, SpaceKeeper, is_full};
use super::spare::Spare;
use super::survey::{Scope, Survey};
use super::{Disk, Durability, Folder, Group, Journal, JournalError, Progress, Reader, Recovery};
use crate::planted::planted;

/// How a file journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct FileOptions {
    /// fdatasync before the acknowledgement; otherwise within 5 ms after it.
    pub synced: bool,
    /// A segment is closed once it is this long.
    pub segment_bytes: u64,
    /// Zeros written ahead of the frames.
    pub ahead_bytes: u64,
    /// Free bytes below which no new orders should be taken.
    pub low_water_bytes: u64,
    /// Id of a journal that is begun; drawn at random if none is given.
    pub journal_id: Option<[u8; 16]>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            synced: true,
            segment_bytes: 64 << 20,
            ahead_bytes: 1 << 20,
            low_water_bytes: 64 << 20,
            journal_id: None,
        }
    }
}

/// Longest time a logged group may be unsynced.
const UNSYNCED: Duration = Duration::from_millis(5);
/// Idleness after which the last group is sealed.
const IDLE: Duration = Duration::from_millis(10);
/// One index entry covers about this many bytes of frames.
const INDEX_EVERY: u64 = 64 << 10;

/// One segment as readers see it.
#[derive(Debug)]
pub(super) struct Indexed {
    pub files: Files,
    pub first_seq: u64,
    /// First sequence number and offset of some frames, in order.
    pub frames: Vec<(u64, u64)>,
}

impl Indexed {
    /// Notes where a frame stands, if the last note is far enough away.
    pub(super) fn note(&mut self, first_seq: u64, offset: u64) {
        let last = self.frames.last();
        if last.is_none_or(|(_, at)| offset >= at + INDEX_EVERY) {
            self.frames.push((first_seq, offset));
        }
    }
}

/// Segments by their first record; shared by the writer and its readers.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub segments: Vec<Indexed>,
    /// End of the last whole frame in the last segment.
    pub end: u64,
}

/// Segments in a folder, and in a second one with a mirror.
#[derive(Debug)]
pub struct FileJournal {
    copies: Copies,
    options: FileOptions,
    index: Arc<RwLock<Index>>,
    /// The segment that is written.
    files: Files,
    offset: u64,
    /// End of the zeros that are written.
    reserved: u64,
    journal_id: [u8; 16],
    epoch: u32,
    next_group: u64,
    next_seq: u64,
    chain: Chain,
    frame: Vec<u8>,
    /// Frames are written and not synced yet.
    unsynced: bool,
    /// By the disk's clock.
    last_sync: Duration,
    space: SpaceKeeper,
    spare: Arc<Spare>,
}

impl FileJournal {
    /// Opens the journal of a folder, or begins one. An incomplete last group
    /// is cut and reported: nobody was promised it.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] if anything before a good later group is
    /// damaged; nothing is changed then.
    pub fn open(folder: &Path, options: FileOptions) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(folder_at(folder)?, None, options)
    }

    /// The same with a second copy in `mirror`. What one copy lacks or has wrong
    /// is taken from the other one; an empty folder is filled.
    ///
    /// # Errors
    /// As [`FileJournal::open`], for what is damaged in both copies, and
    /// [`JournalError::Diverged`] if they hold different histories.
    pub fn open_mirrored(
        folder: &Path,
        mirror: &Path,
        options: FileOptions,
    ) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(folder_at(folder)?, Some(folder_at(mirror)?), options)
    }

    /// The same on any disks.
    ///
    /// # Errors
    /// As [`FileJournal::open_mirrored`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        mirror: Option<Arc<dyn Disk>>,
        options: FileOptions,
    ) -> Result<(Self, Recovery), JournalError> {
        let copies = Copies::new(disk, mirror);
        let mut pace = |_| {};
        let mut survey = Survey::of(
            &copies,
            Scope {
                beside_writer: false,
                end: None,
                pace: &mut pace,
            },
        )?;
        let failed = |action| JournalError::io(action, copies.first().path(""));
        for repair in &survey.repairs {
            copies.mend(repair).map_err(failed("mend a copy of"))?;
        }
        // The next segment has another name: this one would stand between for ever.
        let unfinished = survey.unfinished.as_ref();
        if let Some(name) = unfinished.filter(|_| !planted!(LeaveUnfinished)) {
            copies.remove(name).map_err(failed("remove from"))?;
        }
        // A process that died while it began a segment may have left its name
        // where only this system sees it; what is written next must not hang on it.
        if !planted!(TrustFoundName) {
            copies.sync().map_err(failed("sync"))?;
        }
        let journal_id = match survey.segments.is_empty() {
            true => begin(&copies, &mut survey, options).map_err(failed("begin a journal in"))?,
            false => survey.journal_id,
        };
        let last = survey.segments.last().expect("a segment is open");
        let files = copies.open(last.files.name(), true)?;
        let tail = survey.tail;
        if survey.recovery.torn_bytes > 0 {
            // The cut is made by shortening the file: nothing after it is ours.
            files.cut(tail.offset).map_err(failed("cut"))?;
        }
        // What a process left that died before its sync may be in memory only. It
        // must be durable before anything is written behind it.
        if !planted!(TrustFoundGroup) {
            // If it died of a sync that failed, the system takes what it could not write
            // for written, and another sync would do nothing: it is written again.
            if !planted!(TrustPageCache) {
                files
                    .rewrite(tail.synced, tail.offset)
                    .map_err(failed("write again"))?;
            }
            files.sync_all().map_err(failed("sync"))?;
        }
        let reserved = files.shortest().map_err(failed("look at"))?;
        // Readers use files that are opened now, when every copy has its own.
        let mut segments = survey.segments;
        for segment in &mut segments {
            segment.files = copies.open(segment.files.name(), false)?;
        }
        let spare = Spare::new(copies.clone(), &options).map_err(failed("remove from"))?;
        let epoch = tail.epoch + u32::from(!planted!(KeepEpoch));
        let mut journal = Self {
            options,
            index: Arc::new(RwLock::new(Index {
                segments,
                end: tail.offset,
            })),
            files,
            offset: tail.offset,
            reserved,
            journal_id,
            epoch,
            next_group: tail.next_group,
            next_seq: tail.next_seq,
            chain: tail.chain,
            frame: Vec::new(),
            unsynced: false,
            last_sync: copies.first().now(),
            space: SpaceKeeper::new(options.low_water_bytes),
            spare: Arc::new(spare),
            copies,
        };
        journal
            .space
            .look(&journal.copies)
            .and_then(|()| {
                // The empty group states the new epoch before anything else is written.
                journal.seal()
            })
            .map_err(JournalError::io("write", journal.files.path()))?;
        let recovery = Recovery {
            epoch,
            ..survey.recovery
        };
        Ok((journal, recovery))
    }

    /// A reader of a folder that changes nothing, and its last good record.
    ///
    /// # Errors
    /// As [`FileJournal::open_mirrored`].
    pub fn open_reader(
        folder: &Path,
        mirror: Option<&Path>,
    ) -> Result<(Arc<dyn Reader>, u64), JournalError> {
        let copies = beside(folder, mirror);
        let mut pace = |_| {};
        let survey = Survey::of(&copies, scope_beside(&mut pace))?;
        let last_seq = survey.recovery.last_seq;
        let index = Index {
            end: survey.tail.offset,
            segments: survey.segments,
        };
        let reader = FileReader::new(copies, Arc::new(RwLock::new(index)));
        Ok((Arc::new(reader), last_seq))
    }

    fn append(&mut self, group: &Group<'_>, sync: bool) -> io::Result<()> {
        debug_assert_eq!(
            group.first_seq, self.next_seq,
            "records are committed in order"
        );
        self.check_alone()?;
        let mut frame = std::mem::take(&mut self.frame);
        frame::encode(
            &mut frame,
            self.epoch,
            self.next_group,
            &self.chain,
            self.unsynced && !planted!(HideUnsynced),
            group,
        );
        let chain = frame::chain_of(&frame);
        frame::pad(&mut frame);
        let result = self.place(&frame, sync);
        let size = frame.len() as u64;
        self.frame = frame;
        result?;
        {
            let mut index = self.index.write();
            if group.count > 0 {
                let last = index.segments.last_mut().expect("a segment is open");
                last.note(group.first_seq, self.offset);
            }
            index.end = self.offset + size;
        }
        self.chain = chain;
        self.offset += size;
        self.next_group += u64::from(!planted!(ReuseGroupNumber));
        self.next_seq += u64::from(group.count);
        self.spare.filled(self.offset);
        // A segment is named by its first record: it must have one to be followed.
        if self.offset >= self.options.segment_bytes && group.count > 0 {
            self.roll()?;
        }
        Ok(())
    }

    /// What is written into a file without a name is gone with the process. Two
    /// looks at names cost a hundredth of a sync.
    fn check_still_there(&self) -> io::Result<()> {
        match self.files.gone()? {
            None => Ok(()),
            Some(path) => Err(io::Error::other(format!(
                "{} was removed or replaced while it was written",
                path.display()
            ))),
        }
    }

    /// The lock keeps a second engine out. Where it is lost (a file system that has
    /// none, a copied folder), the second one has stated its epoch behind the last
    /// frame of this one, and this one must not write over it.
    fn check_alone(&self) -> io::Result<()> {
        match self.files.header_at(self.offset)? {
            Some((header, path)) if !planted!(WriteBesideRival) => Err(io::Error::other(format!(
                "{} has group {} of epoch {} at byte {}, where this engine (epoch {}) would write: another engine took the folder over. Use that one",
                path.display(),
                header.group,
                header.epoch,
                self.offset,
                self.epoch
            ))),
            _ => Ok(()),
        }
    }

    fn place(&mut self, frame: &[u8], sync: bool) -> io::Result<()> {
        let end = self.offset + frame.len() as u64;
        if end > self.reserved {
            let ahead = self.options.ahead_bytes.max(frame.len() as u64);
            self.write_ahead(ahead)?;
        }
        self.files.write_all_at(frame, self.offset)?;
        self.unsynced = true;
        if sync && !planted!(SkipSync) {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.files.sync_data()?;
        self.unsynced = false;
        self.last_sync = self.copies.first().now();
        Ok(())
    }

    /// Writes zeros where frames will stand. Nothing is promised there yet, so
    /// that a full disk may be met a second time with the reserve given back.
    fn write_ahead(&mut self, ahead: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(ahead).expect("memory holds what a frame needs")];
        match self.files.write_all_at(&zeros, self.reserved) {
            Err(error) if is_full(&error) => {
                self.space.give_up_reserve(&self.copies)?;
                self.files.write_all_at(&zeros, self.reserved)?;
            }
            written => written?,
        }
        self.reserved += ahead;
        Ok(())
    }

    /// Closes this segment and begins the next.
    fn roll(&mut self) -> io::Result<()> {
        self.sync()?;
        let origin = Origin {
            first_seq: self.next_seq,
            first_group: self.next_group,
            chain: self.chain,
            journal_id: self.journal_id,
        };
        let name = file_name(origin.first_seq);
        (self.files, self.reserved) = match self.spare.take(&name, &origin.encode())? {
            Some((files, reserved)) => (self.copies.named(name, files), reserved),
            None => (self.create(&origin)?, START),
        };
        self.offset = START;
        let mut index = self.index.write();
        index.end = START;
        index.segments.push(Indexed {
            files: self.files.clone(),
            first_seq: self.next_seq,
            frames: Vec::new(),
        });
        Ok(())
    }

    fn create(&self, origin: &Origin) -> io::Result<Files> {
        match self.copies.create(origin) {
            Err(error) if is_full(&error) => {
                self.space.give_up_reserve(&self.copies)?;
                self.copies.create(origin)
            }
            created => created,
        }
    }
}

impl Journal for FileJournal {
    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        self.check_still_there()?;
        let since = self.copies.first().now() - self.last_sync;
        let sync = self.options.synced || since >= UNSYNCED && !planted!(NeverSyncLog);
        self.append(group, sync)?;
        Ok(Progress::Durable)
    }

    fn seal(&mut self) -> io::Result<()> {
        // A seal says that all before it is on disk, so that damage there is no torn
        // write.
        if self.unsynced {
            self.sync()?;
        }
        self.append(
            &Group {
                first_seq: self.next_seq,
                count: 0,
                body: &[],
            },
            true,
        )
    }

    /// Removes whole segments; the one that is written stays.
    fn trim(&mut self, before_seq: u64) -> io::Result<()> {
        let removed: Vec<Indexed> = {
            let mut index = self.index.write();
            let end = index
                .segments
                .partition_point(|segment| segment.first_seq <= before_seq)
                .saturating_sub(usize::from(!planted!(TrimTooMuch)));
            index.segments.drain(..end).collect()
        };
        for segment in &removed {
            self.copies.remove(segment.files.name())?;
        }
        Ok(())
    }

    fn tend(&mut self) -> io::Result<()> {
        self.check_still_there()?;
        self.check_alone()?;
        self.space.look(&self.copies)
    }

    fn idle_after(&self) -> Duration {
        if self.options.synced { IDLE } else { UNSYNCED }
    }

    fn durability(&self) -> Durability {
        if self.options.synced {
            Durability::Synced
        } else {
            Durability::Logged
        }
    }

    fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    fn space(&self) -> Option<Arc<Space>> {
        Some(self.space.shared())
    }

    fn spare(&self) -> Option<Arc<Spare>> {
        Some(Arc::clone(&self.spare))
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(FileReader::new(
            self.copies.clone(),
            Arc::clone(&self.index),
        ))
    }
}

/// Begins a journal and gives its id.
fn begin(copies: &Copies, survey: &mut Survey<'_>, options: FileOptions) -> io::Result<[u8; 16]> {
    let mut journal_id = [0; 16];
    match options.journal_id {
        Some(given) => journal_id = given,
        None => {
            getrandom::fill(&mut journal_id).map_err(|error| io::Error::other(error.to_string()))?
        }
    }
    let files = copies.create(&Origin {
        first_seq: 1,
        first_group: 1,
        chain: Chain::default(),
        journal_id,
    })?;
    survey.segments.push(Indexed {
        files,
        first_seq: 1,
        frames: Vec::new(),
    });
    Ok(journal_id)
}

fn folder_at(path: &Path) -> Result<Arc<dyn Disk>, JournalError> {
    let folder = Folder::create(path).map_err(JournalError::io("create", path))?;
    Ok(Arc::new(folder))
}

pub(super) fn beside(folder: &Path, mirror: Option<&Path>) -> Copies {
    let mirror = mirror.map(|path| Arc::new(Folder::at(path)) as Arc<dyn Disk>);
    Copies::new(Arc::new(Folder::at(folder)), mirror)
}

pub(super) fn scope_beside(pace: &mut dyn FnMut(u64)) -> Scope<'_> {
    Scope {
        beside_writer: true,
        end: None,
        pace,
    }
}

/// What [`verify`] found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    pub segments: usize,
    pub bytes: u64,
    #[serde(flatten)]
    pub recovery: Recovery,
}

/// Checks every frame of a folder, and of its mirror, and changes nothing. A torn
/// tail is reported and left; it is cut when an engine opens the folder.
///
/// # Errors
/// As [`FileJournal::open_mirrored`].
pub fn verify(folder: &Path, mirror: Option<&Path>) -> Result<Report, JournalError> {
    let mut pace = |_| {};
    let survey = Survey::of(&beside(folder, mirror), scope_beside(&mut pace))?;
    let mut bytes = 0;
    for segment in &survey.segments {
        for file in segment.files.each() {
            let path: &PathBuf = segment.files.path();
            bytes += file.size().map_err(JournalError::io("look at", path))?;
        }
    }
    Ok(Report {
        segments: survey.segments.len(),
        bytes,
        recovery: survey.recovery,
    })
}
