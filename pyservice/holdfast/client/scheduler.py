"""Which commands go together, and when: the scheduler of batches.

It decides and does nothing else: no thread, no clock, no network; `now` is an argument, in seconds
of one monotonic clock. The coalescer sends what `take` gives and brings back what came of it.
What must always hold:

- one batch is in flight at most, and commands leave in the order in which they were added;
- a command that was added is settled once, unless its caller forgot it;
- a batch has at most `max_commands` commands and, unless one is larger alone, `max_bytes` bytes.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from holdfast.client.retries import Repeat
from holdfast.errors import HoldfastError, Refused

MAX_COMMANDS: Final = 1_000
MAX_BYTES: Final = 4 << 20

# Statuses that refuse a batch as a whole before anything of it is done, or whose answer was
# too large to be read. Each of its commands is then asked for alone.
_WHOLE: Final = frozenset(
    {
        "INVALID_ARGUMENT",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
    }
)

Answer: TypeAlias = object
"""A command's `CommandOutcome`, its error, or `None`: ask for it alone, the batch cannot."""


class Waiter(Protocol):
    """The future of a caller, of threads or of an event loop."""

    def done(self) -> bool:
        """Whether it was settled or given up."""

    def set_result(self, result: Answer, /) -> None:
        """Settles it."""


@dataclass(slots=True, eq=False)
class Item:
    """A command that waits for its answer, encoded as a batch of one."""

    command: bytes
    added_at: float
    deadline: float
    waiter: Waiter
    tries: int = 0
    last: Refused | None = None
    forgotten: bool = False


Batch: TypeAlias = tuple[Item, ...]
Settled: TypeAlias = list[tuple[Item, Answer]]


class Scheduler:
    """Gathers commands while a batch is in flight; they are the next one."""

    def __init__(
        self,
        repeat: Repeat,
        *,
        gather_s: float = 0.0,
        max_commands: int = MAX_COMMANDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Starts with nothing.

        Args:
            repeat: Decides which refusals are repeated, and after how long.
            gather_s: How long the first command of a batch waits for others.
            max_commands: Most commands of a batch.
            max_bytes: Most bytes of a batch.
        """
        self._repeat = repeat
        self._gather_s = gather_s
        self._max_commands = max_commands
        self._max_bytes = max_bytes
        # A set that keeps its order: what is forgotten leaves it at once.
        self._waiting: dict[Item, None] = {}
        self._waiting_bytes = 0
        self._in_flight: Batch = ()
        self._quiet_until = 0.0

    def add(self, item: Item) -> None:
        """Puts a command behind those that wait."""
        self._waiting[item] = None
        self._waiting_bytes += len(item.command)

    def forget(self, item: Item) -> None:
        """Its caller gave up: what was not sent is not sent, what was sent is not repeated."""
        item.forgotten = True
        self._remove(item)

    def due(self) -> float | None:
        """When `take` gives a batch, unless something happens before; `None`: not by waiting."""
        if self._in_flight or not self._waiting:
            return None
        if len(self._waiting) >= self._max_commands or self._waiting_bytes >= self._max_bytes:
            return self._quiet_until
        return max(self._quiet_until, next(iter(self._waiting)).added_at + self._gather_s)

    def take(self, now: float) -> Batch:
        """The batch to send now; empty if there is none."""
        due = self.due()
        if due is None or now < due:
            return ()
        batch: list[Item] = []
        size = 0
        for item in self._waiting:
            size += len(item.command)
            if batch and (len(batch) == self._max_commands or size > self._max_bytes):
                break
            batch.append(item)
        for item in batch:
            self._remove(item)
            item.tries += 1
        self._in_flight = tuple(batch)
        return self._in_flight

    def answered(self, batch: Batch, answers: Sequence[Answer], now: float) -> Settled:
        """What came of the commands of a batch, one by one; gives those that are settled.

        A temporary refusal is repeated before anything that was added later, and everything
        waits for it: it tells how the engine is, not how the command was.
        """
        if batch is not self._in_flight:
            return []  # closed meanwhile
        self._in_flight = ()
        settled: Settled = []
        again: list[Item] = []
        for item, answer in zip(batch, answers, strict=True):
            refusal = answer if isinstance(answer, Refused) else None
            pause = None if refusal is None else self._repeat(refusal, item.tries)
            if pause is None:
                settled.append((item, answer))
            elif not item.forgotten:
                item.last = refusal
                again.append(item)
                self._quiet_until = max(self._quiet_until, now + pause)
        self._waiting = dict.fromkeys(again) | self._waiting
        self._waiting_bytes += sum(len(item.command) for item in again)
        return settled

    def failed(self, batch: Batch, refusal: Refused, now: float) -> Settled:
        """The same for a batch that was answered as a whole."""
        whole = refusal.code in _WHOLE and self._repeat(refusal, 1) is None
        # Each caller raises an exception of its own, or their traces would mix.
        answers = [None if whole else copy.copy(refusal) for _ in batch]
        return self.answered(batch, answers, now)

    def close(self, reason: Callable[[Item], HoldfastError]) -> Settled:
        """Settles everything that waits or is in flight with an error."""
        left = [*self._in_flight, *self._waiting]
        self._in_flight = ()
        self._waiting = {}
        self._waiting_bytes = 0
        return [(item, reason(item)) for item in left]

    def _remove(self, item: Item) -> None:
        if item in self._waiting:
            del self._waiting[item]
            self._waiting_bytes -= len(item.command)
