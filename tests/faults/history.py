"""What clients saw, and whether it can be true of an engine that keeps its promises.

Nothing here looks into the engine: a history is made of calls, answers and doubts.
"""

import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import holdfast
from holdfast.client import Client

SKU: Final = "cup"
STOCK: Final = 100_000
# Answers after which it is open whether it was done.
DOUBTS: Final = (holdfast.errors.Unavailable, holdfast.errors.DeadlineExceeded)


@dataclass(slots=True)
class Call:
    """One request and what came of it; times are of one clock."""

    method: str
    fields: dict[str, Any]
    begun: float
    ended: float = 0.0
    answer: Any = None
    refusal: holdfast.Refused | None = None

    @property
    def request_id(self) -> str:
        return str(self.fields["request_id"])

    @property
    def order(self) -> str:
        return str(self.fields["order_number"])


@dataclass(slots=True)
class History:
    """Everything that all clients did."""

    calls: list[Call] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ask(self, client: Client, method: str, **fields: Any) -> Call:
        """Asks once and keeps what came back."""
        call = Call(method, fields, time.monotonic())
        try:
            call.answer = getattr(client, method)(**fields)
        except holdfast.Refused as refusal:
            call.refusal = refusal
        call.ended = time.monotonic()
        self.calls.append(call)
        return call

    def number(self) -> int:
        return next(self._numbers)

    def acknowledged(self) -> list[Call]:
        """The calls with an answer."""
        return [call for call in self.calls if call.answer is not None]

    def doubts(self) -> list[Call]:
        """The calls of which nobody knows what came."""
        return [call for call in self.calls if isinstance(call.refusal, DOUBTS)]


@dataclass(slots=True)
class Shoppers:
    """Threads that order, pay, release, cancel and read until they are told to stop."""

    connect: Callable[[], Client]
    history: History
    seed: int
    count: int = 4
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Shoppers":
        for index in range(self.count):
            chance = random.Random(self.seed * 100 + index)
            thread = threading.Thread(target=self._shop, args=(chance,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a call was never answered"

    def _shop(self, chance: random.Random) -> None:
        mine: list[str] = []
        with self.connect() as client:
            while not self._stop.is_set():
                self._one(client, chance, mine)

    def _one(self, client: Client, chance: random.Random, mine: list[str]) -> None:
        number = self.history.number()
        request = {"request_id": f"h{number}"}
        if not mine or chance.random() < 0.4:
            order = {"order_number": f"H{number}", "source_channel": "DOUYIN", "urgency": "NORMAL"}
            lines = [{"sku": SKU, "quantity": chance.randint(1, 3)}]
            call = self.history.ask(client, "place_order", **request, **order, lines=lines)
            mine.append(f"H{number}")
        else:
            methods = ("start_payment", "confirm_payment", "release_hold", "cancel_order")
            order_number = {"order_number": chance.choice(mine[-20:])}
            call = self.history.ask(client, chance.choice(methods), **request, **order_number)
        if call.refusal is not None and isinstance(call.refusal, DOUBTS):
            # It comes back as the same request; meanwhile nobody is asked too often.
            self._stop.wait(0.05)
            self.history.ask(client, call.method, **call.fields)


def check(history: History, client: Client) -> dict[str, int]:
    """Compares the history with itself and with what the engine says now."""
    acknowledged = history.acknowledged()
    _one_effect_each(acknowledged)
    _versions_never_go_down(acknowledged)
    _refusals_are_definite(history)
    again = _answers_stay(history, client)
    _stock_adds_up(acknowledged, client)
    assert client.audit().findings == ()
    return {
        "calls": len(history.calls),
        "acknowledged": len(acknowledged),
        "doubts": len(history.doubts()),
        "doubts_that_were_done": again,
    }


def _one_effect_each(acknowledged: list[Call]) -> None:
    """A request has one place in the journal, and a place belongs to one request."""
    places: dict[str, int] = {}
    for call in acknowledged:
        seq = call.answer.receipt.seq
        assert places.setdefault(call.request_id, seq) == seq, call
    assert len(set(places.values())) == len(places), "two requests in one place"


def _versions_never_go_down(acknowledged: list[Call]) -> None:
    """What was answered before another call began is not newer than its answer."""
    orders: dict[str, list[Call]] = defaultdict(list)
    for call in acknowledged:
        # A repeat tells what was then.
        if not call.answer.receipt.replayed:
            orders[call.order].append(call)
    for calls in orders.values():
        calls.sort(key=lambda call: call.answer.receipt.seq)
        for earlier, later in itertools.pairwise(calls):
            assert earlier.answer.order.version <= later.answer.order.version, (earlier, later)
        for one, other in itertools.permutations(calls, 2):
            if one.ended < other.begun:
                assert one.answer.receipt.seq < other.answer.receipt.seq, (one, other)


def _refusals_are_definite(history: History) -> None:
    """A request was not both refused for good and done."""
    done = {call.request_id for call in history.acknowledged()}
    for call in history.calls:
        if call.refusal is not None and not isinstance(call.refusal, DOUBTS):
            lasting = call.refusal.reason not in ("OVERLOADED", "DRAINING", "DISK_SHORT")
            assert not (lasting and call.request_id in done), call


def _answers_stay(history: History, client: Client) -> int:
    """Asked once more, everything is answered as it was; gives how many doubts were done."""
    first: dict[str, Call] = {}
    for call in history.calls:
        known = first.get(call.request_id)
        if known is None or known.answer is None:
            first[call.request_id] = call
    done = 0
    for call in first.values():
        again = History().ask(client, call.method, **call.fields)
        if call.answer is None:
            done += again.answer is not None and again.answer.receipt.replayed
            continue
        assert again.answer is not None, (call, again.refusal)
        assert again.answer.receipt.replayed, call
        assert again.answer.receipt.seq == call.answer.receipt.seq, call
        then, now = call.answer, again.answer
        assert replace(now, receipt=then.receipt) == then, call
    return done


def _stock_adds_up(acknowledged: list[Call], client: Client) -> None:
    """No unit is sold twice and none is lost."""
    (pool,) = client.get_stock(SKU).stock
    assert min(pool.available, pool.held, pool.allocated, pool.putback) >= 0
    assert pool.available + pool.held + pool.allocated + pool.putback == STOCK
    states: dict[str, tuple[int, str]] = {}
    for order in {call.order for call in acknowledged}:
        found = client.get_order(order)
        states[order] = (found.order.version, str(found.order.hold_state))
    for call in acknowledged:
        assert states[call.order][0] >= call.answer.order.version, call
