"""Callers good and bad: gRPC calls as an operator sees them, and frames made by hand."""

import hashlib
import socket
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import h2.connection
import h2.events
from google.protobuf import any_pb2, duration_pb2, empty_pb2
from google.protobuf.unknown_fields import UnknownFieldSet
from hyperframe.frame import Frame

from holdfast import _engine, messages
from holdfast.client import Client
from tests.conftest import Server

# Long enough for any machine: nothing here is about speed.
PATIENCE_S: Final = 30


def rid() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Told:
    """How a call ended, in everything that its caller can see."""

    code: str
    text: str = ""
    reason: str = ""
    message: bytes = b""
    # Of RetryInfo.
    retry_ms: int = 0


def call(
    channel: grpc.Channel,
    path: str,
    request: bytes = b"",
    token: str | None = None,
    timeout: float = PATIENCE_S,
    **more: Any,
) -> Told:
    """Makes one unary call, whatever comes of it."""
    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    metadata += more.pop("metadata", [])
    ask: Any = channel.unary_unary(path)
    try:
        return Told("OK", message=ask(request, metadata=metadata, timeout=timeout, **more))
    except grpc.RpcError as error:
        return ending(error)


def ending(error: Any) -> Told:
    """How a call failed."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    reason = "" if details is None else _engine.named_status(details)[0]
    return Told(error.code().name, error.details() or "", reason, retry_ms=_retry_ms(details))


def _retry_ms(status: bytes | None) -> int:
    """What a google.rpc.Status says in a RetryInfo; 0 if it has none."""
    for detail in _fields(status or b"", 3):
        packed = any_pb2.Any.FromString(detail)
        if packed.type_url == "type.googleapis.com/google.rpc.RetryInfo":
            (delay,) = _fields(packed.value, 1)
            return duration_pb2.Duration.FromString(delay).ToMilliseconds()
    return 0


def _fields(encoded: bytes, number: int) -> list[bytes]:
    """The fields of that number in a message whose kind is not at hand."""
    fields: Any = UnknownFieldSet(empty_pb2.Empty.FromString(encoded))
    return [field.data for field in fields if field.field_number == number]


def issue(operator: Client, role: str, merchant: str | None = None) -> str:
    """A credential's secret."""
    secret = rid()
    operator.issue_token(
        request_id=rid(),
        token_sha256=hashlib.sha256(secret.encode()).digest(),
        actor=secret[:8],
        role=role,
        merchant=merchant,
    )
    return secret


def revoke(operator: Client, secret: str) -> None:
    digest = hashlib.sha256(secret.encode()).digest()
    assert operator.revoke_token(request_id=rid(), token_sha256=digest).revoked == 1


def an_order(number: str, sku: str = "cup", quantity: int = 1, **more: Any) -> dict[str, Any]:
    line = {"sku": sku, "quantity": quantity}
    given = {"source_channel": "DOUYIN", "urgency": "NORMAL", "lines": [line]}
    return {"request_id": rid(), "order_number": number, **given, **more}


def placing(number: str, **more: Any) -> bytes:
    """The bytes of a PlaceOrder."""
    return messages.encode("OrderService/PlaceOrder", an_order(number, **more))


class Wire:
    """A connection on which any bytes may be sent."""

    def __init__(self, server: Server) -> None:
        """Connects, says hello, and allows the server everything."""
        host, _, port = server.address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def open(self, path: str, token: str = "", end: bool = False, **metadata: str) -> int:
        """Begins a call and gives its stream."""
        stream: int = self.h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("authorization", f"Bearer {token}"),
            *((name.replace("_", "-"), value) for name, value in metadata.items()),
        ]
        self.h2.send_headers(stream, headers, end_stream=end)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, end: bool = False) -> None:
        """Sends bytes of a body, of which the server's window must have room for all."""
        step = self.h2.max_outbound_frame_size
        for at in range(0, len(data), step):
            self.h2.send_data(stream, data[at : at + step])
        if end:
            self.h2.end_stream(stream)
        self.flush()

    def ending(self, stream: int) -> dict[str, str]:
        """Headers and trailers of a call that ends; "reset" if it was reset."""
        told: dict[str, str] = {}
        for event in self.events():
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                told |= {_text(name): _text(value) for name, value in event.headers or ()}
            if isinstance(event, h2.events.StreamReset):
                told.setdefault("reset", str(event.error_code))
                return told
            if isinstance(event, h2.events.StreamEnded):
                return told
        raise AssertionError("the connection ended before the call")

    def events(self) -> Iterable[Any]:
        """What comes, until the server has closed."""
        while data := self.socket.recv(65_536):
            yield from self.h2.receive_data(data)
            self.flush()

    def flood(self, frames: bytes, times: int) -> bool:
        """Sends the same frames again and again; True if the server ends the connection."""
        try:
            for _ in range(times):
                self.socket.sendall(frames)
            return self.is_ended()
        except OSError:
            return True

    def is_ended(self) -> bool:
        """Reads until the server has told that it goes, or has answered a last ping."""
        last = b"is it us"
        self.socket.sendall(frame(6, payload=last))
        waiting, ends = b"", time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            data = self.socket.recv(65_536)
            if not data:
                return True
            waiting += data
            while len(waiting) >= 9:
                head, length = Frame.parse_frame_header(memoryview(waiting[:9]))
                if len(waiting) < 9 + length:
                    break
                body, waiting = waiting[9 : 9 + length], waiting[9 + length :]
                if head.type == 7:
                    return True
                if head.type == 6 and body == last:
                    return False
        raise AssertionError("neither an answer nor an end")


def is_closed(connection: socket.socket, within_s: float = PATIENCE_S) -> bool:
    """Reads and answers nothing; whether the server ends the connection in that time."""
    ends = time.monotonic() + within_s
    while (left := ends - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(65_536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame."""
    head = len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4)
    return head + payload


def message(payload: bytes, compressed: bool = False) -> bytes:
    """One gRPC message as it stands in a body."""
    return bytes((compressed,)) + len(payload).to_bytes(4) + payload


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
