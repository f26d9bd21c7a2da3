"""Status, refund and type tables; unknown values; payment of presales."""

from __future__ import annotations

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


def _sale(status: int, kind: int = 1, money: int = 0) -> dict[str, int]:
    return {"after_sale_status": status, "after_sale_type": kind, "refund_status": money}


@pytest.mark.parametrize(
    ("changes", "status", "raw"),
    [
        ({"order_status": 1, "main_status": 103, "pay_time": 0}, "PENDING_PAYMENT", "1/103"),
        ({"order_status": 105, "main_status": 105}, "PAID_HELD", "105"),
        ({"order_status": "2", "main_status": "2"}, "TO_SHIP", "2"),
        ({"order_status": 101, "main_status": 101}, "PARTLY_SHIPPED", "101"),
        ({"order_status": 3, "main_status": 3}, "SHIPPED", "3"),
        ({"order_status": 5, "main_status": 5}, "COMPLETED", "5"),
        ({"order_status": 4, "main_status": 4, "pay_time": 0}, "CANCELLED", "4"),
        ({"order_status": 4, "main_status": 21}, "CLOSED_REFUNDED", "4/21"),
        ({"order_status": 4, "main_status": 39}, "CLOSED_REFUNDED", "4/39"),
    ],
)
def test_douyin_statuses(changes: dict[str, Any], status: str, raw: str) -> None:
    order = one("douyin", douyin(**changes))
    assert (order.status, order.channel_status) == (status, raw)
    assert order.problems == ()


@pytest.mark.parametrize(
    ("order_info", "beside", "status"),
    [
        ({"status": "WAIT_BUYER_PAY", "pay_time": ""}, {}, "PENDING_PAYMENT"),
        ({"status": "WAIT_CONFIRM"}, {}, "PAID_HELD"),
        ({"status": "TRADE_PAID"}, {}, "PAID_HELD"),
        ({"status": "WAIT_SELLER_SEND_GOODS"}, {}, "TO_SHIP"),
        (
            {"status": "WAIT_SELLER_SEND_GOODS"},
            {"delivery_order": [{"express_state": 1, "oids": [{"oid": "1580000000000000001"}]}]},
            "PARTLY_SHIPPED",
        ),
        (
            {"status": "WAIT_SELLER_SEND_GOODS"},
            {"delivery_order": [{"express_state": 0}]},
            "TO_SHIP",
        ),
        ({"status": "WAIT_BUYER_CONFIRM_GOODS"}, {}, "SHIPPED"),
        ({"status": "TRADE_SUCCESS"}, {}, "COMPLETED"),
        ({"status": "TRADE_CLOSED", "pay_time": "", "close_type": 1}, {}, "CANCELLED"),
        ({"status": "TRADE_CLOSED", "refund_state": 12}, {}, "CLOSED_REFUNDED"),
    ],
)
def test_youzan_statuses(order_info: dict[str, Any], beside: dict[str, Any], status: str) -> None:
    order = one("youzan", youzan(order_info=order_info) | beside)
    assert order.status == status
    assert order.problems == ()


def test_youzan_lines_are_told_apart_by_deliveries() -> None:
    lines = [youzan_line(), youzan_line(oid="1580000000000000002")]
    delivery = {"express_state": "1", "oids": [{"oid": "1580000000000000002"}]}
    order = one("youzan", youzan(*lines) | {"delivery_order": delivery})
    assert [line.line_status for line in order.lines] == ["TO_SHIP", "SHIPPED"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "WAIT_BUYER_PAY", "pay_time": None}, "PENDING_PAYMENT"),
        ({"status": "TRADE_NO_CREATE_PAY", "pay_time": None}, "PENDING_PAYMENT"),
        ({"status": "PAID_FORBID_CONSIGN"}, "PAID_HELD"),
        ({"top_hold": 1}, "PAID_HELD"),
        ({"team_buy_hold": "1"}, "PAID_HELD"),
        ({"top_hold": 0, "share_group_hold": "0"}, "TO_SHIP"),
        ({"status": "SELLER_CONSIGNED_PART"}, "PARTLY_SHIPPED"),
        ({"status": "WAIT_BUYER_CONFIRM_GOODS", "top_hold": 1}, "SHIPPED"),
        ({"status": "TRADE_BUYER_SIGNED"}, "SHIPPED"),
        ({"status": "TRADE_FINISHED"}, "COMPLETED"),
        ({"status": "TRADE_CLOSED"}, "CLOSED_REFUNDED"),
        ({"status": "TRADE_CLOSED_BY_TAOBAO", "pay_time": None}, "CANCELLED"),
    ],
)
def test_taobao_statuses(changes: dict[str, Any], status: str) -> None:
    assert one("taobao", taobao(**changes)).status == status


@pytest.mark.parametrize(
    ("channel", "reply"),
    [
        ("douyin", douyin(order_status=77)),
        ("youzan", youzan(order_info={"status": "TRADE_REFUND"})),
        ("taobao", taobao(status="WAIT_FOR_GODOT")),
    ],
)
def test_an_unknown_status_is_null_and_a_problem(channel: str, reply: Any) -> None:
    order = one(channel, reply)
    assert order.status is None
    problem = only_problem(order)
    assert (problem.code, problem.field) == ("UNKNOWN_ENUM", "status")


@pytest.mark.parametrize(
    ("channel", "reply"),
    [
        ("douyin", douyin(order_status=4, main_status=4)),
        ("douyin", douyin(order_status=2, main_status=21)),
        ("youzan", youzan(order_info={"status": "TRADE_CLOSED"})),
    ],
)
def test_statuses_that_contradict_are_not_guessed(channel: str, reply: Any) -> None:
    order = one(channel, reply)
    assert order.status is None
    assert "UNCLEAR_STATUS" in {p.code for p in order.problems}


def test_a_closed_and_refunded_douyin_order_is_told_by_its_lines() -> None:
    order = douyin(douyin_line(after_sale_info=_sale(12, 2, 3)), order_status=4, main_status=4)
    assert one("douyin", order).status == "CLOSED_REFUNDED"


@pytest.mark.parametrize(
    ("sales", "refund"),
    [
        ([_sale(0)], "NONE"),
        ([_sale(6)], "APPLIED"),
        ([_sale(7)], "RUNNING"),
        ([_sale(11), _sale(6)], "RUNNING"),
        ([_sale(12), _sale(0)], "PARTLY_REFUNDED"),
        ([_sale(12), _sale(12, 2)], "REFUNDED"),
        ([_sale(27), _sale(0)], "REFUSED"),
        ([_sale(28)], "NONE"),
        ([_sale(0, 0, 3)], "REFUNDED"),
        ([_sale(14, 3)], "NONE"),
        ([_sale(12, 6)], "PARTLY_REFUNDED"),
        ([{k: str(v) for k, v in _sale(6).items()}], "APPLIED"),
        ([None], "NONE"),
    ],
)
def test_douyin_refunds(sales: list[Any], refund: str) -> None:
    lines = [
        douyin_line(order_id=f"690000000000000100{n}", after_sale_info=sale)
        for n, sale in enumerate(sales, 1)
    ]
    assert one("douyin", douyin(*lines)).refund_status == refund


def test_gifts_do_not_keep_an_order_from_being_refunded() -> None:
    gift = taobao_line(oid=2300000000000000002, oid_str="", is_free_gift=True)
    order = one("taobao", taobao(taobao_line(refund_status="SUCCESS"), gift))
    assert order.refund_status == "REFUNDED"


@pytest.mark.parametrize(
    ("state", "tickets", "refund"),
    [
        (0, [], "NONE"),
        ("2", [], "PARTLY_REFUNDED"),
        (12, [], "REFUNDED"),
        (0, [{"refund_state": 1}], "APPLIED"),
        (0, [{"refund_state": "20"}], "RUNNING"),
        (0, [{"refund_state": 40}], "REFUSED"),
        (0, [{"refund_state": 50}], "NONE"),
        (2, [{"refund_state": 1}], "PARTLY_REFUNDED"),
    ],
)
def test_youzan_refunds(state: Any, tickets: list[Any], refund: str) -> None:
    order = one("youzan", youzan(order_info={"refund_state": state}) | {"refund_order": tickets})
    assert order.refund_status == refund


def test_a_youzan_refund_in_transition_asks_to_fetch_again() -> None:
    order = one("youzan", youzan(order_info={"refund_state": 11}))
    assert order.refund_status == "RUNNING"
    assert only_problem(order).code == "TRANSIENT"


def test_a_youzan_refund_finds_its_line() -> None:
    lines = [youzan_line(), youzan_line(oid="1580000000000000002")]
    tickets = [{"refund_state": 60, "oids": [{"oid": "1580000000000000002"}]}]
    order = one(
        "youzan", youzan(*lines, order_info={"refund_state": 2}) | {"refund_order": tickets}
    )
    assert [line.refund_status for line in order.lines] == [None, "REFUNDED"]


def test_an_unknown_refund_state_is_named_at_line_and_order() -> None:
    order = one("taobao", taobao(taobao_line(refund_status="MAYBE")))
    assert order.refund_status is None
    assert {p.field for p in order.problems} == {"refund_status", "lines[0].refund_status"}


@pytest.mark.parametrize(
    ("channel", "reply", "kind"),
    [
        ("douyin", douyin(trade_type=1), "GROUP"),
        ("douyin", douyin(douyin_line(trade_type=2), trade_type=2), "PRESALE_DEPOSIT"),
        ("douyin", douyin(douyin_line(pre_sale_type="1")), "PRESALE_FULL"),
        ("douyin", douyin(order_type=4), "VIRTUAL"),
        ("douyin", douyin(trade_type=12), "SAMPLE"),
        ("douyin", douyin(trade_type=18), "NORMAL"),
        ("douyin", douyin(trade_type=16), "OTHER"),
        ("youzan", youzan(order_info={"type": 10}), "GROUP"),
        ("youzan", youzan(order_info={"type": "85"}), "LIVE"),
        ("youzan", youzan(order_info={"type": 1}), "GIFT"),
        ("youzan", youzan(youzan_line(is_pre_sale="1", pre_sale_type="0")), "PRESALE_FULL"),
        ("youzan", youzan(youzan_line(is_pre_sale="1", pre_sale_type="1")), "PRESALE_DEPOSIT"),
        ("youzan", youzan(youzan_line(is_pre_sale="null", pre_sale_type="0")), "NORMAL"),
        ("youzan", youzan(order_info={"order_tags": {"is_down_payment_pre": True}}),
         "PRESALE_DEPOSIT"),
        ("youzan", youzan(youzan_line(item_type=182)), "VIRTUAL"),
        ("taobao", taobao(type="step"), "PRESALE_DEPOSIT"),
        ("taobao", taobao(step_trade_status="FRONT_PAID_FINAL_PAID"), "PRESALE_DEPOSIT"),
        ("taobao", taobao(new_presell="true"), "PRESALE_FULL"),
        ("taobao", taobao(type="ec"), "VIRTUAL"),
        ("taobao", taobao(type="fenxiao"), "OTHER"),
        ("taobao", taobao(type="riddle"), None),
        ("youzan", youzan(order_info={"type": 4711}), None),
        ("douyin", douyin(trade_type=4711), None),
    ],
)  # fmt: skip
def test_order_types(channel: str, reply: Any, kind: str | None) -> None:
    order = one(channel, reply)
    assert order.order_type == kind
    assert [p.code for p in order.problems] == ([] if kind else ["UNKNOWN_ENUM"])


def test_a_deposit_alone_is_no_payment() -> None:
    step = {"type": "step", "pay_time": "2024-11-08 20:00:30"}
    waiting = taobao(status="WAIT_BUYER_PAY", step_trade_status="FRONT_PAID_FINAL_NOPAID", **step)
    order = one("taobao", waiting)
    assert order.paid_at is None
    assert order.channel_status == "WAIT_BUYER_PAY/FRONT_PAID_FINAL_NOPAID"
    assert one("taobao", taobao(step_trade_status="FRONT_PAID_FINAL_PAID", **step)).paid_at
    deposit = douyin(order_status=1, main_status=103, trade_type=2)
    assert one("douyin", deposit).paid_at is None


def test_risk_flags() -> None:
    assert one("douyin", douyin(order_status=105, main_status=105)).risk_flags == (
        "PAID_HELD_BY_RISK_CHECK",
    )
    marked = youzan(order_info={"risk_control_mark": "SCALPER_RISK_ORDER"})
    assert one("youzan", marked).risk_flags == ("SCALPER_RISK_ORDER",)
    assert one("taobao", taobao(top_hold=1)).risk_flags == ("TOP_HOLD",)
