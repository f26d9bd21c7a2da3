"""From records to figures: throughput, percentiles over time, and the ratios that are judged."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from holdfast.loadtests.profiles import Profile, Segment
from holdfast.loadtests.records import OK, Record
from holdfast.loadtests.traffic import Kind, Order
from holdfast.loadtests.verdict import (
    LEAST_PAIRS,
    Judged,
    above,
    below,
    beside,
    latency,
    paired,
    percentile,
    within,
)

#: Orders after which throughput is judged against the orders before the first of them.
MARKS: Final = (5_000, 10_000)
SHARES: Final = (0.5, 0.95, 0.99, 0.999)
# Length of a pair's window, and of one in a storm's second; seconds.
_WINDOW: Final = 1.0
_STORM_WINDOW: Final = 0.2
_RATE_WINDOW: Final = 2.0


def during(records: Iterable[Record], start: float, end: float) -> list[Record]:
    """The requests that were due in [start, end)."""
    return [record for record in records if start <= record.due < end]


def points(records: Iterable[Record], target: int | None = None) -> list[tuple[float, float]]:
    """(due, corrected latency in ms) of what was answered."""
    return [(r.due, r.corrected) for r in records if target is None or r.target == target]


def drift_of_pairs(profile: Profile, records: Sequence[Record]) -> list[Judged]:
    """The engine with the day's orders beside a fresh one, and two fresh ones as the control."""
    found = {part.name: _sides(part, records) for part in profile.segments if len(part.targets) > 1}
    if "pairs" not in found:
        return []
    judged = latency(*found["pairs"], window=_WINDOW)
    if "control" not in found:
        return judged
    control = latency(*found["control"], window=_WINDOW)
    return [beside(one, floor) for one, floor in zip(judged, control, strict=True)]


def _sides(
    part: Segment, records: Sequence[Record]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    mine = during(records, part.start, part.start + part.seconds)
    ours, other = part.targets
    return points(mine, ours), points(mine, other)


def finished_against_offered(
    orders: Iterable[Order], records: Iterable[Record], target: int = 0
) -> list[tuple[float, int, int]]:
    """(second, orders whose last step was due, orders whose last step was answered)."""
    last: dict[int, float] = {}
    refused: dict[int, Record] = {}
    done: dict[int, Record] = {}
    for record in records:
        if record.kind is Kind.PLACE and record.code != OK:
            refused[record.order] = record
        if record.order not in done or record.due >= done[record.order].due:
            done[record.order] = record
    for order in orders:
        if order.target == target and order.steps:
            # Who is told that it is sold out is done.
            turned = refused.get(order.index)
            last[order.index] = turned.due if turned else order.steps[-1].due
    offered = Counter(int(due) for due in last.values())
    achieved = Counter(
        int(done[index].done)
        for index, due in last.items()
        if index in done and done[index].due >= due - 1e-6
    )
    seconds = range(max([*offered, *achieved], default=-1) + 1)
    return [(second, offered[second], achieved[second]) for second in seconds]


def decay(rates: Sequence[tuple[float, int, int]]) -> list[Judged]:
    """Orders finished against offered, past each mark, beside the same before the first one.

    Only slower fails: an engine that catches up finishes more than is offered. Marks that a
    rehearsal hardly passes are left out.
    """
    parts: list[list[float]] = [[] for _ in range(len(MARKS) + 1)]
    total = 0
    width = int(_RATE_WINDOW)
    for first in range(0, len(rates) - width + 1, width):
        some = rates[first : first + width]
        offered = sum(count for _, count, _ in some)
        achieved = sum(count for _, _, count in some)
        place = sum(1 for mark in MARKS if total >= mark)
        if offered >= 10:
            parts[place].append(achieved / offered)
        total += offered
    fresh = sorted(parts[0])
    if not fresh:
        return []
    base = percentile(fresh, 0.5)
    return [
        above(f"throughput past {mark:,} orders", [ratio / base for ratio in part])
        for mark, part in zip(MARKS, parts[1:], strict=True)
        if len(part) >= LEAST_PAIRS
    ]


def storm_beside_traffic(
    storms: Sequence[float], records: Sequence[Record], quiet_before: float = 2.0
) -> list[Judged]:
    """The traffic in each storm's second beside a quiet second before it.

    The control takes two quiet seconds instead. `storms` are the times at which each begins.
    """

    def shifted(shift: float) -> list[tuple[float, float]]:
        # Each storm's second gets a place of its own, so that windows pair storm by storm.
        found = []
        for number, at in enumerate(storms):
            for due, value in points(during(records, at - shift, at - shift + 1.0)):
                found.append((number * 10 + due - (at - shift), value))
        return found

    def judge(ours: list[tuple[float, float]], other: list[tuple[float, float]]) -> list[Judged]:
        def of(share: float) -> list[float]:
            return paired(ours, other, window=_STORM_WINDOW, share=share, least=10)

        return [within("p50 in the storm", of(0.5)), below("p99 in the storm", of(0.99))]

    before = shifted(quiet_before)
    measured = judge(shifted(0.0), before)
    control = judge(before, shifted(quiet_before + 2.0))
    return [beside(one, floor) for one, floor in zip(measured, control, strict=True)]


def over_time(
    records: Iterable[Record], of: Callable[[Record], float], width: float = 1.0
) -> list[dict[str, float]]:
    """Percentiles of each window, as {"at", "p50", "p95", "p99"} in milliseconds."""
    found: dict[int, list[float]] = defaultdict(list)
    for record in records:
        found[int(record.due // width)].append(of(record))
    table = []
    for place in sorted(found):
        ordered = sorted(found[place])
        table.append(
            {"at": place * width}
            | {f"p{share * 100:g}": percentile(ordered, share) for share in SHARES[:3]}
        )
    return table


def summary(records: Sequence[Record], of: Callable[[Record], float]) -> dict[str, float]:
    """Percentiles of all, in milliseconds."""
    ordered = sorted(map(of, records)) or [0.0]
    found = {f"p{share * 100:g}": percentile(ordered, share) for share in SHARES}
    return {**found, "max": ordered[-1], "n": float(len(records))}


def by_kind(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """Each kind of request: how often, its answers by code, its percentiles."""
    kinds: dict[Kind, list[Record]] = defaultdict(list)
    for record in records:
        kinds[record.kind].append(record)
    return {
        kind.name: {
            "corrected": summary(found, lambda r: r.corrected),
            "raw": summary(found, lambda r: r.raw),
            "codes": {str(code): n for code, n in Counter(r.code for r in found).items()},
        }
        for kind, found in sorted(kinds.items())
    }
