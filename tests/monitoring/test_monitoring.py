"""Rules and dashboards ask for what the service exports, and each alert has its runbook."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from holdfast.client import Client
from tests.conftest import Server

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"
DASHBOARDS = sorted(FOLDER.glob("grafana-*.json"))
# What Grafana puts in before it asks.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def panels() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.stem}: {panel['title']}", panel)
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
    ]


def expressions() -> list[tuple[str, str]]:
    """Where each stands, and what it asks."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    for where, panel in panels():
        for target in panel["targets"]:
            asked = target["expr"]
            for name, value in VARIABLES.items():
                asked = asked.replace(name, value)
            found.append((where, asked))
    return found


def selectors(node: Any) -> Iterator[Any]:
    """The series that a parsed expression asks for."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from selectors(argument)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from selectors(node.lhs)
        yield from selectors(node.rhs)
    elif isinstance(node, promql_parser.NumberLiteral):
        return
    elif hasattr(node, "expr"):
        yield from selectors(node.expr)
    else:
        raise TypeError(f"how is {type(node).__name__} read?")


@pytest.fixture(scope="module")
def exported(server: Server) -> dict[str, set[str]]:
    """Labels by name of what a service exports that has had a call."""
    with Client(server.address, token=server.token, coalesce=False) as client:
        client.get_engine_status()
    url = f"http://{server.told['metrics_address']}/metrics"
    text = urllib.request.urlopen(url, timeout=5).read().decode()
    series = re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text, re.M)
    labels: dict[str, set[str]] = {}
    for name, inside in series:
        labels.setdefault(name, set()).update(re.findall(r'([a-z_]+)="', inside))
    return labels


@pytest.mark.parametrize(("where", "asked"), expressions())
def test_what_is_asked_for_is_exported(
    where: str, asked: str, exported: dict[str, set[str]]
) -> None:
    found = list(selectors(promql_parser.parse(asked)))
    assert found
    for selector in found:
        if selector.name == "up" or selector.name in RECORDED:
            continue
        assert selector.name in exported, f"{where} asks for {selector.name}"
        by_prometheus = {"instance", "job"}
        for matcher in selector.matchers.matchers:
            assert matcher.name in exported[selector.name] | by_prometheus, matcher.name


def test_counters_are_asked_for_their_growth(exported: dict[str, set[str]]) -> None:
    """A rate of what goes up and down, or the growth of a level, means nothing."""
    growing = r"\b(?:rate|increase)\((\w+)"
    for where, asked in expressions():
        for name in re.findall(growing, asked):
            assert name.endswith(("_total", "_bucket")), f"{where}: {name} is no counter"
    assert "holdfast_incidents_total" in exported


def test_no_engine_metric_is_left_without_a_panel(exported: dict[str, set[str]]) -> None:
    shown = " ".join(target["expr"] for _, panel in panels() for target in panel["targets"])
    left_out = {
        "holdfast_archive_bytes",
        "holdfast_archive_resident_bytes",
        "holdfast_clock_step_ms",
        "holdfast_first_seq",
        "holdfast_journal_last_group_records",
        "holdfast_merchants",
        "holdfast_recovered_records",
        "holdfast_scrubs_total",
        "holdfast_snapshots_total",
        "holdfast_torn_tail_bytes",
    }
    endings = ("_created", "_count", "_sum")
    ours = {
        name for name in exported if name.startswith("holdfast_") and not name.endswith(endings)
    }
    assert {name for name in ours if name not in shown} == left_out


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    notes = rule["annotations"]
    assert notes["summary"]
    assert re.search(r"[一-鿿]", notes["summary_zh"])
    assert notes["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
    text = (ROOT / "docs" / "runbooks.md").read_text()
    part = text.split(f"\n## {rule['alert']}\n", 1)[1].split("\n## ", 1)[0]
    for word in ("**Means**", "**Look**", "**Do**"):
        assert word in part


def test_every_runbook_has_its_alert() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.M)
    assert headings == [rule["alert"] for rule in ALERTS]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_one_that_grafana_can_lay_out(path: Path) -> None:
    board = json.loads(path.read_text())
    assert re.fullmatch(r"holdfast-[a-z]+", board["uid"])
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert re.search(r"[一-鿿]", panel["title"])
