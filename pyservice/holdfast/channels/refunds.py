"""From the refund states of lines to the refund state of the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.channels.table import Picked, Slot
from holdfast.channels.words import ProblemCode, RefundStatus

#: What is still going on outranks what was refused; money that moved outranks both.
_RANK: Final = (
    RefundStatus.NONE,
    RefundStatus.REFUSED,
    RefundStatus.APPLIED,
    RefundStatus.RUNNING,
    RefundStatus.PARTLY_REFUNDED,
    RefundStatus.REFUNDED,
)


def highest(states: Sequence[RefundStatus]) -> RefundStatus:
    """The state that matters most; NONE of nothing."""
    return max(states, key=_RANK.index, default=RefundStatus.NONE)


def of_order(lines: Sequence[tuple[RefundStatus, bool]]) -> RefundStatus:
    """Fold lines given as (state, is gift).

    REFUNDED needs every bought line to be refunded; gifts count only where the
    order has nothing else.
    """
    states = [state for state, is_gift in lines if not is_gift] or [s for s, _ in lines]
    top = highest(states)
    if top is RefundStatus.REFUNDED and any(s is not RefundStatus.REFUNDED for s in states):
        return RefundStatus.PARTLY_REFUNDED
    return top


def folded(slot: Slot) -> Sequence[Picked]:
    """The conversion for `refund_status` where only the lines carry it."""
    lines = [
        (line.value("refund_status"), bool(line.value("is_gift"))) for line in slot.reading.lines
    ]
    if any(state is None for state, _ in lines):
        slot.problem(ProblemCode.UNKNOWN_ENUM, "a line's refund state is unknown; see the lines")
        return ()
    return (Picked(of_order(lines), slot.row.sources),)
