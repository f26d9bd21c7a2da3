"""Which handler answers a path, before and after there is an engine."""

from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

from holdfast import _engine

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_STARTING: Final = "STARTING: the journal is being replayed. Try again soon."


class Routes(grpc.GenericRpcHandler):
    """The engine's methods: UNAVAILABLE until `open` is called."""

    def __init__(self) -> None:
        starting: dict[str, Handler] = {
            "unary": grpc.unary_unary_rpc_method_handler(_starting),
            "server_stream": grpc.unary_stream_rpc_method_handler(_starting),
            "bidi_stream": grpc.stream_stream_rpc_method_handler(_starting),
        }
        self._handlers: dict[str, Handler] = {
            path: starting[kind] for path, kind, _ in _engine.methods()
        }

    def open(self, handlers: dict[str, Handler]) -> None:
        """From here on calls reach the engine."""
        self._handlers = handlers

    def service(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        """Gives the handler of a method, None if the engine has no such method."""
        return self._handlers.get(details.method)


async def _starting(_request: object, context: Context) -> bytes:
    await context.abort(grpc.StatusCode.UNAVAILABLE, _STARTING)
    raise AssertionError("abort does not return")
