"""Builders of small, complete replies in each platform's shape; every value is invented.

Each builder returns a fresh order that maps without problems. Tests change one
thing in it and look at what comes out.
"""

from __future__ import annotations

import json
from typing import Any

from holdfast.channels import MappedOrder, Problem, map_reply

TALENT = "3140592653589793"
BATCH = "7400000000111122223"
COUPON = 7400000000999988887


def douyin_line(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "order_id": "6900000000000001001",
        "parent_order_id": "6900000000000001000",
        "order_status": 2,
        "main_status": 2,
        "trade_type": 0,
        "pre_sale_type": 0,
        "order_type": 0,
        "author_id": int(TALENT),
        "author_name": "主播甲",
        "product_id": 3600000000000000011,
        "product_id_str": "3600000000000000011",
        "sku_id": 3400000000000011,
        "code": "MUG-RED",
        "product_name": "马克杯 红",
        "item_num": 2,
        "origin_amount": 3990,
        "sum_amount": 7980,
        "pay_amount": 6980,
        "given_product_type": "",
        "after_sale_info": {"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0},
        "promotion_detail": {
            "shop_discount_detail": {
                "coupon_info": [{"coupon_id": COUPON, "coupon_meta_id": BATCH}],
            }
        },
    }
    return line | changes


def douyin(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    places = {
        "province": {"name": "浙江省", "id": "33"},
        "city": {"name": "宁波市", "id": "330200"},
        "town": {"name": "鄞州区", "id": "330212"},
        "street": {"name": "下应街道", "id": "330212004"},
    }
    order: dict[str, Any] = {
        "shop_id": 5550001,
        "order_id": "6900000000000001000",
        "order_status": 2,
        "main_status": 2,
        "order_type": 0,
        "trade_type": 0,
        "create_time": 1731000000,
        "pay_time": 1731000060,
        "update_time": 1731000061,
        "exp_ship_time": 1731172800,
        "appointment_ship_time": 0,
        "buyer_words": "",
        "seller_words": "",
        "seller_remark_stars": 0,
        "doudian_open_id": "1@#openid0001",
        "pay_amount": 7480,
        "post_amount": 500,
        "promotion_amount": 1000,
        "modify_amount": 0,
        "channel_payment_no": "2024110822001400000000000009",
        "encrypt_post_tel": "$$cGhvbmU*dGFpbA=$1$$",
        "encrypt_post_receiver": "##bmFtZQ==*dGFpbA=#1##",
        "mask_post_receiver": "林*",
        "mask_post_tel": "1********66",
        "post_addr": {**places, "detail": "", "encrypt_detail": "##YWRkcg==*dGFpbA=#1##"},
        "mask_post_addr": {**places, "detail": "诚信路***号"},
        "sku_order_list": list(lines) or [douyin_line()],
    }
    return order | changes


def douyin_page(*orders: Any, **envelope: Any) -> dict[str, Any]:
    data = {"page": 0, "total": len(orders), "size": 100, "shop_order_list": list(orders)}
    return {"code": 10000, "msg": "success", "log_id": "log1", "data": data} | envelope


def youzan_line(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "oid": "1580000000000000001",
        "item_id": 3000000901,
        "sku_id": 40000901,
        "outer_item_id": "TOWEL",
        "outer_sku_id": "TOWEL-L",
        "title": "浴巾 大号",
        "num": 1,
        "price": "59.90",
        "payment": "64.90",
        "is_present": False,
        "item_type": 0,
        "is_pre_sale": "",
        "pre_sale_type": "null",
    }
    return line | changes


def youzan(*lines: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """Sections are merged: `order_info={...}` changes keys of order_info."""
    full: dict[str, Any] = {
        "order_info": {
            "tid": "E20241108090000000000001",
            "node_kdt_id": 700700,
            "status": "WAIT_SELLER_SEND_GOODS",
            "type": 0,
            "refund_state": 0,
            "close_type": 0,
            "express_type": 0,
            "created": "2024-11-08 09:00:00",
            "pay_time": "2024-11-08 09:00:30",
            "update_time": "2024-11-08 09:00:31",
            "order_extra": {},
            "order_tags": {"is_payed": True},
        },
        "buyer_info": {"yz_open_id": "yzopenid0001", "buyer_phone": ""},
        "address_info": {
            "receiver_name": "$bmFtZQ==$1$",
            "receiver_tel": "$cGhvbmU=$1$",
            "delivery_province": "湖南省",
            "delivery_city": "长沙市",
            "delivery_district": "岳麓区",
            "delivery_address": "$YWRkcg==$1$",
            "address_extra": '{"areaCode":"430104","lon":112.9}',
            "self_fetch_info": "",
        },
        "pay_info": {
            "total_fee": "59.90",
            "post_fee": "5.00",
            "payment": "64.90",
            "real_payment": "64.90",
            "transaction": ["241108090000000001"],
            "outer_transactions": [],
            "phase_payments": [],
        },
        "remark_info": {"buyer_message": "", "star": 0, "trade_memo": None},
        "child_info": None,
        "orders": list(lines) or [youzan_line()],
    }
    for name, changes in sections.items():
        full[name] = full[name] | changes if isinstance(full.get(name), dict) else changes
    return {"full_order_info": full}


def youzan_page(*orders: Any, **envelope: Any) -> dict[str, Any]:
    data = {"total_results": len(orders), "full_order_info_list": list(orders)}
    return {
        "code": 200,
        "success": True,
        "message": "ok",
        "trace_id": "t1",
        "data": data,
    } | envelope


def taobao_line(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "oid": 2300000000000000001,
        "oid_str": "2300000000000000001",
        "num_iid": 660000000001,
        "sku_id": "5000000000001",
        "outer_sku_id": "LAMP-W",
        "outer_iid": "LAMP",
        "title": "台灯 白",
        "num": 1,
        "price": "89.00",
        "payment": "89.00",
        "divide_order_fee": "80.10",
        "status": "WAIT_SELLER_SEND_GOODS",
        "refund_status": "NO_REFUND",
    }
    return line | changes


def taobao(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    trade: dict[str, Any] = {
        "tid": 2300000000000000001,
        "tid_str": "2300000000000000001",
        "type": "fixed",
        "status": "WAIT_SELLER_SEND_GOODS",
        "created": "2024-11-08 20:00:00",
        "modified": "2024-11-08 20:00:31",
        "pay_time": "2024-11-08 20:00:30",
        "buyer_nick": "买**家",
        "buyer_open_uid": "AAHopenuid0001",
        "seller_nick": "示例旗舰店",
        "total_fee": "89.00",
        "post_fee": "0.00",
        "payment": "80.10",
        "discount_fee": "8.90",
        "receiver_state": "江苏省",
        "receiver_city": "苏州市",
        "receiver_district": "昆山市",
        "receiver_town": "玉山镇",
        "receiver_address": "前进中路***号",
        "receiver_name": "周**",
        "receiver_mobile": "*******1234",
        "oaid": "1oaid0001",
        "seller_flag": 0,
        "orders": {"order": list(lines) or [taobao_line()]},
        "promotion_details": {
            "promotion_detail": [{"id": 1, "promotion_id": "mjs-11_22", "discount_fee": "8.90"}]
        },
    }
    return trade | changes


def taobao_page(*trades: Any) -> dict[str, Any]:
    return {
        "trades_sold_increment_get_response": {
            "has_next": False,
            "trades": {"trade": list(trades)},
            "request_id": "r1",
        }
    }


def mapped(channel: str, reply: Any, **options: Any) -> list[MappedOrder]:
    return map_reply(channel, json.dumps(reply, ensure_ascii=False).encode(), **options)


def one(channel: str, reply: Any, **options: Any) -> MappedOrder:
    (order,) = mapped(channel, reply, **options)
    return order


def only_problem(order: MappedOrder) -> Problem:
    assert len(order.problems) == 1, [p.to_json_dict() for p in order.problems]
    return order.problems[0]
