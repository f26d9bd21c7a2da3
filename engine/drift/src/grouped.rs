//! The minimal hold book as an engine with group commit has it: a thread takes everything that
//! waits, syncs once, and wakes who asked.
//!
//! That is the least that any such engine does, at a quiet rate and at a high one.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use holdfast_race::contender::{Answer, Books, Drive, Failure, Lane, Request, Store};
use holdfast_race::stores::book::{Book, BookLane};
use tokio::sync::oneshot;

/// Most requests of a group.
const GROUP: usize = 1_024;

struct Asked {
    request: Request,
    done: oneshot::Sender<Answer>,
}

/// The minimal hold book behind a thread of its own.
pub struct GroupedBook {
    book: Book,
    asking: mpsc::Sender<Asked>,
}

/// A handle on it.
pub struct GroupedLane(mpsc::Sender<Asked>);

impl GroupedBook {
    /// # Errors
    /// The log cannot be written.
    pub async fn open(folder: &Path, hold: Duration) -> Result<Self, Failure> {
        let mut book = Book::open(folder, hold)?;
        let mut lane = book.lane().await?;
        let (asking, asked) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        std::thread::spawn(move || {
            // Whoever waits for an answer sees that none comes.
            let _ = runtime.block_on(answer_all(&mut lane, &asked));
        });
        Ok(Self { book, asking })
    }
}

async fn answer_all(lane: &mut BookLane, asked: &mpsc::Receiver<Asked>) -> Result<(), Failure> {
    while let Ok(first) = asked.recv() {
        let group: Vec<Asked> = [first]
            .into_iter()
            .chain(asked.try_iter().take(GROUP - 1))
            .collect();
        let requests: Vec<Request> = group.iter().map(|asked| asked.request).collect();
        let answers = lane.submit(&requests).await?;
        for (asked, answer) in group.into_iter().zip(answers) {
            // Nobody may wait any more.
            let _ = asked.done.send(answer);
        }
    }
    Ok(())
}

impl Lane for GroupedLane {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let mut waiting = Vec::with_capacity(requests.len());
        for request in requests {
            let (done, answer) = oneshot::channel();
            let request = *request;
            self.0.send(Asked { request, done })?;
            waiting.push(answer);
        }
        let mut answers = Vec::with_capacity(requests.len());
        for answer in waiting {
            answers.push(answer.await?);
        }
        Ok(answers)
    }
}

impl Store for GroupedBook {
    type Lane = GroupedLane;
    const DRIVE: Drive = Drive::Tasks;

    async fn lane(&mut self) -> Result<GroupedLane, Failure> {
        Ok(GroupedLane(self.asking.clone()))
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        self.book.held().await
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        self.book.books().await
    }
}
