"""The awaited client. Tasks of one event loop share it; their calls become batches.

What is called in one turn of the loop goes together, without a delay. Cancelling a task gives up
its own call and no other.
"""

import asyncio
import contextlib
import copy
import os
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any, Self, TypeVar, cast

import grpc.aio

from holdfast import errors, messages, results
from holdfast.async_calls import AsyncCalls
from holdfast.calls import Fields
from holdfast.client import retries
from holdfast.client.coalescer import Coalescer, Reply, Timer, told
from holdfast.client.connection import BATCH, Connection, Owner, batched, typed
from holdfast.client.retries import Attempts, closed, late
from holdfast.client.scheduler import Item, Scheduler
from holdfast.client.watching import WATCH, Reader, ended
from holdfast.engine import BatchOutcome, decode_batch, encode_batch, read_outcome

T = TypeVar("T")


class AsyncClient(AsyncCalls):
    """The same client for an event loop; it belongs to the loop that makes the first call."""

    def __init__(
        self,
        address: str,
        *,
        token: str,
        locale: str = "",
        deadline_s: float = 10.0,
        root_certificates: str | os.PathLike[str] | None = None,
        coalesce: bool = True,
        gather_s: float = 0.0,
        retry: bool = True,
        keepalive_s: float = 20.0,
    ) -> None:
        """Connects lazily; see `Client` for the arguments."""
        connection = Connection.to(address, token, locale, root_certificates, keepalive_s)
        self._line = _Line(connection)
        self._deadline_s = deadline_s
        self._coalesce = coalesce
        self._repeat = retries.Backoff(random.random) if retry else retries.never
        scheduler = Scheduler(self._repeat, gather_s=gather_s)
        self._coalescer = Coalescer(scheduler, self._line.send, self._line.later)

    def within(self, deadline_s: float) -> "AsyncClient":
        """The same client with another deadline; closing either closes both."""
        other = copy.copy(self)
        other._deadline_s = deadline_s
        return other

    async def _call(self, name: str, result: type[T], fields: Fields) -> T:
        self._line.attach()
        message = messages.build(messages.method(name).input_type, fields, "")
        end = time.monotonic() + self._deadline_s
        if self._coalesce and not self._coalescer.denied:
            command = batched(message)
            outcome = None if command is None else await self._wait(command, end)
            if outcome is not None:
                return cast(T, read_outcome(outcome))
        payload = await self._ask(name, message.SerializeToString(), end)
        return messages.decode(name, payload, result)

    async def _wait(self, command: bytes, end: float) -> Any:
        """The outcome of a command in a batch; `None` if it must be asked for alone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        now = time.monotonic()
        item = Item(command, now, end, future)
        self._coalescer.add(item)
        loop.call_soon(self._coalescer.pump)
        try:
            async with asyncio.timeout(end - now):
                answer = await future
        except TimeoutError:
            raise late(self._deadline_s, item.tries, item.last) from None
        finally:
            if future.cancelled() or not future.done():
                self._coalescer.forget(item)
        return told(item, answer, self._deadline_s)

    async def _ask(self, name: str, request: bytes, end: float) -> bytes:
        """One call by itself, repeated as `retries` says."""
        self._line.attach()
        attempts = Attempts(self._repeat, self._deadline_s, end)
        while not self._line.closed.is_set():
            reply = await self._line.call(name, request, attempts.begin(time.monotonic()))
            if isinstance(reply, bytes):
                return reply
            if not self._line.closed.is_set():
                await self._line.rest(attempts.failed(reply, time.monotonic()))
        raise closed(attempts.tries)

    async def raw(self, name: str, request: bytes) -> bytes:
        """Sends request bytes and gives response bytes; see `Client.raw`."""
        return await self._ask(name, request, time.monotonic() + self._deadline_s)

    async def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submit up to 1,000 commands; see `Engine.batch_submit`."""
        return decode_batch(await self.raw(BATCH, encode_batch(commands)))

    async def place_orders(self, orders: Iterable[Fields]) -> list[BatchOutcome]:
        """Place many orders at once; the same arguments as `place_order`."""
        return await self.batch_submit({"place_order": order} for order in orders)

    async def watch_events(
        self,
        *,
        after_seq: int = 0,
        types: Iterable[str] | None = None,
        order_number: str | None = None,
        sku: str | None = None,
        follow: bool = False,
    ) -> AsyncIterator[results.Event]:
        """Iterate over durable events, each once and none left out; see `Client.watch_events`."""
        self._line.attach()
        reader = Reader(
            self._repeat,
            self._deadline_s,
            after_seq=after_seq,
            types=types,
            order_number=order_number,
            sku=sku,
        )
        while not self._line.closed.is_set():
            refusal = ended()
            try:
                async with aclosing(self._line.stream(WATCH, reader.request())) as stream:
                    async for payload in stream:
                        event = reader.read(payload)
                        if event is not None:
                            yield event
                        elif reader.is_present and not follow:
                            return
            except grpc.aio.AioRpcError as error:
                refusal = typed(error)
            if not self._line.closed.is_set():
                await self._line.rest(reader.lost(refusal, time.monotonic()))
        raise closed(0)

    async def close(self) -> None:
        """Closes the connection and fails what still waits. A second call does nothing."""
        if self._line.begin_to_close():
            self._coalescer.close()
            await self._line.close()

    async def __aenter__(self) -> Self:
        """Gives the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connection."""
        await self.close()


class _Line:
    """The channel of a client, made on the loop that uses it first."""

    def __init__(self, connection: Connection) -> None:
        self.closed = asyncio.Event()
        self._connection = connection
        self._metadata = connection.metadata()
        self._owner = Owner()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: Any = None
        self._sending: set[asyncio.Task[None]] = set()

    def attach(self) -> None:
        """Makes the channel, once; refuses another loop, a forked child and a closed client."""
        self._owner.check()
        if self.closed.is_set():
            raise closed(0)
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._channel = self._connection.channel(grpc.aio)
            self._loop = loop
        if self._loop is not loop:
            raise RuntimeError("an AsyncClient belongs to the loop that made its first call")

    async def call(self, name: str, request: bytes, timeout_s: float) -> Reply:
        call = self._channel.unary_unary(messages.path(name))
        try:
            response: bytes = await call(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            return typed(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.closed.is_set() and task is not None and not task.cancelling():
                # It was the channel that was closed; nobody has cancelled this task.
                return errors.refused(1, "CANCELLED", "the client was closed", {})
            raise
        return response

    async def stream(self, name: str, request: bytes) -> AsyncGenerator[bytes, None]:
        """What comes of one stream; it ends with the iteration, and with the client."""
        call = self._channel.unary_stream(messages.path(name))(request, metadata=self._metadata)
        try:
            async for payload in call:
                yield payload
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.closed.is_set() or task is None or task.cancelling():
                raise
        finally:
            call.cancel()

    def send(self, request: bytes, timeout_s: float, done: Callable[[Reply], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(request, timeout_s, done))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _carry(self, request: bytes, timeout_s: float, done: Callable[[Reply], None]) -> None:
        reply: Reply = errors.refused(2, "UNKNOWN", "The call ended without an answer.", {})
        try:
            reply = await self.call(BATCH, request, timeout_s)
        finally:
            done(reply)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, call)

    async def rest(self, seconds: float) -> None:
        """Sleeps, and wakes up early if the client is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closed.wait()

    def begin_to_close(self) -> bool:
        """Whether there is something to close that nobody has begun to."""
        if not self._owner.here() or self.closed.is_set():
            return False
        self.closed.set()
        return True

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
        await asyncio.gather(*self._sending, return_exceptions=True)
