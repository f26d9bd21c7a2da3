"""The embedded engine: the same path as a gRPC call, without gRPC.

Example:
    >>> import holdfast
    >>> engine = holdfast.Engine.memory()
    >>> _ = engine.receive_stock(request_id="r1", sku="cup", warehouse="hz", quantity=1)
    >>> placed = engine.place_order(
    ...     request_id="r2", order_number="A1", source_channel="WECHAT", urgency="NORMAL",
    ...     lines=[{"sku": "cup", "warehouse": "hz", "quantity": 1}])
    >>> str(placed.order.hold_state)
    'HELD'
"""

import asyncio
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from holdfast import _engine, errors, results
from holdfast.async_calls import AsyncCalls
from holdfast.calls import Calls, Fields

if TYPE_CHECKING:
    from holdfast.pb import events_pb2, orders_pb2

T = TypeVar("T")

_BATCHABLE = (
    "place_order",
    "start_payment",
    "fail_payment",
    "confirm_payment",
    "release_hold",
    "cancel_order",
    "advance_parcel",
    "receive_stock",
)
_BATCH_RESULTS: Mapping[str, type[Any]] = {
    "place_order": results.OrderResult,
    "start_payment": results.OrderResult,
    "fail_payment": results.OrderResult,
    "confirm_payment": results.PaymentConfirmed,
    "release_hold": results.OrderResult,
    "cancel_order": results.OrderCancelled,
    "advance_parcel": results.ParcelAdvanced,
    "receive_stock": results.StockReceived,
}
BatchOutcome: TypeAlias = (
    results.OrderResult
    | results.PaymentConfirmed
    | results.OrderCancelled
    | results.ParcelAdvanced
    | results.StockReceived
    | errors.Refused
)
"""What one command of a batch answered: its result, or why it was refused."""


class ManualClock:
    """A clock that moves when it is told to, for tests and rehearsals."""

    def __init__(self, now_ms: int) -> None:
        """Starts at a UTC instant in milliseconds since 1970."""
        self.inner = _engine.ManualClock(now_ms)

    @property
    def now_ms(self) -> int:
        """The clock's time."""
        return self.inner.now_ms()

    def set(self, now_ms: int) -> None:
        """Sets the clock; the engine never lets time run backwards."""
        self.inner.set(now_ms)

    def advance(self, *, minutes: float = 0, seconds: float = 0, milliseconds: int = 0) -> int:
        """Moves the clock and gives the new time in milliseconds."""
        delta = round(minutes * 60_000 + seconds * 1_000) + milliseconds
        return self.inner.advance(delta)


class _Handle:
    """An open engine of the extension, with errors made typed."""

    def __init__(self, inner: _engine.Engine, locale: str) -> None:
        self.inner = inner
        self.locale = locale

    def call(self, name: str, request: bytes, deadline_ms: int | None) -> bytes:
        from holdfast import messages

        with Typed():
            return self.inner.call(
                messages.path(name), request, deadline_ms=deadline_ms, locale=self.locale
            )

    def closed(self) -> bool:
        with Typed():
            return self.inner.phase() == "CLOSED"

    def metrics(self) -> Mapping[str, object]:
        with Typed():
            found: Mapping[str, object] = json.loads(self.inner.metrics_json())
        return found


class Typed:
    """Turns the extension's exceptions into those of `errors`."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, _engine.Refused):
            raise errors.refused(error.code, error.reason, error.message, error.facts) from None
        if isinstance(error, _engine.OpenError):
            raise errors.not_opened(error.reason, error.message, error.facts) from None
        if isinstance(error, _engine.Forked):
            raise errors.ForkedEngineError(str(error), reason="FORKED") from None


def _open(
    path: str | os.PathLike[str] | None,
    merchant: str,
    journal: str,
    mirror: str | os.PathLike[str] | None,
    clock: ManualClock | None,
    key_file: str | os.PathLike[str] | None,
    locale: str,
    redis: Mapping[str, str] | None = None,
    snapshot_every: int = 0,
    keep_days: int = 0,
) -> _Handle:
    settings = {
        "path": None if path is None else str(Path(path)),
        "merchant": merchant,
        "journal": journal,
        "mirror": None if mirror is None else str(Path(mirror)),
        "redis": dict(redis or {}),
        "snapshot_every": snapshot_every,
        "keep_days": keep_days,
        "embedded": True,
        "key_file": None if key_file is None else str(Path(key_file)),
    }
    with Typed():
        inner = _engine.Engine.open(json.dumps(settings), None if clock is None else clock.inner)
    return _Handle(inner, locale)


class Engine(Calls):
    """An engine in this process. Calls block until they are durable.

    Methods may be called from any thread; the interpreter is free while the
    engine works. Use it as a context manager, or call `close`. After a fork the
    child's handle raises `ForkedEngineError`.
    """

    def __init__(self, handle: _Handle, deadline_ms: int | None = None) -> None:
        """Use `open` or `memory` instead."""
        self._handle = handle
        self._deadline_ms = deadline_ms

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        merchant: str = "default",
        journal: str = "file.sync",
        mirror: str | os.PathLike[str] | None = None,
        redis: Mapping[str, str] | None = None,
        snapshot_every: int = 250_000,
        keep_days: int = 180,
        clock: ManualClock | None = None,
        key_file: str | os.PathLike[str] | None = None,
        locale: str = "",
        deadline_ms: int | None = None,
    ) -> Self:
        """Open the engine of a data folder, replaying its journal.

        Args:
            path: The data folder; made if there is none.
            merchant: Whose stock and orders the calls are about.
            journal: "file.sync" (on disk before the answer), "file.log", or one of
                "redis.everysec", "redis.always", "redis.wait(N)", "redis.waitaof(1,N)".
            redis: Where a journal in Redis is: "url" (may hold user and password) and
                "name", and as paths "password_file", "ca", "cert" and "key"; "assume_appendfsync"
                where the server lets nobody ask.
            mirror: A folder for a second copy of the journal, best on another disk.
            snapshot_every: Records after which a snapshot is taken in the background; 0: never.
            keep_days: Days for which the journal keeps every record; 0: for ever.
            clock: A clock of your own, for tests.
            key_file: Key ring of the sealed documents, if not in the folder.
            locale: Language of instructions and messages, as "zh-CN".
            deadline_ms: Longest a call may take; 5 seconds if absent.

        Raises:
            JournalLockedError: Another engine has the folder.
            JournalCorruptError: The journal is damaged; nothing was changed.
            OpenError: Anything else that keeps it from opening.
        """
        handle = _open(
            path,
            merchant,
            journal,
            mirror,
            clock,
            key_file,
            locale,
            redis=redis,
            snapshot_every=snapshot_every,
            keep_days=keep_days,
        )
        return cls(handle, deadline_ms)

    @classmethod
    def memory(
        cls,
        *,
        merchant: str = "default",
        clock: ManualClock | None = None,
        locale: str = "",
        deadline_ms: int | None = None,
    ) -> Self:
        """Open an engine that forgets everything when it is closed."""
        return cls(_open(None, merchant, "memory", None, clock, None, locale), deadline_ms)

    def _call(self, name: str, result: type[T], fields: Fields) -> T:
        from holdfast import messages

        payload = self._handle.call(name, messages.encode(name, fields), self._deadline_ms)
        return messages.decode(name, payload, result)

    def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submit up to 1,000 commands, decided in order, each with its own outcome.

        A command is a mapping with one key, the method's name, and its arguments:
        `{"place_order": {...}}`. A refusal stands in its place in the list; it is
        not raised.
        """
        name = "OrderService/BatchSubmit"
        payload = self._handle.call(name, encode_batch(commands), self._deadline_ms)
        return decode_batch(payload)

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
        poll_seconds: float = 0.02,
    ) -> Iterator[results.Event]:
        """Iterate over durable events after a position.

        Args:
            after_seq: The last position that was seen.
            types: Only these types, as "HoldExpired".
            order_number: Only this order.
            sku: Only events that moved this SKU.
            follow: Go on with what happens, instead of ending at the present.
            poll_seconds: How often to look for more while following.

        Raises:
            OutOfRange: The position is not there, or events were lost for this reader.
        """
        watch = _watch(self._handle, after_seq, types, order_number, sku)
        while True:
            events = _take(watch)
            yield from events
            if not events:
                if not follow or self._handle.closed():
                    return
                time.sleep(poll_seconds)

    def metrics(self) -> Mapping[str, object]:
        """Counters of the engine and its journal; times in microseconds."""
        return self._handle.metrics()

    def snapshot(self) -> int:
        """Take a snapshot of what is durable, so that the next start need not replay it.

        Other threads go on meanwhile. It also happens by itself, see `open`.

        Returns:
            The last record in it; 0 for an engine in memory.

        Raises:
            OpenError: It could not be written or read back; nothing else is harmed.
        """
        with Typed():
            head = json.loads(self._handle.inner.snapshot_json())
        return 0 if head is None else int(head["seq"])

    def close(self) -> None:
        """Make everything durable and stop. A second call does nothing."""
        with Typed():
            self._handle.inner.close()

    def __enter__(self) -> Self:
        """Gives the engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the engine."""
        self.close()


class AsyncEngine(AsyncCalls):
    """The same engine for an event loop: only durable waits are awaited.

    It belongs to the loop that makes the first call.
    """

    def __init__(self, handle: _Handle, deadline_ms: int | None = None) -> None:
        """Use `open` or `memory` instead."""
        self._handle = handle
        self._deadline_ms = deadline_ms
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._watchers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fd = -1

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        merchant: str = "default",
        journal: str = "file.sync",
        mirror: str | os.PathLike[str] | None = None,
        redis: Mapping[str, str] | None = None,
        snapshot_every: int = 250_000,
        keep_days: int = 180,
        clock: ManualClock | None = None,
        key_file: str | os.PathLike[str] | None = None,
        locale: str = "",
        deadline_ms: int | None = None,
    ) -> Self:
        """Open the engine of a data folder; see `Engine.open`. Blocks while replaying."""
        handle = _open(
            path,
            merchant,
            journal,
            mirror,
            clock,
            key_file,
            locale,
            redis=redis,
            snapshot_every=snapshot_every,
            keep_days=keep_days,
        )
        return cls(handle, deadline_ms)

    @classmethod
    def memory(
        cls,
        *,
        merchant: str = "default",
        clock: ManualClock | None = None,
        locale: str = "",
        deadline_ms: int | None = None,
    ) -> Self:
        """Open an engine that forgets everything when it is closed."""
        return cls(_open(None, merchant, "memory", None, clock, None, locale), deadline_ms)

    async def _call(self, name: str, result: type[T], fields: Fields) -> T:
        from holdfast import messages

        payload = await self._submit(name, messages.encode(name, fields))
        return messages.decode(name, payload, result)

    async def _submit(self, name: str, request: bytes) -> bytes:
        from holdfast import messages

        loop = self._attach()
        ticket = next(self._tickets)
        future: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self._waiting[ticket] = future
        try:
            with Typed():
                ready = self._handle.inner.submit(
                    ticket,
                    messages.path(name),
                    request,
                    deadline_ms=self._deadline_ms,
                    locale=self._handle.locale,
                )
            code, payload = await future if ready is None else ready
        finally:
            self._waiting.pop(ticket, None)
        if code != 0:
            with Typed():
                raise _engine.refused(code, payload)
        return payload

    def _attach(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            with Typed():
                self._fd = self._handle.inner.completions_fd()
            loop.add_reader(self._fd, self._complete)
            self._loop = loop
        if self._loop is not loop:
            raise RuntimeError("an AsyncEngine belongs to the loop that made its first call")
        return loop

    def _complete(self) -> None:
        for ticket, code, payload in self._handle.inner.take_completions():
            future = self._waiting.get(ticket)
            if future is not None and not future.done():
                future.set_result((code, payload))
        for changed in self._watchers:
            changed.set()

    async def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submit up to 1,000 commands; see `Engine.batch_submit`."""
        return decode_batch(await self._submit("OrderService/BatchSubmit", encode_batch(commands)))

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
        """Iterate over durable events; see `Engine.watch_events`. Following, it is woken."""
        watch = _watch(self._handle, after_seq, types, order_number, sku)
        self._attach()
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                events = _take(watch)
                for event in events:
                    yield event
                if not events:
                    if not follow or self._handle.closed():
                        return
                    await changed.wait()
        finally:
            self._watchers.discard(changed)

    def metrics(self) -> Mapping[str, object]:
        """Counters of the engine and its journal; times in microseconds."""
        return self._handle.metrics()

    async def close(self) -> None:
        """Make everything durable and stop. A second call does nothing.

        Calls that are still awaited get their answers first.
        """
        loop = self._attach() if self._loop is not None else asyncio.get_running_loop()
        try:
            with Typed():
                await loop.run_in_executor(None, self._handle.inner.close)
        finally:
            if self._loop is not None:
                self._detach(self._loop)

    def _detach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answers what is still awaited: closing has made it durable, or it never was begun."""
        self._complete()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(
                    errors.EngineClosedError(
                        "The engine was closed before this call was answered. Open it again and "
                        "repeat with the same request_id to learn the outcome.",
                        reason="ENGINE_CLOSED",
                    )
                )
        loop.remove_reader(self._fd)
        self._loop = None

    async def __aenter__(self) -> Self:
        """Gives the engine itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the engine."""
        await self.close()


def encode_batch(commands: Iterable[Fields]) -> bytes:
    """The request bytes of a batch."""
    from holdfast import messages

    listed = list(commands)
    for index, command in enumerate(listed):
        if len(command) != 1 or next(iter(command)) not in _BATCHABLE:
            raise errors.InvalidArgument(
                f"commands[{index}] must have one key, one of {', '.join(_BATCHABLE)}.",
                reason="FIELD_INVALID",
                facts={"field": f"commands[{index}]"},
                code="INVALID_ARGUMENT",
            )
    return messages.encode("OrderService/BatchSubmit", {"commands": listed})


def decode_batch(payload: bytes) -> list[BatchOutcome]:
    """The outcomes of a batch, refusals as exceptions that were not raised."""
    from holdfast.pb import orders_pb2

    response = orders_pb2.BatchSubmitResponse.FromString(payload)
    return [read_outcome(outcome) for outcome in response.outcomes]


def read_outcome(outcome: "orders_pb2.CommandOutcome") -> BatchOutcome:
    """What one command of a batch answered."""
    from holdfast import messages

    kind = outcome.WhichOneof("outcome")
    if kind == "refused":
        refused = outcome.refused
        return errors.refused(refused.code, refused.reason, refused.message, refused.facts)
    outcome_read: BatchOutcome = messages.read(getattr(outcome, kind), _BATCH_RESULTS[kind])
    return outcome_read


def _watch(
    handle: _Handle,
    after_seq: int,
    types: Iterable[str] | None,
    order_number: str | None,
    sku: str | None,
) -> _engine.Watch:
    """Opens a stream of events."""
    from holdfast import messages

    filters = {
        "after_seq": after_seq,
        "types": list(types or ()),
        "order_number": order_number,
        "sku": sku,
    }
    request = messages.encode("EventService/WatchEvents", filters)
    with Typed():
        return handle.inner.watch(request, locale=handle.locale)


def _take(watch: _engine.Watch) -> list[results.Event]:
    """The events that are ready; a gap in them is an error, never skipped."""
    from holdfast import messages
    from holdfast.pb import events_pb2

    with Typed():
        taken = watch.take(256)
    responses = [events_pb2.WatchEventsResponse.FromString(payload) for payload in taken]
    for response in responses:
        if response.HasField("gap"):
            raise gap_error(response.gap)
    return [
        messages.read(response.event, results.Event)
        for response in responses
        if response.HasField("event")
    ]


def gap_error(gap: "events_pb2.Gap") -> errors.OutOfRange:
    """What a reader is told of events that cannot be delivered."""
    return errors.OutOfRange(
        f"Events {gap.from_seq} to {gap.upto_seq} cannot be delivered: {gap.reason}. "
        f"Read the state, then watch from {gap.upto_seq}.",
        reason="WATCH_GAP",
        facts={"from_seq": str(gap.from_seq), "upto_seq": str(gap.upto_seq)},
        code="OUT_OF_RANGE",
    )
