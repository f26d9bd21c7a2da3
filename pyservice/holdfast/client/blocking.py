"""A client of a served engine: the same methods as `Engine`, over gRPC."""

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from holdfast import _engine, errors, messages
from holdfast.calls import Calls, Fields
from holdfast.engine import BatchOutcome, decode_batch, encode_batch

T = TypeVar("T")


class Client(Calls):
    """Calls a server; blocks until the answer is there."""

    def __init__(
        self,
        address: str,
        *,
        token: str,
        locale: str = "",
        deadline_s: float = 10.0,
        root_certificates: str | os.PathLike[str] | None = None,
    ) -> None:
        """Connects lazily.

        Args:
            address: "host:port".
            token: Secret of the credential.
            locale: Language of messages and instructions.
            deadline_s: Longest a call may take.
            root_certificates: PEM file; with it the connection is TLS.
        """
        self._deadline_s = deadline_s
        metadata = [("authorization", f"Bearer {token}")]
        if locale:
            metadata.append(("accept-language", locale))
        self._metadata = tuple(metadata)
        options = (("grpc.max_receive_message_length", 16 << 20),)
        if root_certificates is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            roots = grpc.ssl_channel_credentials(Path(root_certificates).read_bytes())
            self._channel = grpc.secure_channel(address, roots, options)

    def _call(self, name: str, result: type[T], fields: Fields) -> T:
        return messages.decode(name, self.raw(name, messages.encode(name, fields)), result)

    def raw(self, name: str, request: bytes) -> bytes:
        """Sends request bytes and gives response bytes.

        Raises:
            Refused: The engine refused, or could not be reached (UNAVAILABLE).
        """
        try:
            call: Any = self._channel.unary_unary(messages.path(name))
            response: bytes = call(request, timeout=self._deadline_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _typed(error) from None
        return response

    def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submit up to 1,000 commands; see `Engine.batch_submit`."""
        return decode_batch(self.raw("OrderService/BatchSubmit", encode_batch(commands)))

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        """Gives the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the connection."""
        self.close()


def _typed(error: grpc.RpcError) -> errors.Refused:
    """The typed exception of a failed call, with the engine's facts if it sent any."""
    code = int(error.code().value[0])
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == "grpc-status-details-bin":
            told = _engine.refused(code, value)
            return errors.refused(code, told.reason, told.message, told.facts)
    return errors.refused(code, error.code().name, error.details() or "the call failed", {})
