"""A seeded day of a festival: orders as the three platforms would send them.

The same seed, count and day give the same bytes. Every person, number and
ciphertext is invented. `catalogue` names the goods that the orders ask for.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from functools import cache
from heapq import heappop, heappush
from typing import Any, Final

from holdfast.channels import Channel

#: The demo's shops; Taobao replies carry no shop id, so callers pass it on.
SHOP_IDS: Final = {
    Channel.DOUYIN: "7784901",
    Channel.YOUZAN: "134529901",
    Channel.TAOBAO: "880012901",
}
_SHANGHAI: Final = timezone(timedelta(hours=8))
_DAY_SECONDS: Final = 86_400
#: The order number has seven digits within a channel's id.
_MOST_ORDERS: Final = 10**7 - 1


class Fate(StrEnum):
    """What the driver of the demo makes of an order after its first delivery.

    Delivered unpaid: PAY, ABANDON, FAIL_THEN_PAY, LATE_PAY (after the hold ran
    out), PRESALE (only the deposit is paid). Delivered paid: PREPAID, CANCEL
    (before shipping). CLOSED arrives closed and never asks for stock.
    """

    PAY = "PAY"
    ABANDON = "ABANDON"
    FAIL_THEN_PAY = "FAIL_THEN_PAY"
    LATE_PAY = "LATE_PAY"
    PREPAID = "PREPAID"
    CLOSED = "CLOSED"
    PRESALE = "PRESALE"
    CANCEL = "CANCEL"


FATES: Final = {
    Fate.PAY: 58, Fate.ABANDON: 12, Fate.FAIL_THEN_PAY: 5, Fate.LATE_PAY: 3,
    Fate.PREPAID: 12, Fate.CLOSED: 3, Fate.PRESALE: 4, Fate.CANCEL: 3,
}  # fmt: skip
_PAID: Final = frozenset({Fate.PREPAID, Fate.CANCEL})
CHANNELS: Final = {Channel.DOUYIN: 55, Channel.TAOBAO: 30, Channel.YOUZAN: 15}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One reply of a platform. `due_ms` is the UTC instant at which it arrives."""

    due_ms: int
    channel: Channel
    payload: bytes
    order_id: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class Item:
    """Goods of the demo. `price` in fen; `rank` 1 sells best.

    A bundle has `components` (SKU, quantity) and no stock of its own.
    """

    sku: str
    outer_code: str
    title: str
    price: int
    rank: int
    components: tuple[tuple[str, int], ...] = ()

    def sku_id(self, channel: Channel) -> str:
        """The id by which a channel knows the variant."""
        start = {Channel.DOUYIN: 3410716076000000, Channel.YOUZAN: 40000000}
        return str(start.get(channel, 5100000000000) + self.rank)

    def product_id(self, channel: Channel) -> str:
        """The id by which a channel knows the product."""
        start = {Channel.DOUYIN: 3660207428000000000, Channel.YOUZAN: 3000000000}
        return str(start.get(channel, 670000000000) + self.rank)


_GOODS: Final = (
    ("MUG-WHITE", "马克杯 白", 3990), ("TOWEL-L", "浴巾 大号", 5990),
    ("TEA-OOLONG", "乌龙茶 250g", 8800), ("LAMP-DESK", "台灯", 12900),
    ("MUG-RED", "马克杯 红", 3990), ("PILLOW", "记忆枕", 15900),
    ("BOX-30L", "收纳箱 30L", 4590), ("KNIFE-SET", "刀具三件", 19900),
    ("RUG-120", "地毯 120cm", 22900), ("CUP-TEA", "品茗杯", 1990),
    ("CLOCK", "挂钟", 9900),
)  # fmt: skip
_GIFT_SKU: Final = "CUP-TEA"


@cache
def catalogue() -> tuple[Item, ...]:
    """The goods of the demo, best seller first; the last one is a bundle."""
    items = [
        Item(sku, f"HF-{sku}", title, price, rank)
        for rank, (sku, title, price) in enumerate(_GOODS, start=1)
    ]
    parts = (("TEA-OOLONG", 1), (_GIFT_SKU, 2))
    bundle = Item("SET-TEA", "HF-SET-TEA", "茶具组合", 11900, len(items) + 1, parts)
    return (*items, bundle)


def opening_stock(warehouses: Sequence[str], orders: int) -> Iterator[tuple[str, str, int]]:
    """Stock before the day as (sku, warehouse, quantity).

    It covers about what `orders` will ask for, so that the best sellers run
    short on the evening and refusals are seen.
    """
    stocked = [item for item in catalogue() if not item.components]
    total = sum(1 / item.rank for item in stocked)
    for item in stocked:
        share = orders * 2 / item.rank / total
        for warehouse in warehouses:
            yield item.sku, warehouse, max(10, int(share / len(warehouses)))


def make_day(seed: int, orders: int, day: date) -> Iterator[Delivery]:
    """Deliveries of one day in Asia/Shanghai, in order of arrival.

    Raises:
        ValueError: `orders` is negative, or too many for the ids of a day.
    """
    if not 0 <= orders <= _MOST_ORDERS:
        raise ValueError(f"orders must be 0 to {_MOST_ORDERS}, not {orders}")
    midnight = int(datetime.combine(day, time(), _SHANGHAI).timestamp())
    clock = random.Random(f"{seed}/clock")
    arrivals = sorted(_second_of_day(clock) for _ in range(orders))
    # A reply follows its order by up to 15 minutes: wait until no earlier one can come.
    waiting: list[tuple[int, int, Delivery]] = []
    for number, second in enumerate(arrivals):
        created = midnight + second
        while waiting and waiting[0][0] < created * 1000:
            yield heappop(waiting)[2]
        rng = random.Random(f"{seed}/{number}")
        delivery = _delivery(rng, number, created, clock.randrange(1000))
        heappush(waiting, (delivery.due_ms, number, delivery))
    while waiting:
        yield heappop(waiting)[2]


def _second_of_day(rng: random.Random) -> int:
    """Bursts at 00:00 and 20:00 that die away, over a slow curve of the day."""
    kind = rng.random()
    if kind < 0.25:
        second = rng.expovariate(1 / 360)
    elif kind < 0.60:
        second = 20 * 3600 + rng.expovariate(1 / 600)
    else:
        second = rng.triangular(0, _DAY_SECONDS, 15 * 3600)
    return int(second) % _DAY_SECONDS


@dataclass(frozen=True, slots=True)
class _Line:
    item: Item
    quantity: int
    paid: int
    is_gift: bool


@dataclass(frozen=True, slots=True)
class _Sale:
    """An order before it takes a platform's shape. Amounts in fen, times in unix seconds."""

    number: int
    created: int
    fate: Fate
    lines: tuple[_Line, ...]
    goods: int
    freight: int
    price_cut: int
    coupon: int
    note: str
    rng: random.Random

    @property
    def payable(self) -> int:
        """What the buyer owes or has paid, in fen."""
        return self.goods + self.freight - self.price_cut - self.coupon

    @property
    def is_paid(self) -> bool:
        """Whether the order arrives paid."""
        return self.fate in _PAID

    @property
    def paid_second(self) -> int:
        """Second of payment, 0 for none."""
        return self.created + 20 if self.is_paid else 0

    def line_id(self, prefix: int, index: int) -> str:
        """An id of 19 digits that no order and no other line has."""
        return f"{prefix}{self.number:07d}{self.created % 10**8:08d}{index:02d}"

    @property
    def updated(self) -> int:
        """Second of the last change, after which the reply arrives."""
        return self.created + {Fate.CLOSED: 900, Fate.PRESALE: 30}.get(self.fate, 21)


def _delivery(rng: random.Random, number: int, created: int, millisecond: int) -> Delivery:
    channel = rng.choices(list(CHANNELS), list(CHANNELS.values()))[0]
    fate = rng.choices(list(FATES), list(FATES.values()))[0]
    sale = _sale(rng, number, created, fate)
    order_id, reply = {
        Channel.DOUYIN: _douyin, Channel.YOUZAN: _youzan, Channel.TAOBAO: _taobao,
    }[channel](sale)  # fmt: skip
    payload = json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Delivery(sale.updated * 1000 + millisecond, channel, payload, order_id, fate)


def _sale(rng: random.Random, number: int, created: int, fate: Fate) -> _Sale:
    goods = catalogue()
    count = rng.choices((1, 2, 3, 4), (68, 20, 9, 3))[0]
    picked = dict.fromkeys(rng.choices(goods, [1 / item.rank for item in goods], k=count))
    asked = [(item, rng.choices((1, 2, 3), (80, 15, 5))[0]) for item in picked]
    total = sum(item.price * quantity for item, quantity in asked)
    price_cut = rng.choice((100, 299, 500)) if rng.random() < 0.12 else 0
    coupon = total // 10 if rng.random() < 0.30 else 0
    freight = 600 if total < 5000 else 0
    lines = _shares(asked, total, price_cut + coupon)
    if rng.random() < 0.08:
        gift = next(item for item in goods if item.sku == _GIFT_SKU)
        lines.append(_Line(gift, 1, 0, is_gift=True))
    note = rng.choices(("", "请包好 送人用", "急 今天能发吗", "放门口\n谢谢"), (85, 8, 4, 3))[0]
    return _Sale(number, created, fate, tuple(lines), total, freight, price_cut, coupon, note, rng)


def _shares(asked: Sequence[tuple[Item, int]], total: int, discount: int) -> list[_Line]:
    """Lines with their share of the discount; the last one takes the rounding."""
    lines, left = [], discount
    for index, (item, quantity) in enumerate(asked):
        full = item.price * quantity
        part = left if index == len(asked) - 1 else discount * full // total
        left -= part
        lines.append(_Line(item, quantity, full - part, is_gift=False))
    return lines


def _douyin(sale: _Sale) -> tuple[str, dict[str, Any]]:
    rng, order_id = sale.rng, f"69{sale.created:010d}{sale.number:07d}"
    status = 4 if sale.fate is Fate.CLOSED else 2 if sale.is_paid else 1
    presale = sale.fate is Fate.PRESALE
    state = {
        "order_status": status, "main_status": 103 if presale else status,
        "order_type": 0, "trade_type": 2 if presale else 0,
        "create_time": sale.created, "update_time": sale.updated, "pay_time": sale.paid_second,
        "exp_ship_time": sale.created + 172_800 if sale.is_paid else 0,
    }  # fmt: skip
    author = rng.choice((4195355415549901, 3140592653589902)) if rng.random() < 0.4 else 0
    lines = [_douyin_line(sale, n, order_id, author) | state for n in range(len(sale.lines))]
    province, city, town, code = _place(rng)
    levels = {"province": {"name": province, "id": code[:2]},
              "city": {"name": city, "id": f"{code[:4]}00"},
              "town": {"name": town, "id": code}, "street": {"name": "", "id": ""}}  # fmt: skip
    order = state | {
        "shop_id": int(SHOP_IDS[Channel.DOUYIN]), "order_id": order_id, "order_level": 2,
        "pay_amount": sale.payable, "post_amount": sale.freight,
        "promotion_amount": sale.coupon, "modify_amount": -sale.price_cut,
        "buyer_words": sale.note or None, "seller_words": "", "seller_remark_stars": 0,
        "doudian_open_id": f"1@#{_noise(rng, 30)}", "channel_payment_no": "",
        "encrypt_post_tel": f"$${_noise(rng, 30)}*{_noise(rng, 20)}$1$$",
        "encrypt_post_receiver": f"##{_noise(rng, 30)}*{_noise(rng, 20)}#1##",
        "mask_post_receiver": f"{rng.choice('陈林周黄')}*",
        "mask_post_tel": f"1********{rng.randrange(100):02d}",
        "post_addr": levels | {"detail": "", "encrypt_detail": f"##{_noise(rng, 40)}*x#1##"},
        "mask_post_addr": levels | {"detail": "和平路***号"},
        "sku_order_list": lines,
    }  # fmt: skip
    data = {"page": 0, "total": 1, "size": 1, "shop_order_list": [order]}
    return order_id, {"code": 10000, "msg": "success", "log_id": _noise(rng, 12), "data": data}


def _douyin_line(sale: _Sale, index: int, order_id: str, author: int) -> dict[str, Any]:
    line = sale.lines[index]
    item, price = line.item, 0 if line.is_gift else line.item.price
    coupons = []
    if sale.coupon and index == 0:
        batch = "7438000011112222901"
        coupons = [{"coupon_id": 7438111122223333902, "coupon_meta_id": batch,
                    "coupon_amount": sale.coupon}]  # fmt: skip
    return {
        "order_id": sale.line_id(70, index), "parent_order_id": order_id, "order_level": 3,
        "author_id": 0 if line.is_gift else author,
        "product_id": int(item.product_id(Channel.DOUYIN)),
        "product_id_str": item.product_id(Channel.DOUYIN),
        "sku_id": int(item.sku_id(Channel.DOUYIN)), "code": item.outer_code,
        "product_name": item.title, "item_num": line.quantity, "origin_amount": price,
        "sum_amount": price * line.quantity,
        "pay_amount": line.paid + (sale.freight if index == 0 else 0),
        "pre_sale_type": 0, "given_product_type": "FREE" if line.is_gift else "",
        "master_sku_order_id_list": [sale.line_id(70, 0)] if line.is_gift else [],
        "after_sale_info": {"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0},
        "promotion_detail": {"shop_discount_detail": {"coupon_info": coupons}},
    }  # fmt: skip


def _youzan(sale: _Sale) -> tuple[str, dict[str, Any]]:
    rng, tid = sale.rng, f"E{_stamp(sale.created)}{sale.number:09d}"
    status = "WAIT_SELLER_SEND_GOODS" if sale.is_paid else "WAIT_BUYER_PAY"
    province, city, district, code = _place(rng)
    full = {
        "order_info": {
            "tid": tid, "node_kdt_id": int(SHOP_IDS[Channel.YOUZAN]), "type": 0,
            "status": "TRADE_CLOSED" if sale.fate is Fate.CLOSED else status,
            "close_type": 1 if sale.fate is Fate.CLOSED else 0, "refund_state": 0,
            "created": _text(sale.created), "update_time": _text(sale.updated),
            "pay_time": _text(sale.paid_second) if sale.is_paid else "", "express_type": 0,
            "order_extra": {}, "order_tags": {"is_down_payment_pre": sale.fate is Fate.PRESALE},
        },
        "buyer_info": {"yz_open_id": _noise(rng, 24), "buyer_phone": ""},
        "address_info": {
            "receiver_name": f"${_noise(rng, 20)}$1$", "receiver_tel": f"${_noise(rng, 20)}$1$",
            "delivery_province": province, "delivery_city": city, "delivery_district": district,
            "delivery_address": f"${_noise(rng, 40)}$1$", "self_fetch_info": "",
            "address_extra": json.dumps({"areaCode": code}),
        },
        "pay_info": {
            "total_fee": _yuan(sale.goods), "post_fee": _yuan(sale.freight),
            "payment": _yuan(sale.payable), "phase_payments": [], "outer_transactions": [],
            "real_payment": _yuan(sale.payable if sale.is_paid else 0), "transaction": [],
        },
        "remark_info": {"buyer_message": sale.note, "star": 0, "trade_memo": None},
        "child_info": None, "source_info": {"source": {"platform": "wx"}},
        "orders": [_youzan_line(sale, line, n) for n, line in enumerate(sale.lines)],
    }  # fmt: skip
    promotions = [{"promotion_type_id": 105, "coupon_id": 80012901}] if sale.coupon else None
    order = {"full_order_info": full, "order_promotion": {"item": None, "order": promotions}}
    data = {"total_results": 1, "full_order_info_list": [order]}
    return tid, {"code": 200, "success": True, "message": "successful", "data": data}


def _youzan_line(sale: _Sale, line: _Line, index: int) -> dict[str, Any]:
    item = line.item
    return {
        "oid": f"158{sale.number:014d}{index:02d}", "title": item.title, "num": line.quantity,
        "item_id": int(item.product_id(Channel.YOUZAN)), "outer_item_id": "",
        "sku_id": int(item.sku_id(Channel.YOUZAN)), "outer_sku_id": item.outer_code,
        "price": _yuan(0 if line.is_gift else item.price),
        "payment": _yuan(line.paid + (sale.freight if index == 0 else 0)),
        "is_present": line.is_gift, "item_type": 0, "is_pre_sale": "null", "pre_sale_type": "null",
    }  # fmt: skip


def _taobao(sale: _Sale) -> tuple[str, dict[str, Any]]:
    rng, tid = sale.rng, f"23{sale.created:010d}{sale.number:07d}"
    presale = sale.fate is Fate.PRESALE
    status = "WAIT_SELLER_SEND_GOODS" if sale.is_paid else "WAIT_BUYER_PAY"
    status = "TRADE_CLOSED_BY_TAOBAO" if sale.fate is Fate.CLOSED else status
    province, city, district, _ = _place(rng)
    single = len(sale.lines) == 1
    lines = [_taobao_line(line, tid if single else sale.line_id(24, n), status)
             for n, line in enumerate(sale.lines)]  # fmt: skip
    trade: dict[str, Any] = {
        "tid": int(tid), "tid_str": tid, "type": "step" if presale else "fixed", "status": status,
        "created": _text(sale.created), "modified": _text(sale.updated),
        "buyer_nick": "买**家", "buyer_open_uid": _noise(rng, 24), "seller_nick": "示例家居旗舰店",
        "total_fee": _yuan(sale.goods), "post_fee": _yuan(sale.freight),
        "payment": _yuan(sale.payable), "adjust_fee": _yuan(-sale.price_cut),
        "receiver_state": province, "receiver_city": city, "receiver_district": district,
        "receiver_town": "", "receiver_address": "解放路***号", "receiver_name": "王**",
        "receiver_mobile": f"*******{rng.randrange(10**4):04d}", "oaid": _noise(rng, 24),
        "buyer_message": sale.note, "seller_flag": 0,
        # One line comes as an object, not as a list of one.
        "orders": {"order": lines[0] if single else lines},
    }  # fmt: skip
    if sale.is_paid:
        trade["pay_time"] = _text(sale.paid_second)
    if presale:
        trade["step_trade_status"] = "FRONT_PAID_FINAL_NOPAID"
    if sale.coupon:
        detail = {"promotion_id": "mjs-901_902", "discount_fee": _yuan(sale.coupon)}
        trade["promotion_details"] = {"promotion_detail": [detail]}
    page = {"has_next": False, "trades": {"trade": [trade]}, "request_id": _noise(rng, 12)}
    return tid, {"trades_sold_increment_get_response": page}


def _taobao_line(line: _Line, oid: str, status: str) -> dict[str, Any]:
    item = line.item
    shape: dict[str, Any] = {
        "oid": int(oid), "oid_str": oid, "title": item.title, "num": line.quantity,
        "num_iid": int(item.product_id(Channel.TAOBAO)), "sku_id": item.sku_id(Channel.TAOBAO),
        "outer_sku_id": item.outer_code, "price": _yuan(item.price),
        "payment": _yuan(line.paid), "divide_order_fee": _yuan(line.paid),
        "status": status, "refund_status": "NO_REFUND",
    }  # fmt: skip
    return shape | ({"is_free_gift": True, "gift_mids": f"{oid[:-2]}00"} if line.is_gift else {})


_PLACES: Final = (
    ("浙江省", "杭州市", "西湖区", "330106"), ("广东省", "深圳市", "南山区", "440305"),
    ("上海市", "市辖区", "浦东新区", "310115"), ("四川省", "成都市", "武侯区", "510107"),
    ("湖北省", "武汉市", "洪山区", "420111"), ("北京市", "市辖区", "海淀区", "110108"),
)  # fmt: skip


def _place(rng: random.Random) -> tuple[str, str, str, str]:
    return rng.choice(_PLACES)


def _noise(rng: random.Random, size: int) -> str:
    return base64.b64encode(rng.randbytes(size)).decode("ascii")


def _yuan(fen: int) -> str:
    sign, whole = "-" if fen < 0 else "", abs(fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, _SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, _SHANGHAI).strftime("%Y%m%d%H%M%S")
