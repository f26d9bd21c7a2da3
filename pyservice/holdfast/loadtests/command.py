"""`./dev load` and `holdfast rehearse`: rehearsals, their reports, the exit code."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from holdfast.cli.show import put, put_json, table, warn
from holdfast.loadtests.compare import RESULT, differences, read_result
from holdfast.loadtests.histograms import write_log
from holdfast.loadtests.profiles import ALL, PROFILES
from holdfast.loadtests.records import read_records
from holdfast.loadtests.rehearsal import SEED, Options, rehearse
from holdfast.loadtests.report import html_report
from holdfast.loadtests.service import RehearsalError
from holdfast.loadtests.verdict import EXIT_CODES, EXIT_ERROR, Judged, Verdict, judged_of

_WORST_FIRST: Final = (
    Verdict.FAIL,
    Verdict.GENERATOR_BOUND,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line says; see docs/rehearsal.md."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["compare"]:
        return _compare(given[1:])
    options = _parser().parse_args(given)
    base = options.out or Path("rehearsals") / time.strftime("%Y%m%d-%H%M%S")
    names = ALL if options.profile == "all" else (options.profile,)
    try:
        drift = (
            tuple(judged_of(one) for one in json.loads(options.drift.read_text()))
            if options.drift
            else ()
        )
        chosen = Options(
            out=base,
            front=options.front,
            target=options.target,
            beside=options.beside,
            token_file=options.token_file,
            tls_ca=options.tls_ca,
            seed=options.seed,
            workers=options.workers,
            drift=drift,
        )
        found = [
            run_one(
                name,
                replace(chosen, out=base / name if len(names) > 1 else base),
                as_json=options.json,
            )
            for name in names
        ]
    except (RehearsalError, OSError, ValueError, KeyError) as error:
        warn(f"rehearsal: {error}")
        return EXIT_ERROR
    return EXIT_CODES[next(verdict for verdict in _WORST_FIRST if verdict in found)]


def run_one(name: str, options: Options, *, as_json: bool = False) -> Verdict:
    """Runs one rehearsal, writes its reports and tells its verdict."""
    if not as_json:
        put(f"{name}: about {PROFILES[name].seconds + 20:.0f} s, results in {options.out}")
        sys.stdout.flush()
    result = rehearse(name, options)
    write(result, options.out)
    if as_json:
        put_json({key: result[key] for key in ("profile", "verdict", "checks", "judged")})
    else:
        _tell(result)
    sys.stdout.flush()
    return Verdict(result["verdict"])


def write(result: dict[str, Any], out: Path) -> None:
    """The report, the result as JSON, and the histograms."""
    (out / RESULT).write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    (out / "report.html").write_text(html_report(result), encoding="utf-8")
    began = time.mktime(time.strptime(result["at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    ours = [record for record in read_records(out) if record.target == 0]
    write_log(out / "corrected.hlog", ours, lambda r: r.corrected, began)
    write_log(out / "raw.hlog", ours, lambda r: r.raw, began)


def _tell(result: dict[str, Any]) -> None:
    marks = {True: "PASS", False: "FAIL", None: ""}
    rows = [(c["name"], marks[c["ok"]], c["detail"]) for c in result["checks"]]
    for one in map(judged_of, result["judged"]):
        rows.append((one.name, str(one.verdict or ""), _ratio(one)))
    generator = result["generator"]
    told = (
        f"fullest process {generator['cpu_highest']:.0%} of a core, "
        f"lag p50 {generator['lag_p50_ms']:.2f} ms, p99 {generator['lag_p99_ms']:.2f} ms"
    )
    rows.append(("generator", "BOUND" if generator["bound"] else "", told))
    for name in ("corrected", "raw"):
        found = result[name]
        shares = ("p50", "p95", "p99", "p99.9")
        rows.append((f"{name}, ms", "", "  ".join(f"{s} {found[s]:.2f}" for s in shares)))
    table((result["verdict"], "", ""), rows)


def _ratio(one: Judged) -> str:
    floor = f"; A/A {one.control.ratio:.3f} ({_range(one.control)})" if one.control else ""
    return f"{one.ratio:.3f} ({_range(one)}), {one.n} pairs{floor}"


def _range(one: Judged) -> str:
    return f"{one.low:.3f} … {one.high:.3f}"


def _compare(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="load compare")
    parser.add_argument("before", type=Path, help="folder of the first rehearsal")
    parser.add_argument("after", type=Path, help="folder of the second one")
    options = parser.parse_args(given)
    try:
        rows = list(differences(read_result(options.before), read_result(options.after)))
    except RehearsalError as error:
        warn(f"rehearsal: {error}")
        return EXIT_ERROR
    table(("", str(options.before), str(options.after), ""), rows)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="load",
        epilog="Exit codes: 0 PASS, 1 FAIL, 2 wrong usage, 3 INCONCLUSIVE, 4 GENERATOR-BOUND, "
        "5 could not be carried out.",
    )
    parser.add_argument("profile", choices=(*PROFILES, "all"), help="or: compare BEFORE AFTER")
    parser.add_argument(
        "--target", metavar="HOST:PORT", help="a deployed service instead of an own one"
    )
    parser.add_argument(
        "--beside", metavar="HOST:PORT", help="a fresh deployed service for the pairs"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the operator's secret of both"
    )
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="roots of their certificates")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results; rehearsals/DATE-TIME if absent"
    )
    parser.add_argument("--front", choices=("native", "python"), default="native")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, metavar="N", help="generator processes")
    parser.add_argument(
        "--drift", type=Path, metavar="FILE", help="JSON of ./dev drift, for the report"
    )
    parser.add_argument("--json", action="store_true")
    return parser
