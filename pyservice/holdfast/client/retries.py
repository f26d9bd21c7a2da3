"""What is repeated, after how long, and what a caller is told when no answer came.

Pure: time and chance are arguments. Only two kinds of answers are repeated: those after which the
outcome is unknown or the engine is away (UNAVAILABLE, which COMMIT_UNKNOWN, DRAINING and a broken
connection are too), and those that say themselves when to come again (`retry_ms`). The repeat has
the same request_id and payload, so it is done once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from holdfast.errors import ClientClosedError, DeadlineExceeded, Refused

FIRST_S: Final = 0.05
LONGEST_S: Final = 1.0

_ASK_AGAIN: Final = "The outcome is unknown: repeat with the same request_id to learn it."
_NOTHING_SENT: Final = "Nothing was sent."

Repeat: TypeAlias = Callable[[Refused, int], float | None]
"""Seconds until a refused try is repeated, by how many there were; `None`: it is not."""


class Backoff:
    """Doubles from 50 ms to a second, up to half of it taken off at random: callers scatter."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """Takes a source of numbers from 0 to 1."""
        self._chance = chance

    def __call__(self, refusal: Refused, tries: int) -> float | None:
        """Seconds until the next try, after so many; `None` if there is to be none."""
        told = refusal.facts.get("retry_ms", "")
        if refusal.code != "UNAVAILABLE" and not told.isdecimal():
            return None
        grown = min(LONGEST_S, FIRST_S * 2.0 ** min(tries - 1, 10))
        pause = grown * (1 + self._chance()) / 2
        return max(pause, int(told) / 1_000) if told.isdecimal() else pause


def never(_refusal: Refused, _tries: int) -> float | None:
    """Repeats nothing."""
    return None


@dataclass(slots=True)
class Attempts:
    """The tries of one call, until its deadline."""

    repeat: Repeat
    deadline_s: float
    end: float
    tries: int = 0
    last: Refused | None = None

    def begin(self, now: float) -> float:
        """Seconds that the next try may take.

        Raises:
            DeadlineExceeded: None are left.
        """
        if now >= self.end:
            raise late(self.deadline_s, self.tries, self.last)
        self.tries += 1
        return self.end - now

    def failed(self, refusal: Refused, now: float) -> float:
        """Seconds to wait before the next try, never beyond the deadline.

        Raises:
            Refused: There is none; this is the answer.
        """
        if timed_out(refusal):
            raise late(self.deadline_s, self.tries, self.last)
        pause = self.repeat(refusal, self.tries)
        if pause is None:
            raise refusal
        self.last = refusal
        return max(0.0, min(pause, self.end - now))


def timed_out(refusal: Refused) -> bool:
    """Whether gRPC gave up waiting; the engine's own words about a deadline have facts."""
    return refusal.code == "DEADLINE_EXCEEDED" and not refusal.facts


def late(deadline_s: float, tries: int, last: Refused | None) -> DeadlineExceeded:
    """Nothing came in time; tells of the last try that failed."""
    facts = {"deadline_ms": str(round(deadline_s * 1_000)), "tries": str(tries)}
    told = ""
    if last is not None:
        facts["last"] = last.reason
        told = f" {tries} tries; one failed with {last.reason}: {last.message.rstrip('.')}."
    return DeadlineExceeded(
        f"No answer within {deadline_s:g} s.{told} {_ASK_AGAIN if tries else _NOTHING_SENT}",
        reason="DEADLINE_EXCEEDED",
        facts=facts,
        code="DEADLINE_EXCEEDED",
    )


def closed(tries: int) -> ClientClosedError:
    """The client was closed before the answer came, or before the call."""
    return ClientClosedError(
        f"The client was closed. {_ASK_AGAIN if tries else _NOTHING_SENT}",
        reason="CLIENT_CLOSED",
        facts={"tries": str(tries)},
    )
