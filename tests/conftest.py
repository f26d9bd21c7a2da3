"""A live server for the tests that need one, started and stopped by pid."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(slots=True)
class Server:
    """A `holdfast serve` process."""

    process: "subprocess.Popen[str]"
    data: Path
    told: dict[str, str]

    @property
    def address(self) -> str:
        return self.told["address"]

    @property
    def token(self) -> str:
        return Path(self.told["token_file"]).read_text().strip()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


def start_server(
    data: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    under: Sequence[str] = (),
) -> Server:
    """Starts a server on free loopback ports and waits for its ready line.

    Args:
        data: Its data folder.
        flags: More of the command line.
        env: More of the environment.
        under: Program that runs it, such as a tracer.
    """
    command = [
        *under,
        sys.executable,
        "-m",
        "holdfast",
        "serve",
        "--data",
        str(data),
        "--port",
        "0",
    ]
    command += ["--metrics-port", "0", "--drain-grace-s", "0", "--json", *flags]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=None if env is None else os.environ | env,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the server ended with {process.wait(10)}"
    return Server(process, data, json.loads(line))


@pytest.fixture(scope="module", params=["native", "python"])
def front(request: pytest.FixtureRequest) -> str:
    """Each front in turn: callers must not be able to tell them apart."""
    return str(request.param)


@pytest.fixture(scope="module")
def server(front: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = start_server(tmp_path_factory.mktemp("server") / "data", "--front", front)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait(20)
