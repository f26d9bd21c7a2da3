"""The wall clock lies: after an outage, at a restart, and while the engine runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from holdfast.client import Client
from holdfast.results import Hold
from tests.conftest import Server, start_server

# Where distributions keep the library that tells a process another wall time.
LIBRARIES: Final = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
NEAR: Final = timedelta(seconds=20)

pytestmark = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")


class House:
    """A server whose wall clock is what a file says, as "+10m"."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.offset = folder / "offset"
        self.server: Server | None = None

    def start(self, offset: str) -> Client:
        self.tell(offset)
        self.server = start_server(
            self.data,
            env={
                "LD_PRELOAD": str(LIBRARIES[0]),
                "FAKETIME_TIMESTAMP_FILE": str(self.offset),
                "FAKETIME_NO_CACHE": "1",
                # The monotonic clock of a machine keeps going; only the wall is wrong.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            },
        )
        return Client(self.server.address, token=self.server.token)

    def tell(self, offset: str) -> None:
        self.offset.write_text(f"{offset}\n")

    def kill(self) -> None:
        assert self.server is not None
        self.server.process.kill()
        self.server.process.wait(20)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.kill()


def place(client: Client) -> datetime:
    """An order that holds one cup; gives its deadline."""
    client.receive_stock(request_id="stock", sku="cup", warehouse="hz", quantity=1)
    placed = client.place_order(
        request_id="place",
        order_number="A",
        source_channel="PHONE",
        urgency="NORMAL",
        lines=[{"sku": "cup", "quantity": 1}],
    )
    assert placed.order.hold_expires_at is not None
    return placed.order.hold_expires_at


def hold(client: Client) -> Hold:
    return client.get_order("A").holds[-1]


def deadline(client: Client) -> datetime:
    expires_at = hold(client).expires_at
    assert expires_at is not None
    return expires_at


def test_an_outage_is_credited_to_live_holds_up_to_its_limit(house: House) -> None:
    with house.start("+0") as client:
        before = place(client)
    house.kill()
    with house.start("+10m") as client:
        assert hold(client).state == "HELD"
        assert abs(deadline(client) - before - timedelta(minutes=10)) < NEAR
    house.kill()
    # Ten minutes more, of which five are left to be given.
    with house.start("+20m") as client:
        assert hold(client).state == "HELD"
        assert abs(deadline(client) - before - timedelta(minutes=15)) < NEAR
        assert client.audit().findings == ()


@pytest.mark.parametrize("offset", ["+365d", "-1h"])
def test_a_clock_that_cannot_be_true_ends_no_hold_until_a_person_has_looked(
    house: House, offset: str
) -> None:
    with house.start("+0") as client:
        before = place(client)
    house.kill()
    with house.start(offset) as client:
        assert "deadlines stand still" in client.get_engine_status().clock_problem
        assert (hold(client).state, deadline(client)) == ("HELD", before)
        assert client.get_stock("cup").stock[0].held == 1
        client.reconcile_clock(request_id="looked", reason="the wall clock is right")
        assert client.get_engine_status().clock_problem == ""
        # A year ahead its time is long over; an hour back it has all of it left.
        assert client.get_stock("cup").stock[0].held == (0 if offset == "+365d" else 1)
        assert client.audit().findings == ()


@pytest.mark.parametrize("offset", ["+10m", "+365d", "-1h"])
def test_a_step_under_a_running_engine_is_counted_and_not_followed(
    house: House, offset: str
) -> None:
    with house.start("+0") as client:
        before = place(client)
        house.tell(offset)
        assert "not followed" in client.get_engine_status().clock_problem
        assert (hold(client).state, deadline(client)) == ("HELD", before)
        client.receive_stock(request_id="more", sku="cup", warehouse="hz", quantity=1)
        house.tell("+0")
        assert client.get_engine_status().clock_problem == ""
        assert client.audit().findings == ()
