"""The gRPC contract against a live server."""

import hashlib
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import holdfast
from holdfast import _engine, messages
from holdfast.client import Client
from holdfast.pb import events_pb2, orders_pb2
from tests.conftest import Server, start_server


def rid() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address, token=server.token, coalesce=False) as client:
        yield client


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


def stock(client: Client, sku: str, quantity: int = 10) -> None:
    client.receive_stock(request_id=rid(), sku=sku, warehouse="hz", quantity=quantity)


def place(client: Client, number: str, sku: str, quantity: int = 1) -> holdfast.results.OrderResult:
    return client.place_order(
        request_id=rid(),
        order_number=number,
        source_channel="DOUYIN",
        urgency="NORMAL",
        lines=[{"sku": sku, "quantity": quantity}],
    )


def issue(client: Client, role: str, **more: Any) -> str:
    secret = rid()
    client.issue_token(
        request_id=rid(),
        token_sha256=hashlib.sha256(secret.encode()).digest(),
        actor=f"{role.lower()}-{secret[:8]}",
        role=role,
        **more,
    )
    return secret


def raw(
    channel: grpc.Channel, method: str, request: bytes, token: str = "", locale: str = ""
) -> bytes:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    if locale:
        metadata.append(("accept-language", locale))
    call: Any = channel.unary_unary(messages.path(method))
    answer: bytes = call(request, metadata=metadata, timeout=10)
    return answer


def refusal(channel: grpc.Channel, *arguments: str | bytes) -> tuple[grpc.StatusCode, Any]:
    with pytest.raises(grpc.RpcError) as raised:
        raw(channel, *arguments)  # type: ignore[arg-type]
    error: Any = raised.value
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    return error.code(), _engine.refused(error.code().value[0], details)


def test_an_order_goes_from_hold_to_signature(client: Client) -> None:
    stock(client, "walk")
    placed = place(client, "W1", "walk", 2)
    assert placed.receipt.durability == "SYNCED"
    client.start_payment(request_id=rid(), order_number="W1", payment_ref="p1")
    confirmed = client.confirm_payment(request_id=rid(), order_number="W1", payment_ref="p1")
    assert confirmed.result == "CONFIRMED"
    for node in client.get_lifecycle().nodes[2:]:
        role = next(role for role in node.triggered_by if role != "ENGINE")
        advanced = client.advance_parcel(
            request_id=rid(), parcel_id="W1/1", node=str(node.node), actor="a", role=role
        )
        assert advanced.parcel.node == node.node
    status = client.get_order_status("W1")
    assert (status.node, status.parcels_signed) == ("SIGNED", 1)
    pool = client.get_stock("walk").stock[0]
    assert (pool.available, pool.allocated, pool.on_hand) == (8, 0, 8)
    assert client.audit().findings == ()


def test_health_tells_serving_for_the_server_and_each_service(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "holdfast.v1.OrderService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_every_service(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = next(stub.ServerReflectionInfo(iter([request]), timeout=5))
    listed = {service.name for service in answer.list_services_response.service}
    assert {path.split("/")[1] for path, _, _ in _engine.methods()} <= listed


def test_a_refusal_carries_reason_facts_and_both_languages(
    client: Client, channel: grpc.Channel, server: Server
) -> None:
    stock(client, "short", 2)
    for locale, expected in (("zh-CN,zh;q=0.9", "需要 3"), ("en", "asked 3")):
        request = orders_pb2.PlaceOrderRequest(
            request_id=rid(),
            order_number="S1",
            source_channel="SOURCE_CHANNEL_DOUYIN",
            urgency="URGENCY_NORMAL",
            lines=[orders_pb2.OrderLine(sku="short", quantity=3)],
        )
        code, told = refusal(
            channel, "OrderService/PlaceOrder", request.SerializeToString(), server.token, locale
        )
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert told.reason == "STOCK_INSUFFICIENT"
        assert (told.facts["asked"], told.facts["free"]) == ("3", "2")
        assert expected in told.message


def test_no_credential_and_a_wrong_one_are_unauthenticated(channel: grpc.Channel) -> None:
    for token in ("", "nonsense"):
        code, told = refusal(channel, "AdminService/GetEngineStatus", b"", token)
        assert (code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_every_method_refuses_the_roles_that_may_not(client: Client, channel: grpc.Channel) -> None:
    observer = issue(client, "OBSERVER")
    for path, kind, mutation in _engine.methods():
        if kind != "unary" or not mutation:
            continue
        name = path.removeprefix("/holdfast.v1.")
        code, told = refusal(channel, name, b"", observer)
        assert (code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


def test_a_floor_credential_acts_as_itself_only(client: Client, server: Server) -> None:
    stock(client, "floor")
    place(client, "F1", "floor")
    client.confirm_payment(request_id=rid(), order_number="F1")
    client.override_parcel(
        request_id=rid(), parcel_id="F1/1", node="WAREHOUSE_ASSIGNED", reason="test"
    )
    with Client(server.address, token=issue(client, "PICKER"), coalesce=False) as picker:
        with pytest.raises(holdfast.PermissionDenied):
            picker.advance_parcel(
                request_id=rid(), parcel_id="F1/1", node="PICKING", role="SUPERVISOR"
            )
        advanced = picker.advance_parcel(request_id=rid(), parcel_id="F1/1", node="PICKING")
        assert advanced.inferred == (holdfast.Node.WAVE_ASSIGNED,)


def test_a_revoked_credential_is_refused_at_once(client: Client, server: Server) -> None:
    secret = issue(client, "OBSERVER")
    with Client(server.address, token=secret, coalesce=False) as observer:
        observer.get_engine_status()
        digest = hashlib.sha256(secret.encode()).digest()
        assert client.revoke_token(request_id=rid(), token_sha256=digest).revoked == 1
        with pytest.raises(holdfast.Unauthenticated):
            observer.get_engine_status()


def test_another_merchants_order_does_not_exist(client: Client, server: Server) -> None:
    stock(client, "mine")
    place(client, "M1", "mine")
    other = issue(client, "ADMIN", merchant="other-shop")
    with Client(server.address, token=other, coalesce=False) as stranger:
        with pytest.raises(holdfast.NotFound) as refused:
            stranger.get_order("M1")
        assert refused.value.reason == "ORDER_NOT_FOUND"
        with pytest.raises(holdfast.NotFound):
            stranger.get_stock("mine")
        with pytest.raises(holdfast.PermissionDenied):
            issue(stranger, "ADMIN", merchant="default")
        assert stranger.list_orders().orders == ()


def test_malformed_and_oversized_requests_leave_the_connection_alive(
    client: Client, channel: grpc.Channel, server: Server
) -> None:
    lines = b"\x2a\x00" * 1_000_000
    huge = b"\x0a" + b"\xff\xff\x3f" + b"x" * ((1 << 20) - 1)
    cases = [
        (b"\xff\xff\xff", "MESSAGE_MALFORMED"),
        (b"\x0b\x0b\x0b", "MESSAGE_MALFORMED"),
        (lines[: 400 << 10], "LINES_TOO_MANY"),
        (huge, "MESSAGE_TOO_LARGE"),
        (b"", "REQUEST_ID_INVALID"),
    ]
    before = client.get_engine_status().open_orders
    for request, reason in cases:
        code, told = refusal(channel, "OrderService/PlaceOrder", request, server.token)
        assert (code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert client.get_engine_status().open_orders == before


def test_an_unknown_method_is_unimplemented(channel: grpc.Channel, server: Server) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        raw(channel, "OrderService/Nothing", b"", server.token)
    error: Any = raised.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_same_request_gets_the_same_bytes(
    client: Client, channel: grpc.Channel, server: Server
) -> None:
    stock(client, "again")
    request = orders_pb2.PlaceOrderRequest(
        request_id=rid(),
        order_number="R1",
        source_channel="SOURCE_CHANNEL_DOUYIN",
        urgency="URGENCY_NORMAL",
        lines=[orders_pb2.OrderLine(sku="again", quantity=1)],
    )
    first = orders_pb2.PlaceOrderResponse.FromString(
        raw(channel, "OrderService/PlaceOrder", request.SerializeToString(), server.token)
    )
    answers = [
        orders_pb2.PlaceOrderResponse.FromString(
            raw(channel, "OrderService/PlaceOrder", request.SerializeToString(), server.token)
        )
        for _ in range(3)
    ]
    assert all(answer.receipt.replayed for answer in answers)
    for answer in answers:
        answer.receipt.replayed = False
        assert answer == first
    request.lines[0].quantity = 2
    _, told = refusal(channel, "OrderService/PlaceOrder", request.SerializeToString(), server.token)
    assert told.reason == "KEY_REUSED"


def test_parallel_calls_with_one_key_have_one_effect(client: Client, server: Server) -> None:
    stock(client, "parallel", 50)
    request_id = rid()
    seqs: list[int] = []

    def call() -> None:
        with Client(server.address, token=server.token, coalesce=False) as own:
            result = own.place_order(
                request_id=request_id,
                order_number="P1",
                source_channel="DOUYIN",
                urgency="NORMAL",
                lines=[{"sku": "parallel", "quantity": 1}],
            )
            seqs.append(result.receipt.seq)

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seqs) == 12
    assert len(set(seqs)) == 1
    assert client.get_stock("parallel").stock[0].held == 1


def test_a_batch_answers_item_by_item(client: Client) -> None:
    stock(client, "batch", 1)
    line = [{"sku": "batch", "quantity": 1}]
    common = {"source_channel": "YOUZAN", "urgency": "CRITICAL", "lines": line}
    outcomes = client.batch_submit(
        {"place_order": {"request_id": rid(), "order_number": f"B{i}", **common}} for i in range(2)
    )
    assert isinstance(outcomes[0], holdfast.results.OrderResult)
    assert isinstance(outcomes[1], holdfast.StockInsufficient)


def test_a_stream_answers_in_order(client: Client, channel: grpc.Channel, server: Server) -> None:
    stock(client, "stream", 300)

    def requests() -> Iterator[bytes]:
        for index in range(300):
            place_order = orders_pb2.PlaceOrderRequest(
                request_id=rid(),
                order_number=f"T{index}",
                source_channel="SOURCE_CHANNEL_DOUYIN",
                urgency="URGENCY_NORMAL",
                lines=[orders_pb2.OrderLine(sku="stream", quantity=index % 3)],
            )
            command = orders_pb2.Command(place_order=place_order)
            yield orders_pb2.StreamSubmitRequest(command=command).SerializeToString()

    call: Any = channel.stream_stream(messages.path("OrderService/StreamSubmit"))
    metadata = [("authorization", f"Bearer {server.token}")]
    answers = [
        orders_pb2.StreamSubmitResponse.FromString(answer).outcome
        for answer in call(requests(), metadata=metadata, timeout=30)
    ]
    assert len(answers) == 300
    for index, outcome in enumerate(answers):
        if index % 3 == 0:
            assert outcome.refused.reason == "QUANTITY_INVALID"
        else:
            assert outcome.place_order.order.order_number == f"T{index}"


def test_watching_resumes_filters_and_beats(
    client: Client, channel: grpc.Channel, server: Server
) -> None:
    stock(client, "watch")
    since = client.get_engine_status().state_seq
    place(client, "E1", "watch")
    request = events_pb2.WatchEventsRequest(after_seq=since, order_number="E2", heartbeat_ms=60_000)
    call: Any = channel.unary_stream(messages.path("EventService/WatchEvents"))
    metadata = [("authorization", f"Bearer {server.token}")]
    stream = call(request.SerializeToString(), metadata=metadata, timeout=20)
    assert events_pb2.WatchEventsResponse.FromString(next(stream)).HasField("heartbeat")
    stream.cancel()
    request.heartbeat_ms = 100
    stream = call(request.SerializeToString(), metadata=metadata, timeout=20)
    for _ in range(3):
        assert events_pb2.WatchEventsResponse.FromString(next(stream)).HasField("heartbeat")
    place(client, "E2", "watch")
    for payload in stream:
        item = events_pb2.WatchEventsResponse.FromString(payload)
        if item.HasField("event"):
            assert (item.event.type, item.event.order_number) == ("OrderPlaced", "E2")
            assert item.event.seq > since
            break
    stream.cancel()


def test_lists_are_paged_without_gap_or_repeat(client: Client) -> None:
    stock(client, "page", 100)
    for index in range(25):
        place(client, f"L{index}", "page")
    seen: list[str] = []
    token = None
    while True:
        page = client.list_orders(page_size=7, page_token=token)
        seen += [order.order_number for order in page.orders]
        if not page.next_page_token:
            break
        token = page.next_page_token
    assert len(seen) == len(set(seen))
    assert {f"L{index}" for index in range(25)} <= set(seen)
    holds: list[str] = []
    token = None
    while True:
        found = client.list_holds(page_size=4, page_token=token, sku="page")
        holds += [hold.order_number for hold in found.holds]
        if not found.next_page_token:
            break
        token = found.next_page_token
    assert holds == [f"L{index}" for index in range(25)]
    with pytest.raises(holdfast.InvalidArgument):
        client.list_orders(page_token="x")
    with pytest.raises(holdfast.InvalidArgument):
        client.list_orders(page_size=-1)


def test_an_expired_deadline_is_shed(channel: grpc.Channel, server: Server) -> None:
    call: Any = channel.unary_unary(messages.path("AdminService/GetEngineStatus"))
    with pytest.raises(grpc.RpcError) as raised:
        call(b"", metadata=[("authorization", f"Bearer {server.token}")], timeout=0)
    error: Any = raised.value
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_metrics_speak_of_calls_and_of_the_journal(server: Server, client: Client) -> None:
    client.get_engine_status()
    url = f"http://{server.told['metrics_address']}/metrics"
    text = urllib.request.urlopen(url, timeout=5).read().decode()
    for name in (
        'holdfast_calls_total{code="0",method="GetEngineStatus"}',
        "holdfast_call_seconds_bucket",
        "holdfast_journal_commit_seconds_count",
        "holdfast_live_holds",
        "holdfast_due_backlog",
    ):
        assert name in text, name


def test_sigterm_drains_and_a_restart_knows_every_order(tmp_path: Path, front: str) -> None:
    server = start_server(tmp_path / "data", "--front", front)
    with Client(server.address, token=server.token, coalesce=False) as client:
        stock(client, "drain")
        place(client, "D1", "drain")
    assert server.stop() == 0
    again = start_server(tmp_path / "data", "--front", front)
    with Client(again.address, token=again.token, coalesce=False) as client:
        assert client.get_order("D1").order.hold_state == "HELD"
    again.process.kill()
    again.process.wait(10)


def place_until_killed(client: Client, prefix: str, acknowledged: list[str]) -> None:
    for index in range(10_000):
        number = f"{prefix}-{index}"
        place(client, number, "kill")
        acknowledged.append(number)


def test_kill_9_loses_no_acknowledged_order(tmp_path: Path, front: str) -> None:
    acknowledged: list[str] = []
    for round_ in range(3):
        server = start_server(tmp_path / "data", "--front", front)
        with Client(server.address, token=server.token, retry=False, coalesce=False) as client:
            stock(client, "kill", 1_000)
            stop = threading.Timer(0.4, server.process.kill)
            stop.start()
            with pytest.raises(holdfast.Unavailable):
                place_until_killed(client, f"K{round_}", acknowledged)
            stop.join()
        server.process.wait(10)
    server = start_server(tmp_path / "data", "--front", front)
    with Client(server.address, token=server.token, coalesce=False) as client:
        for number in acknowledged:
            assert client.get_order(number).order_number == number
        assert client.audit().findings == ()
    assert server.stop() == 0
    assert len(acknowledged) > 30


def test_plain_text_beyond_loopback_is_refused(tmp_path: Path) -> None:
    from holdfast.server import ServerSettings, SettingsError

    with pytest.raises(SettingsError, match="loopback only"):
        ServerSettings(data=tmp_path, host="0.0.0.0").check()
    with pytest.raises(SettingsError, match="both"):
        ServerSettings(data=tmp_path, tls_cert=tmp_path / "c").check()
