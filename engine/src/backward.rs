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
        self.with_bytes(<[u8]>::to_vec)
    }

    /// Shows the bytes of the whole message where they were written.
    fn with_bytes<T>(&self, see: impl FnOnce(&[u8]) -> T) -> T
    where
        Self: Message + Sized,
    {
        thread_local! {
            static ROOM: RefCell<Backward> = RefCell::default();
        }
        ROOM.with_borrow_mut(|room| see(room.message_alone(self)))
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
        let count = prost::encoding::encoded_len_varint(value);
        if count <= 8 {
            // Groups of seven bits go apart in three steps, by halves, without a branch. The
            // whole word is stored; what it has too much is written over by what comes next.
            let by_4 = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
            let by_2 = by_4 & 0x0000_3fff_0000_3fff | (by_4 & 0x0fff_c000_0fff_c000) << 2;
            let by_1 = by_2 & 0x007f_007f_007f_007f | (by_2 & 0x3f80_3f80_3f80_3f80) << 1;
            let more = 0x8080_8080_8080_8080 & ((1 << (8 * (count - 1))) - 1);
            let word = (by_1 | more) << (8 * (8 - count));
            self.room(8).copy_from_slice(&word.to_le_bytes());
            self.start += 8 - count;
            return;
        }
        let place = self.room(count);
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

    /// A value or a length behind its key.
    #[inline]
    fn keyed(&mut self, tag: u32, kind: u32, value: u64) {
        let key = tag << 3 | kind;
        if key < 0x80 && value < 0x80 {
            self.room(2).copy_from_slice(&[key as u8, value as u8]);
        } else {
            self.long_keyed(key, value);
        }
    }

    #[inline(never)]
    fn long_keyed(&mut self, key: u32, value: u64) {
        self.varint(value);
        self.varint(key.into());
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
        self.keyed(tag, VARINT, value);
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
        self.keyed(tag, DELIMITED, bytes.len() as u64);
    }

    /// A message, empty or not.
    pub fn message(&mut self, tag: u32, message: &impl Put) {
        let behind = self.len();
        message.put(self);
        self.keyed(tag, DELIMITED, (self.len() - behind) as u64);
    }

    /// Numbers in one piece, given last first.
    pub fn packed(&mut self, tag: u32, numbers: impl Iterator<Item = u64>) {
        let behind = self.len();
        for number in numbers {
            self.varint(number);
        }
        if self.len() > behind {
            self.keyed(tag, DELIMITED, (self.len() - behind) as u64);
        }
    }

    /// Texts by texts.
    pub fn texts(&mut self, tag: u32, texts: &BTreeMap<String, String>) {
        for (name, text) in texts.iter().rev() {
            let behind = self.len();
            self.bytes(2, text.as_bytes());
            self.bytes(1, name.as_bytes());
            self.keyed(tag, DELIMITED, (self.len() - behind) as u64);
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

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    /// A field of every kind; tags are neither in order nor all of one byte.
    #[derive(Clone, PartialEq, prost::Message, Put)]
    struct Every {
        #[prost(message, optional, tag = "9")]
        inner: Option<Inner>,
        #[prost(int64, tag = "1")]
        int64: i64,
        #[prost(uint32, tag = "2")]
        uint32: u32,
        #[prost(uint64, tag = "3000")]
        uint64: u64,
        #[prost(sint32, tag = "4")]
        sint32: i32,
        #[prost(sint64, tag = "5")]
        sint64: i64,
        #[prost(bool, tag = "6")]
        bool: bool,
        #[prost(string, tag = "16")]
        string: String,
        #[prost(bytes = "vec", tag = "8")]
        bytes: Vec<u8>,
        #[prost(oneof = "One", tags = "7, 30")]
        one: Option<One>,
        #[prost(message, repeated, tag = "100")]
        list: Vec<Inner>,
    }

    #[derive(Clone, PartialEq, prost::Message, Put)]
    struct Inner {
        #[prost(int32, tag = "1")]
        int32: i32,
        #[prost(fixed64, tag = "2")]
        fixed64: u64,
        #[prost(uint32, repeated, tag = "3")]
        packed: Vec<u32>,
        #[prost(int64, repeated, tag = "17")]
        far: Vec<i64>,
        #[prost(string, repeated, tag = "4")]
        texts: Vec<String>,
        #[prost(btree_map = "string, string", tag = "5")]
        map: BTreeMap<String, String>,
    }

    #[derive(Clone, PartialEq, prost::Oneof, Put)]
    enum One {
        #[prost(message, tag = "7")]
        Inner(Inner),
        #[prost(message, tag = "30")]
        Other(Inner),
    }

    /// Default values are as likely as others: they are left out.
    fn or_default<T: Clone + Default + std::fmt::Debug + 'static>(
        value: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<T> {
        prop_oneof![Just(T::default()), value].boxed()
    }

    fn number<T: Clone + Default + std::fmt::Debug + Arbitrary + From<u8> + 'static>()
    -> BoxedStrategy<T> {
        or_default(prop_oneof![any::<u8>().prop_map(T::from), any::<T>()])
    }

    fn text() -> BoxedStrategy<String> {
        or_default(".{1,200}")
    }

    prop_compose! {
        fn inner()(
            int32 in or_default(any::<i32>()),
            fixed64 in number(),
            packed in vec(number(), 0..80),
            far in vec(number(), 0..3),
            texts in vec(text(), 0..3),
            map in btree_map(text(), text(), 0..3),
        ) -> Inner {
            Inner { int32, fixed64, packed, far, texts, map }
        }
    }

    fn one() -> BoxedStrategy<One> {
        prop_oneof![inner().prop_map(One::Inner), inner().prop_map(One::Other),].boxed()
    }

    prop_compose! {
        fn every()(
            inner in proptest::option::of(inner()),
            (int64, uint32, uint64) in (number(), number(), number()),
            (sint32, sint64, bool) in (or_default(any::<i32>()), number(), any::<bool>()),
            (string, bytes) in (text(), or_default(vec(any::<u8>(), 1..3_000))),
            one in proptest::option::of(one()),
            list in vec(self::inner(), 0..4),
        ) -> Every {
            Every { inner, int64, uint32, uint64, sint32, sint64, bool, string, bytes, one, list }
        }
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_prost(message in every()) {
            prop_assert_eq!(message.to_bytes(), message.encode_to_vec());
        }
    }

    #[test]
    fn a_large_message_leaves_no_large_room() {
        let large = Inner {
            texts: vec!["x".repeat(2 * KEEP)],
            ..Inner::default()
        };
        let mut room = Backward::default();
        assert_eq!(room.message_alone(&large), large.encode_to_vec());
        assert_eq!(room.message_alone(&Inner::default()), [0; 0]);
        assert!(room.bytes.len() <= KEEP);
    }
}
