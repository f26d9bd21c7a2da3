"""Events are told once each, none left out, whatever becomes of connection and server."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import holdfast
from holdfast import results
from holdfast.client import AsyncClient, Client
from holdfast.client.retries import Backoff
from holdfast.client.watching import Reader
from holdfast.pb import events_pb2
from holdfast.server import Connections
from tests.client.callers import Caller, Connect, order, rid, stock
from tests.conftest import Server, start_server
from tests.faults.servers import Proxy

Place = tuple[int, int]
PATIENCE_S = 60.0


def place(event: results.Event) -> Place:
    return event.seq, event.index


def stored(server: Server, **filters: Any) -> list[Place]:
    """Every event that there is, read by a client that loses nothing on its way."""
    with Client(server.address, token=server.token) as client:
        return [place(event) for event in client.watch_events(**filters)]


def port(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


async def sell(caller: Caller, sku: str, prefix: str, count: int) -> None:
    calls = (caller.ask("place_order", **order(f"{prefix}-{n}", sku)) for n in range(count))
    await asyncio.gather(*calls)


async def seen_until(caller: Caller, number: str, seen: list[Place]) -> None:
    """Follows the events until those of an order's record have begun."""
    async for event in caller.watch(follow=True):
        seen.append(place(event))
        if event.order_number == number:
            return


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    started = Proxy(port(server)).start()
    yield started
    started.stop()


async def test_a_server_that_is_killed_twice_is_only_late(
    own_server: Server, connect: Connect
) -> None:
    stock(own_server, "cup", 10_000)
    caller = connect(own_server.address, own_server.token, deadline_s=PATIENCE_S)
    seen: list[Place] = []
    watching = asyncio.create_task(seen_until(caller, "last-0", seen))
    for turn in range(2):
        await sell(caller, "cup", f"turn-{turn}", 300)
        own_server.process.kill()
        await asyncio.to_thread(own_server.process.wait)
        again = await asyncio.to_thread(
            start_server, own_server.data, "--port", str(port(own_server))
        )
        own_server.process, own_server.told = again.process, again.told
    await sell(caller, "cup", "last", 1)
    await asyncio.wait_for(watching, PATIENCE_S)
    told = stored(own_server)
    assert len(seen) > 600
    assert seen == told[: len(seen)]


async def test_a_connection_that_is_cut_anywhere_is_taken_up_where_it_was(
    server: Server, connect: Connect, proxy: Proxy
) -> None:
    stock(server, "cut", 10_000)
    direct = connect(server.address, server.token)
    await sell(direct, "cut", f"cut-{proxy.port}", 3_000)
    told = stored(server)
    assert len(told) > 3_000
    for cut in (10, 100, 1_001, 10_003, 100_019):
        reader = connect(f"127.0.0.1:{proxy.port}", server.token, deadline_s=PATIENCE_S)
        # So many bytes of answers arrive before the connection is cut.
        proxy.cut_after = cut
        assert [place(event) async for event in reader.watch()] == told
        assert proxy.cut_after is None, "it was cut"
        await reader.close()


async def test_a_connection_that_is_silent_is_found_and_made_again(
    server: Server, connect: Connect, proxy: Proxy
) -> None:
    stock(server, "hole", 1_000)
    direct = connect(server.address, server.token)
    address = f"127.0.0.1:{proxy.port}"
    reader = connect(address, server.token, deadline_s=PATIENCE_S, keepalive_s=0.5)
    prefix = f"hole-{proxy.port}"
    seen: list[Place] = []
    watching = asyncio.create_task(seen_until(reader, f"{prefix}-b-0", seen))
    await sell(direct, "hole", f"{prefix}-a", 10)
    while not seen:
        await asyncio.sleep(0.01)
    proxy.drop_requests = proxy.drop_replies = True
    await sell(direct, "hole", f"{prefix}-b", 10)
    before = proxy.taken
    while proxy.taken == before:
        await asyncio.sleep(0.01)
    assert not watching.done()
    proxy.drop_requests = proxy.drop_replies = False
    await asyncio.wait_for(watching, PATIENCE_S)
    assert seen == stored(server)[: len(seen)]


async def test_only_what_was_asked_for_is_told_up_to_the_present(
    server: Server, connect: Connect
) -> None:
    sku = rid()
    stock(server, sku, 100)
    caller = connect(server.address, server.token)
    await sell(caller, sku, sku, 5)
    number = f"{sku}-3"
    of_one = [event async for event in caller.watch(order_number=number)]
    assert {event.order_number for event in of_one} == {number}
    of_sku = [event async for event in caller.watch(sku=sku, types=["StockReceived"])]
    assert [event.type for event in of_sku] == ["StockReceived"]
    last = of_one[-1].seq
    later = [event async for event in caller.watch(after_seq=last, order_number=number)]
    assert later == []
    with pytest.raises(holdfast.OutOfRange):
        [event async for event in caller.watch(after_seq=10**9)]


async def ending(caller: Caller, then: Callable[[], Any]) -> holdfast.HoldfastError:
    """How a watch ends if something happens behind each event."""
    try:
        async for _ in caller.watch(follow=True):
            done = then()
            if asyncio.iscoroutine(done):
                await done
    except holdfast.HoldfastError as error:
        return error
    raise AssertionError("following does not end by itself")


async def test_a_reader_that_is_not_to_repeat_is_told_of_the_loss(
    server: Server, connect: Connect, proxy: Proxy
) -> None:
    stock(server, "loss", 1)
    reader = connect(f"127.0.0.1:{proxy.port}", server.token, retry=False)
    assert isinstance(await ending(reader, proxy.cut), holdfast.Unavailable)


async def test_a_server_that_stays_away_ends_the_watch(
    own_server: Server, connect: Connect
) -> None:
    stock(own_server, "away", 1)
    reader = connect(own_server.address, own_server.token, deadline_s=1.0)
    assert isinstance(await ending(reader, own_server.process.kill), holdfast.Unavailable)


async def test_closing_ends_the_watch(server: Server, connect: Connect) -> None:
    stock(server, "close", 1)
    reader = connect(server.address, server.token)
    assert isinstance(await ending(reader, reader.close), holdfast.ClientClosedError)


def test_a_record_that_was_half_told_is_told_to_its_end() -> None:
    def message(seq: int, index: int) -> bytes:
        event = events_pb2.Event(seq=seq, index=index, type="OrderPlaced")
        return events_pb2.WatchEventsResponse(event=event).SerializeToString()

    def asked() -> int:
        request = events_pb2.WatchEventsRequest.FromString(reader.request())
        return request.after_seq

    reader = Reader(
        Backoff(lambda: 0.5), 10.0, after_seq=4, types=None, order_number=None, sku=None
    )
    told = [reader.read(message(5, 0)), reader.read(message(5, 1))]
    assert asked() == 4, "of record 5 there may be more"
    told += [reader.read(message(5, index)) for index in range(4)]
    told.append(reader.read(message(9, 0)))
    assert [place(event) for event in told if event] == [(5, 0), (5, 1), (5, 2), (5, 3), (9, 0)]
    assert asked() == 8
    beat = events_pb2.WatchEventsResponse(heartbeat=events_pb2.Heartbeat(seq=12))
    assert reader.read(beat.SerializeToString()) is None
    assert asked() == 12


def test_it_gives_up_when_nothing_came_for_its_patience() -> None:
    away = holdfast.errors.refused(14, "UNAVAILABLE", "connection refused", {})
    reader = Reader(
        Backoff(lambda: 0.5), 10.0, after_seq=0, types=None, order_number=None, sku=None
    )
    now = 0.0
    for _ in range(100):
        try:
            now += reader.lost(away, now)
        except holdfast.Unavailable:
            break
    assert 8.0 < now <= 10.0


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_the_clients_pings_are_what_the_server_allows(client: type) -> None:
    keepalive_s = inspect.signature(client).parameters["keepalive_s"].default
    assert Connections().ping_spacing_s < keepalive_s < Connections().idle_s
