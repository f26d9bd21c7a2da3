"""Readings of single values: text, whole numbers, truth, money, instants.

Platforms send numbers as text and text as numbers; each reader takes both
forms where the meaning is certain and returns None where it is not.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_YUAN: Final = re.compile(r"-?[0-9]{1,13}\.[0-9]{1,2}")
_LOCAL_TIME: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?", re.ASCII
)
#: Before the platforms existed, or a century ahead: not an order's time.
_FIRST_SECOND: Final = 1_000_000_000
_LAST_SECOND: Final = 4_102_444_800
_INT64: Final = 2**63


def text(value: object) -> str | None:
    """Text of a text or number, trimmed and storable; None for other types.

    Lone surrogates and control characters (line breaks and tabs apart) cannot
    be stored or shown and are replaced or dropped.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if -30 < value.adjusted() < 30 else None
    if not isinstance(value, str):
        return None
    sound = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    sound = sound.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in sound if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def identifier(value: object) -> str | None:
    """An id as text: numbers become text, quotes of a doubly quoted text go."""
    taken = text(value)
    if taken is None or isinstance(value, Decimal):
        return None
    if len(taken) > 1 and taken[0] == taken[-1] == '"':
        taken = taken[1:-1].strip()
    return taken or None


def integer(value: object) -> int | None:
    """A whole number in int64, given as number or text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        stripped = value.strip()
        value = int(stripped) if _INTEGER.fullmatch(stripped) else None
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return value
    return None


def truth(value: object) -> bool | None:
    """A boolean given as such, as 0 or 1, or as text; None if it is none of these."""
    if isinstance(value, bool):
        return value
    word = (text(value) or "").lower()
    return {"true": True, "1": True, "false": False, "0": False}.get(word)


def fen_of_yuan(value: object) -> int | None:
    """Fen of a yuan amount with one or two decimals; a bare 0 is an amount too."""
    if isinstance(value, bool):
        return None
    written = (text(value) or "").strip()
    if integer(written) == 0:
        return 0
    return int(Decimal(written) * 100) if _YUAN.fullmatch(written) else None


def instant(value: object) -> int | None:
    """UTC milliseconds of unix seconds or of a wall-clock text in Asia/Shanghai.

    0 and the epoch written as text mean "none" to the platforms; use
    `is_no_time` first. None is for what is no time at all.
    """
    seconds = integer(value)
    if seconds is None and isinstance(value, str):
        seconds = _local_seconds(value.strip())
    if seconds is None or not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return None
    return seconds * 1000


def is_no_time(value: object) -> bool:
    """Whether a time field says that there is no time: 0, or a zero date."""
    if integer(value) == 0:
        return True
    return isinstance(value, str) and value.strip().startswith(("0000-", "0001-", "1970-01-01"))


def ascii_digits(value: str) -> str:
    """Full-width and other decimal digits as 0-9; every other character stays."""
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in value)


def shown(value: object, *, personal: bool) -> str:
    """A value for a problem: cut to 64 characters, or only its shape if it is personal."""
    written = text(value)
    if written is None:
        return f"<{type(value).__name__}>"
    if not personal:
        return written if len(written) <= 64 else f"{written[:61]}..."
    return f"<{_kind(written)}, {len(written)} characters>"


def _local_seconds(written: str) -> int | None:
    match = _LOCAL_TIME.fullmatch(written)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).timestamp())
    except (ValueError, OverflowError):
        return None


def _kind(written: str) -> str:
    if re.fullmatch(r"[\d\s+-]+", written):
        return "digits"
    return "text with digits" if any(c.isdigit() for c in written) else "text"
