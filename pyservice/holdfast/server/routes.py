"""Which handler answers a path, before and after there is an engine."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

from holdfast import _engine

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_OURS: Final = "/holdfast.v1."
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

        self._unknown: Callable[[str], Handler] | None = None

    def open(self, handlers: dict[str, Handler], unknown: Callable[[str], Handler]) -> None:
        """From here on calls reach the engine.

        Args:
            handlers: By the method's path.
            unknown: Gives the handler of a path of ours that is not among them.
        """
        self._handlers = handlers
        self._unknown = unknown

    def service(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        """Gives the handler of a method, None if it is not ours."""
        handler = self._handlers.get(details.method)
        if handler is None and self._unknown is not None and details.method.startswith(_OURS):
            return self._unknown(details.method)
        return handler


async def _starting(_request: object, context: Context) -> bytes:
    await context.abort(grpc.StatusCode.UNAVAILABLE, _STARTING)
    raise AssertionError("abort does not return")
