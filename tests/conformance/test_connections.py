"""How long connections live: idle, half open, old, vanished, too many; nobody else feels it."""

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import grpc
import h2.errors
import h2.events
import pytest

from holdfast import messages
from holdfast.client import Client
from holdfast.pb import orders_pb2
from tests.conformance.callers import (
    PATIENCE_S,
    Wire,
    call,
    frame,
    is_closed,
    message,
    placing,
    rid,
)
from tests.conftest import Server, start_server
from tests.faults.servers import Proxy, wait_for

PLACE = messages.path("OrderService/PlaceOrder")
STREAM = messages.path("OrderService/StreamSubmit")
STATUS = messages.path("AdminService/GetEngineStatus")
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS: Final = 1
SETTINGS: Final = 4
PING: Final = 6
MANY: Final = 5_000
# Descriptors that a process needs for everything else.
SPARE: Final = 600

House = Callable[..., Server]


@pytest.fixture
def house(front: str, tmp_path: Path) -> Iterator[House]:
    """Starts a server with flags of its own and stock to sell."""
    started: list[Server] = []

    def start(*flags: str) -> Server:
        server = start_server(tmp_path / "data", "--front", front, *flags)
        started.append(server)
        with Client(server.address, token=server.token, coalesce=False) as operator:
            operator.receive_stock(request_id=rid(), sku="cup", warehouse="hz", quantity=10**6)
        return server

    yield start
    for server in started:
        server.process.kill()
        server.process.wait(20)


def opened(server: Server, first: bytes = b"") -> socket.socket:
    host, _, port = server.address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    connection.sendall(first)
    return connection


def works(server: Server, channel: grpc.Channel) -> None:
    """Both parts of the house answer."""
    assert call(channel, PLACE, placing(rid()), server.token).code == "OK"
    assert call(channel, STATUS, b"", server.token).code == "OK"


def descriptors() -> int:
    """Raises this process's limit, which its servers inherit, as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * MANY + SPARE
    if soft < wanted:
        soft = wanted if hard < 0 else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


@pytest.mark.timeout(300)
def test_thousands_of_idle_connections_are_borne_and_then_closed(house: House) -> None:
    count = min(MANY, (descriptors() - SPARE) // 3)
    if count < MANY:
        print(f"only {count} connections: the limit of open files is low")
    server = house("--connection-idle-s", "20", "--keepalive-timeout-s", "1")
    placed = 0
    with (
        Client(server.address, token=server.token, coalesce=False) as operator,
        grpc.insecure_channel(server.address) as channel,
        contextlib.ExitStack() as stack,
    ):
        silent = []
        for number in range(count):
            silent.append(stack.enter_context(opened(server, PREFACE + frame(SETTINGS))))
            if number % 250 == 0:
                works(server, channel)
                placed += 1
        ends = time.monotonic() + 4 * PATIENCE_S
        for connection in silent:
            assert is_closed(connection, ends - time.monotonic())
        works(server, channel)
        assert operator.get_stock("cup").stock[0].held == placed + 1


@pytest.mark.parametrize(
    "first",
    [
        b"",
        PREFACE[:9],
        PREFACE,
        PREFACE + b"\x00\x00",
        PREFACE + frame(SETTINGS) + frame(HEADERS, 0, 1, b"\x82"),
    ],
    ids=["nothing", "half a preface", "no settings", "half a frame", "headers without end"],
)
def test_a_beginning_without_an_end_is_closed(house: House, first: bytes) -> None:
    bounds = ("--handshake-s", "1", "--connection-idle-s", "1", "--keepalive-timeout-s", "1")
    server = house(*bounds)
    with grpc.insecure_channel(server.address) as channel, opened(server, first) as half:
        works(server, channel)
        assert is_closed(half)
        works(server, channel)


@pytest.mark.parametrize("path", [PLACE, STREAM, STATUS])
def test_a_call_of_a_byte_now_and_then_ends_with_its_connection(house: House, path: str) -> None:
    server = house("--connection-age-s", "2", "--connection-age-grace-s", "2")
    body = message(placing(rid()))

    with grpc.insecure_channel(server.address) as channel, Wire(server) as wire:
        stream = wire.open(path, server.token)
        closed = False
        for byte in body:
            works(server, channel)
            with contextlib.suppress(OSError):
                wire.socket.sendall(frame(0, stream=stream, payload=bytes((byte,))))
            closed = is_closed(wire.socket, 0.2)
            if closed:
                break
        assert closed
        works(server, channel)


def through(server: Server) -> Proxy:
    return Proxy(int(server.address.rpartition(":")[2])).start()


def test_a_client_of_an_old_connection_comes_again_without_an_error(house: House) -> None:
    server = house("--connection-age-s", "0.5", "--connection-age-grace-s", "20")
    proxy = through(server)
    codes: list[str] = []

    def place(channel: grpc.Channel) -> None:
        while proxy.taken < 8:
            codes.append(call(channel, PLACE, placing(rid()), server.token).code)
            codes.append(call(channel, STATUS, b"", server.token).code)

    try:
        with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
            callers = [threading.Thread(target=place, args=(channel,)) for _ in range(4)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join(2 * PATIENCE_S)
        assert proxy.taken >= 8
        assert set(codes) == {"OK"}
    finally:
        proxy.stop()


def test_what_is_under_way_on_an_old_connection_is_finished(house: House) -> None:
    server = house("--connection-age-s", "1", "--connection-age-grace-s", "20")
    proxy = through(server)

    def command() -> bytes:
        order = orders_pb2.PlaceOrderRequest.FromString(placing(rid()))
        request = orders_pb2.StreamSubmitRequest(command=orders_pb2.Command(place_order=order))
        return request.SerializeToString()

    def commands(channel: grpc.Channel) -> Iterator[bytes]:
        yield command()
        while proxy.taken < 3:
            works(server, channel)
            time.sleep(0.05)
        yield command()

    try:
        with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
            ask: Any = channel.stream_stream(STREAM)
            metadata = [("authorization", f"Bearer {server.token}")]
            answers = list(ask(commands(channel), metadata=metadata, timeout=PATIENCE_S))
        placed = [orders_pb2.StreamSubmitResponse.FromString(one).outcome for one in answers]
        assert [one.WhichOneof("outcome") for one in placed] == ["place_order"] * 2
    finally:
        proxy.stop()


def test_a_peer_that_vanished_is_found_and_one_that_answers_is_kept(house: House) -> None:
    server = house("--keepalive-s", "0.5", "--keepalive-timeout-s", "1.5")
    asked = threading.Event()

    def listen(wire: Wire) -> None:
        with contextlib.suppress(OSError):
            for event in wire.events():
                if isinstance(event, h2.events.PingReceived):
                    asked.set()

    with Wire(server) as living, Wire(server) as dead:
        for wire in (living, dead):
            wire.open(STREAM, server.token)
        listening = threading.Thread(target=listen, args=(living,))
        listening.start()
        # It reads as a dead network does: whatever comes is not answered.
        assert is_closed(dead.socket)
        assert asked.is_set()
        assert listening.is_alive(), "it has answered"
        living.socket.shutdown(socket.SHUT_RDWR)
        listening.join(PATIENCE_S)


def test_who_pings_too_often_is_sent_away(house: House) -> None:
    server = house("--ping-spacing-s", "60")
    with grpc.insecure_channel(server.address) as channel, Wire(server) as wire:
        told: list[int] = []
        for _ in range(8):
            # One at a time: what a closed connection has not read takes its last words back.
            # It may be closed already, with the last words still to be read.
            with contextlib.suppress(BrokenPipeError):
                wire.socket.sendall(frame(PING, payload=b"are you?"))
            for event in wire.h2.receive_data(wire.socket.recv(65_536)):
                if isinstance(event, h2.events.ConnectionTerminated):
                    told.append(int(event.error_code or 0))
            if told:
                break
        assert told == [h2.errors.ErrorCodes.ENHANCE_YOUR_CALM]
        works(server, channel)


def test_who_pings_as_often_as_is_allowed_or_is_answered_stays(house: House) -> None:
    server = house("--ping-spacing-s", "0.2")
    with Wire(server) as wire:
        for _ in range(8):
            wire.socket.sendall(frame(PING, payload=b"are you?"))
            time.sleep(0.3)
        for _ in range(50):
            stream = wire.open(PLACE, server.token)
            wire.send(stream, message(placing(rid())), end=True)
            assert wire.ending(stream)["grpc-status"] == "0"
            # As clients do that measure how fast an answer comes.
            wire.socket.sendall(frame(PING, payload=b"how fast"))


def test_one_connection_too_many_is_closed_and_the_others_are_not(house: House) -> None:
    server = house("--max-connections", "20")
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.address, options) as channel:
        works(server, channel)
        with contextlib.ExitStack() as stack:
            hello = PREFACE + frame(SETTINGS)
            held = [stack.enter_context(opened(server, hello)) for _ in range(40)]
            closed = [is_closed(connection, 0.3) for connection in held]
            assert sum(closed) >= 20
            assert not all(closed)
            works(server, channel)

        def comes_in() -> bool:
            with grpc.insecure_channel(server.address, options) as late:
                return call(late, STATUS, b"", server.token, timeout=5).code == "OK"

        wait_for(comes_in, PATIENCE_S)
