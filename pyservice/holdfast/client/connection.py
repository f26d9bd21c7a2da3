"""What both clients say to gRPC, and what its failures are called.

A failure that the engine dressed keeps its reason and facts. What is repeated is decided in
`retries`, what goes together in `scheduler`.
"""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from holdfast import _engine, errors
from holdfast.pb import orders_pb2

BATCH: Final = "OrderService/BatchSubmit"
# A command alone may have so many bytes; a larger one is left to its own call to refuse.
MAX_ALONE: Final = 512 << 10

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 16 << 20),
    # A server that comes back is found within a second; gRPC alone waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Pings go on for as long as nothing else does, with calls and without.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
# How long a ping may stay without an answer, at most.
_PING_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is and who calls."""

    address: str
    token: str
    locale: str
    roots: bytes | None
    keepalive_s: float

    @classmethod
    def to(
        cls,
        address: str,
        token: str,
        locale: str,
        root_certificates: str | os.PathLike[str] | None,
        keepalive_s: float,
    ) -> "Connection":
        """Reads the PEM file, if there is one.

        Raises:
            InvalidArgument: Token or locale cannot stand in a header.
        """
        for field, value in (("token", token), ("locale", locale)):
            if not (value.isascii() and value.isprintable()):
                raise errors.InvalidArgument(
                    f"{field} has characters that are not printable ASCII; look for a line end.",
                    reason="FIELD_INVALID",
                    facts={"field": field},
                    code="INVALID_ARGUMENT",
                )
        roots = None if root_certificates is None else Path(root_certificates).read_bytes()
        return cls(address, token, locale, roots, keepalive_s)

    def channel(self, framework: Any) -> Any:
        """A channel of `grpc` or `grpc.aio`; connects lazily."""
        answer_ms = round(min(_PING_S, self.keepalive_s) * 1_000)
        options = (
            *_OPTIONS,
            ("grpc.keepalive_time_ms", round(self.keepalive_s * 1_000)),
            ("grpc.keepalive_timeout_ms", answer_ms),
            # What gRPC really waits; a minute if not told.
            ("grpc.http2.ping_timeout_ms", answer_ms),
        )
        if self.roots is None:
            return framework.insecure_channel(self.address, options)
        credentials = grpc.ssl_channel_credentials(self.roots)
        return framework.secure_channel(self.address, credentials, options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        found = [("authorization", f"Bearer {self.token}")]
        if self.locale:
            found.append(("accept-language", self.locale))
        return tuple(found)


class Owner:
    """The process that made a client; gRPC does not live through a fork."""

    def __init__(self) -> None:
        """It is this one."""
        self._pid = os.getpid()

    def here(self) -> bool:
        """Whether this is that process."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Refuses a client that was carried into a forked child.

        Raises:
            ForkedEngineError: This is another process.
        """
        if not self.here():
            raise errors.ForkedEngineError(
                f"this client was made by process {self._pid}; a forked child must not use it. "
                "Make clients after the fork",
                reason="FORKED",
            )


def batched(message: Message) -> bytes | None:
    """A request as a batch of one; `None` if no batch may carry it."""
    key = _batchable().get(message.DESCRIPTOR.full_name)
    if key is None:
        return None
    command = orders_pb2.Command()
    getattr(command, key).CopyFrom(message)
    encoded = orders_pb2.BatchSubmitRequest(commands=[command]).SerializeToString()
    return encoded if len(encoded) <= MAX_ALONE else None


@cache
def _batchable() -> dict[str, str]:
    """Fields of a batch's command, by the request message that they hold."""
    held = {field.name: field.message_type for field in orders_pb2.Command.DESCRIPTOR.fields}
    return {kind.full_name: name for name, kind in held.items() if kind is not None}


def typed(error: grpc.RpcError) -> errors.Refused:
    """The typed exception of a failed call, with the engine's facts if it sent any."""
    code = int(error.code().value[0])
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == "grpc-status-details-bin":
            told = _engine.refused(code, value)
            return errors.refused(code, told.reason, told.message, told.facts)
    return errors.refused(code, error.code().name, error.details() or "the call failed", {})
