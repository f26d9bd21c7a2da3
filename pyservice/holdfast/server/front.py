"""The front: raw bytes between gRPC and the engine, and no protobuf object.

Every engine method has one handler here, by its kind. Whatever goes wrong in a
handler leaves as INTERNAL with an incident number; its text stays in the log.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

from holdfast import _engine
from holdfast.server.loop import IdleLoop
from holdfast.server.observer import CANCELLED, Observer
from holdfast.server.pending import Answer, Begun, PendingCalls
from holdfast.server.refusing import Context, abort, caller
from holdfast.server.submitting import SubmitStream
from holdfast.server.watching import EventStream

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_WATCH: Final = "/holdfast.v1.EventService/WatchEvents"


class Front:
    """Answers every engine method of one engine on one loop."""

    def __init__(
        self,
        engine: _engine.Engine,
        loop: IdleLoop,
        default_deadline_ms: int,
        observer: Observer,
    ) -> None:
        """Attaches to the loop; `detach` undoes it."""
        self._engine = engine
        self._default_deadline_ms = default_deadline_ms
        self._observer = observer
        self._calls = PendingCalls(engine, loop, self._wake_streams)
        self._streams: set[SubmitStream | EventStream] = set()
        self._ending = False

    def handlers(self) -> dict[str, Handler]:
        """The handler of each method, by the method's path."""
        return {path: self._handler(path, kind) for path, kind, _ in _engine.methods()}

    def unknown(self, path: str) -> Handler:
        """Answers a method of ours that there is not: in our words, not the framework's."""

        async def handle(request: bytes, context: Context) -> bytes:
            began = time.perf_counter()
            _, locale = caller(context)
            answer = _engine.refusal_status("METHOD_UNKNOWN", {"method": path[:128]}, locale)
            # One name for all of them: a caller cannot make metrics grow.
            self._note("/unknown", request, answer, began)
            await abort(context, answer)

        return grpc.unary_unary_rpc_method_handler(handle)

    def in_flight(self) -> int:
        """Calls and stream items that wait for their answer."""
        return len(self._calls)

    def streams_open(self) -> int:
        """Streams of either kind."""
        return len(self._streams)

    def end_streams(self) -> None:
        """Ends every stream as soon as what it has begun is answered."""
        self._ending = True
        for stream in self._streams:
            stream.end()

    def detach(self) -> None:
        """Stops listening for completed groups."""
        self._calls.detach()

    def _wake_streams(self) -> None:
        for stream in self._streams:
            stream.wake()

    def _handler(self, path: str, kind: str) -> Handler:
        if kind == "unary":
            return grpc.unary_unary_rpc_method_handler(self._unary(path))
        if kind == "bidi_stream":
            return grpc.stream_stream_rpc_method_handler(self._submit(path))
        if path != _WATCH:
            raise AssertionError(f"{path} is a stream that this front does not know")
        return grpc.unary_stream_rpc_method_handler(self._watch)

    def _unary(self, path: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(request: bytes, context: Context) -> bytes:
            began = time.perf_counter()
            token, locale = caller(context)
            try:
                begun = self._begin(path, request, context, token, locale)
                answer = await self._calls.finish(begun)
            except asyncio.CancelledError:
                self._note(path, request, (CANCELLED, b""), began)
                raise
            except Exception:  # noqa: BLE001 — whatever it is, its text stays here
                answer = self._observer.incident(path, locale)
            self._note(path, request, answer, began)
            if answer[0] != 0:
                await abort(context, answer)
            return answer[1]

        return handle

    def _begin(
        self, path: str, request: bytes, context: Context, token: str | None, locale: str
    ) -> Begun:
        left = context.time_remaining()
        left_ms = self._default_deadline_ms if left is None else max(0, int(left * 1_000))
        return self._calls.begin(path, request, token, left_ms, locale)

    def _note(self, path: str, request: bytes, answer: Answer, began: float) -> None:
        code, payload = answer
        reason = "" if code in (0, CANCELLED) else _engine.named_status(payload)[0]
        self._observer.finished(path, request, code, time.perf_counter() - began, reason)

    def _submit(self, path: str) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
        async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            token, locale = caller(context)
            stream = SubmitStream(
                self._calls,
                lambda request: self._begin(path, request, context, token, locale),
                lambda request, answer, began: self._note(path, request, answer, began),
                locale,
            )
            last: Answer = (0, b"")
            self._open(stream)
            try:
                async with aclosing(stream.answers(requests)) as answers:
                    async for answer in answers:
                        last = answer
                        if answer[0] == 0:
                            yield answer[1]
            except Exception:  # noqa: BLE001 — as above
                last = self._observer.incident(path, locale)
            finally:
                self._streams.discard(stream)
            if last[0] != 0:
                await abort(context, last)

        return handle

    async def _watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        began = time.perf_counter()
        token, locale = caller(context)
        stream: EventStream | None = None
        answer: Answer = (CANCELLED, b"")
        try:
            stream = EventStream(self._engine, self._engine.watch(request, token, locale))
            self._open(stream)
            async with aclosing(stream.messages()) as messages:
                async for message in messages:
                    yield message
            answer = _engine.refusal_status("DRAINING", {}, locale)
        except _engine.Refused as refused:
            answer = (refused.code, refused.status)
        except Exception:  # noqa: BLE001 — as above
            answer = self._observer.incident(_WATCH, locale)
        finally:
            if stream is not None:
                self._streams.discard(stream)
            self._note(_WATCH, request, answer, began)
        await abort(context, answer)

    def _open(self, stream: SubmitStream | EventStream) -> None:
        self._streams.add(stream)
        if self._ending:
            stream.end()
