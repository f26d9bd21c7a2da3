"""The mapping engine: it interprets a channel's declared table, row by row.

A row says: this field comes from these source paths, through this conversion,
and must pass this shape check. Rows are declared in canonical order and
evaluated on demand, so that a row may build on another (the discount on the
three amounts) wherever that one stands in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast.channels import paths
from holdfast.channels.order import Problem
from holdfast.channels.paths import Found
from holdfast.channels.scalars import shown
from holdfast.channels.words import Channel, ProblemCode

#: Fields whose values identify a person: problems show only their shape.
PERSONAL: Final = frozenset(
    {"receiver_name", "receiver_phone", "province", "city", "district", "address_detail",
     "buyer_id", "buyer_note", "seller_note"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picked:
    """A converted value and the path (or joined paths) that it came from."""

    value: Any
    path: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """What a shape check has against a value."""

    code: ProblemCode
    message: str
    other_field: str | None = None
    #: A value that may be written instead; None writes nothing.
    instead: Any = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Ids seen in the reply, for telling whose slot a value belongs to.

    Attributes:
        talents: Talent ids anywhere in the reply.
        coupons: Coupon and batch ids of this order.
        orders: Order and line ids of this order.
    """

    talents: frozenset[str] = frozenset()
    coupons: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()


Conversion = Callable[["Slot"], Sequence[Picked]]
Check = Callable[["Slot", Picked], Flaw | None]
Requirement = Callable[["Slot"], bool]


def never(_slot: Slot) -> bool:
    """The field may stay empty without comment."""
    return False


def always(_slot: Slot) -> bool:
    """An order without this field has a problem."""
    return True


def any_shape(_slot: Slot, _picked: Picked) -> Flaw | None:
    """For values that conversion has already made sure of."""
    return None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a mapping table.

    Attributes:
        field: The canonical name.
        sources: Paths in order of preference (see `paths`), separated by blanks.
        convert: Turns what stands at the sources into the field's type.
        check: Tells a value that belongs elsewhere.
        required: Whether an empty field is itself a problem.
        many: The field is a list; otherwise the first picked value counts.
    """

    field: str
    sources: str
    convert: Conversion
    check: Check = any_shape
    required: Requirement = never
    many: bool = False


Table = Mapping[str, Row]


def table(*rows: Row) -> Table:
    """Rows by field name, in declared order."""
    return {row.field: row for row in rows}


@dataclass(slots=True)
class Reading:
    """One object (an order, or a line of it) being read through a table."""

    channel: Channel
    root: object
    rows: Table
    evidence: Evidence = field(default_factory=Evidence)
    #: The shop that the caller named, if any.
    shop_id: str | None = None
    #: Prefixes for the names in problems: "lines[0]." and the line's raw path.
    label: str = ""
    at: str = ""
    parent: Reading | None = None
    lines: list[Reading] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _values: dict[str, Any] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def value(self, name: str) -> Any:
        """The value of a field, mapping its row first where that was not done yet."""
        if name not in self._values:
            if name in self._open:
                raise RuntimeError(f"rows of the {self.channel} table form a circle at {name}")
            self._open.add(name)
            self._values[name] = self._map(self.rows[name])
        return self._values[name]

    def values(self) -> dict[str, Any]:
        """Every field of the table, in declared order."""
        return {name: self.value(name) for name in self.rows}

    def _map(self, row: Row) -> Any:
        slot = Slot(self, row)
        before = len(self.problems)
        kept = [value for picked in row.convert(slot) for value in _passed(slot, picked)]
        if not kept and len(self.problems) == before and row.required(slot):
            slot.problem(ProblemCode.MISSING, _missing(row))
        if row.many:
            return tuple(dict.fromkeys(kept))
        return kept[0] if kept else None


@dataclass(frozen=True, slots=True)
class Slot:
    """What a conversion or check sees: its row, the raw order, the other fields."""

    reading: Reading
    row: Row

    @property
    def root(self) -> object:
        """The platform's object that this table reads."""
        return self.reading.root

    @property
    def evidence(self) -> Evidence:
        """The ids seen in the reply."""
        return self.reading.evidence

    def value(self, name: str) -> Any:
        """Another field of the same object."""
        return self.reading.value(name)

    def found(self) -> Iterator[Found]:
        """Non-blank raw values at the row's sources, preferred ones first."""
        for source in self.row.sources.split():
            yield from self.at(source)

    def at(self, source: str) -> Iterator[Found]:
        """Non-blank raw values at one path."""
        for found in paths.read(self.root, source):
            if not paths.is_blank(found.value):
                yield found

    def problem(
        self,
        code: ProblemCode,
        message: str,
        found: Found | Picked | None = None,
        other_field: str | None = None,
    ) -> None:
        """Record that the row's field was not taken as it came."""
        name, label = self.row.field, self.reading.label
        # Some channels know their talents by name: what is no plain code may be a person's.
        plain = found is not None and str(found.value).isascii()
        personal = bool({name, other_field} & PERSONAL) or not plain
        self.reading.problems.append(
            Problem(
                code=code,
                field=f"{label}{name}",
                other_field=other_field,
                path=_joined(self.reading.at, found.path if found else ""),
                value=shown(found.value, personal=personal) if found else "",
                message=message,
            )
        )


def _passed(slot: Slot, picked: Picked) -> Iterator[Any]:
    flaw = slot.row.check(slot, picked)
    if flaw is None:
        yield picked.value
        return
    slot.problem(flaw.code, flaw.message, picked, flaw.other_field)
    if flaw.instead is not None:
        yield flaw.instead


def _missing(row: Row) -> str:
    if not row.sources:
        return f"{row.field} could not be worked out from the order"
    return f"{row.field} is absent; looked at {', '.join(row.sources.split())}"


def _joined(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path else prefix or path
