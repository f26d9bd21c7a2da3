//! The floor in process: the least that keeps holds durably.
//!
//! A map of orders, counters of units, and a log in space that was written beforehand, synced
//! once a submission. It answers nothing but W, keeps no history and cannot be restarted.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::contender::{Answer, Books, Drive, Failure, Lane, Request, Stock, Store, Verb};
use crate::workload::{self, Line, Order};

/// Bytes that are written beforehand; the log begins again at their end.
const SPACE: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    Paying,
    Sold,
    Short,
    Lapsed,
    Closed,
}

struct Entry {
    order: Order,
    state: State,
    deadline: Instant,
}

struct Holds {
    stock: Vec<Stock>,
    orders: HashMap<u64, Entry>,
    /// Orders by their first deadline.
    due: VecDeque<u64>,
    hold: Duration,
    log: File,
    at: u64,
    bytes: Vec<u8>,
}

/// The minimal hold book.
pub struct Book(Arc<Mutex<Holds>>);

/// A handle on it.
pub struct BookLane(Arc<Mutex<Holds>>);

impl Book {
    /// # Errors
    /// The log cannot be written.
    pub fn open(folder: &Path, hold: Duration) -> Result<Self, Failure> {
        let mut log = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(folder.join("log"))?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..SPACE >> 20 {
            log.write_all(&zeros)?;
        }
        log.sync_all()?;
        let stock = workload::received().map(|(_, units)| Stock {
            free: units,
            ..Stock::default()
        });
        Ok(Self(Arc::new(Mutex::new(Holds {
            stock: stock.collect(),
            orders: HashMap::new(),
            due: VecDeque::new(),
            hold,
            log,
            at: 0,
            bytes: Vec::new(),
        }))))
    }
}

fn locked(holds: &Mutex<Holds>) -> MutexGuard<'_, Holds> {
    holds.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Holds {
    fn answer(&mut self, request: &Request, now: Instant) -> Answer {
        self.note(request);
        match request.verb {
            Verb::Place => self.place(&request.order, now),
            Verb::StartPayment => self.pay(request.order.number, State::Paying, now),
            Verb::Pay => self.pay(request.order.number, State::Sold, now),
            Verb::Release | Verb::Close => self.close(request.order.number),
        }
    }

    fn place(&mut self, order: &Order, now: Instant) -> Answer {
        if let Some(entry) = self.orders.get(&order.number) {
            return told(entry.state);
        }
        let fits = |line: &Line| self.stock[usize::from(line.sku)].free >= i64::from(line.units);
        let state = if order.lines().iter().all(fits) {
            State::Held
        } else {
            State::Short
        };
        if state == State::Held {
            self.move_units(order, |stock, units| {
                stock.free -= units;
                stock.held += units;
            });
            self.due.push_back(order.number);
        }
        let deadline = now + self.hold;
        self.orders.insert(
            order.number,
            Entry {
                order: *order,
                state,
                deadline,
            },
        );
        told(state)
    }

    fn pay(&mut self, number: u64, to: State, now: Instant) -> Answer {
        let hold = self.hold;
        let Some(entry) = self.orders.get_mut(&number) else {
            return Answer::Lapsed;
        };
        if !matches!(entry.state, State::Held | State::Paying) {
            return told(entry.state);
        }
        if now >= entry.deadline {
            self.lapse(number);
            return Answer::Lapsed;
        }
        entry.state = to;
        if to == State::Paying {
            entry.deadline = now + hold;
            self.due.push_back(number);
        } else {
            let order = entry.order;
            self.move_units(&order, |stock, units| {
                stock.held -= units;
                stock.sold += units;
            });
        }
        told(to)
    }

    fn close(&mut self, number: u64) -> Answer {
        let Some(entry) = self.orders.get_mut(&number) else {
            return Answer::Lapsed;
        };
        let (order, was) = (entry.order, entry.state);
        match was {
            State::Held | State::Paying => self.move_units(&order, |stock, units| {
                stock.held -= units;
                stock.free += units;
            }),
            State::Sold => self.move_units(&order, |stock, units| {
                stock.sold -= units;
                stock.free += units;
            }),
            State::Short | State::Lapsed | State::Closed => return told(was),
        }
        if let Some(entry) = self.orders.get_mut(&number) {
            entry.state = State::Closed;
        }
        Answer::Closed
    }

    fn lapse(&mut self, number: u64) {
        let Some(entry) = self.orders.get_mut(&number) else {
            return;
        };
        entry.state = State::Lapsed;
        let order = entry.order;
        self.move_units(&order, |stock, units| {
            stock.held -= units;
            stock.free += units;
        });
    }

    fn move_units(&mut self, order: &Order, change: fn(&mut Stock, i64)) {
        for line in order.lines() {
            change(
                &mut self.stock[usize::from(line.sku)],
                i64::from(line.units),
            );
        }
    }

    /// Every hold has one length, so that the first one in is the first one due.
    fn sweep(&mut self, now: Instant) {
        while let Some(number) = self.due.front().copied() {
            let entry = &self.orders[&number];
            let live = matches!(entry.state, State::Held | State::Paying);
            if live && entry.deadline > now {
                return;
            }
            self.due.pop_front();
            if live {
                self.lapse(number);
            }
        }
    }

    fn note(&mut self, request: &Request) {
        self.bytes.push(request.verb as u8);
        self.bytes.extend(request.order.number.to_le_bytes());
        for line in request.order.lines() {
            self.bytes.extend(line.sku.to_le_bytes());
            self.bytes.push(line.units);
        }
    }

    fn sync(&mut self) -> Result<(), Failure> {
        if self.at + self.bytes.len() as u64 > SPACE {
            self.at = 0;
        }
        self.log.write_all_at(&self.bytes, self.at)?;
        self.log.sync_data()?;
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

fn told(state: State) -> Answer {
    match state {
        State::Held => Answer::Held,
        State::Paying => Answer::Paying,
        State::Sold => Answer::Sold,
        State::Short => Answer::Short,
        State::Lapsed => Answer::Lapsed,
        State::Closed => Answer::Closed,
    }
}

impl Lane for BookLane {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let (mut holds, now) = (locked(&self.0), Instant::now());
        let each = requests.iter();
        let answers = each.map(|request| holds.answer(request, now)).collect();
        holds.sync()?;
        Ok(answers)
    }

    async fn sweep(&mut self) -> Result<(), Failure> {
        locked(&self.0).sweep(Instant::now());
        Ok(())
    }
}

impl Store for Book {
    type Lane = BookLane;
    const DRIVE: Drive = Drive::Threads;

    async fn lane(&mut self) -> Result<BookLane, Failure> {
        Ok(BookLane(Arc::clone(&self.0)))
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        Ok(locked(&self.0).stock.iter().map(|stock| stock.held).sum())
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        let holds = locked(&self.0);
        let taken = |entry: &&Entry| !matches!(entry.state, State::Short | State::Closed);
        Ok(Some(Books {
            stock: holds.stock.clone(),
            orders: holds.orders.values().filter(taken).count() as u64,
        }))
    }
}
