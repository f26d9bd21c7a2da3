"""What a channel declares, in one object that the mapper interprets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.channels.paths import Found
from holdfast.channels.table import Table
from holdfast.channels.words import Channel


@dataclass(frozen=True, slots=True)
class IdKeys:
    """Names of keys whose values are ids of one kind, wherever they stand."""

    talents: frozenset[str]
    coupons: frozenset[str]
    orders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Adapter:
    """A channel's declaration.

    Attributes:
        open_reply: The order objects in a parsed reply; raises on an error reply.
        fields: The 27 core fields.
        beside: Order fields beside the core.
        lines_at: Path of the lines in an order, and their `line_fields`.
        parcels_at: Path of a gift order's parcels, and their `parcel_fields`.
        tokens: Ciphertexts or tokens kept beside masked values, by name.
        amounts: The platform's own amounts kept as reported, by name; with
            `in_yuan` those whose unit is yuan.
        id_keys: Where ids stand, for telling wrong slots.
    """

    channel: Channel
    open_reply: Callable[[object], list[Found]]
    fields: Table
    beside: Table
    lines_at: str
    line_fields: Table
    tokens: Mapping[str, str]
    amounts: Table
    id_keys: IdKeys
    parcels_at: str = ""
    parcel_fields: Table | None = None
