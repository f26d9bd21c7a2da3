"""Prometheus metrics of calls and of the engine."""

import json
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from holdfast.server.settings import SettingsError

_BUCKETS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class CallMetrics:
    """Rate, errors and latency by method and code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Registers the metrics."""
        labels = ("method", "code")
        self._calls = Counter(
            "holdfast_calls", "Calls by method and gRPC code.", labels, registry=registry
        )
        self._seconds = Histogram(
            "holdfast_call_seconds",
            "Time from the front's first byte to the durable answer.",
            labels,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._waiting = Gauge(
            "holdfast_calls_in_flight", "Calls that wait for their answer.", registry=registry
        )
        self._streams = Gauge("holdfast_streams_open", "Streams that are open.", registry=registry)
        # Looking a label up takes a lock and a sort; a method has few codes.
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def watch(self, in_flight: Callable[[], int], streams: Callable[[], int]) -> None:
        """Reads the two gauges when somebody asks, so that calls do not pay for them."""
        self._waiting.set_function(in_flight)
        self._streams.set_function(streams)

    def observe(self, path: str, code: int, seconds: float) -> None:
        """Counts one call."""
        known = self._known.get((path, code))
        if known is None:
            labels = (path.rpartition("/")[2], code)
            known = (self._calls.labels(*labels), self._seconds.labels(*labels))
            self._known[path, code] = known
        known[0].inc()
        known[1].observe(seconds)


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


class MetricsEndpoint:
    """/metrics over HTTP, on loopback only: the numbers of a shop are its own."""

    def __init__(self, port: int, registry: CollectorRegistry) -> None:
        """Listens; 0 takes a free port.

        Raises:
            SettingsError: The port is taken.
        """
        try:
            self._server, self._thread = start_http_server(
                port, addr="127.0.0.1", registry=registry
            )
        except OSError as error:
            raise SettingsError(
                f"/metrics cannot listen on 127.0.0.1:{port}: {error.strerror}. "
                "Name another --metrics-port; 0 takes a free one, -1 none.",
                reason="ADDRESS_UNAVAILABLE",
            ) from None
        self.address = f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
