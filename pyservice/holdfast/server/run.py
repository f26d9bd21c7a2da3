"""Starting, serving, draining, stopping."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from holdfast import _engine, errors
from holdfast.engine import ManualClock
from holdfast.messages import SERVICE_FILES
from holdfast.server.connections import Connections
from holdfast.server.front import Front
from holdfast.server.log import Log
from holdfast.server.loop import IdleLoop
from holdfast.server.metrics import CallMetrics, EngineCollector, MetricsEndpoint
from holdfast.server.native import NativeFront
from holdfast.server.observer import Observer
from holdfast.server.operator_token import token_file, token_sha256
from holdfast.server.routes import Routes
from holdfast.server.scrub import Scrub
from holdfast.server.settings import ServerSettings, SettingsError

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# Largest message on the wire: a batch of 4 MiB and its envelope.
_MAX_MESSAGE: Final = (4 << 20) + 4096
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", 16 << 20),
    ("grpc.max_concurrent_streams", 1_000),
    # Beyond this gRPC cancels calls without a word, whoever they belong to: one merchant's
    # flood would hit the others. What a flood may begin is bounded by its connections.
    ("grpc.server.max_pending_requests", 50_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ("grpc.max_metadata_size", 16 << 10),
    # Two servers on one port would share calls between two states.
    ("grpc.so_reuseport", 0),
)
# How long calls that are under way may take when the server stops.
_FINISH_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ReadyInfo:
    """What a started server tells."""

    version: str
    persistence: str
    durability: str
    front: str
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

    The first signal drains: health says NOT_SERVING, the port stays open for
    `drain_grace_s`, calls under way are finished, the journal is made durable. A
    second one leaves at once, which a journal survives.

    Args:
        settings: What to serve, where.
        ready: Called once, when calls are answered.
        clock: A clock of your own, for rehearsals.

    Returns:
        0 after a drain, 1 if the journal failed.

    Raises:
        SettingsError: A setting is wrong, or an address cannot be had.
        OpenError: The data folder cannot be used.
    """
    settings.check()
    log = Log(sys.stderr)
    try:
        with asyncio.Runner(loop_factory=IdleLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, IdleLoop)
            return runner.run(_Server(settings, log, loop).run(ready, clock))
    finally:
        log.close()


class _Server:
    def __init__(self, settings: ServerSettings, log: Log, loop: IdleLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._log = log
        self._stop = asyncio.Event()
        self._registry = CollectorRegistry()
        self._metrics = CallMetrics(self._registry)
        self._observer = Observer(
            self._metrics.tally,
            log,
            log_refusals=settings.log_refusals,
            log_one_in=settings.log_one_in,
        )
        self._native: NativeFront | None = None
        self._connections = self._bounded()
        self._checks = health.aio.HealthServicer()
        self._routes = Routes()
        self._names = [
            service.full_name
            for file in SERVICE_FILES
            for service in file.DESCRIPTOR.services_by_name.values()
        ]

    async def run(self, ready: Callable[[ReadyInfo], None], clock: ManualClock | None) -> int:
        token = token_file(self._settings)
        digest = token_sha256(token)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled)
        server = self._server()
        try:
            port = self._bind(server)
            await self._set_health(_NOT_SERVING)
            await server.start()
            if self._native is not None:
                port = self._listen(self._native)
            engine = await self._opened(digest, clock)
            try:
                return await self._serve(server, port, token, engine, ready)
            finally:
                self._close(engine)
        finally:
            await server.stop(0)
            if self._native is not None:
                self._native.close()

    def _bounded(self) -> Connections:
        """What the system lets the settings have: files come before connections."""
        asked = self._settings.connections
        given = asked.within_descriptors()
        if given.most < asked.most:
            action = "raise the limit of open files, or lower --max-connections"
            self._log.put(
                "warning", "connections_bounded", asked=asked.most, given=given.most, action=action
            )
        return given

    def _server(self) -> grpc.aio.Server:
        own = frozenset(path for path, _, _ in _engine.methods())
        # Behind a native front, which bounds connections, nobody else comes.
        bounds = self._connections.options() if self._settings.front == "python" else ()
        server = grpc.aio.server(
            handlers=(self._routes,),
            interceptors=(Scrub(own, self._observer),),
            options=(*_OPTIONS, *bounds),
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._checks, server)
        asked = self._settings.reflection
        if self._settings.on_loopback if asked is None else asked:
            reflection.enable_server_reflection(
                (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME), server
            )
        return server

    def _bind(self, server: grpc.aio.Server) -> int:
        """Binds the public port, or only the private socket behind a native front."""
        if self._settings.front == "native":
            self._native = NativeFront(
                self._settings, _MAX_MESSAGE, self._connections, self._observer
            )
            server.add_insecure_port(self._native.behind)
            return 0
        address = self._settings.address(self._settings.port)
        files = self._settings.tls_files()
        try:
            if files is None:
                return int(server.add_insecure_port(address))
            certificates, key, roots = files
            credentials = grpc.ssl_server_credentials(
                [(key, certificates)],
                root_certificates=roots,
                require_client_auth=roots is not None,
            )
            return int(server.add_secure_port(address, credentials))
        except RuntimeError:
            raise self._cannot_listen() from None

    def _listen(self, native: NativeFront) -> int:
        try:
            return native.listen()
        except _engine.OpenError:
            raise self._cannot_listen() from None

    def _cannot_listen(self) -> SettingsError:
        address = self._settings.address(self._settings.port)
        return SettingsError(
            f"The service cannot listen on {address}: it is taken, not an address of this "
            "machine, or the certificate and key do not fit. Name another --host or --port; "
            "port 0 takes a free one.",
            reason="ADDRESS_UNAVAILABLE",
        )

    async def _opened(self, token_sha256: str, clock: ManualClock | None) -> _engine.Engine:
        # Replaying blocks a thread and not the loop: health answers meanwhile.
        opening = asyncio.ensure_future(
            asyncio.to_thread(_open, self._settings, token_sha256, clock)
        )
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not opening.done():
            # A replay cannot be interrupted; it only reads, so leaving is safe.
            if self._native is not None:
                self._native.close()
            self._log.put("info", "stopped", failed=False, phase="starting")
            self._log.close()
            os._exit(0)
        return await opening

    async def _serve(
        self,
        server: grpc.aio.Server,
        port: int,
        token: Path,
        engine: _engine.Engine,
        ready: Callable[[ReadyInfo], None],
    ) -> int:
        settings = self._settings
        front = Front(engine, self._loop, settings.default_deadline_ms, self._observer)
        self._watch(front)
        self._registry.register(EngineCollector(engine.metrics_json))
        endpoint: MetricsEndpoint | None = None
        if settings.metrics_port >= 0:
            endpoint = MetricsEndpoint(settings.metrics_port, self._registry)
        self._routes.open(front.handlers(), front.unknown)
        if self._native is not None:
            self._native.open(engine)
        await self._set_health(_SERVING)
        ready(self._info(engine, port, endpoint, token))
        failed = await self._until_told(engine)
        await self._drain(server, engine, front, failed)
        if endpoint is not None:
            endpoint.close()
        return 1 if failed else 0

    def _watch(self, front: Front) -> None:
        native = self._native
        if native is None:
            self._metrics.watch(front.in_flight, front.streams_open)
        else:
            self._metrics.watch(
                lambda: front.in_flight() + native.in_flight(),
                lambda: front.streams_open() + native.streams_open(),
            )

    def _signalled(self) -> None:
        if self._stop.is_set():
            # The journal is recoverable at any instant: leaving at once is safe.
            os._exit(1)
        self._stop.set()

    async def _until_told(self, engine: _engine.Engine) -> bool:
        """Waits for a signal, or for the journal to fail (then True)."""
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(self._stop.wait(), 0.25)
            except TimeoutError:
                if engine.phase() == "FAILED":
                    action = "stopping; start again to recover"
                    self._log.put("error", "journal_failed", action=action)
                    return True
        return False

    async def _drain(
        self, server: grpc.aio.Server, engine: _engine.Engine, front: Front, failed: bool
    ) -> None:
        await self._set_health(_NOT_SERVING)
        if not failed:
            # Balancers see NOT_SERVING while the port still answers.
            await asyncio.sleep(self._settings.drain_grace_s)
        stopping = asyncio.ensure_future(self._finish(server))
        front.end_streams()
        await stopping
        engine.drain()
        front.detach()

    async def _finish(self, server: grpc.aio.Server) -> None:
        """Ends calls; those under way may take their time. The door closes first."""
        if self._native is not None:
            self._native.drain()
            await self._native.finish(_FINISH_S)
        await server.stop(_FINISH_S if self._native is None else 0)

    def _close(self, engine: _engine.Engine) -> None:
        try:
            engine.close()
        except _engine.OpenError as error:
            self._log.put("error", "close_failed", detail=error.message)
        self._log.put("info", "stopped")

    async def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for name in ("", *self._names):
            await self._checks.set(name, status)

    def _info(
        self, engine: _engine.Engine, port: int, endpoint: MetricsEndpoint | None, token: Path
    ) -> ReadyInfo:
        recovery = json.loads(engine.recovery_json())
        self._tell(recovery)
        return ReadyInfo(
            version=_engine.version(),
            persistence=recovery["persistence"],
            durability=recovery["durability"],
            front=self._settings.front,
            address=self._settings.address(port),
            metrics_address="" if endpoint is None else endpoint.address,
            token_file=str(token.absolute()),
            recovered_records=recovery["records"],
            torn_bytes=recovery["torn_bytes"],
        )

    def _tell(self, recovery: Mapping[str, Any]) -> None:
        """Says what the start found and mended: a disk that dies says so first here."""
        if recovery["torn_bytes"]:
            self._log.put("warning", "torn_write_cut", bytes=recovery["torn_bytes"])
        if recovery["stale_frames"]:
            self._log.put("warning", "copies_mended", groups=recovery["stale_frames"])
        for detail in recovery["rejected_snapshots"]:
            self._log.put("warning", "snapshot_rejected", detail=detail)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _open(settings: ServerSettings, token_sha256: str, clock: ManualClock | None) -> _engine.Engine:
    given = {
        "path": _text(settings.data),
        "journal": settings.journal,
        "redis": {
            "url": settings.redis_url,
            "name": settings.redis_name,
            "password_file": _text(settings.redis_password_file),
            "ca": _text(settings.redis_ca),
            "cert": _text(settings.redis_cert),
            "key": _text(settings.redis_key),
            "assume_appendfsync": settings.redis_assume_appendfsync,
        },
        "mirror": _text(settings.mirror),
        "scrub_every_s": int(settings.scrub_hours * 3_600),
        "low_water_bytes": settings.low_water_mib << 20,
        "snapshot_every": settings.snapshot_every,
        "keep_days": settings.keep_days,
        "merchant": settings.merchant,
        "embedded": False,
        "bootstrap_token_sha256": token_sha256,
        "key_file": _text(settings.key_file),
        "default_deadline_ms": settings.default_deadline_ms,
    }
    try:
        return _engine.Engine.open(json.dumps(given), None if clock is None else clock.inner)
    except _engine.OpenError as error:
        raise errors.not_opened(error.reason, error.message, error.facts) from None
