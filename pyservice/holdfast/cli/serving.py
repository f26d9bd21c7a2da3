"""Commands that run an engine for others: serve, up, and what they are set to."""

import argparse
import hashlib
import os
import secrets
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.calls import Calls
from holdfast.cli.exits import OK
from holdfast.cli.reach import SERVE_FILE, Batches, Way, announce, reach
from holdfast.cli.settings import SETTINGS, Setting, SettingError, load, shown
from holdfast.cli.show import put, put_json, table
from holdfast.cli.texts import text

if TYPE_CHECKING:
    from holdfast.server import ReadyInfo, ServerSettings


def settings_of(options: argparse.Namespace) -> dict[str, Setting]:
    """Every setting, with what this command's flags say about it."""
    return load({key: getattr(options, key, None) for key in SETTINGS}, Path())


@contextmanager
def engine_of(options: argparse.Namespace) -> Iterator[tuple[Calls, Batches]]:
    """The engine that a command's flags name."""
    found = settings_of(options)
    way = Way(
        data=Path(str(found["data"].value)),
        merchant=str(found["merchant"].value),
        journal=_journal(found),
        server=options.server,
        token_file=options.token_file,
        tls_ca=options.tls_ca,
        lang=options.lang,
    )
    with reach(way) as engine:
        yield engine


def _journal(found: Mapping[str, Setting]) -> dict[str, Any]:
    """What `Engine.open` must be told to find the journal and the keys."""
    of_redis = ("url", "name", "password_file", "ca", "cert", "key", "assume_appendfsync")
    redis = {key: str(found[f"redis_{key}"].value) for key in of_redis}
    return {
        "journal": str(found["journal"].value),
        "redis": {key: value for key, value in redis.items() if value},
        "mirror": str(found["mirror"].value) or None,
        "key_file": str(found["key_file"].value) or None,
    }


def serve(options: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from holdfast.server import SettingsError
    from holdfast.server import serve as run

    settings = _server_settings(settings_of(options))
    data = settings.data or Path()

    def ready(info: "ReadyInfo") -> None:
        told = {**asdict(info), "pid": os.getpid()}
        announce(data, told)
        if options.json:
            put_json({"event": "ready", **told})
        else:
            put(text("ready", options.lang, **told))
            put(text("stop_hint", options.lang, data=data))
        sys.stdout.flush()

    try:
        code = run(settings, ready=ready)
    except SettingsError as error:
        raise SettingError(error.message, reason=error.reason, facts=error.facts) from None
    (data / SERVE_FILE).unlink(missing_ok=True)
    return code


def _server_settings(found: Mapping[str, Setting]) -> "ServerSettings":
    from holdfast.server import Connections, ServerSettings

    def path(key: str) -> Path | None:
        return Path(str(found[key].value)) if found[key].value else None

    return ServerSettings(
        data=Path(str(found["data"].value)),
        host=str(found["host"].value),
        port=int(found["port"].value),
        front="native" if found["front"].value == "native" else "python",
        metrics_port=int(found["metrics_port"].value),
        journal=str(found["journal"].value),
        redis_url=str(found["redis_url"].value),
        redis_name=str(found["redis_name"].value),
        redis_password_file=path("redis_password_file"),
        redis_ca=path("redis_ca"),
        redis_cert=path("redis_cert"),
        redis_key=path("redis_key"),
        redis_assume_appendfsync=str(found["redis_assume_appendfsync"].value),
        mirror=path("mirror"),
        scrub_hours=float(found["scrub_hours"].value),
        low_water_mib=int(found["low_water_mib"].value),
        snapshot_every=int(found["snapshot_every"].value),
        keep_days=int(found["keep_days"].value),
        merchant=str(found["merchant"].value),
        tls_cert=path("tls_cert"),
        tls_key=path("tls_key"),
        tls_client_ca=path("tls_client_ca"),
        admin_token_file=path("admin_token_file"),
        key_file=path("key_file"),
        drain_grace_s=float(found["drain_grace_s"].value),
        default_deadline_ms=int(found["default_deadline_ms"].value),
        connections=Connections(
            most=int(found["max_connections"].value),
            handshake_s=float(found["handshake_s"].value),
            idle_s=float(found["connection_idle_s"].value),
            age_s=float(found["connection_age_s"].value),
            age_grace_s=float(found["connection_age_grace_s"].value),
            keepalive_s=float(found["keepalive_s"].value),
            keepalive_timeout_s=float(found["keepalive_timeout_s"].value),
            ping_spacing_s=float(found["ping_spacing_s"].value),
        ),
    )


def up(options: argparse.Namespace) -> int:
    """Runs a day of orders against a server of its own."""
    from holdfast.demo.up import run

    return run(
        data=Path(str(settings_of(options)["data"].value)),
        orders=options.orders,
        seed=options.seed,
        lang=options.lang,
        stay=not options.exit,
        as_json=options.json,
    )


def config_show(options: argparse.Namespace) -> int:
    """Shows the settings that `serve` with the same flags would have."""
    found = {key: shown(key, setting) for key, setting in settings_of(options).items()}
    if options.json:
        put_json({key: asdict(s) if options.origin else s.value for key, s in found.items()})
        return OK
    columns = ("col.setting", "col.value", "col.origin")[: 3 if options.origin else 2]
    rows = [(key, s.value, s.origin)[: len(columns)] for key, s in found.items()]
    table([text(column, options.lang) for column in columns], rows)
    return OK


def token_issue(options: argparse.Namespace) -> int:
    """Issues a credential; the secret is made here, and only its hash is kept."""
    secret = secrets.token_urlsafe(32)
    with engine_of(options) as (engine, _):
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
