"""Each refusal once, over gRPC, against a live server whose clock the test moves."""

import hashlib
import json
import resource
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

import holdfast
from holdfast import _engine, errors, messages
from holdfast.client import Client
from tests.conftest import Server, start_server

REASONS = {reason: code for reason, code, *_ in _engine.refusals()}
CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
# A gRPC client tells its own deadline itself, without details; a full queue needs a
# disk that stands still, an unreachable journal a server, and a key that expires
# months. They are provoked below the front.
ELSEWHERE = {
    "DEADLINE_EXCEEDED": "tests/embed/test_engine.py",
    "JOURNAL_UNREACHABLE": "tests/faults/test_redis.py",
    "KEY_EXPIRED": "engine/tests/snapshots.rs",
    "OVERLOADED": "engine/tests/journal.rs",
}


def rid() -> str:
    return str(uuid.uuid4())


def an_order(sku: str) -> dict[str, Any]:
    return {
        "request_id": rid(),
        "order_number": rid(),
        "source_channel": "DOUYIN",
        "urgency": "NORMAL",
        "lines": [{"sku": sku, "quantity": 1}],
    }


def typed(error: Any) -> holdfast.Refused:
    """The refusal in the details of an error that gRPC raised."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    found = _engine.refused(error.code().value[0], details)
    return errors.refused(found.code, found.reason, found.message, found.facts)


@dataclass(slots=True)
class House:
    """A live server, its operator, and shorthands."""

    server: Server
    do: Client

    def sku(self, quantity: int = 10, warehouse: str = "hz", **more: Any) -> str:
        sku = f"sku-{rid()[:8]}"
        self.receive(sku, quantity, warehouse, **more)
        return sku

    def receive(self, sku: str, quantity: int, warehouse: str = "hz", **more: Any) -> None:
        self.do.receive_stock(
            request_id=rid(), sku=sku, warehouse=warehouse, quantity=quantity, **more
        )

    def place(self, lines: list[dict[str, object]], **more: Any) -> str:
        fields = {**an_order(""), **more, "lines": lines}
        return self.do.place_order(**fields).order.order_number

    def one(self, sku: str | None = None, quantity: int = 1, **more: Any) -> str:
        return self.place([{"sku": sku or self.sku(), "quantity": quantity}], **more)

    def paid(self, sku: str | None = None, quantity: int = 1, **more: Any) -> str:
        return self.one(sku, quantity, paid=True, **more) + "/1"

    def at(self, node: str, sku: str | None = None, quantity: int = 1) -> str:
        parcel = self.paid(sku, quantity)
        for step in self.do.get_lifecycle().nodes[2:]:
            role = next(role for role in step.triggered_by if role != "ENGINE")
            self.scan(parcel, str(step.node), role=role)
            if step.node == node:
                break
        return parcel

    def scan(self, parcel: str, node: str, **more: Any) -> None:
        more.setdefault("role", "SUPERVISOR")
        self.do.advance_parcel(request_id=rid(), parcel_id=parcel, node=node, actor="t", **more)

    def policy(self, **keys: object) -> None:
        self.do.publish_policy(request_id=rid(), policy_json=json.dumps(keys))

    def pass_minutes(self, minutes: float) -> None:
        process = self.server.process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{minutes}\n")
        process.stdin.flush()
        process.stdout.readline()

    def issue(self, role: str, **more: Any) -> str:
        secret = rid()
        digest = hashlib.sha256(secret.encode()).digest()
        self.do.issue_token(request_id=rid(), token_sha256=digest, actor=secret, role=role, **more)
        return secret


@pytest.fixture(scope="module")
def house(front: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("refusals") / "data"
    script = Path(__file__).parent / "clocked.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(data), front],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    server = Server(process, data, json.loads(process.stdout.readline()))
    with Client(server.address, token=server.token, coalesce=False) as client:
        yield House(server, client)
    process.kill()
    process.wait(10)


PROVOKE: dict[str, Callable[[House], object]] = {}


def provokes(reason: str) -> Callable[[Callable[[House], object]], Callable[[House], object]]:
    def keep(recipe: Callable[[House], object]) -> Callable[[House], object]:
        assert reason not in PROVOKE
        PROVOKE[reason] = recipe
        return recipe

    return keep


@provokes("MESSAGE_MALFORMED")
def _(house: House) -> None:
    house.do.raw("OrderService/PlaceOrder", b"\xff\xff\xff")


@provokes("MESSAGE_TOO_LARGE")
def _(house: House) -> None:
    house.do.raw("OrderService/GetOrder", b"\x0a\x80\x80\x08" + b"x" * 131_072)


@provokes("REQUEST_ID_INVALID")
def _(house: House) -> None:
    house.one(request_id="")


@provokes("FIELD_INVALID")
def _(house: House) -> None:
    house.one(order_number="with\nnewline")


@provokes("KEY_REUSED")
def _(house: House) -> None:
    sku, key = house.sku(), rid()
    house.one(sku, request_id=key)
    house.one(sku, 2, request_id=key)


@provokes("SOURCE_CHANNEL_REQUIRED")
def _(house: House) -> None:
    house.one(source_channel=None)


@provokes("URGENCY_REQUIRED")
def _(house: House) -> None:
    house.one(urgency=None)


@provokes("QUANTITY_INVALID")
def _(house: House) -> None:
    house.one(quantity=0)


@provokes("LINES_EMPTY")
def _(house: House) -> None:
    house.place([])


@provokes("LINES_TOO_MANY")
def _(house: House) -> None:
    house.place([{"sku": "s", "quantity": 1}] * 1_001)


@provokes("REASON_REQUIRED")
def _(house: House) -> None:
    house.do.suspend_parcel(request_id=rid(), parcel_id=house.paid(), reason="")


@provokes("POLICY_INVALID")
def _(house: House) -> None:
    house.policy(hold_seconds=-1)


@provokes("UNAUTHENTICATED")
def _(house: House) -> None:
    with Client(house.server.address, token="nobody", coalesce=False) as stranger:
        stranger.get_engine_status()


@provokes("PERMISSION_DENIED")
def _(house: House) -> None:
    with Client(house.server.address, token=house.issue("PICKER"), coalesce=False) as picker:
        picker.publish_policy(request_id=rid(), policy_json="{}")


@provokes("ROLE_NOT_ALLOWED")
def _(house: House) -> None:
    house.scan(house.at("WAREHOUSE_ASSIGNED"), "WAVE_ASSIGNED", role="CARRIER")


@provokes("DEVICE_NOT_REGISTERED")
def _(house: House) -> None:
    house.scan(house.paid(), "WAREHOUSE_ASSIGNED", role="REVIEWER", device="pda-0")


@provokes("METHOD_UNKNOWN")
def _(house: House) -> None:
    with grpc.insecure_channel(house.server.address) as channel:
        call: Any = channel.unary_unary("/holdfast.v1.OrderService/Guess")
        try:
            call(b"", timeout=5)
        except grpc.RpcError as error:
            raise typed(error) from None


@provokes("ORDER_NOT_FOUND")
def _(house: House) -> None:
    house.do.get_order("none")


@provokes("PARCEL_NOT_FOUND")
def _(house: House) -> None:
    house.do.get_parcel("none/1")


@provokes("SKU_UNKNOWN")
def _(house: House) -> None:
    house.one("never-seen")


@provokes("WAREHOUSE_UNKNOWN")
def _(house: House) -> None:
    house.place([{"sku": house.sku(), "quantity": 1, "warehouse": "mars"}])


@provokes("BATCH_UNKNOWN")
def _(house: House) -> None:
    house.place([{"sku": house.sku(), "quantity": 1, "warehouse": "hz", "batch": "none"}])


@provokes("DOCUMENT_NOT_FOUND")
def _(house: House) -> None:
    house.do.get_order_document(house.one(), purpose="test")


@provokes("POLICY_NOT_FOUND")
def _(house: House) -> None:
    house.do.get_policy(policy_version=9_999)


@provokes("STOCK_INSUFFICIENT")
def _(house: House) -> None:
    house.one(house.sku(2), 3)


@provokes("ALREADY_HELD")
def _(house: House) -> None:
    sku = house.sku()
    house.one(sku, 2, order_number=house.one(sku))


@provokes("ORDER_EXISTS")
def _(house: House) -> None:
    sku = house.sku()
    house.one(sku, 2, order_number=house.paid(sku).removesuffix("/1"))


@provokes("HOLD_EXPIRED")
def _(house: House) -> None:
    number = house.one()
    house.pass_minutes(15)
    house.do.start_payment(request_id=rid(), order_number=number, payment_ref="p")


@provokes("HOLD_NOT_LIVE")
def _(house: House) -> None:
    number = house.one()
    house.do.release_hold(request_id=rid(), order_number=number)
    house.do.start_payment(request_id=rid(), order_number=number, payment_ref="p")


@provokes("ORDER_CLOSED")
def _(house: House) -> None:
    number = house.one()
    house.do.cancel_order(request_id=rid(), order_number=number)
    house.one(order_number=number)


@provokes("ILLEGAL_TRANSITION")
def _(house: House) -> None:
    house.scan(house.at("WAREHOUSE_ASSIGNED"), "SIGNED", role="CARRIER")


@provokes("BACKORDER_OPEN")
def _(house: House) -> None:
    sku = house.sku(1)
    house.do.configure_pool(request_id=rid(), sku=sku, warehouse="hz", backorder_limit=5)
    parcel = house.at("WAREHOUSE_ASSIGNED", sku, 3)
    house.scan(parcel, "WAVE_ASSIGNED", role="WAVE_PLANNER")


@provokes("SUSPENDED")
def _(house: House) -> None:
    parcel = house.paid()
    house.do.suspend_parcel(request_id=rid(), parcel_id=parcel, reason="risk")
    house.scan(parcel, "WAREHOUSE_ASSIGNED", role="REVIEWER")


@provokes("QUOTA_EXCEEDED")
def _(house: House) -> None:
    house.policy(quotas={"units_per_buyer_and_sku": 1})
    try:
        house.one(quantity=2, buyer_token="b")
    finally:
        house.policy()


@provokes("SKU_UNMAPPED")
def _(house: House) -> None:
    house.place([{"channel_sku": "9", "outer_code": "X", "quantity": 1}], shop_id="s")


@provokes("CANCEL_REFUSED")
def _(house: House) -> None:
    number = house.at("SIGNED").removesuffix("/1")
    house.do.cancel_order(request_id=rid(), order_number=number)


@provokes("WAREHOUSE_MISMATCH")
def _(house: House) -> None:
    house.sku(warehouse="sh")
    house.scan(house.paid(), "WAREHOUSE_ASSIGNED", role="REVIEWER", warehouse="sh")


@provokes("REROUTE_TOO_LATE")
def _(house: House) -> None:
    sku = house.sku()
    house.receive(sku, 5, "sh")
    parcel = house.at("PICKING", sku)
    house.do.reroute_parcel(request_id=rid(), parcel_id=parcel, warehouse="sh")


@provokes("SPLIT_TOO_LATE")
def _(house: House) -> None:
    sku = house.sku()
    parcel = house.at("AWAITING_LOADING", sku, 2)
    units = [{"sku": sku, "quantity": 1}]
    house.do.split_parcel(request_id=rid(), parcel_id=parcel, units=units)


@provokes("OCCURRED_TOO_EARLY")
def _(house: House) -> None:
    from datetime import UTC, datetime

    early = datetime(2001, 1, 1, tzinfo=UTC)
    house.scan(house.paid(), "WAREHOUSE_ASSIGNED", role="REVIEWER", occurred_at=early)


@provokes("MOVEMENT_ILLEGAL")
def _(house: House) -> None:
    house.do.move_stock(
        request_id=rid(),
        sku=house.sku(),
        warehouse="hz",
        from_="AVAILABLE",
        to="CUSTOMER",
        quantity=1,
    )


@provokes("PARCEL_CANCELLED")
def _(house: House) -> None:
    parcel = house.at("PICKING")
    house.do.cancel_order(request_id=rid(), order_number=parcel.removesuffix("/1"))
    house.scan(parcel, "CHECKED", role="CHECKER")


@provokes("PAYMENT_IN_PROGRESS")
def _(house: House) -> None:
    sku = house.sku()
    number = house.one(sku)
    house.do.start_payment(request_id=rid(), order_number=number, payment_ref="p")
    house.one(sku, 2, order_number=number, on_live_hold="SUPERSEDE")


@provokes("NOT_SUSPENDED")
def _(house: House) -> None:
    house.do.resume_parcel(request_id=rid(), parcel_id=house.paid(), reason="r")


@provokes("NOTHING_TO_PUT_BACK")
def _(house: House) -> None:
    house.do.put_back_parcel(request_id=rid(), parcel_id=house.paid())


@provokes("BUNDLE_INVALID")
def _(house: House) -> None:
    sku = house.sku()
    bundle = [{"sku": sku, "quantity": 1}]
    house.do.configure_sku(request_id=rid(), sku=sku, bundle=bundle)


@provokes("BATCH_INSUFFICIENT")
def _(house: House) -> None:
    from datetime import UTC, datetime

    gone = datetime(2020, 1, 1, tzinfo=UTC)
    sku = house.sku(5, batch="old", expires_at=gone)
    house.at("WAREHOUSE_ASSIGNED", sku)


@provokes("SHORT_PROMISE")
def _(house: House) -> None:
    sku = house.sku(2)
    parcel = house.at("WAREHOUSE_ASSIGNED", sku, 2)
    house.do.count_stock(
        request_id=rid(), sku=sku, warehouse="hz", counted=1, reason="r", approver="boss"
    )
    house.scan(parcel, "WAVE_ASSIGNED", role="WAVE_PLANNER")


@provokes("NOT_PAID")
def _(house: House) -> None:
    house.do.override_parcel(
        request_id=rid(), parcel_id=house.one() + "/1", node="UNDER_REVIEW", reason="r"
    )


@provokes("VERSION_CONFLICT")
def _(house: House) -> None:
    house.scan(house.paid(), "WAREHOUSE_ASSIGNED", role="REVIEWER", expected_version=77)


@provokes("WATCH_TOO_SLOW")
def _(house: House) -> None:
    request = messages.encode("EventService/WatchEvents", {"after_seq": 10**9})
    with grpc.insecure_channel(house.server.address) as channel:
        call: Any = channel.unary_stream(messages.path("EventService/WatchEvents"))
        metadata = [("authorization", f"Bearer {house.server.token}")]
        try:
            next(call(request, metadata=metadata, timeout=5))
        except grpc.RpcError as error:
            raise typed(error) from None


@provokes("INTERNAL")
def _(house: House) -> None:
    """A record that cannot be read any more: its file is damaged under the server."""
    key = rid()
    sku = house.sku()
    number = house.one(sku, request_id=key)
    segment = next((house.server.data / "journal").glob("*.segment"))
    content = segment.read_bytes()
    at = content.index(number.encode())
    with segment.open("r+b") as file:
        file.seek(at)
        file.write(b"?")
    try:
        house.one(sku, order_number=number, request_id=key)
    finally:
        with segment.open("r+b") as file:
            file.seek(at)
            file.write(content[at : at + 1])


def seen(house: House) -> tuple[object, ...]:
    """What a caller can see of stock and orders."""
    status = house.do.get_engine_status()
    return (house.do.get_stock("witness").stock, status.open_orders, status.live_holds)


@pytest.mark.parametrize("reason", sorted(PROVOKE))
def test_each_refusal_has_its_code_its_facts_and_no_effect(house: House, reason: str) -> None:
    with pytest.raises(holdfast.Refused) as raised:
        PROVOKE[reason](house)
    refused = raised.value
    assert refused.reason == reason
    assert refused.code == CODE_NAMES[REASONS[reason]]
    assert "{" not in refused.message
    assert all(value != "" for value in refused.facts.values()), refused.facts
    # The connection lives, and what is counted still adds up.
    assert house.do.audit().findings == ()


def test_no_refusal_is_left_out() -> None:
    apart = {"COMMIT_UNKNOWN", "DISK_SHORT", "DRAINING", *ELSEWHERE}
    assert set(REASONS) == set(PROVOKE) | apart
    for file in ELSEWHERE.values():
        assert Path(__file__).parents[2].joinpath(file).exists()


def place_until_refused(client: Client, sku: str, told: list[str]) -> None:
    while True:
        orders = [an_order(sku) for _ in range(200)]
        for outcome in client.batch_submit({"place_order": order} for order in orders):
            assert isinstance(outcome, holdfast.results.OrderResult)
            told.append(outcome.order.order_number)


def test_a_journal_that_cannot_be_written_says_so_and_loses_nothing(
    tmp_path: Path, front: str
) -> None:
    """COMMIT_UNKNOWN: the disk refuses, the server stops, a restart knows what counts."""
    server = start_server(tmp_path / "data", "--front", front)
    with Client(server.address, token=server.token, retry=False, coalesce=False) as client:
        house = House(server, client)
        sku = house.sku(1_000_000_000)
        kept = house.one(sku)
        segment = next((server.data / "journal").glob("*.segment"))
        size = segment.stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, size))
        told: list[str] = []
        with pytest.raises(holdfast.Refused) as raised:
            place_until_refused(client, sku, told)
        assert raised.value.reason == "COMMIT_UNKNOWN"
    assert server.process.wait(20) != 0
    again = start_server(tmp_path / "data", "--front", front)
    with Client(again.address, token=again.token, coalesce=False) as client:
        for number in (kept, *told[::100], *told[-1:]):
            assert client.get_order(number).order.hold_state == "HELD"
        assert client.get_engine_status().live_holds >= 1 + len(told)
        assert client.audit().findings == ()
    assert again.stop() == 0


def test_a_disk_without_room_takes_no_orders_and_serves_those_there_are(
    tmp_path: Path, front: str
) -> None:
    server = start_server(tmp_path / "data", "--front", front)
    with Client(server.address, token=server.token, coalesce=False) as client:
        house = House(server, client)
        sku = house.sku(10)
        first = an_order(sku)
        placed = client.place_order(**first)
        released = house.one(sku)
    assert server.stop() == 0
    server = start_server(tmp_path / "data", "--front", front, "--low-water-mib", "1048576")
    with Client(server.address, token=server.token, coalesce=False) as client:
        with pytest.raises(holdfast.Refused) as raised:
            client.place_order(**an_order(sku))
        assert (raised.value.reason, raised.value.code) == ("DISK_SHORT", "RESOURCE_EXHAUSTED")
        assert raised.value.facts["needed_mib"] == "1048576"
        (refused,) = client.batch_submit([{"place_order": an_order(sku)}])
        assert isinstance(refused, holdfast.Refused)
        assert refused.reason == "DISK_SHORT"
        assert client.place_order(**first).order == placed.order
        number = placed.order.order_number
        assert client.confirm_payment(request_id="pay", order_number=number).order
        assert client.release_hold(request_id="give", order_number=released).order
    assert server.stop() == 0


def test_a_draining_server_ends_streams_with_a_refusal(tmp_path: Path, front: str) -> None:
    server = start_server(tmp_path / "data", "--front", front)
    with grpc.insecure_channel(server.address) as channel:
        call: Any = channel.unary_stream(messages.path("EventService/WatchEvents"))
        metadata = [("authorization", f"Bearer {server.token}")]
        request = messages.encode("EventService/WatchEvents", {"heartbeat_ms": 100})
        events = call(request, metadata=metadata, timeout=20)
        next(events)
        server.process.terminate()
        with pytest.raises(grpc.RpcError) as raised:
            for _ in events:
                pass
        assert typed(raised.value).reason == "DRAINING"
    assert server.process.wait(20) == 0
