"""What coalescing gives a program that calls one order at a time, but many at once.

The same client with and without it, alternating within one run; `test_service.py` tells the method.
"""

import asyncio
import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from holdfast.client import AsyncClient, Client
from tests.benchmarks.test_service import report
from tests.conftest import Server

THREADS = 64
_numbers = itertools.count()


@pytest.fixture
def calls(request: pytest.FixtureRequest) -> int:
    return 64 if request.config.getoption("benchmark_disable") else 2_000


@pytest.fixture
def pairs(request: pytest.FixtureRequest) -> int:
    return 1 if request.config.getoption("benchmark_disable") else 8


@pytest.fixture(scope="module")
def stocked(server: Server) -> Server:
    with Client(server.address, token=server.token) as client:
        client.receive_stock(request_id="stock", sku="bench", warehouse="hz", quantity=10**9)
    return server


def order() -> dict[str, Any]:
    number = next(_numbers)
    return {
        "request_id": f"bench-{number}",
        "order_number": f"douyin:7784061:6923456{number:012}",
        "source_channel": "DOUYIN",
        "urgency": "NORMAL",
        "lines": [{"sku": "bench", "quantity": 1}],
    }


def tell(name: str, pairs: list[tuple[float, float]]) -> None:
    """Reports pairs of orders a second, coalesced and alone."""
    ratios = [together / alone for together, alone in pairs]
    report(
        name,
        ratio=round(statistics.median(ratios), 2),
        low=round(min(ratios), 2),
        high=round(max(ratios), 2),
        orders_per_s=round(statistics.median(together for together, _ in pairs)),
    )


def held(server: Server) -> int:
    """How many orders there are: everything was done, and once."""
    with Client(server.address, token=server.token) as client:
        return client.get_stock("bench").stock[0].held


async def awaited(client: AsyncClient, calls: int) -> float:
    """Orders a second, all awaited at once."""
    began = time.perf_counter()
    await asyncio.gather(*(client.place_order(**order()) for _ in range(calls)))
    return calls / (time.perf_counter() - began)


@pytest.mark.timeout(300)
async def test_awaited_at_once_with_and_without_coalescing(
    stocked: Server, calls: int, pairs: int
) -> None:
    before, rates = held(stocked), []
    address, token = stocked.address, stocked.token
    async with (
        AsyncClient(address, token=token, deadline_s=60.0) as ours,
        AsyncClient(address, token=token, deadline_s=60.0, coalesce=False) as theirs,
    ):
        for pair in range(pairs):
            if pair % 2 == 0:
                together, alone = await awaited(ours, calls), await awaited(theirs, calls)
            else:
                alone, together = await awaited(theirs, calls), await awaited(ours, calls)
            rates.append((together, alone))
    tell("AsyncClient, coalesced / alone", rates)
    assert held(stocked) == before + 2 * calls * pairs


def threaded(pool: ThreadPoolExecutor, client: Client, calls: int) -> float:
    """Orders a second of many threads, each with one call at a time."""

    def place(fields: dict[str, Any]) -> object:
        return client.place_order(**fields)

    began = time.perf_counter()
    for _ in pool.map(place, [order() for _ in range(calls)]):
        pass
    return calls / (time.perf_counter() - began)


@pytest.mark.timeout(300)
def test_threads_with_and_without_coalescing(stocked: Server, calls: int, pairs: int) -> None:
    before, rates = held(stocked), []
    address, token = stocked.address, stocked.token
    with (
        ThreadPoolExecutor(THREADS) as pool,
        Client(address, token=token, deadline_s=60.0) as ours,
        Client(address, token=token, deadline_s=60.0, coalesce=False) as theirs,
    ):
        for pair in range(pairs):
            if pair % 2 == 0:
                together, alone = threaded(pool, ours, calls), threaded(pool, theirs, calls)
            else:
                alone, together = threaded(pool, theirs, calls), threaded(pool, ours, calls)
            rates.append((together, alone))
    tell(f"Client of {THREADS} threads, coalesced / alone", rates)
    assert held(stocked) == before + 2 * calls * pairs
