"""Orders from a CSV file: whole orders only, each row error with its number.

Columns: order_number, source_channel, urgency, sku, warehouse, quantity; one row
a line of an order. Running the same file again changes nothing: the request ids
come from the file's content.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from holdfast import errors
from holdfast.cli.reach import Reached
from holdfast.words import SourceChannel, Urgency

COLUMNS = ("order_number", "source_channel", "urgency", "sku", "warehouse", "quantity")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Reject:
    """An order that was not taken, with the first row it stands on."""

    row: int
    order_number: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did."""

    accepted: int
    rejected: tuple[Reject, ...]


@dataclass(slots=True)
class _Draft:
    row: int
    fields: dict[str, object]
    lines: list[dict[str, object]]
    problem: str = ""


def import_orders(path: Path, engine: Reached, rejects: Path | None) -> Report:
    """Imports a file.

    Args:
        path: The CSV file, UTF-8 with or without a byte order mark.
        engine: Where the orders go.
        rejects: Where rejected orders are listed, if wanted.

    Raises:
        InvalidArgument: A column is missing; nothing was imported.
    """
    content = path.read_bytes()
    drafts = _drafts(content.decode("utf-8-sig"))
    digest = _digest(content)
    rejected = [
        Reject(draft.row, str(number), "ROW_INVALID", draft.problem)
        for number, draft in drafts.items()
        if draft.problem
    ]
    sound = [(number, draft) for number, draft in drafts.items() if not draft.problem]
    accepted = 0
    for start in range(0, len(sound), _BATCH):
        chunk = sound[start : start + _BATCH]
        commands = [
            {
                "place_order": {
                    "request_id": f"csv-{digest}-{_digest(number.encode())}",
                    **draft.fields,
                    "lines": draft.lines,
                }
            }
            for number, draft in chunk
        ]
        for (number, draft), outcome in zip(chunk, engine.batch_submit(commands), strict=True):
            if isinstance(outcome, errors.Refused):
                rejected.append(Reject(draft.row, number, outcome.reason, outcome.message))
            else:
                accepted += 1
    rejected.sort(key=lambda reject: reject.row)
    if rejects is not None:
        _write_rejects(rejects, rejected)
    return Report(accepted, tuple(rejected))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def _drafts(content: str) -> dict[str, _Draft]:
    reader = csv.DictReader(content.splitlines())
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise errors.InvalidArgument(
            f"the file has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}.",
            reason="FIELD_INVALID",
            facts={"field": missing[0]},
            code="INVALID_ARGUMENT",
        )
    drafts: dict[str, _Draft] = {}
    for row, record in enumerate(reader, start=2):
        number = (record["order_number"] or "").strip()
        channel = (record["source_channel"] or "").strip() or None
        urgency = (record["urgency"] or "").strip() or None
        fields: dict[str, object] = {
            "order_number": number,
            "source_channel": channel,
            "urgency": urgency,
        }
        draft = drafts.setdefault(number, _Draft(row, fields, []))
        quantity = (record["quantity"] or "").strip()
        if not quantity.isdigit():
            draft.problem = draft.problem or f"row {row}: quantity is {quantity!r}"
            continue
        for name, value, known in (
            ("source_channel", channel, SourceChannel),
            ("urgency", urgency, Urgency),
        ):
            if value is not None and value.upper() not in known.__members__:
                draft.problem = draft.problem or f"row {row}: {name} is {value!r}"
        if fields != draft.fields:
            draft.problem = (
                draft.problem or f"row {row}: channel or urgency differs from row {draft.row}"
            )
        draft.lines.append(
            {
                "sku": (record["sku"] or "").strip(),
                "warehouse": (record["warehouse"] or "").strip(),
                "quantity": int(quantity),
            }
        )
    return drafts


def _write_rejects(path: Path, rejected: list[Reject]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("row", "order_number", "reason", "message"))
        for reject in rejected:
            writer.writerow(
                (
                    reject.row,
                    _harmless(reject.order_number),
                    reject.reason,
                    _harmless(reject.message),
                )
            )


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell
