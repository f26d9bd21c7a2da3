"""The shop's traffic, made ahead: who asks for what, and when each step is due.

Seeded: the same plan gives the same orders to the last unit, however many processes share it.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from itertools import accumulate
from typing import Final

from holdfast.channels import Channel
from holdfast.demo.day import FLOOR, WALK, WAREHOUSES
from holdfast.demo.payloads import CHANNELS, FATES, Fate
from holdfast.loadtests.profiles import Segment
from holdfast.words import Node

SKUS: Final = 1_000
RUSH_SKU: Final = "RUSH"
_SKEW: Final = 0.99
#: One order in so many is asked about by its buyer.
_ASKED: Final = 20
_MINUTES: Final = 1_440


class Kind(IntEnum):
    """What a request asks for."""

    PLACE = 1
    START = 2
    FAIL = 3
    CONFIRM = 4
    DEPOSIT = 5
    RELEASE = 6
    CANCEL = 7
    SCAN = 8
    ASK = 9


@dataclass(frozen=True, slots=True)
class Step:
    """One request of an order's story.

    Attributes:
        due: Seconds after the beginning of the run.
        kind: What it asks for.
        node: The node that a scan reaches.
        role: Who asks; empty for the channel's own system.
    """

    due: float
    kind: Kind
    node: Node | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One order and its story. `lines` are (SKU, units); `index` is its number in the run."""

    index: int
    channel: Channel
    fate: Fate
    warehouse: str
    lines: tuple[tuple[str, int], ...]
    target: int
    steps: tuple[Step, ...]

    @property
    def paid(self) -> bool:
        """Whether it arrives paid."""
        return self.fate in (Fate.PREPAID, Fate.CANCEL)


def sku_name(rank: int) -> str:
    """The SKU that sells rank-th best, from 0."""
    return f"SKU-{rank:04d}"


@cache
def _popularity() -> list[float]:
    """Zipf's law: what share of the draws falls on each SKU or a better-selling one."""
    weights = [(rank + 1) ** -_SKEW for rank in range(SKUS)]
    return list(accumulate(weights))


@cache
def festival(seed: int) -> tuple[float, ...]:
    """Weight of each minute of the festival's day.

    Midnight brings the rush, ten o'clock the live shows, eight in the evening the last hours;
    few sleep least at four. Each minute also has luck of its own, as campaigns do.
    """
    chance = random.Random(f"festival-{seed}")  # noqa: S311 — chance, not secrecy
    minutes = []
    for minute in range(_MINUTES):
        hour = minute / 60
        awake = 0.55 + 0.45 * math.sin((hour - 10) / 24 * 2 * math.pi)
        rush = 4.0 * math.exp(-minute / 25)
        shows = 1.2 * math.exp(-(((hour - 10.5) / 1.0) ** 2))
        evening = 2.2 * math.exp(-(((hour - 20.5) / 1.2) ** 2))
        minutes.append((awake + rush + shows + evening) * chance.lognormvariate(0, 0.25))
    return tuple(minutes)


def arrivals(segment: Segment, seed: int) -> list[float]:
    """When the segment's orders arrive, in seconds after the beginning of the run, rising."""
    chance = random.Random(f"arrivals-{seed}-{segment.name}")  # noqa: S311
    if segment.shape == "festival":
        upto = list(accumulate(festival(seed)))
        minutes = chance.choices(range(_MINUTES), cum_weights=upto, k=segment.orders)
        shares = [(minute + chance.random()) / _MINUTES for minute in minutes]
    elif segment.shape == "rush":
        # Everybody waits for the same second; it thins out after that.
        shares = [min(chance.expovariate(6.0), 0.75) for _ in range(segment.orders)]
    else:
        shares = [chance.random() for _ in range(segment.orders)]
    return sorted(segment.start + share * segment.seconds for share in shares)


def orders(segments: tuple[Segment, ...], seed: int) -> Iterator[Order]:
    """Every order of the run, by arrival within each segment."""
    index = 0
    for segment in segments:
        for place, due in enumerate(arrivals(segment, seed)):
            # ABBA: neither engine is always asked first.
            turn = (place + place // 2) % len(segment.targets)
            yield _drawn(segment, seed, index, due, segment.targets[turn])
            index += 1


def endless(seed: int, rate: float) -> Iterator[Order]:
    """Orders without end at a rate, for a user of the web page; due from now on."""
    chance = random.Random(f"endless-{seed}")  # noqa: S311
    segment = Segment("endless", 0.0, math.inf, 0, pace=60.0)
    due, index = 0.0, 0
    while True:
        due += chance.expovariate(rate)
        yield _drawn(segment, seed, index, due, 0)
        index += 1


def _drawn(segment: Segment, seed: int, index: int, due: float, target: int) -> Order:
    chance = random.Random(f"order-{seed}-{index}")  # noqa: S311
    channel = chance.choices(list(CHANNELS), weights=list(CHANNELS.values()))[0]
    warehouse = WAREHOUSES[chance.randrange(len(WAREHOUSES))]
    if segment.shape == "rush":
        # Who gets a unit keeps it: one payment in eight fails first and is tried again.
        fate = Fate.FAIL_THEN_PAY if chance.randrange(8) == 0 else Fate.PAY
        lines: tuple[tuple[str, int], ...] = ((RUSH_SKU, 1),)
        warehouse = WAREHOUSES[0]
    else:
        # What a channel closed before we saw it asks for nothing.
        open_fates = {fate: weight for fate, weight in FATES.items() if fate is not Fate.CLOSED}
        fate = chance.choices(list(open_fates), weights=list(open_fates.values()))[0]
        lines = _lines(chance)
    steps = _story(chance, segment, fate, due)
    end = segment.start + segment.seconds
    kept = tuple(step for step in steps if step.due < end)
    return Order(index, channel, fate, warehouse, lines, target, kept)


def _lines(chance: random.Random) -> tuple[tuple[str, int], ...]:
    upto = _popularity()
    ranks = chance.choices(range(SKUS), cum_weights=upto, k=chance.randint(1, 3))
    return tuple((sku_name(rank), chance.randint(1, 2)) for rank in sorted(set(ranks)))


def _story(chance: random.Random, segment: Segment, fate: Fate, due: float) -> list[Step]:
    """The steps of an order in the order in which they are due."""

    def later(minutes: float) -> float:
        return due + minutes * 60 / segment.pace

    steps = [Step(due, Kind.PLACE)]
    pay = chance.uniform(1 / 3, 9)
    paid_at = 0.0
    if fate in (Fate.PAY, Fate.FAIL_THEN_PAY, Fate.PRESALE):
        steps.append(Step(later(pay), Kind.START))
    if fate is Fate.FAIL_THEN_PAY:
        steps.append(Step(later(pay + 0.5), Kind.FAIL))
        steps.append(Step(later(pay + 1), Kind.START))
    if fate is Fate.PRESALE:
        steps.append(Step(later(pay + 0.7), Kind.DEPOSIT))
        paid_at = pay + 300
    elif fate in (Fate.PAY, Fate.FAIL_THEN_PAY):
        paid_at = pay + 1.5
    elif fate is Fate.LATE_PAY:
        paid_at = chance.uniform(20, 60)
    if paid_at:
        steps.append(Step(later(paid_at), Kind.CONFIRM))
    scanned = fate is not Fate.ABANDON and chance.random() < segment.floor
    stop = chance.uniform(2, 90) if fate is Fate.CANCEL else math.inf
    if scanned:
        minutes = paid_at
        for node, role, walk in WALK:
            minutes += chance.uniform(0.4, 1.0) * walk
            if minutes < stop:
                steps.append(Step(later(minutes), Kind.SCAN, node, role))
    if fate is Fate.CANCEL:
        steps.append(Step(later(stop), Kind.CANCEL))
    if chance.randrange(_ASKED) == 0:
        steps.append(Step(later(chance.uniform(1, 120)), Kind.ASK, role="CUSTOMER_SERVICE"))
    return sorted(steps, key=lambda step: step.due)


def credentials() -> Iterator[tuple[str, str, str]]:
    """Every credential that the traffic needs: (name, role, device or nothing)."""
    yield "channel", "INTEGRATION", ""
    yield "CUSTOMER_SERVICE", "CUSTOMER_SERVICE", ""
    for warehouse in WAREHOUSES:
        for role in sorted({role for _, role, _ in WALK}):
            device = f"{warehouse}-{role.lower()}" if role in FLOOR else ""
            yield f"{warehouse}/{role}", role, device


def credential(order: Order, step: Step) -> str:
    """Whose credential a step is sent with."""
    if step.kind is Kind.SCAN:
        return f"{order.warehouse}/{step.role}"
    return step.role or "channel"
