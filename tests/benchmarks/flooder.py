"""A merchant with ten times its share under way, while its input says so: "on" or "off"."""

import asyncio
import sys
import uuid
from typing import Any, Final

import grpc.aio

from holdfast.pb import orders_pb2

PLACE: Final = "/holdfast.v1.OrderService/PlaceOrder"
# Half of the 2,048 commands that may be under way, ten times.
UNDER_WAY: Final = 10_240
CONNECTIONS: Final = 11


def order() -> bytes:
    number = str(uuid.uuid4())
    return orders_pb2.PlaceOrderRequest(
        request_id=number,
        order_number=number,
        source_channel="SOURCE_CHANNEL_DOUYIN",
        urgency="URGENCY_NORMAL",
        lines=[orders_pb2.OrderLine(sku="bench", quantity=1)],
    ).SerializeToString()


class Flood:
    """Calls that follow each other for as long as it is on."""

    def __init__(self, token: str) -> None:
        """Begins in silence."""
        self._metadata = [("authorization", f"Bearer {token}")]
        self._on = asyncio.Event()
        self._under_way = 0

    async def place_again_and_again(self, channel: grpc.aio.Channel) -> None:
        """One caller of many."""
        ask: Any = channel.unary_unary(PLACE)
        while True:
            await self._on.wait()
            self._under_way += 1
            try:
                await ask(order(), metadata=self._metadata, timeout=60)
            except grpc.aio.AioRpcError as error:
                # Who is told to wait 50 ms does.
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                await asyncio.sleep(0.05)
            finally:
                self._under_way -= 1

    async def turn(self, on: bool) -> None:
        """Begins, or ends when everything that was asked is answered."""
        if on:
            self._on.set()
            return
        self._on.clear()
        while self._under_way > 0:
            await asyncio.sleep(0.01)


async def main(address: str, token: str, under_way: int) -> None:
    """Floods as its input says."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(address, options=options)
        for _ in range(min(CONNECTIONS, under_way))
    ]
    flood = Flood(token)
    work = [
        asyncio.create_task(flood.place_again_and_again(channels[n % len(channels)]))
        for n in range(under_way)
    ]
    while line := await asyncio.to_thread(sys.stdin.readline):
        await flood.turn(line == "on\n")
        sys.stdout.write(line)
        sys.stdout.flush()
    for task in work:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
