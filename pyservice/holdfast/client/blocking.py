"""The blocking client. Any thread may call; the calls of many threads become batches.

There is no thread of its own: whoever calls sends, gRPC's threads carry the answers, and a timer
lives only while something is to be repeated.
"""

import contextlib
import copy
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import grpc

from holdfast import errors, messages, results
from holdfast.calls import Calls, Fields
from holdfast.client import retries
from holdfast.client.coalescer import Coalescer, Reply, Timer, told
from holdfast.client.connection import BATCH, Connection, Owner, batched, typed
from holdfast.client.retries import Attempts, closed, late
from holdfast.client.scheduler import Item, Scheduler
from holdfast.client.watching import WATCH, Reader, ended
from holdfast.engine import BatchOutcome, decode_batch, encode_batch, read_outcome

T = TypeVar("T")


class Client(Calls):
    """Calls a server; blocks until the answer is there."""

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
        """Connects lazily.

        Args:
            address: "host:port".
            token: Secret of the credential.
            locale: Language of messages and instructions.
            deadline_s: Longest a call may take, with everything that is repeated.
            root_certificates: PEM file; with it the connection is TLS.
            coalesce: Send commands that are called at the same time as one batch.
            gather_s: How long the first command of a batch waits for others; 0 adds no delay.
            retry: Repeat what got no answer, or was refused for the moment.
            keepalive_s: Silence after which the server is asked whether it is there; not less
                than its `ping_spacing_s`, or it sends the client away.
        """
        connection = Connection.to(address, token, locale, root_certificates, keepalive_s)
        self._owner = Owner()
        self._deadline_s = deadline_s
        self._coalesce = coalesce
        self._metadata = connection.metadata()
        self._channel = connection.channel(grpc)
        self._repeat = retries.Backoff(random.random) if retry else retries.never
        scheduler = Scheduler(self._repeat, gather_s=gather_s)
        self._coalescer = Coalescer(scheduler, self._send, _later)
        self._closed = threading.Event()

    def within(self, deadline_s: float) -> "Client":
        """The same client with another deadline; closing either closes both."""
        other = copy.copy(self)
        other._deadline_s = deadline_s
        return other

    def _call(self, name: str, result: type[T], fields: Fields) -> T:
        self._owner.check()
        message = messages.build(messages.method(name).input_type, fields, "")
        end = time.monotonic() + self._deadline_s
        if self._coalesce and not self._coalescer.denied:
            command = batched(message)
            outcome = None if command is None else self._wait(command, end)
            if outcome is not None:
                return cast(T, read_outcome(outcome))
        return messages.decode(name, self._ask(name, message.SerializeToString(), end), result)

    def _wait(self, command: bytes, end: float) -> Any:
        """The outcome of a command in a batch; `None` if it must be asked for alone."""
        future: Future[object] = Future()
        now = time.monotonic()
        item = Item(command, now, end, future)
        self._coalescer.add(item)
        try:
            self._coalescer.pump()
            answer = future.result(end - now)
        except TimeoutError:
            raise late(self._deadline_s, item.tries, item.last) from None
        finally:
            if not future.done():
                self._coalescer.forget(item)
        return told(item, answer, self._deadline_s)

    def _send(self, request: bytes, timeout_s: float, done: Callable[[Reply], None]) -> None:
        call: Any = self._channel.unary_unary(messages.path(BATCH))
        # A channel that was closed refuses calls; then nobody is left who waits.
        with contextlib.suppress(ValueError):
            sent = call.future(request, timeout=timeout_s, metadata=self._metadata)
            sent.add_done_callback(lambda finished: done(_reply(finished)))

    def _ask(self, name: str, request: bytes, end: float) -> bytes:
        """One call by itself, repeated as `retries` says."""
        call: Any = self._channel.unary_unary(messages.path(name))
        attempts = Attempts(self._repeat, self._deadline_s, end)
        while not self._closed.is_set():
            left = attempts.begin(time.monotonic())
            try:
                response: bytes = call(request, timeout=left, metadata=self._metadata)
                return response
            except grpc.RpcError as error:
                refusal = typed(error)
            except ValueError:
                break  # the channel was closed just now
            if not self._closed.is_set():
                self._closed.wait(attempts.failed(refusal, time.monotonic()))
        raise closed(attempts.tries)

    def raw(self, name: str, request: bytes) -> bytes:
        """Sends request bytes and gives response bytes; never in a batch.

        Raises:
            Refused: The engine refused, or could not be reached in time.
        """
        self._owner.check()
        return self._ask(name, request, time.monotonic() + self._deadline_s)

    def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submit up to 1,000 commands; see `Engine.batch_submit`."""
        return decode_batch(self.raw(BATCH, encode_batch(commands)))

    def place_orders(self, orders: Iterable[Fields]) -> list[BatchOutcome]:
        """Place many orders at once; the same arguments as `place_order`."""
        return self.batch_submit({"place_order": order} for order in orders)

    def watch_events(
        self,
        *,
        after_seq: int = 0,
        types: Iterable[str] | None = None,
        order_number: str | None = None,
        sku: str | None = None,
        follow: bool = False,
    ) -> Iterator[results.Event]:
        """Iterate over durable events after a position, each once and none left out.

        A lost connection is made again and the stream resumed behind the last event, for as long
        as the server is away for less than `deadline_s`.

        Args:
            after_seq: The last position that was seen.
            types: Only these types, as "HoldExpired".
            order_number: Only this order.
            sku: Only events that moved this SKU.
            follow: Go on with what happens, instead of ending at the present.

        Raises:
            OutOfRange: The position is not there, or events were lost for this reader.
            Refused: The server refused, or was away for too long.
            ClientClosedError: The client was closed.
        """
        self._owner.check()
        reader = Reader(
            self._repeat,
            self._deadline_s,
            after_seq=after_seq,
            types=types,
            order_number=order_number,
            sku=sku,
        )
        while not self._closed.is_set():
            refusal = ended()
            try:
                for event in self._stream(reader.request(), reader):
                    if event is not None:
                        yield event
                    elif reader.is_present and not follow:
                        return
            except grpc.RpcError as error:
                refusal = typed(error)
            except ValueError:
                break  # the channel was closed just now
            if not self._closed.is_set():
                self._closed.wait(reader.lost(refusal, time.monotonic()))
        raise closed(0)

    def _stream(self, request: bytes, reader: Reader) -> Iterator[results.Event | None]:
        """What comes of one stream; it ends with the iteration."""
        watch: Any = self._channel.unary_stream(messages.path(WATCH))
        stream = watch(request, metadata=self._metadata)
        try:
            for payload in stream:
                yield reader.read(payload)
        finally:
            stream.cancel()

    def close(self) -> None:
        """Closes the connection and fails what still waits. A second call does nothing."""
        if self._owner.here() and not self._closed.is_set():
            self._closed.set()
            self._coalescer.close()
            self._channel.close()

    def __enter__(self) -> Self:
        """Gives the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the connection."""
        self.close()


def _reply(finished: Any) -> Reply:
    try:
        response: bytes = finished.result()
    except grpc.RpcError as error:
        return typed(error)
    except grpc.FutureCancelledError:
        return errors.refused(1, "CANCELLED", "the call was cancelled", {})
    return response


def _later(seconds: float, call: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer
