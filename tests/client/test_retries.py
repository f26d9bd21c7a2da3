"""What is repeated, after how long, and what is said when the time is over."""

import pytest

from holdfast import errors
from holdfast.client.retries import Attempts, Backoff, closed, late, never, timed_out

AWAY = errors.refused(14, "UNAVAILABLE", "connection refused.", {})


@pytest.mark.parametrize(
    ("code", "reason", "facts", "repeated"),
    [
        (14, "COMMIT_UNKNOWN", {}, True),
        (14, "DRAINING", {}, True),
        (14, "UNAVAILABLE", {}, True),
        (8, "OVERLOADED", {"retry_ms": "40"}, True),
        (8, "DISK_SHORT", {}, False),
        (9, "STOCK_INSUFFICIENT", {}, False),
        (4, "DEADLINE_EXCEEDED", {}, False),
        (13, "INTERNAL", {}, False),
    ],
)
def test_what_is_repeated(code: int, reason: str, facts: dict[str, str], repeated: bool) -> None:
    refusal = errors.refused(code, reason, "", facts)
    assert (Backoff(lambda: 0.5)(refusal, 1) is not None) is repeated
    assert never(refusal, 1) is None


def test_pauses_double_to_a_second_and_scatter_by_half() -> None:
    longest = [Backoff(lambda: 1.0)(AWAY, tries) for tries in (1, 2, 3, 6, 5_000)]
    assert longest == [0.05, 0.1, 0.2, 1.0, 1.0]
    assert Backoff(lambda: 0.0)(AWAY, 3) == 0.1


def test_a_pause_that_the_engine_asks_for_is_kept() -> None:
    busy = errors.refused(8, "OVERLOADED", "", {"retry_ms": "700"})
    assert Backoff(lambda: 0.0)(busy, 1) == 0.7


def test_attempts_end_with_the_deadline_and_tell_of_the_last_one() -> None:
    attempts = Attempts(Backoff(lambda: 1.0), deadline_s=2.0, end=12.0)
    assert attempts.begin(10.0) == 2.0
    assert attempts.failed(AWAY, 11.0) == 0.05
    assert attempts.begin(11.99) == pytest.approx(0.01)
    assert attempts.failed(AWAY, 11.995) == pytest.approx(0.005)
    with pytest.raises(errors.DeadlineExceeded, match=r"2 tries.*connection refused\. The") as told:
        attempts.begin(12.0)
    assert told.value.facts == {"deadline_ms": "2000", "tries": "2", "last": "UNAVAILABLE"}


def test_a_lasting_refusal_is_raised_as_it_came() -> None:
    short = errors.refused(9, "STOCK_INSUFFICIENT", "short", {"free": "0"})
    attempts = Attempts(Backoff(lambda: 1.0), deadline_s=2.0, end=12.0)
    attempts.begin(10.0)
    with pytest.raises(errors.StockInsufficient) as raised:
        attempts.failed(short, 10.0)
    assert raised.value is short


def test_what_is_said_depends_on_whether_something_was_sent() -> None:
    assert "Nothing was sent" in late(1.0, 0, None).message
    assert "repeat with the same request_id" in late(1.0, 1, None).message
    assert "Nothing was sent" in closed(0).message
    assert "repeat with the same request_id" in closed(1).message


def test_the_engines_own_words_about_a_deadline_are_not_replaced() -> None:
    assert timed_out(errors.refused(4, "DEADLINE_EXCEEDED", "Deadline Exceeded", {}))
    said = errors.refused(4, "DEADLINE_EXCEEDED", "", {"when": "before it was decided"})
    assert not timed_out(said)
