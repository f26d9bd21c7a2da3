"""The seeded day: the same bytes every time, and nothing in it that does not map."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest

from holdfast.channels import Channel, MappedOrder, map_reply, order_request
from holdfast.demo.payloads import SHOP_IDS, Delivery, Fate, catalogue, make_day, opening_stock

DAY = date(2026, 11, 11)
UNPAID = {Fate.PAY, Fate.ABANDON, Fate.FAIL_THEN_PAY, Fate.LATE_PAY, Fate.PRESALE}


@pytest.fixture(scope="module")
def day() -> list[Delivery]:
    return list(make_day(7, 2000, DAY))


@pytest.fixture(scope="module")
def orders(day: list[Delivery]) -> list[MappedOrder]:
    """The day's orders as mapped, in the same order."""
    return [
        order
        for delivery in day
        for order in map_reply(
            delivery.channel, delivery.payload, shop_id=SHOP_IDS[delivery.channel]
        )
    ]


def test_the_same_seed_gives_the_same_day_and_another_another(day: list[Delivery]) -> None:
    assert day == list(make_day(7, 2000, DAY))
    assert day != list(make_day(8, 2000, DAY))


def test_deliveries_come_in_order_of_arrival(day: list[Delivery]) -> None:
    assert [d.due_ms for d in day] == sorted(d.due_ms for d in day)


def test_every_payload_maps_without_problems_to_an_order_that_can_be_placed(
    day: list[Delivery], orders: list[MappedOrder]
) -> None:
    skus = {item.outer_code for item in catalogue()}
    assert len(day) == len(orders) == 2000
    for delivery, order in zip(day, orders, strict=True):
        assert order.problems == (), (delivery.channel, order.problems)
        assert order.order_id == delivery.order_id
        assert order.discount_amount is not None
        assert order.discount_amount >= 0
        assert sum(line.paid_amount or 0 for line in order.lines) in (
            order.paid_amount, (order.paid_amount or 0) - (order.freight_amount or 0),
        )  # fmt: skip
        request = order_request(order)
        assert {line["outer_code"] for line in request["lines"]} <= skus


def test_status_follows_fate(day: list[Delivery], orders: list[MappedOrder]) -> None:
    for delivery, order in zip(day, orders, strict=True):
        if delivery.fate in UNPAID:
            assert (order.status, order.paid_at) == ("PENDING_PAYMENT", None)
        elif delivery.fate is Fate.CLOSED:
            assert order.status == "CANCELLED"
        else:
            assert order.status == "TO_SHIP"
        assert (order.order_type == "PRESALE_DEPOSIT") is (delivery.fate is Fate.PRESALE)


def test_ids_are_unique_and_all_kinds_occur(day: list[Delivery], orders: list[MappedOrder]) -> None:
    assert len({d.order_id for d in day}) == len(day)
    lines = [(o.source_channel, line.line_id) for o in orders for line in o.lines]
    assert len(set(lines)) == len(lines)
    assert {d.fate for d in day} == set(Fate)
    assert {d.channel for d in day} == set(Channel)
    assert any(line.is_gift for order in orders for line in order.lines)
    assert any(len(order.lines) > 2 for order in orders)
    assert any(order.coupon_code for order in orders)
    assert any(order.talent_id for order in orders)
    assert {order.privacy for order in orders} >= {"MASKED", "ENCRYPTED"}
    assert {order.urgency_level for order in orders} >= {"NORMAL", "URGENT"}


def test_the_festivals_two_bursts(day: list[Delivery]) -> None:
    shanghai = timezone(timedelta(hours=8))
    hours = Counter(datetime.fromtimestamp(d.due_ms / 1000, shanghai).hour for d in day)
    quiet = max(hours[hour] for hour in (5, 9, 12, 16))
    assert hours[0] > 2 * quiet
    assert hours[20] > 2 * quiet


def test_few_skus_take_most_of_the_sales(orders: list[MappedOrder]) -> None:
    sold: Counter[str] = Counter()
    for order in orders:
        sold.update(line.outer_sku or "" for line in order.lines if not line.is_gift)
    best, second, *rest = [sold[item.outer_code] for item in catalogue()]
    assert best > 1.3 * second > 1.3 * max(rest[4:])


def test_the_catalogue_has_one_bundle_and_stock_for_everything_else() -> None:
    bundles = [item for item in catalogue() if item.components]
    assert [bundle.sku for bundle in bundles] == ["SET-TEA"]
    stocked = {sku for sku, _, quantity in opening_stock(["W1", "W2"], 1000) if quantity > 0}
    assert stocked == {item.sku for item in catalogue()} - {"SET-TEA"}
    assert {sku for sku, _ in bundles[0].components} <= stocked
    ids = [item.sku_id(channel) for item in catalogue() for channel in Channel]
    assert len(set(ids)) == len(ids)


def test_a_count_that_no_day_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        next(make_day(1, -1, DAY))
