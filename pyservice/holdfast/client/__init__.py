"""Clients of a served engine: the same methods as `Engine`, over gRPC.

`Client` blocks, `AsyncClient` is awaited. Both send the commands that are called at the same time
as one batch and repeat what got no answer; docs/client.md says what is kept and promised.
This package alone, with `holdfast.server`, imports gRPC.
"""

from holdfast.client.awaited import AsyncClient
from holdfast.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
