"""Calls that wait: a ticket goes down to the engine, its answer comes back.

What one turn of the loop passes down shares a sync. The engine wakes the loop once
for each commit group, and that one wake-up completes every call of the group.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final, TypeAlias

from holdfast import _engine
from holdfast.server.loop import IdleLoop

# gRPC code and response message; with a code other than 0, a google.rpc.Status.
Answer: TypeAlias = tuple[int, bytes]

# One timer for all calls: their deadlines are kept to within this many seconds.
_SWEEP_S: Final = 0.02


class Begun:
    """A call that was passed down."""

    __slots__ = ("answer", "due", "locale", "ticket")

    def __init__(self, ticket: int, due: float, locale: str) -> None:
        """Begins without an answer.

        Args:
            ticket: Its name between the loop and the engine.
            due: When its caller stops waiting, in the loop's seconds.
            locale: Language of its caller.
        """
        self.ticket = ticket
        self.due = due
        self.locale = locale
        # A future until what the answer depends on is durable.
        self.answer: Answer | asyncio.Future[Answer]


class PendingCalls:
    """The calls of one engine on one loop that have no answer yet."""

    def __init__(
        self, engine: _engine.Engine, loop: IdleLoop, on_group: Callable[[], None]
    ) -> None:
        """Attaches to the loop; `detach` undoes it.

        Args:
            engine: Where the calls go.
            loop: Where their callers wait.
            on_group: Runs on the loop after each commit group, its calls completed.
        """
        self._engine = engine
        self._on_group = on_group
        self._tickets = itertools.count(1)
        self._waiting: dict[int, Begun] = {}
        self._gathering = False
        self._loop = loop
        loop.before_sleep(self._flush)
        self._fd = engine.completions_fd()
        self._loop.add_reader(self._fd, self._complete)
        self._sweeping = self._loop.call_later(_SWEEP_S, self._sweep)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def detach(self) -> None:
        """Stops listening for completed groups."""
        self._sweeping.cancel()
        self._loop.before_sleep(None)
        self._loop.remove_reader(self._fd)

    def _complete(self) -> None:
        for ticket, code, payload in self._engine.take_completions():
            self._settle(ticket, (code, payload))
        self._on_group()

    def _settle(self, ticket: int, answer: Answer) -> None:
        begun = self._waiting.pop(ticket, None)
        if begun is None or isinstance(begun.answer, tuple) or begun.answer.done():
            return
        begun.answer.set_result(answer)

    def _sweep(self) -> None:
        now = self._loop.time()
        late = [begun for begun in self._waiting.values() if begun.due <= now]
        for begun in late:
            when = {"when": "while the journal was writing"}
            status = _engine.refusal_status("DEADLINE_EXCEEDED", when, begun.locale)
            self._settle(begun.ticket, status)
        self._sweeping = self._loop.call_later(_SWEEP_S, self._sweep)

    def begin(
        self, path: str, request: bytes, token: str | None, left_ms: int, locale: str
    ) -> Begun:
        """Passes one message down; does not wait."""
        self._engine.gather()
        self._gathering = True
        begun = Begun(next(self._tickets), self._loop.time() + left_ms / 1_000, locale)
        # Completions are taken by this thread only, so none is missed in between.
        ready = self._engine.submit(begun.ticket, path, request, token, left_ms, locale)
        if ready is None:
            begun.answer = self._loop.create_future()
            self._waiting[begun.ticket] = begun
        else:
            begun.answer = ready
        return begun

    def _flush(self) -> None:
        if self._gathering:
            self._gathering = False
            self._engine.flush()

    async def finish(self, begun: Begun) -> Answer:
        """Waits for the answer, no longer than the caller does."""
        if isinstance(begun.answer, tuple):
            return begun.answer
        try:
            return await begun.answer
        finally:
            self.forget(begun)

    def forget(self, begun: Begun) -> None:
        """Drops the ticket of a call that was given up, and only that.

        What the call began goes on and is found again under its request_id.
        """
        self._waiting.pop(begun.ticket, None)
