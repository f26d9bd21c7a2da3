//! The file journal: append-only segments, one fdatasync a group.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::frame::{self, Chain, HEADER, Header};
use super::segment::{self, Found, Origin, START, read_frame};
use super::{Durability, Group, Journal, JournalError, Reader, Recovery, each_record};

/// How a file journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct FileOptions {
    /// fdatasync before the acknowledgement; otherwise within 5 ms after it.
    pub synced: bool,
    /// A segment is closed once it is this long.
    pub segment_bytes: u64,
    /// Zeros written ahead of the frames.
    pub reserve_bytes: u64,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            synced: true,
            segment_bytes: 64 << 20,
            reserve_bytes: 1 << 20,
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
    path: PathBuf,
    file: Arc<File>,
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
    folder: PathBuf,
    options: FileOptions,
    index: Arc<RwLock<Index>>,
    file: Arc<File>,
    offset: u64,
    /// End of the zeros that are written.
    reserved: u64,
    journal_id: [u8; 16],
    epoch: u32,
    next_group: u64,
    next_seq: u64,
    chain: Chain,
    frame: Vec<u8>,
    last_sync: Instant,
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
        fs::create_dir_all(folder).map_err(JournalError::io("create", folder))?;
        let mut survey = Survey::of(folder, false)?;
        if survey.segments.is_empty() {
            survey.begin(folder)?;
        }
        let last = survey.segments.last().expect("a segment is open");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&last.path)
            .map_err(JournalError::io("open", &last.path))?;
        let tail = survey.tail;
        if survey.recovery.torn_bytes > 0 {
            // The cut is made by shortening the file: nothing after it is ours.
            file.set_len(tail.offset)
                .and_then(|()| file.sync_all())
                .map_err(JournalError::io("cut", &last.path))?;
        }
        let length = file
            .metadata()
            .map_err(JournalError::io("look at", &last.path))?
            .len();
        let epoch = tail.epoch + 1;
        let mut journal = Self {
            folder: folder.to_owned(),
            options,
            index: Arc::new(RwLock::new(Index {
                segments: survey.segments,
            })),
            file: Arc::new(file),
            offset: tail.offset,
            reserved: length,
            journal_id: survey.journal_id,
            epoch,
            next_group: tail.next_group,
            next_seq: tail.next_seq,
            chain: tail.chain,
            frame: Vec::new(),
            last_sync: Instant::now(),
        };
        // The empty group states the new epoch before anything else is written.
        journal.seal().map_err(JournalError::io("write", folder))?;
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
        let survey = Survey::of(folder, true)?;
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
        self.next_group += 1;
        self.next_seq += u64::from(group.count);
        if self.offset >= self.options.segment_bytes {
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
        if sync {
            self.file.sync_data()?;
            self.last_sync = Instant::now();
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
        let (path, file) = create_segment(&self.folder, &origin)?;
        self.file = Arc::new(file);
        self.offset = START;
        self.reserved = START;
        self.index.write().segments.push(Indexed {
            path,
            file: Arc::clone(&self.file),
            first_seq: self.next_seq,
            frames: Vec::new(),
        });
        Ok(())
    }
}

impl Journal for FileJournal {
    fn commit(&mut self, group: &Group<'_>) -> io::Result<()> {
        let sync = self.options.synced || self.last_sync.elapsed() >= UNSYNCED;
        self.append(group, sync)
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

fn create_segment(folder: &Path, origin: &Origin) -> io::Result<(PathBuf, File)> {
    let path = folder.join(segment::file_name(origin.first_seq));
    // A crash may have left an empty segment of this name; it holds nothing.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    file.write_all_at(&origin.encode(), 0)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok((path, file))
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
    recovery: Recovery,
    tail: Tail,
    journal_id: [u8; 16],
}

impl Survey {
    fn of(folder: &Path, beside_writer: bool) -> Result<Self, JournalError> {
        let mut survey = Self {
            beside_writer,
            segments: Vec::new(),
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
        let paths = segment::list(folder)?;
        for (position, path) in paths.iter().enumerate() {
            survey.read_segment(path, position + 1 == paths.len())?;
        }
        survey.recovery.last_seq = survey.tail.next_seq - 1;
        survey.recovery.epoch = survey.tail.epoch;
        Ok(survey)
    }

    fn begin(&mut self, folder: &Path) -> Result<(), JournalError> {
        getrandom::fill(&mut self.journal_id).map_err(|error| {
            JournalError::io("draw an id for", folder)(io::Error::other(error.to_string()))
        })?;
        let origin = Origin {
            first_seq: 1,
            first_group: 1,
            chain: Chain::default(),
            journal_id: self.journal_id,
        };
        let (path, file) =
            create_segment(folder, &origin).map_err(JournalError::io("create", folder))?;
        self.segments.push(Indexed {
            path,
            file: Arc::new(file),
            first_seq: 1,
            frames: Vec::new(),
        });
        Ok(())
    }

    fn read_segment(&mut self, path: &Path, is_last: bool) -> Result<(), JournalError> {
        let file = File::open(path).map_err(JournalError::io("open", path))?;
        let Some(origin) = Origin::read(&file, path)? else {
            // Only the newest segment may be unfinished: a crash while it was begun.
            if is_last && !self.segments.is_empty() {
                return Ok(());
            }
            return Err(self.corrupt(path, 0, "its head is not readable".into()));
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
            path: path.to_owned(),
            file: Arc::new(file),
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
            let found = read_frame(&file, self.tail.offset, &mut buffer)
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
            let leftover =
                last_nonzero(&file, self.tail.offset).map_err(JournalError::io("read", path))?;
            if leftover == 0 {
                return Ok(());
            }
            if looks_left == 0 {
                return self.judge(path, &file, is_last, detail, leftover);
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
        (header.epoch < self.tail.epoch)
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
        file: &File,
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

/// Bytes from `from` to the last one that is not zero.
fn last_nonzero(file: &File, from: u64) -> io::Result<u64> {
    let mut rest = Vec::new();
    let length = file.metadata()?.len().saturating_sub(from);
    rest.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
    let got = segment::read_up_to(file, &mut rest, from)?;
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
    /// Segment and offset from where `seq` is reached by walking on.
    fn start(&self, seq: u64) -> Option<(usize, Arc<File>, PathBuf, u64)> {
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
            position,
            Arc::clone(&segment.file),
            segment.path.clone(),
            offset,
        ))
    }

    fn segment(&self, position: usize) -> Option<(Arc<File>, PathBuf)> {
        self.index
            .read()
            .segments
            .get(position)
            .map(|segment| (Arc::clone(&segment.file), segment.path.clone()))
    }
}

impl Reader for FileReader {
    fn scan(
        &self,
        from_seq: u64,
        upto_seq: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        if from_seq > upto_seq {
            return Ok(());
        }
        let Some((mut position, mut file, mut path, mut offset)) = self.start(from_seq) else {
            return Ok(());
        };
        let mut buffer = Vec::new();
        loop {
            match read_frame(&file, offset, &mut buffer).map_err(JournalError::io("read", &path))? {
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
                    position += 1;
                    let Some((next, next_path)) = self.segment(position) else {
                        return Ok(());
                    };
                    (file, path, offset) = (next, next_path, START);
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
    let survey = Survey::of(folder, true)?;
    let mut bytes = 0;
    for segment in &survey.segments {
        bytes += segment
            .file
            .metadata()
            .map_err(JournalError::io("look at", &segment.path))?
            .len();
    }
    Ok(Report {
        segments: survey.segments.len(),
        bytes,
        recovery: survey.recovery,
    })
}
