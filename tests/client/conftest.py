"""Every test of calls runs for tasks that share one client and for threads that do."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.callers import Caller, Connect, tasks, threads
from tests.conftest import Server, start_server


@pytest.fixture(params=[tasks, threads])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Makes a client of an address and a token; closes all of them at the end."""
    made: list[Caller] = []

    def make(address: str, token: str, **options: Any) -> Caller:
        made.append(request.param(address, token, **options))
        return made[-1]

    yield make
    for caller in made:
        await caller.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may stop, wake and kill."""
    started = start_server(tmp_path / "data")
    yield started
    started.process.kill()
    started.process.wait(20)
