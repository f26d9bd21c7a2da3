//! Sealed documents beside the journal: one hash, a field for each document.
//!
//! They reach the server in the call that appends the group whose records refer to
//! them: whatever happens to a server or its replicas, both are there or neither.

use std::sync::Arc;

use parking_lot::Mutex;
use redis::{Connection, ConnectionLike, RedisError, Value};

use super::endpoint::Endpoint;
use super::{Fault, RedisOptions, StreamError};

/// A document and the number that was drawn for it.
pub type Document = (u64, Arc<[u8]>);

/// What goes to the server with the next group.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<Document>>);

impl Waiting {
    pub(super) fn all(&self) -> Vec<Document> {
        self.0.lock().clone()
    }

    /// So many of those that waited are on the server.
    pub(super) fn put_away(&self, count: usize) {
        self.0.lock().drain(..count);
    }
}

/// Documents by the number that was drawn for them.
pub struct RedisDocuments {
    endpoint: Endpoint,
    key: String,
    live: Option<Connection>,
    waiting: Arc<Waiting>,
}

impl std::fmt::Debug for RedisDocuments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisDocuments")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl RedisDocuments {
    /// The documents of a journal; the first operation connects.
    pub(super) fn new(options: &RedisOptions, waiting: Arc<Waiting>) -> Result<Self, StreamError> {
        Ok(Self {
            endpoint: Endpoint::new(options)?,
            key: options.key("documents"),
            live: None,
            waiting,
        })
    }

    /// Gives a document to the next group.
    pub fn put(&self, number: u64, document: &[u8]) {
        self.waiting.0.lock().push((number, document.into()));
    }

    /// Writes over a document that the server has.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: it may be tried again.
    pub fn replace(&mut self, number: u64, document: &[u8]) -> Result<(), Fault> {
        let mut put = redis::cmd("HSET");
        put.arg(&self.key).arg(number).arg(document);
        match self.ask(&put)? {
            Value::Int(_) => Ok(()),
            _ => Err(self.strange()),
        }
    }

    /// A document, if it is there.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: it may be read again.
    pub fn get(&mut self, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        let waiting = self.waiting.all();
        if let Some((_, document)) = waiting.iter().find(|(other, _)| *other == number) {
            return Ok(Some(document.to_vec()));
        }
        let mut get = redis::cmd("HGET");
        get.arg(&self.key).arg(number);
        match self.ask(&get)? {
            Value::Nil => Ok(None),
            Value::BulkString(document) => Ok(Some(document)),
            _ => Err(self.strange()),
        }
    }

    /// How many there are.
    ///
    /// # Errors
    /// As [`RedisDocuments::get`].
    pub fn count(&mut self) -> Result<u64, Fault> {
        let mut count = redis::cmd("HLEN");
        count.arg(&self.key);
        match self.ask(&count)? {
            Value::Int(count) => Ok(u64::try_from(count).unwrap_or(0)),
            _ => Err(self.strange()),
        }
    }

    /// One command; a connection that was idle may be gone, and is made again once.
    fn ask(&mut self, command: &redis::Cmd) -> Result<Value, Fault> {
        let packed = command.get_packed_command();
        if let Some(mut live) = self.live.take()
            && let Ok(reply) = live
                .req_packed_command(&packed)
                .and_then(Value::extract_error)
        {
            self.live = Some(live);
            return Ok(reply);
        }
        let mut live = (self.endpoint.connect(&self.key)).map_err(|error| self.lost(&error))?;
        let reply = live
            .req_packed_command(&packed)
            .and_then(Value::extract_error)
            .map_err(|error| self.lost(&error))?;
        self.live = Some(live);
        Ok(reply)
    }

    fn lost(&self, error: &RedisError) -> Fault {
        Fault::Unreachable(format!(
            "{} on {}: {error}",
            self.key,
            self.endpoint.shown()
        ))
    }

    fn strange(&self) -> Fault {
        Fault::Unreachable(format!(
            "{} on {} sent a reply of another form",
            self.key,
            self.endpoint.shown()
        ))
    }
}
