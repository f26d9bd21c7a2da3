"""A stream of commands: answered in order, a bounded number under way at once."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, TypeAlias

from holdfast import _engine
from holdfast.server.pending import Answer, Begun, PendingCalls

# Commands of one stream that may be under way at once.
WINDOW: Final = 256

Begin: TypeAlias = Callable[[bytes], Begun]
Note: TypeAlias = Callable[[bytes, Answer, float], None]
# A command that was passed down, its request, and when.
_Command: TypeAlias = tuple[Begun, bytes, float]


class SubmitStream:
    """One open stream of commands."""

    def __init__(self, calls: PendingCalls, begin: Begin, note: Note, locale: str) -> None:
        """Takes what a command is passed to.

        Args:
            calls: Where commands wait for their answers.
            begin: Passes one command's bytes down.
            note: Told of each answered command: request, answer, when it began.
            locale: Language of the caller.
        """
        self._calls = calls
        self._begin = begin
        self._note = note
        self._locale = locale
        self._room = asyncio.Semaphore(WINDOW)
        # In the order of the requests; behind them why the reading ended.
        self._window: asyncio.Queue[_Command | BaseException | None] = asyncio.Queue()
        self._reader: asyncio.Future[None] | None = None
        self._ending = False

    def end(self) -> None:
        """Takes no further command; the stream ends when the begun ones are answered."""
        self._ending = True
        if self._reader is not None:
            self._reader.cancel()

    def wake(self) -> None:
        """Nothing: commands are woken by their own answers."""

    async def answers(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[Answer, None]:
        """Answers in the order of the requests; one with a code other than 0 is the last."""
        self._reader = asyncio.ensure_future(self._read(requests))
        self._reader.add_done_callback(self._reading_ended)
        if self._ending:
            self._reader.cancel()
        try:
            while isinstance(item := await self._window.get(), tuple):
                begun, request, began = item
                answer = await self._calls.finish(begun)
                self._room.release()
                self._note(request, answer, began)
                yield answer
                if answer[0] != 0:
                    return
            if item is not None:
                raise item
            if self._ending:
                yield _engine.refusal_status("DRAINING", {}, self._locale)
        finally:
            self._reader.cancel()
            self._forget_begun()

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        async for request in requests:
            # No room stops the reading, and so the sender.
            await self._room.acquire()
            self._window.put_nowait((self._begin(request), request, time.perf_counter()))

    def _reading_ended(self, reader: "asyncio.Future[None]") -> None:
        self._window.put_nowait(None if reader.cancelled() else reader.exception())

    def _forget_begun(self) -> None:
        while not self._window.empty():
            item = self._window.get_nowait()
            if isinstance(item, tuple):
                self._calls.forget(item[0])
