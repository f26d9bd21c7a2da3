"""What each command does. Each gives an exit code."""

import argparse
import hashlib
import json
import os
import secrets
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast import _engine, errors
from holdfast.calls import Calls
from holdfast.cli import settings as configured
from holdfast.cli.reach import SERVE_FILE, Reached, reach, running_server
from holdfast.cli.show import local, put, put_json, table, warn
from holdfast.cli.texts import text

OK, REFUSED, USAGE, UNREACHABLE = range(4)


def version() -> str:
    """The engine's version."""
    return f"holdfast {_engine.version()}"


@contextmanager
def _engine_of(options: argparse.Namespace) -> Iterator[tuple[Calls, Reached]]:
    data = options.data or Path(os.environ.get("HOLDFAST_DATA", "data"))
    merchant = options.merchant or os.environ.get("HOLDFAST_MERCHANT", "default")
    with reach(data, options.server, options.token_file, merchant, options.lang) as reached:
        yield reached


def _flags(options: argparse.Namespace) -> dict[str, str | None]:
    return {key: getattr(options, key) for key in configured.DEFAULTS}


def serve(options: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from holdfast.server import ReadyInfo, ServerSettings, SettingsError
    from holdfast.server import serve as run

    found = {
        key: setting.value for key, setting in configured.load(_flags(options), Path()).items()
    }

    def path(key: str) -> Path | None:
        return Path(found[key]) if found[key] else None

    try:
        settings = ServerSettings(
            data=Path(found["data"]),
            host=found["host"],
            port=int(found["port"]),
            metrics_port=int(found["metrics_port"]),
            durability=found["durability"],
            merchant=found["merchant"],
            tls_cert=path("tls_cert"),
            tls_key=path("tls_key"),
            tls_client_ca=path("tls_client_ca"),
            admin_token_file=path("admin_token_file"),
            key_file=path("key_file"),
            drain_grace_s=float(found["drain_grace_s"]),
            default_deadline_ms=int(found["default_deadline_ms"]),
        )
    except ValueError as error:
        raise SettingsError(
            f"a setting is not a number: {error}", reason="SETTING_INVALID"
        ) from None

    def ready(info: ReadyInfo) -> None:
        told = {**_as_dict(info), "pid": os.getpid()}
        (Path(found["data"]) / SERVE_FILE).write_text(json.dumps(told))
        if options.json:
            put_json({"event": "ready", **told})
        else:
            put(
                f"holdfast {info.version} {text('ready', options.lang)} · "
                f"{info.persistence} ({info.durability}) · gRPC {info.address} · "
                f"metrics {info.metrics_address} · token {info.token_file}"
            )
            put(text("stop_hint", options.lang, data=found["data"]))
        sys.stdout.flush()

    return run(settings, ready=ready)


def _as_dict(info: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(info)  # type: ignore[call-overload, no-any-return]


def up(options: argparse.Namespace) -> int:
    """Runs a day of orders against a server of its own."""
    from holdfast.demo.up import run

    return run(
        data=options.data,
        orders=options.orders,
        seed=options.seed,
        lang=options.lang,
        stay=not options.exit,
        as_json=options.json,
    )


def config_show(options: argparse.Namespace) -> int:
    """Shows settings with their origin."""
    found = configured.load(_flags(options), Path())
    if options.json:
        put_json({key: {"value": item.value, "origin": item.origin} for key, item in found.items()})
    else:
        table(("setting", "value", "origin"), [(k, s.value, s.origin) for k, s in found.items()])
    return OK


def order_place(options: argparse.Namespace) -> int:
    """Places one order."""
    lines = [_line(given) for given in options.line]
    with _engine_of(options) as (engine, _):
        result = engine.place_order(
            request_id=options.request_id or str(uuid.uuid4()),
            order_number=options.number,
            source_channel=options.channel,
            urgency=options.urgency,
            lines=lines,
            paid=options.paid or None,
        )
    if options.json:
        put_json(result)
    else:
        until = local(result.order.hold_expires_at)
        put(f"{result.order.order_number}  {result.order.node}  {result.order.hold_state}  {until}")
    return OK


def _line(given: str) -> dict[str, object]:
    """A line written as SKU=QUANTITY or SKU=QUANTITY@WAREHOUSE."""
    sku, _, rest = given.partition("=")
    quantity, _, warehouse = rest.partition("@")
    if not sku or not quantity.lstrip("-").isdigit():
        raise errors.InvalidArgument(
            f"--line {given} is not SKU=QUANTITY or SKU=QUANTITY@WAREHOUSE.",
            reason="FIELD_INVALID",
            facts={"field": "--line", "value": given},
            code="INVALID_ARGUMENT",
        )
    return {"sku": sku, "quantity": int(quantity), "warehouse": warehouse or None}


def order_import(options: argparse.Namespace) -> int:
    """Imports a CSV file."""
    from holdfast.cli.csv_import import import_orders

    with _engine_of(options) as (_, batches):
        report = import_orders(Path(options.file), batches, options.rejects)
    if options.json:
        put_json(report)
    else:
        for reject in report.rejected:
            warn(f"row {reject.row}: {reject.order_number}: {reject.reason}: {reject.message}")
        put(text("imported", options.lang, accepted=report.accepted, rejected=len(report.rejected)))
    return REFUSED if report.rejected else OK


def order_show(options: argparse.Namespace) -> int:
    """Shows where an order is."""
    with _engine_of(options) as (engine, _):
        status = engine.get_order_status(options.number)
        order = engine.get_order(options.number)
    if options.json:
        put_json({"status": status, "order": order})
        return OK
    put(f"{status.order_number}  {status.status}  {status.node_name}  {status.colour}")
    put(status.summary)
    if status.blocked_by:
        put(status.blocked_by)
    rows = [
        (
            parcel.parcel.parcel_id,
            parcel.parcel.warehouse,
            parcel.parcel.node,
            local(parcel.parcel.since),
            " ".join(f"{line.sku}×{line.quantity}" for line in parcel.lines),
        )
        for parcel in order.parcels
    ]
    table(("parcel", "warehouse", "node", "since", "goods"), rows)
    entries = [
        (local(step.occurred_at), step.node, step.actor, step.role, step.device, step.reason)
        for step in status.last_events
    ]
    table(("at", "node", "actor", "role", "device", "reason"), entries)
    return OK


def hold_list(options: argparse.Namespace) -> int:
    """Lists live holds."""
    with _engine_of(options) as (engine, _):
        found = engine.list_holds(page_size=options.limit, sku=options.sku)
    if options.json:
        put_json(found)
    else:
        rows = [
            (hold.hold_id, hold.state, local(hold.expires_at), _units(hold.units))
            for hold in found.holds
        ]
        table(("hold", "state", "until", "units"), rows)
    return OK


def _units(units: tuple[object, ...]) -> str:
    return " ".join(f"{getattr(unit, 'sku', '')}×{getattr(unit, 'quantity', '')}" for unit in units)


def stock_show(options: argparse.Namespace) -> int:
    """Shows all stock of a SKU."""
    with _engine_of(options) as (engine, _):
        found = engine.get_stock(options.sku)
    if options.json:
        put_json(found)
    else:
        head = ("warehouse", "available", "held", "allocated", "putback", "safety", "frozen", "qc")
        rows = [[getattr(pool, name) for name in head] for pool in found.stock]
        table(head, rows)
    return OK


def stock_receive(options: argparse.Namespace) -> int:
    """Takes goods in."""
    with _engine_of(options) as (engine, _):
        result = engine.receive_stock(
            request_id=options.request_id or str(uuid.uuid4()),
            sku=options.sku,
            warehouse=options.warehouse,
            quantity=options.quantity,
        )
    if options.json:
        put_json(result)
    else:
        put(f"{result.stock.sku}  {result.stock.warehouse}  available {result.stock.available}")
    return OK


def states_poster(options: argparse.Namespace) -> int:
    """Writes the poster, the map or the table."""
    makers = {
        "svg": _engine.lifecycle_poster,
        "mermaid": _engine.lifecycle_mermaid,
        "markdown": _engine.lifecycle_table,
    }
    content = makers[options.format](options.lang)
    if options.output is not None:
        options.output.write_text(content, encoding="utf-8")
        content = str(options.output) + "\n"
    if options.json:
        put_json({"format": options.format, "content": content})
    else:
        sys.stdout.write(content)
    return OK


def channels_map(options: argparse.Namespace) -> int:
    """Maps a platform's reply, one JSON object an order a line."""
    from holdfast.channels import ChannelError, map_reply

    payload = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    try:
        orders = map_reply(options.channel, payload, shop_id=options.shop)
    except ChannelError as error:
        warn(f"holdfast: {type(error).__name__}: {error}")
        return REFUSED
    for order in orders:
        put_json(order.to_json_dict())
    return OK


def journal_verify(options: argparse.Namespace) -> int:
    """Checks every frame."""
    try:
        report = json.loads(_engine.verify_journal(options.data))
    except _engine.OpenError as error:
        raise errors.not_opened(error.reason, error.message, error.facts) from None
    if options.json:
        put_json(report)
    else:
        put(f"records {report['records']}  groups {report['groups']}  bytes {report['bytes']}")
        torn = report["torn_bytes"]
        key = "torn" if torn else "healthy"
        put(text(key, options.lang, bytes=torn) if torn else text(key, options.lang))
    return OK


def journal_dump(options: argparse.Namespace) -> int:
    """Prints records, one JSON object a line."""
    at = options.from_seq
    while lines := _engine.dump_journal(options.data, at, 1_000):
        for line in lines:
            put(line)
        at = json.loads(lines[-1])["seq"] + 1
    return OK


def state_hash(options: argparse.Namespace) -> int:
    """Shows the state's hash; beside a running server it replays the journal."""
    with _engine_of(options) as (engine, _):
        found = engine.get_state_hash()
    if options.json:
        put_json(found)
    else:
        put(f"{found.state_hash}  {found.state_seq}")
    return OK


def audit(options: argparse.Namespace) -> int:
    """Recomputes every identity."""
    with _engine_of(options) as (engine, _):
        found = engine.audit()
    if options.json:
        put_json(found)
    else:
        for finding in found.findings:
            put(f"{finding.identity}  {finding.subject}  {finding.detail}")
        count = len(found.findings)
        key = "findings" if count else "no_findings"
        put(text(key, options.lang, count=count) if count else text(key, options.lang))
    return REFUSED if found.findings else OK


def token_issue(options: argparse.Namespace) -> int:
    """Issues a credential; the secret is made here and never leaves."""
    secret = secrets.token_urlsafe(32)
    with _engine_of(options) as (engine, _):
        engine.issue_token(
            request_id=str(uuid.uuid4()),
            token_sha256=hashlib.sha256(secret.encode()).digest(),
            actor=options.actor,
            role=options.role,
            device=options.device,
        )
    if options.json:
        put_json({"token": secret, "actor": options.actor, "role": options.role.upper()})
    else:
        put(secret)
    return OK


def doctor(options: argparse.Namespace) -> int:
    """Looks at this machine."""
    from holdfast.cli.doctor import examine

    findings = examine(options.data, running_server(options.data) is not None)
    if options.json:
        put_json(findings)
    else:
        table(("check", "state", "detail"), [(f.check, f.state, f.detail) for f in findings])
    return REFUSED if any(finding.state == "fail" for finding in findings) else OK
