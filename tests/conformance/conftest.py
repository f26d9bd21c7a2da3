"""A server behind each front with stock to sell, and its operator."""

from collections.abc import Iterator

import grpc
import pytest

from holdfast.client import Client
from tests.conformance.callers import PATIENCE_S, rid
from tests.conftest import Server


@pytest.fixture(scope="module")
def operator(server: Server) -> Iterator[Client]:
    with Client(server.address, token=server.token, coalesce=False) as operator:
        operator.receive_stock(request_id=rid(), sku="cup", warehouse="hz", quantity=10**6)
        yield operator


@pytest.fixture
def channel(server: Server, operator: Client) -> Iterator[grpc.Channel]:
    """A connection of its own, that has not been misused yet."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.address, options) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE_S)
        yield channel
