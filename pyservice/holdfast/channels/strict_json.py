"""JSON as the platforms should have sent it: strict, exact, bounded.

The standard parser keeps the last of two equal keys, accepts NaN, turns
amounts into floats and recurses as deep as the text asks. Each of these has
hidden wrong orders elsewhere, so each is an error here.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

from holdfast.channels.errors import MalformedPayloadError

#: The deepest real reply nests 12 levels; more than this is an attack or a bug.
MAX_DEPTH: Final = 64
#: Longest integer accepted, in digits; 64-bit ids have 19.
MAX_DIGITS: Final = 40
#: A page of 100 large orders stays far below this.
MAX_BYTES: Final = 64 * 1024 * 1024

# A whole string literal, or one bracket: brackets inside strings do not count. The closing
# quote is optional, so that an unclosed string is scanned once and not once per quote.
_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse(payload: bytes | str) -> Any:
    """Parse a reply.

    Args:
        payload: UTF-8 bytes or text, without a byte order mark.

    Returns:
        The value; numbers with a fraction or exponent are `Decimal`.

    Raises:
        MalformedPayloadError: Not UTF-8, not strict JSON, or beyond the bounds.
    """
    text = _decode(payload)
    _refuse_deep(text)
    try:
        return json.loads(
            text,
            parse_float=Decimal,
            parse_int=_parse_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_duplicates,
        )
    except json.JSONDecodeError as error:
        # The message of the parser names a position; its excerpt could hold personal data.
        raise MalformedPayloadError(
            f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None


def _decode(payload: bytes | str) -> str:
    if len(payload) > MAX_BYTES:
        raise MalformedPayloadError(f"{len(payload)} bytes; the limit is {MAX_BYTES}")
    if isinstance(payload, str):
        text = payload
    else:
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedPayloadError(f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise MalformedPayloadError("starts with a byte order mark; send UTF-8 without one")
    if not text.strip():
        raise MalformedPayloadError("empty; expected one JSON value")
    return text


def _refuse_deep(text: str) -> None:
    """Count brackets before parsing, so that depth never reaches the parser's stack."""
    depth = 0
    for token in _TOKENS.finditer(text):
        mark = token[0][0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedPayloadError(f"nested deeper than {MAX_DEPTH} levels")
        elif mark in "]}":
            depth -= 1


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise MalformedPayloadError(f"a number of {len(digits)} digits; the limit is {MAX_DIGITS}")
    return int(digits)


def _refuse_constant(word: str) -> NoReturn:
    raise MalformedPayloadError(f"{word} is not JSON")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise MalformedPayloadError(f"key {key[:40]!r} occurs twice in one object")
        result[key] = value
    return result
