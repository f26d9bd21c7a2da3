"""The gRPC service: a socket, and nothing that decides.

Bytes go down to the engine and bytes come back. Identity, authorization, limits,
idempotency and refusals live below, so that every front refuses alike.
"""

from holdfast.server.connections import Connections
from holdfast.server.run import ReadyInfo, serve
from holdfast.server.settings import ServerSettings, SettingsError

__all__ = ["Connections", "ReadyInfo", "ServerSettings", "SettingsError", "serve"]
