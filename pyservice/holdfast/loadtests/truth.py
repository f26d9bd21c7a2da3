"""What must be true afterwards, whoever was slow: nothing lost, nothing sold twice.

What the generator was told is compared with what the engine says when it is asked later.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from holdfast.client import Client
from holdfast.loadtests.disturbances import Storm
from holdfast.loadtests.messages import index_of
from holdfast.loadtests.records import OK, Record
from holdfast.loadtests.traffic import RUSH_SKU, Kind, Order
from holdfast.results import OrderState, PoolStock
from holdfast.words import Flag, Node, OrderStatus

#: A storm's holds are given back within so many seconds after each one's deadline.
RELEASED_S = 1.0
#: A killed engine answers again within so many seconds.
BACK_S = 5.0
# Answers that mean "no" and not "broken": FAILED_PRECONDITION, ALREADY_EXISTS, ABORTED.
_REFUSALS = frozenset({OK, 6, 9, 10})


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `ok` is None if it is only told."""

    name: str
    ok: bool | None
    detail: str


def listed(client: Client) -> Iterator[OrderState]:
    """Every order of the merchant."""
    token = None
    while True:
        page = client.list_orders(page_size=1_000, page_token=token)
        yield from page.orders
        if not page.next_page_token:
            return
        token = page.next_page_token


def pools(client: Client) -> Iterator[PoolStock]:
    """Every pool of the merchant."""
    token = None
    while True:
        page = client.list_stock(page_size=1_000, page_token=token)
        yield from page.stock
        if not page.next_page_token:
            return
        token = page.next_page_token


def lost(
    records: Iterable[Record], orders: dict[int, Order], found: dict[int, OrderState]
) -> list[str]:
    """What was acknowledged and is not there, in words; empty if nothing is lost."""
    missing = []
    reached: dict[int, int] = {}
    for record in records:
        if record.code != OK:
            continue
        state = found.get(record.order)
        if state is None:
            missing.append(f"order {record.order}: {record.kind.name} was acknowledged, no order")
        elif record.kind is Kind.CONFIRM and not state.parcels:
            missing.append(f"order {record.order}: paid, no parcel")
        elif record.kind is Kind.CANCEL and not _stopped(state):
            missing.append(f"order {record.order}: cancelled, {state.status}")
        elif record.kind is Kind.SCAN:
            reached[record.order] = reached.get(record.order, 0) + 1
    for index, scans in reached.items():
        state = found.get(index)
        steps = [step for step in orders[index].steps if step.kind is Kind.SCAN]
        if state is None or not state.parcels:
            continue
        wanted = steps[scans - 1].node
        at = state.parcels[0].node
        if wanted is not None and (at is None or _place(at) < _place(wanted)):
            missing.append(f"order {index}: {scans} scans up to {wanted}, the parcel is at {at}")
    return missing


def _stopped(state: OrderState) -> bool:
    """Cancelled; or on its way already, and the carrier was asked to bring it back."""
    flags = [flag for parcel in state.parcels for flag in parcel.flags]
    return state.status is OrderStatus.CANCELLED or Flag.INTERCEPT in flags


def _place(node: Node) -> int:
    return list(Node).index(node)


def check_shop(client: Client, records: Sequence[Record], orders: dict[int, Order]) -> list[Check]:
    """Checks that every rehearsal ends with."""
    found = {
        index_of(state.order_number): state
        for state in listed(client)
        if not state.order_number.startswith("storm:")
    }
    missing = lost(records, orders, found)
    refused = {record.order for record in records if record.kind is Kind.PLACE and record.code == 9}
    ghosts = len(refused & found.keys())
    broken = Counter(record.code for record in records if record.code not in _REFUSALS)
    stock = list(pools(client))
    oversold = sum(1 for pool in stock if pool.available < 0 or pool.held < 0)
    audit = client.audit()
    placed = sum(1 for record in records if record.kind is Kind.PLACE and record.code == OK)
    acknowledged = sum(1 for record in records if record.code == OK)
    detail = f"{acknowledged} acknowledgements about {placed} orders, {len(missing)} lost"
    return [
        Check("nothing acknowledged is lost", not missing, f"{detail}{_some(missing)}"),
        Check(
            "nothing refused is there", ghosts == 0, f"{ghosts} of {len(refused)} refused orders"
        ),
        Check("nothing oversold", oversold == 0, f"{oversold} of {len(stock)} pools"),
        Check("identities", not audit.findings, f"{len(audit.findings)} findings of the audit"),
        Check(
            "no broken answers",
            not broken,
            ", ".join(f"{count} × code {code}" for code, count in sorted(broken.items())) or "none",
        ),
    ]


def _some(words: Sequence[str]) -> str:
    return f": {'; '.join(words[:3])}" if words else ""


def check_rush(client: Client, records: Sequence[Record], units: int) -> list[Check]:
    """One SKU, more buyers than units: exactly the stock is sold."""
    paid = {r.order for r in records if r.kind is Kind.CONFIRM and r.code == OK}
    buyers = {r.order for r in records if r.kind is Kind.PLACE}
    turned = {r.order for r in records if r.kind is Kind.PLACE and r.code == 9}
    pool = next(pool for pool in pools(client) if pool.sku == RUSH_SKU)
    sold = units - pool.available - pool.held
    exact = len(paid) == units == sold and pool.available == 0 and pool.held == 0
    return [
        Check(
            "exactly the stock is sold",
            exact,
            f"{len(paid)} paid of {units} units, {pool.available} left, {pool.held} held",
        ),
        Check(
            "everybody else is told so",
            len(turned) == len(buyers) - units,
            f"{len(turned)} of {len(buyers)} buyers refused",
        ),
    ]


def check_storms(
    client: Client, storms: Sequence[Storm], holds: int
) -> tuple[list[Check], list[list[float]]]:
    """Every hold of each storm ended, once, and within a second of its deadline.

    Returns:
        The checks; and for each storm how late each hold's end was written, in seconds, rising.
    """
    deadlines = [storm.deadlines() for storm in storms]
    of = {number: index for index, found in enumerate(deadlines) for number in found}
    lateness: list[list[float]] = [[] for _ in storms]
    for event in client.within(120).watch_events(types=["HoldExpired"]):
        index = of.get(event.order_number)
        if index is not None and event.at is not None:
            # The engine counts milliseconds; floats would make a hold end before its time.
            late_by = event.at.timestamp() - deadlines[index][event.order_number]
            lateness[index].append(round(late_by, 3) + 0.0)
    for late in lateness:
        late.sort()
    placed = [len(found) for found in deadlines]
    spans = [max(found.values()) - min(found.values()) if found else 0.0 for found in deadlines]
    ended = [len(late) for late in lateness]
    worst = max((late[-1] for late in lateness if late), default=0.0)
    early = min((late[0] for late in lateness if late), default=0.0)
    return [
        Check("holds of a storm", placed == [holds] * len(storms), f"{placed} placed"),
        Check(
            "they end within one second",
            all(span < 1.0 for span in spans),
            f"at most {max(spans, default=0.0):.2f} s apart",
        ),
        Check("each ended once", ended == placed, f"{ended} ended"),
        Check(
            "released within 1 s",
            worst <= RELEASED_S and early >= 0.0,
            f"latest {worst * 1e3:.0f} ms, earliest {early * 1e3:.0f} ms after its deadline",
        ),
    ], lateness


def check_recovery(ready_after: float, records: Sequence[Record], killed: float) -> list[Check]:
    """A killed engine is back in time; `killed` is when, in seconds of the run."""
    after = [r.done for r in records if r.code == OK and r.sent > killed]
    first = min(after, default=0.0) - killed
    repeated = sum(1 for record in records if record.attempts > 1)
    return [
        Check("back within 5 s", 0 < ready_after <= BACK_S, f"ready after {ready_after:.2f} s"),
        Check("the callers' wait", None, f"first answer {first:.2f} s after the kill"),
        Check("repeated requests", None, f"{repeated}, under their first request ids"),
    ]
