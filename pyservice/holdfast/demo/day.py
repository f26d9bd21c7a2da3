"""Driving a day: what happens to each order, at which simulated instant.

Orders arrive in the platforms' own shapes, go through the adapters and over gRPC,
are paid or not, and are scanned through the warehouse by role and device.
"""

import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from holdfast import errors
from holdfast.calls import Calls
from holdfast.channels import map_reply, order_request
from holdfast.demo.payloads import SHOP_IDS, Delivery, Fate, catalogue, opening_stock
from holdfast.engine import ManualClock
from holdfast.words import Node

MINUTE = 60_000
WAREHOUSES = ("hangzhou", "dongguan")

#: Node, role, minutes after the node before.
WALK = (
    (Node.WAREHOUSE_ASSIGNED, "REVIEWER", 4),
    (Node.WAVE_ASSIGNED, "WAVE_PLANNER", 12),
    (Node.PICKING, "PICKER", 9),
    (Node.CHECKED, "CHECKER", 14),
    (Node.LABELING, "LABELER", 3),
    (Node.PACKED, "PACKER", 5),
    (Node.AWAITING_LOADING, "DISPATCHER", 11),
    (Node.DEPARTED, "DRIVER", 25),
    (Node.WITH_CARRIER, "CARRIER", 60),
    (Node.SIGNED, "CARRIER", 900),
)
#: Roles that scan with a device of the warehouse.
FLOOR = frozenset({"PICKER", "CHECKER", "LABELER", "PACKER", "DISPATCHER"})
# One parcel in so many dawdles somewhere, so that overdue ones are seen.
_DAWDLER = 40


@dataclass(slots=True)
class Tally:
    """What happened, counted by the driver and not by the engine."""

    arrived: int = 0
    placed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    closed: int = 0
    latencies_s: list[float] = field(default_factory=list)


class Day:
    """One day against one engine."""

    def __init__(self, engine: Calls, clock: ManualClock, seed: int) -> None:
        """Nothing happens before `prepare` and `run`."""
        self._engine = engine
        self._clock = clock
        self._rng = random.Random(seed)
        self._prefix = f"day-{seed}-{clock.now_ms}"
        self._ids = itertools.count(1)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.tally = Tally()

    def _request_id(self) -> str:
        return f"{self._prefix}-{next(self._ids)}"

    def prepare(self, orders: int) -> None:
        """Fills the warehouses, maps the channels' SKUs, registers devices."""
        engine = self._engine
        for sku, warehouse, quantity in opening_stock(WAREHOUSES, orders):
            engine.receive_stock(
                request_id=self._request_id(), sku=sku, warehouse=warehouse, quantity=quantity
            )
        for rank, warehouse in enumerate(WAREHOUSES):
            engine.configure_warehouse(
                request_id=self._request_id(), warehouse=warehouse, rank=rank
            )
            for role in FLOOR:
                engine.register_device(
                    request_id=self._request_id(),
                    device=f"{warehouse}-{role.lower()}",
                    warehouse=warehouse,
                    kind="PDA",
                )
        for item in catalogue():
            if item.components:
                engine.configure_sku(
                    request_id=self._request_id(),
                    sku=item.sku,
                    bundle=[{"sku": sku, "quantity": count} for sku, count in item.components],
                )
        mappings = [{"outer_code": item.outer_code, "sku": item.sku} for item in catalogue()]
        for channel, shop_id in SHOP_IDS.items():
            engine.map_channel_skus(
                request_id=self._request_id(),
                source_channel=channel.name,
                shop_id=shop_id,
                mappings=mappings,
            )

    def at(self, when_ms: int, act: Callable[[], None]) -> None:
        """Plans something."""
        heapq.heappush(self._queue, (when_ms, next(self._order), act))

    def run(self, deliveries: list[Delivery], progress: Callable[[int, int], None]) -> None:
        """Lets the day pass; the clock jumps from one thing to the next."""
        for delivery in deliveries:
            self.at(delivery.due_ms, partial(self._arrive, delivery))
        while self._queue:
            when_ms, _, act = heapq.heappop(self._queue)
            if when_ms > self._clock.now_ms:
                self._clock.set(when_ms)
            began = time.perf_counter()
            try:
                act()
            except errors.Refused as refused:
                self.tally.refused[refused.reason] += 1
            self.tally.latencies_s.append(time.perf_counter() - began)
            progress(self.tally.arrived, len(deliveries))

    def _arrive(self, delivery: Delivery) -> None:
        self.tally.arrived += 1
        mapped = map_reply(delivery.channel, delivery.payload, shop_id=SHOP_IDS[delivery.channel])
        for order in mapped:
            for problem in order.problems:
                self.tally.problems.append(str(problem))
            if delivery.fate is Fate.CLOSED:
                # The channel closed it before we saw it: nothing is to be held.
                self.tally.closed += 1
                continue
            request = order_request(order)
            placed = self._engine.place_order(request_id=self._request_id(), **request)
            self.tally.placed += 1
            self._plan(delivery.fate, placed.order.order_number)

    def _plan(self, fate: Fate, number: str) -> None:
        now = self._clock.now_ms
        pay = now + self._rng.randrange(20_000, 9 * MINUTE)
        if fate in (Fate.PAY, Fate.FAIL_THEN_PAY, Fate.PRESALE):
            self.at(pay, lambda: self._start(number))
        if fate is Fate.FAIL_THEN_PAY:
            self.at(pay + 30_000, lambda: self._fail(number))
            self.at(pay + 60_000, lambda: self._start(number))
        if fate is Fate.PRESALE:
            self.at(pay + 40_000, lambda: self._deposit(number))
            self.at(pay + 5 * 60 * MINUTE, lambda: self._confirm(number))
        elif fate in (Fate.PAY, Fate.FAIL_THEN_PAY):
            self.at(pay + 90_000, lambda: self._confirm(number))
        elif fate is Fate.LATE_PAY:
            late = now + self._rng.randrange(16 * MINUTE, 60 * MINUTE)
            self.at(late, lambda: self._confirm(number))
        elif fate is Fate.CANCEL:
            # It came paid; the buyer thinks better of it somewhere on the floor.
            self._send_to_floor(number)
            self.at(now + self._rng.randrange(2, 90) * MINUTE, lambda: self._cancel(number))
        elif fate is Fate.PREPAID:
            self._send_to_floor(number)

    def _start(self, number: str) -> None:
        self._engine.start_payment(
            request_id=self._request_id(), order_number=number, payment_ref="p"
        )

    def _fail(self, number: str) -> None:
        self._engine.fail_payment(
            request_id=self._request_id(), order_number=number, payment_ref="p", reason="DECLINED"
        )

    def _deposit(self, number: str) -> None:
        due = datetime.fromtimestamp(self._clock.now_ms / 1_000 + 6 * 3_600, UTC)
        self._engine.confirm_deposit(
            request_id=self._request_id(), order_number=number, balance_due_at=due
        )

    def _confirm(self, number: str) -> None:
        confirmed = self._engine.confirm_payment(
            request_id=self._request_id(), order_number=number, payment_ref="p"
        )
        self.tally.results[str(confirmed.result)] += 1
        if confirmed.result in ("CONFIRMED", "LATE_REACQUIRED"):
            self._send_to_floor(number)

    def _cancel(self, number: str) -> None:
        cancelled = self._engine.cancel_order(
            request_id=self._request_id(), order_number=number, reason="buyer"
        )
        for parcel in cancelled.parcels:
            self.tally.results[f"CANCEL_{parcel.result}"] += 1
            if parcel.result == "PUTBACK_OPEN":
                parcel_id = parcel.parcel_id
                self.at(
                    self._clock.now_ms + 20 * MINUTE,
                    partial(self._put_back, parcel_id),
                )

    def _put_back(self, parcel_id: str) -> None:
        self._engine.put_back_parcel(request_id=self._request_id(), parcel_id=parcel_id)

    def _send_to_floor(self, number: str) -> None:
        for parcel in self._engine.get_order(number).parcels:
            at = self._clock.now_ms
            dawdles = self._rng.randrange(_DAWDLER) == 0
            slow = self._rng.randrange(len(WALK) - 2) if dawdles else -1
            for index, (node, role, minutes) in enumerate(WALK):
                spread = self._rng.uniform(0.4, 1.0) * minutes
                at += int((spread + (150 if index == slow else 0)) * MINUTE)
                self.at(
                    at, self._scan(parcel.parcel.parcel_id, parcel.parcel.warehouse, node, role)
                )

    def _scan(self, parcel_id: str, warehouse: str, node: Node, role: str) -> Callable[[], None]:
        def scan() -> None:
            advanced = self._engine.advance_parcel(
                request_id=self._request_id(),
                parcel_id=parcel_id,
                node=node,
                actor=f"{role.lower()}-1",
                role=role,
                device=f"{warehouse}-{role.lower()}" if role in FLOOR else None,
                scan_id=f"{parcel_id}-{node}",
            )
            if not advanced.evidence_only:
                self.tally.nodes[str(node)] += 1

        return scan
