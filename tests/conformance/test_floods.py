"""Frames that make work and bring none: whoever floods goes, everybody else is served."""

import grpc
import pytest

from holdfast import messages
from holdfast.client import Client
from tests.conformance.callers import Wire, call, frame, placing, rid
from tests.conftest import Server

PLACE = messages.path("OrderService/PlaceOrder")
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
NOBODY_KNOWS = 0xBE
END_HEADERS = 4
TIMES = 20_000


FLOODS = {
    "PING": frame(PING, payload=b"x" * 8) * 10,
    "SETTINGS": frame(SETTINGS, payload=b"\x00\x03\x00\x00\x00\x64") * 10,
    "empty SETTINGS": frame(SETTINGS) * 10,
    "PRIORITY": frame(PRIORITY, stream=1, payload=b"\x00\x00\x00\x00\x10") * 10,
    "WINDOW_UPDATE": frame(WINDOW_UPDATE, payload=b"\x00\x00\x00\x01") * 10,
    "a kind that nobody knows": frame(NOBODY_KNOWS, payload=b"x" * 8) * 10,
}


def still_works(server: Server, operator: Client, channel: grpc.Channel) -> None:
    for _ in range(10):
        assert call(channel, PLACE, placing(rid()), server.token).code == "OK"
    assert operator.get_engine_status()


@pytest.mark.parametrize("kind", FLOODS)
def test_who_floods_with_control_frames_goes(
    server: Server, operator: Client, channel: grpc.Channel, front: str, kind: str
) -> None:
    with Wire(server) as wire:
        ended = wire.flood(FLOODS[kind], TIMES // 10)
        still_works(server, operator, channel)
    # grpc.aio bears some of them; what counts is that nobody else feels it.
    assert ended or (front == "python" and kind != "PING")


def test_who_takes_calls_back_again_and_again_goes(
    server: Server, operator: Client, channel: grpc.Channel, front: str
) -> None:
    with Wire(server) as wire:
        stream = wire.open(PLACE, server.token)
        wire.h2.reset_stream(stream, 8)
        wire.flush()
        ended = False
        try:
            for number in range(stream + 2, stream + 2 * TIMES, 2):
                block = wire.h2.encoder.encode(
                    [
                        (":method", "POST"),
                        (":scheme", "http"),
                        (":path", PLACE),
                        (":authority", "localhost"),
                        ("content-type", "application/grpc"),
                        ("te", "trailers"),
                    ]
                )
                opened = frame(HEADERS, END_HEADERS, number, block)
                wire.socket.sendall(opened + frame(RESET, 0, number, b"\x00\x00\x00\x08"))
            ended = wire.is_ended()
        except OSError:
            ended = True
        still_works(server, operator, channel)
    assert ended or front == "python"


def test_empty_data_without_end_is_not_read_for_ever(
    server: Server, operator: Client, channel: grpc.Channel, front: str
) -> None:
    with Wire(server) as wire:
        stream = wire.open(messages.path("OrderService/StreamSubmit"), server.token)
        ended = wire.flood(frame(DATA, stream=stream) * 10, TIMES // 10)
        still_works(server, operator, channel)
    assert ended or front == "python"


def test_who_makes_the_server_take_calls_back_goes(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    """Each call is spoilt by a frame that no call may have, so that the server resets it."""
    with Wire(server) as wire:
        stream = wire.open(PLACE, server.token)
        ended = False
        try:
            for number in range(stream + 2, stream + 2 * TIMES, 2):
                block = wire.h2.encoder.encode(
                    [
                        (":method", "POST"),
                        (":scheme", "http"),
                        (":path", PLACE),
                        (":authority", "localhost"),
                        ("content-type", "application/grpc"),
                        ("te", "trailers"),
                    ]
                )
                opened = frame(HEADERS, END_HEADERS, number, block)
                wire.socket.sendall(opened + frame(WINDOW_UPDATE, 0, number, bytes(4)))
            ended = wire.is_ended()
        except OSError:
            ended = True
        still_works(server, operator, channel)
    assert ended


@pytest.mark.parametrize("more", [b"", b"\x00\x04note\x7f\x81\x7f" + b"n" * 16_000])
def test_headers_without_end_are_not_kept(
    server: Server, operator: Client, channel: grpc.Channel, front: str, more: bytes
) -> None:
    with Wire(server) as wire:
        block = wire.h2.encoder.encode([(":method", "POST"), (":path", PLACE)])
        wire.socket.sendall(frame(HEADERS, 0, 1, block))
        ended = wire.flood(frame(CONTINUATION, 0, 1, more), TIMES // 10)
        still_works(server, operator, channel)
    assert ended
