"""A merchant with far more under way than its share is refused; the others are not."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from holdfast import messages
from holdfast.client import Client
from tests.conformance.callers import PATIENCE_S, Told, ending, issue, placing, rid
from tests.conftest import Server, start_server
from tests.faults.shop import inject, needs_strace

PLACE = messages.path("OrderService/PlaceOrder")


# Of 2,048 commands under way each of two merchants may have half.
SHARE = 1_024


async def flood(server: Server, greedy: str, modest: str) -> tuple[list[Told], list[Told]]:
    """Both merchants place orders while the disk is slow; one has ten times its share."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(server.address, options=options) for _ in range(12)]

    async def one(channel: grpc.aio.Channel, token: str) -> Told:
        ask: Any = channel.unary_unary(PLACE)
        metadata = [("authorization", f"Bearer {token}")]
        try:
            await ask(placing(rid()), metadata=metadata, timeout=4 * PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            return ending(error)
        return Told("OK")

    try:
        first = [asyncio.create_task(one(channels[0], modest))]
        much = [asyncio.create_task(one(channels[1 + n % 11], greedy)) for n in range(10 * SHARE)]
        first += [asyncio.create_task(one(channels[0], modest)) for _ in range(50)]
        return await asyncio.gather(*much), await asyncio.gather(*first)
    finally:
        for channel in channels:
            await channel.close()


@needs_strace
@pytest.mark.timeout(300)
async def test_only_the_greedy_merchant_is_told_to_wait(
    tmp_path: Path, front: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = inject("fdatasync", "delay_enter=1500000", "20+")
    server = start_server(tmp_path / "data", "--front", front, under=slow)
    try:
        with Client(server.address, token=server.token, coalesce=False) as operator:
            tokens = {}
            for merchant in ("greedy", "modest"):
                tokens[merchant] = issue(operator, "ADMIN", merchant)
                with Client(server.address, token=tokens[merchant], coalesce=False) as own:
                    own.receive_stock(request_id=rid(), sku="cup", warehouse="hz", quantity=10**6)
            greedy, modest = await flood(server, tokens["greedy"], tokens["modest"])
            assert Counter(told.code for told in modest) == {"OK": 51}
            assert {(told.code, told.reason, told.retry_ms) for told in greedy} == {
                ("OK", "", 0),
                ("RESOURCE_EXHAUSTED", "OVERLOADED", 50),
            }
    finally:
        # A tracer that is told to stop only lets go of the server.
        os.kill(int(server.told["pid"]), signal.SIGKILL)
        server.process.wait(20)
