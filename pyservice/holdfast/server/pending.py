"""Calls that wait: a ticket goes down to the engine, its answer comes back.

The engine wakes the loop once for each commit group, and that one wake-up
completes every call of the group.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from holdfast import _engine

# gRPC code and response message; with a code other than 0, a google.rpc.Status.
Answer: TypeAlias = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Begun:
    """A call that was passed down.

    Attributes:
        ticket: Its name between the loop and the engine.
        answer: Completed when what the answer depends on is durable.
        left_ms: How long its caller waits.
        locale: Language of its caller.
    """

    ticket: int
    answer: "asyncio.Future[Answer]"
    left_ms: int
    locale: str


class PendingCalls:
    """The calls of one engine on one loop that have no answer yet."""

    def __init__(self, engine: _engine.Engine, on_group: Callable[[], None]) -> None:
        """Attaches to the running loop; `detach` undoes it.

        Args:
            engine: Where the calls go.
            on_group: Runs on the loop after each commit group, its calls completed.
        """
        self._engine = engine
        self._on_group = on_group
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._loop = asyncio.get_running_loop()
        self._fd = engine.completions_fd()
        self._loop.add_reader(self._fd, self._complete)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def detach(self) -> None:
        """Stops listening for completed groups."""
        self._loop.remove_reader(self._fd)

    def _complete(self) -> None:
        for ticket, code, payload in self._engine.take_completions():
            answer = self._waiting.pop(ticket, None)
            if answer is not None and not answer.done():
                answer.set_result((code, payload))
        self._on_group()

    def begin(
        self, path: str, request: bytes, token: str | None, left_ms: int, locale: str
    ) -> Begun:
        """Passes one message down; does not wait."""
        ticket = next(self._tickets)
        answer: asyncio.Future[Answer] = self._loop.create_future()
        # Completions are taken by this thread only, so none is missed in between.
        ready = self._engine.submit(ticket, path, request, token, left_ms, locale)
        if ready is None:
            self._waiting[ticket] = answer
        else:
            answer.set_result(ready)
        return Begun(ticket, answer, left_ms, locale)

    async def finish(self, begun: Begun) -> Answer:
        """Waits for the answer, no longer than the caller does."""
        if begun.answer.done():
            return begun.answer.result()
        try:
            async with asyncio.timeout(begun.left_ms / 1_000):
                return await begun.answer
        except TimeoutError:
            when = {"when": "while the journal was writing"}
            return _engine.refusal_status("DEADLINE_EXCEEDED", when, begun.locale)
        finally:
            self.forget(begun)

    def forget(self, begun: Begun) -> None:
        """Drops the ticket of a call that was given up, and only that.

        What the call began goes on and is found again under its request_id.
        """
        self._waiting.pop(begun.ticket, None)
