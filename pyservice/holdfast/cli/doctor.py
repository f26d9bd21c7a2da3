"""The doctor: what could keep an engine from keeping its promises here."""

import os
import platform
import resource
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from holdfast import _engine

_RESERVE = 256 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ok, warn or fail, with numbers and what to do."""

    check: str
    state: str
    detail: str


def examine(data: Path, server_runs: bool) -> list[Finding]:
    """Every check of this machine and data folder."""
    return [
        Finding("python", "ok", platform.python_version()),
        Finding("engine", "ok", _engine.version()),
        _folder(data, server_runs),
        _disk(data),
        _sync(data),
        _files(),
        _clock(),
    ]


def _existing(data: Path) -> Path:
    while not data.exists():
        data = data.absolute().parent
    return data


def _folder(data: Path, server_runs: bool) -> Finding:
    if server_runs:
        return Finding("data", "ok", f"{data}: a server has it")
    if not os.access(_existing(data), os.W_OK):
        return Finding("data", "fail", f"{data} cannot be written; choose another with --data")
    return Finding("data", "ok", f"{data}{'' if data.exists() else ' (not made yet)'}")


def _disk(data: Path) -> Finding:
    free = shutil.disk_usage(_existing(data)).free
    state = "ok" if free > 4 * _RESERVE else "warn" if free > _RESERVE else "fail"
    return Finding("disk", state, f"{free >> 20} MiB free; orders need room for their journal")


def _sync(data: Path) -> Finding:
    """Median of a few fdatasyncs in the folder's file system."""
    times = []
    with tempfile.TemporaryFile(dir=_existing(data)) as file:
        for _ in range(15):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    median_us = sorted(times)[len(times) // 2] * 1e6
    state = "ok" if median_us < 20_000 else "warn"
    return Finding("fsync", state, f"{median_us:.0f} µs; a lone order waits for one of them")


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    state = "ok" if soft >= 1_024 else "warn"
    return Finding("open files", state, f"limit {soft}; each connection takes one")


def _clock() -> Finding:
    year = time.gmtime().tm_year
    state = "ok" if 2024 <= year < 2100 else "fail"
    return Finding("clock", state, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
