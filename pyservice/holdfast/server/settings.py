"""What a server is started with."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from holdfast.errors import HoldfastError
from holdfast.server.connections import Connections

Front: TypeAlias = Literal["native", "python"]
FRONTS: Final[tuple[Front, ...]] = ("native", "python")


class SettingsError(HoldfastError):
    """A setting is wrong; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of the gRPC service.

    Attributes:
        data: Data folder; `None` keeps everything in memory.
        host: Address to listen on. Anything but loopback needs TLS.
        port: Port of the service; 0 takes a free one.
        front: "native" answers hot calls without the interpreter; "python" answers all
            in it.
        metrics_port: Port of /metrics on loopback; 0 takes a free one, -1 none.
        journal: Where the truth is kept and what a reply waits for, as "file.sync".
        redis_url: Server of a journal in Redis; it may hold a password.
        redis_name: Tells journals on one server apart.
        redis_password_file: File with the server's password.
        redis_ca: PEM roots of a server over TLS; absent: the system's.
        redis_cert: PEM certificate that is shown to the server, with `redis_key`.
        redis_key: Its private key.
        redis_assume_appendfsync: What appendfsync is, where the server lets nobody ask.
        mirror: Folder of the journal's second copy.
        scrub_hours: Hours between two scrubs of the journal; 0: never.
        low_water_mib: Free MiB on the disk below which no new orders are taken.
        snapshot_every: Records after which a snapshot is taken; 0: never.
        keep_days: Days for which the journal keeps every record; 0: for ever.
        merchant: Merchant of the operator's credential.
        tls_cert: PEM certificate chain, with `tls_key`.
        tls_key: PEM private key.
        tls_client_ca: PEM roots; clients must then show a certificate.
        admin_token_file: Where the operator's secret is kept; made if absent.
        key_file: Key ring of the sealed documents.
        drain_grace_s: How long the port stays open after NOT_SERVING.
        default_deadline_ms: Deadline of calls that state none.
        connections: What a connection is allowed.
        log_refusals: Write a line for each refusal.
        log_one_in: Write a line for one in so many answered calls; 0 writes none.
        reflection: Let clients ask for the contract; `None` on loopback only.
    """

    data: Path | None = Path("data")
    host: str = "127.0.0.1"
    port: int = 7420
    front: Front = "native"
    metrics_port: int = 0
    journal: str = "file.sync"
    redis_url: str = field(default="redis://127.0.0.1:6379", repr=False)
    redis_name: str = "main"
    redis_password_file: Path | None = None
    redis_ca: Path | None = None
    redis_cert: Path | None = None
    redis_key: Path | None = None
    redis_assume_appendfsync: str = ""
    mirror: Path | None = None
    scrub_hours: float = 24.0
    low_water_mib: int = 64
    snapshot_every: int = 250_000
    keep_days: int = 180
    merchant: str = "default"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    admin_token_file: Path | None = None
    key_file: Path | None = None
    drain_grace_s: float = 2.0
    default_deadline_ms: int = 5_000
    connections: Connections = field(default_factory=Connections)
    log_refusals: bool = True
    log_one_in: int = 0
    reflection: bool | None = None

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return _is_loopback(self.host)

    def address(self, port: int) -> str:
        """The host with a port, as gRPC writes it."""
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    def tls_files(self) -> tuple[bytes, bytes, bytes | None] | None:
        """Certificates, key and the roots of clients, in PEM; None for plain text."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        roots = self.tls_client_ca
        return (
            self.tls_cert.read_bytes(),
            self.tls_key.read_bytes(),
            None if roots is None else roots.read_bytes(),
        )

    def check(self) -> None:
        """Refuses what cannot be served safely.

        Raises:
            SettingsError: Plain text beyond loopback, half a key pair, a missing file,
                a number that means nothing.
        """
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError("TLS needs both --tls-cert and --tls-key.", reason="TLS_INCOMPLETE")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError(
                "--tls-client-ca needs --tls-cert and --tls-key.", reason="TLS_INCOMPLETE"
            )
        for path in (self.tls_cert, self.tls_key, self.tls_client_ca):
            if path is not None and not path.is_file():
                raise SettingsError(f"{path} is no file.", reason="TLS_FILE_MISSING")
        if self.tls_cert is None and not self.on_loopback:
            raise SettingsError(
                f"Plain text is served on loopback only, not on {self.host}. "
                "Give --tls-cert and --tls-key, or listen on 127.0.0.1.",
                reason="PLAIN_TEXT_REFUSED",
            )
        if self.front not in FRONTS:
            raise SettingsError(
                f"front is {self.front!r}; expected one of {', '.join(FRONTS)}.",
                reason="SETTING_INVALID",
            )
        for name, value, lowest in (
            ("drain_grace_s", self.drain_grace_s, 0),
            ("default_deadline_ms", self.default_deadline_ms, 1),
            ("log_one_in", self.log_one_in, 0),
            ("max_connections", self.connections.most, 1),
            ("handshake_s", self.connections.handshake_s, 0.001),
            ("connection_idle_s", self.connections.idle_s, 0.001),
            ("connection_age_s", self.connections.age_s, 0.001),
            ("connection_age_grace_s", self.connections.age_grace_s, 0),
            ("keepalive_s", self.connections.keepalive_s, 0.001),
            ("keepalive_timeout_s", self.connections.keepalive_timeout_s, 0.001),
            ("ping_spacing_s", self.connections.ping_spacing_s, 0),
        ):
            # Written so that NaN is refused too.
            if not lowest <= value <= 86_400_000:
                raise SettingsError(
                    f"{name} is {value}; expected a number from {lowest} to 86400000.",
                    reason="SETTING_INVALID",
                )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
