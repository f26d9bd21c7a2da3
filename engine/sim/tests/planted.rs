//! Planted mistakes are found: otherwise finding nothing would mean nothing.
#![cfg(feature = "planted")]

use holdfast_engine::planted::Mistake;
use holdfast_sim::plant::find;

/// The rest is looked for by `./dev sim --planted`.
const A_FEW: [Mistake; 16] = [
    Mistake::AnswerBeforeDurable,
    Mistake::ReleaseNextGroup,
    Mistake::SkipSync,
    Mistake::ForgetFolderSync,
    Mistake::IgnoreChecksum,
    Mistake::ForgetRequests,
    Mistake::ExpireEarly,
    Mistake::SellOneMore,
    Mistake::DoubleOutageCredit,
    Mistake::LoseTask,
    Mistake::WriteBesideRival,
    Mistake::TrimTooMuch,
    Mistake::HideUnsynced,
    Mistake::ForgetReplicas,
    Mistake::IgnoreLostGroups,
    Mistake::IgnoreFence,
];

#[test]
fn a_few_planted_mistakes_are_found() {
    for mistake in A_FEW {
        assert!(
            find(mistake, 3_000, 60).is_some(),
            "{}: {}",
            mistake.name(),
            mistake.what()
        );
    }
}

#[test]
fn there_are_enough_planted_mistakes_and_each_says_what_it_does() {
    assert!(Mistake::ALL.len() >= 30);
    assert!(
        Mistake::ALL
            .iter()
            .all(|mistake| mistake.what().ends_with('.'))
    );
}
