"""Every method for every role, of one's own merchant and of another, on both fronts."""

from collections.abc import Iterator

import grpc
import pytest

from holdfast import _engine, messages
from holdfast.client import Client
from holdfast.pb import types_pb2
from tests.conformance.callers import Told, an_order, call, issue, placing, revoke, rid
from tests.conftest import Server, start_server

UNARY = [path for path, kind, _ in _engine.methods() if kind == "unary"]
MUTATIONS = {path for path, _, mutation in _engine.methods() if mutation}
# No credential says that its owner is a customer or the engine.
ROLES = [
    name.removeprefix("ROLE_")
    for name in dict(types_pb2.Role.items())
    if name not in ("ROLE_UNSPECIFIED", "ROLE_CUSTOMER", "ROLE_ENGINE")
]
PLACE, GET = messages.path("OrderService/PlaceOrder"), messages.path("OrderService/GetOrder")


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Both fronts at once, over engines of their own that were told the same."""
    started = {
        front: start_server(tmp_path_factory.mktemp(front) / "data", "--front", front)
        for front in ("native", "python")
    }
    yield started
    for server in started.values():
        server.process.kill()
        server.process.wait(20)


def matrix(server: Server) -> dict[tuple[str, str], tuple[str, str, str]]:
    """How an empty request of each kind of caller ends, by caller and method."""
    found = {}
    with (
        Client(server.address, token=server.token, coalesce=False) as operator,
        grpc.insecure_channel(server.address) as channel,
    ):
        callers: dict[str, str | None] = {
            f"{role} of {merchant}": issue(operator, role, merchant)
            for merchant in ("default", "other")
            for role in ROLES
        }
        revoked = issue(operator, "ADMIN")
        revoke(operator, revoked)
        callers |= {"revoked": revoked, "forged": "e30.e30.", "nobody": None, "empty": ""}
        for caller, token in callers.items():
            for path in UNARY:
                told = call(channel, path, b"", token)
                found[caller, path] = (told.code, told.reason, told.text)
    return found


def test_every_role_gets_the_same_from_both_fronts(twins: dict[str, Server]) -> None:
    native, python = matrix(twins["native"]), matrix(twins["python"])
    assert native == python
    for (caller, path), (code, reason, _) in native.items():
        if caller in ("revoked", "forged", "nobody", "empty"):
            assert (code, reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED"), (caller, path)
        elif caller.startswith("ADMIN"):
            assert code != "PERMISSION_DENIED", (caller, path)
        elif caller.startswith("OBSERVER") and path in MUTATIONS:
            assert code == "PERMISSION_DENIED", (caller, path)


def test_another_merchants_order_is_like_one_that_there_is_not(
    operator: Client, channel: grpc.Channel
) -> None:
    number = rid()
    operator.place_order(**an_order(number))
    stranger = issue(operator, "ADMIN", "other")
    theirs = call(channel, GET, messages.encode("OrderService/GetOrder", _of(number)), stranger)
    none = call(channel, GET, messages.encode("OrderService/GetOrder", _of(rid())), stranger)
    assert (theirs.code, theirs.reason) == ("NOT_FOUND", "ORDER_NOT_FOUND")
    assert len(theirs.text) == len(none.text)
    # Their request keys are not ours either: the same key is another request.
    order = an_order(rid())
    operator.place_order(**order)
    own = messages.encode("OrderService/PlaceOrder", order)
    assert call(channel, PLACE, own, stranger).reason == "SKU_UNKNOWN"


def _of(number: str) -> dict[str, object]:
    return {"order_number": number}


def test_a_revoked_credential_is_refused_from_the_next_call_on(
    operator: Client, channel: grpc.Channel
) -> None:
    secret = issue(operator, "INTEGRATION")
    assert call(channel, PLACE, placing(rid()), secret).code == "OK"
    revoke(operator, secret)
    assert call(channel, PLACE, placing(rid()), secret).code == "UNAUTHENTICATED"


def test_of_two_credentials_the_last_counts(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    both = [("authorization", "Bearer nobody"), ("authorization", f"bearer  {server.token}")]
    assert call(channel, PLACE, placing(rid()), metadata=both).code == "OK"
    basic = [("authorization", f"Basic {server.token}")]
    refused = call(channel, PLACE, placing(rid()), metadata=basic)
    assert refused == Told("UNAUTHENTICATED", refused.text, "UNAUTHENTICATED")
