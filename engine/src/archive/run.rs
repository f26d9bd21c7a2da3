//! A run: archived orders in one file, found by a hash of their names.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | "HOLDARCH" |
//! | 8–11 | format number |
//! | 12–15 | CRC-32C of bytes 8–11 and 16–39 |
//! | 16–23 | where the tail begins |
//! | 24–31 | bytes of the tail |
//! | 32–35 | CRC-32C of the tail |
//! | 40… | the orders by merchant and id, each behind its length and CRC-32C, 4 bytes each |
//! | then | pages of the index: 256 pairs of key and place of the order, by key |
//! | then | the tail: which runs these are, the first key and CRC-32C of each page, the filter |
//!
//! A look-up reads one page and one order, and checks both. Numbers are little-endian.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filter::Filter;
use crate::domain::orders::OrderId;
use crate::domain::orders::archived::Archived;
use crate::domain::state::chained;
use crate::journal::{DiskFile, read_up_to};
use crate::planted::planted;

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"HOLDARCH";
const START: usize = 40;
/// Bytes before an order: its length and checksum.
const PREFIX: usize = 8;
/// A longer order is damage.
const MAX_ORDER: usize = 16 << 20;
/// Pairs of key and place in a page, and the bytes of a pair.
const PAIRS: usize = 256;
const PAIR: usize = 16;
/// Bytes that go to the disk at once.
const STRIDE: usize = 1 << 20;

/// What a run says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tail {
    /// The chain before the first of its runs.
    pub before: [u8; 16],
    /// Numbers and chains of the runs that it was made of, in order.
    pub runs: Vec<(u64, [u8; 16])>,
    pub orders: u64,
    /// Where the pages begin, and how many pairs there are.
    index_at: u64,
    pairs: u64,
    /// First key and checksum of each page.
    pages: Vec<(u64, u32)>,
    filter: Filter,
}

/// By what an order is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name<'a> {
    Number(&'a str),
    ChannelId(&'a str),
    Id(OrderId),
}

impl Name<'_> {
    /// What runs and their filters know it by.
    pub(super) fn key(self, merchant: u32) -> u64 {
        let id;
        let (kind, text) = match self {
            Self::Number(text) => (b'n', text.as_bytes()),
            Self::ChannelId(text) => (b'c', text.as_bytes()),
            Self::Id(number) => {
                id = number.to_le_bytes();
                (b'i', &id[..])
            }
        };
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&[kind])
            .update(&merchant.to_le_bytes())
            .update(text);
        let hash = hasher.finalize();
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes"))
    }

    fn is_of(self, merchant: u32, found: &Archived) -> bool {
        found.merchant == merchant
            && match self {
                Self::Number(number) => *found.order.number == *number,
                Self::ChannelId(id) => found.order.channel_order_id() == id,
                Self::Id(id) => found.id == id,
            }
    }

    /// Several orders may have the same channel id.
    pub(super) const fn is_of_one(self) -> bool {
        !matches!(self, Self::ChannelId(_))
    }

    /// Ids are asked for seldom, and not worth the filter's memory.
    const fn is_filtered(self) -> bool {
        !matches!(self, Self::Id(_))
    }
}

/// What is wrong with a run.
#[derive(Debug)]
pub(super) enum Wrong {
    Io(io::Error),
    Newer(u32),
    Damaged(String),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An open run.
#[derive(Debug)]
pub(super) struct Run {
    pub name: String,
    pub bytes: u64,
    pub tail: Tail,
    file: Arc<dyn DiskFile>,
}

impl Run {
    pub(super) fn open(name: &str, file: Arc<dyn DiskFile>) -> Result<Self, Wrong> {
        let mut head = [0; START];
        let got = read_up_to(file.as_ref(), &mut head, 0)?;
        let bad_head = || Wrong::Damaged("its head is not what was written".into());
        if got < START || &head[..8] != MAGIC || u32_at(&head, 12) != head_crc(&head) {
            return Err(bad_head());
        }
        match u32_at(&head, 8) {
            0 => return Err(bad_head()),
            found if found > FORMAT => return Err(Wrong::Newer(found)),
            _ => {}
        }
        let (at, length, bytes) = (u64_at(&head, 16), u64_at(&head, 24), file.size()?);
        if at.checked_add(length) != Some(bytes) {
            let detail = format!("it says {at} and {length} bytes, and has {bytes}");
            return Err(Wrong::Damaged(detail));
        }
        let tail = read(
            file.as_ref(),
            at,
            usize::try_from(length).unwrap_or(usize::MAX),
        )?;
        if crc32c::crc32c(&tail) != u32_at(&head, 32) {
            return Err(Wrong::Damaged("its tail is not what was written".into()));
        }
        let tail = postcard::from_bytes(&tail);
        Ok(Self {
            name: name.into(),
            bytes,
            tail: tail.map_err(|error| Wrong::Damaged(format!("its tail: {error}")))?,
            file,
        })
    }

    /// First and last run that it was made of.
    pub(super) fn range(&self) -> (u64, u64) {
        let number = |run: Option<&(u64, [u8; 16])>| run.map_or(0, |run| run.0);
        (
            number(self.tail.runs.first()),
            number(self.tail.runs.last()),
        )
    }

    /// Memory that it takes while it is open.
    pub(super) fn resident_bytes(&self) -> u64 {
        let tail = &self.tail;
        tail.filter.bytes() + (tail.pages.len() * 16 + tail.runs.len() * 24) as u64
    }

    /// The order of a merchant with this name, of which `key` is the key; of several the
    /// youngest.
    pub(super) fn find(
        &self,
        merchant: u32,
        name: Name<'_>,
        key: u64,
    ) -> Result<Option<Archived>, Wrong> {
        if name.is_filtered() && !self.tail.filter.may_have(key) {
            return Ok(None);
        }
        let pages = &self.tail.pages;
        let first = pages.partition_point(|page| page.0 < key).saturating_sub(1);
        let mut found: Option<Archived> = None;
        let from = pages.iter().enumerate().skip(first);
        for (number, _) in from.take_while(|(_, page)| page.0 <= key) {
            for place in self
                .page(number)?
                .chunks_exact(PAIR)
                .filter(|pair| u64_at(pair, 0) == key)
            {
                let order = self.order(u64_at(place, 8))?.0;
                let is_younger = found.as_ref().is_none_or(|found| found.id < order.id);
                if name.is_of(merchant, &order) && is_younger {
                    found = Some(order);
                }
            }
        }
        Ok(found)
    }

    fn page(&self, number: usize) -> Result<Vec<u8>, Wrong> {
        let before = number as u64 * PAIRS as u64;
        let pairs = (self.tail.pairs - before).min(PAIRS as u64);
        let at = self.tail.index_at + before * PAIR as u64;
        let page = read(self.file.as_ref(), at, pairs as usize * PAIR)?;
        match crc32c::crc32c(&page) == self.tail.pages[number].1 {
            true => Ok(page),
            false => Err(Wrong::Damaged(format!(
                "the page of its index at byte {at}"
            ))),
        }
    }

    /// The order at a place, and the place behind it.
    fn order(&self, at: u64) -> Result<(Archived, u64), Wrong> {
        let damaged = |what: &str| Wrong::Damaged(format!("the order at byte {at} {what}"));
        let prefix = read(self.file.as_ref(), at, PREFIX)?;
        let (length, crc) = (u32_at(&prefix, 0) as usize, u32_at(&prefix, 4));
        if length > MAX_ORDER {
            return Err(damaged("has an impossible length"));
        }
        let bytes = read(self.file.as_ref(), at + PREFIX as u64, length)?;
        if crc32c::crc32c(&bytes) != crc {
            return Err(damaged("is not what was written"));
        }
        let order = Archived::decode(&bytes).map_err(|error| damaged(&error))?;
        Ok((order, at + (PREFIX + length) as u64))
    }

    /// Every order, by merchant and id.
    pub(super) fn orders(&self) -> impl Iterator<Item = Result<Archived, Wrong>> {
        let mut at = START as u64;
        (0..self.tail.orders).map(move |_| {
            let (order, next) = self.order(at)?;
            at = next;
            Ok(order)
        })
    }

    /// Reads everything in it and shows each order with its bytes: all checksums, the order
    /// of the orders, that index and filter find exactly these, and what a record says of it.
    pub(super) fn check(&self, see: &mut dyn FnMut(&Archived, u64)) -> Result<(), Wrong> {
        let tail = &self.tail;
        let damaged = |what: &str| Err(Wrong::Damaged(what.into()));
        let mut at = START as u64;
        let mut last = None;
        let (mut pairs, mut sum) = (0_u64, 0_u64);
        let mut alone = Vec::new();
        for _ in 0..tail.orders {
            let (archived, next) = self.order(at)?;
            let place = (archived.merchant, archived.id);
            if last.replace(place).is_some_and(|last| last >= place) {
                return damaged("its orders are not in order");
            }
            for name in names_of(&archived) {
                let key = name.key(archived.merchant);
                if name.is_filtered() && !tail.filter.may_have(key) {
                    return damaged("its filter denies an order");
                }
                (pairs, sum) = (pairs + 1, sum.wrapping_add(mixed(key, at)));
            }
            see(&archived, next - at);
            at = next;
            // A record names the hash of one run; of merged ones nobody has it any more.
            if tail.runs.len() == 1 {
                alone.push(archived);
            }
        }
        if at != tail.index_at || pairs != tail.pairs {
            return damaged("it has other orders than its index");
        }
        for number in 0..tail.pages.len() {
            for pair in self.page(number)?.chunks_exact(PAIR) {
                sum = sum.wrapping_sub(mixed(u64_at(pair, 0), u64_at(pair, 8)));
            }
        }
        let is_named = match &tail.runs[..] {
            [(_, chain)] => *chain == chained(tail.before, &alone),
            _ => true,
        };
        match (sum, is_named) {
            (0, true) => Ok(()),
            (0, false) => damaged("its orders are not those that its record names"),
            _ => damaged("its index has other names than its orders"),
        }
    }
}

/// What an order is found by.
fn names_of(archived: &Archived) -> impl Iterator<Item = Name<'_>> {
    let channel_id = archived.order.channel_order_id();
    let channel_id = Some(channel_id).filter(|id| !id.is_empty());
    [Name::Number(&archived.order.number), Name::Id(archived.id)]
        .into_iter()
        .chain(channel_id.map(Name::ChannelId))
}

/// One number for a pair of the index, so that sums of pairs differ where pairs do.
const fn mixed(key: u64, place: u64) -> u64 {
    let both = key ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (both ^ (both >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Writes a run of `orders`, which come by merchant and id, and makes it durable.
pub(super) fn write(
    file: &dyn DiskFile,
    before: [u8; 16],
    runs: Vec<(u64, [u8; 16])>,
    orders: impl Iterator<Item = Result<Archived, Wrong>>,
) -> Result<(), Wrong> {
    let mut to = Waiting {
        file,
        bytes: vec![0; START],
        offset: 0,
    };
    let mut index: Vec<(u64, u64)> = Vec::new();
    let mut filtered: Vec<u64> = Vec::new();
    let mut count = 0;
    for order in orders {
        let archived = order?;
        let place = to.end();
        for name in names_of(&archived) {
            let key = name.key(archived.merchant);
            index.push((key, place));
            if name.is_filtered() {
                filtered.push(key);
            }
        }
        let bytes = archived.encode();
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        to.add(&length.to_le_bytes())?;
        to.add(&crc32c::crc32c(&bytes).to_le_bytes())?;
        to.add(&bytes)?;
        count += 1;
    }
    index.sort_unstable();
    let index_at = to.end();
    let mut pages = Vec::new();
    for pairs in index.chunks(PAIRS) {
        let pair = |pair: &(u64, u64)| [pair.0.to_le_bytes(), pair.1.to_le_bytes()].concat();
        let page: Vec<u8> = pairs.iter().flat_map(pair).collect();
        pages.push((pairs[0].0, crc32c::crc32c(&page)));
        to.add(&page)?;
    }
    let tail = Tail {
        before,
        runs,
        orders: count,
        index_at,
        pairs: index.len() as u64,
        pages,
        filter: Filter::of(filtered.into_iter()),
    };
    let tail = postcard::to_stdvec(&tail).map_err(io::Error::other)?;
    let tail_at = to.end();
    to.add(&tail)?;
    to.give()?;
    let mut head = [0; START];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    head[16..24].copy_from_slice(&tail_at.to_le_bytes());
    head[24..32].copy_from_slice(&(tail.len() as u64).to_le_bytes());
    head[32..36].copy_from_slice(&crc32c::crc32c(&tail).to_le_bytes());
    let crc = head_crc(&head);
    head[12..16].copy_from_slice(&crc.to_le_bytes());
    file.write_all_at(&head, 0)?;
    if !planted!(SkipRunSync) {
        file.sync_all()?;
    }
    Ok(())
}

/// Bytes on their way to a file.
struct Waiting<'a> {
    file: &'a dyn DiskFile,
    bytes: Vec<u8>,
    offset: u64,
}

impl Waiting<'_> {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        match self.bytes.len() < STRIDE {
            true => Ok(()),
            false => self.give(),
        }
    }

    fn give(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.bytes, self.offset)?;
        self.offset += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

fn read(file: &dyn DiskFile, at: u64, length: usize) -> Result<Vec<u8>, Wrong> {
    let size = file.size()?;
    if at.checked_add(length as u64).is_none_or(|end| end > size) {
        return Err(Wrong::Damaged(format!("it ends at byte {size}")));
    }
    let mut bytes = vec![0; length];
    match read_up_to(file, &mut bytes, at)? {
        got if got == length => Ok(bytes),
        got => Err(Wrong::Damaged(format!(
            "it ends at byte {}",
            at + got as u64
        ))),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

fn head_crc(head: &[u8; START]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&head[8..12]), &head[16..])
}
