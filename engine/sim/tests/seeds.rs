//! A run is its seed, and the seeds of every day pass.

use holdfast_sim::shrink::run_seed;

#[test]
fn two_runs_of_a_seed_leave_the_same_trace() {
    let run = |seed| run_seed(seed, 1_500, None).expect("nothing is found").trace;
    for seed in 1..=5 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2), "seeds differ");
}

#[test]
fn a_share_of_the_seeds_finds_nothing() {
    let (mut crashes, mut acknowledged) = (0, 0);
    for seed in 1..=60 {
        match run_seed(seed, 2_000, None) {
            Ok(finished) => {
                crashes += finished.tally.crashes;
                acknowledged += finished.tally.acknowledged;
            }
            Err(found) => panic!(
                "seed {seed}, step {}: {}; again: ./dev sim --seed {seed} --steps 2000",
                found.step, found.wrong.0
            ),
        }
    }
    assert!(crashes > 100, "only {crashes} crashes in all these seeds");
    assert!(acknowledged > 10_000, "only {acknowledged} replies");
}
