"""Which commands go together: the scheduler alone, without a server, a thread or a clock."""

from dataclasses import dataclass, field

import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

from holdfast import errors
from holdfast.client.retries import Backoff, never
from holdfast.client.scheduler import Batch, Item, Scheduler, Settled

UNKNOWN = errors.refused(14, "COMMIT_UNKNOWN", "unknown", {})
BUSY = errors.refused(8, "OVERLOADED", "busy", {"retry_ms": "3000"})
SHORT = errors.refused(9, "STOCK_INSUFFICIENT", "short", {"free": "0"})
DENIED = errors.refused(7, "PERMISSION_DENIED", "denied", {})
INTERNAL = errors.refused(13, "INTERNAL", "broken", {})


class Nobody:
    """A waiter; the scheduler itself never settles one."""

    def done(self) -> bool:
        raise AssertionError("asked")

    def set_result(self, result: object, /) -> None:
        raise AssertionError("settled")


def item(name: str = "x", added_at: float = 0.0) -> Item:
    return Item(name.encode(), added_at, added_at + 10, Nobody())


def names(batch: Batch) -> list[str]:
    return [one.command.decode() for one in batch]


def filled(scheduler: Scheduler, *commands: str) -> list[Item]:
    items = [item(name) for name in commands]
    for one in items:
        scheduler.add(one)
    return items


def scheduler(**limits: int | float) -> Scheduler:
    return Scheduler(Backoff(lambda: 1.0), **limits)  # type: ignore[arg-type]


def test_an_idle_one_sends_at_once_and_what_comes_meanwhile_goes_next() -> None:
    ours = scheduler()
    filled(ours, "a")
    first = ours.take(0.0)
    filled(ours, "b", "c")
    assert names(first) == ["a"]
    assert ours.take(0.0) == ()
    assert ours.due() is None
    assert ours.answered(first, ["done"], 1.0) == [(first[0], "done")]
    assert names(ours.take(1.0)) == ["b", "c"]


@pytest.mark.parametrize(
    ("limits", "sizes"), [({"max_commands": 2}, [2, 2, 1]), ({"max_bytes": 7}, [3, 1, 1])]
)
def test_a_batch_is_bounded_by_count_and_by_bytes(limits: dict[str, int], sizes: list[int]) -> None:
    ours = scheduler(**limits)
    filled(ours, "aa", "bb", "cc", "dd", "e" * 9)
    taken = []
    while batch := ours.take(0.0):
        taken.append(len(batch))
        ours.answered(batch, [None] * len(batch), 0.0)
    assert taken == sizes


def test_the_first_command_waits_for_others_as_long_as_was_asked() -> None:
    ours = scheduler(gather_s=0.5, max_commands=3)
    filled(ours, "a")
    assert (ours.take(0.4), ours.due()) == ((), 0.5)
    filled(ours, "b")
    first = ours.take(0.5)
    assert names(first) == ["a", "b"]
    ours.answered(first, ["done", "done"], 0.6)
    # A full batch waits for nobody.
    for one in "cde":
        ours.add(item(one, 0.6))
    assert names(ours.take(0.6)) == ["c", "d", "e"]


def test_a_refusal_is_of_its_command_alone() -> None:
    ours = scheduler()
    filled(ours, "a", "b", "c")
    batch = ours.take(0.0)
    settled = ours.answered(batch, ["done", SHORT, "done"], 0.0)
    assert [answer for _, answer in settled] == ["done", SHORT, "done"]


def test_a_temporary_refusal_is_repeated_first_and_everything_waits_for_it() -> None:
    ours = scheduler()
    _, b, _ = filled(ours, "a", "b", "c")
    first = ours.take(0.0)
    filled(ours, "d")
    settled = ours.answered(first, ["done", BUSY, "done"], 1.0)
    assert names(tuple(one for one, _ in settled)) == ["a", "c"]
    assert (ours.take(3.9), ours.due()) == ((), 4.0)
    assert names(ours.take(4.0)) == ["b", "d"]
    assert (b.tries, b.last) == (2, BUSY)


def test_a_batch_without_an_answer_is_repeated_whole_and_in_order() -> None:
    ours = scheduler()
    filled(ours, "a", "b")
    first = ours.take(0.0)
    filled(ours, "c")
    assert ours.failed(first, UNKNOWN, 0.0) == []
    again = ours.take(1.0)
    assert names(again) == ["a", "b", "c"]
    assert [one.tries for one in again] == [2, 2, 1]


def test_without_retries_everybody_gets_the_failure() -> None:
    ours = Scheduler(never)
    filled(ours, "a", "b")
    settled = ours.failed(ours.take(0.0), UNKNOWN, 0.0)
    assert [str(answer) for _, answer in settled] == [str(UNKNOWN)] * 2
    # Two callers raise them, so they are two.
    assert settled[0][1] is not settled[1][1]


@pytest.mark.parametrize(("refusal", "alone"), [(DENIED, True), (INTERNAL, False)])
def test_a_batch_that_was_not_begun_is_asked_for_one_by_one(
    refusal: errors.Refused, alone: bool
) -> None:
    ours = scheduler()
    filled(ours, "a", "b")
    settled = ours.failed(ours.take(0.0), refusal, 0.0)
    assert [answer is None for _, answer in settled] == [alone, alone]


def test_what_a_caller_gave_up_is_neither_sent_nor_repeated() -> None:
    ours = scheduler()
    a, _ = filled(ours, "a", "b")
    first = ours.take(0.0)
    c, _ = filled(ours, "c", "d")
    ours.forget(a)
    ours.forget(c)
    assert ours.failed(first, UNKNOWN, 0.0) == []
    assert names(ours.take(1.0)) == ["b", "d"]
    assert (a.tries, c.tries) == (1, 0)


def test_closing_settles_everything_and_a_late_answer_changes_nothing() -> None:
    ours = scheduler()
    filled(ours, "a")
    batch = ours.take(0.0)
    filled(ours, "b")
    closed = ours.close(lambda one: errors.ClientClosedError(str(one.tries)))
    assert [str(error) for _, error in closed] == ["1", "0"]
    assert ours.answered(batch, ["done"], 0.0) == []
    assert ours.take(9.0) == ()


@dataclass(slots=True)
class Story:
    """Drives a scheduler and keeps what happened."""

    ours: Scheduler = field(default_factory=lambda: scheduler(max_commands=3))
    now: float = 0.0
    batch: Batch = ()
    added: list[Item] = field(default_factory=list)
    first_sent: list[Item] = field(default_factory=list)
    settled: Settled = field(default_factory=list)

    def add(self) -> None:
        self.added.append(item(str(len(self.added)), self.now))
        self.ours.add(self.added[-1])

    def forget(self) -> None:
        if self.added:
            self.ours.forget(self.added[-1])

    def take(self) -> None:
        self.now += 0.3
        taken = self.ours.take(self.now)
        assert not (taken and self.batch), "two batches are in flight"
        assert len(taken) <= 3
        self.first_sent += [one for one in taken if one.tries == 1]
        self.batch = taken or self.batch

    def land(self, answers: list[object] | errors.Refused) -> None:
        batch, self.batch = self.batch, ()
        if isinstance(answers, errors.Refused):
            self.settled += self.ours.failed(batch, answers, self.now)
        elif batch:
            self.settled += self.ours.answered(batch, answers[: len(batch)], self.now)


ANSWERS = st.lists(st.sampled_from(["done", SHORT, UNKNOWN]), min_size=3, max_size=3)
STEPS = st.sampled_from(["add", "add", "forget", "take", "lose"]) | ANSWERS


@given(st.lists(STEPS, max_size=60))
def test_every_command_is_settled_once_and_first_sent_in_order(
    steps: list[str | list[object]],
) -> None:
    story = Story()
    for step in steps:
        if isinstance(step, list):
            story.land(step)
        elif step == "lose":
            story.land(UNKNOWN)
        else:
            getattr(story, step)()
    # Then the trouble ends; everything is answered after a bounded number of turns.
    for _ in range(2 * len(story.added) + 2):
        story.now += 2.0
        story.take()
        story.land(["done"] * 3)
    assert story.first_sent == [one for one in story.added if one.tries > 0]
    assert all(one.forgotten for one in story.added if one.tries == 0)
    settled = [one for one, _ in story.settled]
    assert len(settled) == len(set(settled))
    assert {one for one in story.added if not one.forgotten} <= set(settled)
