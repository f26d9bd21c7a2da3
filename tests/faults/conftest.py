"""A shop in a folder of its own."""

from pathlib import Path

import pytest

from tests.faults.shop import Shop, program


@pytest.fixture(scope="session")
def shop_program() -> Path:
    return program()


@pytest.fixture
def shop(shop_program: Path, tmp_path: Path) -> Shop:
    return Shop(shop_program, tmp_path)
