"""Prometheus metrics of calls and of the engine, and the log of refusals."""

import json
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from holdfast import _engine
from holdfast.server.scrub import log

_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class CallMetrics:
    """Rate, errors and latency by method and code."""

    def __init__(self, registry: CollectorRegistry, log_refusals: bool) -> None:
        """Registers the metrics."""
        self._log_refusals = log_refusals
        self._calls = Counter(
            "holdfast_calls",
            "Calls by method and gRPC code.",
            ("method", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "holdfast_call_seconds",
            "Time from the front's first byte to the durable answer.",
            ("method",),
            buckets=_BUCKETS,
            registry=registry,
        )

    def observe(self, path: str, code: int, seconds: float, payload: bytes) -> None:
        """Counts a call; a refusal is also logged, with its facts' numbers."""
        method = path.rpartition("/")[2]
        self._calls.labels(method, code).inc()
        self._seconds.labels(method).observe(seconds)
        if code != 0 and self._log_refusals:
            refused = _engine.refused(code, payload)
            order = refused.facts.get("order_number") or refused.facts.get("parcel_id", "")
            log("info", "refused", method=method, reason=refused.reason, order=order)


class EngineCollector(Collector):
    """The engine's own counters, read when somebody asks."""

    def __init__(self, read: Callable[[], str]) -> None:
        """`read` gives the engine's metrics as JSON."""
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Gives one family a counter, and the commit times as a histogram."""
        found = json.loads(self._read())
        journal = found.pop("journal")
        buckets = journal.pop("commit_us_buckets")
        commits = HistogramMetricFamily(
            "holdfast_journal_commit_seconds", "Time to make one commit group durable."
        )
        bounds = [
            ("+Inf" if index == len(buckets) - 1 else str(bound / 1e6), float(count))
            for index, (bound, count) in enumerate(buckets)
        ]
        commits.add_metric([], bounds, journal.pop("commit_us_sum") / 1e6)
        yield commits
        for prefix, values in (("holdfast_", found), ("holdfast_journal_", journal)):
            for name, value in values.items():
                yield GaugeMetricFamily(prefix + name, f"The engine's {name}.", float(value))
