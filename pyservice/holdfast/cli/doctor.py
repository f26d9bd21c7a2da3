"""The doctor: what could keep an engine from keeping its promises here."""

import os
import platform
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast import _engine
from holdfast.cli.settings import Setting
from holdfast.cli.texts import text

_MIB: Final = 1 << 20
_DISK_WARN: Final = 1_024 * _MIB
_DISK_FAIL: Final = 256 * _MIB
_FSYNCS: Final = 15
_FSYNC_WARN_US: Final = 20_000
_FILES_WARN: Final = 1_024
_SKEW_FAIL_S: Final = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        check: What was looked at.
        state: "ok", "warn" or "fail".
        detail: What was found, with numbers.
        remedy: What to do; empty if nothing.
    """

    check: str
    state: str
    detail: str
    remedy: str = ""


class Doctor:
    """Examines this machine for an engine with the given settings."""

    def __init__(
        self, settings: Mapping[str, Setting], server: Mapping[str, str] | None, lang: str
    ) -> None:
        """Takes what `running_server` tells of the data folder's own server."""
        self._settings = settings
        self._data = Path(str(settings["data"].value))
        self._server = server
        self._lang = lang

    def examine(self) -> list[Finding]:
        """Every check, in the order in which they matter."""
        return [
            Finding("python", "ok", f"{platform.python_version()} ({sys.executable})"),
            Finding("engine", "ok", f"{_engine.version()} ({_engine.__file__})"),
            self._folder(),
            self._disk(),
            self._fsync(),
            self._clock(),
            self._port("port", str(self._settings["host"].value)),
            self._port("metrics_port", "127.0.0.1"),
            self._files(),
        ]

    def _finding(self, check: str, state: str, detail: str, remedy: str = "") -> Finding:
        return Finding(check, state, detail, text(remedy, self._lang) if remedy else "")

    def _existing(self) -> Path:
        """The folder, or the nearest one above it that is there."""
        folder = self._data.absolute()
        while not folder.exists():
            folder = folder.parent
        return folder

    def _folder(self) -> Finding:
        if self._server is not None:
            detail = text("doctor.served", self._lang, pid=self._server["pid"], path=self._data)
            return self._finding("data", "ok", detail)
        folder = self._existing()
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            return self._finding("data", "fail", str(self._data), "doctor.fix_data")
        key = "doctor.folder" if self._data.exists() else "doctor.folder_new"
        return self._finding("data", "ok", text(key, self._lang, path=self._data))

    def _disk(self) -> Finding:
        free = shutil.disk_usage(self._existing()).free
        state = "ok" if free >= _DISK_WARN else "warn" if free >= _DISK_FAIL else "fail"
        detail = text("doctor.disk", self._lang, mib=free // _MIB)
        return self._finding("disk", state, detail, "" if state == "ok" else "doctor.fix_disk")

    def _fsync(self) -> Finding:
        """Median of a few fdatasyncs in the folder's file system."""
        try:
            median_us = round(_median_fsync_us(self._existing()))
        except OSError as error:
            return self._finding("fsync", "fail", str(error), "doctor.fix_data")
        state = "ok" if median_us < _FSYNC_WARN_US else "warn"
        detail = text("doctor.fsync", self._lang, micros=median_us, count=_FSYNCS)
        return self._finding("fsync", state, detail, "" if state == "ok" else "doctor.fix_fsync")

    def _clock(self) -> Finding:
        """The wall clock must not be behind what the journal was last written at."""
        now = time.time()
        shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        written = [path.stat().st_mtime for path in self._data.glob("journal/*")]
        ahead_s = max(written, default=now) - now
        if ahead_s > _SKEW_FAIL_S:
            detail = text("doctor.clock_behind", self._lang, now=shown, seconds=round(ahead_s))
            return self._finding("clock", "fail", detail, "doctor.fix_clock")
        if not 2024 <= time.gmtime(now).tm_year < 2100:
            return self._finding("clock", "fail", shown, "doctor.fix_clock")
        return self._finding("clock", "ok", shown)

    def _port(self, key: str, host: str) -> Finding:
        port = int(self._settings[key].value)
        if port <= 0:
            return self._finding(key, "ok", text("doctor.port_any", self._lang, port=port))
        if self._is_own(key, port):
            return self._finding(key, "ok", text("doctor.port_own", self._lang, port=port))
        try:
            with socket.create_server((host, port)):
                return self._finding(key, "ok", text("doctor.port_free", self._lang, port=port))
        except OSError as error:
            detail = f"{host}:{port}: {error.strerror or error}"
            return self._finding(key, "warn", detail, "doctor.fix_port")

    def _is_own(self, key: str, port: int) -> bool:
        told = self._server or {}
        address = told.get("address" if key == "port" else "metrics_address", "")
        return address.rpartition(":")[2] == str(port)

    def _files(self) -> Finding:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        state = "ok" if soft >= _FILES_WARN else "warn"
        detail = text("doctor.files", self._lang, limit=soft)
        return self._finding(
            "open_files", state, detail, "" if state == "ok" else "doctor.fix_files"
        )


def _median_fsync_us(folder: Path) -> float:
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FSYNCS):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1e6
