"""Redis and Valkey servers that tests start on free ports, and a proxy before them."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

HOST: Final = "127.0.0.1"
# What every journal mode but everysec asks of a server.
ALWAYS: Final = (
    *("--appendonly", "yes", "--appendfsync", "always"),
    *("--repl-diskless-sync-delay", "0"),
)


def binaries() -> list[str]:
    """The servers of this machine, as `./dev test` found them."""
    named = os.environ.get("TEST_REDIS_SERVERS", "redis-server").split(":")
    return [name for name in named if name and _runs(name)]


def _runs(binary: str) -> bool:
    try:
        subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class RedisServer:
    """One server in a folder of its own."""

    binary: str
    folder: Path
    arguments: tuple[str, ...] = ALWAYS
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "RedisServer":
        """Starts it and waits until it answers."""
        self.folder.mkdir(exist_ok=True)
        command = [self.binary, *self.first_arguments()]
        command += ["--bind", HOST, "--save", "", "--daemonize", "no", "--dir", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, *self.arguments], stdout=log, stderr=log)
        process = self.process
        wait_for(
            lambda: (
                process.poll() is not None
                or self.try_ask("PING") in (b"+PONG", b"-NOAUTH Authentication required.")
            )
        )
        assert process.poll() is None, f"{self.binary} does not start with {self.arguments}"
        return self

    def first_arguments(self) -> list[str]:
        return ["--port", str(self.port)]

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ask(self, *words: str | bytes) -> bytes:
        """A command; its raw reply."""
        with socket.create_connection((HOST, self.port), timeout=10) as connection:
            connection.sendall(_packed(words))
            with connection.makefile("rb") as replies:
                return _reply(replies).rstrip(b"\r\n")

    def try_ask(self, *words: str | bytes) -> bytes:
        """The same; nothing if it does not answer."""
        try:
            return self.ask(*words)
        except OSError:
            return b""


def _reply(replies: BinaryIO) -> bytes:
    """One reply as it came, with everything in it."""
    line = replies.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server ended the connection")
    kind, count = line[:1], line[1:-2]
    if kind == b"$" and count != b"-1":
        return line + replies.read(int(count) + 2)
    if kind == b"*":
        return line + b"".join(_reply(replies) for _ in range(max(int(count), 0)))
    return line


def _packed(words: tuple[str | bytes, ...]) -> bytes:
    encoded = [word if isinstance(word, bytes) else word.encode() for word in words]
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    return b"*%d\r\n" % len(words) + b"".join(parts)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits until something holds; it is an error if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@dataclass(slots=True)
class Proxy:
    """A TCP proxy that can be cut, slowed, redirected and made deaf on one side."""

    to_port: int
    port: int = 0
    delay_s: float = 0
    # Bytes that still pass from the server to the client, then the connection is cut.
    cut_after: int | None = None
    drop_requests: bool = False
    drop_replies: bool = False
    refuse: bool = False
    # Connections that were ever passed on.
    taken: int = 0
    _listener: socket.socket | None = None
    _connections: list[socket.socket] = field(default_factory=list)

    def start(self) -> "Proxy":
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Ends every connection in the middle of whatever it does."""
        connections, self._connections = self._connections, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refuse:
                    raise ConnectionRefusedError
                server = socket.create_connection((HOST, self.to_port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self.taken += 1
            self._connections += [client, server]
            for source, sink, replies in ((client, server, False), (server, client, True)):
                pump = threading.Thread(target=self._pump, args=(source, sink, replies))
                pump.daemon = True
                pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                if self.drop_replies if replies else self.drop_requests:
                    continue
                if replies and self.delay_s:
                    time.sleep(self.delay_s)
                if replies and self.cut_after is not None:
                    if len(piece) > self.cut_after:
                        sink.sendall(piece[: self.cut_after])
                        self.cut_after = None
                        break
                    self.cut_after -= len(piece)
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running(*servers: RedisServer) -> Iterator[None]:
    """Starts servers, and ends them whatever happens."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            if server.process is not None and server.process.poll() is None:
                server.signal(signal.SIGCONT)
                server.kill()
