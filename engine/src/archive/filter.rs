//! A filter: says of most keys that are not in a run that they are not, without the disk.
//!
//! A key sets a few bits of one block of 64 bytes, so that asking costs one miss of the
//! cache. A key that is in the run is never denied.

use serde::{Deserialize, Serialize};

/// Bits per key: about one in a hundred absent keys is let through.
const BITS: usize = 10;
/// Bits that a key sets.
const SET: u32 = 6;
/// 64-bit words of a block.
const WORDS: usize = 8;

/// The keys of one run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    pub(super) fn of(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        let blocks = (keys.len() * BITS).div_ceil(WORDS * 64).max(1);
        let mut filter = Self {
            words: vec![0; blocks * WORDS],
        };
        for key in keys {
            for (word, bit) in filter.bits(key) {
                filter.words[word] |= bit;
            }
        }
        filter
    }

    /// False: the key is not in the run.
    pub(super) fn may_have(&self, key: u64) -> bool {
        self.bits(key)
            .all(|(word, bit)| self.words[word] & bit != 0)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    fn bits(&self, key: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let blocks = (self.words.len() / WORDS) as u64;
        // The high half picks the block, a product of the key the bits: nine each.
        let first = (((key >> 32) * blocks) >> 32) as usize * WORDS;
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..SET).map(move |turn| {
            let bit = (mixed >> (9 * turn)) & 511;
            (first + (bit / 64) as usize, 1 << (bit % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(of: u64) -> u64 {
        let hash = blake3::hash(&of.to_le_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes"))
    }

    #[test]
    fn what_is_there_is_never_denied_and_few_others_pass() {
        let filter = Filter::of((0..50_000).map(key).collect::<Vec<_>>().into_iter());
        assert!((0..50_000).all(|of| filter.may_have(key(of))));
        let passed = (50_000..100_000)
            .filter(|of| filter.may_have(key(*of)))
            .count();
        assert!(passed < 1_000, "{passed} of 50,000 absent keys pass");
    }

    #[test]
    fn an_empty_filter_denies_everything() {
        let filter = Filter::of(std::iter::empty::<u64>());
        assert!((0..1_000).all(|of| !filter.may_have(key(of))));
    }
}
