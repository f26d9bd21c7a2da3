"""A copy of `dev` in an empty folder, run with only the programs a test gives it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_PROGRAMS: Final = (
    *("awk", "cat", "cksum", "cut", "df", "dirname", "find", "grep", "head", "id", "ls", "mkdir"),
    *("mktemp", "mv", "printf", "rm", "sed", "sh", "sort", "tail", "uname"),
)


class DevCopy:
    """`dev` alone in a folder, with a PATH of its own.

    Attributes:
        folder: Where the copy lies; what it removes or makes is here.
        path: The only folder on its PATH.
    """

    def __init__(self, folder: Path) -> None:
        """Copies `dev` into `folder`, which must exist."""
        self.folder = folder
        self.path = folder / "programs"
        self.path.mkdir()
        shutil.copy(ROOT / "dev", folder / "dev")
        shutil.copytree(ROOT / "requirements", folder / "requirements")
        for program in _PROGRAMS:
            if found := shutil.which(program):
                (self.path / program).symlink_to(found)

    def run(
        self, *arguments: str, answer: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs `./dev ARGUMENTS` with `answer` on its input and `env` beside PATH."""
        return subprocess.run(
            ["sh", str(self.folder / "dev"), *arguments],
            input=answer,
            env={"PATH": str(self.path)} | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def program(path: Path, script: str) -> None:
    """Writes an executable shell script, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
