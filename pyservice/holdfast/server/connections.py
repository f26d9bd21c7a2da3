"""What a connection is allowed: how many there are, how long they live, how they are found dead.

Both fronts take this: the native one as it is, gRPC as its options.
"""

import resource
from dataclasses import dataclass, replace
from typing import Final

# Descriptors of one connection: with what is passed on, both ends of a private socket too.
_EACH: Final = 3
# Those of journal, archive and everything else; connections never take them.
_RESERVED: Final = 512


@dataclass(frozen=True, slots=True)
class Connections:
    """Bounds of connections; times in seconds.

    Attributes:
        most: At once; one more is closed as soon as it is taken.
        handshake_s: For the first bytes, TLS included.
        idle_s: Without a call; then the client is told to go.
        age_s: After which the client is told to go, give or take a tenth.
        age_grace_s: How long its calls may go on behind that.
        keepalive_s: Silence after which a client is asked whether it is there.
        keepalive_timeout_s: How long it has to say so.
        ping_spacing_s: Between two pings of a client that was sent nothing meanwhile; who
            pings more often is sent away.
    """

    most: int = 10_000
    handshake_s: float = 10.0
    idle_s: float = 300.0
    age_s: float = 1_800.0
    age_grace_s: float = 60.0
    keepalive_s: float = 60.0
    keepalive_timeout_s: float = 20.0
    ping_spacing_s: float = 10.0

    def options(self) -> tuple[tuple[str, int], ...]:
        """The same in gRPC's words."""
        return (
            ("grpc.max_allowed_incoming_connections", self.most),
            ("grpc.server_handshake_timeout_ms", _ms(self.handshake_s)),
            ("grpc.max_connection_idle_ms", _ms(self.idle_s)),
            ("grpc.max_connection_age_ms", _ms(self.age_s)),
            ("grpc.max_connection_age_grace_ms", _ms(self.age_grace_s)),
            ("grpc.keepalive_time_ms", _ms(self.keepalive_s)),
            ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout_s)),
            # What it really waits for the answer of a ping; a minute if not told.
            ("grpc.http2.ping_timeout_ms", _ms(self.keepalive_timeout_s)),
            ("grpc.http2.min_ping_interval_without_data_ms", _ms(self.ping_spacing_s)),
            # Clients may ping, and are pinged, also without calls.
            ("grpc.keepalive_permit_without_calls", 1),
        )

    def within_descriptors(self) -> "Connections":
        """As many as this process may have open, once it may have as many as it can."""
        wanted = self.most * _EACH + _RESERVED
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            soft = min(wanted, hard) if hard >= 0 else wanted
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return replace(self, most=min(self.most, max(1, (soft - _RESERVED) // _EACH)))


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
