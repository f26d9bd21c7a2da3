"""Latencies as HdrHistogram logs, which other tools read and add up without loss."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from holdfast.loadtests.records import Record

# Microseconds up to an hour, with three digits.
_HIGHEST: Final = 3_600_000_000
_DIGITS: Final = 3
_INTERVAL_S: Final = 5


def write_log(
    path: Path, records: Iterable[Record], of_ms: Callable[[Record], float], began: float
) -> None:
    """Writes one histogram of microseconds for every five seconds of the run.

    Args:
        path: Its file, ".hlog".
        records: The requests.
        of_ms: Which of a request's latencies, in milliseconds.
        began: The wall's clock at the run's beginning, in seconds.
    """
    parts: dict[int, HdrHistogram] = defaultdict(lambda: HdrHistogram(1, _HIGHEST, _DIGITS))
    for record in records:
        micros = min(max(round(of_ms(record) * 1e3), 1), _HIGHEST)
        parts[int(record.due // _INTERVAL_S)].record_value(micros)
    with path.open("w", encoding="utf-8") as file:
        log = HistogramLogWriter(file)
        log.output_log_format_version()
        log.output_base_time(began * 1e3)
        log.output_legend()
        for place in sorted(parts):
            parts[place].set_start_time_stamp(place * _INTERVAL_S * 1e3)
            parts[place].set_end_time_stamp((place + 1) * _INTERVAL_S * 1e3)
            log.output_interval_histogram(parts[place])
