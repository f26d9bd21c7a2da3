"""The extension module. Calls that block leave the interpreter to others meanwhile."""

import os
from typing import Protocol, final

class Refused(Exception):
    """A refused call; nothing of it was done."""

    code: int
    reason: str
    facts: dict[str, str]
    message: str
    status: bytes

class OpenError(Exception):
    """An engine that cannot be used."""

    reason: str
    facts: dict[str, str]
    message: str

class Forked(RuntimeError):
    """The engine belongs to the process that opened it."""

@final
class ManualClock:
    """A clock that moves when told to: UTC milliseconds since 1970."""

    def __new__(cls, now_ms: int) -> ManualClock: ...
    def now_ms(self) -> int: ...
    def advance(self, delta_ms: int) -> int: ...
    def set(self, now_ms: int) -> None: ...

@final
class Watch:
    """An open stream of events."""

    def take(self, limit: int) -> list[bytes]:
        """Encoded WatchEventsResponse messages that are ready; never blocks."""

    def heartbeat(self) -> bytes:
        """An encoded heartbeat at the position reached."""

    def heartbeat_ms(self) -> int:
        """How long the stream may be silent."""

@final
class Engine:
    """One open engine. Calls may come from any thread."""

    @staticmethod
    def open(settings_json: str, clock: ManualClock | None = None) -> Engine:
        """Open an engine; blocks while replaying. Raises OpenError."""

    def call(
        self,
        method: str,
        request: bytes,
        token: str | None = None,
        deadline_ms: int | None = None,
        locale: str = "",
    ) -> bytes:
        """Answer a call; blocks until it is durable. Raises Refused."""

    def submit(
        self,
        ticket: int,
        method: str,
        request: bytes,
        token: str | None = None,
        deadline_ms: int | None = None,
        locale: str = "",
    ) -> tuple[int, bytes] | None:
        """Begin a call: the answer, or None if it comes through take_completions."""

    def gather(self) -> None:
        """Say that more calls follow within the instant, so that they share a sync."""

    def flush(self) -> None:
        """Say that they have come; 2 ms after `gather` nothing waits for it any more."""

    def completions_fd(self) -> int:
        """Readable for each commit group with answers or with an open stream of events."""

    def take_completions(self) -> list[tuple[int, int, bytes]]:
        """Answers that are ready: ticket, gRPC code, payload."""

    def watch(self, request: bytes, token: str | None = None, locale: str = "") -> Watch:
        """Open a stream of events. Raises Refused."""

    def durable_seq(self) -> int: ...
    def phase(self) -> str:
        """SERVING, DRAINING, FAILED or CLOSED."""

    def metrics_json(self) -> str: ...
    def recovery_json(self) -> str: ...
    def snapshot_json(self) -> str:
        """Take a snapshot of what is durable; what it says of itself. Raises OpenError."""

    def drain(self) -> None:
        """Take nothing new from here on."""

    def close(self) -> None:
        """Make everything durable and stop."""

@final
class Tally:
    """Calls by method and code, and how long they took. Any thread may count."""

    def __new__(cls) -> Tally: ...
    def count(self, path: str, code: int, seconds: float) -> None:
        """Count one call; paths that are no method count as one."""

    def told(self) -> list[tuple[str, int, float, list[int]]]:
        """Method, code, seconds in all, and calls between each bound and the one before."""

    @staticmethod
    def bounds_s() -> list[float]:
        """Upper bounds in seconds; one more count is of all slower calls."""

class _Connections(Protocol):
    """What a connection is allowed; see holdfast.server.Connections."""

    @property
    def most(self) -> int: ...
    @property
    def handshake_s(self) -> float: ...
    @property
    def idle_s(self) -> float: ...
    @property
    def age_s(self) -> float: ...
    @property
    def age_grace_s(self) -> float: ...
    @property
    def keepalive_s(self) -> float: ...
    @property
    def keepalive_timeout_s(self) -> float: ...
    @property
    def ping_spacing_s(self) -> float: ...

@final
class NativeFront:
    """A gRPC listener without the interpreter; see engine/front."""

    @staticmethod
    def start(
        host: str,
        port: int,
        behind: str | os.PathLike[str],
        tally: Tally,
        *,
        default_deadline_ms: int,
        max_message: int,
        connections: _Connections,
        log_refusals: bool,
        log_one_in: int,
        tls: tuple[bytes, bytes, bytes | None] | None = None,
    ) -> NativeFront:
        """Listen; until `open` every call is passed on to the Unix socket `behind`.

        `tls` is certificates, key and the roots of clients, in PEM. Raises OpenError with
        ADDRESS_UNAVAILABLE or TLS_UNUSABLE.
        """

    def open(self, engine: Engine) -> None:
        """Answer hot calls from this engine."""

    def port(self) -> int: ...
    def in_flight(self) -> int: ...
    def streams_open(self) -> int: ...
    def take_notes(self) -> tuple[list[tuple[str, int, float, str, bytes]], int]:
        """Path, code, seconds, reason and beginning of the request; how many were lost."""

    def drain(self) -> None:
        """Take no more connections and calls."""

    def close(self, within_s: float) -> None:
        """Wait for what is under way, without the interpreter lock, and end the rest."""

def refused(code: int, payload: bytes) -> Refused:
    """The exception of an encoded google.rpc.Status."""

def refusal_status(reason: str, facts: dict[str, str], locale: str) -> tuple[int, bytes]:
    """A refusal that a front states itself: gRPC code and google.rpc.Status.

    Raises ValueError for a reason that docs/refusals.md does not have.
    """

def named_status(payload: bytes) -> tuple[str, str, bytes]:
    """Reason, "REASON: English text", and the google.rpc.Status that says the same."""

def secret(authorization: str) -> str:
    """The secret in an `authorization` value; of another scheme than Bearer, all of it."""

def methods() -> list[tuple[str, str, bool]]:
    """Path, kind (unary, server_stream, bidi_stream) and whether it changes something."""

def refusals() -> list[tuple[str, int, bool, str, str]]:
    """Reason, gRPC code, whether it is remembered, English and Chinese text."""

def lifecycle_mermaid(locale: str) -> str: ...
def lifecycle_poster(locale: str) -> str: ...
def lifecycle_table(locale: str) -> str: ...
def version() -> str: ...
def verify_journal(
    path: str | os.PathLike[str], mirror: str | os.PathLike[str] | None = None
) -> str:
    """Check every frame and snapshot of a data folder; a JSON report. Raises OpenError."""

def snapshot_journal(
    path: str | os.PathLike[str],
    mirror: str | os.PathLike[str] | None = None,
    key_file: str | os.PathLike[str] | None = None,
) -> str:
    """Take a snapshot of a closed folder; what it says of itself. Raises OpenError."""

def compact_journal(
    path: str | os.PathLike[str],
    keep_days: int,
    mirror: str | os.PathLike[str] | None = None,
    key_file: str | os.PathLike[str] | None = None,
) -> str:
    """Remove old records of a closed folder that two snapshots hold. Raises OpenError."""

def diagnose_journal(path: str | os.PathLike[str]) -> str:
    """What of a damaged journal can be read, and what is lost; a JSON report."""

def mirror_of(path: str | os.PathLike[str]) -> str | None:
    """The mirror that a data folder was last opened with, if any."""

def dump_journal(
    path: str | os.PathLike[str],
    from_seq: int,
    limit: int,
    mirror: str | os.PathLike[str] | None = None,
) -> list[str]:
    """Records from a position on as JSON lines."""

def backup_folder(
    path: str | os.PathLike[str],
    to: str | os.PathLike[str],
    mirror: str | os.PathLike[str] | None = None,
    keys: str | os.PathLike[str] | None = None,
) -> str:
    """Copy a data folder, open or not, with the key ring `keys` if one is named.

    The copy is replayed; gives its manifest as JSON. Blocks. Raises OpenError.
    """

def verify_backup(path: str | os.PathLike[str], keys: str | os.PathLike[str] | None = None) -> str:
    """Check a backup where it is, its documents too if there is a key ring.

    Gives what was found as JSON. Blocks. Raises OpenError.
    """

def restore_backup(
    path: str | os.PathLike[str],
    to: str | os.PathLike[str],
    keys: str | os.PathLike[str] | None = None,
) -> str:
    """Make a data folder of a backup; what was found as JSON. Blocks. Raises OpenError."""

def cut_journal(
    path: str | os.PathLike[str],
    seq: int,
    aside: str,
    carry_out: bool,
    mirror: str | os.PathLike[str] | None = None,
) -> str:
    """Cut a closed folder's journal behind a record, or tell what that does. Raises OpenError."""

def rotate_key(path: str | os.PathLike[str], key_file: str | os.PathLike[str] | None = None) -> int:
    """Make a new master key of a closed folder's documents current; its id. Raises OpenError."""

def replay_journal(
    path: str | os.PathLike[str], mirror: str | os.PathLike[str] | None = None
) -> tuple[str, int, list[tuple[str, str, str]]]:
    """State hash in hex, position, and what the audit found."""
