"""Two short rehearsals against real processes; what is timed is told and not asserted."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.loadtests.verdict import EXIT_CODES, Verdict

# Found, not imported: it would put gevent under every test of this process.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="Locust is installed by ./dev test and ./dev load",
)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "holdfast.loadtests", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


def rehearsed(profile: str, out: Path) -> dict[str, Any]:
    done = run(profile, "--out", str(out))
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    assert done.returncode == EXIT_CODES[Verdict(result["verdict"])], done.stderr
    assert [check for check in result["checks"] if check["ok"] is False] == []
    page = (out / "report.html").read_text()
    assert page.count("<svg") >= 4
    assert "高峰演练" in page
    assert "Peak rehearsal" in page
    assert "://" not in page.split("<body")[0]
    for log in ("corrected.hlog", "raw.hlog"):
        assert "HIST" in (out / log).read_text()
    return result


def test_smoke_compares_two_engines_and_has_a_control(tmp_path: Path) -> None:
    result = rehearsed("smoke", tmp_path / "smoke")
    assert [one["name"] for one in result["judged"]] == ["p50", "p95", "p99", "p99.9"]
    assert all(one["control"] is not None for one in result["judged"])
    compared = run("compare", str(tmp_path / "smoke"), str(tmp_path / "smoke"))
    assert compared.returncode == 0
    assert "+0.0 %" in compared.stdout


def test_a_flash_sale_sells_exactly_the_stock(tmp_path: Path) -> None:
    result = rehearsed("flash-sale", tmp_path / "sale")
    exact = {check["name"]: check["ok"] for check in result["checks"]}
    assert exact["exactly the stock is sold"] is True
    assert exact["everybody else is told so"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing",), 2, "invalid choice"),
        (("smoke", "--target", "127.0.0.1:1"), 5, "--token-file"),
        (("recovery", "--target", "127.0.0.1:1"), 5, "engine of its own"),
        (("compare", ".", "."), 5, "not the result of a rehearsal"),
    ],
)
def test_what_cannot_be_done_has_a_code_of_its_own(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    out = () if arguments[0] == "compare" else ("--out", str(tmp_path / "out"))
    done = run(*arguments, *out)
    assert done.returncode == code
    assert said in done.stderr
