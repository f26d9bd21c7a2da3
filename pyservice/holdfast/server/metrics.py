"""Prometheus metrics of calls and of the engine."""

import json
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from holdfast import _engine
from holdfast.server.settings import SettingsError

# What only ever grows while the process lives; everything else goes up and down.
COUNTERS = frozenset(
    {
        "holdfast_archive_failures",
        "holdfast_clock_steps",
        "holdfast_incidents",
        "holdfast_journal_bytes",
        "holdfast_journal_groups",
        "holdfast_journal_records",
        "holdfast_mended_documents",
        "holdfast_mended_frames",
        "holdfast_scrub_failures",
        "holdfast_scrubs",
        "holdfast_snapshot_failures",
        "holdfast_snapshots",
    }
)


class CallMetrics(Collector):
    """Rate, errors and latency by method and code, of both fronts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Registers the metrics."""
        self.tally = _engine.Tally()
        self._bounds = (*(str(bound) for bound in self.tally.bounds_s()), "+Inf")
        self._waiting = Gauge(
            "holdfast_calls_in_flight", "Calls that wait for their answer.", registry=registry
        )
        self._streams = Gauge("holdfast_streams_open", "Streams that are open.", registry=registry)
        registry.register(self)

    def watch(self, in_flight: Callable[[], int], streams: Callable[[], int]) -> None:
        """Reads the two gauges when somebody asks, so that calls do not pay for them."""
        self._waiting.set_function(in_flight)
        self._streams.set_function(streams)

    def collect(self) -> Iterator[Metric]:
        """Gives the counters and the times."""
        labels = ("method", "code")
        calls = CounterMetricFamily(
            "holdfast_calls", "Calls by method and gRPC code.", labels=labels
        )
        seconds = HistogramMetricFamily(
            "holdfast_call_seconds",
            "Time from the front's first byte to the durable answer.",
            labels=labels,
        )
        for method, code, in_all, counts in self.tally.told():
            below = list(zip(self._bounds, map(float, accumulate(counts)), strict=True))
            calls.add_metric((method, str(code)), below[-1][1])
            seconds.add_metric((method, str(code)), below, in_all)
        yield calls
        yield seconds


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
                family = CounterMetricFamily if prefix + name in COUNTERS else GaugeMetricFamily
                yield family(prefix + name, f"The engine's {name}.", float(value))


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
