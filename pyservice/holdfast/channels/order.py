"""The result of mapping: one order, its lines, its parcels, its problems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from holdfast.channels.words import (
    Channel,
    OrderType,
    Privacy,
    ProblemCode,
    RefundStatus,
    Status,
    Urgency,
)

#: Names of the core fields in their canonical order.
CORE_FIELDS: Final = (
    "source_channel", "shop_id", "order_id", "channel_status", "status", "refund_status",
    "order_type", "created_at", "paid_at", "updated_at", "ship_deadline", "buyer_id",
    "receiver_name", "receiver_phone", "province", "city", "district", "address_detail",
    "adcode", "goods_amount", "freight_amount", "discount_amount", "paid_amount",
    "coupon_code", "talent_id", "buyer_note", "urgency_level",
)  # fmt: skip
_TIMES: Final = frozenset({"created_at", "paid_at", "updated_at", "ship_deadline"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One value that was not taken as it came, and why.

    Attributes:
        code: The kind of problem.
        field: The field that stays empty (`lines[0].sku_id` for a line's field).
        other_field: The field that the value belongs to, where that is known.
        path: Where in the platform's order the value stood, or "".
        value: The value; for personal fields only its shape and length.
        message: One sentence for a person.
    """

    code: ProblemCode
    field: str
    other_field: str | None
    path: str
    value: str
    message: str

    def to_json_dict(self) -> dict[str, Any]:
        """The problem as JSON-ready values."""
        return {name.name: getattr(self, name.name) for name in fields(self)}


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line of an order. Amounts in fen; None where the platform gave nothing usable.

    `parent` is the order the line belongs to; `gift_of` lists the lines that a
    gift was given for. `paid_amount` is the line's share of what was paid, as
    the platform states it.
    """

    line_id: str | None
    parent: str | None
    gift_of: tuple[str, ...]
    product_id: str | None
    sku_id: str | None
    outer_sku: str | None
    title: str | None
    quantity: int | None
    unit_price: int | None
    paid_amount: int | None
    is_gift: bool
    talent_id: str | None
    line_status: Status | None
    refund_status: RefundStatus | None

    def to_json_dict(self) -> dict[str, Any]:
        """The line as JSON-ready values."""
        return {name.name: _plain(getattr(self, name.name)) for name in fields(self)}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One receiver of a gift order, who has a parcel of their own."""

    order_id: str | None
    channel_status: str | None
    receiver_name: str | None
    receiver_phone: str | None
    province: str | None
    city: str | None
    district: str | None
    address_detail: str | None

    def to_json_dict(self) -> dict[str, Any]:
        """The parcel as JSON-ready values."""
        return {name.name: getattr(self, name.name) for name in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedOrder:
    """An order in the 27 core fields, with what stands beside them.

    Amounts are integer fen. Times are UTC milliseconds here and RFC 3339 in
    JSON. Receiver fields are as the platform gave them; `privacy` says how
    readable that is. None means: the platform gave nothing, or what it gave was
    refused and `problems` says why.
    """

    source_channel: Channel
    shop_id: str | None
    order_id: str | None
    channel_status: str | None
    status: Status | None
    refund_status: RefundStatus | None
    order_type: OrderType | None
    created_at: int | None
    paid_at: int | None
    updated_at: int | None
    ship_deadline: int | None
    buyer_id: str | None
    receiver_name: str | None
    receiver_phone: str | None
    province: str | None
    city: str | None
    district: str | None
    address_detail: str | None
    adcode: str | None
    goods_amount: int | None
    freight_amount: int | None
    discount_amount: int | None
    paid_amount: int | None
    coupon_code: tuple[str, ...]
    talent_id: str | None
    buyer_note: str | None
    urgency_level: Urgency

    urgency_rule: str
    lines: tuple[MappedLine, ...]
    parcels: tuple[Parcel, ...]
    seller_note: str | None
    privacy: Privacy
    privacy_token: Mapping[str, str] | None
    risk_flags: tuple[str, ...]
    payment_ids: tuple[str, ...]
    reported_amounts: Mapping[str, int]
    problems: tuple[Problem, ...]

    @property
    def order_number(self) -> str | None:
        """`{channel}:{shop_id}:{order_id}`, or None while a part is unknown."""
        if self.shop_id is None or self.order_id is None:
            return None
        return f"{self.source_channel}:{self.shop_id}:{self.order_id}"

    def core_json_dict(self) -> dict[str, Any]:
        """The 27 core fields in canonical order as JSON-ready values."""
        return {name: self._core(name) for name in CORE_FIELDS}

    def to_json_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready values: the 27 fields first, problems last."""
        return {
            **self.core_json_dict(),
            "order_number": self.order_number,
            "urgency_rule": self.urgency_rule,
            "lines": [line.to_json_dict() for line in self.lines],
            "parcels": [parcel.to_json_dict() for parcel in self.parcels],
            "seller_note": self.seller_note,
            "privacy": self.privacy.value,
            "privacy_token": _plain(self.privacy_token),
            "risk_flags": list(self.risk_flags),
            "payment_ids": list(self.payment_ids),
            "reported_amounts": dict(self.reported_amounts),
            "problems": [problem.to_json_dict() for problem in self.problems],
        }

    def _core(self, name: str) -> Any:
        value = getattr(self, name)
        return rfc3339(value) if name in _TIMES else _plain(value)


def rfc3339(milliseconds: int | None) -> str | None:
    """UTC milliseconds as `2024-11-18T07:56:00Z`; platforms give whole seconds."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no blanks: equal values give equal bytes."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value
