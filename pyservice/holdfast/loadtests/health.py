"""Whether the generator kept up; if it did not, a run says nothing about the engine."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from holdfast.loadtests.records import Health, Record
from holdfast.loadtests.verdict import percentile

#: A process of the generator is full when it uses so much of a core; Python has one thread.
CPU_LIMIT: Final = 0.90
#: A second is late when its 95th percentile of scheduling lag is above so many milliseconds.
LAG_LIMIT_MS: Final = 20.0
#: The run is generator-bound if so large a share of its seconds was full, or late.
SECONDS_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """How the generator was. Shares are of the seconds that had traffic."""

    full_seconds: float
    late_seconds: float
    cpu_highest: float
    lag_p50_ms: float
    lag_p99_ms: float
    seconds: tuple[tuple[int, float, float], ...]

    @property
    def bound(self) -> bool:
        """Whether the run is about the generator."""
        return max(self.full_seconds, self.late_seconds) > SECONDS_SHARE

    def as_json(self) -> dict[str, Any]:
        """Plain values; `seconds` are (second, CPU of the fullest process, p95 of lag in ms)."""
        return {
            "bound": self.bound,
            "full_seconds": self.full_seconds,
            "late_seconds": self.late_seconds,
            "cpu_highest": self.cpu_highest,
            "lag_p50_ms": self.lag_p50_ms,
            "lag_p99_ms": self.lag_p99_ms,
            "limits": {
                "cpu": CPU_LIMIT,
                "lag_ms": LAG_LIMIT_MS,
                "share_of_seconds": SECONDS_SHARE,
            },
            "seconds": [list(second) for second in self.seconds],
        }


def judge_health(records: Sequence[Record], noted: Iterable[Health]) -> GeneratorHealth:
    """Judges the lag of every request and the CPU of every process."""
    lags: dict[int, list[float]] = defaultdict(list)
    for record in records:
        lags[int(record.due)].append(record.lag * 1e3)
    cpu: dict[int, float] = defaultdict(float)
    for health in noted:
        cpu[int(health.at)] = max(cpu[int(health.at)], health.cpu)
    seconds = tuple(
        (second, cpu.get(second, 0.0), percentile(sorted(lags[second]), 0.95))
        for second in sorted(lags)
    )
    count = max(len(seconds), 1)
    every = sorted(record.lag * 1e3 for record in records) or [0.0]
    return GeneratorHealth(
        full_seconds=sum(1 for _, used, _ in seconds if used > CPU_LIMIT) / count,
        late_seconds=sum(1 for _, _, lag in seconds if lag > LAG_LIMIT_MS) / count,
        cpu_highest=max((used for _, used, _ in seconds), default=0.0),
        lag_p50_ms=percentile(every, 0.50),
        lag_p99_ms=percentile(every, 0.99),
        seconds=seconds,
    )
