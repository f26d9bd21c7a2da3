"""How urgent an order is: declared rules over the hints that channels give.

No channel has a field for it, so every adapter collects the same hints and the
first rule that fires decides; its name goes into the order as `urgency_rule`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.channels import scalars
from holdfast.channels.table import Conversion, Picked, Slot
from holdfast.channels.words import TO_BE_SHIPPED, Status, Urgency

_HOUR: Final = 3_600_000
#: Rule name where no rule fires.
NO_HINT: Final = "NO_HINT"

# Wishes for haste; what only looks like one is taken out first.
_CALM: Final = re.compile(
    r"(?:不|没|别|无需|无须|甭|莫)[^,，。.!！;；\s]{0,3}(?:着急|赶时间|急|加急|尽快|催|赶)"
    r"|急救|急诊|应急|急冻|急性"
)
_HASTE: Final = re.compile(
    r"急|尽快|尽早|赶紧|赶快|赶时间|马上发|马上要|立刻|立即|速发|速寄|快点|快些|早点发"
    r"|今天|今日|今晚|当天|明天要|明早要|催"
)
_SAME_DAY: Final = re.compile(r"小时达|半日达|当日达|即时达")


@dataclass(frozen=True, slots=True)
class HintSources:
    """Where a channel puts its hints (paths as in the mapping tables).

    Attributes:
        notes: Words of buyer and seller.
        flag: The seller's coloured flag; `red` lists the values that mean red.
        urged: How often the buyer pressed, or a text that contains `urged_word`.
        hourly: Set when the goods are due within hours.
        promise: Texts that may promise delivery on the same day.
    """

    notes: str
    flag: str = ""
    red: frozenset[str] = frozenset()
    urged: str = ""
    urged_word: str = ""
    hourly: str = ""
    hourly_values: frozenset[str] = frozenset()
    promise: str = ""

    def every_path(self) -> str:
        """All paths, for the row of the table."""
        parts = (self.notes, self.flag, self.urged, self.hourly, self.promise)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Hints:
    """What an order says about haste. `margin` is the time to the deadline in ms."""

    margin: int | None
    haste_in_note: bool
    red_flag: bool
    urged: int
    hourly: bool
    same_day: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule: this level, when this holds."""

    name: str
    level: Urgency
    fires: Callable[[Hints], bool]


#: In order; the first that fires decides.
RULES: Final[Sequence[Rule]] = (
    Rule("HOUR_DELIVERY", Urgency.CRITICAL, lambda h: h.hourly),
    Rule("DEADLINE_WITHIN_4_H", Urgency.CRITICAL, lambda h: _within(h, 4)),
    Rule("BUYER_URGED_3_TIMES", Urgency.CRITICAL, lambda h: h.urged >= 3),
    Rule("SAME_DAY_PROMISE", Urgency.URGENT, lambda h: h.same_day),
    Rule("DEADLINE_WITHIN_12_H", Urgency.URGENT, lambda h: _within(h, 12)),
    Rule("BUYER_URGED", Urgency.URGENT, lambda h: h.urged >= 1),
    Rule("HASTE_IN_NOTE", Urgency.URGENT, lambda h: h.haste_in_note),
    Rule("RED_FLAG", Urgency.URGENT, lambda h: h.red_flag),
)


def urgency(sources: HintSources) -> Conversion:
    """The level; never empty."""
    return lambda slot: (Picked(_decide(slot, sources)[0], slot.row.sources),)


def urgency_rule(sources: HintSources) -> Conversion:
    """The name of the rule that decided."""
    return lambda slot: (Picked(_decide(slot, sources)[1], slot.row.sources),)


def wants_haste(note: str) -> bool:
    """Whether a note asks for speed (急, 尽快, 今天…), and not the contrary (不急)."""
    return _HASTE.search(_CALM.sub("", note)) is not None


def _decide(slot: Slot, sources: HintSources) -> tuple[Urgency, str]:
    hints = _hints(slot, sources)
    for rule in RULES:
        if rule.fires(hints):
            return rule.level, rule.name
    return Urgency.NORMAL, NO_HINT


def _hints(slot: Slot, sources: HintSources) -> Hints:
    return Hints(
        margin=_margin(slot),
        haste_in_note=any(wants_haste(note) for note in _texts(slot, sources.notes)),
        red_flag=any(flag in sources.red for flag in _texts(slot, sources.flag)),
        urged=max((_count(t, sources.urged_word) for t in _texts(slot, sources.urged)), default=0),
        hourly=any(_means_hourly(t, sources) for t in _texts(slot, sources.hourly)),
        same_day=any(_SAME_DAY.search(text) for text in _texts(slot, sources.promise)),
    )


def _margin(slot: Slot) -> int | None:
    """Time from the last change to the shipping deadline, while there is something to ship."""
    deadline = slot.value("ship_deadline")
    seen = slot.value("updated_at") or slot.value("created_at")
    still_open = slot.value("status") in TO_BE_SHIPPED | {Status.PENDING_PAYMENT}
    if deadline is None or seen is None or not still_open:
        return None
    return int(deadline - seen)


def _within(hints: Hints, hours: int) -> bool:
    return hints.margin is not None and hints.margin <= hours * _HOUR


def _texts(slot: Slot, sources: str) -> list[str]:
    raw = (found.value for source in sources.split() for found in slot.at(source))
    return [text for text in map(scalars.text, raw) if text]


def _count(text: str, word: str) -> int:
    if word:
        return int(word in re.split(r"[,;|\s]+", text))
    return scalars.integer(text) or 0


def _means_hourly(text: str, sources: HintSources) -> bool:
    if sources.hourly_values:
        return text in sources.hourly_values
    return text not in ("0", "false")
