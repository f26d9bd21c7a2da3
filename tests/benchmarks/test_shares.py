"""What a merchant's calls take while another one has ten times its share under way.

Quiet and flooded spans alternate within one run; `test_service.py` tells the method. The flood
comes from a process of its own, which on a small machine takes a processor from the server:
of what is measured only a part is the engine's.
"""

import asyncio
import hashlib
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

import grpc.aio
import pytest

from holdfast.client import Client
from tests.benchmarks.flooder import UNDER_WAY
from tests.benchmarks.test_service import PLACE, Send, Sizes, order, report, sender, sizes
from tests.conftest import Server

__all__ = ["sizes"]

IN_FLIGHT = 8
SETTLE_S = 0.5


class Flooder:
    """The greedy merchant."""

    def __init__(self, server: Server, token: str, under_way: int) -> None:
        script = Path(__file__).parent / "flooder.py"
        command = [sys.executable, str(script), server.address, token, str(under_way)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    async def turn(self, state: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{state}\n")
        self.process.stdin.flush()
        assert await asyncio.to_thread(self.process.stdout.readline) == f"{state}\n"
        await asyncio.sleep(SETTLE_S)


def merchant(operator: Client, server: Server, name: str) -> str:
    """A merchant's credential; it has stock."""
    secret = str(uuid.uuid4())
    digest = hashlib.sha256(secret.encode()).digest()
    operator.issue_token(
        request_id=secret, token_sha256=digest, actor=name, role="ADMIN", merchant=name
    )
    with Client(server.address, token=secret) as own:
        own.receive_stock(request_id=secret, sku="bench", warehouse="hz", quantity=10**9)
    return secret


async def times_ms(send: Send, seconds: float) -> list[float]:
    """What each call of a span took, some at once; every one must be answered."""
    ends = time.perf_counter() + seconds
    took: list[float] = []

    async def work() -> None:
        while (began := time.perf_counter()) < ends:
            await send(order().SerializeToString())
            took.append((time.perf_counter() - began) * 1_000)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return took


def p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98] if len(took) > 1 else took[0]


@pytest.mark.timeout(600)
async def test_a_merchant_beside_one_with_ten_times_its_share(
    server: Server, front: str, sizes: Sizes
) -> None:
    with Client(server.address, token=server.token) as operator:
        modest = merchant(operator, server, "modest")
        greedy = merchant(operator, server, "greedy")
    measured = sizes.pairs > 1
    span_s = 3.0 if measured else 0.2
    flooder = Flooder(server, greedy, UNDER_WAY if measured else 64)
    quiet, flooded = [], []
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            send = sender(channel, PLACE, modest)
            await times_ms(send, span_s)
            for _ in range(sizes.pairs):
                await flooder.turn("off")
                quiet.append(await times_ms(send, span_s))
                await flooder.turn("on")
                flooded.append(await times_ms(send, span_s))
    finally:
        flooder.process.kill()
        flooder.process.wait(10)
    pairs = list(zip(flooded, quiet, strict=True))
    report(
        f"modest merchant beside a greedy one, {front} front: flooded / quiet",
        calls=sum(map(len, flooded)),
        p99=round(statistics.median(p99(with_) / p99(without) for with_, without in pairs), 2),
        p50=round(
            statistics.median(
                statistics.median(with_) / statistics.median(without) for with_, without in pairs
            ),
            2,
        ),
        quiet_p99_ms=round(statistics.median(map(p99, quiet)), 2),
    )
