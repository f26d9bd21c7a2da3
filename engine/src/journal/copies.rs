//! A journal's files in every copy: once, or twice with a mirror.
//!
//! Each copy holds the same bytes at the same places. A frame is read from
//! whichever copy has it whole and in its place; the other one is stale there
//! and can be mended from it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::cut::MARK;
use super::frame::{HEADER, Header};
use super::segment::{self, Found, Origin, read_frame};
use super::{Disk, DiskFile, JournalError, read_up_to};
use crate::planted::planted;

/// The disks of a journal: the first, and its mirror if there is one.
#[derive(Debug, Clone)]
pub(super) struct Copies(Vec<Arc<dyn Disk>>);

impl Copies {
    pub(super) fn new(first: Arc<dyn Disk>, mirror: Option<Arc<dyn Disk>>) -> Self {
        Self(std::iter::once(first).chain(mirror).collect())
    }

    pub(super) fn first(&self) -> &dyn Disk {
        self.0[0].as_ref()
    }

    pub(super) fn disks(&self) -> impl Iterator<Item = &dyn Disk> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Names of the segments that any copy has, in order.
    ///
    /// # Errors
    /// [`JournalError::HalfCut`] if a cut was begun and not finished.
    pub(super) fn segments(&self) -> Result<Vec<String>, JournalError> {
        let names = self.names()?;
        if names.iter().any(|name| name == MARK) {
            let path = self.first().path(MARK);
            let mut seq = [0; 20];
            let read = |file: Arc<dyn DiskFile>| read_up_to(file.as_ref(), &mut seq, 0);
            let got = self.first().open(MARK, false).and_then(read);
            let got = got.map_err(JournalError::io("read", &path))?;
            return Err(JournalError::HalfCut {
                path,
                seq: String::from_utf8_lossy(&seq[..got]).into_owned(),
            });
        }
        Ok(only_segments(names))
    }

    /// The same for whoever finishes the cut.
    pub(super) fn segments_if_half_cut(&self) -> Result<Vec<String>, JournalError> {
        self.names().map(only_segments)
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        let mut names = Vec::new();
        for disk in self.disks() {
            let listed = disk.list();
            names.extend(listed.map_err(JournalError::io("list", disk.path("")))?);
        }
        Ok(names)
    }

    /// A segment's file in every copy; one that a copy lacks is missing there.
    pub(super) fn open(&self, name: &str, writing: bool) -> Result<Files, JournalError> {
        let open = |disk: &Arc<dyn Disk>| match disk.open(name, writing) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.0.len() > 1 => Ok(None),
            Err(error) => Err(JournalError::io("open", disk.path(name))(error)),
        };
        let files = self.0.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        if files.iter().all(Option::is_none) {
            let gone = io::ErrorKind::NotFound.into();
            return Err(JournalError::io("open", self.first().path(name))(gone));
        }
        Ok(Files {
            name: name.to_owned(),
            paths: self.disks().map(|disk| disk.path(name)).collect(),
            files,
        })
    }

    /// Begins a segment in every copy, durably.
    pub(super) fn create(&self, origin: &Origin) -> io::Result<Files> {
        let name = segment::file_name(origin.first_seq);
        let mut files = Vec::new();
        for disk in self.disks() {
            // A crash may have left an empty segment of this name; it holds nothing.
            let file = disk.create(&name)?;
            file.write_all_at(&origin.encode(), 0)?;
            file.sync_all()?;
            if !planted!(ForgetFolderSync) {
                disk.sync()?;
            }
            files.push(file);
        }
        Ok(self.named(name, files))
    }

    /// Files that are there in every copy, by their name.
    pub(super) fn named(&self, name: String, files: Vec<Arc<dyn DiskFile>>) -> Files {
        Files {
            paths: self.disks().map(|disk| disk.path(&name)).collect(),
            name,
            files: files.into_iter().map(Some).collect(),
        }
    }

    /// Makes names durable in every copy.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.disks().try_for_each(Disk::sync)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        for disk in self.disks() {
            match disk.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => disk.sync()?,
            }
        }
        Ok(())
    }

    /// Bytes that may be written in the copy that has fewest.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let mut least = u64::MAX;
        for disk in self.disks() {
            least = least.min(disk.free_bytes()?);
        }
        Ok(least)
    }

    /// Writes into one copy what another one has, durably.
    pub(super) fn mend(&self, repair: &Repair) -> io::Result<()> {
        let good = self.0[repair.from].open(&repair.name, false)?;
        let disk = &self.0[repair.copy];
        let (file, is_new) = match disk.open(&repair.name, true) {
            Ok(file) => (file, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (disk.create(&repair.name)?, true)
            }
            Err(error) => return Err(error),
        };
        let mut piece = vec![0; MEND_PIECE];
        let mut at = repair.offset;
        let end = repair.offset + repair.length;
        while at < end {
            let size = usize::try_from(end - at).map_or(MEND_PIECE, |left| left.min(MEND_PIECE));
            let got = read_up_to(good.as_ref(), &mut piece[..size], at)?;
            if got < size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.write_all_at(&piece[..size], at)?;
            at += size as u64;
        }
        file.sync_all()?;
        if is_new {
            disk.sync()?;
        }
        Ok(())
    }
}

fn only_segments(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| segment::is_segment(name));
    names.sort();
    names.dedup();
    names
}

/// Bytes copied at once while mending and writing again.
const MEND_PIECE: usize = 1 << 20;

/// A stretch that one copy lacks or has wrong, and another has right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repair {
    pub name: String,
    pub copy: usize,
    pub from: usize,
    pub offset: u64,
    pub length: u64,
}

/// One segment's file in every copy.
#[derive(Debug, Clone)]
pub(super) struct Files {
    name: String,
    paths: Vec<PathBuf>,
    files: Vec<Option<Arc<dyn DiskFile>>>,
}

/// A frame as one of the copies has it.
#[derive(Debug)]
pub(super) struct Reading {
    pub found: Found,
    /// The copy that it was read from.
    pub from: usize,
    /// Copies that hold something else there.
    pub stale: Vec<usize>,
    /// Two copies hold whole frames that fit and differ.
    pub diverged: bool,
}

impl Files {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What to call it in a message.
    pub(super) fn path(&self) -> &PathBuf {
        &self.paths[0]
    }

    pub(super) fn path_of(&self, copy: usize) -> &PathBuf {
        &self.paths[copy]
    }

    /// The copies that there are.
    pub(super) fn each(&self) -> impl Iterator<Item = &dyn DiskFile> {
        self.copies().map(|(_, file)| file)
    }

    /// The same with their places.
    pub(super) fn copies(&self) -> impl Iterator<Item = (usize, &dyn DiskFile)> {
        let files = self.files.iter().enumerate();
        files.filter_map(|(copy, file)| Some((copy, file.as_deref()?)))
    }

    /// The head of the segment, and the copies that lack it.
    pub(super) fn origin(&self) -> Result<Option<(Origin, usize, Vec<usize>)>, JournalError> {
        let mut good: Option<(Origin, usize)> = None;
        let mut stale = Vec::new();
        for (copy, file) in self.files.iter().enumerate() {
            let read = match file {
                Some(file) => Origin::read(file.as_ref(), &self.paths[copy])?,
                None => None,
            };
            match (read, &good) {
                (Some(origin), None) => good = Some((origin, copy)),
                (Some(origin), Some((known, _))) if origin == *known => {}
                _ => stale.push(copy),
            }
        }
        Ok(good.map(|(origin, copy)| (origin, copy, stale)))
    }

    /// The frame at `offset` from the first copy that has one which `fits`; else
    /// what is wrong there.
    ///
    /// # Errors
    /// If no copy can be read.
    pub(super) fn read_frame(
        &self,
        offset: u64,
        buffer: &mut Vec<u8>,
        fits: &dyn Fn(&Header) -> Option<String>,
    ) -> io::Result<Reading> {
        let mut found: Option<(Found, usize)> = None;
        let (mut stale, mut diverged) = (Vec::new(), false);
        let mut failure = None;
        let mut other = Vec::new();
        for (copy, file) in self.files.iter().enumerate() {
            let Some(file) = file else {
                stale.push(copy);
                continue;
            };
            let whole = matches!(found, Some((Found::Frame(_), _)));
            let target = if whole { &mut other } else { &mut *buffer };
            let read = match read_frame(file.as_ref(), offset, target) {
                Ok(Found::Frame(header)) => match fits(&header) {
                    None => Found::Frame(header),
                    Some(detail) => Found::Misplaced(detail),
                },
                Ok(other) => other,
                // A sector that cannot be read is a damaged one where another copy has it.
                Err(error) => {
                    failure = Some(error);
                    stale.push(copy);
                    continue;
                }
            };
            match (&found, &read) {
                (Some((Found::Frame(_), _)), Found::Frame(_)) => diverged |= *buffer != other,
                (Some((Found::Frame(_), _)), _) => stale.push(copy),
                (Some((_, before)), Found::Frame(_)) => {
                    stale.push(*before);
                    found = Some((read, copy));
                }
                // Of two wrong ones that counts which says more.
                (Some((Found::Misplaced(_), _)), _)
                | (Some((Found::Damage(_), _)), Found::Damage(_) | Found::Nothing) => {}
                _ => found = Some((read, copy)),
            }
        }
        match (found, failure) {
            (Some((found, from)), failure) => match (&found, failure) {
                (Found::Frame(_), _) | (_, None) => Ok(Reading {
                    found,
                    from,
                    stale,
                    diverged,
                }),
                (_, Some(error)) => Err(error),
            },
            (None, Some(error)) => Err(error),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The header at `offset`, in the first copy that has anything there.
    pub(super) fn header_at(&self, offset: u64) -> io::Result<Option<(Header, &PathBuf)>> {
        for (copy, file) in self.copies() {
            let mut head = [0; HEADER];
            read_up_to(file, &mut head, offset)?;
            if let Some(header) = Header::parse(&head) {
                return Ok(Some((header, &self.paths[copy])));
            }
        }
        Ok(None)
    }

    pub(super) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.each()
            .try_for_each(|file| file.write_all_at(bytes, offset))
    }

    /// Writes what stands there once more, each copy its own.
    pub(super) fn rewrite(&self, from: u64, to: u64) -> io::Result<()> {
        let whole = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut stride = vec![0; whole.min(MEND_PIECE)];
        for file in self.each() {
            let mut at = from;
            while at < to {
                let wanted =
                    usize::try_from(to - at).map_or(stride.len(), |left| left.min(stride.len()));
                let got = read_up_to(file, &mut stride[..wanted], at)?;
                if got == 0 {
                    break;
                }
                file.write_all_at(&stride[..got], at)?;
                at += got as u64;
            }
        }
        Ok(())
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.each().try_for_each(DiskFile::sync_data)
    }

    pub(super) fn cut(&self, length: u64) -> io::Result<()> {
        self.each().try_for_each(|file| file.set_len(length))
    }

    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.each().try_for_each(DiskFile::sync_all)
    }

    /// The shortest copy's length.
    pub(super) fn shortest(&self) -> io::Result<u64> {
        let mut least = u64::MAX;
        for file in self.each() {
            least = least.min(file.size()?);
        }
        Ok(least)
    }

    /// The path of a copy that is no longer the file of its name.
    pub(super) fn gone(&self) -> io::Result<Option<&PathBuf>> {
        for (copy, file) in self.files.iter().enumerate() {
            if let Some(file) = file
                && !file.is_still(&self.name)?
            {
                return Ok(Some(&self.paths[copy]));
            }
        }
        Ok(None)
    }
}
