"""The last line for handlers that are not ours: no exception text reaches a caller.

The engine's own handlers scrub themselves. Health and reflection come with gRPC,
which would send an exception's text as the status of the call.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio

from holdfast.server.observer import Observer
from holdfast.server.pending import Answer
from holdfast.server.refusing import abort, caller

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Any], Any]

# What ends a call on purpose.
_MEANT = (grpc.aio.AbortError, grpc.RpcError)


class Scrub(grpc.aio.ServerInterceptor):
    """Turns an exception of a handler into INTERNAL with an incident number."""

    def __init__(self, own: frozenset[str], observer: Observer) -> None:
        """Takes who is told.

        Args:
            own: Paths of the methods that scrub themselves.
            observer: Logs the incident.
        """
        self._own = own
        self._observer = observer
        self._scrubbed: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Gives the handler as it is, or scrubbed; once for each method."""
        path = handler_call_details.method
        if path in self._own:
            return await continuation(handler_call_details)
        if path not in self._scrubbed:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._scrubbed[path] = self._wrap(path, handler)
        return self._scrubbed[path]

    def _wrap(self, path: str, handler: Handler) -> Handler:
        coders = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary is not None:
            scrubbed = self._behaviour(path, handler.unary_unary)
            return grpc.unary_unary_rpc_method_handler(scrubbed, *coders)
        if handler.unary_stream is not None:
            scrubbed = self._behaviour(path, handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(scrubbed, *coders)
        if handler.stream_stream is not None:
            scrubbed = self._behaviour(path, handler.stream_stream)
            return grpc.stream_stream_rpc_method_handler(scrubbed, *coders)
        raise AssertionError(f"{path} has a kind that neither health nor reflection has")

    def _behaviour(self, path: str, inner: Behaviour) -> Behaviour:
        async def generating(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                async for message in inner(request, context):
                    yield message
            except _MEANT:
                raise
            except Exception:  # noqa: BLE001 — whatever it is, its text stays here
                await abort(context, self._incident(path, context))

        async def awaiting(request: Any, context: Any) -> Any:
            try:
                return await inner(request, context)
            except _MEANT:
                raise
            except Exception:  # noqa: BLE001 — as above
                await abort(context, self._incident(path, context))

        return generating if inspect.isasyncgenfunction(inner) else awaiting

    def _incident(self, path: str, context: Any) -> Answer:
        return self._observer.incident(path, caller(context)[1])
