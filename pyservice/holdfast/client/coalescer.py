"""Drives the scheduler: takes batches from it, has them sent, gives each caller its answer.

How something is sent and how time passes is left to whoever makes it, so that threads and an event
loop share it. Its lock guards the scheduler; nothing is sent and nobody is woken under it.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias

from google.protobuf.message import DecodeError

from holdfast import errors
from holdfast.client.retries import closed, late, timed_out
from holdfast.client.scheduler import Answer, Batch, Item, Scheduler, Settled
from holdfast.engine import read_outcome
from holdfast.pb import orders_pb2

Reply: TypeAlias = bytes | errors.Refused
Send: TypeAlias = Callable[[bytes, float, Callable[[Reply], None]], None]
"""Sends a BatchSubmit request with a timeout in seconds; the reply goes to the callable, once."""


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> Any:
        """It will not."""


Later: TypeAlias = Callable[[float, Callable[[], None]], Timer]
"""Calls after so many seconds."""


class Coalescer:
    """The commands of one client on their way."""

    def __init__(self, scheduler: Scheduler, send: Send, later: Later) -> None:
        """Puts a scheduler between callers and a connection."""
        self._scheduler = scheduler
        self._send = send
        self._later = later
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._closed = False
        self._denied = False

    @property
    def denied(self) -> bool:
        """Whether the credential may not call BatchSubmit, as the server has said."""
        return self._denied

    def add(self, item: Item) -> None:
        """Takes a command; `pump` sends it."""
        with self._lock:
            if self._closed:
                raise closed(0)
            self._scheduler.add(item)

    def forget(self, item: Item) -> None:
        """Its caller does not wait any more."""
        with self._lock:
            self._scheduler.forget(item)

    def pump(self) -> None:
        """Sends the next batch if it is time, or looks again when it is."""
        with self._lock:
            now = time.monotonic()
            batch = self._scheduler.take(now)
            due = self._scheduler.due()
            if due is not None and self._timer is None:
                self._timer = self._later(due - now, self._on_time)
        if batch:
            # Batches of one that follow each other are one batch: so protobuf merges messages.
            request = b"".join(item.command for item in batch)
            timeout = max(item.deadline for item in batch) - now
            self._send(request, timeout, partial(self._on_reply, batch))

    def close(self) -> None:
        """Fails everything that waits; each error says whether something was sent."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            settled = self._scheduler.close(lambda item: closed(item.tries))
        _settle(settled)

    def _on_time(self) -> None:
        with self._lock:
            self._timer = None
        self.pump()

    def _on_reply(self, batch: Batch, reply: Reply) -> None:
        answers = _answers(reply, len(batch)) if isinstance(reply, bytes) else reply
        with self._lock:
            now = time.monotonic()
            if isinstance(answers, errors.Refused):
                self._denied = self._denied or answers.code == "PERMISSION_DENIED"
                settled = self._scheduler.failed(batch, answers, now)
            else:
                settled = self._scheduler.answered(batch, answers, now)
        # The next batch leaves before anybody reads the answers of this one.
        self.pump()
        _settle(settled)


def told(item: Item, answer: Answer, deadline_s: float) -> Any:
    """What a caller does with its answer: its outcome, or `None` to ask for it alone.

    Raises:
        HoldfastError: It is one.
    """
    if isinstance(answer, errors.Refused) and timed_out(answer):
        raise late(deadline_s, item.tries, item.last)
    if isinstance(answer, errors.HoldfastError):
        raise answer
    return answer


def _settle(settled: Settled) -> None:
    for item, answer in settled:
        if not item.waiter.done():
            item.waiter.set_result(answer)


def _answers(payload: bytes, count: int) -> list[Answer] | errors.Refused:
    """The outcomes of a batch: refusals as exceptions, the rest for their callers to read."""
    try:
        outcomes = orders_pb2.BatchSubmitResponse.FromString(payload).outcomes
    except DecodeError as error:
        return _nonsense(f"could not be read: {error}")
    if len(outcomes) != count:
        return _nonsense(f"has {len(outcomes)} outcomes for {count} commands")
    return [
        read_outcome(outcome) if outcome.HasField("refused") else outcome for outcome in outcomes
    ]


def _nonsense(detail: str) -> errors.Internal:
    return errors.Internal(
        f"The answer of a batch {detail}. The outcome is unknown: repeat with the same request_id.",
        reason="INTERNAL",
        facts={"detail": detail},
        code="INTERNAL",
    )
