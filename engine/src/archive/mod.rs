//! The archive: orders that are over, in files, so that memory holds what is open.
//!
//! Orders enter it in *runs*: a run is durable before the record that takes its orders
//! out of memory is written. Small runs are merged into larger ones, up to a size, so
//! that a look-up asks few of them; most say no from a filter in memory. The state names
//! the last run and its chain; an archive that does not have it is told, and is made
//! again from the journal where that reaches back to the beginning.
//!
//! A run that the state does not name was written by a process that died before the
//! record: its orders are in memory still, and it is set aside at the next start. Of an
//! order that stands in several runs the newest is true, and what is in memory goes
//! before all of them. Who asks looks there first.

mod filter;
mod run;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::domain::orders::OrderId;
use crate::domain::orders::archived::Archived;
use crate::domain::state::{ArchiveMark, chained};
use crate::journal::{Disk, Folder};
use crate::planted::planted;

use run::{FORMAT, Name, Run, Wrong};

/// A run that is being written.
const DRAFT: &str = "draft";
/// So many runs of one size become one of the next.
const MERGED: usize = 8;
/// A run of so many orders is not merged further: a merge is never longer than that.
const LARGEST: u64 = 1 << 20;

/// Why the archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path} is damaged: {detail}. Restore the archive of a backup")]
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
        "the journal says that orders were archived up to run {run}, and {path} {detail}. Restore the archive of a backup"
    )]
    Missing {
        path: PathBuf,
        run: u64,
        detail: String,
    },
}

impl ArchiveError {
    /// True if a replay of the whole journal makes it good.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Missing { .. })
    }
}

/// What an archive has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ArchiveFacts {
    /// Files, orders in them (one that came back and left again counts twice), bytes.
    pub files: usize,
    pub orders: u64,
    pub bytes: u64,
    /// Memory that filters and lists of pages take.
    pub resident_bytes: u64,
}

/// Orders as [`Archive::find`] looks for them: by number, or by the channel's id too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Number,
    AnyName,
}

/// The archive of one data folder. Any thread may look orders up.
#[derive(Debug)]
pub struct Archive {
    disk: Arc<dyn Disk>,
    /// Oldest first.
    runs: RwLock<Arc<Vec<Arc<Run>>>>,
    /// One writes at a time.
    turn: Mutex<()>,
}

impl Archive {
    /// The folder of a data folder's archive.
    #[must_use]
    pub fn folder(data: &Path) -> PathBuf {
        data.join("archive")
    }

    /// Opens an archive that has every run up to `mark`. Sets runs aside that no record
    /// names, and removes what a merge or a death left over.
    ///
    /// # Errors
    /// [`ArchiveError`]; nothing was changed if a run is damaged or missing.
    pub fn open(disk: Arc<dyn Disk>, mark: ArchiveMark) -> Result<Self, ArchiveError> {
        let archive = Self::reading(disk, mark)?;
        // A process that died while it named a run may have left the name where only this
        // system sees it: what that run replaces goes only once it is durable.
        let synced = archive.disk.sync();
        synced.map_err(|error| archive.error("", Wrong::Io(error)))?;
        let keep: Vec<String> = archive.view().iter().map(|run| run.name.clone()).collect();
        for name in archive.list()? {
            if keep.contains(&name) || range_of(&name).is_none() {
                continue;
            }
            match range_of(&name).is_some_and(|(first, _)| first > mark.run) {
                true => archive.set_aside(&name)?,
                false => archive.remove(&name)?,
            }
        }
        let _ = archive.disk.remove(DRAFT);
        Ok(archive)
    }

    /// The same for looking only: nothing is changed.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn reading(disk: Arc<dyn Disk>, mark: ArchiveMark) -> Result<Self, ArchiveError> {
        let archive = Self {
            disk,
            runs: RwLock::default(),
            turn: Mutex::default(),
        };
        let mut names = archive.list()?;
        names.retain(|name| range_of(name).is_some_and(|(first, _)| first <= mark.run));
        // Of files that begin alike the one that reaches farther was merged.
        names.sort_by_key(|name| range_of(name).map(|(first, last)| (first, u64::MAX - last)));
        let mut runs: Vec<Arc<Run>> = Vec::new();
        for name in names {
            let covered = runs.last().map_or(0, |run| run.range().1);
            if range_of(&name).is_some_and(|(_, last)| last > covered) {
                runs.push(archive.open_run(&name)?);
            }
        }
        archive.check_chain(&runs, mark)?;
        *archive.runs.write() = Arc::new(runs);
        Ok(archive)
    }

    /// Runs follow each other, and the last one is the state's. What reaches beyond it is of
    /// a history that is gone, and of an order that left twice may have that one's image.
    fn check_chain(&self, runs: &[Arc<Run>], mark: ArchiveMark) -> Result<(), ArchiveError> {
        let missing = |detail: String| ArchiveError::Missing {
            path: self.disk.path(""),
            run: mark.run,
            detail,
        };
        let mut known = vec![(0, [0; 16])];
        for run in runs {
            if !known.iter().any(|(_, chain)| *chain == run.tail.before) {
                let (number, _) = run.range();
                return Err(missing(format!(
                    "has a run {number} that follows none of those before it"
                )));
            }
            known.clone_from(&run.tail.runs);
        }
        match known.last() {
            Some(last) if *last == (mark.run, mark.chain) || planted!(TrustMergedBeyond) => Ok(()),
            _ if known.contains(&(mark.run, mark.chain)) => Err(missing(
                "has it in one file with later ones, which the journal does not know".into(),
            )),
            _ => Err(missing("does not have it".into())),
        }
    }

    /// Keeps orders, which come by merchant and id, as the next run behind `mark`; gives
    /// its number. It is durable, and found, when this returns.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; the archive is as before.
    pub fn keep(&self, mark: ArchiveMark, orders: &[Archived]) -> Result<u64, ArchiveError> {
        let _turn = self.turn.lock();
        let number = self.last_run().max(mark.run) + 1;
        self.add(mark, number, orders)?;
        Ok(number)
    }

    /// Keeps orders as the run that a record names, where the archive is made again.
    ///
    /// # Errors
    /// As [`Archive::keep`].
    pub fn keep_again(
        &self,
        mark: ArchiveMark,
        number: u64,
        orders: &[Archived],
    ) -> Result<(), ArchiveError> {
        let turn = self.turn.lock();
        self.add(mark, number, orders)?;
        drop(turn);
        while self.merge(number)? {}
        Ok(())
    }

    fn add(&self, mark: ArchiveMark, number: u64, orders: &[Archived]) -> Result<(), ArchiveError> {
        let runs = vec![(number, chained(mark.chain, orders))];
        let run = self.write(mark.chain, runs, orders.iter().cloned().map(Ok))?;
        let mut view = self.view().to_vec();
        view.push(run);
        *self.runs.write() = Arc::new(view);
        Ok(())
    }

    /// Takes a run back that no record will name.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn forget(&self, number: u64) -> Result<(), ArchiveError> {
        let _turn = self.turn.lock();
        let mut view = self.view().to_vec();
        view.retain(|run| run.range() != (number, number));
        *self.runs.write() = Arc::new(view);
        self.remove(&name_of(number, number))
    }

    /// Merges runs of one size, if there are enough of them; true if it did. Only runs up
    /// to `durable_run` are merged, since a later one may yet be taken back.
    ///
    /// # Errors
    /// [`ArchiveError`]; every order is still there.
    pub fn merge(&self, durable_run: u64) -> Result<bool, ArchiveError> {
        let _turn = self.turn.lock();
        let view = self.view();
        let Some(from) = mergeable(&view, durable_run) else {
            return Ok(false);
        };
        let old = &view[from..from + MERGED];
        if planted!(RemoveBeforeMerged) {
            old.iter().try_for_each(|run| self.remove(&run.name))?;
        }
        let numbers = old.iter().flat_map(|run| run.tail.runs.iter().copied());
        let merged = self.write(old[0].tail.before, numbers.collect(), newest_of(old))?;
        let mut next = view.to_vec();
        next.splice(from..from + MERGED, [merged]);
        *self.runs.write() = Arc::new(next);
        for run in old.iter().filter(|_| !planted!(RemoveBeforeMerged)) {
            self.remove(&run.name)?;
        }
        Ok(true)
    }

    /// An archived order of a merchant. Most names that are not there cost no disk.
    ///
    /// # Errors
    /// [`ArchiveError`] naming the damaged file, where it cannot be said.
    pub fn find(
        &self,
        merchant: u32,
        name: &str,
        by: By,
    ) -> Result<Option<Archived>, ArchiveError> {
        match self.newest(merchant, Name::Number(name))? {
            None if by == By::AnyName => self.newest(merchant, Name::ChannelId(name)),
            found => Ok(found),
        }
    }

    /// The archived order of an id.
    ///
    /// # Errors
    /// As [`Archive::find`].
    pub fn by_id(&self, merchant: u32, id: OrderId) -> Result<Option<Archived>, ArchiveError> {
        self.newest(merchant, Name::Id(id))
    }

    /// The newest image of the order; of several with the same channel id of the youngest.
    fn newest(&self, merchant: u32, name: Name<'_>) -> Result<Option<Archived>, ArchiveError> {
        let skipped = usize::from(planted!(SkipNewestRun));
        let key = name.key(merchant);
        let mut youngest: Option<Archived> = None;
        for run in self.view().iter().rev().skip(skipped) {
            let found = run.find(merchant, name, key);
            if let Some(found) = found.map_err(|wrong| self.error(&run.name, wrong))?
                && youngest.as_ref().is_none_or(|known| known.id < found.id)
            {
                youngest = Some(found);
                if name.is_of_one() {
                    break;
                }
            }
        }
        Ok(youngest)
    }

    /// The last run that a look-up from now on sees; 0: none.
    #[must_use]
    pub fn last_run(&self) -> u64 {
        self.view().last().map_or(0, |run| run.range().1)
    }

    #[must_use]
    pub fn facts(&self) -> ArchiveFacts {
        let view = self.view();
        ArchiveFacts {
            files: view.len(),
            orders: view.iter().map(|run| run.tail.orders).sum(),
            bytes: view.iter().map(|run| run.bytes).sum(),
            resident_bytes: view.iter().map(|run| run.resident_bytes()).sum(),
        }
    }

    /// Reads everything in it, and shows each order of each run with its bytes: one that
    /// stands in several runs more than once.
    ///
    /// # Errors
    /// [`ArchiveError`] naming the first damaged file.
    pub fn check(&self, see: &mut dyn FnMut(&Archived, u64)) -> Result<(), ArchiveError> {
        let mut checked =
            |run: &Arc<Run>| (run.check(see)).map_err(|wrong| self.error(&run.name, wrong));
        self.view().iter().try_for_each(&mut checked)
    }

    /// Shows the newest image of every order, by merchant and id.
    ///
    /// # Errors
    /// [`ArchiveError`]; [`Archive::check`] names the damaged file.
    pub fn each(&self, see: &mut dyn FnMut(&Archived)) -> Result<(), ArchiveError> {
        let view = self.view();
        newest_of(&view).try_for_each(|order| {
            see(&order.map_err(|wrong| self.error("", wrong))?);
            Ok(())
        })
    }

    /// Sets everything in a folder aside, to begin again.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn begin_again(disk: Arc<dyn Disk>) -> Result<Self, ArchiveError> {
        let archive = Self {
            disk,
            runs: RwLock::default(),
            turn: Mutex::default(),
        };
        for name in archive.list()? {
            if range_of(&name).is_some() {
                archive.set_aside(&name)?;
            }
        }
        Ok(archive)
    }

    fn view(&self) -> Arc<Vec<Arc<Run>>> {
        Arc::clone(&self.runs.read())
    }

    fn write(
        &self,
        before: [u8; 16],
        runs: Vec<(u64, [u8; 16])>,
        orders: impl Iterator<Item = Result<Archived, Wrong>>,
    ) -> Result<Arc<Run>, ArchiveError> {
        let (first, last) = (runs[0].0, runs[runs.len() - 1].0);
        let name = name_of(first, last);
        let written = self.disk.create(DRAFT).map_err(Wrong::Io);
        let written = written.and_then(|file| run::write(file.as_ref(), before, runs, orders));
        if written.is_err() {
            // It may be what fills the disk.
            let _ = self.disk.remove(DRAFT);
        }
        written.map_err(|wrong| self.error(DRAFT, wrong))?;
        let named = self
            .disk
            .rename(DRAFT, &name)
            .and_then(|()| match planted!(ForgetRunName) {
                true => Ok(()),
                false => self.disk.sync(),
            });
        named.map_err(|error| self.error(&name, Wrong::Io(error)))?;
        self.open_run(&name)
    }

    fn open_run(&self, name: &str) -> Result<Arc<Run>, ArchiveError> {
        let file = self.disk.open(name, false).map_err(Wrong::Io);
        let run = file.and_then(|file| Run::open(name, file));
        let run = run.map_err(|wrong| self.error(name, wrong))?;
        match range_of(name) == Some(run.range()) {
            true => Ok(Arc::new(run)),
            false => Err(self.error(name, Wrong::Damaged("it has another one's name".into()))),
        }
    }

    fn list(&self) -> Result<Vec<String>, ArchiveError> {
        match self.disk.list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|error| self.error("", Wrong::Io(error))),
        }
    }

    fn remove(&self, name: &str) -> Result<(), ArchiveError> {
        let removed = self.disk.remove(name);
        removed.map_err(|error| self.error(name, Wrong::Io(error)))
    }

    fn set_aside(&self, name: &str) -> Result<(), ArchiveError> {
        let moved = self.disk.rename(name, &format!("{name}.rejected"));
        moved.map_err(|error| self.error(name, Wrong::Io(error)))
    }

    fn error(&self, name: &str, wrong: Wrong) -> ArchiveError {
        let path = self.disk.path(name);
        match wrong {
            Wrong::Io(source) => ArchiveError::Io {
                action: "use",
                path,
                source,
            },
            Wrong::Newer(found) => ArchiveError::Newer {
                path,
                found,
                known: FORMAT,
            },
            Wrong::Damaged(detail) => ArchiveError::Damaged { path, detail },
        }
    }
}

impl Archive {
    /// An archive in a folder of the file system, which is made if need be.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn create_folder(data: &Path) -> Result<Arc<dyn Disk>, ArchiveError> {
        let path = Self::folder(data);
        let folder = Folder::create(&path).map_err(|source| ArchiveError::Io {
            action: "create",
            path,
            source,
        })?;
        Ok(Arc::new(folder))
    }
}

/// Where enough neighbours of one size stand that may be merged.
fn mergeable(runs: &[Arc<Run>], durable_run: u64) -> Option<usize> {
    let size = |run: &Run| (1 + run.tail.runs.len().ilog2()) / MERGED.ilog2();
    runs.windows(MERGED).position(|some| {
        let orders: u64 = some.iter().map(|run| run.tail.orders).sum();
        some.iter().all(|run| size(run) == size(&some[0]))
            && some[MERGED - 1].range().1 <= durable_run
            && orders <= LARGEST
    })
}

/// The orders of several runs by merchant and id; of one that stands in several the newest.
fn newest_of(runs: &[Arc<Run>]) -> impl Iterator<Item = Result<Archived, Wrong>> {
    let mut sources: Vec<_> = runs.iter().map(|run| run.orders().peekable()).collect();
    let place = |order: &Archived| (order.merchant, order.id);
    std::iter::from_fn(move || {
        let mut failed = sources.iter_mut();
        if let Some(failed) = failed.find_map(|source| source.next_if(Result::is_err)) {
            return Some(failed);
        }
        let heads = sources.iter_mut().filter_map(|source| source.peek());
        let first = heads
            .filter_map(|head| head.as_ref().ok().map(place))
            .min()?;
        let is_first =
            |head: &Result<Archived, Wrong>| head.as_ref().is_ok_and(|o| place(o) == first);
        // Sources go from old to new.
        let mut images = sources
            .iter_mut()
            .filter_map(|source| source.next_if(is_first));
        match planted!(KeepOlderImage) {
            true => {
                let oldest = images.next();
                images.for_each(drop);
                oldest
            }
            false => images.last(),
        }
    })
}

fn name_of(first: u64, last: u64) -> String {
    format!("{first:012}-{last:012}.archive")
}

fn range_of(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(".archive")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
