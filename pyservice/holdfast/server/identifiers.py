"""Which request, order or parcel a log line is about, read off the request's bytes.

Only lines that are written pay for this: no message is made, the walk ends with
the last field that is looked for, and whatever does not parse is left out.
"""

from collections.abc import Iterator
from typing import Final

from holdfast import _engine, messages

_NAMES: Final = ("request_id", "order_number", "parcel_id")
_LONGEST: Final = 128
_VARINT, _SIXTY_FOUR, _BYTES, _THIRTY_TWO = 0, 1, 2, 5


def _wanted(path: str) -> dict[int, str]:
    """Field numbers of the names that a method's request has."""
    fields = messages.method(path.removeprefix("/holdfast.v1.")).input_type.fields_by_name
    return {fields[name].number: name for name in _NAMES if name in fields}


class Identifiers:
    """Reads identifiers of any method's requests."""

    def __init__(self) -> None:
        """Looks the field numbers up, once for all methods."""
        self._wanted = {path: _wanted(path) for path, _, _ in _engine.methods()}

    def of(self, path: str, request: bytes) -> dict[str, str]:
        """Name to value, of those that the request has set."""
        wanted = self._wanted.get(path)
        if not wanted:
            return {}
        found: dict[str, str] = {}
        last = max(wanted)
        for number, value in _fields(request):
            if number > last:
                break
            if number in wanted:
                found[wanted[number]] = value[:_LONGEST].decode(errors="replace")
                if len(found) == len(wanted):
                    break
        return found


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of the length-delimited fields, until something is odd."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _BYTES:
            length, at = _varint(message, at)
            if length > len(message) - at:
                return
            yield key >> 3, message[at : at + length]
            at += length
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_SIXTY_FOUR, _THIRTY_TWO):
            at += 8 if kind == _SIXTY_FOUR else 4
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A varint and where the next field begins; past the end if it is cut off."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return value, len(message)
