"""Reaching an engine: talk to the server that has the folder, or open the folder."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import holdfast
from holdfast import results
from holdfast.calls import Calls, Fields
from holdfast.cli.texts import told
from holdfast.engine import BatchOutcome

SERVE_FILE = "serve.json"


class Batches(Protocol):
    """What takes many commands at once; both ways to an engine do."""

    def batch_submit(self, commands: Iterable[Fields]) -> list[BatchOutcome]:
        """Submits up to 1,000 commands."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach an engine.

    Attributes:
        data: Folder whose server is asked, or which is opened if none runs.
        merchant: Whose orders, when the folder is opened; a server knows from the token.
        journal: Where the folder's journal and keys are, as `Engine.open` takes it.
        server: "host:port" of a server, instead of the folder's own.
        token_file: File with the credential's secret; the operator's if absent.
        tls_ca: PEM file of the roots that the server's certificate goes back to.
        lang: Language of messages and instructions.
    """

    data: Path
    merchant: str
    journal: Mapping[str, Any]
    server: str | None
    token_file: Path | None
    tls_ca: Path | None
    lang: str


@contextmanager
def reach(way: Way) -> Iterator[tuple[Calls, Batches]]:
    """Gives an engine, twice: its calls, and its batches.

    Raises:
        OpenError: The server does not answer, there is no token for it, or the
            folder cannot be opened.
    """
    unreachable: holdfast.OpenError | None = None
    running = running_server(way.data) if way.server is None else None
    address = way.server or (running or {}).get("address")
    if address:
        from holdfast.client import Client

        with Client(
            address,
            token=_secret(way, running),
            locale=way.lang,
            root_certificates=way.tls_ca,
            retry=False,  # a person waits, and decides
        ) as client:
            # Asked before anything is sent: a failure here is certain to have changed nothing.
            unreachable = _silence(client, address)
            if unreachable is None:
                yield client, client
                return
        if way.server is not None:
            raise unreachable
        # What serve.json tells can be out of date; the folder's lock, taken next, cannot.
    try:
        opened = _opened(way)
    except holdfast.JournalLockedError as locked:
        raise unreachable or locked from None
    with opened as engine:
        yield engine, engine


def _secret(way: Way, running: dict[str, str] | None) -> str:
    """The secret of the credential: the named one, else the operator's of the folder."""
    path = way.token_file or Path((running or {}).get("token_file") or way.data / "admin.token")
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise told(holdfast.OpenError, "TOKEN_MISSING", path=path, detail=error.strerror) from None


def _silence(client: Calls, address: str) -> holdfast.OpenError | None:
    """Why a server does not answer, or nothing if it does."""
    try:
        _: results.EngineStatus = client.get_engine_status()
    except (holdfast.Unavailable, holdfast.DeadlineExceeded) as error:
        detail = error.message.rstrip(".")
        return told(holdfast.OpenError, "SERVER_UNREACHABLE", address=address, detail=detail)
    return None


def _opened(way: Way) -> holdfast.Engine:
    if not way.data.exists():
        raise told(holdfast.OpenError, "DATA_MISSING", data=way.data)
    return holdfast.Engine.open(way.data, merchant=way.merchant, locale=way.lang, **way.journal)


def running_server(data: Path) -> dict[str, str] | None:
    """What the server of a folder wrote about itself, if its process lives."""
    try:
        wrote: dict[str, str] = json.loads((data / SERVE_FILE).read_text(encoding="utf-8"))
        os.kill(int(wrote["pid"]), 0)
    except PermissionError:
        return wrote  # it lives, under another user
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return wrote


def announce(data: Path, facts: dict[str, object]) -> None:
    """Writes what `running_server` reads, whole or not at all."""
    new = data / f"{SERVE_FILE}.new"
    new.write_text(json.dumps(facts), encoding="utf-8")
    new.replace(data / SERVE_FILE)
