//! The file journal: append-only segments, one fdatasync a group.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::frame::{self, Chain, HEADER, Header};
use super::segment::{self, Found, Origin, START, read_frame};
use super::{
    Disk, DiskFile, Durability, Folder, Group, Journal, JournalError, Progress, Reader, Recovery,
    each_record, read_up_to,
};
use crate::planted::planted;

/// How a file journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct FileOptions {
    /// fdatasync before the acknowledgement; otherwise within 5 ms after it.
    pub synced: bool,
    /// A segment is closed once it is this long.
    pub segment_bytes: u64,
    /// Zeros written ahead of the frames.
    pub reserve_bytes: u64,
    /// Id of a journal that is begun; drawn at random if none is given.
    pub journal_id: Option<[u8; 16]>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            synced: true,
            segment_bytes: 64 << 20,
            reserve_bytes: 1 << 20,
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
struct Indexed {
    name: String,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    first_seq: u64,
    /// First sequence number and offset of some frames, in order.
    frames: Vec<(u64, u64)>,
}

/// Segments by their first record; shared by the writer and its readers.
#[derive(Debug, Default)]
struct Index {
    segments: Vec<Indexed>,
}

impl Index {
    fn note(&mut self, first_seq: u64, offset: u64) {
        let last = self.segments.last_mut().expect("a segment is open");
        if last
            .frames
            .last()
            .is_none_or(|(_, at)| offset >= at + INDEX_EVERY)
        {
            last.frames.push((first_seq, offset));
        }
    }
}

/// Segments in a folder.
#[derive(Debug)]
pub struct FileJournal {
    disk: Arc<dyn Disk>,
    options: FileOptions,
    index: Arc<RwLock<Index>>,
    /// Name of the segment that is written.
    name: String,
    file: Arc<dyn DiskFile>,
    offset: u64,
    /// End of the zeros that are written.
    reserved: u64,
    journal_id: [u8; 16],
    epoch: u32,
    next_group: u64,
    next_seq: u64,
    chain: Chain,
    frame: Vec<u8>,
    /// By the disk's clock.
    last_sync: Duration,
}

/// Where the last good frame ends.
#[derive(Debug, Clone, Copy)]
struct Tail {
    offset: u64,
    next_group: u64,
    next_seq: u64,
    chain: Chain,
    epoch: u32,
}

impl FileJournal {
    /// Opens the journal of a folder, or begins one. An incomplete last group
    /// is cut and reported: nobody was promised it.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] if anything before a good later group is
    /// damaged; nothing is changed then.
    pub fn open(folder: &Path, options: FileOptions) -> Result<(Self, Recovery), JournalError> {
        let disk = Folder::create(folder).map_err(JournalError::io("create", folder))?;
        Self::open_on(Arc::new(disk), options)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`FileJournal::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: FileOptions,
    ) -> Result<(Self, Recovery), JournalError> {
        let mut survey = Survey::of(disk.as_ref(), false)?;
        // The next segment has another name: this one would stand between for ever.
        if let Some(name) = survey
            .unfinished
            .as_ref()
            .filter(|_| !planted!(LeaveUnfinished))
        {
            disk.remove(name)
                .map_err(JournalError::io("remove", disk.path(name)))?;
        }
        // A process that died while it began a segment may have left its name
        // where only this system sees it; what is written next must not hang on it.
        if !planted!(TrustFoundName) {
            disk.sync()
                .map_err(JournalError::io("sync", disk.path("")))?;
        }
        if survey.segments.is_empty() {
            survey.begin(disk.as_ref(), options.journal_id)?;
        }
        let last = survey.segments.last().expect("a segment is open");
        let (name, path) = (last.name.clone(), last.path.clone());
        let file = disk
            .open(&name, true)
            .map_err(JournalError::io("open", &path))?;
        let tail = survey.tail;
        if survey.recovery.torn_bytes > 0 {
            // The cut is made by shortening the file: nothing after it is ours.
            file.set_len(tail.offset)
                .map_err(JournalError::io("cut", &path))?;
        }
        // What a process left that died before its sync may be in memory only. It
        // must be durable before anything is written behind it.
        if !planted!(TrustFoundGroup) {
            file.sync_all().map_err(JournalError::io("sync", &path))?;
        }
        let length = file.size().map_err(JournalError::io("look at", &path))?;
        let epoch = tail.epoch + u32::from(!planted!(KeepEpoch));
        let mut journal = Self {
            options,
            index: Arc::new(RwLock::new(Index {
                segments: survey.segments,
            })),
            name,
            file,
            offset: tail.offset,
            reserved: length,
            journal_id: survey.journal_id,
            epoch,
            next_group: tail.next_group,
            next_seq: tail.next_seq,
            chain: tail.chain,
            frame: Vec::new(),
            last_sync: disk.now(),
            disk,
        };
        // The empty group states the new epoch before anything else is written.
        journal.seal().map_err(JournalError::io("write", path))?;
        Ok((
            journal,
            Recovery {
                epoch,
                ..survey.recovery
            },
        ))
    }

    /// A reader of a folder that changes nothing, and its last good record.
    ///
    /// # Errors
    /// As [`FileJournal::open`].
    pub fn open_reader(folder: &Path) -> Result<(Arc<dyn Reader>, u64), JournalError> {
        let survey = Survey::of(&Folder::at(folder), true)?;
        let reader = FileReader {
            index: Arc::new(RwLock::new(Index {
                segments: survey.segments,
            })),
        };
        Ok((Arc::new(reader), survey.recovery.last_seq))
    }

    fn append(&mut self, group: &Group<'_>, sync: bool) -> io::Result<()> {
        debug_assert_eq!(
            group.first_seq, self.next_seq,
            "records are committed in order"
        );
        let mut frame = std::mem::take(&mut self.frame);
        frame::encode(&mut frame, self.epoch, self.next_group, &self.chain, group);
        let chain = frame::chain_of(&frame);
        frame::pad(&mut frame);
        let result = self.place(&frame, sync);
        let size = frame.len() as u64;
        self.frame = frame;
        result?;
        if group.count > 0 {
            self.index.write().note(group.first_seq, self.offset);
        }
        self.chain = chain;
        self.offset += size;
        self.next_group += u64::from(!planted!(ReuseGroupNumber));
        self.next_seq += u64::from(group.count);
        // A segment is named by its first record: it must have one to be followed.
        if self.offset >= self.options.segment_bytes && group.count > 0 {
            self.roll()?;
        }
        Ok(())
    }

    fn place(&mut self, frame: &[u8], sync: bool) -> io::Result<()> {
        let end = self.offset + frame.len() as u64;
        if end > self.reserved {
            let reserve = self.options.reserve_bytes.max(frame.len() as u64);
            let zeros = vec![0; usize::try_from(reserve).expect("a reserve fits memory")];
            self.file.write_all_at(&zeros, self.reserved)?;
            self.reserved += reserve;
        }
        self.file.write_all_at(frame, self.offset)?;
        if sync && !planted!(SkipSync) {
            self.file.sync_data()?;
            self.last_sync = self.disk.now();
        }
        Ok(())
    }

    /// Closes this segment and begins the next.
    fn roll(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let origin = Origin {
            first_seq: self.next_seq,
            first_group: self.next_group,
            chain: self.chain,
            journal_id: self.journal_id,
        };
        let (name, file) = create_segment(self.disk.as_ref(), &origin)?;
        self.file = file;
        self.offset = START;
        self.reserved = START;
        self.index.write().segments.push(Indexed {
            path: self.disk.path(&name),
            name: name.clone(),
            file: Arc::clone(&self.file),
            first_seq: self.next_seq,
            frames: Vec::new(),
        });
        self.name = name;
        Ok(())
    }
}

impl Journal for FileJournal {
    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        let sync = self.options.synced || self.disk.now() - self.last_sync >= UNSYNCED;
        self.append(group, sync)?;
        Ok(Progress::Durable)
    }

    fn seal(&mut self) -> io::Result<()> {
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
                .saturating_sub(1);
            index.segments.drain(..end).collect()
        };
        for segment in &removed {
            self.disk.remove(&segment.name)?;
        }
        if !removed.is_empty() {
            self.disk.sync()?;
        }
        Ok(())
    }

    /// What is written into a file without a name is gone with the process.
    fn tend(&mut self) -> io::Result<()> {
        if self.file.is_still(&self.name)? {
            return Ok(());
        }
        let path = self.disk.path(&self.name);
        Err(io::Error::other(format!(
            "{} was removed or replaced while it was written",
            path.display()
        )))
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

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(FileReader {
            index: Arc::clone(&self.index),
        })
    }
}

fn create_segment(disk: &dyn Disk, origin: &Origin) -> io::Result<(String, Arc<dyn DiskFile>)> {
    let name = segment::file_name(origin.first_seq);
    // A crash may have left an empty segment of this name; it holds nothing.
    let file = disk.create(&name)?;
    file.write_all_at(&origin.encode(), 0)?;
    file.sync_all()?;
    if !planted!(ForgetFolderSync) {
        disk.sync()?;
    }
    Ok((name, file))
}

/// How often a reader beside a writer looks again at what is not whole.
const LOOKS: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Everything that reading a folder once tells.
#[derive(Debug)]
struct Survey {
    /// A writer may be at work: what stands at the tail may be half written.
    beside_writer: bool,
    segments: Vec<Indexed>,
    /// A segment that was being begun when the writer died; it holds nothing.
    unfinished: Option<String>,
    recovery: Recovery,
    tail: Tail,
    journal_id: [u8; 16],
}

impl Survey {
    fn of(disk: &dyn Disk, beside_writer: bool) -> Result<Self, JournalError> {
        let mut survey = Self {
            beside_writer,
            segments: Vec::new(),
            unfinished: None,
            recovery: Recovery::default(),
            tail: Tail {
                offset: START,
                next_group: 1,
                next_seq: 1,
                chain: Chain::default(),
                epoch: 0,
            },
            journal_id: [0; 16],
        };
        let names = segment::list(disk)?;
        for (position, name) in names.iter().enumerate() {
            survey.read_segment(disk, name, position + 1 == names.len())?;
        }
        survey.recovery.first_seq = survey.segments.first().map_or(1, |first| first.first_seq);
        survey.recovery.last_seq = survey.tail.next_seq - 1;
        survey.recovery.epoch = survey.tail.epoch;
        Ok(survey)
    }

    fn begin(&mut self, disk: &dyn Disk, id: Option<[u8; 16]>) -> Result<(), JournalError> {
        let failed = |error| JournalError::io("begin a journal in", disk.path(""))(error);
        match id {
            Some(id) => self.journal_id = id,
            None => getrandom::fill(&mut self.journal_id)
                .map_err(|error| failed(io::Error::other(error.to_string())))?,
        }
        let origin = Origin {
            first_seq: 1,
            first_group: 1,
            chain: Chain::default(),
            journal_id: self.journal_id,
        };
        let (name, file) = create_segment(disk, &origin).map_err(failed)?;
        self.segments.push(Indexed {
            path: disk.path(&name),
            name,
            file,
            first_seq: 1,
            frames: Vec::new(),
        });
        Ok(())
    }

    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        name: &str,
        is_last: bool,
    ) -> Result<(), JournalError> {
        let path = &disk.path(name);
        let file = disk
            .open(name, false)
            .map_err(JournalError::io("open", path))?;
        // Only the newest segment may be unfinished: a crash while it was begun may
        // have left anything in its head, and nothing behind it.
        let begun = !self.segments.is_empty() || name == segment::file_name(1);
        let origin = match Origin::read(file.as_ref(), path) {
            Ok(Some(origin)) => origin,
            Ok(None) | Err(JournalError::Newer { .. })
                if is_last && begun && is_empty(file.as_ref(), path)? =>
            {
                self.unfinished = Some(name.to_owned());
                return Ok(());
            }
            Ok(None) => return Err(self.corrupt(path, 0, "its head is not readable".into())),
            Err(error) => return Err(error),
        };
        let fits = origin.first_seq == self.tail.next_seq
            && origin.first_group == self.tail.next_group
            && origin.chain == self.tail.chain;
        if !self.segments.is_empty() && !fits {
            return Err(self.corrupt(
                path,
                0,
                format!(
                    "it begins with record {}, expected {}",
                    origin.first_seq, self.tail.next_seq
                ),
            ));
        }
        self.journal_id = origin.journal_id;
        self.tail = Tail {
            offset: START,
            next_group: origin.first_group,
            next_seq: origin.first_seq,
            chain: origin.chain,
            epoch: self.tail.epoch,
        };
        self.segments.push(Indexed {
            name: name.to_owned(),
            path: path.clone(),
            file,
            first_seq: origin.first_seq,
            frames: Vec::new(),
        });
        self.read_frames(path, is_last)
    }

    fn read_frames(&mut self, path: &Path, is_last: bool) -> Result<(), JournalError> {
        let file = Arc::clone(&self.segments.last().expect("pushed before").file);
        let mut buffer = Vec::new();
        let looks = if self.beside_writer { LOOKS } else { 0 };
        let mut looks_left = looks;
        loop {
            let found = read_frame(file.as_ref(), self.tail.offset, &mut buffer)
                .map_err(JournalError::io("read", path))?;
            let detail = match found {
                Found::Frame(header) => {
                    if let Some(detail) = self.misfit(&header) {
                        return Err(self.corrupt(path, self.tail.offset, detail));
                    }
                    self.take(&header, &buffer);
                    looks_left = looks;
                    continue;
                }
                Found::Nothing => "there are zeros",
                Found::Damage(detail) => detail,
            };
            let leftover = last_nonzero(file.as_ref(), self.tail.offset)
                .map_err(JournalError::io("read", path))?;
            if leftover == 0 {
                return Ok(());
            }
            if looks_left == 0 {
                return self.judge(path, file.as_ref(), is_last, detail, leftover);
            }
            // What is half written now is whole in a moment; only what a crash
            // left stays as it is.
            looks_left -= 1;
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Why a whole frame does not belong here.
    fn misfit(&self, header: &Header) -> Option<String> {
        if header.group != self.tail.next_group || header.first_seq != self.tail.next_seq {
            return Some(format!(
                "group {} with record {} follows, expected group {} with record {}",
                header.group, header.first_seq, self.tail.next_group, self.tail.next_seq
            ));
        }
        if header.chain != self.tail.chain {
            return Some(format!(
                "group {} is not chained to the one before it",
                header.group
            ));
        }
        (header.epoch < self.tail.epoch
            || planted!(RefuseSameEpoch) && header.epoch == self.tail.epoch)
            .then(|| format!("epoch {} after epoch {}", header.epoch, self.tail.epoch))
    }

    fn take(&mut self, header: &Header, frame: &[u8]) {
        if header.count > 0 {
            let segment = self.segments.last_mut().expect("pushed before");
            if segment
                .frames
                .last()
                .is_none_or(|(_, at)| self.tail.offset >= at + INDEX_EVERY)
            {
                segment.frames.push((header.first_seq, self.tail.offset));
            }
        }
        self.recovery.records += u64::from(header.count);
        self.recovery.groups += 1;
        self.tail = Tail {
            offset: self.tail.offset + header.size(),
            next_group: header.group + 1,
            next_seq: header.next_seq(),
            chain: frame::chain_of(&frame[..HEADER + header.length as usize]),
            epoch: header.epoch,
        };
    }

    /// No whole frame follows at the tail, but something: a torn write or damage.
    fn judge(
        &mut self,
        path: &Path,
        file: &dyn DiskFile,
        is_last: bool,
        detail: &str,
        leftover: u64,
    ) -> Result<(), JournalError> {
        let at = self.tail.offset;
        let later = segment::later_frame(file, at, self.tail.next_group - 1)
            .map_err(JournalError::io("read", path))?;
        if let Some(later) = later {
            let detail = format!("{detail}, but group {} after it is whole", later.group);
            return Err(self.corrupt(path, at, detail));
        }
        if !is_last {
            return Err(self.corrupt(path, at, format!("{detail}, but there is a later segment")));
        }
        if planted!(CutGoodGroup) {
            self.tail.offset = START;
        }
        self.recovery.torn_bytes = leftover;
        self.recovery.torn_at = Some((path.display().to_string(), at));
        Ok(())
    }

    fn corrupt(&self, path: &Path, offset: u64, detail: String) -> JournalError {
        JournalError::Corrupt {
            path: path.to_owned(),
            offset,
            good_seq: self.tail.next_seq - 1,
            detail,
        }
    }
}

/// True if nothing stands behind a segment's head.
fn is_empty(file: &dyn DiskFile, path: &Path) -> Result<bool, JournalError> {
    let leftover = last_nonzero(file, START).map_err(JournalError::io("read", path))?;
    Ok(leftover == 0)
}

/// Bytes from `from` to the last one that is not zero.
fn last_nonzero(file: &dyn DiskFile, from: u64) -> io::Result<u64> {
    let mut rest = Vec::new();
    let length = file.size()?.saturating_sub(from);
    rest.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
    let got = read_up_to(file, &mut rest, from)?;
    Ok(rest[..got]
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at as u64 + 1))
}

/// Reads frames of the segments that the writer shares.
#[derive(Debug)]
struct FileReader {
    index: Arc<RwLock<Index>>,
}

impl FileReader {
    /// First record of the segment, and the offset in it, from where `seq` is
    /// reached by walking on.
    fn start(&self, seq: u64) -> Option<(u64, Arc<dyn DiskFile>, PathBuf, u64)> {
        let index = self.index.read();
        let position = index
            .segments
            .partition_point(|segment| segment.first_seq <= seq)
            .checked_sub(1)?;
        let segment = &index.segments[position];
        let frame = segment
            .frames
            .partition_point(|(first, _)| *first <= seq)
            .checked_sub(1);
        let offset = frame.map_or(START, |frame| segment.frames[frame].1);
        Some((
            segment.first_seq,
            Arc::clone(&segment.file),
            segment.path.clone(),
            offset,
        ))
    }

    /// The segment after one, by its first record: older ones may go meanwhile.
    fn after(&self, first_seq: u64) -> Option<(u64, Arc<dyn DiskFile>, PathBuf)> {
        let index = self.index.read();
        let position = index
            .segments
            .partition_point(|segment| segment.first_seq <= first_seq);
        let next = index.segments.get(position)?;
        Some((next.first_seq, Arc::clone(&next.file), next.path.clone()))
    }
}

impl Reader for FileReader {
    fn first_seq(&self) -> u64 {
        let index = self.index.read();
        index.segments.first().map_or(1, |first| first.first_seq)
    }

    fn scan(
        &self,
        from_seq: u64,
        upto_seq: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        if from_seq > upto_seq {
            return Ok(());
        }
        let Some((mut segment, mut file, mut path, mut offset)) = self.start(from_seq) else {
            return Ok(());
        };
        let mut buffer = Vec::new();
        loop {
            match read_frame(file.as_ref(), offset, &mut buffer)
                .map_err(JournalError::io("read", &path))?
            {
                Found::Frame(header) => {
                    if header.first_seq > upto_seq {
                        return Ok(());
                    }
                    let mut seq = header.first_seq;
                    let walked = each_record(&buffer[HEADER..], |record| {
                        let this = seq;
                        seq += 1;
                        if this < from_seq {
                            ControlFlow::Continue(())
                        } else if this > upto_seq {
                            ControlFlow::Break(())
                        } else {
                            visit(this, record)
                        }
                    });
                    match walked {
                        Some(ControlFlow::Continue(())) => offset += header.size(),
                        Some(ControlFlow::Break(())) => return Ok(()),
                        None => {
                            let detail =
                                format!("the records of group {} do not add up", header.group);
                            return Err(JournalError::Corrupt {
                                path,
                                offset,
                                good_seq: header.first_seq - 1,
                                detail,
                            });
                        }
                    }
                }
                Found::Nothing => {
                    let Some((next, next_file, next_path)) = self.after(segment) else {
                        return Ok(());
                    };
                    (segment, file, path, offset) = (next, next_file, next_path, START);
                }
                Found::Damage(detail) => {
                    return Err(JournalError::Corrupt {
                        path,
                        offset,
                        good_seq: from_seq - 1,
                        detail: detail.into(),
                    });
                }
            }
        }
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

/// Checks every frame of a folder and changes nothing. A torn tail is reported
/// and left; it is cut when an engine opens the folder.
///
/// # Errors
/// As [`FileJournal::open`].
pub fn verify(folder: &Path) -> Result<Report, JournalError> {
    let survey = Survey::of(&Folder::at(folder), true)?;
    let mut bytes = 0;
    for segment in &survey.segments {
        bytes += segment
            .file
            .size()
            .map_err(JournalError::io("look at", &segment.path))?;
    }
    Ok(Report {
        segments: survey.segments.len(),
        bytes,
        recovery: survey.recovery,
    })
}
