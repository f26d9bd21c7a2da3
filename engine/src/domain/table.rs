//! A hash table that grows a little at a time.
//!
//! One large table moves all its entries when it is full: with a hundred thousand
//! orders that is a stall of tens of milliseconds in the middle of a peak. Many
//! small tables fill up one by one, and each moves only its own.

use hashbrown::HashTable;

/// A growth moves this part of all entries.
const PARTS: usize = 256;

/// Entries found by a hash that the caller computes.
#[derive(Debug)]
pub struct Table<T> {
    parts: Box<[HashTable<T>]>,
}

/// How far a sweep through a table has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sweep {
    part: usize,
    bucket: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| HashTable::new()).collect(),
        }
    }
}

impl<T> Table<T> {
    /// The first entry with this hash that `is` the one.
    #[must_use]
    pub fn find(&self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&T> {
        self.parts[part(hash)].find(hash, is)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    /// Looks at so many places behind `sweep` and removes the entries that are `over`; true
    /// at the end of the table, and `sweep` is at its beginning again. An entry that a
    /// growth moves meanwhile may be passed over.
    pub fn sweep(
        &mut self,
        sweep: &mut Sweep,
        places: usize,
        mut over: impl FnMut(&T) -> bool,
    ) -> bool {
        for _ in 0..places {
            while sweep.bucket >= self.parts[sweep.part].num_buckets() {
                *sweep = Sweep {
                    part: sweep.part + 1,
                    bucket: 0,
                };
                if sweep.part == PARTS {
                    *sweep = Sweep::default();
                    return true;
                }
            }
            if let Ok(entry) = self.parts[sweep.part].get_bucket_entry(sweep.bucket)
                && over(entry.get())
            {
                entry.remove();
            }
            sweep.bucket += 1;
        }
        false
    }

    /// Makes room for so many more entries in all parts together.
    pub fn reserve(&mut self, additional: usize, hash_of: impl Fn(&T) -> u64) {
        // A part may get more than its share.
        let share = additional / PARTS + additional / PARTS / 8;
        for part in &mut self.parts {
            part.reserve(share, &hash_of);
        }
    }

    /// Every entry, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(HashTable::iter)
    }

    /// Entries that may have this hash.
    pub fn iter_hash(&self, hash: u64) -> impl Iterator<Item = &T> {
        self.parts[part(hash)].iter_hash(hash)
    }

    /// Adds an entry that is not there yet. `hash_of` gives the hash of any entry.
    pub fn insert_unique(&mut self, hash: u64, entry: T, hash_of: impl Fn(&T) -> u64) {
        self.parts[part(hash)].insert_unique(hash, entry, hash_of);
    }

    /// Removes the entry with this hash that `is` the one, if it is there.
    pub fn remove(&mut self, hash: u64, is: impl FnMut(&T) -> bool) {
        if let Ok(found) = self.parts[part(hash)].find_entry(hash, is) {
            found.remove();
        }
    }
}

/// The small tables use the lowest bits and the seven highest.
const fn part(hash: u64) -> usize {
    (hash >> 48) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use super::*;

    #[test]
    fn entries_are_found_until_they_are_removed() {
        let hasher = FixedState::default();
        let hash = |entry: &u64| hasher.hash_one(entry);
        let mut table = Table::default();
        for entry in 0..50_000 {
            table.insert_unique(hash(&entry), entry, hash);
        }
        for entry in (0..50_000).step_by(2) {
            table.remove(hash(&entry), |found| *found == entry);
        }
        for entry in 0..50_000 {
            let found = table.find(hash(&entry), |found| *found == entry);
            assert_eq!(found.copied(), (entry % 2 == 1).then_some(entry));
            assert_eq!(
                table.iter_hash(hash(&entry)).any(|found| *found == entry),
                found.is_some()
            );
        }
    }

    #[test]
    fn a_sweep_removes_what_is_over_a_few_places_at_a_time() {
        let hasher = FixedState::default();
        let hash = |entry: &u64| hasher.hash_one(entry);
        let mut table = Table::default();
        for entry in 0..20_000 {
            table.insert_unique(hash(&entry), entry, hash);
        }
        let mut sweep = Sweep::default();
        let (mut looks, mut before) = (0, table.len());
        while !table.sweep(&mut sweep, 100, |entry| entry % 3 > 0) {
            looks += 1;
            let after = table.len();
            assert!(before - after <= 100, "{before} to {after}");
            before = after;
        }
        assert!(looks >= 200, "{looks}");
        assert_eq!(sweep, Sweep::default());
        assert_eq!(table.len(), 20_000_usize.div_ceil(3));
        assert!(table.iter().all(|entry| entry % 3 == 0));
    }

    #[test]
    fn all_parts_are_used() {
        let hasher = FixedState::default();
        let mut counts = [0_u32; PARTS];
        for entry in 0..100_000_u64 {
            counts[part(hasher.hash_one(entry))] += 1;
        }
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(
            least > Some(&250) && most < Some(&550),
            "{least:?} to {most:?}"
        );
    }
}
