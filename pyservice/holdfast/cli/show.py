"""Output: JSON for programs, tables for people."""

import dataclasses
import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any


def plain(value: Any) -> Any:
    """A result as plain JSON values; times as RFC 3339."""
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


def width(content: str) -> int:
    """Columns that a text takes in a terminal; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in content)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with aligned columns."""
    shown = [[str(cell) for cell in row] for row in rows]
    widths = [
        max([width(title), *(width(row[column]) for row in shown)])
        for column, title in enumerate(head)
    ]
    for row in [list(head), *shown]:
        cells = [cell + " " * (widths[column] - width(cell)) for column, cell in enumerate(row)]
        put("  ".join(cells).rstrip())


def local(at: datetime | None) -> str:
    """A time as people in China read it."""
    from datetime import timedelta, timezone

    if at is None:
        return "-"
    return at.astimezone(timezone(timedelta(hours=8))).strftime("%m-%d %H:%M:%S")
