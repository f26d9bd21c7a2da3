"""Numbers as text, text as numbers, blanks in every spelling, units, times, notes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from channel_payloads import (
    douyin,
    douyin_line,
    one,
    only_problem,
    taobao,
    taobao_line,
    youzan,
    youzan_line,
)  # fmt: skip

from holdfast.channels import map_reply


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_text(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_as_text(held) for held in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def test_a_detail_reply_with_every_number_as_text_maps_alike() -> None:
    detail = {"code": "10000", "data": {"shop_order_detail": _as_text(douyin())}}
    assert one("douyin", detail).to_json_dict() == one("douyin", douyin()).to_json_dict()


def test_ids_above_2_to_53_stay_exact() -> None:
    trade = taobao()
    del trade["tid_str"]
    trade["orders"]["order"][0].pop("oid_str")
    order = one("taobao", trade)
    assert order.order_id == "2300000000000000001"
    assert order.lines[0].line_id == "2300000000000000001"


def test_a_doubly_quoted_id_loses_its_quotes() -> None:
    order = one("douyin", douyin(order_id='"6900000000000001000"'))
    assert order.order_id == "6900000000000001000"


@pytest.mark.parametrize("blank", [None, "", "  ", "null", [], {}])
def test_blanks_of_every_spelling_mean_nothing(blank: Any) -> None:
    order = one("douyin", douyin(douyin_line(code=blank), buyer_words=blank, exp_ship_time=blank))
    assert (order.buyer_note, order.ship_deadline, order.lines[0].outer_sku) == (None, None, None)
    assert order.problems == ()


def test_a_missing_required_value_is_a_problem_that_names_where_it_looked() -> None:
    order = douyin()
    del order["update_time"]
    problem = only_problem(one("douyin", order))
    assert (problem.code, problem.field) == ("MISSING", "updated_at")
    assert "update_time" in problem.message


def test_a_missing_shop_is_taken_from_the_caller() -> None:
    order = youzan(order_info={"node_kdt_id": None})
    assert only_problem(one("youzan", order)).field == "shop_id"
    assert one("youzan", order).order_number is None
    given = one("youzan", order, shop_id="700700")
    assert given.order_number == "youzan:700700:E20241108090000000000001"
    assert given.problems == ()


def test_a_contradicting_shop_is_a_problem() -> None:
    order = one("douyin", douyin(), shop_id="999")
    assert order.shop_id == "5550001"
    assert only_problem(order).code == "SHOP_MISMATCH"


def test_a_taobao_shop_is_the_callers_id_before_the_nick() -> None:
    assert one("taobao", taobao(), shop_id="880088").shop_id == "880088"


@pytest.mark.parametrize("wrong", ["74.80", "7480.00"])
def test_yuan_where_fen_belong_is_refused(wrong: str) -> None:
    order = one("douyin", douyin(pay_amount=wrong))
    assert (order.paid_amount, order.discount_amount) == (None, None)
    problem = only_problem(order)
    assert (problem.code, problem.field, problem.value) == ("WRONG_UNIT", "paid_amount", wrong)


def test_a_json_fraction_where_fen_belong_is_refused() -> None:
    payload = json.dumps(douyin()).replace('"pay_amount": 7480', '"pay_amount": 74.80')
    (order,) = map_reply("douyin", payload)
    assert only_problem(order).value == "74.80"


@pytest.mark.parametrize("wrong", [8010, "8010"])
def test_fen_where_yuan_belong_is_refused(wrong: Any) -> None:
    order = one("taobao", taobao(payment=wrong))
    assert order.paid_amount is None
    assert only_problem(order).code == "WRONG_UNIT"


@pytest.mark.parametrize(
    ("written", "fen"),
    [("0", 0), (0, 0), ("0.10", 10), ("1.1", 110), ("0.29", 29), ("1999999999.99", 199999999999)],
)
def test_yuan_become_fen_exactly(written: Any, fen: int) -> None:
    order = one("taobao", taobao(taobao_line(divide_order_fee=written)))
    assert order.lines[0].paid_amount == fen


def test_an_amount_beyond_ten_billion_yuan_is_none() -> None:
    order = one("taobao", taobao(payment="10000000000.01"))
    assert order.paid_amount is None
    assert only_problem(order).code == "BAD_SHAPE"


def test_a_json_number_of_yuan_never_passes_through_a_float() -> None:
    payload = json.dumps(taobao()).replace('"payment": "80.10"', '"payment": 80.10')
    (order,) = map_reply("taobao", payload)
    assert order.paid_amount == 8010


@pytest.mark.parametrize(
    "wrong", ["1.234", "1,000.00", "1e3", "十元", -1, "-5.00", True, "10" * 20]
)
def test_what_is_no_amount_is_refused(wrong: Any) -> None:
    order = one("taobao", taobao(post_fee=wrong))
    assert order.freight_amount is None
    assert only_problem(order).field == "freight_amount"


def test_a_line_without_its_sum_leaves_goods_amount_empty() -> None:
    line = douyin_line()
    del line["sum_amount"]
    order = one("douyin", douyin(line))
    assert order.goods_amount is None
    assert only_problem(order).field == "goods_amount"


def test_the_discount_is_derived_from_the_three_amounts() -> None:
    order = one("douyin", douyin(modify_amount=-250, pay_amount=7230))
    assert order.discount_amount == 7980 + 500 - 7230
    assert order.reported_amounts["modify_amount"] == -250


def test_stored_value_cards_of_youzan_are_fen_already() -> None:
    order = one("youzan", youzan(pay_info={"deduction_pay": 2000}))
    assert order.reported_amounts["deduction_pay"] == 2000


@pytest.mark.parametrize(
    ("count", "kept"), [("3", 3), (0, None), (-1, None), ("2.5", None), (True, None)]
)
def test_quantities_are_positive_whole_units(count: Any, kept: int | None) -> None:
    order = one("douyin", douyin(douyin_line(item_num=count)))
    assert order.lines[0].quantity == kept
    assert [p.field for p in order.problems] == ([] if kept else ["lines[0].quantity"])


def test_times_are_utc_from_seconds_and_from_shanghai_text() -> None:
    assert one("douyin", douyin(create_time="1731000000")).created_at == 1731000000000
    text = one("taobao", taobao(created="2024-11-11 00:00:05")).to_json_dict()
    assert text["created_at"] == "2024-11-10T16:00:05Z"


@pytest.mark.parametrize("none", [0, "0", "", "1970-01-01 08:00:00", "0000-00-00 00:00:00"])
def test_no_time_in_every_spelling(none: Any) -> None:
    assert one("douyin", douyin(exp_ship_time=none)).ship_deadline is None


@pytest.mark.parametrize("wrong", [1731000000123, "tomorrow", "2024-13-40 00:00:00", -5])
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    order = one("douyin", douyin(create_time=wrong))
    assert order.created_at is None
    assert only_problem(order).code == "BAD_SHAPE"


def test_the_ship_deadline_falls_back_and_takes_the_earliest_line() -> None:
    fallback = one("douyin", douyin(exp_ship_time=0, appointment_ship_time=1731100000))
    assert fallback.ship_deadline == 1731100000000
    lines = [youzan_line(oid=f"158000000000000000{n}", expect_delivery_time=t)
             for n, t in ((1, 1731300000), (2, "1731200000"))]  # fmt: skip
    assert one("youzan", youzan(*lines)).ship_deadline == 1731200000000
    promised = taobao(est_con_time="付款后 7 天内", send_time="2024-11-20 23:59:59")
    assert one("taobao", promised).to_json_dict()["ship_deadline"] == "2024-11-20T15:59:59Z"


def test_notes_keep_line_breaks_and_get_plain_digits() -> None:
    order = one("youzan", youzan(remark_info={"buyer_message": " 要２件，\r\n红色 "}))
    assert order.buyer_note == "要2件，\n红色"


def test_lone_surrogates_and_control_characters_cannot_break_the_output() -> None:
    payload = json.dumps(douyin(buyer_words="好\ud800\u0000的"))
    (order,) = map_reply("douyin", payload)
    assert order.buyer_note == "好\ufffd的"
    json.dumps(order.to_json_dict(), ensure_ascii=False).encode("utf-8")


def test_several_coupons_and_talents() -> None:
    second = douyin_line(order_id="6900000000000001002", author_id=0, promotion_detail=None)
    first = douyin_line(order_id="6900000000000001003", author_id=0)
    order = one(
        "douyin",
        douyin(
            second,
            first,
            douyin_line(),
            promotion_detail={
                "platform_discount_detail": {
                    "coupon_info": {"coupon_meta_id": "7400000000222233334"}
                }
            },
        ),
    )
    assert order.coupon_code == ("7400000000222233334", "7400000000111122223")
    assert order.talent_id == "3140592653589793"
    assert [line.talent_id for line in order.lines] == [None, None, "3140592653589793"]


def test_youzan_coupons_are_promotions_of_type_105() -> None:
    promotions = {
        "item": {"oid": "1", "promotions": [{"promotion_type_id": 11, "coupon_id": 1}]},
        "order": [{"promotion_type_id": "105", "coupon_id": 80123}, {"promotion_type_id": 101}],
    }
    order = one("youzan", youzan() | {"order_promotion": promotions})
    assert order.coupon_code == ("80123",)
    empty = one("youzan", youzan() | {"order_promotion": {"item": None, "order": None}})
    assert empty.coupon_code == ()


def test_line_money_is_the_platforms_share() -> None:
    assert one("douyin", douyin()).lines[0].paid_amount == 6980
    assert one("taobao", taobao()).lines[0].paid_amount == 8010
    line = taobao_line()
    del line["divide_order_fee"]
    assert one("taobao", taobao(line)).lines[0].paid_amount == 8900


def test_youzan_paid_amount_is_payable_while_unpaid() -> None:
    unpaid = youzan(
        order_info={"status": "WAIT_BUYER_PAY", "pay_time": ""},
        pay_info={"real_payment": "0.00", "payment": "64.90"},
    )
    assert one("youzan", unpaid).paid_amount == 6490


def test_gifts_name_the_lines_they_belong_to() -> None:
    gift = douyin_line(
        order_id="6900000000000001002", given_product_type="FREE",
        master_sku_order_id_list=["6900000000000001001"],
    )  # fmt: skip
    assert one("douyin", douyin(douyin_line(), gift)).lines[1].gift_of == ("6900000000000001001",)
    main = taobao_line(oid=2300000000000000002, oid_str="", gift_mids="2300000000000000003")
    free = taobao_line(oid=2300000000000000003, oid_str="", gift_mids="2300000000000000002",
                       is_free_gift="true")  # fmt: skip
    lines = one("taobao", taobao(main, free)).lines
    assert [(line.is_gift, line.gift_of) for line in lines] == [
        (False, ()), (True, ("2300000000000000002",)),
    ]  # fmt: skip
    assert one("youzan", youzan(youzan_line(is_present="true"))).lines[0].is_gift is True


def test_goods_without_variants_have_no_sku_id() -> None:
    line = one("youzan", youzan(youzan_line(sku_id=0, outer_sku_id=""))).lines[0]
    assert (line.sku_id, line.outer_sku) == (None, "TOWEL")
    variant = one("youzan", youzan(youzan_line(outer_sku_id=""))).lines[0]
    assert variant.outer_sku is None


def test_an_order_without_lines_is_a_problem() -> None:
    order = one("taobao", taobao() | {"orders": {}})
    assert ("MISSING", "lines") in [(p.code, p.field) for p in order.problems]
