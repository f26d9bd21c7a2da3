"""`map_reply`: from a platform's reply to mapped orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from holdfast.channels import douyin, paths, scalars, strict_json, taobao, youzan
from holdfast.channels.adapter import Adapter, IdKeys
from holdfast.channels.order import CORE_FIELDS, MappedLine, MappedOrder, Parcel, Problem
from holdfast.channels.paths import Found
from holdfast.channels.privacy import is_ciphertext, worst
from holdfast.channels.table import Evidence, Reading
from holdfast.channels.words import Channel, ProblemCode, Urgency

ADAPTERS: Final = {
    adapter.channel: adapter for adapter in (douyin.ADAPTER, youzan.ADAPTER, taobao.ADAPTER)
}


def map_reply(
    channel: Channel | str, payload: bytes | str, *, shop_id: str | None = None
) -> list[MappedOrder]:
    """Map a reply of a platform's list or detail call, or a bare order of it.

    An order that is broken comes out with problems and does not stop the others.

    Args:
        channel: `douyin`, `youzan` or `taobao`.
        payload: The reply as received.
        shop_id: The shop whose credentials fetched the reply; used where the
            reply does not name its shop itself.

    Raises:
        ValueError: No adapter has that channel name.
        MalformedPayloadError: The payload is not strict JSON.
        PlatformError: The reply is an error; its code is in the exception.
        UnknownReplyError: JSON, but no reply of this channel.
    """
    adapter = ADAPTERS[_channel(channel)]
    parsed = strict_json.parse(payload)
    found = adapter.open_reply(parsed)
    talents = frozenset(_ids(parsed, adapter.id_keys.talents))
    return [_map_order(adapter, order, talents, shop_id) for order in found]


def _channel(name: Channel | str) -> Channel:
    try:
        return Channel(name.lower())
    except ValueError:
        known = ", ".join(Channel)
        raise ValueError(f"no adapter for channel {name!r}; there are: {known}") from None


def _map_order(
    adapter: Adapter, order: Found, talents: frozenset[str], shop_id: str | None
) -> MappedOrder:
    root = paths.opened(order.value)
    reading = Reading(
        channel=adapter.channel,
        root=root,
        rows={**adapter.fields, **adapter.beside, **adapter.amounts},
        evidence=_evidence(root, adapter.id_keys, talents),
        shop_id=shop_id,
    )
    if not isinstance(root, dict):
        return _not_an_order(reading, order)
    reading.lines = _line_readings(adapter, reading)
    parcels = _parcel_readings(adapter, reading)
    values = reading.values()
    lines = tuple(MappedLine(**line.values()) for line in reading.lines)
    tokens = _tokens(adapter, root)
    receivers = [values, *(parcel.values() for parcel in parcels)]
    return MappedOrder(
        **{name: values[name] for name in (*CORE_FIELDS, *adapter.beside)},
        lines=lines,
        parcels=tuple(Parcel(**parcel.values()) for parcel in parcels),
        privacy=worst(_receiver_texts(receivers)),
        privacy_token=tokens or None,
        reported_amounts={n: values[n] for n in adapter.amounts if values[n] is not None},
        problems=tuple(_problems(reading, [*reading.lines, *parcels])),
    )


def _line_readings(adapter: Adapter, order: Reading) -> list[Reading]:
    found = []
    for element in paths.read(order.root, adapter.lines_at):
        if isinstance(element.value, dict):
            found.append(element)
        else:
            shape = f"expected a line object, found {type(element.value).__name__}"
            order.problems.append(
                Problem(ProblemCode.BAD_SHAPE, "lines", None, element.path, "", shape)
            )
    if not found:
        absent = "no line in the order"
        order.problems.append(
            Problem(ProblemCode.MISSING, "lines", None, adapter.lines_at, "", absent)
        )
    return [
        Reading(
            channel=adapter.channel,
            root=line.value,
            rows=adapter.line_fields,
            evidence=order.evidence,
            label=f"lines[{index}].",
            at=line.path,
            parent=order,
        )
        for index, line in enumerate(found)
    ]


def _parcel_readings(adapter: Adapter, order: Reading) -> list[Reading]:
    if adapter.parcel_fields is None:
        return []
    return [
        Reading(
            channel=adapter.channel,
            root=parcel.value,
            rows=adapter.parcel_fields,
            label=f"parcels[{index}].",
            at=parcel.path,
            parent=order,
        )
        for index, parcel in enumerate(paths.objects(order.root, adapter.parcels_at))
    ]


def _not_an_order(reading: Reading, order: Found) -> MappedOrder:
    """An order in which nothing is known but that it is broken."""
    empty: dict[str, Any] = dict.fromkeys(CORE_FIELDS)
    empty |= {"source_channel": reading.channel, "coupon_code": ()}
    empty |= {"urgency_level": Urgency.NORMAL}
    problem = Problem(
        code=ProblemCode.NOT_AN_ORDER,
        field="order_id",
        other_field=None,
        path=order.path,
        value=scalars.shown(order.value, personal=True),
        message=f"expected an order object, found {type(order.value).__name__}",
    )
    return MappedOrder(
        **empty, urgency_rule="NO_HINT", lines=(), parcels=(), seller_note=None,
        privacy=worst(()), privacy_token=None, risk_flags=(), payment_ids=(),
        reported_amounts={}, problems=(problem,),
    )  # fmt: skip


def _problems(order: Reading, parts: list[Reading]) -> Iterator[Problem]:
    yield from order.problems
    for part in parts:
        yield from part.problems


def _receiver_texts(receivers: list[dict[str, Any]]) -> list[str | None]:
    names = ("receiver_name", "receiver_phone", "address_detail")
    return [receiver[name] for receiver in receivers for name in names]


def _tokens(adapter: Adapter, root: object) -> dict[str, str]:
    """Ciphertexts and receiver tokens; a plain text at the same place is none."""
    tokens = {}
    for name, path in adapter.tokens.items():
        for found in paths.read(root, path):
            value = scalars.text(found.value)
            if value and (name == "oaid" or is_ciphertext(value)):
                tokens[name] = value
    return tokens


def _evidence(root: object, keys: IdKeys, talents: frozenset[str]) -> Evidence:
    return Evidence(
        talents=talents,
        coupons=frozenset(_ids(root, keys.coupons)),
        orders=frozenset(_ids(root, keys.orders)),
    )


def _ids(value: object, keys: frozenset[str]) -> Iterator[str]:
    """Values of the named keys at any depth; the parser has bounded the depth."""
    if isinstance(value, list):
        for element in value:
            yield from _ids(element, keys)
    elif isinstance(value, dict):
        for key, held in value.items():
            if key in keys and not isinstance(held, dict | list):
                taken = None if paths.is_blank(held) else scalars.identifier(held)
                if taken and taken != "0":
                    yield taken
            else:
                yield from _ids(held, keys)
