"""The shop that faults are done to: a process, what it told, and its judge."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
# `./dev chaos` does all of it; `./dev test` a bounded share.
ALL: Final = os.environ.get("FAULTS") == "all"
# All of it, but only every so many of what is swept: an hour instead of a night.
EVERY: Final = int(os.environ.get("FAULTS_EVERY", "1"))
SEED: Final = int(os.environ.get("FAULTS_SEED", "20261111"))
# System calls that the journal, the documents and the snapshots are written with.
WRITING: Final = ("pwrite64", "fdatasync", "fsync", "openat", "ftruncate", "rename", "unlink")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def program() -> Path:
    """The shop's program, built if it is not fresh."""
    command = ["cargo", "build", "--quiet", "--release", "--locked", "-p", "holdfast-chaos"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=1_800)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "holdfast-chaos"


@dataclass(slots=True)
class Verdict:
    """What the judge found."""

    acknowledged: int
    extra: int
    torn_bytes: int
    mended_frames: int
    opened_ms: int
    broken: list[str]


@dataclass(slots=True)
class Shop:
    """A shop with its folder and everything it ever told."""

    program: Path
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    next: int = 0
    # Where its data is, if not beside what it told: a full disk must not cut the evidence.
    disk: Path | None = None

    @property
    def data(self) -> Path:
        return (self.disk or self.folder) / "data"

    @property
    def told(self) -> Path:
        return self.folder / "told"

    def arguments(self) -> str:
        # Small segments and many snapshots, so that they are among what is interrupted.
        small = {
            "path": str(self.data),
            "low_water_bytes": 0,
            "segment_bytes": 16_384,
            "snapshot_every": 40,
        }
        return json.dumps(small | self.settings)

    def start(self, requests: int, under: tuple[str, ...] = ()) -> "subprocess.Popen[bytes]":
        """Asks so many further requests in a process, under another program if one is named."""
        command = [*under, str(self.program), "run", self.arguments()]
        command += [str(self.next), str(self.next + requests)]
        self.next += requests + requests % 2
        with self.told.open("ab") as told:
            return subprocess.Popen(command, stdout=told, stderr=subprocess.PIPE)

    def run(self, requests: int, under: tuple[str, ...] = ()) -> int:
        """The same to its end; gives its exit code."""
        process = self.start(requests, under)
        process.communicate(timeout=60)
        return process.returncode

    def acknowledged(self) -> int:
        """How many requests were acknowledged, as was told in whole lines."""
        if not self.told.exists():
            return 0
        lines = self.told.read_bytes().rpartition(b"\n")[0].split(b"\n")
        return len({line.split()[1] for line in lines if line.startswith(b"ack ")})

    def wait_for(self, acknowledged: int, process: "subprocess.Popen[bytes]") -> None:
        """Waits until so many are acknowledged, or the process has ended."""
        while process.poll() is None and self.acknowledged() < acknowledged:
            time.sleep(0.005)

    def judge(self) -> Verdict:
        """Opens the folder and asks everything again; no promise may be broken."""
        command = [str(self.program), "judge", self.arguments(), str(self.told)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        verdict = Verdict(**json.loads(found.stdout)) if found.returncode == 0 else None
        assert verdict is not None, found.stdout + found.stderr
        return verdict


def inject(call: str, what: str, when: str) -> tuple[str, ...]:
    """Runs a program with a fault at some of its system calls."""
    fault = f"inject={call}:{what}:when={when}"
    return ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", fault)


def killed(code: int) -> bool:
    """Whether an exit code says SIGKILL, seen directly or through strace."""
    return code in (-signal.SIGKILL, 128 + signal.SIGKILL)


def some(numbers: range, few: int) -> Iterator[int]:
    """All of them, or a few in the bounded share: the first ones and others by the seed."""
    if ALL or len(numbers) <= few:
        yield from numbers[SEED % EVERY :: EVERY]
        return
    first = few // 3
    yield from numbers[:first]
    yield from sorted(random.Random(SEED).sample(numbers[first:], few - first))
