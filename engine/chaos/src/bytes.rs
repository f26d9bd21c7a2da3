//! A journal in memory with one thing wrong: is it noticed, and is nothing lost
//! that was acknowledged?

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_engine::journal::{Disk, DiskFile, FileJournal, FileOptions, Journal, JournalError};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files in memory.
#[derive(Debug, Default)]
struct Memory {
    files: Mutex<BTreeMap<String, Bytes>>,
}

#[derive(Debug)]
struct MemoryFile(Bytes);

impl Memory {
    fn get(&self, name: &str) -> io::Result<Bytes> {
        let files = self.files.lock().expect("no panics");
        let found = files.get(name).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        let files = self.files.lock().expect("no panics");
        Ok(files.keys().cloned().collect())
    }

    fn open(&self, name: &str, _writing: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(MemoryFile(self.get(name)?)))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let bytes = Bytes::default();
        let mut files = self.files.lock().expect("no panics");
        files.insert(name.to_owned(), Arc::clone(&bytes));
        Ok(Arc::new(MemoryFile(bytes)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.get(from)?;
        self.remove(from)?;
        let mut files = self.files.lock().expect("no panics");
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut files = self.files.lock().expect("no panics");
        files
            .remove(name)
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.lock().expect("no panics");
        let from = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
        let size = buffer.len().min(bytes.len() - from);
        buffer[..size].copy_from_slice(&bytes[from..from + size]);
        Ok(size)
    }

    fn write_all_at(&self, given: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = self.0.lock().expect("no panics");
        let from = usize::try_from(offset).expect("a small journal");
        if bytes.len() < from + given.len() {
            bytes.resize(from + given.len(), 0);
        }
        bytes[from..from + given.len()].copy_from_slice(given);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).expect("a small journal");
        self.0.lock().expect("no panics").resize(length, 0);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("no panics").len() as u64)
    }

    fn is_still(&self, _name: &str) -> io::Result<bool> {
        Ok(true)
    }
}

/// What is done to the bytes at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// One bit is flipped.
    Flip,
    /// Everything behind is cut.
    Cut,
}

impl Harm {
    fn to(self, bytes: &mut Vec<u8>, at: usize) {
        match self {
            Self::Flip => bytes[at] ^= 1 << (at % 8),
            Self::Cut => bytes.truncate(at),
        }
    }
}

/// What opening a harmed journal said.
#[derive(Debug, Default)]
struct Counts {
    tried: u64,
    refused: u64,
    torn: u64,
    /// It opened, said nothing, and something was missing or changed.
    unnoticed: Vec<usize>,
}

/// Harms a folder's only segment at every `step`-th byte up to its end, and opens it.
/// The journal's last group must be sealed: then nothing of it may be given up.
pub fn sweep(folder: &str, step: &str, harm: Harm) -> ExitCode {
    match sweep_folder(folder, step, harm) {
        Ok(counts) => {
            let report = serde_json::json!({
                "tried": counts.tried,
                "refused": counts.refused,
                "torn": counts.torn,
                "unnoticed": counts.unnoticed,
            });
            println!("{report}");
            ExitCode::from(u8::from(!counts.unnoticed.is_empty()))
        }
        Err(detail) => {
            eprintln!("{detail}");
            ExitCode::from(2)
        }
    }
}

fn sweep_folder(folder: &str, step: &str, harm: Harm) -> Result<Counts, String> {
    let step: usize = step.parse().map_err(|_| format!("{step} is no number"))?;
    let (name, bytes) = only_segment(folder)?;
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let (last_seq, _) = opened(&name, bytes.clone()).map_err(|error| error.to_string())?;
    let mut counts = Counts::default();
    for at in (0..used).step_by(step.max(1)) {
        let mut harmed = bytes.clone();
        harm.to(&mut harmed, at);
        counts.tried += 1;
        match opened(&name, harmed) {
            Err(JournalError::Corrupt { .. } | JournalError::Newer { .. }) => counts.refused += 1,
            // Of a sealed journal a flipped bit may cost the empty seal and nothing else.
            Ok((seq, torn_bytes)) if torn_bytes > 0 && (harm == Harm::Cut || seq == last_seq) => {
                counts.torn += 1;
            }
            // A cut at the end of a frame leaves a shorter journal that is whole.
            Ok((seq, _)) if harm == Harm::Cut && seq <= last_seq => counts.torn += 1,
            Ok(_) | Err(_) => counts.unnoticed.push(at),
        }
    }
    Ok(counts)
}

fn only_segment(folder: &str) -> Result<(String, Vec<u8>), String> {
    let failed = |error: io::Error| format!("{folder}: {error}");
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|kind| kind == "segment") {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let mut bytes = std::fs::read(&path).map_err(failed)?;
            // Of the zeros behind the frames a few are enough.
            let used = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            bytes.truncate(used + 64);
            return Ok((name.unwrap_or_default(), bytes));
        }
    }
    Err(format!("{folder} has no segment"))
}

/// Last record and torn bytes of a journal with these bytes.
fn opened(name: &str, bytes: Vec<u8>) -> Result<(u64, u64), JournalError> {
    let disk = Memory::default();
    let files = BTreeMap::from([(name.to_owned(), Arc::new(Mutex::new(bytes)))]);
    *disk.files.lock().expect("no panics") = files;
    let options = FileOptions {
        ahead_bytes: 64,
        low_water_bytes: 0,
        ..FileOptions::default()
    };
    let (journal, recovery) = FileJournal::open_on(Arc::new(disk), None, options)?;
    Ok((journal.last_seq(), recovery.torn_bytes))
}
