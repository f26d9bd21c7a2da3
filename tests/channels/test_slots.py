"""A value in the wrong slot is never written and the problem names both fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from channel_payloads import (
    BATCH,
    TALENT,
    douyin,
    douyin_line,
    mapped,
    one,
    only_problem,
    taobao,
    taobao_line,
    youzan,
    youzan_line,
)  # fmt: skip

from holdfast.channels import MappedOrder

PHONE = "13900001111"


def _coupon(value: str) -> dict[str, Any]:
    return {"shop_discount_detail": {"coupon_info": [{"coupon_meta_id": value}]}}


def _pairs(order: MappedOrder) -> set[tuple[str, str | None]]:
    return {(p.field, p.other_field) for p in order.problems if p.code == "WRONG_SLOT"}


@pytest.mark.parametrize("talent", [TALENT, "98765432101", "123456"])
def test_a_talent_id_in_a_coupon_slot(talent: str) -> None:
    order = one("douyin", douyin(douyin_line(promotion_detail=_coupon(talent))))
    assert order.coupon_code == ()
    problem = only_problem(order)
    assert (problem.code, problem.field, problem.other_field) == (
        "WRONG_SLOT", "coupon_code", "talent_id",
    )  # fmt: skip
    assert problem.path.endswith("coupon_info[0].coupon_meta_id")
    assert problem.value == talent


def test_a_talent_id_of_another_order_in_a_coupon_slot() -> None:
    long_talent = 7111222233334444555
    page = [
        douyin(douyin_line(author_id=long_talent)),
        douyin(douyin_line(author_id=0, promotion_detail=_coupon(str(long_talent)))),
    ]
    first, second = mapped("douyin", page)
    assert first.talent_id == str(long_talent)
    assert second.coupon_code == ()
    assert _pairs(second) == {("coupon_code", "talent_id")}


def test_a_coupon_batch_in_the_talent_slot() -> None:
    order = one("douyin", douyin(douyin_line(author_id=int(BATCH))))
    assert order.talent_id is None
    assert order.lines[0].talent_id is None
    assert ("talent_id", "coupon_code") in _pairs(order)
    assert ("lines[0].talent_id", "coupon_code") in _pairs(order)


def test_talent_and_coupon_swapped() -> None:
    swapped = douyin_line(author_id=int(BATCH), promotion_detail=_coupon(TALENT))
    order = one("douyin", douyin(swapped))
    assert (order.talent_id, order.coupon_code) == (None, ())
    assert {("talent_id", "coupon_code"), ("coupon_code", "talent_id")} <= _pairs(order)


def test_a_promotion_in_taobaos_guide_and_a_guide_in_its_promotions() -> None:
    promotion = one("taobao", taobao(o2o_guide_id="mjs-11_22"))
    assert promotion.talent_id is None
    assert ("talent_id", "coupon_code") in _pairs(promotion)
    details = {"promotion_detail": {"promotion_id": "445566778"}}
    guide = one("taobao", taobao(o2o_guide_id="445566778", promotion_details=details))
    assert (guide.talent_id, guide.coupon_code) == ("445566778", ())
    assert _pairs(guide) == {("coupon_code", "talent_id")}


def test_a_salesman_in_youzans_coupon_slot() -> None:
    order = youzan(order_info={"order_extra": {"salesman": {"salesman_nick_name": "小王"}}})
    order["order_promotion"] = {"order": [{"promotion_type_id": 105, "coupon_id": "小王"}]}
    result = one("youzan", order)
    assert (result.talent_id, result.coupon_code) == ("小王", ())
    assert _pairs(result) == {("coupon_code", "talent_id")}
    assert "小王" not in json.dumps([p.to_json_dict() for p in result.problems], ensure_ascii=False)


def test_a_phone_alone_in_a_note_is_not_written() -> None:
    order = one("douyin", douyin(buyer_words="１３９００００１１１１"))
    assert order.buyer_note is None
    problem = only_problem(order)
    assert (problem.field, problem.other_field) == ("buyer_note", "receiver_phone")
    assert problem.value == "<digits, 11 characters>"


def test_a_phone_within_a_note_is_taken_out_of_it() -> None:
    order = one("youzan", youzan(remark_info={"buyer_message": f"到了打 {PHONE}，谢谢"}))
    assert order.buyer_note == "到了打 ***********，谢谢"
    assert _pairs(order) == {("buyer_note", "receiver_phone")}


@pytest.mark.parametrize("channel", ["youzan", "taobao"])
def test_a_phone_in_the_receivers_name(channel: str) -> None:
    reply = (
        youzan(address_info={"receiver_name": f"张 {PHONE}"})
        if channel == "youzan"
        else taobao(receiver_name=PHONE)
    )
    order = one(channel, reply)
    assert order.receiver_name is None
    assert _pairs(order) == {("receiver_name", "receiver_phone")}
    assert PHONE not in json.dumps(order.to_json_dict(), ensure_ascii=False)


def test_a_name_in_the_phone() -> None:
    order = one("taobao", taobao(receiver_mobile="周大福"))
    assert order.receiver_phone is None
    assert _pairs(order) == {("receiver_phone", "receiver_name")}
    assert "周大福" not in json.dumps(order.to_json_dict(), ensure_ascii=False)


@pytest.mark.parametrize(
    "phone",
    ["18400913965-7576", "0571-88880000", "+852 9123 4567", "*******0003", "1********35",
     "$$cGhvbmU*dGFpbA=$1$$", "$cGhvbmU=$1$", "135****3263"],
)  # fmt: skip
def test_phones_of_every_kind_stay_as_given(phone: str) -> None:
    order = one("taobao", taobao(receiver_mobile=phone))
    assert order.receiver_phone == phone
    assert order.problems == ()


def test_a_land_line_stands_in_for_a_missing_mobile() -> None:
    order = one("taobao", taobao(receiver_mobile="", receiver_phone="0512-5550000"))
    assert order.receiver_phone == "0512-5550000"


def test_an_order_id_in_the_sku_slot() -> None:
    order = one("taobao", taobao(taobao_line(sku_id="2300000000000000001")))
    assert order.lines[0].sku_id is None
    problem = only_problem(order)
    assert (problem.field, problem.other_field) == ("lines[0].sku_id", "order_id")
    assert problem.path == "orders.order[0].sku_id"


def test_a_talent_or_coupon_in_the_goods_slots() -> None:
    line = douyin_line(code=TALENT, sku_id=int(BATCH))
    order = one("douyin", douyin(line))
    assert (order.lines[0].outer_sku, order.lines[0].sku_id) == (None, None)
    assert _pairs(order) == {
        ("lines[0].outer_sku", "talent_id"),
        ("lines[0].sku_id", "coupon_code"),
    }


def test_an_order_id_in_the_shop_slot() -> None:
    order = one("douyin", douyin(shop_id="6900000000000001000"))
    assert order.shop_id is None
    assert _pairs(order) == {("shop_id", "order_id")}


def test_a_phone_as_buyer_id() -> None:
    order = one("youzan", youzan(buyer_info={"yz_open_id": PHONE}))
    assert order.buyer_id is None
    assert _pairs(order) == {("buyer_id", "receiver_phone")}


def test_a_city_in_the_province() -> None:
    order = one("taobao", taobao(receiver_state="苏州市"))
    assert order.province is None
    assert _pairs(order) == {("province", "city")}


def test_a_broken_line_id_does_not_hide_the_other_lines() -> None:
    order = one("youzan", youzan(youzan_line(oid=None), youzan_line(oid="1580000000000000002")))
    assert [line.line_id for line in order.lines] == [None, "1580000000000000002"]
    assert only_problem(order).field == "lines[0].line_id"
