"""Which rule decides how urgent an order is."""

from __future__ import annotations

from typing import Any

import pytest
from channel_payloads import douyin, one, taobao, youzan

from holdfast.channels.urgency import wants_haste

_SEEN = 1731000061
_HOUR = 3600


@pytest.mark.parametrize(
    ("channel", "reply", "level", "rule"),
    [
        ("douyin", douyin(), "NORMAL", "NO_HINT"),
        ("douyin", douyin(exp_ship_time=_SEEN + 12 * _HOUR), "URGENT", "DEADLINE_WITHIN_12_H"),
        ("douyin", douyin(exp_ship_time=_SEEN + 12 * _HOUR + 1), "NORMAL", "NO_HINT"),
        ("douyin", douyin(exp_ship_time=_SEEN + 4 * _HOUR), "CRITICAL", "DEADLINE_WITHIN_4_H"),
        ("douyin", douyin(exp_ship_time=_SEEN - 1), "CRITICAL", "DEADLINE_WITHIN_4_H"),
        ("douyin", douyin(exp_ship_time=_SEEN, order_status=3, main_status=3), "NORMAL", "NO_HINT"),
        ("douyin", douyin(buyer_words="尽快发"), "URGENT", "HASTE_IN_NOTE"),
        ("douyin", douyin(seller_words="客户加急"), "URGENT", "HASTE_IN_NOTE"),
        ("douyin", douyin(seller_remark_stars="5"), "URGENT", "RED_FLAG"),
        ("douyin", douyin(seller_remark_stars=4), "NORMAL", "NO_HINT"),
        ("douyin", douyin(urge_deliver_Times=1), "URGENT", "BUYER_URGED"),
        ("douyin", douyin(urge_deliver_Times="3"), "CRITICAL", "BUYER_URGED_3_TIMES"),
        ("douyin", douyin(trade_type=18), "CRITICAL", "HOUR_DELIVERY"),
        ("youzan", youzan(remark_info={"star": 5}), "URGENT", "RED_FLAG"),
        ("youzan", youzan(remark_info={"star": 1}), "NORMAL", "NO_HINT"),
        ("youzan", youzan(remark_info={"trade_memo": "今天必须发"}), "URGENT", "HASTE_IN_NOTE"),
        ("taobao", taobao(ob_tag="lg"), "URGENT", "BUYER_URGED"),
        ("taobao", taobao(ob_tag="plg"), "NORMAL", "NO_HINT"),
        ("taobao", taobao(seller_flag=1), "URGENT", "RED_FLAG"),
        ("taobao", taobao(promise_service="当日达"), "URGENT", "SAME_DAY_PROMISE"),
        ("taobao", taobao(buyer_message="不急，慢慢发"), "NORMAL", "NO_HINT"),
        ("taobao", taobao(status="nonsense"), "NORMAL", "NO_HINT"),
    ],
)
def test_rules(channel: str, reply: Any, level: str, rule: str) -> None:
    order = one(channel, reply)
    assert (order.urgency_level, order.urgency_rule) == (level, rule)


@pytest.mark.parametrize(
    ("note", "haste"),
    [("急！！", True), ("加急谢谢", True), ("今天能发吗", True), ("请尽快", True), ("急用", True),
     ("不急", False), ("不着急的", False), ("不是很急", False), ("别急", False),
     ("急救包一个", False),
     ("不要红色，急", True), ("祝生意兴隆", False), ("", False)],
)  # fmt: skip
def test_haste_in_notes(note: str, haste: bool) -> None:
    assert wants_haste(note) is haste
