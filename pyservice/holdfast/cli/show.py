"""Output: JSON for programs, tables for people."""

import dataclasses
import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from holdfast.cli.texts import in_language
from holdfast.errors import HoldfastError

_CHINA: Final = timezone(timedelta(hours=8))


def plain(value: Any) -> Any:
    """A result as plain JSON values; times as RFC 3339, bytes as hex."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name.rstrip("_"): plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def put_json(value: Any) -> None:
    """One JSON value on one line."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")


def put(line: str = "") -> None:
    """One line for people."""
    sys.stdout.write(line + "\n")


def warn(line: str) -> None:
    """One line on standard error."""
    sys.stderr.write(line + "\n")


def tell(error: HoldfastError, lang: str, *, as_json: bool, request_id: str = "") -> None:
    """What went wrong: an object on standard output, or a line on standard error."""
    message = in_language(error, lang)
    if not as_json:
        warn(f"holdfast: {error.reason}: {message}")
        return
    facts = {"error": error.reason, "message": message, "facts": error.facts}
    put_json({**facts, "request_id": request_id} if request_id else facts)


def width(content: str) -> int:
    """Columns that a text takes in a terminal: Chinese characters two, accents none."""
    return sum(_columns(char) for char in content)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with aligned columns."""
    shown = [[_one_line(str(cell)) for cell in row] for row in rows]
    widths = [
        max([width(title), *(width(row[column]) for row in shown)])
        for column, title in enumerate(head)
    ]
    for row in [list(head), *shown]:
        cells = [cell + " " * (widths[column] - width(cell)) for column, cell in enumerate(row)]
        put("  ".join(cells).rstrip())


def _one_line(cell: str) -> str:
    """A cell without control characters, which could redraw the reader's terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cell)


def local(at: datetime | None) -> str:
    """A time as people in China read it, zone shown."""
    return "-" if at is None else at.astimezone(_CHINA).strftime("%m-%d %H:%M:%S +08")
