//! Messages in a request's body: five bytes of prefix, then as many as they say.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes, BytesMut};
use h2::RecvStream;

use crate::Shared;
use crate::answer::{Status, code};

const PREFIX: usize = 5;
/// Bytes of messages that have not come as a whole, of all callers together.
const HALF_READ_LIMIT: usize = 64 << 20;

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The caller is told.
    Told(Status),
    /// The caller is gone.
    Gone,
}

/// The messages of one request.
#[derive(Debug)]
pub(crate) struct Messages {
    body: RecvStream,
    buffer: BytesMut,
    shared: Arc<Shared>,
    /// What of the buffer is counted among the half-read bytes.
    counted: usize,
}

impl Messages {
    pub(crate) fn new(body: RecvStream, shared: &Arc<Shared>) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            shared: Arc::clone(shared),
            counted: 0,
        }
    }

    /// The next message; `None` behind the last one. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            match self.body.data().await {
                Some(Ok(chunk)) => self.take(chunk)?,
                Some(Err(_)) => return Err(Broken::Gone),
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    let text = "the last message is cut off";
                    return Err(Broken::Told(Status::bare(code::INTERNAL, text)));
                }
            }
        }
    }

    /// True if part of a message has come.
    pub(crate) fn is_within(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), Broken> {
        let length = chunk.len();
        // Connection and stream may send as much again.
        let _ = self.body.flow_control().release_capacity(length);
        match self.buffer.is_empty() {
            // Mostly a whole message: it is not copied if nobody else has its memory.
            true => self.buffer = BytesMut::from(chunk),
            false => self.buffer.extend_from_slice(&chunk),
        }
        self.length()?;
        self.count()
    }

    /// Length of the first message, if that much has come.
    fn length(&self) -> Result<Option<usize>, Broken> {
        let Some(prefix) = self.buffer.get(..PREFIX) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        let limit = self.shared.max_message;
        if prefix[0] != 0 {
            let text = "a message says that it is compressed and the call does not say how";
            return Err(Broken::Told(Status::bare(code::INTERNAL, text)));
        }
        if length > limit {
            let text = format!("Received message larger than max ({length} vs. {limit})");
            return Err(Broken::Told(Status::bare(code::RESOURCE_EXHAUSTED, text)));
        }
        Ok(Some(length))
    }

    fn whole(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = self.buffer.split_to(length).freeze();
        self.count()?;
        Ok(Some(message))
    }

    /// Keeps account of what lies here, and refuses when all callers together have sent
    /// too many beginnings.
    fn count(&mut self) -> Result<(), Broken> {
        let total = &self.shared.half_read;
        let kept = self.buffer.len();
        // Wraps to a subtraction where less is kept than before.
        let added = kept.wrapping_sub(self.counted);
        let sum = total
            .fetch_add(added, Ordering::Relaxed)
            .wrapping_add(added);
        self.counted = kept;
        if kept > 0 && sum > HALF_READ_LIMIT {
            let text = "too many large messages are under way; try again soon";
            return Err(Broken::Told(Status::bare(code::RESOURCE_EXHAUSTED, text)));
        }
        Ok(())
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.shared
            .half_read
            .fetch_sub(self.counted, Ordering::Relaxed);
    }
}
