//! What waits for the journal: the records of the next group, and whoever waits
//! for a record to be durable.
//!
//! Pure: no lock, no thread, no clock, so that the journal thread and the
//! simulator run the same lines. A waiter is told exactly once.

use std::collections::VecDeque;

use prost::Message;

use super::{CommitError, Group, put_record};
use crate::backward::{Backward, Put};
use crate::planted::planted;

/// Records in order, and waiters of type `W` in order of what they wait for.
#[derive(Debug)]
pub struct Queue<W> {
    /// Records behind their lengths.
    body: Vec<u8>,
    count: u32,
    next_seq: u64,
    durable: u64,
    waiting: VecDeque<(u64, W)>,
    failure: Option<CommitError>,
    /// Where a record is written before its length is known.
    room: Backward,
}

/// The body of one group and its place.
#[derive(Debug, Default)]
pub struct Taken {
    body: Vec<u8>,
    first_seq: u64,
    count: u32,
}

impl Taken {
    #[must_use]
    pub fn group(&self) -> Group<'_> {
        Group {
            first_seq: self.first_seq,
            count: self.count,
            body: &self.body,
        }
    }

    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.count) - 1
    }
}

impl<W> Queue<W> {
    /// An empty queue behind a journal's last record, which is durable.
    #[must_use]
    pub fn behind(last_seq: u64) -> Self {
        Self {
            body: Vec::new(),
            count: 0,
            next_seq: last_seq + 1,
            durable: last_seq,
            waiting: VecDeque::new(),
            failure: None,
            room: Backward::default(),
        }
    }

    /// Adds a record to the next group and gives its sequence number and the
    /// bytes that it takes; none after a failure.
    pub fn append(&mut self, record: &[u8]) -> (u64, u64) {
        self.add(|body| put_record(body, record))
    }

    /// The same for a record that is not bytes yet.
    pub fn append_message(&mut self, record: &(impl Put + Message)) -> (u64, u64) {
        let mut room = std::mem::take(&mut self.room);
        let added = self.add(|body| put_record(body, room.message_alone(record)));
        self.room = room;
        added
    }

    fn add(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> (u64, u64) {
        let seq = self.next_seq;
        self.next_seq += 1;
        if self.failure.is_some() {
            return (seq, 0);
        }
        let before = self.body.len();
        put(&mut self.body);
        self.count += 1;
        (seq, (self.body.len() - before) as u64)
    }

    /// Number of records in the next group.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The last durable record.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    #[must_use]
    pub fn failure(&self) -> Option<&CommitError> {
        self.failure.as_ref()
    }

    /// How it stands with a record; `None` while it is on its way.
    #[must_use]
    pub fn settled(&self, seq: u64) -> Option<Result<(), CommitError>> {
        if self.durable >= seq || planted!(AnswerBeforeDurable) {
            return Some(Ok(()));
        }
        self.failure.clone().map(Err)
    }

    /// Remembers who waits for a record; gives the waiter back, with what to
    /// tell it, if that is settled already.
    ///
    /// # Errors
    /// The waiter that need not wait.
    pub fn wait(&mut self, seq: u64, waiter: W) -> Result<(), (W, Result<(), CommitError>)> {
        if let Some(result) = self.settled(seq) {
            return Err((waiter, result));
        }
        let place = self.waiting.partition_point(|(waiting, _)| *waiting <= seq);
        self.waiting.insert(place, (seq, waiter));
        Ok(())
    }

    /// Takes all records as one group, into what the last group has left.
    pub fn take(&mut self, taken: &mut Taken) {
        taken.body.clear();
        std::mem::swap(&mut self.body, &mut taken.body);
        taken.count = std::mem::take(&mut self.count);
        taken.first_seq = self.next_seq - u64::from(taken.count);
    }

    /// A group became durable: gives everyone who waited for it.
    pub fn publish(&mut self, taken: &Taken) -> impl Iterator<Item = W> {
        self.durable = taken.last_seq();
        let ready = self
            .waiting
            .partition_point(|(seq, _)| *seq <= self.durable || planted!(ReleaseNextGroup));
        self.waiting.drain(..ready).map(|(_, waiter)| waiter)
    }

    /// Nothing becomes durable any more: gives everyone who waits.
    pub fn fail(&mut self, failure: CommitError) -> impl Iterator<Item = W> {
        self.failure = Some(failure);
        self.body.clear();
        self.count = 0;
        self.waiting.drain(..).map(|(_, waiter)| waiter)
    }

    /// Ends what has not failed: gives everyone who waits for what came too late.
    pub fn close(&mut self) -> impl Iterator<Item = W> {
        let failure = self.failure.take().unwrap_or(CommitError::Closed);
        self.fail(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_are_told_once_and_in_order_of_what_they_wait_for() {
        let mut queue = Queue::behind(7);
        let mut taken = Taken::default();
        assert_eq!(queue.append(b"eight").0, 8);
        assert_eq!(queue.append(b"nine").0, 9);
        assert!(queue.wait(9, "nine").is_ok());
        assert!(queue.wait(8, "eight").is_ok());
        assert_eq!(queue.wait(7, "seven"), Err(("seven", Ok(()))));
        queue.take(&mut taken);
        assert_eq!(queue.append(b"ten").0, 10);
        assert!(queue.wait(10, "ten").is_ok());
        assert_eq!((taken.group().first_seq, taken.last_seq()), (8, 9));
        assert_eq!(queue.publish(&taken).collect::<Vec<_>>(), ["eight", "nine"]);
        assert_eq!(queue.publish(&taken).count(), 0);
        assert_eq!(queue.fail(CommitError::Closed).collect::<Vec<_>>(), ["ten"]);
        assert_eq!(
            queue.wait(11, "late"),
            Err(("late", Err(CommitError::Closed)))
        );
    }
}
