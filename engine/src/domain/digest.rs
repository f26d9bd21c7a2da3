//! Hashes that stand in journals: of requests, scans, buyers, lines.

/// 16 bytes of a hash over parts, each with its length, so that parts cannot
/// be shifted into one another.
///
/// The parts are short, so they are laid side by side and hashed in one go: a hasher
/// that takes them one by one costs twice as much.
#[must_use]
pub fn hash128(parts: &[&[u8]]) -> u128 {
    let length = parts.iter().map(|part| 8 + part.len()).sum();
    let mut laid = Vec::with_capacity(length);
    for part in parts {
        laid.extend_from_slice(&(part.len() as u64).to_le_bytes());
        laid.extend_from_slice(part);
    }
    let hash = blake3::hash(&laid);
    let (start, _) = (hash.as_bytes().split_first_chunk()).expect("a hash has 32 bytes");
    u128::from_le_bytes(*start)
}

/// Never 0, which stands for "none".
#[must_use]
pub fn hash64(parts: &[&[u8]]) -> u64 {
    ((hash128(parts) >> 64) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What journals hold was made by a hasher that took the parts one by one.
    #[test]
    fn parts_laid_side_by_side_hash_as_those_fed_one_by_one() {
        let long = [7; 600];
        let lists: [&[&[u8]]; 4] = [&[], &[b""], &[b"buyer", b"b-1"], &[b"scan", &long, b"s"]];
        for parts in lists {
            let mut hasher = blake3::Hasher::new();
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            let one_by_one = hasher.finalize();
            assert_eq!(hash128(parts).to_le_bytes(), one_by_one.as_bytes()[..16]);
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        assert_ne!(hash128(&[b"ab", b"c"]), hash128(&[b"a", b"bc"]));
        assert_ne!(hash128(&[b"ab", b""]), hash128(&[b"ab"]));
    }
}
