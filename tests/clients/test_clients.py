"""Clients in other languages against a live server, where their tools are installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Server

HERE = Path(__file__).parent


def run(server: Server, folder: str, *command: str) -> None:
    environment = os.environ | {
        "HOLDFAST_ADDRESS": server.address,
        "HOLDFAST_TOKEN": server.token,
    }
    finished = subprocess.run(
        command, cwd=HERE / folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_a_go_program_lives_through_an_order(server: Server) -> None:
    run(server, "go", "go", "vet", "./...")
    run(server, "go", "go", "test", "-count=1", "./...")


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not installed")
def test_a_node_program_lives_through_an_order(server: Server) -> None:
    run(server, "node", "npm", "ci", "--silent")
    run(server, "node", "node", "--test")
