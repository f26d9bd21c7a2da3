"""Taobao open platform (TOP): its replies as declared tables.

Amounts are yuan text, times are text in Asia/Shanghai, ids numbers above 2^53.
`orders.order?[]` are the lines, with or without the platform's second level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.channels import checks, refunds, scalars
from holdfast.channels import conversions as to
from holdfast.channels.adapter import Adapter, IdKeys
from holdfast.channels.address import known_province, place, place_name
from holdfast.channels.replies import open_taobao
from holdfast.channels.table import Picked, Row, Slot, always, table
from holdfast.channels.urgency import HintSources, urgency, urgency_rule
from holdfast.channels.words import Channel, OrderType, RefundStatus, Status

_STATUS: Final = {
    "WAIT_BUYER_PAY": Status.PENDING_PAYMENT, "TRADE_NO_CREATE_PAY": Status.PENDING_PAYMENT,
    "PAY_PENDING": Status.PENDING_PAYMENT, "WAIT_PRE_AUTH_CONFIRM": Status.PENDING_PAYMENT,
    "PAID_FORBID_CONSIGN": Status.PAID_HELD, "WAIT_SELLER_SEND_GOODS": Status.TO_SHIP,
    "SELLER_CONSIGNED_PART": Status.PARTLY_SHIPPED,
    "WAIT_BUYER_CONFIRM_GOODS": Status.SHIPPED, "TRADE_BUYER_SIGNED": Status.SHIPPED,
    "TRADE_FINISHED": Status.COMPLETED, "TRADE_CLOSED_BY_TAOBAO": Status.CANCELLED,
    "TRADE_CLOSED": Status.CLOSED_REFUNDED,
}  # fmt: skip
_REFUND: Final = {
    "NO_REFUND": RefundStatus.NONE, "CLOSED": RefundStatus.NONE,
    "WAIT_SELLER_AGREE": RefundStatus.APPLIED,
    "WAIT_BUYER_RETURN_GOODS": RefundStatus.RUNNING,
    "WAIT_SELLER_CONFIRM_GOODS": RefundStatus.RUNNING,
    "WAIT_SELLER_CONSIGN_GOODS": RefundStatus.RUNNING,
    "WAIT_BUYER_CONFIRM_EXCHANGE_SELLER_SEND_GOODS": RefundStatus.RUNNING,
    "EXCHANGE_TRANSFORM_TO_REFUND": RefundStatus.RUNNING,
    "SELLER_REFUSE_BUYER": RefundStatus.REFUSED, "SUCCESS": RefundStatus.REFUNDED,
}  # fmt: skip
_TYPE: Final = {
    "fixed": OrderType.NORMAL, "guarantee_trade": OrderType.NORMAL, "cod": OrderType.NORMAL,
    "auction": OrderType.OTHER, "nopaid": OrderType.OTHER, "pre_auth_type": OrderType.OTHER,
    "fenxiao": OrderType.OTHER, "auto_delivery": OrderType.VIRTUAL, "ec": OrderType.VIRTUAL,
    "step": OrderType.PRESALE_DEPOSIT,
}  # fmt: skip
_STEPS: Final = frozenset(
    {"FRONT_NOPAID_FINAL_NOPAID", "FRONT_PAID_FINAL_NOPAID", "FRONT_PAID_FINAL_PAID",
     "FRONT_PAID_FRONT_FORFEITED"}
)  # fmt: skip
_HOLDS: Final = "top_hold team_buy_hold share_group_hold forbid_consign"

_LINES: Final = "orders.order?[]"
_GUIDES: Final = f"o2o_guide_id {_LINES}.o2o_guide_id"
_PROMOTION: Final = r"[A-Za-z][A-Za-z0-9$_]*-[0-9A-Za-z_-]+"
_DIGITS: Final = r"[0-9]{4,}"
_GUIDE_CHECK: Final = checks.talent_id(
    r"[\w.-]{1,64}", _PROMOTION, _DIGITS, may_look_like_phone=False
)
_HASTE: Final = HintSources(
    notes="buyer_message seller_memo",
    flag="seller_flag",
    red=frozenset({"1"}),
    urged="ob_tag",
    urged_word="lg",
    promise="timing_promise promise_service",
)


def _status(slot: Slot) -> Sequence[Picked]:
    """The status word; a hold flag stops an order that is otherwise ready to ship."""
    picked = to.one_of(_STATUS)(slot)
    if not picked or picked[0].value is not Status.TO_SHIP:
        return picked
    holds = _holds(slot, _HOLDS)
    return (Picked(Status.PAID_HELD, holds[0].path),) if holds else picked


def _holds(slot: Slot, sources: str) -> list[Picked]:
    return [
        Picked(found.path.upper(), found.path)
        for source in sources.split()
        for found in slot.at(source)
        if (scalars.text(found.value) or str(found.value)).lower() not in ("0", "false")
    ]


def _raw_status(slot: Slot) -> Sequence[Picked]:
    """`status`, with `/step_trade_status` for presales."""
    words = [scalars.text(found.value) or "" for found in slot.found()]
    shown = "/".join(word for word in words if word)
    return (Picked(shown, "status"),) if shown else ()


def _order_type(slot: Slot) -> Sequence[Picked]:
    kind = OrderType.NORMAL
    for found in slot.at("type"):
        word = scalars.text(found.value) or ""
        if word not in _TYPE:
            to.unknown(slot, found)
            return ()
        kind = _TYPE[word]
    for found in slot.at("step_trade_status"):
        if scalars.text(found.value) not in _STEPS:
            to.unknown(slot, found)
            return ()
        kind = OrderType.PRESALE_DEPOSIT
    presell = any(scalars.truth(found.value) for found in slot.at("new_presell"))
    if kind is OrderType.NORMAL and presell:
        kind = OrderType.PRESALE_FULL
    return (Picked(kind, "type"),)


def _line_refund(slot: Slot) -> Sequence[Picked]:
    """A line without the field has no refund."""
    stated = any(True for _ in slot.found())
    return to.one_of(_REFUND)(slot) if stated else (Picked(RefundStatus.NONE, ""),)


def _gift_of(slot: Slot) -> Sequence[Picked]:
    """The lines a gift was given for; on a bought line the key lists its gifts instead."""
    return to.split_identifiers(slot) if slot.value("is_gift") else ()


def _risk_flags(slot: Slot) -> Sequence[Picked]:
    return _holds(slot, slot.row.sources)


# fmt: off
FIELDS: Final = table(
    Row("source_channel",  "",                                to.constant(Channel.TAOBAO)),
    Row("shop_id",         "seller_nick",                     to.callers_shop_id,
        checks.shop, always),
    Row("order_id",        "tid_str tid",                     to.identifier,
        checks.shaped(r"[0-9]{10,20}", "10 to 20 digits"), always),
    Row("channel_status",  "status step_trade_status",        _raw_status, required=always),
    Row("status",          "status",                          _status, required=always),
    Row("refund_status",   f"{_LINES}.refund_status",         refunds.folded),
    Row("order_type",      "type step_trade_status new_presell", _order_type),
    Row("created_at",      "created",                         to.time, required=always),
    Row("paid_at",         "pay_time",                        to.paid_time),
    Row("updated_at",      "modified",                        to.time, required=always),
    Row("ship_deadline",   f"delivery_time send_time {_LINES}.estimate_con_time",
        to.earliest_time),
    Row("buyer_id",        "buyer_open_uid buyer_nick",       to.identifier, checks.buyer, always),
    Row("receiver_name",   "receiver_name",
        to.text, checks.receiver_name, checks.to_be_shipped),
    Row("receiver_phone",  "receiver_mobile receiver_phone",
        to.text, checks.receiver_phone, checks.to_be_shipped),
    Row("province",        "receiver_state",
        place("province"), known_province, checks.to_be_shipped),
    Row("city",            "receiver_city",                   place("city"), place_name),
    Row("district",        "receiver_district",               place("district"), place_name),
    Row("address_detail",  "receiver_town + receiver_address",
        place("address_detail"), checks.address, checks.to_be_shipped),
    Row("adcode",          "",                                to.never_given),
    Row("goods_amount",    "total_fee",                       to.yuan, required=always),
    Row("freight_amount",  "post_fee",                        to.yuan, required=always),
    Row("discount_amount", "",                                to.discount),
    Row("paid_amount",     "payment",                         to.yuan, required=always),
    Row("coupon_code",     "promotion_details.promotion_detail?[].promotion_id",
        to.identifiers, checks.coupon_id(_PROMOTION, _DIGITS), many=True),
    Row("talent_id",       _GUIDES,                           to.identifier, _GUIDE_CHECK),
    Row("buyer_note",      "buyer_message",                   to.note, checks.note),
    Row("urgency_level",   _HASTE.every_path(),               urgency(_HASTE)),
)
BESIDE: Final = table(
    Row("urgency_rule",    _HASTE.every_path(),               urgency_rule(_HASTE)),
    Row("seller_note",     "seller_memo",                     to.note, checks.note),
    Row("risk_flags",      _HOLDS,                            _risk_flags, many=True),
    Row("payment_ids",     "alipay_no",                       to.identifiers, many=True),
)
LINE_FIELDS: Final = table(
    Row("line_id",         "oid_str oid",                     to.identifier, required=always),
    Row("parent",          "",                                to.order_id_of_parent),
    Row("gift_of",         "gift_mids",                       _gift_of, many=True),
    Row("product_id",      "num_iid",                         to.identifier, checks.goods_id),
    Row("sku_id",          "sku_id",                          to.identifier, checks.goods_id),
    Row("outer_sku",       "outer_sku_id outer_iid",          to.text, checks.goods_id),
    Row("title",           "title",                           to.text),
    Row("quantity",        "num",                             to.quantity, required=always),
    Row("unit_price",      "price",                           to.yuan),
    Row("paid_amount",     "divide_order_fee payment",        to.yuan, required=always),
    Row("is_gift",         "is_free_gift",                    to.yes),
    Row("talent_id",       "o2o_guide_id",                    to.identifier, _GUIDE_CHECK),
    Row("line_status",     "status",                          to.one_of(_STATUS)),
    Row("refund_status",   "refund_status",                   _line_refund),
)
AMOUNTS: Final = table(*(
    Row(name, name, to.reported_yuan) for name in (
        "discount_fee", "adjust_fee", "received_payment", "step_paid_fee")
))
# fmt: on

ADAPTER: Final = Adapter(
    channel=Channel.TAOBAO,
    open_reply=open_taobao,
    fields=FIELDS,
    beside=BESIDE,
    lines_at=_LINES,
    line_fields=LINE_FIELDS,
    tokens={
        "oaid": "oaid",
        "receiver_name": "receiver_name",
        "receiver_phone": "receiver_mobile",
        "address_detail": "receiver_address",
    },
    amounts=AMOUNTS,
    id_keys=IdKeys(
        talents=frozenset({"o2o_guide_id", "author_id"}),
        coupons=frozenset({"promotion_id"}),
        orders=frozenset({"tid", "tid_str", "oid", "oid_str"}),
    ),
)
