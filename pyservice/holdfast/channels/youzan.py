"""Youzan (有赞): its replies as declared tables.

Amounts are yuan text, times are text in Asia/Shanghai, ids text. An order is
`{full_order_info, order_promotion, refund_order, delivery_order}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.channels import checks, paths, refunds, scalars
from holdfast.channels import conversions as to
from holdfast.channels.adapter import Adapter, IdKeys
from holdfast.channels.address import adcode, known_province, place, place_name
from holdfast.channels.replies import open_youzan
from holdfast.channels.table import Picked, Reading, Row, Slot, always, table
from holdfast.channels.urgency import HintSources, urgency, urgency_rule
from holdfast.channels.words import Channel, OrderType, ProblemCode, RefundStatus, Status

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

_INFO: Final = "full_order_info.order_info"
_ADDR: Final = "full_order_info.address_info"
_SELF: Final = f"{_ADDR}.self_fetch_info"
_PAY: Final = "full_order_info.pay_info"
_NOTE: Final = "full_order_info.remark_info"
_SALES: Final = f"{_INFO}.order_extra"
_REFUND_ORDERS: Final = ("refund_order[]", "full_order_info.refund_order[]")
_DELIVERIES: Final = ("delivery_order[]", "full_order_info.delivery_order[]")
_PROMOTIONS: Final = " ".join(
    f"{base}order_promotion.{place_}"
    for base in ("", "full_order_info.")
    for place_ in ("order[]", "item[]", "item[].promotions[]")
)
_HASTE: Final = HintSources(
    notes=f"{_NOTE}.buyer_message {_NOTE}.trade_memo",
    flag=f"{_NOTE}.star",
    red=frozenset({"5"}),
)


def _status(slot: Slot) -> Sequence[Picked]:
    for found in slot.at(f"{_INFO}.status"):
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
    path = f"{_INFO}.status"
    if slot.value("refund_status") is RefundStatus.REFUNDED:
        return (Picked(Status.CLOSED_REFUNDED, path),)
    if not any(not scalars.is_no_time(pay.value) for pay in slot.at(f"{_INFO}.pay_time")):
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


def _refund_status(slot: Slot) -> Sequence[Picked]:
    state = RefundStatus.NONE
    for found in slot.at(f"{_INFO}.refund_state"):
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


def _line_refund(slot: Slot) -> Sequence[Picked]:
    """A line's refund: what names the line, else what holds for the whole order."""
    order = _parent(slot)
    whole = order.value("refund_status")
    tickets = _tickets(slot, order.root, slot.value("line_id") or "")
    if tickets:
        return (Picked(refunds.highest(tickets), ""),)
    if whole in (RefundStatus.NONE, RefundStatus.REFUNDED):
        return (Picked(whole, ""),)
    return ()


def _line_status(slot: Slot) -> Sequence[Picked]:
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


def _order_type(slot: Slot) -> Sequence[Picked]:
    kind = OrderType.NORMAL
    for found in slot.at(f"{_INFO}.type"):
        word = scalars.identifier(found.value) or ""
        if word not in _TYPE:
            to.unknown(slot, found)
            return ()
        kind = _TYPE[word]
    if _says(slot, f"{_INFO}.order_tags.is_down_payment_pre"):
        kind = OrderType.PRESALE_DEPOSIT
    elif kind is OrderType.NORMAL:
        kind = _kind_of_lines(slot)
    return (Picked(kind, f"{_INFO}.type"),)


def _kind_of_lines(slot: Slot) -> OrderType:
    if _says(slot, "full_order_info.orders[].is_pre_sale"):
        words = [scalars.text(f.value) for f in slot.at("full_order_info.orders[].pre_sale_type")]
        return OrderType.PRESALE_DEPOSIT if "1" in words else OrderType.PRESALE_FULL
    items = [scalars.identifier(f.value) for f in slot.at("full_order_info.orders[].item_type")]
    all_virtual = bool(items) and all(item in _VIRTUAL_ITEMS for item in items)
    virtual = all_virtual or _says(slot, f"{_INFO}.order_tags.is_virtual {_INFO}.is_virtual")
    return OrderType.VIRTUAL if virtual else OrderType.NORMAL


def _says(slot: Slot, sources: str) -> bool:
    return any(scalars.truth(f.value) for source in sources.split() for f in slot.at(source))


def _coupons(slot: Slot) -> Sequence[Picked]:
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


def _paid_amount(slot: Slot) -> Sequence[Picked]:
    """What was paid; what is payable while nothing was."""
    sources = (f"{_PAY}.real_payment", f"{_PAY}.payment")
    if slot.value("paid_at") is None:
        sources = (f"{_PAY}.payment", f"{_PAY}.real_payment")
    for source in sources:
        for found in slot.at(source):
            amount = to.yuan_amount(slot, found)
            return () if amount is None else (Picked(amount, found.path),)
    return ()


def _outer_sku(slot: Slot) -> Sequence[Picked]:
    """The variant's code; the item's code stands for it only where there are no variants."""
    for found in slot.at("outer_sku_id"):
        return (Picked(scalars.text(found.value), found.path),)
    if slot.value("sku_id") is None:
        for found in slot.at("outer_item_id"):
            return (Picked(scalars.text(found.value), found.path),)
    return ()


def _pick_up(slot: Slot) -> bool:
    return any(True for _ in slot.at(f"{_SELF}.name"))


def _needs_receiver(slot: Slot) -> bool:
    return checks.to_be_shipped(slot) and not _pick_up(slot)


def _risk_flags(slot: Slot) -> Sequence[Picked]:
    return [
        Picked(word.upper(), found.path)
        for found in slot.found()
        if (word := scalars.text(found.value) or "") not in ("", "0", "false")
    ]


# fmt: off
FIELDS: Final = table(
    Row("source_channel",  "",                                to.constant(Channel.YOUZAN)),
    Row("shop_id",         f"{_INFO}.node_kdt_id kdt_id",     to.shop_id, checks.shop, always),
    Row("order_id",        f"{_INFO}.tid",                    to.identifier,
        checks.shaped(r"[A-Z]{1,2}[0-9]{15,30}", "a letter and about 23 digits"), always),
    Row("channel_status",  f"{_INFO}.status",                 to.text, required=always),
    Row("status",          f"{_INFO}.status",                 _status, required=always),
    Row("refund_status",   f"{_INFO}.refund_state",           _refund_status),
    Row("order_type",      f"{_INFO}.type",                   _order_type),
    Row("created_at",      f"{_INFO}.created",                to.time, required=always),
    Row("paid_at",         f"{_INFO}.pay_time",               to.paid_time),
    Row("updated_at",      f"{_INFO}.update_time",            to.time, required=always),
    Row("ship_deadline",   "full_order_info.orders[].expect_delivery_time", to.earliest_time),
    Row("buyer_id",        "full_order_info.buyer_info.yz_open_id "
                           "full_order_info.buyer_info.outer_user_id",
        to.identifier, checks.buyer, always),
    Row("receiver_name",   f"{_ADDR}.receiver_name {_SELF}.user_name",
        to.text, checks.receiver_name, _needs_receiver),
    Row("receiver_phone",  f"{_ADDR}.receiver_tel {_SELF}.user_tel",
        to.text, checks.receiver_phone, _needs_receiver),
    Row("province",        f"{_ADDR}.delivery_province {_SELF}.province",
        place("province"), known_province, _needs_receiver),
    Row("city",            f"{_ADDR}.delivery_city {_SELF}.city",
        place("city"), place_name),
    Row("district",        f"{_ADDR}.delivery_district {_SELF}.county",
        place("district"), place_name),
    Row("address_detail",  f"+ {_ADDR}.delivery_address {_SELF}.address_detail",
        place("address_detail"), checks.address, _needs_receiver),
    Row("adcode",          f"{_ADDR}.address_extra.areaCode", adcode),
    Row("goods_amount",    f"{_PAY}.total_fee",               to.yuan, required=always),
    Row("freight_amount",  f"{_PAY}.post_fee",                to.yuan, required=always),
    Row("discount_amount", "",                                to.discount),
    Row("paid_amount",     f"{_PAY}.real_payment {_PAY}.payment", _paid_amount, required=always),
    Row("coupon_code",     _PROMOTIONS,                       _coupons,
        checks.coupon_id(r"[0-9A-Za-z_-]{1,64}", r"(?!)"), many=True),
    Row("talent_id",       f"{_SALES}.salesman.salesman_nick_name {_SALES}.salesman_nick_name",
        to.text, checks.talent_id(r"(?=.*\D).{1,64}", r"[0-9A-Za-z_-]+", r"(?!)",
                                  may_look_like_phone=False)),
    Row("buyer_note",      f"{_NOTE}.buyer_message",          to.note, checks.note),
    Row("urgency_level",   _HASTE.every_path(),               urgency(_HASTE)),
)
BESIDE: Final = table(
    Row("urgency_rule",    _HASTE.every_path(),               urgency_rule(_HASTE)),
    Row("seller_note",     f"{_NOTE}.trade_memo",             to.note, checks.note),
    Row("risk_flags",      f"{_INFO}.risk_control_mark {_SALES}.risk_control_mark "
                           "full_order_info.risk_control_mark", _risk_flags, many=True),
    Row("payment_ids",     f"{_PAY}.transaction[] {_PAY}.outer_transactions[]",
        to.identifiers, many=True),
)
LINE_FIELDS: Final = table(
    Row("line_id",         "oid",                             to.identifier, required=always),
    Row("parent",          "",                                to.order_id_of_parent),
    Row("gift_of",         "",                                to.never_given, many=True),
    Row("product_id",      "item_id",                         to.identifier, checks.goods_id),
    Row("sku_id",          "sku_id",                          to.identifier, checks.goods_id),
    Row("outer_sku",       "outer_sku_id outer_item_id",      _outer_sku, checks.goods_id),
    Row("title",           "title",                           to.text),
    Row("quantity",        "num",                             to.quantity, required=always),
    Row("unit_price",      "price",                           to.yuan),
    Row("paid_amount",     "payment",                         to.yuan, required=always),
    Row("is_gift",         "is_present",                      to.yes),
    Row("talent_id",       "",                                to.never_given),
    Row("line_status",     "",                                _line_status),
    Row("refund_status",   "",                                _line_refund),
)
PARCEL_FIELDS: Final = table(
    Row("order_id",        "tid",                             to.identifier, required=always),
    Row("channel_status",  "order_state",                     to.text),
    Row("receiver_name",   "user_name",                       to.text, checks.receiver_name),
    Row("receiver_phone",  "user_tel",                        to.text, checks.receiver_phone),
    Row("province",        "province",                        place("province"), known_province),
    Row("city",            "city",                            place("city"), place_name),
    Row("district",        "county",                          place("district"), place_name),
    Row("address_detail",  "+ address_detail",                place("address_detail")),
)
_PROMO: Final = "order_promotion"
AMOUNTS: Final = table(
    Row("item_discount_fee",  f"{_PROMO}.item_discount_fee",  to.reported_yuan),
    Row("order_discount_fee", f"{_PROMO}.order_discount_fee", to.reported_yuan),
    Row("adjust_fee",         f"{_PROMO}.adjust_fee",         to.reported_yuan),
    # Stored-value cards are the exception: whole fen.
    Row("deduction_pay",      f"{_PAY}.deduction_pay",        to.reported_fen),
    Row("deduction_real_pay", f"{_PAY}.deduction_real_pay",   to.reported_fen),
)
# fmt: on

ADAPTER: Final = Adapter(
    channel=Channel.YOUZAN,
    open_reply=open_youzan,
    fields=FIELDS,
    beside=BESIDE,
    lines_at="full_order_info.orders[]",
    line_fields=LINE_FIELDS,
    tokens={
        "receiver_name": f"{_ADDR}.receiver_name",
        "receiver_phone": f"{_ADDR}.receiver_tel",
        "address_detail": f"{_ADDR}.delivery_address",
    },
    amounts=AMOUNTS,
    id_keys=IdKeys(
        talents=frozenset({"salesman_nick_name", "author_id"}),
        coupons=frozenset({"coupon_id"}),
        orders=frozenset({"tid", "oid"}),
    ),
    parcels_at="full_order_info.child_info.child_orders[]",
    parcel_fields=PARCEL_FIELDS,
)
