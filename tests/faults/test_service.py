"""The service dies, stops and comes back while people shop; their history must hold."""

import random
import signal
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

import holdfast
from holdfast import _engine, messages
from holdfast.client import Client
from tests.conftest import Server, start_server
from tests.faults.history import SKU, STOCK, History, Shoppers, check
from tests.faults.shop import ALL, SEED


class House:
    """A server that comes back in the same place."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.history = History()
        self.server = self.start()
        self.token = self.server.token
        with self.connect() as client:
            client.receive_stock(request_id="stock", sku=SKU, warehouse="hz", quantity=STOCK)

    def start(self) -> Server:
        self.server = start_server(self.data, "--port", str(self.port))
        return self.server

    def connect(self) -> Client:
        # Each call once: what they do not know is part of their history.
        return Client(
            f"127.0.0.1:{self.port}", token=self.token, deadline_s=5.0, retry=False, coalesce=False
        )

    def shoppers(self) -> Shoppers:
        return Shoppers(self.connect, self.history, SEED)

    def wait_for(self, acknowledged: int) -> None:
        """Waits until so many more calls were acknowledged."""
        wanted = len(self.history.acknowledged()) + acknowledged
        give_up = time.monotonic() + 60
        while len(self.history.acknowledged()) < wanted:
            assert time.monotonic() < give_up, "nobody is served"
            time.sleep(0.01)

    def check(self) -> dict[str, int]:
        with self.connect() as client:
            found = check(self.history, client)
            live = client.get_state_hash()
        assert self.server.stop() == 0
        replayed, seq, findings = _engine.replay_journal(self.data)
        assert findings == []
        # What was asked since the hash was taken is only the end of the engine.
        assert seq >= live.state_seq
        assert seq > live.state_seq or replayed == live.state_hash
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "data")
    yield house
    if house.server.process.poll() is None:
        house.server.process.kill()
        house.server.process.wait(20)


@pytest.mark.timeout(3_600 if ALL else 120)
def test_kills_while_people_shop(house: House) -> None:
    moments = random.Random(SEED)
    with house.shoppers():
        for _ in range(200 if ALL else 4):
            house.wait_for(moments.randrange(50, 300))
            house.server.process.kill()
            house.server.process.wait(20)
            house.start()
        house.wait_for(50)
    found = house.check()
    assert found["doubts"] > 0


@pytest.mark.timeout(3_600 if ALL else 120)
def test_orderly_stops_while_people_shop(house: House) -> None:
    with house.shoppers():
        for _ in range(50 if ALL else 2):
            house.wait_for(100)
            assert house.server.stop() == 0
            house.start()
        house.wait_for(50)
        # Told twice, it ends at once; recovery is the same.
        house.server.process.send_signal(signal.SIGTERM)
        house.server.process.send_signal(signal.SIGTERM)
        house.server.process.wait(20)
        house.start()
        house.wait_for(50)
    house.check()


def test_a_stopped_process_catches_up_once(house: House) -> None:
    """Holds whose time passes while the process sleeps end once, and none before its time."""
    with house.connect() as client:
        policy = '{"hold_seconds": 1, "paying_seconds": 2}'
        client.publish_policy(request_id="policy", policy_json=policy)
        with house.shoppers():
            house.wait_for(100)
            house.server.process.send_signal(signal.SIGSTOP)
            time.sleep(2.5)
            house.server.process.send_signal(signal.SIGCONT)
            house.wait_for(100)
        give_up = time.monotonic() + 20
        while client.get_engine_status().live_holds > 0:
            assert time.monotonic() < give_up, "holds live on"
            time.sleep(0.05)
    house.check()
    _holds_end_once_and_not_early(house.data)


def _holds_end_once_and_not_early(data: Path) -> None:
    placed: dict[str, datetime] = {}
    ended: set[str] = set()
    with holdfast.Engine.open(data) as engine:
        for event in engine.watch_events():
            assert event.at is not None
            if event.type == "OrderPlaced":
                placed[event.order_number] = event.at
            if event.type in ("HoldExpired", "HoldReleased", "HoldConfirmed"):
                assert event.order_number not in ended, "a hold ended twice"
                ended.add(event.order_number)
            if event.type == "ParcelCancelled":
                ended.add(event.order_number)
            if event.type == "HoldExpired":
                lived = event.at - placed[event.order_number]
                assert lived >= timedelta(seconds=1), f"{event.order_number} ended early"
    assert ended == set(placed)


def test_calls_that_are_cancelled_or_late_are_done_once_or_not_at_all(house: House) -> None:
    """A caller that hangs up changes nothing of what has begun; one that is late begins nothing."""
    chance = random.Random(SEED)
    with house.connect() as client, grpc.insecure_channel(f"127.0.0.1:{house.port}") as channel:
        place: Any = channel.unary_unary(messages.path("OrderService/PlaceOrder"))
        metadata = (("authorization", f"Bearer {house.token}"),)
        for number in range(1_000 if ALL else 150):
            fields = {
                "request_id": f"c{number}",
                "order_number": f"C{number}",
                "source_channel": "DOUYIN",
                "urgency": "NORMAL",
                "lines": [{"sku": SKU, "quantity": 1}],
            }
            request = messages.encode("OrderService/PlaceOrder", fields)
            timeout = chance.choice((0.000_01, 0.001, 0.002, 5.0))
            future = place.future(request, metadata=metadata, timeout=timeout)
            if chance.random() < 0.5:
                time.sleep(chance.random() * 0.002)
                future.cancel()
            house.history.ask(client, "place_order", **fields)
        (pool,) = client.get_stock(SKU).stock
        assert pool.held == (1_000 if ALL else 150)
    house.check()
