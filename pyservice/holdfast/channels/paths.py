"""Source paths of the mapping tables, and reading through them.

A path is names joined by dots. `name[]` visits each element of a list, `name?`
steps into the name only where it exists (wrappers that a platform may leave
out). Three shapes that platforms send for the same thing read alike: a list, a
single object in place of a list, and either of them as JSON inside a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from holdfast.channels import strict_json
from holdfast.channels.errors import MalformedPayloadError


@dataclass(frozen=True, slots=True)
class Found:
    """A raw value and the concrete path where it stood, e.g. `orders[1].price`."""

    path: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    each: bool
    optional: bool


def read(root: object, path: str) -> Iterator[Found]:
    """Yield every value at `path` below `root`, blanks included, in document order."""
    yield from _walk(Found("", root), _compile(path))


def objects(root: object, path: str) -> list[Found]:
    """The JSON objects at `path`; anything else there is left out."""
    return [found for found in read(root, path) if isinstance(found.value, dict)]


def is_blank(value: object) -> bool:
    """Whether a platform means "nothing" by this value."""
    if isinstance(value, str):
        return value.strip() in ("", "null")
    return value is None or (isinstance(value, list | dict) and not value)


def opened(value: object) -> object:
    """`value`, or what it holds if it is a text that carries a JSON object or list."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return strict_json.parse(value)
        except MalformedPayloadError:
            return value
    return value


@lru_cache(maxsize=512)
def _compile(path: str) -> tuple[_Step, ...]:
    steps = []
    for part in path.split("."):
        each = part.endswith("[]")
        name = part.removesuffix("[]")
        steps.append(_Step(name.removesuffix("?"), each, name.endswith("?")))
    return tuple(steps)


def _walk(here: Found, steps: tuple[_Step, ...]) -> Iterator[Found]:
    if not steps:
        yield here
        return
    step, rest = steps[0], steps[1:]
    below = _descend(here, step)
    if below is None:
        return
    if not step.each:
        yield from _walk(below, rest)
        return
    for element in _elements(below):
        yield from _walk(element, rest)


def _descend(here: Found, step: _Step) -> Found | None:
    holder = opened(here.value)
    if isinstance(holder, dict) and step.name in holder:
        joined = f"{here.path}.{step.name}" if here.path else step.name
        return Found(joined, holder[step.name])
    return here if step.optional else None


def _elements(found: Found) -> Iterator[Found]:
    value = opened(found.value)
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield Found(f"{found.path}[{index}]", element)
    elif not is_blank(value):
        yield Found(found.path, value)
