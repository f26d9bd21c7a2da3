"""Charts as inline SVG: lines, steps and intervals, with axes that start where they should."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, inf, log10
from typing import Final

_WIDTH: Final = 860
_HEIGHT: Final = 240
_LEFT: Final = 64
_RIGHT: Final = 16
_TOP: Final = 12
_BOTTOM: Final = 36
#: Colours that a page in grey, and eyes that do not see red, can tell apart.
COLOURS: Final = ("#1f5fa8", "#d9822b", "#2b8a5a", "#8a3b8f", "#5c5c5c", "#b8202f")


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of x that is tinted, with its name at the top."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval with its middle; `floor` is the control's, drawn beneath."""

    name: str
    low: float
    middle: float
    high: float
    colour: str
    floor: tuple[float, float] | None = None


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, at most so many."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = -floor(-low / step)
    last = floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def lines_chart(
    lines: Sequence[Line], *, unit: str, marks: Sequence[Mark] = (), logarithmic: bool = False
) -> str:
    """Lines over the seconds of a run; nothing if there is no point to draw."""
    every = [(x, y) for line in lines for x, y in line.points if not logarithmic or y > 0]
    if not every:
        return ""
    right = max(max(x for x, _ in every), max((mark.end for mark in marks), default=0.0), 1.0)
    top = max(y for _, y in every) * 1.05 or 1.0
    bottom: float = float(10.0 ** floor(log10(min(y for _, y in every)))) if logarithmic else 0.0
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(x: float) -> float:
        return _LEFT + x / right * wide

    def down(y: float) -> float:
        share: float
        if logarithmic:
            share = log10(max(y, bottom) / bottom) / log10(max(top / bottom, 1.0001))
        else:
            share = y / top
        return _TOP + (1 - share) * high

    drawn = []
    for mark in marks:
        x, width = across(mark.start), across(mark.end) - across(mark.start)
        drawn.append(
            f'<rect x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{high}" class="mark"/>'
            f'<text x="{x + 3:.1f}" y="{_TOP + 11}" class="small">{escape(mark.name)}</text>'
        )
    heights = _decades(bottom, top) if logarithmic else ticks(0.0, top)
    for y in heights:
        at, end = down(y), _WIDTH - _RIGHT
        drawn.append(
            f'<line x1="{_LEFT}" x2="{end}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>'
            f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" class="end">{y:g}</text>'
        )
    for x in ticks(0.0, right, 10):
        drawn.append(f'<text x="{across(x):.1f}" y="{_HEIGHT - 20}" class="middle">{x:g}</text>')
    for place, line in enumerate(lines):
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in line.points)
        dash = ' stroke-dasharray="5 3"' if line.dashed else ""
        drawn.append(f'<polyline points="{path}" stroke="{_colour(place)}"{dash} class="line"/>')
    drawn.append(_legend([line.name for line in lines], unit))
    return _svg(drawn, _HEIGHT)


def bars_chart(bars: Sequence[Bar], *, low: float, high: float) -> str:
    """Intervals of ratios beside the band [low, high] in which they must lie."""
    if not bars:
        return ""
    every: list[float] = []
    for bar in bars:
        every += (bar.low, bar.high, *(bar.floor or ()))
    ends = [end for end in every if end < inf]
    left: float = min([low, *ends]) - 0.02
    right: float = max([high, *ends]) + 0.02
    height = 28 * len(bars) + 40
    start = 220

    def across(value: float) -> float:
        inside = min(max(value, left), right)
        return start + (inside - left) / (right - left) * (_WIDTH - start - _RIGHT)

    drawn = [
        f'<rect x="{across(low):.1f}" y="4" width="{across(high) - across(low):.1f}" '
        f'height="{height - 36}" class="band"/>',
        f'<line x1="{across(1):.1f}" x2="{across(1):.1f}" y1="4" y2="{height - 32}" class="grid"/>',
    ]
    for place, bar in enumerate(bars):
        y = 22 + 28 * place
        drawn.append(f'<text x="{start - 8}" y="{y + 4}" class="end">{escape(bar.name)}</text>')
        if bar.floor is not None:
            drawn.append(
                f'<line x1="{across(bar.floor[0]):.1f}" x2="{across(bar.floor[1]):.1f}" '
                f'y1="{y + 8}" y2="{y + 8}" class="floor"/>'
            )
        drawn.append(
            f'<line x1="{across(bar.low):.1f}" x2="{across(bar.high):.1f}" y1="{y}" y2="{y}" '
            f'stroke="{bar.colour}" stroke-width="5"/>'
            f'<circle cx="{across(bar.middle):.1f}" cy="{y}" r="5" fill="{bar.colour}"/>'
        )
    for x in ticks(left, right, 8):
        drawn.append(f'<text x="{across(x):.1f}" y="{height - 12}" class="middle">{x:g}</text>')
    return _svg(drawn, height)


def _decades(bottom: float, top: float) -> list[float]:
    found = []
    size = bottom
    while size <= top:
        found += [size * factor for factor in (1, 2, 5) if size * factor <= top]
        size *= 10
    return found


def _legend(names: Sequence[str], unit: str) -> str:
    drawn, x = [], float(_LEFT)
    for place, name in enumerate(names):
        drawn.append(
            f'<rect x="{x:.0f}" y="{_HEIGHT - 12}" width="12" height="4" fill="{_colour(place)}"/>'
            f'<text x="{x + 16:.0f}" y="{_HEIGHT - 6}" class="small">{escape(name)}</text>'
        )
        x += 34 + 8 * len(name)
    drawn.append(f'<text x="4" y="{_TOP + 8}" class="small">{escape(unit)}</text>')
    return "".join(drawn)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _svg(drawn: Sequence[str], height: int) -> str:
    inside = "".join(drawn)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{inside}</svg>'
