//! Messages written from their end.
//!
//! A protobuf message inside another stands behind its own length. Written from the front,
//! each level measures all below it before it writes, so that what lies four deep is measured four
//! times. From the end, a length is known when its turn comes. The bytes are prost's, which
//! debug builds compare.

use std::cell::RefCell;
use std::collections::BTreeMap;

pub use holdfast_derive::Put;
use prost::Message;

/// What can be written from its end; derived from the attributes of prost.
pub trait Put {
    /// Writes the fields, last first.
    fn put(&self, out: &mut Backward);

    /// The bytes of the whole message.
    fn to_bytes(&self) -> Vec<u8>
    where
        Self: Message + Sized,
    {
        thread_local! {
            static ROOM: RefCell<Backward> = RefCell::default();
        }
        ROOM.with_borrow_mut(|room| room.message_alone(self).to_vec())
    }
}

/// Bytes that grow towards their front.
#[derive(Debug, Default)]
pub struct Backward {
    /// Room, and behind `start` what is written.
    bytes: Vec<u8>,
    start: usize,
}

/// One larger than this is not kept for the next message.
const KEEP: usize = 64 << 10;
const FIRST: usize = 1 << 10;
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;

/// Small numbers of either sign as small numbers.
#[inline]
#[must_use]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

impl Backward {
    /// Begins anew, in the room that is there.
    pub fn clear(&mut self) {
        if self.bytes.len() > KEEP {
            self.bytes = Vec::new();
        }
        self.start = self.bytes.len();
    }

    /// What is written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The place of the next `count` bytes.
    #[inline]
    fn room(&mut self, count: usize) -> &mut [u8] {
        if self.start < count {
            self.grow(count);
        }
        self.start -= count;
        &mut self.bytes[self.start..self.start + count]
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        let size = (self.len() + count).next_power_of_two().max(FIRST) * 2;
        let mut larger = vec![0; size];
        let start = size - self.len();
        larger[start..].copy_from_slice(self.written());
        (self.bytes, self.start) = (larger, start);
    }

    #[inline]
    fn varint(&mut self, value: u64) {
        if value < 0x80 {
            self.room(1)[0] = value as u8;
        } else {
            self.long_varint(value);
        }
    }

    fn long_varint(&mut self, mut value: u64) {
        let place = self.room(prost::encoding::encoded_len_varint(value));
        let (last, before) = place.split_last_mut().expect("a varint has a byte");
        for byte in before {
            *byte = value as u8 | 0x80;
            value >>= 7;
        }
        *last = value as u8;
    }

    #[inline]
    fn key(&mut self, tag: u32, kind: u32) {
        self.varint((tag << 3 | kind).into());
    }

    /// A number that is not 0.
    #[inline]
    pub fn number(&mut self, tag: u32, value: u64) {
        if value != 0 {
            self.present(tag, value);
        }
    }

    /// A number that is there, if it is 0 too.
    #[inline]
    pub fn present(&mut self, tag: u32, value: u64) {
        self.varint(value);
        self.key(tag, VARINT);
    }

    /// Eight bytes that are not all 0.
    #[inline]
    pub fn fixed64(&mut self, tag: u32, value: u64) {
        if value != 0 {
            self.room(8).copy_from_slice(&value.to_le_bytes());
            self.key(tag, FIXED64);
        }
    }

    /// Bytes or a text, unless there are none.
    #[inline]
    pub fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.part(tag, bytes);
        }
    }

    /// One of several, empty or not.
    pub fn part(&mut self, tag: u32, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.varint(bytes.len() as u64);
        self.key(tag, DELIMITED);
    }

    /// A message, empty or not.
    pub fn message(&mut self, tag: u32, message: &impl Put) {
        let behind = self.len();
        message.put(self);
        self.varint((self.len() - behind) as u64);
        self.key(tag, DELIMITED);
    }

    /// Numbers in one piece, given last first.
    pub fn packed(&mut self, tag: u32, numbers: impl Iterator<Item = u64>) {
        let behind = self.len();
        for number in numbers {
            self.varint(number);
        }
        if self.len() > behind {
            self.varint((self.len() - behind) as u64);
            self.key(tag, DELIMITED);
        }
    }

    /// Texts by texts.
    pub fn texts(&mut self, tag: u32, texts: &BTreeMap<String, String>) {
        for (name, text) in texts.iter().rev() {
            let behind = self.len();
            self.bytes(2, text.as_bytes());
            self.bytes(1, name.as_bytes());
            self.varint((self.len() - behind) as u64);
            self.key(tag, DELIMITED);
        }
    }

    /// Writes a whole message in place of what is there, and gives its bytes.
    pub fn message_alone(&mut self, message: &(impl Put + Message)) -> &[u8] {
        self.clear();
        message.put(self);
        debug_assert_eq!(
            self.written(),
            message.encode_to_vec(),
            "as prost writes it"
        );
        self.written()
    }
}

impl Put for prost_types::Timestamp {
    fn put(&self, out: &mut Backward) {
        out.number(2, i64::from(self.nanos).cast_unsigned());
        out.number(1, self.seconds.cast_unsigned());
    }
}

impl Put for prost_types::Duration {
    fn put(&self, out: &mut Backward) {
        out.number(2, i64::from(self.nanos).cast_unsigned());
        out.number(1, self.seconds.cast_unsigned());
    }
}

impl<T: Put> Put for Box<T> {
    fn put(&self, out: &mut Backward) {
        (**self).put(out);
    }
}
