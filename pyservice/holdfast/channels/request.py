"""From a mapped order to the arguments of the engine's `place_order`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from holdfast.channels.errors import UnplaceableOrderError
from holdfast.channels.order import MappedLine, MappedOrder, canonical_json
from holdfast.channels.words import PAID


def order_request(mapped: MappedOrder) -> dict[str, Any]:
    """Keyword arguments for `engine.place_order`, all but the request id.

    Only the sealed `document` carries receiver data; the buyer appears as a
    digest. A line names the channel's SKU (its product, where the product has
    no variants) and the merchant's own code, and mapping to the merchant's SKU
    is the engine's.

    Raises:
        UnplaceableOrderError: The order has no number, no status or no lines, or a
            line has no quantity or nothing that names its goods.
    """
    missing = _what_is_missing(mapped)
    if missing:
        raise UnplaceableOrderError(mapped.order_id, missing)
    return {
        "order_number": mapped.order_number,
        "channel_order_id": mapped.order_id,
        "shop_id": mapped.shop_id,
        "source_channel": mapped.source_channel.name,
        "urgency": mapped.urgency_level.value,
        "lines": [_line(line) for line in mapped.lines],
        "buyer_token": _buyer_token(mapped),
        "province": mapped.province,
        "paid": mapped.status in PAID,
        "ship_by": _instant(mapped.ship_deadline),
        "document": document(mapped),
    }


def document(mapped: MappedOrder) -> bytes:
    """The order document as canonical JSON: the 27 fields, lines, parcels and receiver tokens."""
    whole = mapped.to_json_dict()
    beside = ("lines", "parcels", "privacy", "privacy_token", "seller_note")
    return canonical_json({**mapped.core_json_dict(), **{name: whole[name] for name in beside}})


def _what_is_missing(mapped: MappedOrder) -> list[str]:
    missing = []
    if mapped.order_number is None:
        missing.append("shop_id or order_id is unknown, so it has no order number")
    if mapped.status is None:
        missing.append("its status is unknown")
    if not mapped.lines:
        missing.append("it has no lines")
    for index, line in enumerate(mapped.lines):
        if line.quantity is None:
            missing.append(f"line {index} has no quantity")
        if not (line.outer_sku or _channel_sku(line)):
            missing.append(f"line {index} names no goods")
    return missing


def _line(line: MappedLine) -> dict[str, Any]:
    return {
        "channel_sku": _channel_sku(line),
        "outer_code": line.outer_sku,
        "quantity": line.quantity,
    }


def _instant(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1_000, UTC)


def _channel_sku(line: MappedLine) -> str | None:
    return line.sku_id or line.product_id


def _buyer_token(mapped: MappedOrder) -> str | None:
    """A stable stand-in for the buyer; some channels' buyer ids are nicknames."""
    if mapped.buyer_id is None:
        return None
    key = f"{mapped.source_channel}\n{mapped.shop_id}\n{mapped.buyer_id}"
    return hashlib.sha256(key.encode("utf-8")).hexdigest()[:32]
