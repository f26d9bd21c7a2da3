//! What a contender is: a store that keeps holds, lanes that carry requests to it, and its books.

use std::error::Error;

use crate::workload::Order;

/// What went wrong, in words.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What is asked for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Place,
    StartPayment,
    Pay,
    /// Ends an order's hold: its units are free again.
    Release,
    /// Ends an order for good: what it still holds or has sold is free again.
    Close,
}

/// Of them there are so many.
pub const VERBS: usize = 5;

/// One request. Its id is that of every repeat.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub verb: Verb,
    pub order: Order,
    /// The answer that this repeats.
    pub first: Option<Answer>,
}

/// What a store said, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Held,
    Paying,
    Sold,
    /// Not enough was free; nothing was taken.
    Short,
    /// The hold had ended before.
    Lapsed,
    Closed,
}

/// One connection, or one thread's handle.
pub trait Lane {
    /// Carries requests out, in their order, and gives as many answers once all are durable.
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure>;

    /// Gives back what is due, if the store does not do that by itself.
    async fn sweep(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Units of one SKU, as the store says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    pub free: i64,
    pub held: i64,
    pub sold: i64,
}

/// Everything a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Books {
    /// By the SKU's number.
    pub stock: Vec<Stock>,
    /// Orders that it took and that nobody closed.
    pub orders: u64,
}

/// How lanes are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// A task each, on one thread: lanes wait for a socket.
    Tasks,
    /// A thread each: lanes work in this process.
    Threads,
}

/// Something that keeps holds.
pub trait Store {
    type Lane: Lane + Send + 'static;
    const DRIVE: Drive;

    async fn lane(&mut self) -> Result<Self::Lane, Failure>;

    /// Units that are held now.
    async fn held(&mut self) -> Result<i64, Failure>;

    /// None for a floor, which keeps nothing.
    async fn books(&mut self) -> Result<Option<Books>, Failure>;

    /// The server's process, if it is not this one.
    fn pid(&self) -> Option<u32> {
        None
    }
}

/// The id of a request: the same for every repeat.
pub fn request_id(request: &Request) -> u64 {
    request.order.number << 3 | request.verb as u64
}
