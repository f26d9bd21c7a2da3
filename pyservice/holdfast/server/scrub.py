"""The last line: no exception text ever reaches a caller."""

import itertools
import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_incidents = itertools.count(1)


class Scrub(grpc.aio.ServerInterceptor):
    """Turns an exception of the front into INTERNAL with an incident number."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Wraps unary handlers; streams of the engine abort by themselves."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        inner = handler.unary_unary

        async def scrubbed(request: Any, context: Any) -> Any:
            try:
                return await inner(request, context)
            except (grpc.aio.AbortError, grpc.RpcError):
                raise
            except Exception:  # noqa: BLE001 — whatever it is, its text stays here
                incident = next(_incidents)
                log("error", "incident", incident=incident, trace=traceback.format_exc())
                await context.abort(
                    grpc.StatusCode.INTERNAL,
                    f"INTERNAL: something is wrong inside the server; incident {incident}.",
                )

        return grpc.unary_unary_rpc_method_handler(
            scrubbed,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def log(level: str, event: str, **facts: object) -> None:
    """Writes one JSON line to standard error. Never personal data, never secrets."""
    line = json.dumps({"level": level, "event": event, **facts}, ensure_ascii=False, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
