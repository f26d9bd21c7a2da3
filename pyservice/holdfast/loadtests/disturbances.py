"""What a rehearsal does beside its traffic: storms of expiries, a kill, a slow way to Redis."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from holdfast.client import Client
from holdfast.client.connection import BATCH
from holdfast.demo.day import WAREHOUSES
from holdfast.loadtests.profiles import Profile
from holdfast.loadtests.service import Service, Way
from holdfast.loadtests.shop import Shop, set_hold_seconds
from holdfast.loadtests.traffic import SKUS, sku_name
from holdfast.pb import orders_pb2, types_pb2

_BATCH: Final = 1_000
# Holds of a storm are placed so many seconds before they end, or later.
_AHEAD_S: Final = 8
# Placing stops this long before a second is over, so that no hold ends in the next one.
_MARGIN_S: Final = 0.15


def storm_number(run: str, storm: int, index: int) -> str:
    """The number of one of a storm's orders."""
    return f"storm:{run}:{storm}-{index}"


@dataclass(slots=True)
class Storm:
    """One storm: what was asked for, and what the engine answered."""

    ends: int
    bodies: list[bytes]
    replies: list[bytes] = field(default_factory=list)

    def deadlines(self) -> dict[str, float]:
        """When each hold ends, in seconds of the wall's clock, by order number."""
        found = {}
        for reply in self.replies:
            for outcome in orders_pb2.BatchSubmitResponse.FromString(reply).outcomes:
                order = outcome.place_order.order
                if order.order_number:
                    found[order.order_number] = order.hold_expires_at.ToNanoseconds() / 1e9
        return found


def storm_bodies(run: str, storm: int, holds: int) -> list[bytes]:
    """The batches that place a storm's holds, ready to be sent."""
    bodies = []
    for first in range(0, holds, _BATCH):
        commands = [
            orders_pb2.Command(
                place_order=orders_pb2.PlaceOrderRequest(
                    request_id=storm_number(run, storm, index),
                    order_number=storm_number(run, storm, index),
                    source_channel=types_pb2.SOURCE_CHANNEL_DOUYIN,
                    urgency=types_pb2.URGENCY_NORMAL,
                    lines=[
                        orders_pb2.OrderLine(
                            sku=sku_name(index % SKUS), quantity=1, warehouse=WAREHOUSES[0]
                        )
                    ],
                )
            )
            for index in range(first, min(first + _BATCH, holds))
        ]
        bodies.append(orders_pb2.BatchSubmitRequest(commands=commands).SerializeToString())
    return bodies


def place_storm(client: Client, storm: Storm, hold_seconds: int, run: str) -> None:
    """Places holds that all end within the second `storm.ends`.

    The policy counts whole seconds, so it is published anew in each one.
    """
    waiting = list(storm.bodies)
    while waiting:
        now = time.time()
        second = int(now) + 1
        time.sleep(second - now)
        left = storm.ends - second
        if left < 2:
            break
        set_hold_seconds(client, f"{run}-hold-{second}", left)
        while waiting and time.time() < second + 1 - _MARGIN_S:
            storm.replies.append(client.raw(BATCH, waiting.pop(0)))
    set_hold_seconds(client, f"{run}-hold-{storm.ends}", hold_seconds)


class Disturbances:
    """Does what the profile says, at its time, in threads beside the traffic."""

    def __init__(
        self, profile: Profile, run: str, service: Service | None, shop: Shop, address: str
    ) -> None:
        self._profile = profile
        self._run = run
        self._service = service
        self._shop = shop
        self._address = address
        self._threads: list[threading.Thread] = []
        self.way: Way | None = None
        self.problems: list[str] = []
        self.storms = [
            Storm(0, storm_bodies(run, number, profile.storm_holds))
            for number in range(len(profile.storms))
        ]
        self.killed_at = self.ready_after = 0.0

    def begin(self, began: float) -> None:
        """Starts the threads; `began` is when the traffic's first second is."""
        profile = self._profile
        if self.storms:
            self._thread(lambda: self._storms(began))
        if profile.kill_at is not None:
            self._thread(lambda: self._kill(began))
        if profile.slow is not None:
            self._thread(lambda: self._slow(began))

    def end(self) -> None:
        """Waits for the threads."""
        for thread in self._threads:
            thread.join(60)

    def _thread(self, act: Callable[[], None]) -> None:
        def run() -> None:
            try:
                act()
            except Exception as error:  # noqa: BLE001 — a thread's end must be told of
                self.problems.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=run, daemon=True, name="disturbance")
        thread.start()
        self._threads.append(thread)

    def _storms(self, began: float) -> None:
        hold = self._profile.hold_seconds or 900
        with Client(self._address, token=self._shop.admin, deadline_s=30) as client:
            for storm, at in zip(self.storms, self._profile.storms, strict=True):
                storm.ends = int(began + at)
                _sleep_until(storm.ends - _AHEAD_S)
                place_storm(client, storm, hold, self._run)

    def _kill(self, began: float) -> None:
        assert self._service is not None
        assert self._profile.kill_at is not None
        _sleep_until(began + self._profile.kill_at)
        self._service.kill()
        self.killed_at = time.time()
        self._service.start()
        with Client(self._address, token=self._shop.admin, deadline_s=60) as client:
            client.get_engine_status()
        self.ready_after = time.time() - self.killed_at

    def _slow(self, began: float) -> None:
        assert self._profile.slow is not None
        assert self.way is not None
        start, until, delay_ms = self._profile.slow
        _sleep_until(began + start)
        self.way.delay_s = delay_ms / 1e3
        _sleep_until(began + until)
        self.way.delay_s = 0.0


def _sleep_until(instant: float) -> None:
    time.sleep(max(instant - time.time(), 0))
