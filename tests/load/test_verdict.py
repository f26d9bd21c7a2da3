import json
import random
from math import inf

import pytest

from holdfast.loadtests.verdict import (
    EXIT_CODES,
    Judged,
    Verdict,
    above,
    below,
    beside,
    bootstrap,
    judged_of,
    latency,
    overall,
    paired,
    percentile,
    reported,
    within,
)


def noisy(middle: float, spread: float, count: int = 60, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [middle * (1 + chance.uniform(-spread, spread)) for _ in range(count)]


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.951, 96), (0.999, 100), (1.0, 100)]
)
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile(range(1, 101), share) == value


def test_pairs_are_of_the_same_window_and_have_enough_on_both_sides() -> None:
    ours = [(0.1, 2.0), (0.2, 2.0), (1.1, 9.0), (1.2, 9.0), (2.5, 4.0), (2.6, 4.0)]
    other = [(0.9, 1.0), (0.8, 1.0), (1.5, 1.0), (2.1, 2.0), (2.2, 2.0), (3.0, 1.0)]
    assert paired(ours, other, window=1.0, share=0.5, least=2) == [2.0, 2.0]


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        (noisy(1.0, 0.02), Verdict.PASS),
        (noisy(1.05, 0.02), Verdict.FAIL),
        (noisy(0.95, 0.02), Verdict.FAIL),
        (noisy(1.03, 0.02), Verdict.INCONCLUSIVE),
        (noisy(1.0, 0.5, count=12), Verdict.INCONCLUSIVE),
        ([1.0] * 3, Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
    ],
)
def test_the_whole_interval_decides(ratios: list[float], verdict: Verdict) -> None:
    assert within("p50", ratios).verdict is verdict


def test_a_ceiling_and_a_floor_have_one_side() -> None:
    assert below("p99", noisy(0.5, 0.02)).verdict is Verdict.PASS
    assert below("p99", noisy(1.1, 0.05)).verdict is Verdict.INCONCLUSIVE
    assert below("p99", noisy(1.3, 0.02)).verdict is Verdict.FAIL
    assert above("rate", noisy(1.5, 0.02)).verdict is Verdict.PASS
    assert above("rate", noisy(0.9, 0.02)).verdict is Verdict.FAIL


def test_a_slow_down_is_seen_beside_the_noise_of_the_machine() -> None:
    # Each window's speed is the machine's, up to three times; what differs is 5 %.
    chance = random.Random(7)
    speeds = [chance.uniform(1, 3) for _ in range(120)]

    def asked(factor: float) -> list[tuple[float, float]]:
        return [
            (second + chance.random(), speed * factor * chance.uniform(0.9, 1.1))
            for second, speed in enumerate(speeds)
            for _ in range(100)
        ]

    slower = {one.name: one.verdict for one in latency(asked(1.05), asked(1.0), window=1.0)}
    same = {one.name: one.verdict for one in latency(asked(1.0), asked(1.0), window=1.0)}
    assert slower["p50"] is Verdict.FAIL
    assert same == {
        "p50": Verdict.PASS,
        "p95": Verdict.PASS,
        "p99": Verdict.PASS,
        "p99.9": None,
    }


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(60):
        low, high = bootstrap(noisy(1.0, 0.3, count=40, seed=seed))
        covered += low <= 1.0 <= high
    assert covered >= 50


def test_the_same_numbers_give_the_same_interval() -> None:
    assert bootstrap(noisy(1, 0.2)) == bootstrap(noisy(1, 0.2))


def test_a_method_that_sees_ghosts_decides_nothing() -> None:
    ghost = within("p50", noisy(1.2, 0.02))
    told = beside(within("p50", noisy(1.06, 0.02)), ghost)
    assert told.verdict is Verdict.INCONCLUSIVE
    assert told.control == ghost
    assert beside(reported("p99.9", noisy(1, 0.1)), ghost).verdict is None


@pytest.mark.parametrize(
    ("verdicts", "truthful", "bound", "whole"),
    [
        ([Verdict.PASS, None], True, False, Verdict.PASS),
        ([], True, False, Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], True, False, Verdict.INCONCLUSIVE),
        ([Verdict.FAIL, Verdict.INCONCLUSIVE], True, False, Verdict.FAIL),
        ([Verdict.PASS], True, True, Verdict.GENERATOR_BOUND),
        ([Verdict.FAIL], True, True, Verdict.GENERATOR_BOUND),
        ([Verdict.PASS], False, True, Verdict.FAIL),
    ],
)
def test_truth_comes_first_and_a_full_generator_never_passes(
    verdicts: list[Verdict | None], truthful: bool, bound: bool, whole: Verdict
) -> None:
    assert overall(verdicts, truthful=truthful, bound=bound) is whole


def test_no_two_verdicts_share_an_exit_code_and_none_is_that_of_wrong_usage() -> None:
    assert sorted(EXIT_CODES.values()) == [0, 1, 3, 4]


def test_what_is_judged_survives_a_file() -> None:
    judged = beside(within("p50", noisy(1, 0.02)), within("p50", [1.0]))
    assert judged_of(json.loads(json.dumps(judged.as_json()))) == judged
    few = within("p50", [1.0])
    assert few == Judged("p50", 1, 1.0, 0.0, inf, Verdict.INCONCLUSIVE)


def test_what_another_tool_measured_is_read() -> None:
    told = judged_of(
        {
            "name": "volume 10k p50",
            "n": 80,
            "ratio": 1.001,
            "low": 0.995,
            "high": 1.006,
            "verdict": "PASS",
            "control": {"n": 80, "ratio": 1.0, "low": 0.99, "high": 1.01},
        }
    )
    assert told.verdict is Verdict.PASS
    assert told.control is not None
    assert told.control.low == 0.99
