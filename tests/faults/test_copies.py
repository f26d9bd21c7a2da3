"""Backups and restores that are killed: whole under their name, or not there."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.shop import ALL, Shop, inject, killed, needs_strace

# System calls that a copy is made with.
COPYING = ("mkdir", "copy_file_range", "pwrite64", "fsync", "rename")


def holdfast(*arguments: object, under: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    command = [*under, sys.executable, "-m", "holdfast", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def sweep(copying: Sequence[object], made: Path, checking: Sequence[object]) -> int:
    """Kills a command at each of its calls, however many they are; gives how often."""
    kills = 0
    for call in COPYING:
        for when in range(1, 100 if ALL else 3):
            done = holdfast(*copying, under=inject(call, "signal=SIGKILL", str(when)))
            if done.returncode == 0:
                shutil.rmtree(made)
                break
            assert killed(done.returncode), done.stderr
            kills += 1
            partial = made.with_name(made.name + ".partial")
            if not made.exists():
                assert partial.exists() or call == "mkdir"
            if partial.exists():
                again = holdfast(*copying)
                assert "BACKUP_UNFINISHED" in again.stderr
                shutil.rmtree(partial)
            if not made.exists():
                assert holdfast(*copying).returncode == 0
            checked = holdfast(*checking)
            assert checked.returncode == 0, checked.stderr
            shutil.rmtree(made)
    return kills


@needs_strace
@pytest.mark.timeout(600)
def test_a_backup_that_is_killed_is_whole_or_has_no_name(shop: Shop, tmp_path: Path) -> None:
    assert shop.run(200) == 0
    made = tmp_path / "backup"
    kills = sweep(
        ("backup", made, "--data", shop.data, "--with-keys"), made, ("restore", made, "--verify")
    )
    assert kills > 5


@needs_strace
@pytest.mark.timeout(600)
def test_a_restore_that_is_killed_is_whole_or_has_no_name(shop: Shop, tmp_path: Path) -> None:
    assert shop.run(200) == 0
    backup, made = tmp_path / "backup", tmp_path / "restored"
    assert holdfast("backup", backup, "--data", shop.data, "--with-keys").returncode == 0
    kills = sweep(("restore", backup, "--to", made), made, ("journal", "verify", "--data", made))
    assert kills > 5


def test_backups_beside_kills_hold_what_was_acknowledged_before(shop: Shop, tmp_path: Path) -> None:
    """The engine dies while it is copied: the copy is made, or refused, and never wrong."""
    made = 0
    for number in range(4):
        process = shop.start(1_000_000)
        shop.wait_for(shop.acknowledged() + 200, process)
        before = shop.acknowledged()
        target = tmp_path / f"backup-{number}"
        arguments = ["backup", str(target), "--data", str(shop.data), "--with-keys"]
        backup = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if number % 2:
            shop.wait_for(before + 400 * number, process)
            process.send_signal(signal.SIGKILL)
        _, error = backup.communicate(timeout=60)
        process.kill()
        process.communicate()
        assert backup.returncode == 0 or not target.exists(), error
        if target.exists():
            made += 1
            restored = Shop(shop.program, tmp_path / f"restored-{number}")
            restored.folder.mkdir()
            done = holdfast("restore", target, "--to", restored.data)
            assert done.returncode == 0, done.stderr
            # What was acknowledged before the backup began is in it, as it was answered.
            lines = shop.told.read_bytes().splitlines(keepends=True)
            restored.told.write_bytes(b"".join(upto(lines, before)))
            assert restored.judge().acknowledged == before
    assert made >= 2


def upto(lines: list[bytes], acknowledged: int) -> list[bytes]:
    """The lines up to so many acknowledged requests, with the doubts of a kill in between."""
    seen = set()
    for number, line in enumerate(lines):
        if line.startswith(b"ack "):
            seen.add(line.split()[1])
        if len(seen) == acknowledged:
            return lines[: number + 1]
    return lines
