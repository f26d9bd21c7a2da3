"""The shop that a rehearsal asks: a merchant of its own, with stock, devices and credentials."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from holdfast.calls import Fields
from holdfast.client import Client
from holdfast.demo.day import FLOOR, WAREHOUSES
from holdfast.loadtests.traffic import RUSH_SKU, SKUS, credentials, sku_name

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant. `secrets` are those of the traffic by name, `admin` is its administrator's."""

    merchant: str
    admin: str
    secrets: dict[str, str]


def open_shop(
    address: str,
    operator: str,
    *,
    run: str,
    units: int,
    hold_seconds: int,
    tls_ca: Path | None = None,
) -> Shop:
    """Makes the merchant of a run: other merchants' orders and stock are out of its reach.

    Args:
        address: The service, "host:port".
        operator: The operator's secret: only it may issue credentials for another merchant.
        run: Name of the run; the merchant is "rehearsal-RUN".
        units: Units of every SKU in each warehouse, and of the flash sale's.
        hold_seconds: How long a hold lives.
        tls_ca: PEM file of the roots that the service's certificate goes back to.
    """
    merchant, admin = f"rehearsal-{run}", secrets.token_urlsafe(32)
    ids = (f"{run}-open-{number}" for number in range(1_000_000))
    with Client(address, token=operator, root_certificates=tls_ca) as engine:
        engine.issue_token(
            request_id=next(ids),
            token_sha256=_hashed(admin),
            actor="rehearsal",
            role="ADMIN",
            merchant=merchant,
        )
    made: dict[str, str] = {}
    with Client(address, token=admin, root_certificates=tls_ca) as engine:
        for rank, warehouse in enumerate(WAREHOUSES):
            engine.configure_warehouse(request_id=next(ids), warehouse=warehouse, rank=rank)
            for role in FLOOR:
                engine.register_device(
                    request_id=next(ids),
                    device=f"{warehouse}-{role.lower()}",
                    warehouse=warehouse,
                    kind="PDA",
                )
        for name, role, device in credentials():
            made[name] = secrets.token_urlsafe(32)
            engine.issue_token(
                request_id=next(ids),
                token_sha256=_hashed(made[name]),
                actor=name.replace("/", "-").lower(),
                role=role,
                device=device or None,
            )
        _fill(engine, ids, units)
        set_hold_seconds(engine, next(ids), hold_seconds)
    return Shop(merchant, admin, made)


def set_hold_seconds(engine: Client, request_id: str, seconds: int) -> None:
    """From now on a hold of this merchant lives so long; three times that while it is paid."""
    policy = {
        "hold_seconds": seconds,
        "paying_seconds": seconds * 3,
        "paying_cap_seconds": seconds * 4,
    }
    engine.publish_policy(request_id=request_id, policy_json=json.dumps(policy))


def _fill(engine: Client, ids: Iterator[str], units: int) -> None:
    goods = [(sku_name(rank), where) for rank in range(SKUS) for where in WAREHOUSES]
    goods.append((RUSH_SKU, WAREHOUSES[0]))
    commands: Iterator[Fields] = (
        {
            "receive_stock": {
                "request_id": next(ids),
                "sku": sku,
                "warehouse": warehouse,
                "quantity": units,
            }
        }
        for sku, warehouse in goods
    )
    for batch in batches(commands):
        for outcome in engine.batch_submit(batch):
            if isinstance(outcome, Exception):
                raise outcome


def batches(commands: Iterable[Fields]) -> Iterator[list[Fields]]:
    """As many commands at a time as a call may carry."""
    rest = iter(commands)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
