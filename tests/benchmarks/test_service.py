"""Speed of the served engine, as ratios measured in one run.

The machine is shared, so single figures mean little. Each comparison alternates
its two sides (A B B A …) within the same seconds and quotes the median of the
pairs' ratios. `./dev bench` measures; `./dev test` runs everything once, small.
"""

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from holdfast.client import Client
from holdfast.pb import orders_pb2
from tests.conftest import Server

IN_FLIGHT = 64
PLACE = "/holdfast.v1.OrderService/PlaceOrder"
BATCH = "/holdfast.v1.OrderService/BatchSubmit"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    calls: int
    pairs: int


@pytest.fixture
def sizes(request: pytest.FixtureRequest) -> Sizes:
    measured = not request.config.getoption("benchmark_disable")
    return Sizes(calls=4_000, pairs=8) if measured else Sizes(calls=64, pairs=1)


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    script = Path(__file__).parent / "echo.py"
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"127.0.0.1:{process.stdout.readline().strip()}"
    process.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def stocked(server: Server) -> Server:
    with Client(server.address, token=server.token) as client:
        client.receive_stock(
            request_id="bench-stock", sku="bench", warehouse="hz", quantity=1_000_000_000
        )
    return server


def order() -> orders_pb2.PlaceOrderRequest:
    number = next(_numbers)
    return orders_pb2.PlaceOrderRequest(
        request_id=f"bench-{number}",
        order_number=f"douyin:7784061:6923456{number:012}",
        source_channel="SOURCE_CHANNEL_DOUYIN",
        urgency="URGENCY_NORMAL",
        lines=[orders_pb2.OrderLine(sku="bench", quantity=1)],
    )


def batch(size: int) -> bytes:
    commands = [orders_pb2.Command(place_order=order()) for _ in range(size)]
    return orders_pb2.BatchSubmitRequest(commands=commands).SerializeToString()


Send = Callable[[bytes], Awaitable[bytes]]


async def rate(send: Send, requests: list[bytes], in_flight: int = IN_FLIGHT) -> float:
    """Calls a second with so many in flight."""
    queue = iter(requests)

    async def work() -> None:
        for request in queue:
            await send(request)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return len(requests) / (time.perf_counter() - began)


def sender(channel: grpc.aio.Channel, method: str, token: str = "") -> Send:
    call: Any = channel.unary_unary(method)
    metadata = [("authorization", f"Bearer {token}")] if token else []

    async def send(request: bytes) -> bytes:
        answer: bytes = await call(request, metadata=metadata, timeout=30)
        return answer

    return send


def report(name: str, **figures: object) -> None:
    sys.stdout.write(f"\nfigure {name}: {json.dumps(figures)}\n")


@pytest.mark.timeout(300)
async def test_unary_place_against_an_echo_of_the_same_framework(
    stocked: Server, echo: str, sizes: Sizes
) -> None:
    ratios, rates = [], []
    async with (
        grpc.aio.insecure_channel(stocked.address) as ours,
        grpc.aio.insecure_channel(echo) as theirs,
    ):
        place, bounce = sender(ours, PLACE, stocked.token), sender(theirs, "/echo.Echo/Echo")
        for pair in range(sizes.pairs):
            requests = [order().SerializeToString() for _ in range(sizes.calls)]
            if pair % 2 == 0:
                mine, floor = await rate(place, requests), await rate(bounce, requests)
            else:
                floor, mine = await rate(bounce, requests), await rate(place, requests)
            ratios.append(mine / floor)
            rates.append(mine)
    report(
        "unary place / echo",
        ratio=round(statistics.median(ratios), 3),
        low=round(min(ratios), 3),
        high=round(max(ratios), 3),
        orders_per_s=round(statistics.median(rates)),
    )
    assert len(ratios) == sizes.pairs


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [100, 1_000])
async def test_batches_against_unary(stocked: Server, sizes: Sizes, size: int) -> None:
    ratios, rates = [], []
    async with grpc.aio.insecure_channel(stocked.address) as channel:
        single = sender(channel, PLACE, stocked.token)
        many = sender(channel, BATCH, stocked.token)
        for _ in range(sizes.pairs):
            requests = [order().SerializeToString() for _ in range(sizes.calls // 2)]
            batches = [batch(size) for _ in range(max(8, sizes.calls * 8 // size))]
            one = await rate(single, requests)
            bulk = size * await rate(many, batches, in_flight=4)
            ratios.append(bulk / one)
            rates.append(bulk)
    report(
        f"batch of {size} / unary",
        ratio=round(statistics.median(ratios), 1),
        low=round(min(ratios), 1),
        high=round(max(ratios), 1),
        orders_per_s=round(statistics.median(rates)),
    )
    with Client(stocked.address, token=stocked.token) as client:
        pool = client.get_stock("bench").stock[0]
        assert pool.available + pool.held == 1_000_000_000


def test_embedded_place(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """One durable order at a time through the library: one fdatasync each."""
    import holdfast

    with holdfast.Engine.open(tmp_path / "data") as engine:
        engine.receive_stock(request_id="s", sku="bench", warehouse="hz", quantity=10**9)

        def place() -> None:
            number = next(_numbers)
            engine.place_order(
                request_id=f"e{number}",
                order_number=f"e{number}",
                source_channel="DOUYIN",
                urgency="NORMAL",
                lines=[{"sku": "bench", "quantity": 1}],
            )

        benchmark(place)


def test_embedded_read(benchmark: BenchmarkFixture) -> None:
    """The customer-service answer through the library."""
    import holdfast

    with holdfast.Engine.memory() as engine:
        engine.receive_stock(request_id="s", sku="bench", warehouse="hz", quantity=10)
        engine.place_order(
            request_id="p",
            order_number="A",
            source_channel="DOUYIN",
            urgency="NORMAL",
            lines=[{"sku": "bench", "quantity": 1}],
        )
        assert benchmark(engine.get_order_status, "A").node == "AWAITING_PAYMENT"
