"""What the numbers say: paired windows, bootstrap intervals, and a verdict with its exit code.

Two engines are asked in turn within the same milliseconds. A window's percentile of the one,
divided by the same window's percentile of the other, is one pair; the median of all pairs is the
ratio, and a bootstrap over the pairs its interval. The machine's noise hits both sides of a pair.
Nothing here reads a clock or a file, and the same numbers always give the same verdict.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from math import ceil, inf
from statistics import median
from typing import Any, Final

#: A ratio may differ from 1 by so much.
MARGIN: Final = 0.03
#: Highest ratio of p99; its windows vary too much by chance for a margin.
CEILING: Final = 1.1
#: Confidence of every interval.
LEVEL: Final = 0.95
#: Pairs below which nothing is judged.
LEAST_PAIRS: Final = 8

_DRAWS: Final = 2_000
_SEED: Final = 20_261_111


class Verdict(StrEnum):
    """What a rehearsal, or one check of it, comes to."""

    PASS = "PASS"  # noqa: S105 — no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    GENERATOR_BOUND = "GENERATOR-BOUND"


#: 2 stays for wrong usage.
EXIT_CODES: Final = {
    Verdict.PASS: 0,
    Verdict.FAIL: 1,
    Verdict.INCONCLUSIVE: 3,
    Verdict.GENERATOR_BOUND: 4,
}
#: The rehearsal could not be carried out: nothing was judged.
EXIT_ERROR: Final = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A ratio with its interval and what it comes to.

    Attributes:
        name: What was compared.
        n: Pairs.
        ratio: Median of the pairs; 1 is no difference.
        low: Lower end of the interval.
        high: Upper end of the interval.
        verdict: PASS, FAIL or INCONCLUSIVE; None if it is only reported.
        control: The same method on two engines that do not differ: the noise floor.
    """

    name: str
    n: int
    ratio: float
    low: float
    high: float
    verdict: Verdict | None
    control: "Judged | None" = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return asdict(self)


def judged_of(found: dict[str, Any]) -> Judged:
    """The inverse of `Judged.as_json`; also reads what `./dev drift` writes.

    Raises:
        KeyError: A field is missing.
        ValueError: The verdict is no verdict.
    """
    control, verdict = found.get("control"), found["verdict"]
    return Judged(
        name=str(found["name"]),
        n=int(found["n"]),
        ratio=float(found["ratio"]),
        low=float(found["low"]),
        high=float(found["high"]),
        verdict=Verdict(verdict) if verdict is not None else None,
        control=judged_of({"name": "A/A", "verdict": None, **control}) if control else None,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed.

    Args:
        ordered: Values in rising order, at least one.
        share: Above 0, up to 1.
    """
    return ordered[max(ceil(len(ordered) * share) - 1, 0)]


def paired(
    ours: Iterable[tuple[float, float]],
    other: Iterable[tuple[float, float]],
    *,
    window: float,
    share: float,
    least: int,
) -> list[float]:
    """Ratios of a percentile, window by window.

    Args:
        ours: (instant, latency) of the engine that is judged.
        other: (instant, latency) of the one beside it.
        window: Length of a window, in the unit of the instants.
        share: Which percentile.
        least: Values that each side of a window must have, or the window is left out.
    """
    mine, theirs = _windows(ours, window), _windows(other, window)
    ratios = []
    for place in sorted(mine.keys() & theirs.keys()):
        if min(len(mine[place]), len(theirs[place])) < least:
            continue
        below = percentile(sorted(theirs[place]), share)
        if below > 0:
            ratios.append(percentile(sorted(mine[place]), share) / below)
    return ratios


def _windows(values: Iterable[tuple[float, float]], width: float) -> dict[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for at, value in values:
        found[int(at // width)].append(value)
    return found


def bootstrap(
    values: Sequence[float], statistic: Callable[[Sequence[float]], float] = median
) -> tuple[float, float]:
    """The interval of a statistic: it is drawn again and again from the values themselves.

    The same values always give the same interval.
    """
    chance = random.Random(_SEED)  # noqa: S311 — chance, not secrecy
    count = len(values)
    drawn = sorted(statistic(chance.choices(values, k=count)) for _ in range(_DRAWS))
    rest = (1 - LEVEL) / 2
    return percentile(drawn, rest), percentile(drawn, 1 - rest)


def within(name: str, ratios: Sequence[float], margin: float = MARGIN) -> Judged:
    """PASS if the whole interval is within ±margin of 1, FAIL if all of it is outside."""

    def say(low: float, high: float) -> Verdict:
        if 1 - margin <= low and high <= 1 + margin:
            return Verdict.PASS
        return Verdict.FAIL if low > 1 + margin or high < 1 - margin else Verdict.INCONCLUSIVE

    return _judge(name, ratios, say)


def below(name: str, ratios: Sequence[float], limit: float = CEILING) -> Judged:
    """PASS if the whole interval is at most `limit`, FAIL if all of it is above."""

    def say(low: float, high: float) -> Verdict:
        if high <= limit:
            return Verdict.PASS
        return Verdict.FAIL if low > limit else Verdict.INCONCLUSIVE

    return _judge(name, ratios, say)


def above(name: str, ratios: Sequence[float], limit: float = 1 - MARGIN) -> Judged:
    """PASS if the whole interval is at least `limit`, FAIL if all of it is below."""

    def say(low: float, high: float) -> Verdict:
        if low >= limit:
            return Verdict.PASS
        return Verdict.FAIL if high < limit else Verdict.INCONCLUSIVE

    return _judge(name, ratios, say)


def reported(name: str, ratios: Sequence[float]) -> Judged:
    """The ratio and its interval, without a verdict."""
    return replace(_judge(name, ratios, lambda _low, _high: Verdict.PASS), verdict=None)


def _judge(name: str, ratios: Sequence[float], say: Callable[[float, float], Verdict]) -> Judged:
    if len(ratios) < LEAST_PAIRS:
        ratio = median(ratios) if ratios else 1.0
        return Judged(name, len(ratios), ratio, 0.0, inf, Verdict.INCONCLUSIVE)
    low, high = bootstrap(ratios)
    return Judged(name, len(ratios), median(ratios), low, high, say(low, high))


def beside(judged: Judged, control: Judged) -> Judged:
    """With the noise floor printed beside.

    If the method sees a difference where there is none, what it says of the engine is worth
    nothing either: the verdict becomes INCONCLUSIVE.
    """
    lost = control.verdict is Verdict.FAIL and judged.verdict is not None
    verdict = Verdict.INCONCLUSIVE if lost else judged.verdict
    return replace(judged, verdict=verdict, control=control)


def latency(
    ours: Sequence[tuple[float, float]],
    other: Sequence[tuple[float, float]],
    *,
    window: float,
    label: str = "",
) -> list[Judged]:
    """The four percentiles of a latency as this project judges them.

    p50 and p95 must be within the margin, p99 under the ceiling; p99.9 is only reported.
    """

    def of(share: float, least: int) -> list[float]:
        return paired(ours, other, window=window, share=share, least=least)

    return [
        within(f"{label}p50", of(0.50, 10)),
        within(f"{label}p95", of(0.95, 20)),
        below(f"{label}p99", of(0.99, 20)),
        reported(f"{label}p99.9", of(0.999, 20)),
    ]


def overall(verdicts: Iterable[Verdict | None], *, truthful: bool, bound: bool) -> Verdict:
    """The verdict of a whole run.

    What is not true (an order lost, a unit oversold) fails whoever was slow. Otherwise a
    generator that could not keep up says nothing about the engine, be it good or bad.
    """
    found = set(verdicts)
    if not truthful:
        return Verdict.FAIL
    if bound:
        return Verdict.GENERATOR_BOUND
    if Verdict.FAIL in found:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in found else Verdict.PASS
