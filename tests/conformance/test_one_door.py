"""Callers see one server: what the native front does not answer, it passes on whole."""

import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from holdfast import _engine, messages
from holdfast.client import Client
from holdfast.pb import events_pb2
from tests.conformance.callers import PATIENCE_S, an_order, call, ending, placing, rid
from tests.conftest import Server, start_server

PLACE = messages.path("OrderService/PlaceOrder")
WATCH = messages.path("EventService/WatchEvents")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def test_one_channel_reaches_health_reflection_and_every_service(
    server: Server, channel: grpc.Channel
) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S).status == SERVING
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = next(reflection.ServerReflectionInfo(iter([ask]), timeout=PATIENCE_S))
    services = {service.name for service in answer.list_services_response.service}
    assert {path.split("/")[1] for path, _, _ in _engine.methods()} <= services
    for path in ("/holdfast.v1.OrderService/Guess", "/holdfast.v1.Guess/Guess"):
        told = call(channel, path, b"", server.token)
        assert (told.code, told.reason) == ("UNIMPLEMENTED", "METHOD_UNKNOWN")
    assert call(channel, "/other.Service/Call", b"", server.token).code == "UNIMPLEMENTED"


def test_events_are_watched_while_orders_come(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    since = operator.get_engine_status().state_seq
    watch = events_pb2.WatchEventsRequest(after_seq=since, heartbeat_ms=60_000)
    ask: Any = channel.unary_stream(WATCH)
    metadata = [("authorization", f"Bearer {server.token}")]
    stream = ask(watch.SerializeToString(), metadata=metadata, timeout=PATIENCE_S)
    numbers = [rid() for _ in range(200)]
    for number in numbers:
        assert call(channel, PLACE, placing(number), server.token).code == "OK"
    seen: list[str] = []
    for payload in stream:
        item = events_pb2.WatchEventsResponse.FromString(payload)
        if item.event.type == "OrderPlaced":
            seen.append(item.event.order_number)
        if len(seen) == len(numbers):
            break
    stream.cancel()
    assert seen == numbers


def test_a_refusal_of_a_passed_call_arrives_with_its_details(
    server: Server, channel: grpc.Channel
) -> None:
    ask: Any = channel.unary_stream(WATCH)
    with pytest.raises(grpc.RpcError) as raised:
        list(ask(b"", timeout=PATIENCE_S))
    told = ending(raised.value)
    assert (told.code, told.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


def test_a_port_is_not_shared(server: Server, tmp_path: Path, front: str) -> None:
    from holdfast.server import ServerSettings, SettingsError, serve

    port = int(server.address.rpartition(":")[2])
    fronts: list[Any] = ["native", "python"]
    for other in fronts:
        settings = ServerSettings(data=tmp_path / other, port=port, front=other)
        with pytest.raises(SettingsError) as raised:
            serve(settings, ready=lambda info: pytest.fail(f"{info.address} was taken"))
        assert raised.value.reason == "ADDRESS_UNAVAILABLE"


def test_a_killed_server_leaves_a_socket_only_until_the_next_start(tmp_path: Path) -> None:
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    env = {"TMPDIR": str(rooms)}

    def start(name: str) -> Server:
        return start_server(tmp_path / name, "--front", "native", env=env)

    killed = start("killed")
    left = set(rooms.iterdir())
    living = start("living")
    try:
        assert len(left) == 1
        assert left < set(rooms.iterdir()), "a living server keeps its room"
        killed.process.kill()
        killed.process.wait(PATIENCE_S)
        again = start("killed")
        try:
            assert not left & set(rooms.iterdir())
            assert len(list(rooms.iterdir())) == 2
            with Client(living.address, token=living.token) as operator:
                assert operator.get_lifecycle()
        finally:
            again.stop()
    finally:
        living.stop()
    assert not list(rooms.iterdir())


def test_draining_tells_first_finishes_what_is_begun_and_ends(tmp_path: Path, front: str) -> None:
    """NOT_SERVING while the port still answers; then no acknowledged order is lost."""
    server = start_server(tmp_path / "data", "--front", front, "--drain-grace-s", "3")
    acknowledged: list[str] = []
    refused: list[str] = []
    with (
        Client(server.address, token=server.token, coalesce=False) as operator,
        grpc.insecure_channel(server.address) as channel,
    ):
        operator.receive_stock(request_id=rid(), sku="cup", warehouse="hz", quantity=10**6)
        health = health_pb2_grpc.HealthStub(channel)
        told = health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        assert next(told).status == SERVING

        def place() -> None:
            while not refused:
                number = rid()
                answer = call(channel, PLACE, placing(number), server.token)
                if answer.code == "OK":
                    acknowledged.append(number)
                else:
                    refused.append(answer.code)

        placing_on = [threading.Thread(target=place) for _ in range(8)]
        for thread in placing_on:
            thread.start()
        server.process.terminate()
        assert next(told).status == NOT_SERVING
        before = len(acknowledged)
        assert server.process.wait(PATIENCE_S) == 0
        for thread in placing_on:
            thread.join(PATIENCE_S)
        assert len(acknowledged) > before, "the port answers while balancers turn away"
        assert set(refused) <= {"UNAVAILABLE", "CANCELLED"}
    again = start_server(tmp_path / "data", "--front", front)
    try:
        with Client(again.address, token=again.token, coalesce=False) as operator:
            # An order whose answer was lost may be there too.
            for number in acknowledged:
                assert operator.get_order(number).order_number == number
    finally:
        again.process.kill()
        again.process.wait(20)


def test_calls_of_both_parts_are_counted_and_refusals_noted(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    from urllib.request import urlopen

    def counted(name: str, code: int) -> float:
        text = urlopen(f"http://{server.told['metrics_address']}/metrics", timeout=PATIENCE_S)
        wanted = f'holdfast_calls_total{{code="{code}",method="{name}"}} '
        lines = text.read().decode().splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith(wanted))

    cases = (("PlaceOrder", 0), ("GetOrder", 5), ("GetEngineStatus", 0))
    before = [counted(*case) for case in cases]
    operator.place_order(**an_order(rid()))
    none = messages.encode("OrderService/GetOrder", {"order_number": rid()})
    call(channel, messages.path("OrderService/GetOrder"), none, server.token)
    operator.get_engine_status()
    assert [counted(*case) for case in cases] == [count + 1 for count in before]
