"""A server that does what it is asked for and then, as scripted, tells something else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

import grpc

import holdfast
from holdfast import _engine

Line: TypeAlias = tuple[str, dict[str, str]] | bytes
"""A refusal by reason and facts, or response bytes."""

UNKNOWN: Line = ("COMMIT_UNKNOWN", {"detail": "the reply was lost"})
BUSY: Line = ("OVERLOADED", {"what": "queue", "count": "9", "limit": "9", "retry_ms": "1"})


@dataclass(slots=True)
class Scripted(grpc.GenericRpcHandler):
    """An engine in memory behind a script; once it is over, the engine's answers are told."""

    script: list[Line]
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    engine: holdfast.Engine = field(default_factory=holdfast.Engine.memory)
    address: str = ""
    _server: Any = None

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(None).wait()
        self.engine.close()

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._handler(details.method))

    def _handler(self, path: str) -> Callable[[bytes, Any], bytes]:
        name = path.removeprefix("/holdfast.v1.")

        def handle(request: bytes, context: Any) -> bytes:
            self.requests.append((name, request))
            answer = self.engine._handle.call(name, request, None)
            line = self.script.pop(0) if self.script else answer
            if isinstance(line, bytes):
                return line
            code, payload = _engine.refusal_status(*line, "en")
            _, text, status = _engine.named_status(payload)
            context.set_trailing_metadata((("grpc-status-details-bin", status),))
            codes = {kind.value[0]: kind for kind in grpc.StatusCode}
            context.abort(codes[code], text)
            raise AssertionError("abort does not return")

        return handle
