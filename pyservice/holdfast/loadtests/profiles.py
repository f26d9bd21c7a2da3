"""The rehearsals by name: what arrives when, and at which engine."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of traffic.

    Attributes:
        name: As it stands in the report.
        start: Seconds after the beginning of the run.
        seconds: Its length. Steps of its orders that are due later are left out: the day is over.
        orders: Orders that arrive in it.
        shape: "festival" (a day of 24 hours, rush at midnight and in the evening), "flat"
            (Poisson arrivals at one rate) or "rush" (all in the first part, one SKU).
        targets: Engines that its orders go to, ABBA by ABBA.
        pace: Seconds of the shop's day in one second of the run.
        floor: Share of the paid orders that are scanned through the warehouse.
    """

    name: str
    start: float
    seconds: float
    orders: int
    shape: str = "flat"
    targets: tuple[int, ...] = (0,)
    pace: float = 720.0
    floor: float = 1.0


@dataclass(frozen=True, slots=True)
class Profile:
    """A rehearsal.

    Attributes:
        name: How it is called.
        segments: Its traffic.
        workers: Processes that make the traffic.
        journal: Journal mode of the engine it starts.
        units: Units of every SKU; of the one SKU in a flash sale.
        hold_seconds: How long a hold lives; None: a quarter of an hour of the shop's day.
        storms: Seconds at which 100,000 holds, all placed before, end.
        storm_holds: Holds of one storm.
        kill_at: When the engine is killed.
        slow: (from, until, ms): when the way to Redis is slow, and by how much.
    """

    name: str
    segments: tuple[Segment, ...]
    workers: int = 2
    journal: str = "file.sync"
    units: int = 1_000_000
    hold_seconds: int | None = None
    storms: tuple[float, ...] = ()
    storm_holds: int = 100_000
    kill_at: float | None = None
    slow: tuple[float, float, float] | None = None

    @property
    def seconds(self) -> float:
        """Length of the traffic."""
        return max(part.start + part.seconds for part in self.segments)

    @property
    def engines(self) -> int:
        """How many engines stand side by side."""
        return 1 + max(target for part in self.segments for target in part.targets)

    def with_targets(self, count: int) -> "Profile":
        """Without the segments that need more than `count` engines."""
        kept = tuple(part for part in self.segments if max(part.targets) < count)
        return replace(self, segments=kept)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the workers."""
        return asdict(self)


def profile_of(found: dict[str, Any]) -> Profile:
    """The inverse of `Profile.as_json`."""
    parts = tuple(
        Segment(**{**part, "targets": tuple(part["targets"])}) for part in found["segments"]
    )
    slow = tuple(found["slow"]) if found["slow"] else None
    return Profile(**{**found, "segments": parts, "storms": tuple(found["storms"]), "slow": slow})


# The engine with the day's orders beside a fresh one, then two fresh ones as the control.
def _pairs(start: float, seconds: float, rate: float) -> tuple[Segment, Segment]:
    orders = int(seconds * rate)
    return (
        Segment("pairs", start, seconds, orders, targets=(0, 1), floor=0.0),
        Segment("control", start + seconds, seconds, orders, targets=(1, 2), floor=0.0),
    )


_DAY: Final = 86_400.0

PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("smoke", (Segment("peak", 0, 6, 300), *_pairs(6, 5, 60)), workers=1),
        Profile(
            "peak10k",
            (
                Segment("peak", 0, 120, 10_000, "festival", pace=_DAY / 120),
                *_pairs(120, 60, 200),
            ),
        ),
        Profile(
            "peak100k",
            (
                Segment("peak", 0, 400, 100_000, "festival", pace=_DAY / 400, floor=0.05),
                *_pairs(400, 60, 200),
            ),
        ),
        Profile("flash-sale", (Segment("rush", 0, 8, 3_000, "rush"),), units=500),
        Profile(
            "expiry-storm",
            (Segment("traffic", 0, 72, 72 * 150, floor=0.0),),
            # Kept apart from the traffic's own holds, which must not end with the storm's.
            hold_seconds=900,
            storms=(15, 27, 39, 51, 63),
        ),
        Profile(
            "redis-slow",
            (Segment("traffic", 0, 45, 45 * 80, floor=0.2),),
            journal="redis.always",
            slow=(15, 30, 2.0),
        ),
        Profile("soak", (Segment("traffic", 0, 480, 480 * 60, floor=0.3),)),
        Profile(
            "recovery",
            (Segment("peak", 0, 60, 6_000, "festival", pace=_DAY / 60),),
            kill_at=30.0,
        ),
    )
}  # fmt: skip

#: The order of `./dev load all`; the shortest come first.
ALL: Final = tuple(PROFILES)
