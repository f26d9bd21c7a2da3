"""What was measured: one record a request, and a line a second about each generator."""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.loadtests.traffic import Kind

RECORDS: Final = "requests.bin"
HEALTH: Final = "generators.jsonl"
#: gRPC's code of an answer without an error.
OK: Final = 0

# due, lag, sent and done after due (all µs), order, kind, code, target, attempts.
_FORM: Final = struct.Struct("<qIIIIBBBB")
_MOST: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Record:
    """One request. Times are seconds; latencies run from `due` (corrected) or `sent` (raw).

    Attributes:
        due: When it was due, after the beginning of the run.
        lag: How late it was sent through the generator's fault: counted from `due`, or from
            the answer to the order's request before, if that came later.
        sent: When it was sent.
        done: When its last answer was there.
        order: Index of its order.
        kind: What it asked for.
        code: gRPC's status code of the last answer.
        target: Which engine was asked.
        attempts: How often it was sent, always under the same request id.
    """

    due: float
    lag: float
    sent: float
    done: float
    order: int
    kind: Kind
    code: int
    target: int
    attempts: int

    @property
    def corrected(self) -> float:
        """Latency from the moment it was due, in milliseconds."""
        return (self.done - self.due) * 1e3

    @property
    def raw(self) -> float:
        """Latency from the moment it was sent, in milliseconds."""
        return (self.done - self.sent) * 1e3


def pack(record: Record) -> bytes:
    """A record as bytes."""
    return _FORM.pack(
        round(record.due * 1e6),
        _micros(record.lag),
        _micros(record.sent - record.due),
        _micros(record.done - record.due),
        record.order,
        record.kind,
        record.code,
        record.target,
        min(record.attempts, 255),
    )


def _micros(seconds: float) -> int:
    return min(max(round(seconds * 1e6), 0), _MOST)


def unpack(packed: bytes) -> Iterator[Record]:
    """The records in these bytes; half a record at the end is left out."""
    whole = len(packed) - len(packed) % _FORM.size
    for due, lag, sent, done, order, kind, code, target, attempts in _FORM.iter_unpack(
        packed[:whole]
    ):
        at = due / 1e6
        yield Record(
            at,
            lag / 1e6,
            at + sent / 1e6,
            at + done / 1e6,
            order,
            Kind(kind),
            code,
            target,
            attempts,
        )


@dataclass(frozen=True, slots=True)
class Health:
    """One second of one generator. `cpu` is the share of a core that its process used."""

    worker: int
    at: float
    cpu: float


def read_records(folder: Path) -> list[Record]:
    """Every request of a run, by the moment it was due."""
    path = folder / RECORDS
    packed = path.read_bytes() if path.exists() else b""
    return sorted(unpack(packed), key=lambda record: record.due)


def read_health(folder: Path) -> list[Health]:
    """What the generators noted about themselves."""
    path = folder / HEALTH
    lines: Iterable[str] = path.read_text().splitlines() if path.exists() else ()
    return [Health(**json.loads(line)) for line in lines]
