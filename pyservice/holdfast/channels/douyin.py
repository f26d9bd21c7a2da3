"""Douyin shop (抖店): its replies as declared tables.

Amounts are integer fen, times unix seconds, ids mostly numbers above 2^53. In
detail replies every number may be text. `D.sku` are the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.channels import checks, refunds, scalars
from holdfast.channels import conversions as to
from holdfast.channels.adapter import Adapter, IdKeys
from holdfast.channels.address import adcode, known_province, place, place_name
from holdfast.channels.paths import Found
from holdfast.channels.replies import open_douyin
from holdfast.channels.table import Picked, Row, Slot, always, table
from holdfast.channels.urgency import HintSources, urgency, urgency_rule
from holdfast.channels.words import Channel, OrderType, ProblemCode, RefundStatus, Status

_STATUS: Final = {
    "1": Status.PENDING_PAYMENT, "105": Status.PAID_HELD, "2": Status.TO_SHIP,
    "101": Status.PARTLY_SHIPPED, "3": Status.SHIPPED, "5": Status.COMPLETED,
}  # fmt: skip
_CLOSED: Final = "4"
_REFUNDED_MAIN: Final = frozenset({"21", "22", "39"})

_AFTER_SALE: Final = {
    "0": RefundStatus.NONE, "6": RefundStatus.APPLIED, "7": RefundStatus.RUNNING,
    "8": RefundStatus.RUNNING, "11": RefundStatus.RUNNING, "13": RefundStatus.RUNNING,
    "3": RefundStatus.RUNNING, "12": RefundStatus.REFUNDED, "14": RefundStatus.REFUNDED,
    "53": RefundStatus.REFUNDED, "27": RefundStatus.REFUSED, "29": RefundStatus.REFUSED,
    "28": RefundStatus.NONE, "51": RefundStatus.NONE,
}  # fmt: skip
_MONEY: Final = {
    "0": RefundStatus.NONE, "1": RefundStatus.APPLIED, "2": RefundStatus.RUNNING,
    "3": RefundStatus.REFUNDED, "4": RefundStatus.NONE, "5": RefundStatus.NONE,
}  # fmt: skip
#: Exchange, resend, repair: their success moves goods, no money.
_NO_MONEY_KINDS: Final = frozenset({"3", "7", "8"})
_PRICE_PROTECTION: Final = "6"

_TRADE_TYPE: Final = {
    "0": OrderType.NORMAL, "1": OrderType.GROUP, "2": OrderType.PRESALE_DEPOSIT,
    "3": OrderType.PRESALE_DEPOSIT, "4": OrderType.OTHER, "5": OrderType.OTHER,
    "6": OrderType.OTHER, "7": OrderType.OTHER, "10": OrderType.SAMPLE, "11": OrderType.OTHER,
    "12": OrderType.SAMPLE, "13": OrderType.OTHER, "16": OrderType.OTHER,
    "18": OrderType.NORMAL, "102": OrderType.GIFT, "103": OrderType.OTHER,
}  # fmt: skip
# 2 ships in stages, but is paid and ordered like any other.
_PRE_SALE: Final = {
    "0": OrderType.NORMAL, "1": OrderType.PRESALE_FULL, "2": OrderType.NORMAL,
}  # fmt: skip
_ORDER_TYPE: Final = {
    "0": OrderType.NORMAL, "2": OrderType.VIRTUAL, "4": OrderType.VIRTUAL,
    "5": OrderType.VIRTUAL,
}  # fmt: skip
#: Where lines differ, the kind that needs the most care names the order.
_KIND_ORDER: Final = (
    OrderType.PRESALE_DEPOSIT, OrderType.SAMPLE, OrderType.GROUP, OrderType.PRESALE_FULL,
    OrderType.VIRTUAL, OrderType.OTHER, OrderType.GIFT, OrderType.NORMAL,
)  # fmt: skip

_SALE: Final = "after_sale_info"
_SNOWFLAKE: Final = r"[0-9]{18,20}"
# Talent ids stay below 2^53; a newer, longer one is told from a batch id by what else is there.
_SHORTER_THAN_SNOWFLAKE: Final = r"[0-9]{6,17}"
_TALENT_CHECK: Final = checks.talent_id(
    r"[0-9]{6,20}", _SNOWFLAKE, _SHORTER_THAN_SNOWFLAKE, may_look_like_phone=True
)
_HASTE: Final = HintSources(
    notes="buyer_words seller_words",
    flag="seller_remark_stars",
    red=frozenset({"5"}),
    urged="urge_deliver_Times urge_deliver_times",
    hourly="trade_type sku_order_list[].trade_type",
    hourly_values=frozenset({"18"}),
    promise="promise_info",
)
_COUPONS: Final = " ".join(
    f"{level}promotion_detail.{payer}_discount_detail.coupon_info[].coupon_meta_id"
    for level in ("", "sku_order_list[].")
    for payer in ("shop", "platform", "kol")
)


def _status(slot: Slot) -> Sequence[Picked]:
    order_status = next(slot.at("order_status"), None)
    main = next(slot.at("main_status"), Found("", None))
    if order_status is None:
        return ()
    word, main_word = (scalars.identifier(f.value) or "" for f in (order_status, main))
    if word == _CLOSED:
        return _closed(slot, order_status, main_word)
    if word not in _STATUS:
        to.unknown(slot, order_status)
        return ()
    status = _STATUS[word]
    if main_word in _REFUNDED_MAIN and status is not Status.COMPLETED:
        clash = f"order_status {word} is open but main_status {main_word} is refunded"
        slot.problem(ProblemCode.UNCLEAR_STATUS, clash, main)
        return ()
    return (Picked(status, order_status.path),)


def _closed(slot: Slot, found: Found, main: str) -> Sequence[Picked]:
    if main in _REFUNDED_MAIN:
        return (Picked(Status.CLOSED_REFUNDED, found.path),)
    paid = any(not scalars.is_no_time(pay.value) for pay in slot.at("pay_time"))
    if not paid:
        return (Picked(Status.CANCELLED, found.path),)
    if slot.value("refund_status") is RefundStatus.REFUNDED:
        return (Picked(Status.CLOSED_REFUNDED, found.path),)
    slot.problem(ProblemCode.UNCLEAR_STATUS, "closed and paid, but nothing says refunded", found)
    return ()


def _raw_status(slot: Slot) -> Sequence[Picked]:
    """`order_status`, with `/main_status` where that says more."""
    words = [(scalars.text(found.value) or "", found.path) for found in slot.found()]
    shown = "/".join(dict.fromkeys(word for word, _ in words if word))
    return (Picked(shown, words[0][1]),) if shown else ()


def _order_type(slot: Slot) -> Sequence[Picked]:
    kinds = []
    for words, sources in (
        (_TRADE_TYPE, "trade_type sku_order_list[].trade_type"),
        (_PRE_SALE, "sku_order_list[].pre_sale_type"),
        (_ORDER_TYPE, "order_type sku_order_list[].order_type"),
    ):
        for found in (found for source in sources.split() for found in slot.at(source)):
            word = scalars.identifier(found.value) or ""
            if word not in words:
                to.unknown(slot, found)
                return ()
            kinds.append(words[word])
    kind = min(kinds, key=_KIND_ORDER.index, default=OrderType.NORMAL)
    return (Picked(kind, slot.row.sources.split()[0]),)


def _line_refund(slot: Slot) -> Sequence[Picked]:
    states = []
    kind = next((scalars.identifier(f.value) for f in slot.at(f"{_SALE}.after_sale_type")), None)
    for words, name in ((_AFTER_SALE, "after_sale_status"), (_MONEY, "refund_status")):
        for found in slot.at(f"{_SALE}.{name}"):
            word = scalars.identifier(found.value) or ""
            if word not in words:
                to.unknown(slot, found)
                return ()
            states.append(words[word])
    state = refunds.highest(states)
    if state is RefundStatus.REFUNDED and kind in _NO_MONEY_KINDS:
        state = RefundStatus.NONE
    if state is RefundStatus.REFUNDED and kind == _PRICE_PROTECTION:
        state = RefundStatus.PARTLY_REFUNDED
    return (Picked(state, _SALE),)


def _is_gift(slot: Slot) -> Sequence[Picked]:
    kind = next((scalars.text(found.value) for found in slot.found()), "")
    return (Picked(kind == "FREE", slot.row.sources),)


def _risk_flags(slot: Slot) -> Sequence[Picked]:
    flags = []
    for found in slot.found():
        word = scalars.identifier(found.value) or ""
        if found.path == "order_status":
            flags += [Picked("PAID_HELD_BY_RISK_CHECK", found.path)] if word == "105" else []
        elif word not in ("0", "false", ""):
            flags.append(Picked(f"ABNORMAL_ORDER_{word}", found.path))
    return flags


# fmt: off
FIELDS: Final = table(
    Row("source_channel",  "",                                to.constant(Channel.DOUYIN)),
    Row("shop_id",         "shop_id",                         to.shop_id, checks.shop, always),
    Row("order_id",        "order_id",                        to.identifier,
        checks.shaped(r"[0-9]{10,20}", "10 to 20 digits"), always),
    Row("channel_status",  "order_status main_status",        _raw_status, required=always),
    Row("status",          "order_status main_status pay_time", _status, required=always),
    Row("refund_status",   "sku_order_list[].after_sale_info", refunds.folded),
    Row("order_type",      "sku_order_list[].trade_type trade_type", _order_type),
    Row("created_at",      "create_time",                     to.time, required=always),
    Row("paid_at",         "pay_time",                        to.paid_time),
    Row("updated_at",      "update_time",                     to.time, required=always),
    Row("ship_deadline",   "exp_ship_time appointment_ship_time "
                           "sku_order_list[].exp_ship_time",  to.time),
    Row("buyer_id",        "doudian_open_id",                 to.identifier, checks.buyer, always),
    Row("receiver_name",   "post_receiver mask_post_receiver encrypt_post_receiver",
        to.most_readable, checks.receiver_name, checks.to_be_shipped),
    Row("receiver_phone",  "post_tel mask_post_tel encrypt_post_tel",
        to.most_readable, checks.receiver_phone, checks.to_be_shipped),
    Row("province",        "post_addr.province.name mask_post_addr.province.name",
        place("province"), known_province, checks.to_be_shipped),
    Row("city",            "post_addr.city.name mask_post_addr.city.name",
        place("city"), place_name),
    Row("district",        "post_addr.town.name mask_post_addr.town.name",
        place("district"), place_name),
    Row("address_detail",  "post_addr.street.name mask_post_addr.street.name + "
                           "post_addr.detail mask_post_addr.detail post_addr.encrypt_detail",
        place("address_detail"), checks.address, checks.to_be_shipped),
    Row("adcode",          "post_addr.town.id mask_post_addr.town.id", adcode),
    Row("goods_amount",    "sku_order_list[].sum_amount",     to.summed_fen, required=always),
    Row("freight_amount",  "post_amount",                     to.fen, required=always),
    Row("discount_amount", "",                                to.discount),
    Row("paid_amount",     "pay_amount",                      to.fen, required=always),
    Row("coupon_code",     _COUPONS,                          to.identifiers,
        checks.coupon_id(r"[0-9A-Za-z_-]{1,64}", _SHORTER_THAN_SNOWFLAKE), many=True),
    Row("talent_id",       "sku_order_list[].author_id",      to.identifier,
        _TALENT_CHECK),
    Row("buyer_note",      "buyer_words",                     to.note, checks.note),
    Row("urgency_level",   _HASTE.every_path(),               urgency(_HASTE)),
)
BESIDE: Final = table(
    Row("urgency_rule",    _HASTE.every_path(),               urgency_rule(_HASTE)),
    Row("seller_note",     "seller_words",                    to.note, checks.note),
    Row("risk_flags",      "order_status abnormal_order",     _risk_flags, many=True),
    Row("payment_ids",     "channel_payment_no sku_order_list[].channel_payment_no",
        to.identifiers, many=True),
)
LINE_FIELDS: Final = table(
    Row("line_id",         "order_id",                        to.identifier, required=always),
    Row("parent",          "parent_order_id",                 to.identifier),
    Row("gift_of",         "master_sku_order_id_list[] master_sku_order_id",
        to.split_identifiers, many=True),
    Row("product_id",      "product_id_str product_id",       to.identifier, checks.goods_id),
    Row("sku_id",          "sku_id",                          to.identifier, checks.goods_id),
    Row("outer_sku",       "code",                            to.text, checks.goods_id),
    Row("title",           "product_name",                    to.text),
    Row("quantity",        "item_num",                        to.quantity, required=always),
    Row("unit_price",      "origin_amount",                   to.fen),
    Row("paid_amount",     "pay_amount",                      to.fen, required=always),
    Row("is_gift",         "given_product_type",              _is_gift),
    Row("talent_id",       "author_id",                       to.identifier,
        _TALENT_CHECK),
    Row("line_status",     "order_status main_status",        _status),
    Row("refund_status",   "after_sale_info",                 _line_refund),
)
AMOUNTS: Final = table(*(
    Row(name, name, to.reported_fen) for name in (
        "order_amount", "promotion_amount", "promotion_shop_amount", "promotion_platform_amount",
        "promotion_talent_amount", "total_promotion_amount", "post_promotion_amount",
        "modify_amount", "post_origin_amount")
))
# fmt: on

ADAPTER: Final = Adapter(
    channel=Channel.DOUYIN,
    open_reply=open_douyin,
    fields=FIELDS,
    beside=BESIDE,
    lines_at="sku_order_list[]",
    line_fields=LINE_FIELDS,
    tokens={
        "receiver_name": "encrypt_post_receiver",
        "receiver_phone": "encrypt_post_tel",
        "address_detail": "post_addr.encrypt_detail",
    },
    amounts=AMOUNTS,
    id_keys=IdKeys(
        talents=frozenset({"author_id"}),
        coupons=frozenset({"coupon_meta_id", "coupon_id"}),
        orders=frozenset({"order_id", "parent_order_id"}),
    ),
)
