import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from holdfast.loadtests import analysis
from holdfast.loadtests.charts import Bar, Line, Mark, bars_chart, lines_chart, ticks
from holdfast.loadtests.compare import differences, read_result
from holdfast.loadtests.health import judge_health
from holdfast.loadtests.histograms import write_log
from holdfast.loadtests.profiles import PROFILES, Segment
from holdfast.loadtests.records import Health, Record, pack, unpack
from holdfast.loadtests.service import RehearsalError
from holdfast.loadtests.traffic import Kind, orders
from holdfast.loadtests.verdict import Verdict


def record(due: float, ms: float, *, lag: float = 0.0, target: int = 0, order: int = 0) -> Record:
    sent = due + lag
    return Record(due, lag, sent, sent + ms / 1e3, order, Kind.PLACE, 0, target, 1)


def test_a_record_survives_its_bytes() -> None:
    made = Record(1.5, 0.25, 1.75, 2.0, 7, Kind.SCAN, 14, 2, 3)
    assert list(unpack(pack(made) + b"half")) == [made]
    assert (made.corrected, made.raw) == (500.0, 250.0)


def test_a_stall_shows_in_what_is_corrected_and_not_in_what_is_raw() -> None:
    stalled = record(1.0, 2.0, lag=0.5)
    assert stalled.raw == pytest.approx(2.0)
    assert stalled.corrected == pytest.approx(502.0)


def test_a_generator_that_is_late_or_full_is_found_out() -> None:
    fine = [
        record(second + place / 50, 1.0, lag=0.001) for second in range(60) for place in range(50)
    ]
    idle = [Health(0, second + 0.5, 0.3) for second in range(60)]
    assert not judge_health(fine, idle).bound
    late = [record(second + 0.1, 1.0, lag=0.1) for second in range(60) for _ in range(50)]
    assert judge_health(late, idle).bound
    full = [Health(1, second + 0.5, 0.97) for second in range(60)]
    assert judge_health(fine, idle + full).bound


def test_drift_is_judged_beside_its_noise_floor() -> None:
    parts = [part for part in PROFILES["peak10k"].segments if len(part.targets) == 2]
    found = []
    for part in parts:
        for tenth in range(int(part.seconds) * 100):
            due = part.start + tenth / 100
            slow = 1.2 if part.name == "pairs" and tenth % 2 == 0 else 1.0
            found.append(record(due, 2.0 * slow, target=part.targets[tenth % 2]))
    judged = analysis.drift_of_pairs(PROFILES["peak10k"], found)
    assert [one.name for one in judged] == ["p50", "p95", "p99", "p99.9"]
    assert judged[0].verdict is Verdict.FAIL
    assert judged[0].ratio == pytest.approx(1.2, rel=0.01)
    assert judged[0].control is not None
    assert judged[0].control.verdict is Verdict.PASS


def test_throughput_that_sinks_past_a_mark_fails() -> None:
    steady = [(float(second), 100, 100) for second in range(150)]
    assert {one.verdict for one in analysis.decay(steady)} == {Verdict.PASS}
    sinking = [(float(s), 100, 100 if s < 50 else 90) for s in range(150)]
    assert {one.verdict for one in analysis.decay(sinking)} == {Verdict.FAIL}


def test_orders_that_nobody_finished_are_missing_from_what_was_achieved() -> None:
    part = Segment("peak", 0, 5, 100)
    wanted = list(orders((part,), 1))
    answered = [
        Record(step.due, 0.0, step.due, step.due + 0.01, order.index, step.kind, 0, 0, 1)
        for order in wanted[:60]
        for step in order.steps
    ]
    rates = analysis.finished_against_offered(wanted, answered)
    assert sum(offered for _, offered, _ in rates) == 100
    assert sum(done for _, _, done in rates) == 60


def test_another_tool_reads_the_histograms(tmp_path: Path) -> None:
    found = [record(second / 10, 1.0 + second % 10) for second in range(200)]
    write_log(tmp_path / "corrected.hlog", found, lambda r: r.corrected, 1_700_000_000.0)
    whole = HdrHistogram(1, 3_600_000_000, 3)
    reader = HistogramLogReader(str(tmp_path / "corrected.hlog"), whole)
    parts = 0
    while reader.add_next_interval_histogram(whole):
        parts += 1
    assert parts == 4
    assert whole.get_total_count() == 200
    assert whole.get_value_at_percentile(50) == pytest.approx(5_000, rel=0.01)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 100, [0, 20, 40, 60, 80, 100]), (0.95, 1.05, [0.96, 0.98, 1.0, 1.02, 1.04]), (0, 0, [0])],
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_charts_are_well_formed() -> None:
    line = Line("p50 <ms>", [(0, 1), (10, 30)])
    drawn = lines_chart([line], unit="ms", marks=[Mark("peak & pairs", 0, 10)], logarithmic=True)
    bars = bars_chart([Bar("p50", 0.99, 1.0, 1.01, "#000", (0.98, 1.02))], low=0.97, high=1.03)
    for svg in (drawn, bars):
        assert ElementTree.fromstring(svg).tag == "svg"
    assert lines_chart([], unit="") == ""


def test_only_rehearsals_are_compared(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="not the result"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"format": 9}))
    with pytest.raises(RehearsalError, match="form 9"):
        read_result(tmp_path)


def test_what_changed_between_two_rehearsals_is_told() -> None:
    shares: dict[str, Any] = {"p50": 1.0, "p95": 2.0, "p99": 3.0, "p99.9": 4.0}
    check = {"name": "nothing oversold", "ok": True, "detail": ""}
    judged = [{"name": "p50", "ratio": 1.0, "verdict": "PASS"}]
    base: dict[str, Any] = {
        "profile": "smoke",
        "verdict": "PASS",
        "corrected": shares,
        "raw": shares,
    }
    before = {**base, "judged": judged, "checks": [check]}
    after = {**before, "verdict": "FAIL", "corrected": {**shares, "p50": 1.5}}
    after["checks"] = [{**check, "ok": False}]
    rows = {what: change for what, _, _, change in differences(before, after)}
    assert rows["verdict"] == "changed"
    assert rows["corrected p50, ms"] == "+50.0 %"
    assert rows["raw p50, ms"] == "+0.0 %"
    assert rows["nothing oversold"] == "changed"
