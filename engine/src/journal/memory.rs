//! The journal of an engine without a folder: for tests and demonstrations.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::{Durability, Group, Journal, JournalError, Progress, Reader, Scrubbed, records_among};
use crate::sync::RwLock;

/// Groups in the order of their commit: first sequence number and body.
type Groups = Arc<RwLock<Vec<(u64, Box<[u8]>)>>>;

/// Keeps groups in memory; they are gone with the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    groups: Groups,
    last_seq: u64,
}

impl Journal for MemoryJournal {
    fn commit(&mut self, group: &Group<'_>) -> io::Result<Progress> {
        self.groups
            .write()
            .push((group.first_seq, group.body.into()));
        self.last_seq = group.first_seq + u64::from(group.count) - 1;
        Ok(Progress::Durable)
    }

    fn seal(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn trim(&mut self, before_seq: u64) -> io::Result<()> {
        let mut groups = self.groups.write();
        let end = groups
            .partition_point(|(first, _)| *first <= before_seq)
            .saturating_sub(1);
        groups.drain(..end);
        Ok(())
    }

    fn idle_after(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    fn durability(&self) -> Durability {
        Durability::Memory
    }

    fn last_seq(&self) -> u64 {
        self.last_seq
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(MemoryReader {
            groups: Arc::clone(&self.groups),
        })
    }
}

#[derive(Debug)]
struct MemoryReader {
    groups: Groups,
}

impl Reader for MemoryReader {
    fn scrub(&self, _pace: &mut dyn FnMut(u64)) -> Result<Scrubbed, JournalError> {
        Ok(Scrubbed {
            frames: self.groups.read().len() as u64,
            mended_frames: 0,
        })
    }

    fn anchor(&self, seq: u64) -> Result<[u8; 16], JournalError> {
        // Nothing outlives this journal that could belong to another one.
        match self.first_seq() <= seq {
            true => Ok([0; 16]),
            false => Err(JournalError::Missing { seq }),
        }
    }

    fn first_seq(&self) -> u64 {
        self.groups.read().first().map_or(1, |(first, _)| *first)
    }

    fn scan(
        &self,
        from_seq: u64,
        upto_seq: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let groups = self.groups.read();
        let start = groups
            .partition_point(|(first, _)| *first <= from_seq)
            .saturating_sub(1);
        for (first, body) in &groups[start..] {
            let walked = records_among(body, *first, from_seq..=upto_seq, visit);
            if walked
                .expect("bodies in memory stay as they were made")
                .is_break()
            {
                break;
            }
        }
        Ok(())
    }
}
