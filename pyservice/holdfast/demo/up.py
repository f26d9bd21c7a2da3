"""`holdfast up`: serve, run a day, print a verdict, keep serving."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast import _engine
from holdfast.cli.reach import SERVE_FILE
from holdfast.cli.show import put, put_json, table
from holdfast.client import Client
from holdfast.demo.day import Day, Tally
from holdfast.demo.payloads import make_day
from holdfast.engine import ManualClock
from holdfast.results import PoolStock
from holdfast.server import ReadyInfo, ServerSettings, serve
from holdfast.words import Node

_TEXTS = {
    "banner": (
        "Holdfast {version} · 持久化：{persistence}（{durability}）",
        "Holdfast {version} · Persistence: {persistence} ({durability})",
    ),
    "address": ("gRPC {address} · 指标 {metrics}", "gRPC {address} · metrics {metrics}"),
    "running": ("正在跑一天的 {orders} 单", "running a day of {orders} orders"),
    "verdict": ("结果", "verdict"),
    "next": ("接下来可以试：", "try next:"),
    "stop": ("停止：Ctrl-C；清空：./dev reset", "stop: Ctrl-C; wipe: ./dev reset"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the verdict."""

    check: str
    ok: bool | None
    detail: str


def run(*, data: Path, orders: int, seed: int, lang: str, stay: bool, as_json: bool) -> int:
    """Runs the demonstration.

    Args:
        data: Data folder; a new merchant is used each time, so it may hold orders.
        orders: Orders of the day.
        seed: The same seed makes the same day.
        lang: "zh" or "en".
        stay: Keep serving after the verdict.
        as_json: Print the verdict as JSON.

    Returns:
        0 if every check of the verdict holds and the server stopped cleanly.
    """
    # The day ended just now, so that the clock can go on with the wall's.
    today = datetime.now(UTC).date() - timedelta(days=3)
    deliveries = list(make_day(seed, orders, today))
    clock = ManualClock(max(deliveries[0].due_ms - 60_000, _last_known_ms(data)))
    merchant = f"demo-{int(time.time())}"
    outcome: list[bool] = []

    def drive(info: ReadyInfo) -> None:
        try:
            token = Path(info.token_file).read_text().strip()
            with Client(info.address, token=token, locale=lang) as client:
                day = Day(client, clock, seed)
                day.prepare(orders)
                began = time.perf_counter()
                day.run(deliveries, _bar(_text("running", lang, orders=orders), as_json))
                seconds = time.perf_counter() - began
                clock.set(max(clock.now_ms + 24 * 3_600_000, int(time.time() * 1_000)))
                rows = _judge(client, day.tally, data, seconds)
            outcome.append(all(row.ok is not False for row in rows))
            _report(rows, lang, as_json)
            if stay:
                _invite(info, lang, data)
                _follow_the_wall(clock)
        except Exception:  # noqa: BLE001 — a driver that dies must not leave a silent server
            import traceback

            traceback.print_exc()
        finally:
            if not stay or not outcome:
                os.kill(os.getpid(), signal.SIGTERM)

    def ready(info: ReadyInfo) -> None:
        told = {"address": info.address, "token_file": info.token_file, "pid": os.getpid()}
        (data / SERVE_FILE).write_text(json.dumps(told))
        if not as_json:
            put(
                _text(
                    "banner",
                    lang,
                    version=info.version,
                    persistence=info.persistence,
                    durability=info.durability,
                )
            )
            put(_text("address", lang, address=info.address, metrics=info.metrics_address))
        threading.Thread(target=drive, args=(info,), daemon=True, name="holdfast-day").start()

    settings = ServerSettings(
        data=data,
        port=0,
        metrics_port=0,
        merchant=merchant,
        admin_token_file=data / f"{merchant}.token",
        drain_grace_s=0.0,
        log_refusals=False,
    )
    code = serve(settings, ready=ready, clock=clock)
    return code if outcome and outcome[0] else 1


def _text(key: str, lang: str, **facts: object) -> str:
    chinese, english = _TEXTS[key]
    return (chinese if lang == "zh" else english).format(**facts)


def _last_known_ms(data: Path) -> int:
    """The journal's last time: a second demonstration goes on after the first."""
    if not (data / "journal").exists():
        return 0
    last = json.loads(_engine.verify_journal(data))["last_seq"]
    lines = _engine.dump_journal(data, last, 1) if last else []
    return int(json.loads(lines[0])["at_ms"]) + 1 if lines else 0


def _bar(title: str, silent: bool) -> Callable[[int, int], None]:
    shown = -1

    def progress(done: int, total: int) -> None:
        nonlocal shown
        share = done * 40 // max(total, 1)
        if silent or share == shown:
            return
        shown = share
        sys.stdout.write(f"\r{title}  [{'#' * share}{'.' * (40 - share)}] {done}/{total}")
        if done == total:
            sys.stdout.write("\n")
        sys.stdout.flush()

    return progress


def _judge(client: Client, tally: Tally, data: Path, seconds: float) -> list[Row]:
    """Compares what the driver counted with what the engine says."""
    _settle(client)
    audit = client.audit()
    status = client.get_engine_status()
    stock = [pool for page in _pages(client) for pool in page]
    oversold = sum(1 for pool in stock if pool.available < 0 or pool.held < 0)
    accounted = (
        tally.placed
        + tally.closed
        + sum(
            tally.refused[reason]
            for reason in ("STOCK_INSUFFICIENT", "SKU_UNMAPPED", "QUOTA_EXCEEDED")
        )
    )
    live, replayed, same = _hashes(client, data)
    ordered = sorted(tally.latencies_s)
    p50, p99 = (ordered[int(len(ordered) * q)] * 1e3 for q in (0.50, 0.99))
    nodes = " ".join(f"{node}:{tally.nodes[str(node)]}" for node in list(Node)[2:])
    return [
        Row(
            "orders in and accounted for",
            accounted == tally.arrived,
            f"{accounted} of {tally.arrived}",
        ),
        Row("mapping problems", not tally.problems, str(len(tally.problems))),
        Row("oversold", oversold == 0, f"{oversold} of {len(stock)} pools"),
        Row("identities", not audit.findings, f"{len(audit.findings)} findings"),
        Row(
            "released in time",
            status.live_holds == 0 and status.due_backlog == 0,
            f"{status.live_holds} holds past the day, {status.due_backlog} due",
        ),
        Row("nodes reached", tally.nodes[str(Node.SIGNED)] > 0, nodes),
        Row("payments", None, _counts(tally.results)),
        Row("refusals", None, _counts(tally.refused)),
        Row("overdue now", None, str(status.overdue_parcels)),
        Row(
            "calls", None, f"{len(ordered)} in {seconds:.1f} s, p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        ),
        Row("replayed state hash", same, f"{live[:16]} live, {replayed[:16]} replayed"),
    ]


def _counts(counted: dict[str, int]) -> str:
    return " ".join(f"{key}:{value}" for key, value in sorted(counted.items())) or "-"


def _settle(client: Client) -> None:
    """Waits until the engine has written everything that fell due."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = client.get_engine_status()
        if status.due_backlog == 0 and status.live_holds == 0:
            return
        time.sleep(0.05)


def _pages(client: Client) -> Iterator[tuple[PoolStock, ...]]:
    token = None
    while True:
        page = client.list_stock(page_size=1_000, page_token=token)
        yield page.stock
        if not page.next_page_token:
            return
        token = page.next_page_token


def _hashes(client: Client, data: Path) -> tuple[str, str, bool]:
    """The live hash and that of a replay, at the same position."""
    for _ in range(20):
        live = client.get_state_hash()
        replayed, seq, _ = _engine.replay_journal(data)
        if seq == live.state_seq:
            return live.state_hash, replayed, live.state_hash == replayed
    return live.state_hash, replayed, False


def _report(rows: list[Row], lang: str, as_json: bool) -> None:
    if as_json:
        put_json({row.check: {"ok": row.ok, "detail": row.detail} for row in rows})
        sys.stdout.flush()
        return
    marks = {True: "PASS", False: "FAIL", None: ""}
    table(
        (_text("verdict", lang), "", ""), [(row.check, marks[row.ok], row.detail) for row in rows]
    )
    sys.stdout.flush()


def _invite(info: ReadyInfo, lang: str, data: Path) -> None:
    put(_text("next", lang))
    with Client(info.address, token=Path(info.token_file).read_text().strip()) as client:
        first = client.list_orders(page_size=1).orders
    number = first[0].order_number if first else "NO"
    for command in (
        f"order show {number.rpartition(':')[2]}",
        "hold list",
        "audit",
        "states poster --lang zh -o poster.svg",
    ):
        reaching = "" if command.startswith("states") else f" --data {data}"
        put(f"  .venv/bin/holdfast {command}{reaching}")
    put(f"  curl http://{info.metrics_address}/metrics")
    put(_text("stop", lang))
    sys.stdout.flush()


def _follow_the_wall(clock: ManualClock) -> None:
    """From here on the clock is the wall's."""
    while True:
        clock.set(max(clock.now_ms, int(time.time() * 1_000)))
        time.sleep(0.05)
