"""Orders from a CSV file: whole orders only, each problem with its row.

Columns: order_number, source_channel, urgency, sku, warehouse, quantity; one row
a line of an order, rows of one order adjacent or not, further columns ignored.
Running the same file again changes nothing: the request ids come from its bytes.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from holdfast import errors
from holdfast.cli.reach import Batches
from holdfast.cli.texts import text, told
from holdfast.words import SourceChannel, Urgency

COLUMNS: Final = ("order_number", "source_channel", "urgency", "sku", "warehouse", "quantity")
# A batch takes 1,000 commands and 4 MiB; this stays far below both.
_BATCH_ORDERS: Final = 500
_BATCH_LINES: Final = 5_000
# The engine says what a quantity may be; longer ones do not fit into its message.
_LONGEST_QUANTITY: Final = 18
_VOCABULARIES: Final[Mapping[str, tuple[str, ...]]] = {
    "source_channel": tuple(SourceChannel),
    "urgency": tuple(Urgency),
}

Record: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a row was not taken; `row` counts from 1, the header included."""

    row: int
    order_number: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did.

    Attributes:
        accepted: Orders that are in, now or from an earlier run of the same file.
        rejected: Orders that are not.
        rejects: A reason for each of them, at least one.
        unknown: Orders whose outcome is not known: run the same file again.
        detail: Why it is not known.
    """

    accepted: int
    rejected: int
    rejects: tuple[Reject, ...]
    unknown: int = 0
    detail: str = ""


@dataclass(slots=True)
class _Draft:
    """An order being read: its rows, and what is wrong with them."""

    number: str
    rows: list[tuple[int, Record]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def reject(self, row: int, message: str, reason: str = "ROW_INVALID") -> None:
        self.rejects.append(Reject(row, self.number, reason, message))


def import_orders(
    path: Path,
    engine: Batches,
    *,
    encoding: str = "utf-8-sig",
    rejects: Path | None = None,
    lang: str = "en",
) -> Report:
    """Imports a file.

    Args:
        path: The CSV file.
        engine: Where the orders go.
        encoding: Of the file; UTF-8 is read with or without a byte order mark.
        rejects: Where the rows of rejected orders are written, to be corrected.
        lang: Language in which rows are rejected.

    Raises:
        InvalidArgument: It is no CSV file with the columns; nothing was imported.
    """
    content = path.read_bytes()
    drafts = _drafts(_decoded(content, path, encoding), lang)
    sound = [draft for draft in drafts if not draft.rejects]
    accepted, unknown, detail = 0, 0, ""
    for chunk in _chunks(sound):
        if not unknown:
            try:
                accepted += _submit(chunk, engine, _digest(content))
                continue
            except (errors.Unavailable, errors.DeadlineExceeded) as error:
                detail = error.message
        unknown += len(chunk)
    bad = [draft for draft in drafts if draft.rejects]
    if rejects is not None:
        _write_rejects(rejects, bad)
    reasons = sorted((entry for draft in bad for entry in draft.rejects), key=lambda r: r.row)
    return Report(accepted, len(bad), tuple(reasons), unknown, detail)


def _submit(chunk: Sequence[_Draft], engine: Batches, digest: str) -> int:
    """Submits orders as one batch; gives how many are in, and marks the others."""
    commands = [{"place_order": _request(draft, digest)} for draft in chunk]
    accepted = 0
    for draft, outcome in zip(chunk, engine.batch_submit(commands), strict=True):
        if isinstance(outcome, errors.Refused):
            draft.reject(draft.rows[0][0], outcome.message, outcome.reason)
        else:
            accepted += 1
    return accepted


def _request(draft: _Draft, digest: str) -> dict[str, object]:
    first = draft.rows[0][1]
    return {
        "request_id": f"csv-{digest}-{_digest(draft.number.encode())}",
        "order_number": draft.number,
        "source_channel": first["source_channel"] or None,
        "urgency": first["urgency"] or None,
        "lines": [
            {
                "sku": record["sku"],
                "warehouse": record["warehouse"],
                "quantity": int(record["quantity"]),
            }
            for _, record in draft.rows
        ],
    }


def _chunks(drafts: Sequence[_Draft]) -> Iterator[list[_Draft]]:
    """Orders in groups that fit into a batch; an order is never cut."""
    chunk: list[_Draft] = []
    lines = 0
    for draft in drafts:
        full = len(chunk) == _BATCH_ORDERS or lines + len(draft.rows) > _BATCH_LINES
        if chunk and full:
            yield chunk
            chunk, lines = [], 0
        chunk.append(draft)
        lines += len(draft.rows)
    if chunk:
        yield chunk


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def _decoded(content: bytes, path: Path, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise told(
            _NotATable, "FILE_ENCODING", path=path, encoding=encoding, byte=error.start
        ) from None
    except LookupError:
        raise told(_NotATable, "ENCODING_UNKNOWN", encoding=encoding) from None


class _NotATable(errors.InvalidArgument):
    """The file is no table of orders."""

    def __init__(self, message: str, *, reason: str, facts: Mapping[str, str]) -> None:
        super().__init__(message, reason=reason, facts=facts, code="INVALID_ARGUMENT")


def _drafts(content: str, lang: str) -> list[_Draft]:
    """Every order of the file, by first appearance."""
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    try:
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            listed = {"missing": ", ".join(missing), "columns": ", ".join(COLUMNS)}
            raise told(_NotATable, "FILE_COLUMNS", **listed)
        drafts: dict[str, _Draft] = {}
        for row, record in enumerate(reader, start=2):
            cells = {column: (record[column] or "").strip() for column in COLUMNS}
            number = cells["order_number"]
            # Rows without a number belong to no order: each stands for itself.
            draft = drafts.setdefault(number or f"\0{row}", _Draft(number))
            draft.rows.append((row, cells))
            _check(draft, row, cells, lang)
    except csv.Error as error:
        raise told(_NotATable, "FILE_NO_CSV", line=reader.line_num, detail=error) from None
    return list(drafts.values())


def _check(draft: _Draft, row: int, cells: Record, lang: str) -> None:
    """Marks what the engine could not be asked; what it can judge is left to it."""
    for column in ("order_number", "sku"):
        if not cells[column]:
            draft.reject(row, text("row.empty", lang, column=column))
    quantity = cells["quantity"]
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) <= _LONGEST_QUANTITY):
        draft.reject(row, text("row.quantity", lang, value=quantity))
    first_row, first = draft.rows[0]
    for column, known in _VOCABULARIES.items():
        value = cells[column]
        if value and value.upper() not in known:
            names = ", ".join(known)
            draft.reject(row, text("row.word", lang, column=column, value=value, known=names))
        if value != first[column]:
            seen = {"first": first[column], "first_row": first_row}
            draft.reject(row, text("row.differs", lang, column=column, value=value, **seen))


def _write_rejects(path: Path, drafts: Sequence[_Draft]) -> None:
    """Writes the rows of rejected orders, each with the reasons, ready to be corrected."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, "row", "reason", "message"))
        for draft in drafts:
            for row, cells in draft.rows:
                told = [entry for entry in draft.rejects if entry.row == row] or draft.rejects[:1]
                reason, message = told[0].reason, " ".join(entry.message for entry in told)
                kept = (*(cells[column] for column in COLUMNS), row, reason, message)
                writer.writerow(_harmless(str(cell)) for cell in kept)


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
