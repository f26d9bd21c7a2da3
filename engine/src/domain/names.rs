//! Names that repeat (SKUs, warehouses, actors, devices) become small numbers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Number of a name within its merchant. 0 is the empty name.
pub type NameId = u32;

/// What is known of names. Nobody chooses their numbers, so a plain hash will do.
pub type ByName<T> = HashMap<NameId, T, FixedState>;

/// All names of a merchant, numbered in the order of their first use.
#[derive(Debug)]
pub struct Names {
    texts: Vec<Box<str>>,
    index: HashTable<NameId>,
    hasher: FixedState,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            texts: Vec::new(),
            index: HashTable::new(),
            hasher: FixedState::default(),
        };
        names.declare("");
        names
    }
}

impl Names {
    /// The number of a known name.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<NameId> {
        // Most names of most requests are left out.
        if text.is_empty() {
            return self.texts.first().map(|_| 0);
        }
        let hash = self.hasher.hash_one(text);
        self.index
            .find(hash, |id| &*self.texts[*id as usize] == text)
            .copied()
    }

    /// The text of a number that this table gave out.
    #[must_use]
    pub fn text(&self, id: NameId) -> &str {
        &self.texts[id as usize]
    }

    /// The text of a number, if it was given out.
    #[must_use]
    pub fn get(&self, id: NameId) -> Option<&str> {
        self.texts.get(id as usize).map(|text| &**text)
    }

    /// Adds a name and gives it the next number. The caller has looked before.
    pub fn declare(&mut self, text: &str) -> NameId {
        debug_assert!(self.find(text).is_none(), "{text:?} was declared before");
        let id = NameId::try_from(self.texts.len()).expect("fewer than 2^32 names");
        self.texts.push(text.into());
        let Self {
            texts,
            index,
            hasher,
        } = self;
        index.insert_unique(hasher.hash_one(text), id, |id| {
            hasher.hash_one(&*texts[*id as usize])
        });
        id
    }

    /// Every name in order of its number.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }
}
