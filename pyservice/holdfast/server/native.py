"""The native front beside the service: it has the public port, the service a private socket.

The front answers what is hot without the interpreter and passes everything else on,
so that callers see one door. What it noted of calls is written here, in its own time.
"""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Final

from holdfast import _engine
from holdfast.server.connections import Connections
from holdfast.server.observer import Observer
from holdfast.server.settings import ServerSettings

# How often the front's notes are written.
_WRITE_S: Final = 0.1
_PREFIX: Final = "holdfast-front-"
# A service that lives takes a connection at once.
_PROBE_S: Final = 0.1


class NativeFront:
    """The listener of one server, from its private socket to its last note."""

    def __init__(
        self,
        settings: ServerSettings,
        max_message: int,
        connections: Connections,
        observer: Observer,
    ) -> None:
        """Makes the private socket's folder, which nobody else may enter.

        Args:
            settings: Where to listen, and with which certificates.
            max_message: Largest message on the wire, in bytes.
            connections: What a connection is allowed.
            observer: Counts the calls and writes about them.
        """
        self._settings = settings
        self._max_message = max_message
        self._connections = connections
        self._observer = observer
        # Not in the data folder: a socket's path may have 107 bytes.
        _sweep(Path(tempfile.gettempdir()))
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._front: _engine.NativeFront | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def behind(self) -> str:
        """Where the service listens for what is passed on, as gRPC writes it."""
        return f"unix:{self._folder / 'service'}"

    def listen(self) -> int:
        """Takes the public port and gives it; everything is passed on.

        Raises:
            OpenError: The address cannot be had, or the certificates do not fit.
        """
        settings = self._settings
        self._front = _engine.NativeFront.start(
            settings.host,
            settings.port,
            self._folder / "service",
            self._observer.tally,
            default_deadline_ms=settings.default_deadline_ms,
            max_message=self._max_message,
            connections=self._connections,
            log_refusals=settings.log_refusals,
            log_one_in=settings.log_one_in,
            tls=settings.tls_files(),
        )
        return self._front.port()

    def open(self, engine: _engine.Engine) -> None:
        """Lets hot calls reach the engine."""
        self._running.open(engine)
        self._writing = asyncio.ensure_future(self._write())

    def in_flight(self) -> int:
        """Calls and stream items that wait for their answer."""
        return self._running.in_flight()

    def streams_open(self) -> int:
        """Streams of commands that are open."""
        return self._running.streams_open()

    def drain(self) -> None:
        """Takes no more connections and calls."""
        self._running.drain()

    async def finish(self, within_s: float) -> None:
        """Waits for the calls under way, at most so many seconds."""
        await asyncio.to_thread(self._running.close, within_s)

    def close(self) -> None:
        """Ends what is left and removes the private socket."""
        if self._writing is not None:
            self._writing.cancel()
        if self._front is not None:
            self._front.close(0)
            self._write_notes(self._front)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _running(self) -> _engine.NativeFront:
        if self._front is None:
            raise AssertionError("listen comes first")
        return self._front

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_S)
            self._write_notes(self._running)

    def _write_notes(self, front: _engine.NativeFront) -> None:
        notes, lost = front.take_notes()
        for path, code, seconds, reason, request in notes:
            self._observer.write(path, request, code, seconds, reason)
        if lost:
            self._observer.lost(lost)


def _sweep(folder: Path) -> None:
    """Removes the sockets of servers that were killed: nobody listens there any more."""
    for left in folder.glob(f"{_PREFIX}*/service"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PROBE_S)
            try:
                probe.connect(str(left))
            except ConnectionRefusedError:
                shutil.rmtree(left.parent, ignore_errors=True)
