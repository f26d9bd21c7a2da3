"""Conversions that the mapping tables name: from raw values to canonical ones.

Each takes a slot and returns what it picked; a value that it cannot read
becomes a problem of the slot instead. Amounts come out in fen, times in UTC
milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from holdfast.channels import paths, scalars
from holdfast.channels.paths import Found
from holdfast.channels.privacy import readability
from holdfast.channels.table import Conversion, Picked, Slot
from holdfast.channels.words import OrderType, ProblemCode, Status

#: Ten billion yuan: no order is larger, so a larger number is not an amount.
_AMOUNT_LIMIT: Final = 10**12
_QUANTITY_LIMIT: Final = 10**6
Nothing: Final[tuple[Picked, ...]] = ()


def constant(value: Any) -> Conversion:
    """The same value for every order."""
    return lambda _slot: (Picked(value, ""),)


def never_given(_slot: Slot) -> Sequence[Picked]:
    """The channel has no such value."""
    return Nothing


def identifier(slot: Slot) -> Sequence[Picked]:
    """The first id that is not blank; a 0 is the platforms' "none"."""
    for picked in identifiers(slot):
        return (picked,)
    return Nothing


def identifiers(slot: Slot) -> Sequence[Picked]:
    """Every id at the sources, in order."""
    picked = []
    for found in slot.found():
        taken = scalars.identifier(found.value)
        if taken is None:
            slot.problem(ProblemCode.BAD_SHAPE, f"{slot.row.field} is not an id", found)
        elif taken != "0":
            picked.append(Picked(taken, found.path))
    return picked


def split_identifiers(slot: Slot) -> Sequence[Picked]:
    """Ids of a list, or of a text that joins them with commas."""
    return [
        Picked(part, picked.path)
        for picked in identifiers(slot)
        for part in picked.value.replace(";", ",").split(",")
        if part.strip()
    ]


def text(slot: Slot) -> Sequence[Picked]:
    """The first text that is not blank."""
    for found in slot.found():
        taken = scalars.text(found.value)
        if taken:
            return (Picked(taken, found.path),)
        slot.problem(ProblemCode.BAD_SHAPE, f"{slot.row.field} is not text", found)
    return Nothing


def note(slot: Slot) -> Sequence[Picked]:
    """A person's words: trimmed, digits as 0-9, line breaks kept."""
    return [Picked(scalars.ascii_digits(p.value), p.path) for p in text(slot)]


def most_readable(slot: Slot) -> Sequence[Picked]:
    """The text that reads best: clear before masked before encrypted."""
    texts = [Picked(scalars.text(f.value), f.path) for f in slot.found() if scalars.text(f.value)]
    return (min(texts, key=lambda p: readability(p.value)),) if texts else Nothing


def time(slot: Slot) -> Sequence[Picked]:
    """The first time that is set."""
    return _times(slot)[:1]


def earliest_time(slot: Slot) -> Sequence[Picked]:
    """The earliest time at the first source that has any."""
    for source in slot.row.sources.split():
        at_source = _read_times(slot, list(slot.at(source)))
        if at_source:
            return (min(at_source, key=lambda picked: picked.value),)
    return Nothing


def paid_time(slot: Slot) -> Sequence[Picked]:
    """The time of payment; a deposit alone does not count as payment."""
    if slot.value("order_type") is OrderType.PRESALE_DEPOSIT and slot.value("status") in (
        Status.PENDING_PAYMENT,
        Status.CANCELLED,
    ):
        return Nothing
    return time(slot)


def fen(slot: Slot) -> Sequence[Picked]:
    """An amount that the platform gives in fen."""
    return _first_amount(slot, fen_amount)


def yuan(slot: Slot) -> Sequence[Picked]:
    """An amount that the platform gives in yuan with two decimals."""
    return _first_amount(slot, yuan_amount)


def summed_fen(slot: Slot) -> Sequence[Picked]:
    """The sum over all lines, or nothing if one line's amount is missing or unreadable."""
    total = 0
    lines, _, name = slot.row.sources.rpartition("[].")
    elements = list(slot.at(f"{lines}[]"))
    for index, element in enumerate(elements):
        found = next(_field_of(element, name), None)
        amount = fen_amount(slot, found) if found else None
        if amount is None:
            if found is None:
                slot.problem(ProblemCode.MISSING, f"line {index} has no {name}; no sum without it")
            return Nothing
        total += amount
    return (Picked(total, slot.row.sources),) if elements else Nothing


def discount(slot: Slot) -> Sequence[Picked]:
    """Goods + freight - paid: the only definition under which the parts add up."""
    parts = [slot.value(f"{name}_amount") for name in ("goods", "freight", "paid")]
    if None in parts:
        return Nothing
    goods, freight, paid = parts
    return (Picked(goods + freight - paid, "goods+freight-paid"),)


def quantity(slot: Slot) -> Sequence[Picked]:
    """A positive whole number of sale units."""
    for found in slot.found():
        count = scalars.integer(found.value)
        if count is not None and 1 <= count <= _QUANTITY_LIMIT:
            return (Picked(count, found.path),)
        slot.problem(
            ProblemCode.BAD_SHAPE, f"quantity must be 1 to {_QUANTITY_LIMIT} whole units", found
        )
    return Nothing


def yes(slot: Slot) -> Sequence[Picked]:
    """Whether the first source says so; absent means no."""
    for found in slot.found():
        told = scalars.truth(found.value)
        if told is None:
            slot.problem(ProblemCode.BAD_SHAPE, f"{slot.row.field} is neither yes nor no", found)
            return Nothing
        return (Picked(told, found.path),)
    return (Picked(False, ""),)


def one_of(words: Mapping[str, Any]) -> Conversion:
    """The canonical word for the platform's; an unlisted one is a problem, never a guess."""

    def convert(slot: Slot) -> Sequence[Picked]:
        for found in slot.found():
            word = scalars.identifier(found.value) or ""
            if word in words:
                return (Picked(words[word], found.path),)
            unknown(slot, found)
            return Nothing
        return Nothing

    return convert


def unknown(slot: Slot, found: Found) -> None:
    """Record a platform value that no table lists."""
    slot.problem(
        ProblemCode.UNKNOWN_ENUM, f"unknown value for {slot.row.field}; add it to the table", found
    )


def fen_amount(slot: Slot, found: Found) -> int | None:
    """Fen of a raw fen amount; a fraction there means yuan, which is a problem."""
    amount = scalars.integer(found.value)
    if amount is not None:
        return _bounded(slot, found, amount)
    if "." in (scalars.text(found.value) or ""):
        slot.problem(ProblemCode.WRONG_UNIT, "decimals (yuan?) where whole fen belong", found)
    else:
        slot.problem(ProblemCode.BAD_SHAPE, f"{slot.row.field} is not a whole number", found)
    return None


def yuan_amount(slot: Slot, found: Found) -> int | None:
    """Fen of a raw yuan amount; a whole number there may be fen, which is a problem."""
    amount = scalars.fen_of_yuan(found.value)
    if amount is not None:
        return _bounded(slot, found, amount)
    if scalars.integer(found.value) is not None:
        slot.problem(ProblemCode.WRONG_UNIT, "whole number (fen?) where yuan.fen belongs", found)
    else:
        slot.problem(ProblemCode.BAD_SHAPE, f"{slot.row.field} is not an amount", found)
    return None


def shop_id(slot: Slot) -> Sequence[Picked]:
    """The shop that the order names, else the one that the caller named."""
    named = identifier(slot)
    given = slot.reading.shop_id
    if not named:
        return (Picked(given, "shop_id argument"),) if given else Nothing
    if given and given != named[0].value:
        slot.problem(
            ProblemCode.SHOP_MISMATCH,
            f"the caller named shop {given}; the order's was kept",
            named[0],
        )
    return named


def callers_shop_id(slot: Slot) -> Sequence[Picked]:
    """The shop that the caller named, else what stands in the order (a shop's name)."""
    given = slot.reading.shop_id
    return (Picked(given, "shop_id argument"),) if given else identifier(slot)


def order_id_of_parent(slot: Slot) -> Sequence[Picked]:
    """For a line: the id of the order that it belongs to."""
    parent = slot.reading.parent
    order_id = parent.value("order_id") if parent else None
    return (Picked(order_id, ""),) if order_id else Nothing


def reported_fen(slot: Slot) -> Sequence[Picked]:
    """A part of the price as the platform reports it; may be negative, never a problem."""
    for found in slot.found():
        amount = scalars.integer(found.value)
        return Nothing if amount is None else (Picked(amount, found.path),)
    return Nothing


def reported_yuan(slot: Slot) -> Sequence[Picked]:
    """As `reported_fen`, from yuan."""
    for found in slot.found():
        amount = scalars.fen_of_yuan(found.value)
        return Nothing if amount is None else (Picked(amount, found.path),)
    return Nothing


def _bounded(slot: Slot, found: Found, amount: int) -> int | None:
    if 0 <= amount <= _AMOUNT_LIMIT:
        return amount
    slot.problem(ProblemCode.BAD_SHAPE, f"must be 0 to {_AMOUNT_LIMIT} fen", found)
    return None


def _first_amount(slot: Slot, read: Callable[[Slot, Found], int | None]) -> Sequence[Picked]:
    # Later sources have another meaning (payable, not paid); they do not stand in for a bad one.
    for found in slot.found():
        amount = read(slot, found)
        return Nothing if amount is None else (Picked(amount, found.path),)
    return Nothing


def _times(slot: Slot) -> list[Picked]:
    return _read_times(slot, list(slot.found()))


def _read_times(slot: Slot, candidates: Sequence[Found]) -> list[Picked]:
    picked = []
    for found in candidates:
        if scalars.is_no_time(found.value):
            continue
        instant = scalars.instant(found.value)
        if instant is None:
            slot.problem(
                ProblemCode.BAD_SHAPE,
                "neither unix seconds nor 'yyyy-MM-dd HH:mm:ss' of this century",
                found,
            )
        else:
            picked.append(Picked(instant, found.path))
    return picked


def _field_of(line: Found, name: str) -> Iterator[Found]:
    for found in paths.read(line.value, name):
        if not paths.is_blank(found.value):
            yield Found(f"{line.path}.{found.path}", found.value)
