"""Embedding: five lines, typed results, typed refusals, one behaviour sync and async."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import _engine
from holdfast.calls import Calls

START = 1_794_326_400_000
MINUTE_MS = 60_000


def stocked(engine: holdfast.Engine, quantity: int = 5) -> None:
    engine.receive_stock(request_id="stock", sku="cup", warehouse="hz", quantity=quantity)


def place(
    engine: Calls, number: str, quantity: int = 1, **more: object
) -> holdfast.results.OrderResult:
    return engine.place_order(
        request_id=f"place-{number}",
        order_number=number,
        source_channel="DOUYIN",
        urgency="NORMAL",
        lines=[{"sku": "cup", "warehouse": "hz", "quantity": quantity}],
        **more,  # type: ignore[arg-type]
    )


def test_importing_pulls_in_neither_grpc_nor_redis_nor_protobuf() -> None:
    heavy = ("grpc", "redis", "google.protobuf")
    script = f"import holdfast, sys; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_five_lines() -> None:
    engine = holdfast.Engine.memory()
    engine.receive_stock(request_id="r1", sku="cup", warehouse="hz", quantity=2)
    place(engine, "A")
    engine.confirm_payment(request_id="r3", order_number="A")
    assert engine.get_order("A").node is holdfast.Node.UNDER_REVIEW


def test_every_rpc_has_a_method_of_its_name() -> None:
    served = {path.rpartition("/")[2] for path, _, _ in _engine.methods()}
    streams = {"StreamSubmit"}
    for rpc in served - streams:
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in rpc).lstrip("_")
        assert hasattr(holdfast.Engine, name), name


def test_a_hold_ends_when_the_clock_says_so() -> None:
    clock = holdfast.ManualClock(START)
    with holdfast.Engine.memory(clock=clock) as engine:
        stocked(engine, 1)
        placed = place(engine, "A")
        assert placed.order.hold_expires_at == datetime.fromtimestamp(
            START / 1000, UTC
        ) + timedelta(minutes=15)
        clock.advance(minutes=15)
        assert engine.get_order("A").order.hold_state is holdfast.HoldState.EXPIRED
        assert engine.get_stock("cup").stock[0].available == 1
        with pytest.raises(holdfast.HoldExpired) as refused:
            engine.start_payment(request_id="late", order_number="A")
        assert refused.value.facts["order_number"] == "A"


def test_refusals_are_typed_with_reason_code_and_facts() -> None:
    with holdfast.Engine.memory(locale="zh-CN") as engine:
        stocked(engine, 2)
        with pytest.raises(holdfast.StockInsufficient) as refused:
            place(engine, "A", 3)
        assert refused.value.reason == "STOCK_INSUFFICIENT"
        assert refused.value.code == "FAILED_PRECONDITION"
        assert refused.value.facts["asked"] == "3"
        assert refused.value.facts["free"] == "2"
        assert "需要 3" in refused.value.message
        assert isinstance(refused.value, holdfast.FailedPrecondition)


def test_a_repeated_request_gets_the_first_answer_and_another_payload_is_refused() -> None:
    with holdfast.Engine.memory() as engine:
        stocked(engine)
        first = place(engine, "A")
        again = place(engine, "A")
        assert again.receipt.replayed
        assert not first.receipt.replayed
        assert (again.receipt.seq, again.order) == (first.receipt.seq, first.order)
        with pytest.raises(holdfast.KeyReused):
            place(engine, "A", 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source_channel": "TIKTOK"}, "source_channel"),
        ({"lines": [{"sku": "cup", "quantity": True}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "cup", "quantity": float("nan")}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "cup", "quantity": 2**63}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "cup", "quantty": 1}]}, "lines[0].quantty"),
        ({"lines": {"sku": "cup"}}, "lines"),
        ({"ship_by": datetime(2026, 11, 11)}, "ship_by"),
        ({"order_number": 7}, "order_number"),
    ],
)
def test_values_of_a_wrong_kind_name_their_field(change: dict[str, object], field: str) -> None:
    arguments: dict[str, object] = {
        "request_id": "r",
        "order_number": "A",
        "source_channel": "DOUYIN",
        "urgency": "NORMAL",
        "lines": [{"sku": "cup", "quantity": 1}],
    }
    with holdfast.Engine.memory() as engine:
        with pytest.raises(holdfast.InvalidArgument) as refused:
            engine.place_order(**(arguments | change))  # type: ignore[arg-type]
        assert refused.value.facts["field"] == field
        assert engine.get_engine_status().open_orders == 0


@pytest.mark.parametrize("quantity", [0, -1, 2**31, 2**63 - 1])
def test_quantities_out_of_range_change_nothing(quantity: int) -> None:
    with holdfast.Engine.memory() as engine:
        stocked(engine)
        with pytest.raises(holdfast.InvalidArgument) as refused:
            place(engine, "A", quantity)
        assert refused.value.reason == "QUANTITY_INVALID"
        assert engine.get_stock("cup").stock[0].held == 0


@pytest.mark.parametrize(
    ("missing", "reason"),
    [("source_channel", "SOURCE_CHANNEL_REQUIRED"), ("urgency", "URGENCY_REQUIRED")],
)
def test_channel_and_urgency_have_no_default(missing: str, reason: str) -> None:
    arguments: dict[str, Any] = {"source_channel": "DOUYIN", "urgency": "NORMAL"}
    del arguments[missing]
    with holdfast.Engine.memory() as engine:
        stocked(engine)
        with pytest.raises(holdfast.InvalidArgument) as refused:
            engine.place_order(
                request_id="r", order_number="A", lines=[{"sku": "cup", "quantity": 1}], **arguments
            )
        assert refused.value.reason == reason


def test_a_batch_keeps_its_order_and_refuses_item_by_item() -> None:
    with holdfast.Engine.memory() as engine:
        stocked(engine, 2)
        line = [{"sku": "cup", "quantity": 1}]
        common = {"source_channel": "TAOBAO", "urgency": "URGENT", "lines": line}
        outcomes = engine.place_orders(
            [{"request_id": f"r{i}", "order_number": f"A{i}", **common} for i in range(3)]
            + [{"request_id": "r9", "order_number": "", **common}]
        )
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "OrderResult",
            "OrderResult",
            "StockInsufficient",
            "InvalidArgument",
        ]


def test_an_order_document_is_sealed_and_comes_back(tmp_path: Path) -> None:
    secret = "张三 13800138000 张江路123号"
    with holdfast.Engine.open(tmp_path / "data") as engine:
        stocked(engine)
        place(engine, "A", document=secret.encode())
        assert engine.get_order_document("A", purpose="shipping").document.decode() == secret
        (opened,) = engine.watch_events(types=["DocumentOpened"])
        assert (opened.order_number, opened.actor) == ("A", "embedded")
        assert opened.facts["purpose"] == "shipping"
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            assert b"13800138000" not in path.read_bytes(), path


def test_two_engines_in_one_process_do_not_meet(tmp_path: Path) -> None:
    with (
        holdfast.Engine.open(tmp_path / "a") as one,
        holdfast.Engine.open(tmp_path / "b") as two,
        holdfast.Engine.memory() as three,
    ):
        stocked(one, 1)
        stocked(two, 2)
        stocked(three, 3)
        assert [e.get_stock("cup").stock[0].available for e in (one, two, three)] == [1, 2, 3]


def test_a_second_opener_is_told_the_pid(tmp_path: Path) -> None:
    with holdfast.Engine.open(tmp_path / "data"):
        with pytest.raises(holdfast.JournalLockedError) as refused:
            holdfast.Engine.open(tmp_path / "data")
        assert str(os.getpid()) in refused.value.facts["pid"]
    holdfast.Engine.open(tmp_path / "data").close()


def test_a_closed_engine_says_so() -> None:
    engine = holdfast.Engine.memory()
    engine.close()
    engine.close()
    with pytest.raises(holdfast.EngineClosedError):
        engine.get_engine_status()


def _use_in_child(engine: holdfast.Engine, answer: "multiprocessing.Queue[str]") -> None:
    try:
        engine.get_engine_status()
    except holdfast.ForkedEngineError as error:
        answer.put(error.reason)


def test_a_forked_child_is_refused_at_once() -> None:
    context = multiprocessing.get_context("fork")
    with holdfast.Engine.memory() as engine:
        answer = context.Queue()
        child = context.Process(target=_use_in_child, args=(engine, answer))
        child.start()
        assert answer.get(timeout=20) == "FORKED"
        child.join(20)
        assert engine.get_engine_status().open_orders == 0


def test_the_interpreter_is_free_while_the_engine_works(tmp_path: Path) -> None:
    done = threading.Event()
    counted = 0

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    with holdfast.Engine.open(tmp_path / "data") as engine:
        stocked(engine, 500)
        thread = threading.Thread(target=count)
        thread.start()
        for index in range(200):
            place(engine, f"A{index}")
        done.set()
        thread.join()
    assert counted > 1_000


def test_threads_racing_for_one_unit_hold_it_once() -> None:
    with holdfast.Engine.memory() as engine:
        for round_ in range(20):
            engine.receive_stock(request_id=f"s{round_}", sku="one", warehouse="hz", quantity=1)
            won: list[str] = []

            def race(index: int, round_: int = round_, won: list[str] = won) -> None:
                try:
                    engine.place_order(
                        request_id=f"r{round_}-{index}",
                        order_number=f"o{round_}-{index}",
                        source_channel="DOUYIN",
                        urgency="NORMAL",
                        lines=[{"sku": "one", "quantity": 1}],
                    )
                    won.append(f"o{round_}-{index}")
                except holdfast.StockInsufficient:
                    pass

            threads = [threading.Thread(target=race, args=(i,)) for i in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(won) == 1
            engine.confirm_payment(request_id=f"c{round_}", order_number=won[0])
        assert engine.audit().findings == ()


async def test_the_awaited_engine_answers_the_same(tmp_path: Path) -> None:
    async with holdfast.AsyncEngine.open(tmp_path / "data") as engine:
        await engine.receive_stock(request_id="s", sku="cup", warehouse="hz", quantity=100)
        placed = await asyncio.gather(
            *(
                engine.place_order(
                    request_id=f"r{i}",
                    order_number=f"A{i}",
                    source_channel="DOUYIN",
                    urgency="NORMAL",
                    lines=[{"sku": "cup", "quantity": 1}],
                )
                for i in range(60)
            )
        )
        assert {result.order.order_number for result in placed} == {f"A{i}" for i in range(60)}
        assert all(result.receipt.durability == "SYNCED" for result in placed)
        with pytest.raises(holdfast.NotFound):
            await engine.get_order("nothing")
        assert len(await engine.place_orders([])) == 0


def test_events_are_watched_from_a_position() -> None:
    with holdfast.Engine.memory() as engine:
        stocked(engine)
        first = place(engine, "A")
        place(engine, "B")
        events = list(engine.watch_events(after_seq=first.receipt.seq))
        assert [event.order_number for event in events] == ["B"]
        assert events[0].movements[0].to is holdfast.Bucket.HELD
        received = list(engine.watch_events(types=["StockReceived"]))
        assert [event.type for event in received] == ["StockReceived"]


def test_a_killed_process_loses_no_acknowledged_order(tmp_path: Path) -> None:
    """Domain check 8, in a loop: kill -9 while orders are being acknowledged."""
    script = textwrap.dedent(
        """
        import sys, holdfast
        engine = holdfast.Engine.open(sys.argv[1])
        start = int(sys.argv[2])
        engine.receive_stock(request_id=f"s{start}", sku="cup", warehouse="hz", quantity=10_000)
        for i in range(start, start + 10_000):
            engine.place_order(request_id=f"r{i}", order_number=f"A{i}", source_channel="DOUYIN",
                urgency="NORMAL", lines=[{"sku": "cup", "quantity": 1}])
            print(i, flush=True)
        """
    )
    acknowledged: list[int] = []
    for round_ in range(6):
        command = [sys.executable, "-c", script, str(tmp_path / "data"), str(round_ * 20_000)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        wanted = 40 + 37 * round_
        for line in process.stdout:
            acknowledged.append(int(line))
            if len(acknowledged) % (wanted + 1) == wanted:
                process.kill()
                break
        acknowledged += [int(line) for line in process.stdout if line.strip()]
        process.wait()
    with holdfast.Engine.open(tmp_path / "data") as engine:
        for index in acknowledged:
            assert engine.get_order(f"A{index}").order_number == f"A{index}"
        assert engine.audit().findings == ()
        live = engine.get_state_hash()
        engine.close()
    replayed, seq, findings = _engine.replay_journal(tmp_path / "data")
    assert findings == []
    assert seq >= live.state_seq
    assert len(replayed) == 64
    assert len(acknowledged) > 200


def test_a_deadline_that_has_passed_is_told_and_nothing_is_done() -> None:
    with holdfast.Engine.memory(deadline_ms=0) as engine:
        with pytest.raises(holdfast.DeadlineExceeded) as refused:
            stocked(engine)
        assert refused.value.facts["when"] == "before the call was looked at; nothing was done"
        assert refused.value.reason == "DEADLINE_EXCEEDED"
