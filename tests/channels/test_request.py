"""From a mapped order to the arguments of place_order."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from channel_payloads import douyin, douyin_line, one, taobao, youzan, youzan_line

from holdfast.channels import CORE_FIELDS, UnplaceableOrderError, order_request


def test_the_request_of_a_paid_order() -> None:
    order = one("douyin", douyin(buyer_words="急"))
    request = order_request(order)
    document = request.pop("document")
    token = request.pop("buyer_token")
    assert request == {
        "order_number": "douyin:5550001:6900000000000001000",
        "channel_order_id": "6900000000000001000",
        "shop_id": "5550001",
        "source_channel": "DOUYIN",
        "urgency": "URGENT",
        "lines": [
            {
                "channel_sku": "3400000000000011",
                "outer_code": "MUG-RED",
                "quantity": 2,
            }
        ],
        "province": "浙江省",
        "paid": True,
        "ship_by": datetime(2024, 11, 9, 17, 20, tzinfo=UTC),
    }
    assert len(token) == 32
    assert "openid" not in token
    held = json.loads(document)
    assert set(CORE_FIELDS) | {"lines"} <= set(held)
    assert held["receiver_name"] == "林*"


def test_the_document_is_canonical() -> None:
    order = one("taobao", taobao())
    again = one("taobao", dict(reversed(taobao().items())))
    assert order_request(order)["document"] == order_request(again)["document"]


@pytest.mark.parametrize(
    ("status", "paid"),
    [("WAIT_BUYER_PAY", False), ("WAIT_SELLER_SEND_GOODS", True), ("TRADE_CLOSED_BY_TAOBAO", False),
     ("PAID_FORBID_CONSIGN", True)],
)  # fmt: skip
def test_paid_follows_the_status(status: str, paid: bool) -> None:
    assert order_request(one("taobao", taobao(status=status)))["paid"] is paid


def test_goods_without_variants_are_named_by_their_product() -> None:
    line = order_request(one("youzan", youzan(youzan_line(sku_id=0))))["lines"][0]
    assert line["channel_sku"] == "3000000901"


def test_equal_buyers_have_equal_tokens_within_a_shop_only() -> None:
    tokens = {
        order_request(one("douyin", douyin(shop_id=shop)))["buyer_token"] for shop in (1, 1, 2)
    }
    assert len(tokens) == 2


def test_what_cannot_be_placed_says_everything_that_is_missing() -> None:
    line = douyin_line(item_num=0, code="", sku_id=0, product_id=0, product_id_str="")
    order = one("douyin", douyin(line, order_status=99, shop_id=None))
    with pytest.raises(UnplaceableOrderError) as caught:
        order_request(order)
    assert len(caught.value.reasons) == 4
    assert caught.value.order_id == "6900000000000001000"
