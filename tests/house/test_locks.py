"""The locked packages: complete, hashed, of one mind with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.dev_copy import ROOT

_FOLDER: Final = ROOT / "requirements"
_SETS: Final = sorted(path.stem for path in _FOLDER.glob("*.in"))
_PIN: Final = re.compile(
    r"^([\w.-]+)==([\w.]+)(?: ;[^\\]*)?( \\\n +--hash=sha256:[0-9a-f]{64})+\n", re.MULTILINE
)


def _lock(name: str) -> str:
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def _pins(name: str) -> dict[str, str]:
    return {canonicalize_name(pin[1]): pin[2] for pin in _PIN.finditer(_lock(name))}


def _asked(name: str) -> list[Requirement]:
    lines = (_FOLDER / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def _project() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"]} | project["optional-dependencies"]
    return {name: [Requirement(text) for text in texts] for name, texts in groups.items()}


@pytest.mark.parametrize("name", _SETS)
def test_every_line_of_a_lock_is_a_hashed_pin(name: str) -> None:
    rest = _PIN.sub("", _lock(name))
    assert [line for line in rest.splitlines() if not line.startswith("#")] == []
    assert _pins(name)


@pytest.mark.parametrize("name", _SETS)
def test_a_lock_holds_what_its_set_asks_for(name: str) -> None:
    pins = _pins(name)
    for wanted in _asked(name):
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), str(wanted)


@pytest.mark.parametrize("name", _SETS)
def test_a_lock_names_no_index(name: str) -> None:
    assert "://" not in _lock(name)


def test_sets_installed_together_agree() -> None:
    agreed: dict[str, str] = {}
    for name in ("run", "build", "test", "lint", "load"):
        for package, version in _pins(name).items():
            assert agreed.setdefault(package, version) == version, f"{package} in {name}"


def test_the_run_and_load_locks_cover_every_extra_of_the_project() -> None:
    pins = _pins("load") | _pins("run")
    for extra, requirements in _project().items():
        for wanted in requirements:
            assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), extra


def test_the_library_alone_needs_only_protobuf() -> None:
    assert [wanted.name for wanted in _project()[""]] == ["protobuf"]


def test_protobuf_is_asked_for_as_new_as_the_generated_code_needs() -> None:
    generated = (ROOT / "pyservice/holdfast/pb/types_pb2.py").read_text(encoding="utf-8")
    found = re.search(r"# Protobuf Python Version: ([\d.]+)", generated)
    assert found is not None
    (wanted,) = _project()[""]
    floors = [spec.version for spec in wanted.specifier if spec.operator == ">="]
    assert floors == [found[1]]
