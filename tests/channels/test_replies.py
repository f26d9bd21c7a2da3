"""Envelopes, errors and strict JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from channel_payloads import (
    douyin,
    douyin_page,
    mapped,
    one,
    taobao,
    taobao_page,
    youzan,
    youzan_page,
)  # fmt: skip

from holdfast.channels import (
    MalformedPayloadError,
    PlatformError,
    UnknownReplyError,
    map_reply,
)

_TRADE = taobao()
_FULL = youzan()["full_order_info"]


@pytest.mark.parametrize(
    ("channel", "reply"),
    [
        ("douyin", douyin_page(douyin())),
        ("douyin", douyin_page(douyin(), err_no=0, message="success")),
        ("douyin", {"err_no": 0, "data": {"shop_order_list": [douyin()]}}),
        ("douyin", {"code": "10000", "data": {"shop_order_detail": douyin()}}),
        ("douyin", {"shop_order_detail": douyin()}),
        ("douyin", {"data": json.dumps({"shop_order_list": [douyin()]})}),
        ("douyin", {"data": {"shop_order_list": douyin()}}),
        ("douyin", [douyin()]),
        ("douyin", douyin()),
        ("youzan", youzan_page(youzan())),
        ("youzan", {"code": 200, "success": True, "data": youzan()}),
        ("youzan", {"response": {"full_order_info_list": [youzan()]}}),
        ("youzan", {"response": youzan()}),
        ("youzan", {"data": {"full_order_info_list": [_FULL]}}),
        ("youzan", youzan()),
        ("youzan", _FULL),
        ("youzan", [_FULL]),
        ("taobao", taobao_page(_TRADE)),
        ("taobao", {"trades_sold_get_response": {"trades": {"trade": _TRADE}}}),
        ("taobao", {"trade_fullinfo_get_response": {"trade": _TRADE}}),
        ("taobao", {"trades": [_TRADE], "has_next": False, "request_id": "r"}),
        ("taobao", {"trade": _TRADE, "request_id": "r"}),
        ("taobao", _TRADE | {"orders": _TRADE["orders"]["order"]}),
        ("taobao", _TRADE | {"orders": {"order": _TRADE["orders"]["order"][0]}}),
        ("taobao", _TRADE | {"orders": _TRADE["orders"]["order"][0]}),
        ("taobao", [_TRADE]),
    ],
)
def test_every_envelope_gives_the_same_order(channel: str, reply: Any) -> None:
    bare = {"douyin": douyin(), "youzan": youzan(), "taobao": _TRADE}[channel]
    assert one(channel, reply).to_json_dict() == one(channel, bare).to_json_dict()


@pytest.mark.parametrize(
    ("channel", "reply"),
    [
        ("douyin", douyin_page()),
        ("douyin", {"code": 10000, "data": {"page": 0, "total": 0, "shop_order_list": None}}),
        ("douyin", {"code": 10000, "data": {"page": "0", "total": "0", "size": "0"}}),
        ("douyin", {"code": 10000, "data": None}),
        ("youzan", youzan_page()),
        ("youzan", {"code": 200, "success": True, "data": {"total_results": 0}}),
        ("taobao", {"trades_sold_increment_get_response": {"request_id": "r"}}),
        ("taobao", {"total_results": 0, "request_id": "r"}),
    ],
)
def test_an_empty_page_is_an_empty_list(channel: str, reply: Any) -> None:
    assert mapped(channel, reply) == []


@pytest.mark.parametrize(
    ("channel", "reply", "code", "sub_code"),
    [
        (
            "douyin",
            {"code": 40003, "msg": "bad", "sub_code": "isv.access-token-expired", "log_id": "L"},
            "40003",
            "isv.access-token-expired",
        ),
        ("douyin", {"code": "60000", "sub_code": "isv.traffic-limited", "data": None}, "60000",
         "isv.traffic-limited"),
        ("douyin", {"err_no": 30001, "message": "no", "data": None}, "30001", ""),
        ("youzan", {"gw_err_resp": {"err_code": 4203, "err_msg": "t", "trace_id": "x"}},
         "4203", ""),
        ("youzan", {"code": 5000, "success": False, "message": "none",
                    "data": {"full_order_info_list": []}}, "5000", ""),
        ("youzan", {"success": False, "code": 1103, "message": "client"}, "1103", ""),
        ("youzan", {"error_response": {"code": 40010, "msg": "old"}}, "40010", ""),
        ("youzan", {"code": 200, "success": True, "data": {"is_success": False}}, "200", ""),
        ("taobao", {"error_response": {"code": 27, "msg": "Invalid session",
                                       "sub_code": "invalid-sessionkey"}}, "27",
         "invalid-sessionkey"),
        ("taobao", {"error_response": {"code": 7, "sub_code": "accesscontrol.limited-by-api"}}, "7",
         "accesscontrol.limited-by-api"),
    ],
)  # fmt: skip
def test_an_error_reply_is_an_error_with_the_platforms_code(
    channel: str, reply: Any, code: str, sub_code: str
) -> None:
    with pytest.raises(PlatformError) as caught:
        mapped(channel, reply)
    assert (caught.value.code, caught.value.sub_code) == (code, sub_code)
    assert code in str(caught.value)


@pytest.mark.parametrize("reply", [{}, {"data": {"items": []}}, "text", 7, None, [{}], [1]])
@pytest.mark.parametrize("channel", ["douyin", "youzan", "taobao"])
def test_other_json_is_not_taken_for_an_empty_page(channel: str, reply: Any) -> None:
    with pytest.raises(UnknownReplyError):
        mapped(channel, reply)


def test_another_channels_reply_is_named_in_the_error() -> None:
    with pytest.raises(UnknownReplyError, match="looks like taobao"):
        mapped("douyin", taobao_page(_TRADE))


def test_an_unknown_channel_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="douyin, youzan, taobao"):
        map_reply("ebay", b"{}")


def test_one_broken_order_does_not_stop_the_page() -> None:
    orders = mapped("douyin", douyin_page(douyin(), 17, None, {"order_status": 2}, douyin()))
    assert [bool(order.problems) for order in orders] == [False, True, True, True, False]
    assert orders[1].problems[0].code == "NOT_AN_ORDER"
    assert orders[1].to_json_dict()["urgency_level"] == "NORMAL"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("\ufeff{}", "byte order mark"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "empty"),
        (b'{"a":1}{"b":2}', "Extra data"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":' + b"1" * 5000 + b"}", "digits"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
        (b'{"a":"' + b"[" * 100, "not JSON"),
        (b"{'a':1}", "not JSON"),
    ],
)
def test_loose_json_is_refused(payload: bytes | str, says: str) -> None:
    with pytest.raises(MalformedPayloadError, match=says):
        map_reply("douyin", payload)


def test_brackets_inside_texts_are_not_nesting() -> None:
    assert one("douyin", douyin(buyer_words="[" * 500)).buyer_note == "[" * 500


def test_bad_json_inside_a_text_is_only_text() -> None:
    deep = '{"areaCode":' + "[" * 5000
    order = one("youzan", youzan(address_info={"address_extra": deep}))
    assert order.adcode is None
    assert order.problems == ()
