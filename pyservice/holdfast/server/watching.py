"""A stream of events: what is stored, then what happens, with a sign of life."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from holdfast import _engine

# Events taken from the journal in one go.
_TAKE: Final = 256
# A stream this many commands behind reads the journal in a thread: with a narrow
# filter one take may read all of them, and the loop has other callers.
_NEAR: Final = 512


class EventStream:
    """One open stream of events."""

    def __init__(self, engine: _engine.Engine, watch: _engine.Watch) -> None:
        """Takes the open watch and the engine it reads from."""
        self._engine = engine
        self._watch = watch
        self._silence_s = watch.heartbeat_ms() / 1_000
        self._changed = asyncio.Event()
        # Every event up to here was given; a position of the journal.
        self._read_upto = -_NEAR
        self._ending = False

    def end(self) -> None:
        """Ends the stream after what has happened so far."""
        self._ending = True
        self._changed.set()

    def wake(self) -> None:
        """Something became durable."""
        self._changed.set()

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """Encoded events, a heartbeat when the stored ones are told and after each silence.

        Ends only by `end`.

        Raises:
            Refused: The position cannot be delivered.
        """
        loop = asyncio.get_running_loop()
        # The reader learns at once that it has reached the present.
        heartbeat_at, present = loop.time(), False
        while True:
            self._changed.clear()
            taken = await self._take()
            for message in taken:
                yield message
            if taken and present:
                heartbeat_at = loop.time() + self._silence_s
            if len(taken) == _TAKE:
                continue
            if self._ending:
                return
            # Counted from the last message, not from the last group: a filter that
            # lets nothing through must not silence the sign of life.
            left_s = heartbeat_at - loop.time()
            if left_s <= 0 or not await self._changes_within(left_s):
                yield self._watch.heartbeat()
                present = True
                heartbeat_at = loop.time() + self._silence_s

    async def _take(self) -> list[bytes]:
        durable = self._engine.durable_seq()
        if durable - self._read_upto > _NEAR:
            taken = await asyncio.to_thread(self._watch.take, _TAKE)
        else:
            taken = self._watch.take(_TAKE)
        if len(taken) < _TAKE:
            self._read_upto = durable
        return taken

    async def _changes_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True
