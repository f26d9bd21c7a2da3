//! Maps in the order of their keys, in which an operation costs as much among a million
//! entries as among a thousand.
//!
//! A key is a number; its digits of four bits lead from branch to branch, and digits that
//! all keys below a place share are skipped. What the digits lead to is a leaf: a few dozen
//! entries in order. So no step compares more than one leaf, a search is never deeper than a
//! key has digits, and sixteen times as many entries add one step of a dozen instructions;
//! a tree of comparisons adds some hundred. Where a thousand keys differ only in their
//! last digits, as orders do that are due at one instant, it is no deeper.
//!
//! What holds between two calls:
//! - a leaf has at most [`LEAF`] entries in order, and none only if it is the root or absent
//!   from its branch;
//! - a branch has at least two children that are present, and more than [`FEW`] entries;
//! - all keys below a branch agree in the digits above its own.

use std::fmt;

use super::time::Millis;

/// Entries of a leaf; it is divided when it has more.
const LEAF: usize = 32;
/// A branch of so few entries becomes a leaf.
const FEW: usize = LEAF / 2;
/// Bits of a digit.
const BITS: u32 = 4;
/// Children of a branch.
const WIDTH: usize = 1 << BITS;

/// A number that an entry is found by.
pub(crate) trait Key: Copy + Ord + fmt::Debug {
    /// Where the highest digit begins in which two keys differ.
    fn parted_at(self, other: Self) -> u32;
    /// True if two keys have the same digits above the one that begins at `shift`.
    fn agrees_above(self, other: Self, shift: u32) -> bool;
    fn digit(self, shift: u32) -> usize;
    fn next(self) -> Option<Self>;
}

macro_rules! keys {
    ($($number:ty)*) => {$(
        impl Key for $number {
            #[inline]
            fn parted_at(self, other: Self) -> u32 {
                (<$number>::BITS - 1 - (self ^ other).leading_zeros()) / BITS * BITS
            }

            #[inline]
            fn agrees_above(self, other: Self, shift: u32) -> bool {
                ((self ^ other) >> shift) < WIDTH as $number
            }

            #[inline]
            fn digit(self, shift: u32) -> usize {
                (self >> shift) as usize % WIDTH
            }

            #[inline]
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    )*};
}

keys! { u64 u128 }

/// An instant as a number without a sign, in the same order.
#[must_use]
pub(crate) const fn from_time(time: Millis) -> u64 {
    time.cast_unsigned() ^ (1 << 63)
}

/// The instant that [`from_time`] was given.
#[must_use]
pub(crate) const fn to_time(number: u64) -> Millis {
    (number ^ (1 << 63)).cast_signed()
}

enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Branch(Box<Branch<K, V>>),
}

struct Branch<K, V> {
    /// Where its digit begins.
    shift: u32,
    entries: u32,
    /// A bit for each child that is not empty.
    present: u16,
    /// A key that agrees with all of its own above its digit.
    like: K,
    children: [Node<K, V>; WIDTH],
}

impl<K: Key, V: Copy> Node<K, V> {
    const EMPTY: Self = Self::Leaf(Vec::new());

    fn is_empty(&self) -> bool {
        matches!(self, Self::Leaf(entries) if entries.is_empty())
    }

    fn first(&self) -> Option<&(K, V)> {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => return entries.first(),
                Self::Branch(branch) => {
                    node = &branch.children[branch.present.trailing_zeros() as usize % WIDTH];
                }
            }
        }
    }

    fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::Leaf(entries) => {
                let place = entries.partition_point(|entry| entry.0 < key);
                if let Some(entry) = entries.get_mut(place)
                    && entry.0 == key
                {
                    return Some(std::mem::replace(&mut entry.1, value));
                }
                if entries.len() == entries.capacity() {
                    // Doubling would leave a quarter of all memory empty.
                    entries.reserve_exact((entries.len() / 2).max(2));
                }
                entries.insert(place, (key, value));
                if entries.len() > LEAF {
                    *self = Branch::of_leaf(entries);
                }
                None
            }
            Self::Branch(branch) if key.agrees_above(branch.like, branch.shift) => {
                let digit = key.digit(branch.shift);
                let replaced = branch.children[digit].insert(key, value);
                branch.present |= 1 << digit;
                branch.entries += u32::from(replaced.is_none());
                replaced
            }
            Self::Branch(branch) => {
                let (like, entries) = (branch.like, branch.entries);
                let mut parent = Branch::empty(key, key.parted_at(like));
                parent.put(key, Self::Leaf(vec![(key, value)]), 1);
                parent.put(like, std::mem::replace(self, Self::EMPTY), entries);
                *self = Self::Branch(parent);
                None
            }
        }
    }

    fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::Leaf(entries) => {
                let place = entries.partition_point(|entry| entry.0 < key);
                let found = entries.get(place).is_some_and(|entry| entry.0 == key);
                let (_, value) = found.then(|| entries.remove(place))?;
                if entries.len() * 4 < entries.capacity() {
                    entries.shrink_to(entries.len() * 2);
                }
                Some(value)
            }
            Self::Branch(branch) => {
                let digit = key.digit(branch.shift);
                let value = branch.children[digit].remove(key)?;
                branch.entries -= 1;
                if branch.children[digit].is_empty() {
                    branch.present &= !(1 << digit);
                }
                if branch.entries as usize <= FEW {
                    let mut left = Vec::with_capacity(FEW);
                    self.give(&mut left);
                    *self = Self::Leaf(left);
                } else if branch.present.is_power_of_two() {
                    let only = branch.present.trailing_zeros() as usize;
                    *self = std::mem::replace(&mut branch.children[only], Self::EMPTY);
                }
                Some(value)
            }
        }
    }

    /// Appends all entries in order.
    fn give(&self, to: &mut Vec<(K, V)>) {
        match self {
            Self::Leaf(entries) => to.extend_from_slice(entries),
            Self::Branch(branch) => branch.children.iter().for_each(|child| child.give(to)),
        }
    }
}

impl<K: Key, V: Copy> Branch<K, V> {
    fn empty(like: K, shift: u32) -> Box<Self> {
        Box::new(Self {
            shift,
            entries: 0,
            present: 0,
            like,
            children: [const { Node::EMPTY }; WIDTH],
        })
    }

    fn put(&mut self, key: K, child: Node<K, V>, entries: u32) {
        let digit = key.digit(self.shift);
        self.children[digit] = child;
        self.present |= 1 << digit;
        self.entries += entries;
    }

    /// A branch of a leaf's entries: it has several, in order.
    fn of_leaf(entries: &[(K, V)]) -> Node<K, V> {
        let (first, last) = (entries[0].0, entries[entries.len() - 1].0);
        let shift = first.parted_at(last);
        let mut branch = Self::empty(first, shift);
        for alike in entries.chunk_by(|one, next| one.0.digit(shift) == next.0.digit(shift)) {
            let count = u32::try_from(alike.len()).expect("a leaf is small");
            branch.put(alike[0].0, Node::Leaf(alike.to_vec()), count);
        }
        Node::Branch(branch)
    }
}

/// Entries in the order of their keys.
pub(crate) struct RadixMap<K, V> {
    root: Node<K, V>,
    len: usize,
}

/// Keys in order.
pub(crate) type RadixSet<K> = RadixMap<K, ()>;

impl<K: Key, V: Copy> RadixMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            root: Node::EMPTY,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry; gives the value whose place it takes.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let replaced = self.root.insert(key, value);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let value = self.root.remove(key)?;
        self.len -= 1;
        Some(value)
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.from(key).next().is_some_and(|found| found.0 == key)
    }

    pub(crate) fn first(&self) -> Option<(K, V)> {
        self.root.first().copied()
    }

    /// Entries from a key on. Each step is a search of its own.
    pub(crate) fn from(&self, key: K) -> impl Iterator<Item = (K, V)> {
        std::iter::successors(self.at_or_after(key), |entry| {
            self.at_or_after(entry.0.next()?)
        })
    }

    /// Entries behind a key.
    pub(crate) fn after(&self, key: K) -> impl Iterator<Item = (K, V)> {
        key.next().into_iter().flat_map(|next| self.from(next))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.first()
            .into_iter()
            .flat_map(|first| self.from(first.0))
    }

    fn at_or_after(&self, key: K) -> Option<(K, V)> {
        let (mut node, mut behind) = (&self.root, None);
        let found = loop {
            match node {
                Node::Leaf(entries) => {
                    let place = entries.partition_point(|entry| entry.0 < key);
                    break entries.get(place);
                }
                Node::Branch(branch) if key.agrees_above(branch.like, branch.shift) => {
                    let digit = key.digit(branch.shift);
                    let later = u32::from(branch.present) >> digit >> 1;
                    if later != 0 {
                        behind =
                            Some(&branch.children[digit + 1 + later.trailing_zeros() as usize]);
                    }
                    node = &branch.children[digit];
                }
                Node::Branch(branch) if key < branch.like => break node.first(),
                Node::Branch(_) => break None,
            }
        };
        found.or_else(|| behind?.first()).copied()
    }
}

impl<K: Key, V: Copy> Default for RadixMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is in it and not how: equal maps look equal, whatever was in them before.
impl<K: Key, V: Copy + fmt::Debug> fmt::Debug for RadixMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
