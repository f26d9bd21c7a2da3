//! The map beside a tree of comparisons, which is right.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What the module's first lines say holds between two calls; gives the entries below.
fn check<K: Key, V: Copy>(node: &Node<K, V>, is_root: bool) -> usize {
    match node {
        Node::Leaf(entries) => {
            assert!(entries.len() <= LEAF && (is_root || !entries.is_empty()));
            assert!(entries.is_sorted_by(|one, next| one.0 < next.0));
            entries.len()
        }
        Node::Branch(branch) => {
            assert!(branch.present.count_ones() >= 2);
            let mut below = 0;
            for (digit, child) in branch.children.iter().enumerate() {
                if branch.present & (1 << digit) == 0 {
                    assert!(child.is_empty());
                    continue;
                }
                below += check(child, false);
                let mut entries = Vec::new();
                child.give(&mut entries);
                for (key, _) in entries {
                    assert!(key.agrees_above(branch.like, branch.shift));
                    assert_eq!(key.digit(branch.shift), digit);
                }
            }
            assert!(below > FEW);
            assert_eq!(below, branch.entries as usize);
            below
        }
    }
}

fn depth<K: Key, V: Copy>(node: &Node<K, V>) -> usize {
    match node {
        Node::Leaf(_) => 0,
        Node::Branch(branch) => 1 + branch.children.iter().map(depth).max().unwrap_or(0),
    }
}

/// Keys that meet each other, at a few places far apart: deadlines of a second, many orders
/// of one deadline, and the ends of what a key can be.
fn key() -> impl Strategy<Value = u128> {
    let low = prop_oneof![0..64_u128, (0..600_u128).prop_map(|low| low << 16)];
    let high = prop_oneof![
        Just(0_u128),
        Just(1 << 64),
        (0..4_u128).prop_map(|high| high << 80),
        Just(u128::MAX << 64),
    ];
    prop_oneof![
        20 => (low, high).prop_map(|(low, high)| low | high),
        1 => Just(u128::MAX),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u128, i64),
    Remove(u128),
    Ask(u128),
    /// Removes all below a key, as time does.
    Pass(u128),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        60 => (key(), any::<i64>()).prop_map(|(key, value)| Step::Insert(key, value)),
        30 => key().prop_map(Step::Remove),
        10 => key().prop_map(Step::Ask),
        1 => key().prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..1_500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_does_what_a_tree_of_comparisons_does(steps in steps()) {
        let (mut map, mut model) = (RadixMap::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(map.remove(key), model.remove(&key)),
                Step::Ask(key) => {
                    prop_assert_eq!(map.contains(key), model.contains_key(&key));
                    let from = model.range(key..).map(|(key, value)| (*key, *value));
                    prop_assert!(map.from(key).take(3).eq(from.take(3)));
                    let behind = (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded);
                    let behind = model.range(behind).map(|(key, value)| (*key, *value));
                    prop_assert!(map.after(key).take(3).eq(behind.take(3)));
                }
                Step::Pass(upto) => {
                    while let Some((key, value)) = map.first().filter(|first| first.0 < upto) {
                        prop_assert_eq!(map.remove(key), Some(value));
                    }
                    model.retain(|key, _| *key >= upto);
                }
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(map.first(), model.first_key_value().map(|(key, value)| (*key, *value)));
        }
        prop_assert_eq!(check(&map.root, true), map.len());
        prop_assert!(map.iter().eq(model.into_iter()));
    }
}

#[test]
fn a_hundred_thousand_of_one_instant_are_few_steps_deep_and_leave_nothing() {
    let key =
        |order: u64| (u128::from(from_time(1_794_326_400_000)) << 64) | u128::from(order) << 32;
    let mut map = RadixSet::new();
    // Neighbours come far apart from each other: 7,919 has no divisor in common with the count.
    for order in 0..100_000 {
        assert_eq!(map.insert(key(order * 7_919 % 100_000), ()), None);
    }
    assert!(depth(&map.root) <= 4, "{} steps", depth(&map.root));
    for order in 0..100_000 {
        assert_eq!(map.first(), Some((key(order), ())));
        assert_eq!(map.remove(key(order)), Some(()));
    }
    assert!(map.is_empty() && depth(&map.root) == 0);
}

#[test]
fn a_year_of_deadlines_makes_it_no_deeper() {
    let mut map: RadixSet<u64> = RadixSet::new();
    let key = |minute: u64| from_time(1_794_326_400_000) + minute * 60_000;
    let mut deepest = 0;
    for minute in 0..365 * 24 * 60 {
        map.insert(key(minute + 200), ());
        map.remove(key(minute));
        deepest = deepest.max(depth(&map.root));
    }
    assert_eq!(map.len(), 200);
    assert!(deepest <= 3, "{deepest} steps");
}

#[test]
fn instants_keep_their_order_as_numbers() {
    let times = [Millis::MIN, -1, 0, 1, 1_794_326_400_000, Millis::MAX];
    assert!(times.map(from_time).is_sorted());
    assert_eq!(times.map(from_time).map(to_time), times);
}
