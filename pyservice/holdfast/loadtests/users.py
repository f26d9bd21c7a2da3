"""Locust's users: they keep to a schedule that was made ahead, whatever the engine does.

This is the open model. An order that is due is sent although others still wait for their
answers, and its latency runs from when it was due. Each order is a greenlet of its own, so that a
slow answer delays nothing but the same order's next step.

A rehearsal hands a plan to Locust's master, which sends it to every worker; each takes its share
of the orders, says when it is ready, and all begin at one instant. Without a plan (Locust's web
page, `locust -f loadtests`) each user is one order a second, against `--host`.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gevent
import grpc
import grpc.experimental.gevent
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore
from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from holdfast.loadtests import shop
from holdfast.loadtests.messages import PATHS, Sending, sendings
from holdfast.loadtests.profiles import profile_of
from holdfast.loadtests.records import HEALTH, OK, RECORDS, Record, pack
from holdfast.loadtests.traffic import Kind, Order, endless, orders

grpc.experimental.gevent.init_gevent()

PLAN: Final = "REHEARSAL_PLAN"
TOKEN: Final = "REHEARSAL_TOKEN_FILE"  # noqa: S105 — the name of a variable

_TIMEOUT_S: Final = 5.0
# How long a request is repeated, and how soon again.
_GIVE_UP_S: Final = 30.0
_AGAIN_S: Final = 0.05
_HEAD_START_S: Final = 2.0
# Orders that are built before others may do something.
_BREATH: Final = 100
# Streams of one connection share its window; some more leave room for all.
_CONNECTIONS: Final = 2
_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
    ("grpc.use_local_subchannel_pool", 1),
)
_RETRIED: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Target:
    """One engine: its methods, and the metadata of each credential."""

    def __init__(self, told: dict[str, Any]) -> None:
        credentials = _transport(told)
        channels = [
            grpc.insecure_channel(told["address"], options=_OPTIONS)
            if credentials is None
            else grpc.secure_channel(told["address"], credentials, options=_OPTIONS)
            for _ in range(_CONNECTIONS)
        ]
        self._calls: list[dict[Kind, Any]] = [
            {kind: channel.unary_unary(path) for kind, path in PATHS.items()}
            for channel in channels
        ]
        self._metadata = {
            name: (("authorization", f"Bearer {secret}"),)
            for name, secret in told["secrets"].items()
        }

    def ask(self, order: int, sending: Sending) -> grpc.StatusCode | None:
        """Sends a request once; gives what went wrong."""
        call = self._calls[order % _CONNECTIONS][sending.kind]
        try:
            call(sending.body, timeout=_TIMEOUT_S, metadata=self._metadata[sending.credential])
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return None


def _transport(told: dict[str, Any]) -> grpc.ChannelCredentials | None:
    return grpc.ssl_channel_credentials(told["tls_ca"].encode()) if told.get("tls_ca") else None


class Generator:
    """What one process has: its share of the orders, its engines, what it measured."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.go: AsyncResult = AsyncResult()
        self.plan: dict[str, Any] = {}
        self.targets: list[Target] = []
        self.share: list[tuple[Order, list[Sending]]] = []
        self.measured = bytearray()
        self.began = 0.0

    @property
    def worker(self) -> int:
        """Which worker this is; 0 if it is the only one."""
        return int(getattr(self.environment.runner, "worker_index", 0))

    def take(self, plan: dict[str, Any]) -> None:
        """Builds its share of the plan's requests and connects."""
        self.plan = plan
        self.targets = [Target(told) for told in plan["targets"]]
        if plan["profile"] is not None:
            profile = profile_of(plan["profile"])
            self.share = []
            for order in orders(profile.segments, plan["seed"]):
                if order.index % profile.workers == self.worker:
                    self.share.append((order, sendings(order, plan["run"])))
                if order.index % _BREATH == 0:
                    gevent.sleep(0)  # or the master takes this worker for dead
        self.environment.runner.send_message("rehearsal-ready", {"worker": self.worker})

    def live(self, order: Order, requests: list[Sending]) -> None:
        """Lives through one order."""
        last = 0.0
        for request in requests:
            wait = self.began + request.due - time.time()
            if wait > 0:
                gevent.sleep(wait)
            if not self._request(order, request, last):
                return
            last = time.time() - self.began

    def _request(self, order: Order, request: Sending, last: float) -> bool:
        """Sends a request until it is answered for good; tells if the story goes on."""
        target = self.targets[order.target]
        sent, attempts = time.time(), 1
        refused = target.ask(order.index, request)
        while refused in _RETRIED and time.time() - sent < _GIVE_UP_S:
            # Under the same request id: what took effect unseen takes effect once.
            gevent.sleep(_AGAIN_S)
            attempts += 1
            refused = target.ask(order.index, request)
        done = time.time() - self.began
        sent -= self.began
        code = OK if refused is None else int(refused.value[0])
        lag = sent - max(request.due, last)
        made = Record(
            request.due, lag, sent, done, order.index, request.kind, code, order.target, attempts
        )
        self.measured += pack(made)
        self.environment.events.request.fire(
            request_type="gRPC",
            name=request.kind.name,
            response_time=made.corrected,
            response_length=0,
            exception=None
            if refused is None or _expected(request, code)
            else RuntimeError(refused),
            context={},
        )
        return code == OK or request.kind is not Kind.PLACE

    def tell(self) -> None:
        """Sends the master what was measured, second by second."""
        spent, then = time.process_time(), time.time()
        while True:
            gevent.sleep(1.0)
            now_spent, now = time.process_time(), time.time()
            self.flush((now_spent - spent) / (now - then))
            spent, then = now_spent, now

    def flush(self, cpu: float) -> None:
        """Sends what was measured since the last time."""
        packed, self.measured = bytes(self.measured), bytearray()
        at = time.time() - self.began if self.began else -1.0
        self.environment.runner.send_message(
            "rehearsal-measured",
            {"worker": self.worker, "at": at, "cpu": cpu, "records": packed.hex()},
        )


def _expected(request: Sending, code: int) -> bool:
    """Sold out is an answer and no error."""
    return request.kind is Kind.PLACE and code == grpc.StatusCode.FAILED_PRECONDITION.value[0]


class ShopUser(User):
    """The customers, the channels' systems and the warehouse of one generator."""

    generator: Generator
    _count = 0

    @task
    def keep_schedule(self) -> None:
        """All that the user ever does; one task after another would make a closed model of it."""
        generator = self.generator
        generator.go.get()
        living = []
        for order, requests in self._orders():
            wait = generator.began + requests[0].due - time.time()
            if wait > 0:
                gevent.sleep(wait)
            living.append(gevent.spawn(generator.live, order, requests))
            if len(living) > 50_000:
                living = [one for one in living if not one.dead]
        gevent.joinall(living)
        generator.flush(0.0)
        generator.environment.runner.send_message("rehearsal-done", {"worker": generator.worker})
        raise StopUser

    def _orders(self) -> Iterator[tuple[Order, list[Sending]]]:
        if self.generator.plan["profile"] is not None:
            yield from self.generator.share
            return
        ShopUser._count += 1
        mine = self.generator.worker * 100_000 + ShopUser._count
        late = time.time() - self.generator.began
        for order in endless(mine, 1.0):
            requests = sendings(order, f"{self.generator.plan['run']}-{mine}")
            yield order, [_moved(request, late) for request in requests]


def _moved(request: Sending, seconds: float) -> Sending:
    return Sending(request.due + seconds, request.kind, request.credential, request.body)


class Conductor:
    """The master's part: hands out the plan, gives the start, keeps what was measured."""

    def __init__(self, environment: Environment, plan: dict[str, Any] | None) -> None:
        self.environment = environment
        self.plan = plan
        self._ready: set[int] = set()
        self._done: set[int] = set()
        self._writing = Semaphore()
        self.over = Event()

    def begin(self) -> None:
        """Sends the plan; without one, a merchant of its own is made at `--host`."""
        plan = self.plan or _plan_of_the_page(self.environment)
        self.environment.runner.send_message("rehearsal-plan", plan)

    def ready(self, worker: int) -> None:
        """Gives the start when the last worker is ready."""
        self._ready.add(worker)
        if self.plan is None or len(self._ready) == self.plan["profile"]["workers"]:
            began = time.time() + _HEAD_START_S
            if self.plan is not None:
                (Path(self.plan["out"]) / "began").write_text(repr(began))
            self.environment.runner.send_message("rehearsal-go", {"began": began})

    def measured(self, data: dict[str, Any]) -> None:
        """Writes what a worker measured."""
        if self.plan is None:
            return
        out = Path(self.plan["out"])
        with self._writing:
            with (out / RECORDS).open("ab") as records:
                records.write(bytes.fromhex(data["records"]))
            if data["at"] >= 0:
                line = {key: data[key] for key in ("worker", "at", "cpu")}
                with (out / HEALTH).open("a") as health:
                    health.write(json.dumps(line) + "\n")

    def done(self, worker: int) -> None:
        """Ends the run with the last worker."""
        self._done.add(worker)
        if self.plan is not None and len(self._done) == self.plan["profile"]["workers"]:
            self.environment.runner.quit()


def _plan_of_the_page(environment: Environment) -> dict[str, Any]:
    address = (environment.host or "127.0.0.1:7420").removeprefix("http://")
    secret = Path(os.environ.get(TOKEN, "data/admin.token")).read_text().strip()
    run = f"page{int(time.time())}"
    merchant = shop.open_shop(address, secret, run=run, units=1_000_000, hold_seconds=900)
    target = {"address": address, "secrets": merchant.secrets}
    return {"profile": None, "seed": 0, "run": run, "targets": [target], "out": ""}


@events.init.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if not isinstance(runner, WorkerRunner):
        named = os.environ.get(PLAN)
        conductor = Conductor(environment, json.loads(Path(named).read_text()) if named else None)
        environment.events.test_start.add_listener(lambda **_: conductor.begin())
        _on(environment, "rehearsal-ready", lambda data: conductor.ready(data["worker"]))
        _on(environment, "rehearsal-measured", conductor.measured)
        _on(environment, "rehearsal-done", lambda data: conductor.done(data["worker"]))
    if not isinstance(runner, MasterRunner):
        generator = ShopUser.generator = Generator(environment)

        def go(data: dict[str, Any]) -> None:
            generator.began = data["began"]
            generator.go.set(None)

        _on(environment, "rehearsal-plan", generator.take)
        _on(environment, "rehearsal-go", go)
        gevent.spawn(generator.tell)


def _on(environment: Environment, message: str, act: Any) -> None:
    environment.runner.register_message(
        message, lambda environment, msg, **_: act(msg.data), concurrent=True
    )
