"""Starting, serving, draining, stopping."""

import asyncio
import hashlib
import json
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, start_http_server

from holdfast import _engine, errors
from holdfast.engine import ManualClock
from holdfast.messages import SERVICE_FILES
from holdfast.server.front import Front
from holdfast.server.metrics import CallMetrics, EngineCollector
from holdfast.server.scrub import Scrub, log
from holdfast.server.settings import ServerSettings

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# Largest message on the wire: a batch of 4 MiB and its envelope.
_MAX_MESSAGE = (4 << 20) + 4096
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", 16 << 20),
    ("grpc.max_concurrent_streams", 1_000),
    ("grpc.max_metadata_size", 16 << 10),
    # Clients may ping each 10 s, also without calls.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Balancers of connections get to spread them again.
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    # Two servers on one port would share calls between two states.
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class ReadyInfo:
    """What a started server tells."""

    version: str
    persistence: str
    durability: str
    address: str
    metrics_address: str
    token_file: str
    recovered_records: int
    torn_bytes: int


def serve(
    settings: ServerSettings,
    *,
    ready: Callable[[ReadyInfo], None],
    clock: ManualClock | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code.

    Args:
        settings: What to serve, where.
        ready: Called once, when calls are answered.
        clock: A clock of your own, for rehearsals.

    Raises:
        SettingsError: A setting is wrong.
        OpenError: The data folder cannot be used.
    """
    settings.check()
    return asyncio.run(_Server(settings, clock).run(ready))


class _Server:
    def __init__(self, settings: ServerSettings, clock: ManualClock | None) -> None:
        self._settings = settings
        self._clock = clock
        self._stop = asyncio.Event()
        self._names = [
            service.full_name
            for file in SERVICE_FILES
            for service in file.DESCRIPTOR.services_by_name.values()
        ]

    async def run(self, ready: Callable[[ReadyInfo], None]) -> int:
        settings = self._settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        registry = CollectorRegistry()
        late = _LateHandlers()
        server = grpc.aio.server(handlers=(late,), interceptors=(Scrub(),), options=_OPTIONS)
        checks = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        reflection.enable_server_reflection(
            (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME), server
        )
        port = self._bind(server)
        await self._set_health(checks, _NOT_SERVING)
        await server.start()
        token_file, digest = _operator_token(settings)
        try:
            # Replaying blocks a thread and not the loop: health answers meanwhile.
            engine = await asyncio.to_thread(_open, settings, digest, self._clock)
        except errors.HoldfastError:
            await server.stop(0)
            raise
        front = Front(
            engine, settings.default_deadline_ms, CallMetrics(registry, settings.log_refusals)
        )
        late.handlers = front.handlers()
        registry.register(EngineCollector(engine.metrics_json))
        metrics_port = _serve_metrics(settings, registry)
        await self._set_health(checks, _SERVING)
        ready(self._info(engine, port, metrics_port, token_file))
        failed = await self._wait(engine)
        await self._drain(checks, server, engine, front, failed)
        return 1 if failed else 0

    def _bind(self, server: grpc.aio.Server) -> int:
        settings = self._settings
        address = f"{settings.host}:{settings.port}"
        if settings.tls_cert is None or settings.tls_key is None:
            return int(server.add_insecure_port(address))
        roots = settings.tls_client_ca
        credentials = grpc.ssl_server_credentials(
            [(settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())],
            root_certificates=None if roots is None else roots.read_bytes(),
            require_client_auth=roots is not None,
        )
        return int(server.add_secure_port(address, credentials))

    def _signalled(self) -> None:
        if self._stop.is_set():
            # The journal is recoverable at any instant: leaving at once is safe.
            os._exit(1)
        self._stop.set()

    async def _wait(self, engine: _engine.Engine) -> bool:
        """Waits for a signal, or for the journal to fail (then True)."""
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(self._stop.wait(), 0.25)
            except TimeoutError:
                if engine.phase() == "FAILED":
                    log("error", "journal_failed", action="stopping; start again to recover")
                    return True
        return False

    async def _drain(
        self,
        checks: health.aio.HealthServicer,
        server: grpc.aio.Server,
        engine: _engine.Engine,
        front: Front,
        failed: bool,
    ) -> None:
        await self._set_health(checks, _NOT_SERVING)
        if not failed:
            # Balancers see NOT_SERVING while the port still answers.
            await asyncio.sleep(self._settings.drain_grace_s)
        engine.drain()
        await server.stop(grace=5.0)
        front.detach()
        try:
            await asyncio.to_thread(engine.close)
        except _engine.OpenError as error:
            log("error", "close_failed", detail=error.message)
        log("info", "stopped", failed=failed)

    async def _set_health(
        self,
        checks: health.aio.HealthServicer,
        status: "health_pb2.HealthCheckResponse.ServingStatus",
    ) -> None:
        for name in ("", *self._names):
            await checks.set(name, status)

    def _info(
        self, engine: _engine.Engine, port: int, metrics_port: int, token_file: Path | None
    ) -> ReadyInfo:
        settings = self._settings
        recovery = json.loads(engine.recovery_json())
        durable = "SYNCED" if settings.durability == "synced" else "LOGGED"
        return ReadyInfo(
            version=_engine.version(),
            persistence="memory" if settings.data is None else f"file {settings.data}",
            durability="MEMORY" if settings.data is None else durable,
            address=f"{settings.host}:{port}",
            metrics_address="" if metrics_port < 0 else f"127.0.0.1:{metrics_port}",
            token_file="" if token_file is None else str(token_file),
            recovered_records=recovery["records"],
            torn_bytes=recovery["torn_bytes"],
        )


class _LateHandlers(grpc.GenericRpcHandler):
    """The engine's methods, once there is an engine."""

    def __init__(self) -> None:
        self.handlers: tuple[grpc.GenericRpcHandler, ...] = ()

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Gives the handler of a method; UNAVAILABLE while the journal replays."""
        for handler in self.handlers:
            found = handler.service(details)
            if found is not None:
                return found
        known = any(path == details.method for path, _, _ in _engine.methods())
        return grpc.unary_unary_rpc_method_handler(_starting) if known else None


async def _starting(_request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
    await context.abort(
        grpc.StatusCode.UNAVAILABLE, "STARTING: the journal is being replayed. Try again soon."
    )
    raise AssertionError("abort does not return")


def _open(settings: ServerSettings, token_sha256: str, clock: ManualClock | None) -> _engine.Engine:
    given = {
        "path": None if settings.data is None else str(settings.data),
        "durability": settings.durability,
        "merchant": settings.merchant,
        "embedded": False,
        "bootstrap_token_sha256": token_sha256,
        "key_file": None if settings.key_file is None else str(settings.key_file),
        "default_deadline_ms": settings.default_deadline_ms,
    }
    try:
        return _engine.Engine.open(json.dumps(given), None if clock is None else clock.inner)
    except _engine.OpenError as error:
        raise errors.not_opened(error.reason, error.message, error.facts) from None


def _operator_token(settings: ServerSettings) -> tuple[Path | None, str]:
    """The operator's secret file, made on the first start, and the secret's hash."""
    path = settings.admin_token_file
    if path is None:
        if settings.data is None:
            raise errors.OpenError(
                "An engine in memory needs --admin-token-file.", reason="SETTING_INVALID"
            )
        path = settings.data / "admin.token"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    secret = path.read_text().strip()
    return path, hashlib.sha256(secret.encode()).hexdigest()


def _serve_metrics(settings: ServerSettings, registry: CollectorRegistry) -> int:
    if settings.metrics_port < 0:
        return -1
    server, _ = start_http_server(settings.metrics_port, addr="127.0.0.1", registry=registry)
    return int(server.server_port)
