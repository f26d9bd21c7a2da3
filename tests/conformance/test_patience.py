"""Deadlines, callers that leave, and callers that are slow while a good one works."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

import holdfast
from holdfast import messages
from holdfast.client import Client
from holdfast.pb import events_pb2, orders_pb2
from tests.conformance.callers import (
    PATIENCE_S,
    Wire,
    an_order,
    call,
    frame,
    message,
    placing,
    rid,
)
from tests.conftest import Server

PLACE = messages.path("OrderService/PlaceOrder")
STREAM = messages.path("OrderService/StreamSubmit")
WATCH = messages.path("EventService/WatchEvents")


def works(server: Server, operator: Client, channel: grpc.Channel) -> None:
    """A good caller is answered by both parts of the house."""
    assert call(channel, PLACE, placing(rid()), server.token).code == "OK"
    assert operator.get_engine_status()


@pytest.mark.parametrize("timeout", ["0m", "1n"])
def test_a_call_that_comes_too_late_does_nothing(
    server: Server, operator: Client, timeout: str
) -> None:
    number = rid()
    with Wire(server) as wire:
        stream = wire.open(PLACE, server.token, grpc_timeout=timeout)
        with contextlib.suppress(OSError):
            wire.send(stream, message(placing(number)), end=True)
        assert wire.ending(stream).get("grpc-status", "reset") in ("4", "reset")
    with pytest.raises(holdfast.NotFound):
        operator.get_order(number)


@pytest.mark.parametrize("headers_only", [True, False], ids=["before", "after"])
def test_a_caller_that_leaves_has_had_one_effect_or_none(
    server: Server, operator: Client, channel: grpc.Channel, headers_only: bool
) -> None:
    orders = [an_order(rid()) for _ in range(100)]
    with Wire(server) as wire:
        for order in orders:
            stream = wire.open(PLACE, server.token)
            if not headers_only:
                body = messages.encode("OrderService/PlaceOrder", order)
                wire.send(stream, message(body), end=True)
            wire.h2.reset_stream(stream, 8)
            wire.flush()
        works(server, operator, channel)
    held = operator.get_stock("cup").stock[0].held
    again = [operator.place_order(**order) for order in orders]
    replayed = sum(order.receipt.replayed for order in again)
    assert operator.get_stock("cup").stock[0].held == held + len(orders) - replayed
    assert replayed == 0 or not headers_only


def test_half_calls_and_silent_connections_hold_nobody_up(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            # Connected and silent; with a call that never comes; with half a message.
            stack.enter_context(Wire(server))
            wire = stack.enter_context(Wire(server))
            wire.open(PLACE, server.token)
            half = wire.open(PLACE, server.token)
            wire.send(half, message(placing(rid()))[:20])
        for _ in range(20):
            works(server, operator, channel)


def test_a_message_that_comes_byte_by_byte_is_read(server: Server, operator: Client) -> None:
    number = rid()
    with Wire(server) as wire:
        stream = wire.open(PLACE, server.token, grpc_timeout="30S")
        for byte in message(placing(number)):
            wire.send(stream, bytes((byte,)))
        wire.send(stream, b"", end=True)
        assert wire.ending(stream)["grpc-status"] == "0"
    assert operator.get_order(number).order_number == number


def test_a_caller_that_does_not_read_holds_nobody_up(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    with Wire(server) as wire:
        # Its window stays shut: SETTINGS_INITIAL_WINDOW_SIZE is 0.
        wire.socket.sendall(frame(4, payload=b"\x00\x04\x00\x00\x00\x00"))
        for _ in range(50):
            stream = wire.open(PLACE, server.token)
            wire.send(stream, message(placing(rid())), end=True)
        watch = events_pb2.WatchEventsRequest(after_seq=0).SerializeToString()
        for _ in range(5):
            stream = wire.open(WATCH, server.token)
            wire.send(stream, message(watch), end=True)
        for _ in range(20):
            works(server, operator, channel)


def test_a_stream_of_commands_is_answered_command_by_command(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    """Each command waits for the answer before: nothing of a stream is held back."""
    answered: list[str] = []

    def requests() -> Iterator[bytes]:
        for index in range(20):
            ends = time.monotonic() + PATIENCE_S
            while len(answered) < index and time.monotonic() < ends:
                time.sleep(0.001)
            order = orders_pb2.PlaceOrderRequest.FromString(placing(f"{prefix}-{index}"))
            command = orders_pb2.Command(place_order=order)
            yield orders_pb2.StreamSubmitRequest(command=command).SerializeToString()

    prefix = rid()
    ask: Any = channel.stream_stream(STREAM)
    metadata = [("authorization", f"Bearer {server.token}")]
    for answer in ask(requests(), metadata=metadata, timeout=PATIENCE_S):
        outcome = orders_pb2.StreamSubmitResponse.FromString(answer).outcome
        answered.append(outcome.place_order.order.order_number)
    assert answered == [f"{prefix}-{index}" for index in range(20)]


def test_a_stream_without_a_credential_ends_with_the_refusal(
    server: Server, channel: grpc.Channel
) -> None:
    ask: Any = channel.stream_stream(STREAM)
    with pytest.raises(grpc.RpcError) as raised:
        list(ask(iter([b""]), timeout=PATIENCE_S))
    error: Any = raised.value
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error.details().startswith("UNAUTHENTICATED: ")
