"""Replies that are lost, late or never come: everything is answered, and nothing done twice."""

import asyncio
import itertools
import multiprocessing
import signal
from typing import Any

import pytest

import holdfast
from holdfast.client import Client
from tests.client.callers import Caller, Connect, Tasks, order, pool, rid, stock
from tests.client.scripted import BUSY, UNKNOWN, Line, Scripted
from tests.conftest import Server, start_server

RECEIVE: dict[str, Any] = {"request_id": "r", "sku": "cup", "warehouse": "hz", "quantity": 5}
BATCH = "OrderService/BatchSubmit"


@pytest.mark.parametrize("coalesce", [True, False])
@pytest.mark.parametrize("line", [UNKNOWN, BUSY])
async def test_a_lost_reply_is_asked_for_again_with_the_very_same_bytes(
    connect: Connect, line: Line, coalesce: bool
) -> None:
    with Scripted([line, line]) as server:
        caller = connect(server.address, "", coalesce=coalesce)
        received = await caller.ask("receive_stock", **RECEIVE)
        assert received.receipt.replayed
        assert received.stock.available == 5
        assert len(server.requests) == 3
        assert len(set(server.requests)) == 1
        assert (server.requests[0][0] == BATCH) is coalesce
        (seen,) = server.engine.get_stock("cup").stock
        assert seen.on_hand == 5


async def test_without_retries_a_doubt_is_its_callers(connect: Connect) -> None:
    for coalesce in (True, False):
        with Scripted([UNKNOWN]) as server:
            caller = connect(server.address, "", coalesce=coalesce, retry=False)
            with pytest.raises(holdfast.Unavailable, match="the reply was lost") as raised:
                await caller.ask("receive_stock", **RECEIVE)
            assert raised.value.reason == "COMMIT_UNKNOWN"
            assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [b"\xff", b""])
async def test_an_answer_that_is_no_answer_leaves_nobody_waiting(
    connect: Connect, answer: bytes
) -> None:
    with Scripted([answer]) as server:
        caller = connect(server.address, "")
        with pytest.raises(holdfast.Internal, match="repeat with the same request_id"):
            await caller.ask("receive_stock", **RECEIVE)
        assert (await caller.ask("receive_stock", **RECEIVE)).receipt.replayed


class House:
    """A server that is killed and comes back at the same address."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answered = 0
        self._reached: dict[int, asyncio.Event] = {}

    def count(self) -> None:
        self.answered += 1
        if self.answered in self._reached:
            self._reached[self.answered].set()

    async def killed_after(self, *answers: int) -> None:
        self._reached = {count: asyncio.Event() for count in answers}
        port = self.server.address.rpartition(":")[2]
        for reached in self._reached.values():
            await reached.wait()
            self.server.process.kill()
            await asyncio.to_thread(self.server.process.wait)
            again = await asyncio.to_thread(start_server, self.server.data, "--port", port)
            self.server.process, self.server.told = again.process, again.told


async def test_a_server_that_is_killed_twice_is_only_slow(
    own_server: Server, connect: Connect
) -> None:
    """40 shoppers, 15 orders each; all they see of two SIGKILLs is that it takes longer."""
    stock(own_server, "cup", 1_000)
    caller = connect(own_server.address, own_server.token, deadline_s=90.0)
    house = House(own_server)

    async def shop(shopper: int) -> None:
        for turn in range(15):
            number = f"K{shopper}-{turn}"
            placed = await caller.ask("place_order", **order(number, "cup"))
            assert placed.order.order_number == number
            fields = {"request_id": rid(), "order_number": number}
            if turn % 3 == 0:
                paid = await caller.ask("confirm_payment", **fields)
                assert paid.result == "CONFIRMED"
            elif turn % 3 == 1:
                released = await caller.ask("release_hold", **fields)
                assert released.order.hold_state == "RELEASED"
            house.count()

    await asyncio.gather(house.killed_after(100, 350), *(shop(number) for number in range(40)))
    assert house.answered == 600
    found = pool(own_server, "cup")
    assert (found.available, found.held, found.allocated) == (600, 200, 200)


async def unsent(caller: Caller, sku: str) -> tuple[str, holdfast.DeadlineExceeded]:
    """A call that is late while another one's batch is in flight: number and error."""
    for probe in itertools.count():
        number = f"late-{probe}"
        with pytest.raises(holdfast.DeadlineExceeded) as late:
            await caller.within(0.05).ask("place_order", **order(number, sku))
        if late.value.facts["tries"] == "0":
            return number, late.value
    raise AssertionError("count ends")


async def test_a_deadline_passes_for_its_caller_alone(own_server: Server, connect: Connect) -> None:
    stock(own_server, "cup", 100)
    caller = connect(own_server.address, own_server.token, deadline_s=60.0)
    await caller.ask("get_engine_status")
    own_server.process.send_signal(signal.SIGSTOP)
    patient = asyncio.create_task(caller.ask("place_order", **order("patient", "cup")))
    number, late = await unsent(caller, "cup")
    assert late.message == "No answer within 0.05 s. Nothing was sent."
    own_server.process.send_signal(signal.SIGCONT)
    assert (await patient).order.hold_state == "HELD"
    with pytest.raises(holdfast.NotFound):
        await caller.ask("get_order", order_number=number)


@pytest.mark.parametrize("coalesce", [True, False])
async def test_an_unknown_outcome_is_learned_with_the_same_request(
    own_server: Server, connect: Connect, coalesce: bool
) -> None:
    stock(own_server, "cup", 100)
    caller = connect(own_server.address, own_server.token, deadline_s=60.0, coalesce=coalesce)
    await caller.ask("get_engine_status")
    own_server.process.send_signal(signal.SIGSTOP)
    with pytest.raises(holdfast.DeadlineExceeded) as late:
        await caller.within(0.2).ask("place_order", **order("doubt", "cup"))
    assert late.value.facts == {"deadline_ms": "200", "tries": "1"}
    assert "repeat with the same request_id" in late.value.message
    own_server.process.send_signal(signal.SIGCONT)
    await caller.ask("place_order", **order("doubt", "cup"))
    assert pool(own_server, "cup").held == 1


async def test_nobody_there_is_a_deadline_that_says_why(connect: Connect) -> None:
    for coalesce in (True, False):
        caller = connect("127.0.0.1:1", "", deadline_s=1.0, coalesce=coalesce)
        with pytest.raises(holdfast.DeadlineExceeded, match="failed with UNAVAILABLE") as late:
            await caller.ask("receive_stock", **RECEIVE)
        assert late.value.facts["last"] == "UNAVAILABLE"


async def test_a_cancelled_task_gives_up_its_own_call_alone(own_server: Server) -> None:
    stock(own_server, "cup", 100)
    caller = Tasks.to(own_server)
    await caller.ask("get_engine_status")
    own_server.process.send_signal(signal.SIGSTOP)
    calls = [
        asyncio.create_task(caller.ask("place_order", **order(f"X{index}", "cup")))
        for index in range(10)
    ]
    # One turn of the loop makes the calls, the next one sends them.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls[3].cancel()
    unsent = asyncio.create_task(caller.ask("place_order", **order("unsent", "cup")))
    await asyncio.sleep(0)
    unsent.cancel()
    own_server.process.send_signal(signal.SIGCONT)
    answers = await asyncio.gather(*calls, unsent, return_exceptions=True)
    cancelled = [isinstance(answer, asyncio.CancelledError) for answer in answers]
    assert cancelled == [index in (3, 10) for index in range(11)]
    await caller.close()
    assert pool(own_server, "cup").held == 10


async def test_closing_fails_what_waits_and_says_what_was_sent(
    own_server: Server, connect: Connect
) -> None:
    stock(own_server, "cup", 100)
    caller = connect(own_server.address, own_server.token, deadline_s=60.0)
    await caller.ask("get_engine_status")
    own_server.process.send_signal(signal.SIGSTOP)
    sent = asyncio.create_task(caller.ask("place_order", **order("sent", "cup")))
    await unsent(caller, "cup")
    # The batch of `sent` is in flight, so these wait behind it; the read has gone.
    waiting = [
        asyncio.create_task(caller.ask("place_order", **order(f"W{index}", "cup")))
        for index in range(5)
    ]
    read = asyncio.create_task(caller.ask("get_stock", sku="cup"))
    await asyncio.sleep(0)
    await caller.close()
    answers = await asyncio.gather(sent, *waiting, read, return_exceptions=True)
    assert all(isinstance(answer, holdfast.ClientClosedError) for answer in answers), answers
    told = [
        answer.facts["tries"] for answer in answers if isinstance(answer, holdfast.HoldfastError)
    ]
    assert told[:6] == ["1", "0", "0", "0", "0", "0"]
    own_server.process.send_signal(signal.SIGCONT)


async def test_a_closed_client_takes_no_calls(server: Server, connect: Connect) -> None:
    caller = connect(server.address, server.token)
    await caller.ask("get_engine_status")
    await caller.close()
    for method, fields in (("place_order", order("C", "cup")), ("get_stock", {"sku": "cup"})):
        with pytest.raises(holdfast.ClientClosedError, match="Nothing was sent"):
            await caller.ask(method, **fields)


def _use_in_child(client: Client, answer: "multiprocessing.Queue[str]") -> None:
    try:
        client.get_engine_status()
    except holdfast.ForkedEngineError as error:
        client.close()
        answer.put(error.reason)


def test_a_forked_child_is_refused_at_once(server: Server) -> None:
    context = multiprocessing.get_context("fork")
    with Client(server.address, token=server.token) as client:
        client.get_engine_status()
        answer = context.Queue()
        child = context.Process(target=_use_in_child, args=(client, answer))
        child.start()
        assert answer.get(timeout=20) == "FORKED"
        child.join(20)
        assert client.get_engine_status().version
