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

    /// Follows the digits of a key without looking whether it agrees with what they skip:
    /// the last branch on the way tells, and nearly always it does. Counts it on the way.
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (mut node, mut last) = (&mut *self, None);
        let entries = loop {
            match node {
                Self::Leaf(entries) => break entries,
                Self::Branch(branch) => {
                    let digit = key.digit(branch.shift);
                    branch.entries += 1;
                    branch.present |= 1 << digit;
                    last = Some((branch.like, branch.shift));
                    node = &mut branch.children[digit];
                }
            }
        };
        if let Some((like, shift)) = last
            && !key.agrees_above(like, shift)
        {
            self.recount(key, u32::MAX);
            self.insert_above(key, value, key.parted_at(like));
            return None;
        }
        let place = entries.partition_point(|entry| entry.0 < key);
        if let Some(entry) = entries.get_mut(place)
            && entry.0 == key
        {
            let before = std::mem::replace(&mut entry.1, value);
            self.recount(key, u32::MAX);
            return Some(before);
        }
        if entries.len() == entries.capacity() {
            // Doubling would leave a quarter of all memory empty.
            entries.reserve_exact((entries.len() / 2).max(2));
        }
        entries.insert(place, (key, value));
        if entries.len() > LEAF {
            *node = Branch::of_leaf(entries);
        }
        None
    }

    /// Adds an entry that differs, in the digit at `shift`, from all below the first branch
    /// whose own digit is lower.
    fn insert_above(&mut self, key: K, value: V, shift: u32) {
        let mut node = self;
        while node.begins_above(shift) {
            let Self::Branch(branch) = node else { break };
            branch.entries += 1;
            node = &mut branch.children[key.digit(branch.shift)];
        }
        let Self::Branch(branch) = &*node else {
            unreachable!("a branch with a lower digit was seen on the way")
        };
        let (like, entries) = (branch.like, branch.entries);
        let mut parent = Branch::empty(key, shift);
        parent.put(key, Self::Leaf(vec![(key, value)]), 1);
        parent.put(like, std::mem::replace(node, Self::EMPTY), entries);
        *node = Self::Branch(parent);
    }

    /// Takes back what a way down counted.
    fn recount(&mut self, key: K, by: u32) {
        let mut node = self;
        while let Self::Branch(branch) = node {
            let digit = key.digit(branch.shift);
            branch.entries = branch.entries.wrapping_add(by);
            if branch.children[digit].is_empty() {
                branch.present &= !(1 << digit);
            }
            node = &mut branch.children[digit];
        }
    }

    /// Counts on the way down that an entry goes, and takes it back if it is not there.
    fn remove(&mut self, key: K) -> Option<V> {
        self.gather();
        let mut node = &mut *self;
        while node.is_above(key) {
            let Self::Branch(branch) = node else { break };
            branch.entries -= 1;
            node = &mut branch.children[key.digit(branch.shift)];
            node.gather();
        }
        match node {
            Self::Leaf(entries) => {
                let place = entries.partition_point(|entry| entry.0 < key);
                if entries.get(place).is_none_or(|entry| entry.0 != key) {
                    self.recount(key, 1);
                    return None;
                }
                let (_, value) = entries.remove(place);
                if entries.len() * 4 < entries.capacity() {
                    entries.shrink_to(entries.len() * 2);
                }
                Some(value)
            }
            Self::Branch(branch) => {
                let value = branch.take(key.digit(branch.shift));
                if branch.present.is_power_of_two() {
                    let only = branch.present.trailing_zeros() as usize;
                    let only = std::mem::replace(&mut branch.children[only], Self::EMPTY);
                    *node = only;
                }
                value
            }
        }
    }

    /// True if the way to a key goes on below it, to more than that key alone.
    fn is_above(&self, key: K) -> bool {
        matches!(self, Self::Branch(branch) if !branch.child(key).is_only(key))
    }

    fn begins_above(&self, shift: u32) -> bool {
        matches!(self, Self::Branch(branch) if branch.shift > shift)
    }

    /// Makes a leaf of a branch of which one entry goes and few are left.
    fn gather(&mut self) {
        if let Self::Branch(branch) = self
            && branch.entries as usize <= FEW + 1
        {
            let mut all = Vec::with_capacity(FEW + 1);
            self.give(&mut all);
            *self = Self::Leaf(all);
        }
    }

    /// True if it is a leaf with this key alone.
    fn is_only(&self, key: K) -> bool {
        matches!(self, Self::Leaf(entries) if entries.len() == 1 && entries[0].0 == key)
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

    /// The child that a key's digit leads to.
    fn child(&self, key: K) -> &Node<K, V> {
        &self.children[key.digit(self.shift)]
    }

    /// Takes a child with one entry away.
    fn take(&mut self, digit: usize) -> Option<V> {
        self.entries -= 1;
        self.present &= !(1 << digit);
        match std::mem::replace(&mut self.children[digit], Node::EMPTY) {
            Node::Leaf(entries) => entries.first().map(|entry| entry.1),
            Node::Branch(_) => None,
        }
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

    /// Entries from a key on. Each is a search of its own, made when it is asked for.
    pub(crate) fn from(&self, key: K) -> impl Iterator<Item = (K, V)> {
        self.walk(Some(key))
    }

    /// Entries behind a key.
    pub(crate) fn after(&self, key: K) -> impl Iterator<Item = (K, V)> {
        self.walk(key.next())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.walk(self.first().map(|first| first.0))
    }

    fn walk(&self, mut next: Option<K>) -> impl Iterator<Item = (K, V)> {
        std::iter::from_fn(move || {
            let entry = self.at_or_after(next?);
            next = entry.and_then(|entry| entry.0.next());
            entry
        })
    }

    fn at_or_after(&self, key: K) -> Option<(K, V)> {
        let (mut node, mut last, mut behind) = (&self.root, None, None);
        while let Node::Branch(branch) = node {
            let digit = key.digit(branch.shift);
            let later = branch.present & (u16::MAX - 1) << digit;
            if later != 0 {
                behind = Some((branch, later));
            }
            last = Some(branch);
            node = &branch.children[digit];
        }
        if let Some(last) = last
            && !key.agrees_above(last.like, last.shift)
        {
            return self.beside(key, key.parted_at(last.like));
        }
        let Node::Leaf(entries) = node else {
            unreachable!("all ways end at a leaf")
        };
        let place = entries.partition_point(|entry| entry.0 < key);
        let next = || {
            let (branch, later) = behind?;
            branch.children[later.trailing_zeros() as usize].first()
        };
        entries.get(place).or_else(next).copied()
    }

    /// The first entry behind a key that differs, in the digit at `shift`, from all below
    /// the first branch whose own digit is lower.
    fn beside(&self, key: K, shift: u32) -> Option<(K, V)> {
        let (mut node, mut behind) = (&self.root, None);
        while let Node::Branch(branch) = node {
            if branch.shift < shift {
                if key < branch.like {
                    return node.first().copied();
                }
                break;
            }
            let digit = key.digit(branch.shift);
            let later = branch.present & (u16::MAX - 1) << digit;
            if later != 0 {
                behind = Some(&branch.children[later.trailing_zeros() as usize]);
            }
            node = &branch.children[digit];
        }
        behind?.first().copied()
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
