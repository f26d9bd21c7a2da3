"""What an installer gets: the wheel and the source distribution."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.house.dev_copy import ROOT

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo on PATH; use ./dev test"),
]
_TYPED = {"holdfast/py.typed", "holdfast/_engine.pyi", "holdfast/pb/types_pb2.pyi"}


def _maturin(command: str, *options: str, out: Path) -> Path:
    """Runs maturin as `./dev` does, so that what is built is used again."""
    maturin = Path(sys.executable).with_name("maturin")
    environment = os.environ | {"PYO3_PYTHON": sys.executable}
    subprocess.run(
        [maturin, command, "--out", out, *options],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    options = ("--release", "--locked", "--offline", "--quiet", "--interpreter", sys.executable)
    return zipfile.ZipFile(_maturin("build", *options, out=tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def source_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    made = _maturin("sdist", out=tmp_path_factory.mktemp("source"))
    with tarfile.open(made) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_is_typed_and_whole(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert names >= _TYPED | {"holdfast/_engine.abi3.so", "holdfast/__init__.py"}
    folders = {name.partition("/")[0] for name in names}
    assert {folder for folder in folders if not folder.startswith("holdfast")} == set()


def test_the_wheel_serves_every_python_from_3_11(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    assert "-cp311-abi3-" in wheel.filename


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "holdfast=holdfast.cli:" in wheel.read(entry).decode().replace(" ", "")


def test_the_source_builds_elsewhere(source_names: set[str]) -> None:
    assert source_names >= {f"pyservice/{name}" for name in _TYPED}
    assert source_names >= {"Cargo.lock", "engine/src/lib.rs", "engine/src/wire/pb/holdfast.v1.rs"}
    assert [name for name in source_names if name.endswith((".so", ".pyd"))] == []
