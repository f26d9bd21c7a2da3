//! A disk that keeps what was synced and may do anything to the rest.
//!
//! A file is what readers see (`cached`) beside what the platter has
//! (`durable`). Writing marks pages dirty; a sync carries them over. When the
//! power fails, each dirty page is kept, dropped, torn or spoilt by itself, and
//! names and lengths that were not synced are lost or kept. When only the
//! process dies, the cache stays.
//!
//! What goes wrong is armed beforehand as a [`Fault`] with a countdown of calls,
//! so that a fault can fall between any two calls of one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::journal::{Disk, DiskFile};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// What kind of a disk it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Make {
    /// Bytes of a page, which is kept or lost as one: 512 or 4,096.
    pub page: usize,
    /// A power cut may spoil the synced bytes of a page that was being written.
    pub spoils_neighbours: bool,
    /// A power cut may carry a page to the place of another.
    pub misdirects: bool,
    /// A sync may answer without having synced.
    pub lies: bool,
}

impl Make {
    /// True if what was synced may be lost. It must never be wrong unseen.
    #[must_use]
    pub fn may_lose(self) -> bool {
        self.spoils_neighbours || self.misdirects || self.lies
    }
}

/// Something that goes wrong after so many further calls of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The power fails at a call; `seed` says what becomes of each page.
    PowerCut { calls: u32, seed: u64 },
    /// The process dies at a call.
    Kill { calls: u32 },
    /// A write fails after so many of its bytes.
    FailWrite { calls: u32, bytes: u32 },
    /// A sync fails, and it stays unknown what of it happened.
    FailSync { calls: u32 },
    /// No byte more can be written until there is space again.
    Full { calls: u32 },
    /// A sync says that it is done and is not.
    LieSync { calls: u32 },
    /// A call takes so long.
    Slow { calls: u32, ms: u32 },
}

/// How the machine went down at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    PowerCut(u64),
    Killed,
}

#[derive(Debug, Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    /// A sync of these failed: the system takes them for written, and will not try again.
    dropped: bool,
    /// The length differs from the durable one.
    resized: bool,
}

#[derive(Debug, Clone)]
enum NameChange {
    Made(String, usize),
    Renamed(String, String),
    Removed(String),
}

#[derive(Debug)]
struct Platter {
    make: Make,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    armed: Vec<Fault>,
    full: bool,
    down: Option<Down>,
    /// Handles of an earlier process are dead.
    life: u32,
    now: Duration,
}

/// The disk, or a folder of it; clones are the same one.
#[derive(Debug, Clone)]
pub struct SimDisk {
    platter: Arc<Mutex<Platter>>,
    /// What the names of its files begin with; empty, or with a slash at its end.
    folder: &'static str,
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    inode: usize,
    life: u32,
}

/// The kinds of calls that a countdown may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Sync,
    Name,
}

/// What a fault makes of the call that it falls on.
enum Verdict {
    Fine,
    Partly(usize),
    Lie,
}

impl SimDisk {
    #[must_use]
    pub fn new(make: Make) -> Self {
        let platter = Arc::new(Mutex::new(Platter {
            make,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            armed: Vec::new(),
            full: false,
            down: None,
            life: 0,
            now: Duration::ZERO,
        }));
        Self {
            platter,
            folder: "",
        }
    }

    /// A folder of this disk, whose name ends with a slash.
    #[must_use]
    pub fn folder(&self, folder: &'static str) -> Self {
        Self {
            platter: Arc::clone(&self.platter),
            folder,
        }
    }

    fn full(&self, name: &str) -> String {
        [self.folder, name].concat()
    }

    /// Somebody removes a file of this folder; which of those with such an end, a number says.
    /// False if there is none.
    pub fn lose(&self, end: &str, number: usize) -> bool {
        let mut platter = self.platter.lock();
        let names = platter.names.keys();
        let names: Vec<String> = names
            .filter(|name| name.starts_with(self.folder) && name.ends_with(end))
            .cloned()
            .collect();
        let Some(place) = number.checked_rem(names.len()) else {
            return false;
        };
        platter.names.remove(&names[place]);
        platter.durable_names.remove(&names[place]);
        true
    }

    /// Lets a fault happen later.
    pub fn arm(&self, fault: Fault) {
        self.platter.lock().armed.push(fault);
    }

    /// Nothing goes wrong from here on, and there is space.
    pub fn disarm(&self) {
        let mut platter = self.platter.lock();
        platter.armed.clear();
        platter.full = false;
    }

    /// How the machine went down, if it did.
    #[must_use]
    pub fn down(&self) -> Option<Down> {
        self.platter.lock().down
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        self.platter.lock().now += time;
    }

    /// A new process: what the dead one had open is closed.
    pub fn restart(&self) {
        let mut platter = self.platter.lock();
        platter.life += 1;
        platter.down = None;
    }

    /// The power failed and came back: only what is durable is there.
    pub fn power_cut(&self, seed: u64) {
        let mut platter = self.platter.lock();
        let mut chance = Chance::new(seed);
        platter.lose_names(&mut chance);
        let make = platter.make;
        for inode in &mut platter.inodes {
            inode.lose(make, &mut chance);
        }
    }
}

impl Platter {
    /// Counts down what is armed for this kind of call.
    fn call(&mut self, call: Call, life: Option<u32>) -> io::Result<Verdict> {
        if self.down.is_some() || life.is_some_and(|life| life != self.life) {
            return Err(io::Error::other("the machine is down"));
        }
        let mut verdict = Ok(Verdict::Fine);
        let mut index = 0;
        while index < self.armed.len() {
            let fault = &mut self.armed[index];
            if !fault.concerns(call) {
                index += 1;
            } else if *fault.calls() > 0 {
                *fault.calls() -= 1;
                index += 1;
            } else {
                let fault = self.armed.remove(index);
                verdict = self.strike(fault);
                if verdict.is_err() {
                    break;
                }
            }
        }
        if self.full && call == Call::Write {
            return Err(io::ErrorKind::StorageFull.into());
        }
        verdict
    }

    fn strike(&mut self, fault: Fault) -> io::Result<Verdict> {
        match fault {
            Fault::PowerCut { seed, .. } => {
                self.down = Some(Down::PowerCut(seed));
                // Whether the interrupted write reached the cache decides nothing:
                // its pages are unsynced either way.
                Ok(Verdict::Partly(seed as usize % 4_096))
            }
            Fault::Kill { .. } => {
                self.down = Some(Down::Killed);
                Err(io::Error::other("the process was killed"))
            }
            Fault::FailWrite { bytes, .. } => Ok(Verdict::Partly(bytes as usize)),
            Fault::FailSync { .. } => Err(io::Error::other("the device failed")),
            Fault::Full { .. } => {
                self.full = true;
                Ok(Verdict::Fine)
            }
            Fault::LieSync { .. } => Ok(Verdict::Lie),
            Fault::Slow { ms, .. } => {
                self.now += Duration::from_millis(ms.into());
                Ok(Verdict::Fine)
            }
        }
    }

    /// Each unsynced change of a name is lost or kept by itself.
    fn lose_names(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.unsynced_names) {
            if chance.permille(500) {
                change.carry_out(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
    }

    /// The names of one folder become durable.
    fn sync_names(&mut self, folder: &str) {
        let is_here = |change: &mut NameChange| {
            let name = change.name().strip_prefix(folder);
            name.is_some_and(|name| !name.contains('/'))
        };
        for change in self.unsynced_names.extract_if(.., is_here) {
            change.carry_out(&mut self.durable_names);
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change_names(&mut self, change: NameChange) {
        change.carry_out(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl NameChange {
    fn name(&self) -> &str {
        match self {
            Self::Made(name, _) | Self::Renamed(name, _) | Self::Removed(name) => name,
        }
    }

    fn carry_out(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Made(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Renamed(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl Fault {
    fn concerns(self, call: Call) -> bool {
        match self {
            Self::PowerCut { .. } | Self::Kill { .. } => call != Call::Read,
            Self::Slow { .. } => true,
            Self::FailWrite { .. } | Self::Full { .. } => call == Call::Write,
            Self::FailSync { .. } | Self::LieSync { .. } => call == Call::Sync,
        }
    }

    fn calls(&mut self) -> &mut u32 {
        match self {
            Self::PowerCut { calls, .. }
            | Self::Kill { calls }
            | Self::FailWrite { calls, .. }
            | Self::FailSync { calls }
            | Self::Full { calls }
            | Self::LieSync { calls }
            | Self::Slow { calls, .. } => calls,
        }
    }
}

impl Inode {
    fn write(&mut self, bytes: &[u8], at: usize, page: usize) {
        let end = at + bytes.len();
        if end > self.cached.len() {
            self.cached.resize(end, 0);
            self.resized = true;
        }
        self.cached[at..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(at / page..=(end - 1) / page);
        }
    }

    fn sync(&mut self, page: usize) {
        self.durable.resize(self.cached.len(), 0);
        for index in std::mem::take(&mut self.dirty) {
            let (from, to) = self.bounds(index, page);
            if from < to {
                self.durable[from..to].copy_from_slice(&self.cached[from..to]);
            }
        }
        self.resized = false;
    }

    /// A sync fails: what it could not write is dropped, and read until the power fails.
    fn drop_dirty(&mut self) {
        self.dropped |= !self.dirty.is_empty();
        self.dirty.clear();
    }

    fn bounds(&self, index: usize, page: usize) -> (usize, usize) {
        let from = (index * page).min(self.cached.len());
        (from, (index * page + page).min(self.cached.len()))
    }

    /// The power fails: every dirty page meets its fate.
    fn lose(&mut self, make: Make, chance: &mut Chance) {
        if self.dirty.is_empty() && !self.resized && !self.dropped {
            return;
        }
        self.dropped = false;
        let keeps_length = !self.resized || chance.permille(500);
        let mut after = self.durable.clone();
        if keeps_length {
            after.resize(self.cached.len(), 0);
        }
        for index in std::mem::take(&mut self.dirty) {
            let (from, to) = self.bounds(index, make.page);
            let to = to.min(after.len());
            if from < to {
                self.fate(&mut after, from, to, make, chance);
            }
        }
        self.resized = false;
        self.cached.clone_from(&after);
        self.durable = after;
    }

    fn fate(&self, after: &mut [u8], from: usize, to: usize, make: Make, chance: &mut Chance) {
        match chance.below(10) {
            0..=3 => after[from..to].copy_from_slice(&self.cached[from..to]),
            4..=6 => {}
            7 | 8 => {
                let torn = from + chance.place(to - from);
                after[from..torn].copy_from_slice(&self.cached[from..torn]);
            }
            _ if make.misdirects && chance.permille(300) => {
                let pages = after.len().div_ceil(make.page);
                let target = chance.place(pages) * make.page;
                let length = (to - from).min(after.len() - target);
                after[target..target + length].copy_from_slice(&self.cached[from..from + length]);
            }
            _ => {
                let old: Vec<u8> = after[from..to].to_vec();
                after[from..to].copy_from_slice(&self.cached[from..to]);
                let unsynced: Vec<usize> = (from..to)
                    .filter(|at| make.spoils_neighbours || after[*at] != old[*at - from])
                    .collect();
                if !unsynced.is_empty() {
                    after[chance.of(&unsynced)] ^= 1 << chance.below(8);
                }
            }
        }
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut platter = self.platter.lock();
        platter.call(Call::Read, None)?;
        let here = |name: &String| {
            let name = name.strip_prefix(self.folder)?;
            (!name.contains('/')).then(|| name.to_owned())
        };
        Ok(platter.names.keys().filter_map(here).collect())
    }

    fn open(&self, name: &str, _writing: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut platter = self.platter.lock();
        platter.call(Call::Read, None)?;
        let inode = platter.find(&self.full(name))?;
        Ok(self.handle(inode, platter.life))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut platter = self.platter.lock();
        platter.call(Call::Name, None)?;
        if platter.down.is_some() {
            return Err(io::Error::other("the power failed"));
        }
        let name = self.full(name);
        let inode = match platter.names.get(&name).copied() {
            Some(inode) => {
                let file = &mut platter.inodes[inode];
                file.cached.clear();
                file.dirty.clear();
                file.resized = true;
                inode
            }
            None => {
                platter.inodes.push(Inode::default());
                let inode = platter.inodes.len() - 1;
                platter.change_names(NameChange::Made(name, inode));
                inode
            }
        };
        Ok(self.handle(inode, platter.life))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platter = self.platter.lock();
        platter.call(Call::Name, None)?;
        let (from, to) = (self.full(from), self.full(to));
        platter.find(&from)?;
        platter.change_names(NameChange::Renamed(from, to));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = self.platter.lock();
        platter.call(Call::Name, None)?;
        let name = self.full(name);
        platter.find(&name)?;
        platter.change_names(NameChange::Removed(name));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.platter.lock();
        let verdict = platter.call(Call::Sync, None)?;
        if platter.down.is_some() {
            return Err(io::Error::other("the power failed"));
        }
        if !matches!(verdict, Verdict::Lie) {
            platter.sync_names(self.folder);
        }
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let mut platter = self.platter.lock();
        platter.call(Call::Read, None)?;
        Ok(if platter.full { 0 } else { 1 << 40 })
    }

    fn now(&self) -> Duration {
        self.platter.lock().now
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/disk").join(self.full(name))
    }
}

impl SimDisk {
    fn handle(&self, inode: usize, life: u32) -> Arc<dyn DiskFile> {
        Arc::new(Handle {
            disk: self.clone(),
            inode,
            life,
        })
    }
}

impl Handle {
    fn sync(&self) -> io::Result<()> {
        let mut platter = self.disk.platter.lock();
        let called = platter.call(Call::Sync, Some(self.life));
        if platter.down.is_some() {
            return Err(io::Error::other("the power failed"));
        }
        if called.is_err() && platter.life == self.life {
            platter.inodes[self.inode].drop_dirty();
        }
        let verdict = called?;
        let page = platter.make.page;
        if !matches!(verdict, Verdict::Lie) {
            platter.inodes[self.inode].sync(page);
        }
        Ok(())
    }
}

impl DiskFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut platter = self.disk.platter.lock();
        platter.call(Call::Read, Some(self.life))?;
        let content = &platter.inodes[self.inode].cached;
        let from = usize::try_from(offset).map_or(content.len(), |at| at.min(content.len()));
        let count = buffer.len().min(content.len() - from);
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut platter = self.disk.platter.lock();
        let verdict = platter.call(Call::Write, Some(self.life))?;
        let page = platter.make.page;
        let down = platter.down.is_some();
        let inode = &mut platter.inodes[self.inode];
        let at = usize::try_from(offset).expect("simulated files are small");
        match verdict {
            Verdict::Fine | Verdict::Lie => {
                inode.write(bytes, at, page);
                Ok(())
            }
            Verdict::Partly(count) => {
                inode.write(&bytes[..count.min(bytes.len())], at, page);
                Err(io::Error::other(if down {
                    "the power failed"
                } else {
                    "a write was cut short"
                }))
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        if length > self.size()? {
            self.set_len(length)?;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut platter = self.disk.platter.lock();
        platter.call(Call::Name, Some(self.life))?;
        if platter.down.is_some() {
            return Err(io::Error::other("the power failed"));
        }
        let page = platter.make.page;
        let inode = &mut platter.inodes[self.inode];
        let length = usize::try_from(length).expect("simulated files are small");
        let before = inode.cached.len();
        inode.cached.resize(length, 0);
        inode.resized = true;
        if length > before {
            inode.dirty.extend(before / page..=(length - 1) / page);
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let mut platter = self.disk.platter.lock();
        platter.call(Call::Read, Some(self.life))?;
        Ok(platter.inodes[self.inode].cached.len() as u64)
    }

    fn is_still(&self, name: &str) -> io::Result<bool> {
        let mut platter = self.disk.platter.lock();
        platter.call(Call::Read, Some(self.life))?;
        let name = self.disk.full(name);
        Ok(platter.names.get(&name) == Some(&self.inode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make() -> Make {
        Make {
            page: 512,
            spoils_neighbours: false,
            misdirects: false,
            lies: false,
        }
    }

    fn content(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
        let file = disk.open(name, false).ok()?;
        let mut bytes = vec![0; file.size().expect("up") as usize];
        file.read_at(&mut bytes, 0).expect("up");
        Some(bytes)
    }

    #[test]
    fn what_was_synced_outlives_every_power_cut() {
        for seed in 0..500 {
            let disk = SimDisk::new(make());
            let file = disk.create("a").expect("up");
            file.write_all_at(&[7; 700], 0).expect("up");
            file.sync_all().expect("up");
            disk.sync().expect("up");
            file.write_all_at(&[9; 2_000], 700).expect("up");
            disk.power_cut(seed);
            disk.restart();
            let bytes = content(&disk, "a").expect("its name was synced");
            assert_eq!(bytes[..700], [7; 700], "seed {seed}");
            assert!(file.size().is_err(), "a handle dies with its process");
        }
    }

    #[test]
    fn what_was_not_synced_meets_every_fate() {
        let mut seen = BTreeSet::new();
        for seed in 0..500 {
            let disk = SimDisk::new(make());
            let file = disk.create("a").expect("up");
            disk.sync().expect("up");
            file.write_all_at(&[9; 512], 0).expect("up");
            disk.power_cut(seed);
            disk.restart();
            let bytes = content(&disk, "a").expect("its name was synced");
            seen.insert(match bytes.iter().filter(|byte| **byte == 9).count() {
                512 => "kept",
                0 if bytes.is_empty() => "length lost",
                0 => "dropped",
                511 => "spoilt or torn",
                _ => "torn",
            });
        }
        let all = ["kept", "length lost", "dropped", "spoilt or torn", "torn"];
        assert_eq!(seen, all.into());
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_lost() {
        let there = |seed| {
            let disk = SimDisk::new(make());
            disk.create("a").expect("up");
            disk.power_cut(seed);
            disk.restart();
            content(&disk, "a").is_some()
        };
        let kept = (0..100).filter(|seed| there(*seed)).count();
        assert!(kept > 0 && kept < 100, "{kept} of 100");
    }

    #[test]
    fn a_folder_syncs_its_own_names_only() {
        let lost = |seed| {
            let disk = SimDisk::new(make());
            let folder = disk.folder("runs/");
            disk.create("a").expect("up");
            folder.create("b").expect("up");
            folder.sync().expect("up");
            disk.power_cut(seed);
            disk.restart();
            assert!(content(&folder, "b").is_some(), "seed {seed}");
            assert!(content(&disk, "b").is_none(), "it stands in its folder");
            content(&disk, "a").is_none()
        };
        assert!((0..100).any(lost));
    }

    #[test]
    fn a_fault_falls_on_the_call_it_was_armed_for() {
        let disk = SimDisk::new(make());
        let file = disk.create("a").expect("up");
        disk.arm(Fault::FailWrite { calls: 1, bytes: 3 });
        assert!(file.write_all_at(b"first", 0).is_ok());
        assert!(file.write_all_at(b"second", 5).is_err());
        assert_eq!(content(&disk, "a").expect("up"), b"firstsec");
        disk.arm(Fault::Kill { calls: 0 });
        assert!(file.sync_data().is_err());
        assert_eq!(disk.down(), Some(Down::Killed));
        disk.restart();
        assert_eq!(content(&disk, "a").expect("up"), b"firstsec");
    }
}
