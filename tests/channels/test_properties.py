"""Whatever JSON stands in an order, mapping ends in an order or a typed error."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from channel_payloads import douyin, taobao, youzan

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.channels import CORE_FIELDS, ChannelError, map_reply

_WORDS = ("null", "0", "-1", "13900001111", "1e400", "2024-11-11 00:00:00", "{", "[1")
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(_WORDS)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_ORDERS = {"douyin": douyin(), "youzan": youzan(), "taobao": taobao()}


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, outer ones first."""
    keys: Any = ()
    if isinstance(value, dict):
        keys = value.keys()
    elif isinstance(value, list):
        keys = range(len(value))
    return [path for key in keys for path in [(*at, key), *_paths(value[key], (*at, key))]]


def _replaced(order: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(order)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize("channel", _ORDERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_anywhere_gives_an_order_or_a_typed_error(channel: str, data: Any) -> None:
    order = _ORDERS[channel]
    path = data.draw(st.sampled_from(_paths(order)))
    changed = _replaced(order, path, data.draw(_JSON))
    try:
        orders = map_reply(channel, json.dumps(changed))
    except ChannelError:
        return
    for mapped in orders:
        out = mapped.to_json_dict()
        json.dumps(out, ensure_ascii=False).encode("utf-8")
        assert tuple(out)[:27] == CORE_FIELDS
        assert out["urgency_level"] in ("NORMAL", "URGENT", "CRITICAL")
        for name in ("goods_amount", "freight_amount", "paid_amount"):
            assert out[name] is None or (type(out[name]) is int and out[name] >= 0)


@pytest.mark.parametrize("channel", _ORDERS)
@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=200) | _JSON.map(json.dumps))
def test_any_payload_gives_orders_or_a_typed_error(channel: str, payload: bytes | str) -> None:
    try:
        orders = map_reply(channel, payload)
    except ChannelError:
        return
    assert isinstance(orders, list)
