//! Sealed documents beside the journal: one hash, a field for each document.

use std::sync::Arc;

use redis::{Connection, ConnectionLike, RedisError, Value};

use super::endpoint::Endpoint;
use super::{Fault, RedisOptions, StreamError};

/// Documents by the number that was drawn for them.
pub struct RedisDocuments {
    endpoint: Endpoint,
    key: String,
    live: Option<Connection>,
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
    ///
    /// # Errors
    /// [`StreamError::Option`] for options that cannot be used.
    pub fn new(options: &RedisOptions) -> Result<Self, StreamError> {
        Ok(Self {
            endpoint: Endpoint::new(options)?,
            key: options.key("documents"),
            live: None,
        })
    }

    /// Writes documents. What the journal appends afterwards is durable only together
    /// with them, whatever it waits for: a server keeps the order of its writes.
    ///
    /// # Errors
    /// [`Fault::Unreachable`]: they may be written again.
    pub fn put(&mut self, documents: &[(u64, Arc<[u8]>)]) -> Result<(), Fault> {
        let mut put = redis::cmd("HSET");
        put.arg(&self.key);
        for (number, document) in documents {
            put.arg(number).arg(&document[..]);
        }
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
