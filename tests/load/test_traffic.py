from collections import Counter
from itertools import islice

import pytest

from holdfast.demo.payloads import Fate
from holdfast.loadtests.messages import index_of, order_number, sendings
from holdfast.loadtests.profiles import PROFILES, Segment, profile_of
from holdfast.loadtests.traffic import (
    RUSH_SKU,
    Kind,
    Order,
    arrivals,
    credential,
    credentials,
    endless,
    orders,
)
from holdfast.pb import orders_pb2, parcels_pb2

DAY = Segment("day", 0, 120, 4_000, "festival")


@pytest.fixture(scope="module")
def day() -> list[Order]:
    return list(orders((DAY,), 1))


def test_the_same_seed_gives_the_same_day(day: list[Order]) -> None:
    assert list(orders((DAY,), 1)) == day
    assert list(orders((DAY,), 2)) != day


def test_a_festival_rushes_at_midnight_and_in_the_evening_and_sleeps_between() -> None:
    hours = Counter(int(due / 5) for due in arrivals(DAY, 1))
    assert hours[0] > 2 * hours[4]
    assert hours[20] > 2 * hours[4]
    assert sum(hours.values()) == DAY.orders


def test_few_goods_sell_most(day: list[Order]) -> None:
    sold = Counter(sku for order in day for sku, _ in order.lines)
    best = sum(count for _, count in sold.most_common(50))
    assert 0.4 < best / sold.total() < 0.8
    assert len(sold) > 500


def test_channels_fates_and_roles_are_mixed_as_in_the_shop(day: list[Order]) -> None:
    channels = Counter(str(order.channel) for order in day)
    assert channels["douyin"] > channels["taobao"] > channels["youzan"] > 0
    assert {order.fate for order in day} == set(Fate) - {Fate.CLOSED}
    kinds = Counter(step.kind for order in day for step in order.steps)
    assert kinds.keys() == set(Kind) - {Kind.RELEASE}
    roles = {step.role for order in day for step in order.steps if step.kind is Kind.SCAN}
    assert roles >= {"REVIEWER", "PICKER", "CHECKER", "PACKER", "DRIVER", "CARRIER"}


def test_a_story_is_in_order_and_ends_with_the_day(day: list[Order]) -> None:
    for order in day:
        dues = [step.due for step in order.steps]
        assert dues == sorted(dues)
        assert order.steps[0].kind is Kind.PLACE
        assert dues[-1] < DAY.seconds


def test_two_engines_are_asked_in_turn_and_neither_always_first() -> None:
    pair = Segment("pairs", 0, 10, 400, targets=(0, 1))
    targets = [order.target for order in orders((pair,), 1)]
    assert targets[:8] == [0, 1, 1, 0, 0, 1, 1, 0]
    assert Counter(targets) == {0: 200, 1: 200}


def test_everybody_wants_the_same_goods_in_a_rush() -> None:
    rush = list(orders(PROFILES["flash-sale"].segments, 1))
    assert {order.lines for order in rush} == {((RUSH_SKU, 1),)}
    assert len(rush) > PROFILES["flash-sale"].units


def test_a_request_is_ready_with_a_credential_that_exists(day: list[Order]) -> None:
    known = {name for name, _, _ in credentials()}
    order = next(order for order in day if any(s.kind is Kind.SCAN for s in order.steps))
    assert {credential(order, step) for step in order.steps} <= known
    made = sendings(order, "run")
    placed = orders_pb2.PlaceOrderRequest.FromString(made[0].body)
    assert placed.order_number == order_number(order, "run")
    assert index_of(placed.order_number) == order.index
    assert [(line.sku, line.quantity) for line in placed.lines] == list(order.lines)
    scan = next(request for request in made if request.kind is Kind.SCAN)
    scanned = parcels_pb2.AdvanceParcelRequest.FromString(scan.body)
    assert scanned.parcel_id == f"{placed.order_number}/1"
    ids = {orders_pb2.StartPaymentRequest.FromString(request.body).request_id for request in made}
    assert len(ids) >= len(made) - 1  # a question has none


def test_an_endless_user_keeps_its_rate() -> None:
    some = list(islice(endless(1, 5.0), 1_000))
    assert 150 < some[-1].steps[0].due < 250


@pytest.mark.parametrize("name", PROFILES)
def test_a_plan_survives_the_way_to_the_workers(name: str) -> None:
    profile = PROFILES[name]
    assert profile_of(profile.as_json()) == profile
    assert len(profile.with_targets(1).segments) <= len(profile.segments)
