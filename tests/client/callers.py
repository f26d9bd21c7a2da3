"""Both clients behind one face, so that one suite holds them to one behaviour."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from holdfast import results
from holdfast.client import AsyncClient, Client
from tests.conftest import Server


class Caller(Protocol):
    """A client that many may call at once."""

    async def ask(self, method: str, **fields: Any) -> Any:
        """Calls a method by its name."""

    def watch(self, **fields: Any) -> AsyncGenerator[results.Event, None]:
        """Iterates over events."""

    def within(self, deadline_s: float) -> "Caller":
        """The same with another deadline."""

    async def close(self) -> None:
        """Closes it."""


Connect: TypeAlias = Callable[..., Caller]


class Tasks:
    """Tasks that share an `AsyncClient`."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    @classmethod
    def to(cls, server: Server, **options: Any) -> "Tasks":
        return cls(AsyncClient(server.address, token=server.token, **options))

    async def ask(self, method: str, **fields: Any) -> Any:
        return await getattr(self.client, method)(**fields)

    async def watch(self, **fields: Any) -> AsyncGenerator[results.Event, None]:
        async for event in self.client.watch_events(**fields):
            yield event

    def within(self, deadline_s: float) -> "Tasks":
        return Tasks(self.client.within(deadline_s))

    async def close(self) -> None:
        await self.client.close()


class Threads:
    """Threads that share a `Client`."""

    def __init__(self, client: Client, pool: ThreadPoolExecutor) -> None:
        self.client = client
        self.pool = pool

    async def ask(self, method: str, **fields: Any) -> Any:
        def call() -> Any:
            return getattr(self.client, method)(**fields)

        return await asyncio.get_running_loop().run_in_executor(self.pool, call)

    async def watch(self, **fields: Any) -> AsyncGenerator[results.Event, None]:
        loop = asyncio.get_running_loop()
        events = iter(self.client.watch_events(**fields))
        while (event := await loop.run_in_executor(self.pool, next, events, None)) is not None:
            yield event

    def within(self, deadline_s: float) -> "Threads":
        return Threads(self.client.within(deadline_s), self.pool)

    async def close(self) -> None:
        await asyncio.to_thread(self.client.close)


def tasks(address: str, token: str, **options: Any) -> Caller:
    return Tasks(AsyncClient(address, token=token, **options))


def threads(address: str, token: str, **options: Any) -> Caller:
    return Threads(Client(address, token=token, **options), ThreadPoolExecutor(64))


def rid() -> str:
    return str(uuid.uuid4())


def order(number: str, sku: str, quantity: int = 1) -> dict[str, Any]:
    """Arguments of place_order; the request_id follows from the number."""
    return {
        "request_id": f"place-{number}",
        "order_number": number,
        "source_channel": "DOUYIN",
        "urgency": "NORMAL",
        "lines": [{"sku": sku, "quantity": quantity}],
    }


def stock(server: Server, sku: str, quantity: int) -> None:
    with Client(server.address, token=server.token) as client:
        client.receive_stock(request_id=rid(), sku=sku, warehouse="hz", quantity=quantity)


def pool(server: Server, sku: str) -> results.PoolStock:
    with Client(server.address, token=server.token) as client:
        (found,) = client.get_stock(sku).stock
        assert client.audit().findings == ()
    return found


def first(answer: Any) -> Any:
    """An answer as it was the first time."""
    return replace(answer, receipt=replace(answer.receipt, replayed=False))
