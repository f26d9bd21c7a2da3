"""The front: raw bytes between gRPC and the engine.

One commit group of the engine is one wake-up of the loop, which completes every
call of that group. No protobuf object is made on the way.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio

from holdfast import _engine
from holdfast.server.metrics import CallMetrics

_WATCH = "/holdfast.v1.EventService/WatchEvents"
# Items of one stream that may be under way at once.
_STREAM_WINDOW = 256
# Events taken from the journal in one go.
_WATCH_TAKE = 256
_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Front:
    """Answers every engine method of one engine on one loop."""

    def __init__(
        self, engine: _engine.Engine, default_deadline_ms: int, metrics: CallMetrics
    ) -> None:
        """Attaches to the running loop; `detach` undoes it."""
        self._engine = engine
        self._default_deadline_ms = default_deadline_ms
        self._metrics = metrics
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._watchers: set[asyncio.Event] = set()
        self._loop = asyncio.get_running_loop()
        self._fd = engine.completions_fd()
        self._loop.add_reader(self._fd, self._complete)

    def detach(self) -> None:
        """Stops listening for completed groups."""
        self._loop.remove_reader(self._fd)

    def _complete(self) -> None:
        for ticket, code, payload in self._engine.take_completions():
            future = self._waiting.get(ticket)
            if future is not None and not future.done():
                future.set_result((code, payload))
        for watcher in self._watchers:
            watcher.set()

    async def call(self, method: str, request: bytes, context: Context) -> tuple[int, bytes]:
        """Passes one message down and waits for its answer."""
        ticket = next(self._tickets)
        future: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self._waiting[ticket] = future
        try:
            token, locale = _caller(context)
            ready = self._engine.submit(
                ticket, method, request, token, self._deadline_ms(context), locale
            )
            return await future if ready is None else ready
        finally:
            self._waiting.pop(ticket, None)

    def _deadline_ms(self, context: Context) -> int:
        left = context.time_remaining()
        # gRPC gives a very large number where the caller has set none.
        if left is None or left > 86_400:
            return self._default_deadline_ms
        return max(0, int(left * 1_000))

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """One generic handler a service, with all of its methods."""
        services: dict[str, dict[str, Handler]] = {}
        for path, kind, _ in _engine.methods():
            _, service, method = path.split("/")
            services.setdefault(service, {})[method] = self._handler(path, kind)
        return tuple(
            grpc.method_handlers_generic_handler(service, methods)
            for service, methods in services.items()
        )

    def _handler(self, path: str, kind: str) -> Handler:
        if kind == "unary":
            return grpc.unary_unary_rpc_method_handler(self._unary(path))
        if kind == "bidi_stream":
            return grpc.stream_stream_rpc_method_handler(self._stream(path))
        if path != _WATCH:
            raise AssertionError(f"{path} is a stream that this front does not know")
        return grpc.unary_stream_rpc_method_handler(self._watch)

    def _unary(self, path: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(request: bytes, context: Context) -> bytes:
            began = time.perf_counter()
            code, payload = await self.call(path, request, context)
            self._metrics.observe(path, code, time.perf_counter() - began, payload)
            if code != 0:
                await _abort(context, code, payload)
            return payload

        return handle

    def _stream(self, path: str) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
        async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            answers: asyncio.Queue[asyncio.Task[tuple[int, bytes]] | None] = asyncio.Queue(
                _STREAM_WINDOW
            )

            async def read() -> None:
                async for request in requests:
                    # A full window stops the reading, and so the sender.
                    await answers.put(asyncio.ensure_future(self.call(path, request, context)))
                await answers.put(None)

            reader = asyncio.ensure_future(read())
            try:
                while (task := await answers.get()) is not None:
                    code, payload = await task
                    if code != 0:
                        await _abort(context, code, payload)
                    yield payload
            finally:
                reader.cancel()

        return handle

    async def _watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        token, locale = _caller(context)
        changed = asyncio.Event()
        try:
            watch = self._engine.watch(request, token, locale)
            silence_s = watch.heartbeat_ms() / 1_000
            self._watchers.add(changed)
            while True:
                changed.clear()
                messages = watch.take(_WATCH_TAKE)
                for message in messages:
                    yield message
                if messages:
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), silence_s)
                except TimeoutError:
                    yield watch.heartbeat()
        except _engine.Refused as refused:
            await _abort(context, refused.code, refused.status)
        finally:
            self._watchers.discard(changed)


def _caller(context: Context) -> tuple[str | None, str]:
    """Secret and language of a call."""
    token, locale = None, ""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            scheme, _, secret = value.partition(" ")
            # Another scheme is no credential of ours and is refused as unknown.
            token = secret.strip() if scheme.lower() == "bearer" else value
        elif key == "accept-language" and isinstance(value, str):
            locale = value
    return token, locale


async def _abort(context: Context, code: int, status: bytes) -> NoReturn:
    """Ends a call with the engine's status, details included."""
    refused = _engine.refused(code, status)
    await context.abort(
        _CODES.get(code, grpc.StatusCode.UNKNOWN),
        _message_of(refused),
        ((_DETAILS_KEY, status),),
    )
    raise AssertionError("abort does not return")


def _message_of(refused: _engine.Refused) -> str:
    return f"{refused.reason}: {refused.message}"
