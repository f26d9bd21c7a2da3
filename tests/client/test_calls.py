"""Calls that are coalesced are answered as calls alone are, in order, whoever is beside them."""

import asyncio
import hashlib
import itertools
import urllib.request
from typing import Any

import pytest

import holdfast
from holdfast.client import Client
from tests.client.callers import Connect, Tasks, first, order, pool, rid, stock
from tests.conftest import Server

_numbers = itertools.count()


def fresh(name: str) -> str:
    return f"{name}-{next(_numbers)}"


def batches(server: Server) -> int:
    """How many batches the server has answered."""
    url = f"http://{server.told['metrics_address']}/metrics"
    text = urllib.request.urlopen(url, timeout=5).read().decode()
    name = 'holdfast_calls_total{code="0",method="BatchSubmit"} '
    return sum(int(float(line.removeprefix(name))) for line in text.split("\n") if name in line)


async def outcome(answer: Any) -> Any:
    """What came of a call, with its refusal as a value."""
    try:
        return first(await answer)
    except holdfast.Refused as refusal:
        return type(refusal), refusal.code, refusal.reason, refusal.message, refusal.facts


@pytest.mark.parametrize("locale", ["en", "zh"])
async def test_each_gets_what_the_call_alone_gives(
    server: Server, connect: Connect, locale: str
) -> None:
    sku = fresh("equal")
    stock(server, sku, 120)
    together = connect(server.address, server.token, locale=locale)
    alone = connect(server.address, server.token, locale=locale, coalesce=False)
    prefix = fresh("E")
    calls: list[tuple[str, dict[str, Any]]] = []
    for index in range(40):
        number = f"{prefix}-{index}"
        calls += [
            ("place_order", order(number, sku)),
            ("place_order", order(f"{number}-much", sku, 1_000 + index)),
            ("place_order", order(f"{number}-bad", sku, -index)),
            ("cancel_order", {"request_id": rid(), "order_number": f"{number}-none"}),
            ("advance_parcel", {"request_id": rid(), "parcel_id": number, "node": "PICKING"}),
            ("start_payment", {"request_id": "", "order_number": number}),
        ]
    before = batches(server)
    got = await asyncio.gather(*(outcome(together.ask(name, **fields)) for name, fields in calls))
    assert 0 < batches(server) - before < len(calls)
    for (name, fields), answer in zip(calls, got, strict=True):
        assert await outcome(alone.ask(name, **fields)) == answer, (name, fields)
    assert pool(server, sku).held == 40


async def test_what_is_wrong_before_it_is_sent_hurts_its_caller_alone(
    server: Server, connect: Connect
) -> None:
    sku = fresh("wrong")
    stock(server, sku, 10)
    caller = connect(server.address, server.token)
    wrong = order(fresh("W"), sku) | {"urgency": "SOON"}
    answers: tuple[Any, ...] = await asyncio.gather(
        caller.ask("place_order", **order(fresh("W"), sku)),
        caller.ask("place_order", **wrong),
        caller.ask("place_order", **order(fresh("W"), sku) | {"document": b"x" * (600 << 10)}),
        return_exceptions=True,
    )
    assert answers[0].order.hold_state == "HELD"
    assert [answer.reason for answer in answers[1:]] == ["FIELD_INVALID", "MESSAGE_TOO_LARGE"]
    assert answers[1].facts["field"] == "urgency"


async def test_what_spoils_a_whole_batch_is_refused_alone(server: Server, connect: Connect) -> None:
    sku = fresh("spoilt")
    stock(server, sku, 100)
    caller = connect(server.address, server.token)
    lines = [{"sku": sku, "quantity": 1}] * 1_001
    calls = [order(fresh("S"), sku) for _ in range(20)]
    calls[7]["lines"] = lines
    answers = await asyncio.gather(
        *(caller.ask("place_order", **fields) for fields in calls), return_exceptions=True
    )
    spoilt = answers.pop(7)
    assert isinstance(spoilt, holdfast.InvalidArgument)
    assert (spoilt.reason, spoilt.facts["count"]) == ("LINES_TOO_MANY", "1001")
    assert all(isinstance(answer, holdfast.results.OrderResult) for answer in answers)
    assert pool(server, sku).held == 19


async def test_calls_are_decided_in_the_order_in_which_tasks_made_them(server: Server) -> None:
    sku = fresh("queue")
    stock(server, sku, 100)
    async with Tasks.to(server).client as client:
        answers: list[Any] = await asyncio.gather(
            *(client.place_order(**order(fresh("Q"), sku)) for _ in range(1_500)),
            return_exceptions=True,
        )
    placed = [isinstance(answer, holdfast.results.OrderResult) for answer in answers]
    assert placed == [True] * 100 + [False] * 1_400
    seqs = [answer.receipt.seq for answer in answers[:100]]
    assert seqs == sorted(seqs)


async def test_each_task_and_thread_keeps_its_own_order(server: Server, connect: Connect) -> None:
    sku = fresh("turns")
    stock(server, sku, 1_000)
    caller = connect(server.address, server.token)

    async def live() -> list[int]:
        number = fresh("T")
        fields = {"order_number": number}
        placed = await caller.ask("place_order", **order(number, sku))
        paying = await caller.ask("start_payment", request_id=rid(), payment_ref="p", **fields)
        paid = await caller.ask("confirm_payment", request_id=rid(), payment_ref="p", **fields)
        read = await caller.ask("get_order", order_number=number)
        assert read.node == "UNDER_REVIEW"
        return [placed.receipt.seq, paying.receipt.seq, paid.receipt.seq, read.state_seq]

    for seqs in await asyncio.gather(*(live() for _ in range(60))):
        assert seqs == sorted(seqs)
    assert pool(server, sku).allocated == 60


async def test_a_thousand_at_once_with_reads_between_them(server: Server, connect: Connect) -> None:
    sku = fresh("crowd")
    stock(server, sku, 1_000)
    caller = connect(server.address, server.token, deadline_s=60.0)

    async def visit(index: int) -> str:
        if index % 4 == 3:
            (seen,) = (await caller.ask("get_stock", sku=sku)).stock
            assert seen.available + seen.held == 1_000
            return "read"
        number = fresh("C")
        placed = await caller.ask("place_order", **order(number, sku))
        assert placed.order.order_number == number
        return "placed"

    done = await asyncio.gather(*(visit(index) for index in range(1_000)))
    assert done.count("placed") == pool(server, sku).held == 750


@pytest.mark.parametrize("role", ["CUSTOMER_SERVICE", "PICKER"])
async def test_a_credential_without_the_right_of_batches_is_served_call_by_call(
    server: Server, connect: Connect, role: str
) -> None:
    sku, secret = fresh("rights"), rid()
    stock(server, sku, 100)
    numbers = [fresh("R") for _ in range(20)]
    with Client(server.address, token=server.token) as client:
        digest = hashlib.sha256(secret.encode()).digest()
        client.issue_token(request_id=rid(), token_sha256=digest, actor=secret[:8], role=role)
        for number in numbers:
            client.place_order(**order(number, sku))
    caller = connect(server.address, secret)

    async def release(number: str) -> Any:
        return await outcome(caller.ask("release_hold", request_id=rid(), order_number=number))

    released = await asyncio.gather(*(release(number) for number in numbers))
    if role == "PICKER":
        assert {answer[2:4] for answer in released} == {
            (
                "PERMISSION_DENIED",
                "Role PICKER may not call ReleaseHold. "
                "Roles that may: ADMIN, INTEGRATION, SUPERVISOR, CUSTOMER_SERVICE.",
            )
        }
    else:
        assert [answer.order.order_number for answer in released] == numbers
        assert pool(server, sku).held == 0


async def test_a_stranger_is_told_so_in_the_words_of_the_call(
    server: Server, connect: Connect
) -> None:
    together = connect(server.address, "nobody")
    alone = connect(server.address, "nobody", coalesce=False)
    fields = {"request_id": rid(), "order_number": "A"}
    told = await outcome(together.ask("release_hold", **fields))
    assert told[0] is holdfast.Unauthenticated
    assert told == await outcome(alone.ask("release_hold", **fields))


async def test_a_token_that_no_header_can_carry_is_named_at_once(connect: Connect) -> None:
    wrong = {"token": {"token": "secret\n"}, "locale": {"token": "secret", "locale": "中文"}}
    for field, options in wrong.items():
        with pytest.raises(holdfast.InvalidArgument, match="printable ASCII") as refused:
            connect("127.0.0.1:1", **options)
        assert refused.value.facts == {"field": field}
        assert "secret" not in refused.value.message


async def test_commands_gather_for_as_long_as_was_asked(server: Server) -> None:
    sku = fresh("gather")
    stock(server, sku, 10)
    caller = Tasks.to(server, gather_s=1.0)
    before = batches(server)
    first_call = asyncio.create_task(caller.ask("place_order", **order(fresh("G"), sku)))
    # Without gathering it would leave in the second turn of the loop.
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.gather(first_call, caller.ask("place_order", **order(fresh("G"), sku)))
    assert batches(server) == before + 1
    await caller.close()


async def test_a_given_batch_is_sent_as_it_is(server: Server, connect: Connect) -> None:
    sku = fresh("given")
    stock(server, sku, 1)
    caller = connect(server.address, server.token)
    placed, refused = await caller.ask(
        "place_orders", orders=[order(fresh("B"), sku), order(fresh("B"), sku)]
    )
    assert placed.order.hold_state == "HELD"
    assert isinstance(refused, holdfast.StockInsufficient)


async def test_an_async_client_belongs_to_one_loop(server: Server) -> None:
    caller = Tasks.to(server)
    await caller.client.get_engine_status()

    def elsewhere() -> None:
        asyncio.run(caller.client.get_engine_status())

    with pytest.raises(RuntimeError, match="belongs to the loop"):
        await asyncio.to_thread(elsewhere)
    await caller.close()
