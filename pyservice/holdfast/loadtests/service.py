"""The processes of a rehearsal: engines in folders of their own, Redis, and the way to it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_READY_S: Final = 60.0


class RehearsalError(Exception):
    """The rehearsal cannot be carried out; the message says why and what to do."""


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Service:
    """A `holdfast serve` of this rehearsal's own, on loopback, in a folder of its own."""

    folder: Path
    front: str
    flags: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[str] | None" = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self.port}"

    @property
    def operator(self) -> str:
        """The operator's secret."""
        return (self.folder / "data" / "admin.token").read_text().strip()

    def start(self) -> "Service":
        """Starts it and waits until it says that it is ready.

        It keeps its folder and its ports if it is started again.

        Raises:
            RehearsalError: It ended instead.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "holdfast", "serve", "--json", "--lang", "en"]
        command += ["--data", str(self.folder / "data"), "--front", self.front]
        command += ["--port", str(self.port), "--metrics-port", str(self.metrics_port)]
        command += ["--drain-grace-s", "0", *self.flags]
        environment = {key: value for key, value in os.environ.items() if not _ours(key)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 — our own interpreter and flags
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            code = self.process.wait(10)
            said = (self.folder / "log").read_text(errors="replace")[-500:]
            raise RehearsalError(f"the service ended with {code} before it was ready: {said}")
        return self

    def kill(self) -> None:
        """Ends it as a power cut would end its process: SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Ends it in good order, or in any order after ten seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def metrics(self) -> dict[str, float]:
        """Its metrics without labels, by name; nothing if it does not answer."""
        url = f"http://{HOST}:{self.metrics_port}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        found = {}
        for line in text.splitlines():
            if line.startswith("holdfast_") and " " in line:
                name, _, value = line.rpartition(" ")
                if "{" not in name or name.startswith("holdfast_journal"):
                    found[name] = float(value)
        return found

    def usage(self) -> tuple[float, int]:
        """CPU seconds and resident bytes of its process; zeros if it is gone."""
        if self.process is None:
            return 0.0, 0
        try:
            words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0.0, 0
        ticks = int(words[11]) + int(words[12])
        return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")


def _ours(variable: str) -> bool:
    # Settings of somebody else's service must not become those of this one.
    return variable.startswith(("HOLDFAST_", "REHEARSAL_"))


@dataclass(slots=True)
class Redis:
    """A redis-server of this rehearsal's own, which syncs each write."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Redis":
        """Starts it and waits until it answers.

        Raises:
            RehearsalError: There is none on this machine, or it does not answer.
        """
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise RehearsalError(
                "redis-slow needs redis-server (Debian: apt-get install redis-server)"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [program, "--port", str(self.port), "--bind", HOST, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        end = time.monotonic() + _READY_S
        while time.monotonic() < end and self.process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((HOST, self.port), 1) as way,
            ):
                way.sendall(b"PING\r\n")
                if way.recv(16).startswith(b"+PONG"):
                    return self
            time.sleep(0.05)
        raise RehearsalError(
            f"redis-server does not answer on {HOST}:{self.port}; see {self.folder}/log"
        )

    def stop(self) -> None:
        """Ends it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


class Way:
    """A way over TCP to a port of loopback, which can be made longer: `delay_s` on each reply."""

    def __init__(self, to_port: int) -> None:
        self.delay_s = 0.0
        self._to = to_port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="way").start()

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection((HOST, self._to), timeout=5)
                far.settimeout(None)
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for ends in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                if replies and self.delay_s:
                    time.sleep(self.delay_s)
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
