"""Who calls, how long they wait, and how a refusal leaves: gRPC's words for it."""

from typing import Final, NoReturn, TypeAlias

import grpc
import grpc.aio

from holdfast import _engine
from holdfast.server.pending import Answer

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_DETAILS_KEY: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def caller(context: Context) -> tuple[str | None, str]:
    """Secret and language of a call."""
    token, locale = None, ""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            token = _engine.secret(value)
        elif key == "accept-language" and isinstance(value, str):
            locale = value
    return token, locale


async def abort(context: Context, answer: Answer) -> NoReturn:
    """Ends a call with an engine's status, its details and the same words beside it."""
    code, payload = answer
    _, text, status = _engine.named_status(payload)
    details = ((_DETAILS_KEY, status),)
    await context.abort(_CODES.get(code, grpc.StatusCode.UNKNOWN), text, details)
    raise AssertionError("abort does not return")
