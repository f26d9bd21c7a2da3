"""Youzan's rules: what takes more than one source path to tell.

Each is a conversion that the tables in `youzan.py` name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.channels import checks, paths, refunds, scalars
from holdfast.channels import conversions as to
from holdfast.channels.table import Picked, Reading, Slot
from holdfast.channels.words import OrderType, ProblemCode, RefundStatus, Status

INFO: Final = "full_order_info.order_info"
ADDR: Final = "full_order_info.address_info"
SELF_FETCH: Final = f"{ADDR}.self_fetch_info"
PAY: Final = "full_order_info.pay_info"
_REFUND_ORDERS: Final = ("refund_order[]", "full_order_info.refund_order[]")
_DELIVERIES: Final = ("delivery_order[]", "full_order_info.delivery_order[]")

_STATUS: Final = {
    "WAIT_BUYER_PAY": Status.PENDING_PAYMENT, "WAIT_CONFIRM": Status.PAID_HELD,
    "TRADE_PAID": Status.PAID_HELD, "WAIT_SELLER_SEND_GOODS": Status.TO_SHIP,
    "WAIT_BUYER_CONFIRM_GOODS": Status.SHIPPED, "TRADE_SUCCESS": Status.COMPLETED,
}  # fmt: skip
_CLOSED: Final = "TRADE_CLOSED"
_SHIPPED: Final = "1"

_ORDER_REFUND: Final = {
    "0": RefundStatus.NONE, "1": RefundStatus.RUNNING, "2": RefundStatus.PARTLY_REFUNDED,
    "11": RefundStatus.RUNNING, "12": RefundStatus.REFUNDED,
}  # fmt: skip
_TRANSIENT_REFUND: Final = frozenset({"1", "11"})
_REFUND: Final = {
    "1": RefundStatus.APPLIED, "10": RefundStatus.REFUSED, "20": RefundStatus.RUNNING,
    "30": RefundStatus.RUNNING, "40": RefundStatus.REFUSED, "45": RefundStatus.RUNNING,
    "50": RefundStatus.NONE, "60": RefundStatus.REFUNDED,
}  # fmt: skip

_TYPE: Final = {
    "0": OrderType.NORMAL, "1": OrderType.GIFT, "2": OrderType.OTHER, "3": OrderType.OTHER,
    "4": OrderType.GIFT, "10": OrderType.GROUP, "35": OrderType.OTHER, "40": OrderType.OTHER,
    "61": OrderType.OTHER, "75": OrderType.VIRTUAL, "85": OrderType.LIVE,
    "89": OrderType.SAMPLE, "100": OrderType.OTHER,
}  # fmt: skip
#: item_type of cards, paid knowledge, hotel, virtual goods, e-tickets.
_VIRTUAL_ITEMS: Final = frozenset({"20", "21", "31", "35", "182", "183"})
_COUPON_PROMOTION: Final = "105"


def status(slot: Slot) -> Sequence[Picked]:
    """The order's status; with a delivery on its way, PARTLY_SHIPPED."""
    for found in slot.at(f"{INFO}.status"):
        word = scalars.text(found.value) or ""
        if word == _CLOSED:
            return _closed(slot)
        if word not in _STATUS:
            to.unknown(slot, found)
            return ()
        status = _STATUS[word]
        if status is Status.TO_SHIP and _shipped_lines(slot.root) is not None:
            status = Status.PARTLY_SHIPPED
        return (Picked(status, found.path),)
    return ()


def _closed(slot: Slot) -> Sequence[Picked]:
    path = f"{INFO}.status"
    if slot.value("refund_status") is RefundStatus.REFUNDED:
        return (Picked(Status.CLOSED_REFUNDED, path),)
    if not any(not scalars.is_no_time(pay.value) for pay in slot.at(f"{INFO}.pay_time")):
        return (Picked(Status.CANCELLED, path),)
    slot.problem(
        ProblemCode.UNCLEAR_STATUS, "closed and paid, but not refunded in full",
        next(slot.at(path), None),
    )  # fmt: skip
    return ()


def _shipped_lines(order: object) -> frozenset[str] | None:
    """Line ids in deliveries that have left; None if no delivery has."""
    left = [
        delivery.value
        for source in _DELIVERIES
        for delivery in paths.objects(order, source)
        if scalars.identifier(delivery.value.get("express_state")) == _SHIPPED
    ]
    if not left:
        return None
    return frozenset(line for delivery in left for line in _oids(delivery))


def _oids(holder: object) -> list[str]:
    """Line ids that a delivery or refund names, as objects or as bare ids."""
    found = [f.value for f in paths.read(holder, "oids[]")]
    ids = [v.get("oid") if isinstance(v, dict) else v for v in found]
    return [oid for oid in map(scalars.identifier, ids) if oid]


def refund_status(slot: Slot) -> Sequence[Picked]:
    """The order's own refund state together with its refund tickets."""
    state = RefundStatus.NONE
    for found in slot.at(f"{INFO}.refund_state"):
        word = scalars.identifier(found.value) or ""
        if word not in _ORDER_REFUND:
            to.unknown(slot, found)
            return ()
        if word in _TRANSIENT_REFUND:
            slot.problem(ProblemCode.TRANSIENT, "refund in motion; fetch the order again", found)
        state = _ORDER_REFUND[word]
    tickets = _tickets(slot, slot.root)
    if tickets is None:
        return ()
    top = refunds.highest([state, *tickets])
    if top is RefundStatus.REFUNDED and state is not RefundStatus.REFUNDED:
        top = RefundStatus.PARTLY_REFUNDED
    return (Picked(top, slot.row.sources),)


def _tickets(slot: Slot, order: object, oid: str | None = None) -> list[RefundStatus] | None:
    """States of the order's refunds, or of those that name one line; None if one is unknown."""
    states = []
    for source in _REFUND_ORDERS:
        for ticket in paths.objects(order, source):
            if oid is not None and oid not in _oids(ticket.value):
                continue
            word = scalars.identifier(ticket.value.get("refund_state")) or ""
            if word not in _REFUND:
                to.unknown(slot, paths.Found(f"{ticket.path}.refund_state", word))
                return None
            states.append(_REFUND[word])
    return states


def line_refund(slot: Slot) -> Sequence[Picked]:
    """A line's refund: what names the line, else what holds for the whole order."""
    order = _parent(slot)
    whole = order.value("refund_status")
    tickets = _tickets(slot, order.root, slot.value("line_id") or "")
    if tickets:
        return (Picked(refunds.highest(tickets), ""),)
    if whole in (RefundStatus.NONE, RefundStatus.REFUNDED):
        return (Picked(whole, ""),)
    return ()


def line_status(slot: Slot) -> Sequence[Picked]:
    """Youzan has no status per line: the order's, told apart by deliveries."""
    order = _parent(slot)
    status = order.value("status")
    if status is Status.PARTLY_SHIPPED:
        gone = slot.value("line_id") in (_shipped_lines(order.root) or ())
        status = Status.SHIPPED if gone else Status.TO_SHIP
    return (Picked(status, ""),) if status else ()


def _parent(slot: Slot) -> Reading:
    if slot.reading.parent is None:
        raise RuntimeError(f"{slot.row.field} is a field of lines")
    return slot.reading.parent


def order_type(slot: Slot) -> Sequence[Picked]:
    """The kind of sale from `type`, presale marks and item types."""
    kind = OrderType.NORMAL
    for found in slot.at(f"{INFO}.type"):
        word = scalars.identifier(found.value) or ""
        if word not in _TYPE:
            to.unknown(slot, found)
            return ()
        kind = _TYPE[word]
    if _says(slot, f"{INFO}.order_tags.is_down_payment_pre"):
        kind = OrderType.PRESALE_DEPOSIT
    elif kind is OrderType.NORMAL:
        kind = _kind_of_lines(slot)
    return (Picked(kind, f"{INFO}.type"),)


def _kind_of_lines(slot: Slot) -> OrderType:
    if _says(slot, "full_order_info.orders[].is_pre_sale"):
        words = [scalars.text(f.value) for f in slot.at("full_order_info.orders[].pre_sale_type")]
        return OrderType.PRESALE_DEPOSIT if "1" in words else OrderType.PRESALE_FULL
    items = [scalars.identifier(f.value) for f in slot.at("full_order_info.orders[].item_type")]
    all_virtual = bool(items) and all(item in _VIRTUAL_ITEMS for item in items)
    virtual = all_virtual or _says(slot, f"{INFO}.order_tags.is_virtual {INFO}.is_virtual")
    return OrderType.VIRTUAL if virtual else OrderType.NORMAL


def _says(slot: Slot, sources: str) -> bool:
    return any(scalars.truth(f.value) for source in sources.split() for f in slot.at(source))


def coupons(slot: Slot) -> Sequence[Picked]:
    """Coupons among the promotions that were applied (type 105)."""
    picked = []
    for promotion in (f for source in slot.row.sources.split() for f in slot.at(source)):
        held = promotion.value
        if not isinstance(held, dict):
            continue
        coupon = scalars.identifier(held.get("coupon_id"))
        kind = scalars.identifier(held.get("promotion_type_id"))
        if kind == _COUPON_PROMOTION and coupon and coupon not in ("0", "null"):
            picked.append(Picked(coupon, f"{promotion.path}.coupon_id"))
    return picked


def paid_amount(slot: Slot) -> Sequence[Picked]:
    """What was paid; what is payable while nothing was."""
    sources = (f"{PAY}.real_payment", f"{PAY}.payment")
    if slot.value("paid_at") is None:
        sources = (f"{PAY}.payment", f"{PAY}.real_payment")
    for source in sources:
        for found in slot.at(source):
            amount = to.yuan_amount(slot, found)
            return () if amount is None else (Picked(amount, found.path),)
    return ()


def outer_sku(slot: Slot) -> Sequence[Picked]:
    """The variant's code; the item's code stands for it only where there are no variants."""
    for found in slot.at("outer_sku_id"):
        return (Picked(scalars.text(found.value), found.path),)
    if slot.value("sku_id") is None:
        for found in slot.at("outer_item_id"):
            return (Picked(scalars.text(found.value), found.path),)
    return ()


def _pick_up(slot: Slot) -> bool:
    return any(True for _ in slot.at(f"{SELF_FETCH}.name"))


def needs_receiver(slot: Slot) -> bool:
    """Goods go to an address of this order, not to a pick-up point."""
    return checks.to_be_shipped(slot) and not _pick_up(slot)


def risk_flags(slot: Slot) -> Sequence[Picked]:
    """The platform's marks, in upper case."""
    return [
        Picked(word.upper(), found.path)
        for found in slot.found()
        if (word := scalars.text(found.value) or "") not in ("", "0", "false")
    ]
