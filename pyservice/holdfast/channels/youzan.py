"""Youzan (有赞): its replies as declared tables.

Amounts are yuan text, times are text in Asia/Shanghai, ids text. An order is
`{full_order_info, order_promotion, refund_order, delivery_order}`.
"""

from __future__ import annotations

from typing import Final

from holdfast.channels import checks
from holdfast.channels import conversions as to
from holdfast.channels import youzan_rules as rule
from holdfast.channels.adapter import Adapter, IdKeys
from holdfast.channels.address import adcode, known_province, place, place_name
from holdfast.channels.replies import open_youzan
from holdfast.channels.table import Row, always, table
from holdfast.channels.urgency import HintSources, urgency, urgency_rule
from holdfast.channels.words import Channel
from holdfast.channels.youzan_rules import ADDR, INFO, PAY, SELF_FETCH

_NOTE: Final = "full_order_info.remark_info"
_SALES: Final = f"{INFO}.order_extra"
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

# fmt: off
FIELDS: Final = table(
    Row("source_channel",  "",                                to.constant(Channel.YOUZAN)),
    Row("shop_id",         f"{INFO}.node_kdt_id kdt_id",      to.shop_id, checks.shop, always),
    Row("order_id",        f"{INFO}.tid",                     to.identifier,
        checks.shaped(r"[A-Z]{1,2}[0-9]{15,30}", "a letter and about 23 digits"), always),
    Row("channel_status",  f"{INFO}.status",                  to.text, required=always),
    Row("status",          f"{INFO}.status",                  rule.status, required=always),
    Row("refund_status",   f"{INFO}.refund_state",            rule.refund_status),
    Row("order_type",      f"{INFO}.type",                    rule.order_type),
    Row("created_at",      f"{INFO}.created",                 to.time, required=always),
    Row("paid_at",         f"{INFO}.pay_time",                to.paid_time),
    Row("updated_at",      f"{INFO}.update_time",             to.time, required=always),
    Row("ship_deadline",   "full_order_info.orders[].expect_delivery_time", to.earliest_time),
    Row("buyer_id",        "full_order_info.buyer_info.yz_open_id "
                           "full_order_info.buyer_info.outer_user_id",
        to.identifier, checks.buyer, always),
    Row("receiver_name",   f"{ADDR}.receiver_name {SELF_FETCH}.user_name",
        to.text, checks.receiver_name, rule.needs_receiver),
    Row("receiver_phone",  f"{ADDR}.receiver_tel {SELF_FETCH}.user_tel",
        to.text, checks.receiver_phone, rule.needs_receiver),
    Row("province",        f"{ADDR}.delivery_province {SELF_FETCH}.province",
        place("province"), known_province, rule.needs_receiver),
    Row("city",            f"{ADDR}.delivery_city {SELF_FETCH}.city",
        place("city"), place_name),
    Row("district",        f"{ADDR}.delivery_district {SELF_FETCH}.county",
        place("district"), place_name),
    Row("address_detail",  f"+ {ADDR}.delivery_address {SELF_FETCH}.address_detail",
        place("address_detail"), checks.address, rule.needs_receiver),
    Row("adcode",          f"{ADDR}.address_extra.areaCode", adcode),
    Row("goods_amount",    f"{PAY}.total_fee",                to.yuan, required=always),
    Row("freight_amount",  f"{PAY}.post_fee",                 to.yuan, required=always),
    Row("discount_amount", "",                                to.discount),
    Row("paid_amount",     f"{PAY}.real_payment {PAY}.payment", rule.paid_amount, required=always),
    Row("coupon_code",     _PROMOTIONS,                       rule.coupons,
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
    Row("risk_flags",      f"{INFO}.risk_control_mark {_SALES}.risk_control_mark "
                           "full_order_info.risk_control_mark", rule.risk_flags, many=True),
    Row("payment_ids",     f"{PAY}.transaction[] {PAY}.outer_transactions[]",
        to.identifiers, many=True),
)
LINE_FIELDS: Final = table(
    Row("line_id",         "oid",                             to.identifier, required=always),
    Row("parent",          "",                                to.order_id_of_parent),
    Row("gift_of",         "",                                to.never_given, many=True),
    Row("product_id",      "item_id",                         to.identifier, checks.goods_id),
    Row("sku_id",          "sku_id",                          to.identifier, checks.goods_id),
    Row("outer_sku",       "outer_sku_id outer_item_id",      rule.outer_sku, checks.goods_id),
    Row("title",           "title",                           to.text),
    Row("quantity",        "num",                             to.quantity, required=always),
    Row("unit_price",      "price",                           to.yuan),
    Row("paid_amount",     "payment",                         to.yuan, required=always),
    Row("is_gift",         "is_present",                      to.yes),
    Row("talent_id",       "",                                to.never_given),
    Row("line_status",     "",                                rule.line_status),
    Row("refund_status",   "",                                rule.line_refund),
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
    Row("deduction_pay",      f"{PAY}.deduction_pay",         to.reported_fen),
    Row("deduction_real_pay", f"{PAY}.deduction_real_pay",    to.reported_fen),
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
        "receiver_name": f"{ADDR}.receiver_name",
        "receiver_phone": f"{ADDR}.receiver_tel",
        "address_detail": f"{ADDR}.delivery_address",
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
