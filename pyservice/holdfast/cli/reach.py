"""Reaching an engine: open its folder, or talk to the server that has it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import holdfast
from holdfast.calls import Calls, Fields
from holdfast.engine import BatchOutcome

SERVE_FILE = "serve.json"


class Reached(Protocol):
    """What both ways give."""

    def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submits commands."""


@contextmanager
def reach(
    data: Path, server: str | None, token_file: Path | None, merchant: str, lang: str
) -> Iterator[tuple[Calls, Reached]]:
    """Gives the engine of a folder, or of a server.

    A server is used if one is named, or if the folder's own server runs.
    """
    running = running_server(data) if server is None else None
    address = server or (running or {}).get("address")
    if address:
        from holdfast.client import Client

        path = token_file or Path((running or {}).get("token_file") or data / "admin.token")
        with Client(address, token=path.read_text().strip(), locale=lang) as client:
            yield client, client
        return
    if not data.exists():
        raise holdfast.OpenError(
            f"there is no data folder {data}. Start with `holdfast serve` or `holdfast up`, "
            "or name one with --data.",
            reason="DATA_MISSING",
        )
    with holdfast.Engine.open(data, merchant=merchant, locale=lang) as engine:
        yield engine, engine


def running_server(data: Path) -> dict[str, str] | None:
    """What the server of a folder wrote about itself, if its process lives."""
    path = data / SERVE_FILE
    try:
        told: dict[str, str] = json.loads(path.read_text())
        alive = Path(f"/proc/{int(told['pid'])}").exists()
    except (OSError, ValueError, KeyError):
        return None
    return told if alive else None
