"""The one door: what `dev` finds, says and removes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.dev_copy import ROOT, DevCopy, program


@pytest.fixture
def dev(tmp_path: Path) -> DevCopy:
    return DevCopy(tmp_path)


def _line(output: str, subject: str) -> str:
    return next(line for line in output.splitlines() if line.startswith(subject))


def test_help_names_every_command(dev: DevCopy) -> None:
    script = (ROOT / "dev").read_text(encoding="utf-8")
    commands = set(re.findall(r"^cmd_(\w+)\(\)", script, re.MULTILINE))
    told = set(re.findall(r"^\./dev (\w+)", dev.run("help").stdout, re.MULTILINE))
    assert told == commands | {"help"}


def test_no_command_is_help(dev: DevCopy) -> None:
    assert dev.run().stdout == dev.run("help").stdout


def test_an_unknown_command_fails_and_is_named(dev: DevCopy) -> None:
    done = dev.run("tset")
    assert done.returncode == 1
    assert "there is no command 'tset'" in done.stderr
    assert "./dev test" in done.stderr


def _built(dev: DevCopy) -> tuple[Path, Path]:
    data, venv = dev.folder / "data", dev.folder / ".venv"
    data.mkdir()
    venv.mkdir()
    return data, venv


@pytest.mark.parametrize("answer", ["", "no\n", "y\n", "yes please\n"])
def test_reset_removes_nothing_without_a_yes(dev: DevCopy, answer: str) -> None:
    data, venv = _built(dev)
    done = dev.run("reset", "--all", answer=answer)
    assert (done.returncode, data.is_dir(), venv.is_dir()) == (1, True, True)
    assert "nothing was removed" in done.stderr


def test_reset_removes_the_data_only(dev: DevCopy) -> None:
    data, venv = _built(dev)
    assert dev.run("reset", answer="yes\n").returncode == 0
    assert (data.exists(), venv.is_dir()) == (False, True)


def test_reset_all_removes_what_was_built(dev: DevCopy) -> None:
    data, venv = _built(dev)
    module = dev.folder / "pyservice/holdfast/_engine.abi3.so"
    module.parent.mkdir(parents=True)
    module.touch()
    assert dev.run("reset", "--all", answer="yes\n").returncode == 0
    assert [path.exists() for path in (data, venv, module)] == [False] * 3
    assert (dev.folder / "dev").exists()


def test_reset_refuses_a_word_it_does_not_know(dev: DevCopy) -> None:
    data, _ = _built(dev)
    done = dev.run("reset", "--everything", answer="yes\n")
    assert (done.returncode, data.is_dir()) == (1, True)
    assert "--everything" in done.stderr


def test_rust_is_chosen_by_version_not_by_place(dev: DevCopy) -> None:
    program(dev.path / "cargo", "echo cargo 1.9.0")
    home = dev.folder / "home"
    program(home / ".cargo/bin/cargo", "echo cargo 1.100.2")
    done = dev.run("doctor", env={"HOME": str(home)})
    assert "cargo 1.100.2" in _line(done.stdout, "rust")


def test_the_oldest_good_rust_is_good(dev: DevCopy) -> None:
    program(dev.path / "cargo", "echo cargo 1.88.0")
    assert "cargo 1.88.0" in _line(dev.run("doctor").stdout, "rust")


@pytest.mark.parametrize("toolchains", [".rustup", "rustup"])
def test_a_rustup_shim_works_under_another_home(dev: DevCopy, toolchains: str) -> None:
    owner = dev.folder / "owner"
    (owner / toolchains).mkdir(parents=True)
    shim = owner / ".cargo/bin/cargo"
    program(shim, '[ -d "${RUSTUP_HOME:-/nowhere}" ] && echo "cargo 1.90.0 in $CARGO_HOME"')
    (dev.path / "cargo").symlink_to(shim)
    empty = dev.folder / "empty"
    empty.mkdir()
    path = f"{shim.parent}:{dev.path}"
    done = dev.run("doctor", env={"HOME": str(empty), "PATH": path})
    assert f"cargo 1.90.0 in {owner}/.cargo/bin/.." in _line(done.stdout, "rust")


def test_python_is_chosen_by_version(dev: DevCopy) -> None:
    program(dev.path / "python3", "exit 1")
    program(dev.path / "python3.12", 'case $1 in --version) echo "Python 3.12.1" ;; esac')
    assert "Python 3.12.1" in _line(dev.run("doctor").stdout, "python")


def test_without_python_it_says_what_to_install(dev: DevCopy) -> None:
    done = dev.run("up")
    assert done.returncode == 1
    assert "no Python 3.11 or newer on PATH" in done.stderr
    assert "apt-get install python3" in done.stderr


@pytest.mark.parametrize("home", [None, "", "/nowhere/at/all"])
def test_it_makes_a_home_where_there_is_none(dev: DevCopy, home: str | None) -> None:
    program(dev.path / "cargo", 'echo "cargo 1.90.0 at $HOME"')
    done = dev.run("doctor", env={} if home is None else {"HOME": home})
    assert f"at {dev.folder}/.tools/home" in _line(done.stdout, "rust")


def test_ci_runs_the_tests_without_input(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    program(tmp_path / "dev", 'echo "$* CI=$CI input=$(cat)"; exit 7')
    done = subprocess.run(
        [tmp_path / ".ci/run"], input="typed", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (7, "test CI=true input=\n")
