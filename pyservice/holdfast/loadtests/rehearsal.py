"""One rehearsal from beginning to end: engines, shop, traffic, disturbances, judgement."""

import contextlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, Final

from holdfast.client import Client
from holdfast.loadtests import analysis, truth
from holdfast.loadtests.disturbances import Disturbances
from holdfast.loadtests.health import judge_health
from holdfast.loadtests.profiles import PROFILES, Profile
from holdfast.loadtests.records import Record, read_health, read_records
from holdfast.loadtests.service import HOST, Redis, RehearsalError, Service, Way, free_port
from holdfast.loadtests.shop import Shop, open_shop
from holdfast.loadtests.traffic import Order, orders
from holdfast.loadtests.verdict import Judged, Verdict, overall

SEED: Final = 20_261_111
_QUARTER_HOUR: Final = 900
# How long beyond its traffic a run may take until its last answers are in.
_PATIENCE_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says.

    Attributes:
        out: Folder of the results; made anew.
        front: Front of the engines that are started.
        target: A deployed service, "host:port", instead of an engine of its own.
        beside: A fresh deployed service for the pairs.
        token_file: The operator's secret of both.
        tls_ca: Roots of their certificates.
        seed: Of all traffic.
        workers: Generator processes, instead of the profile's.
        drift: What `./dev drift` found, to be told in the report.
    """

    out: Path
    front: str = "native"
    target: str | None = None
    beside: str | None = None
    token_file: Path | None = None
    tls_ca: Path | None = None
    seed: int = SEED
    workers: int | None = None
    drift: tuple[Judged, ...] = ()


@dataclass(slots=True)
class Sample:
    """What the service said of itself in one second."""

    at: float
    cpu: float
    resident: int
    metrics: dict[str, float]


@dataclass(slots=True)
class _Stage:
    """Everything that a run has started."""

    services: list[Service] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)
    way: Way | None = None


def rehearse(name: str, options: Options) -> dict[str, Any]:
    """Carries out a rehearsal and writes what it measured into `options.out`.

    Returns:
        The result as plain values: what the report shows and `compare` reads.

    Raises:
        RehearsalError: It could not be carried out.
    """
    profile = _fitting(PROFILES[name], options)
    if options.out.exists() and any(options.out.iterdir()):
        raise RehearsalError(f"{options.out} is not empty: name another --out")
    options.out.mkdir(parents=True, exist_ok=True)
    run = f"{name}-{secrets.token_hex(4)}"
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-rehearsal-") as scratch,
        _stage(profile, options, Path(scratch)) as stage,
    ):
        return _carry_out(profile, options, run, stage)


def _fitting(profile: Profile, options: Options) -> Profile:
    """The profile as it can be carried out where it is asked for."""
    if options.workers is not None:
        profile = replace(profile, workers=options.workers)
    if options.target is None:
        return profile
    if profile.kill_at is not None or profile.slow is not None:
        raise RehearsalError(
            f"{profile.name} kills or slows what it runs on, and does so only to an engine of "
            "its own; leave --target out"
        )
    return profile.with_targets(2 if options.beside else 1)


@contextlib.contextmanager
def _stage(profile: Profile, options: Options, scratch: Path) -> Iterator[_Stage]:
    """Starts the engines, and ends everything by its process whatever happens."""
    stage = _Stage()
    redis: Redis | None = None
    try:
        if options.target is not None:
            if options.token_file is None:
                raise RehearsalError("--target needs --token-file, the operator's secret")
            secret = options.token_file.read_text(encoding="utf-8").strip()
            stage.addresses = [a for a in (options.target, options.beside) if a]
            stage.operators = [secret] * len(stage.addresses)
        else:
            flags: tuple[str, ...] = ("--journal", profile.journal)
            if profile.journal.startswith("redis"):
                redis = Redis(scratch / "redis").start()
                stage.way = Way(redis.port)
                flags += ("--redis-url", f"redis://{HOST}:{stage.way.port}")
            for number in range(profile.engines):
                service = Service(scratch / f"engine-{number}", options.front, flags)
                stage.services.append(service)
                service.start()
                stage.addresses.append(service.address)
                stage.operators.append(service.operator)
        yield stage
    finally:
        for service in stage.services:
            service.stop()
        if stage.way is not None:
            stage.way.close()
        if redis is not None:
            redis.stop()


def _carry_out(profile: Profile, options: Options, run: str, stage: _Stage) -> dict[str, Any]:
    hold = profile.hold_seconds or max(2, ceil(_QUARTER_HOUR / profile.segments[0].pace))
    shops = [
        open_shop(
            address,
            operator,
            run=run,
            units=profile.units,
            hold_seconds=hold,
            tls_ca=options.tls_ca,
        )
        for address, operator in zip(stage.addresses, stage.operators, strict=True)
    ]
    ours = stage.services[0] if stage.services else None
    beside = Disturbances(profile, run, ours, shops[0], stage.addresses[0])
    beside.way = stage.way
    plan = _write_plan(profile, options, run, stage, shops)
    samples: list[Sample] = []
    began, wall = _traffic(profile, options, plan, beside, ours, samples)
    records = read_records(options.out)
    everything = list(orders(profile.segments, options.seed))
    checks, lateness = _checks(profile, options, stage, shops, records, everything, beside, began)
    return _result(
        profile, options, run, wall, records, everything, checks, lateness, samples, beside, began
    )


def _write_plan(
    profile: Profile, options: Options, run: str, stage: _Stage, shops: list[Shop]
) -> Path:
    roots = options.tls_ca.read_text() if options.tls_ca else ""
    plan = {
        "profile": profile.as_json(),
        "seed": options.seed,
        "run": run,
        "out": str(options.out.resolve()),
        "targets": [
            {"address": address, "secrets": shop.secrets, "tls_ca": roots}
            for address, shop in zip(stage.addresses, shops, strict=True)
        ],
    }
    # Beside the results and not in them: it holds credentials, which last as long as the run.
    handle, path = tempfile.mkstemp(prefix="holdfast-plan-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(plan, file)
    return Path(path)


def _traffic(
    profile: Profile,
    options: Options,
    plan: Path,
    beside: Disturbances,
    ours: Service | None,
    samples: list[Sample],
) -> tuple[float, float]:
    """Runs Locust's processes; gives the instant of the first second, and how long it took."""
    port = free_port()
    common = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("users.py"))]
    master = [*common, "--headless", "--master", "--master-bind-host", HOST]
    master += ["--master-bind-port", str(port), "--expect-workers", str(profile.workers)]
    master += ["-u", str(profile.workers), "-r", str(profile.workers), "--only-summary"]
    worker = [*common, "--worker", "--master-host", HOST, "--master-port", str(port)]
    processes: list[subprocess.Popen[bytes]] = []
    stop = threading.Event()
    started = time.monotonic()
    # select() waits in microseconds where epoll rounds up to the next millisecond.
    environment = os.environ | {"REHEARSAL_PLAN": str(plan), "GEVENT_BACKEND": "select"}
    try:
        with (options.out / "locust.log").open("ab") as log:
            for command in [master, *[worker] * profile.workers]:
                processes.append(
                    subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603
                )
        began = _started(options.out / "began", processes)
        sampler = threading.Thread(target=_sample, args=(ours, began, samples, stop))
        sampler.start()
        beside.begin(began)
        limit = began + profile.seconds + _PATIENCE_S
        while processes[0].poll() is None:
            if time.time() > limit:
                raise RehearsalError(
                    f"the traffic of {profile.seconds:.0f} s was not over after "
                    f"{_PATIENCE_S:.0f} s more; see {options.out}/locust.log"
                )
            time.sleep(0.05)
        beside.end()
        return began, time.monotonic() - started
    finally:
        stop.set()
        for process in reversed(processes):
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()
        plan.unlink(missing_ok=True)


def _started(path: Path, processes: "list[subprocess.Popen[bytes]]") -> float:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()):
            path.unlink()
            return float(text)
        if any(process.poll() is not None for process in processes):
            break
        time.sleep(0.05)
    said = (path.parent / "locust.log").read_text(errors="replace")[-800:]
    raise RehearsalError(f"the generators did not start: {said}")


def _sample(
    service: Service | None, began: float, samples: list[Sample], stop: threading.Event
) -> None:
    """Notes once a second what the service says of itself."""
    if service is None:
        return
    spent, then = service.usage()[0], time.time()
    while not stop.wait(1.0):
        metrics = service.metrics()
        cpu, resident = service.usage()
        now = time.time()
        samples.append(Sample(now - began, max(cpu - spent, 0.0) / (now - then), resident, metrics))
        spent, then = cpu, now


def _checks(
    profile: Profile,
    options: Options,
    stage: _Stage,
    shops: list[Shop],
    records: list[Record],
    everything: list[Order],
    beside: Disturbances,
    began: float,
) -> tuple[list[truth.Check], list[list[float]]]:
    by_index = {order.index: order for order in everything}
    checks: list[truth.Check] = []
    lateness: list[list[float]] = []
    for number, (address, shop) in enumerate(zip(stage.addresses, shops, strict=True)):
        mine = [record for record in records if record.target == number]
        with Client(
            address, token=shop.admin, root_certificates=options.tls_ca, deadline_s=60
        ) as client:
            found = truth.check_shop(client, mine, by_index)
            label = f" (engine {number + 1})" if number else ""
            checks += [replace(check, name=check.name + label) for check in found]
            if number:
                continue
            if profile.segments[0].shape == "rush":
                checks += truth.check_rush(client, mine, profile.units)
            if beside.storms:
                storm_checks, lateness = truth.check_storms(
                    client, beside.storms, profile.storm_holds
                )
                checks += storm_checks
    if profile.kill_at is not None:
        checks += truth.check_recovery(beside.ready_after, records, beside.killed_at - began)
    sent, due = len({r.order for r in records}), len(everything)
    checks.append(truth.Check("every order was sent", sent == due, f"{sent} of {due}"))
    if beside.problems:
        checks.append(truth.Check("disturbances", False, "; ".join(beside.problems)))
    return checks, lateness


def _result(
    profile: Profile,
    options: Options,
    run: str,
    wall: float,
    records: list[Record],
    everything: list[Order],
    checks: list[truth.Check],
    lateness: list[list[float]],
    samples: list[Sample],
    beside: Disturbances,
    began: float,
) -> dict[str, Any]:
    health = judge_health(records, read_health(options.out))
    main = [record for record in records if record.target == 0]
    rates = analysis.finished_against_offered(everything, records)
    judged = analysis.drift_of_pairs(profile, records)
    if profile.kill_at is None and profile.slow is None:
        judged += analysis.decay(rates)
    if beside.storms:
        # A hold's second is one of the wall's clock, not of the run's.
        judged += analysis.storm_beside_traffic([s.ends - began for s in beside.storms], main)
    judged += list(options.drift)
    truthful = all(check.ok is not False for check in checks)
    verdicts = [one.verdict for one in judged]
    if profile.segments != PROFILES[profile.name].segments and "p50" not in (
        one.name for one in judged
    ):
        # No fresh engine stood beside it: nobody knows whether it became slower.
        checks.append(truth.Check("latency", None, "not judged: name a fresh service in --beside"))
        verdicts.append(Verdict.INCONCLUSIVE)
    verdict = overall(verdicts, truthful=truthful, bound=health.bound)
    return {
        "format": 1,
        "profile": profile.name,
        "run": run,
        "verdict": str(verdict),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(wall, 1),
        "seed": options.seed,
        "front": options.front if options.target is None else "deployed",
        "target": options.target,
        "machine": machine(),
        "workers": profile.workers,
        "orders": len(everything),
        "requests": len(records),
        "checks": [asdict(check) for check in checks],
        "judged": [one.as_json() for one in judged],
        "corrected": analysis.summary(main, lambda r: r.corrected),
        "raw": analysis.summary(main, lambda r: r.raw),
        "kinds": analysis.by_kind(main),
        "segments": [asdict(part) for part in profile.segments],
        "storms": [round(storm.ends - began, 3) for storm in beside.storms],
        "lateness_ms": [_thinned([late * 1e3 for late in some]) for some in lateness],
        "generator": health.as_json(),
        "over_time": {
            "rates": rates,
            "corrected": analysis.over_time(main, lambda r: r.corrected),
            "raw": analysis.over_time(main, lambda r: r.raw),
            "service": _service_over_time(samples),
        },
    }


def _thinned(ordered: list[float], most: int = 400) -> list[float]:
    """So many values of them, the first and the last among them."""
    if len(ordered) <= most:
        return ordered
    return [ordered[round(place * (len(ordered) - 1) / (most - 1))] for place in range(most)]


def _service_over_time(samples: list[Sample]) -> list[dict[str, float]]:
    """CPU, memory, and what the journal did between two samples."""
    table = []
    for before, after in pairwise(samples):
        row = {"at": after.at, "cpu": after.cpu, "resident_mib": after.resident / 2**20}

        def grown(name: str, before: Sample = before, after: Sample = after) -> float:
            return after.metrics.get(name, 0.0) - before.metrics.get(name, 0.0)

        commits = grown("holdfast_journal_commit_seconds_count")
        if commits > 0:
            row["fsync_ms"] = grown("holdfast_journal_commit_seconds_sum") / commits * 1e3
            row["group"] = grown("holdfast_state_seq") / commits
        for name in ("live_holds", "due_backlog", "open_orders"):
            if f"holdfast_{name}" in after.metrics:
                row[name] = after.metrics[f"holdfast_{name}"]
        table.append(row)
    return table


def machine() -> dict[str, Any]:
    """What the rehearsal ran on."""
    model = ""
    with contextlib.suppress(OSError, IndexError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line for line in lines if line.startswith("model name")).partition(": ")[2]
    return {
        "system": platform.system(),
        "release": platform.release(),
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "free_gib": round(shutil.disk_usage(tempfile.gettempdir()).free / 2**30, 1),
    }
