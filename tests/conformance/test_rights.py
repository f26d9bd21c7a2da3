"""Every method for every role, of one's own merchant and of another, on both fronts."""

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from holdfast import _engine, messages
from holdfast.client import Client
from holdfast.pb import orders_pb2, types_pb2
from tests.conformance.callers import (
    PATIENCE_S,
    Told,
    an_order,
    call,
    ending,
    issue,
    placing,
    revoke,
    rid,
)
from tests.conftest import Server, start_server

STREAMS = [path for path, kind, _ in _engine.methods() if kind != "unary"]
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
            for path in STREAMS:
                told = streamed(channel, path, token)
                found[caller, path] = (told.code, told.reason, told.text)
    return found


def streamed(channel: grpc.Channel, path: str, token: str | None) -> Told:
    """How a stream with one empty message ends; OK if it begins."""
    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    # Both kinds of streams send one message alike.
    ask: Any = channel.stream_stream(path)
    stream = ask(iter([b""]), metadata=metadata, timeout=PATIENCE_S)
    try:
        next(stream)
    except grpc.RpcError as error:
        return ending(error)
    except StopIteration:
        pass
    finally:
        stream.cancel()
    return Told("OK")


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


def test_what_ends_a_credential_ends_its_streams(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    secret = issue(operator, "INTEGRATION")
    metadata = [("authorization", f"Bearer {secret}")]
    watching: Any = channel.unary_stream(messages.path("EventService/WatchEvents"))
    events = watching(b"", metadata=metadata, timeout=PATIENCE_S)
    next(events)
    commands: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    submitting: Any = channel.stream_stream(messages.path("OrderService/StreamSubmit"))
    answers = submitting(iter(commands.get, b""), metadata=metadata, timeout=PATIENCE_S)
    commands.put(command())
    next(answers)
    revoke(operator, secret)
    commands.put(command())
    for stream in (events, answers):
        with pytest.raises(grpc.RpcError) as raised:
            list(stream)
        assert ending(raised.value).reason == "UNAUTHENTICATED"
    commands.put(b"")


def command() -> bytes:
    order = orders_pb2.PlaceOrderRequest.FromString(placing(rid()))
    request = orders_pb2.StreamSubmitRequest(command=orders_pb2.Command(place_order=order))
    return request.SerializeToString()


def test_nothing_of_a_merchant_is_told_to_another(
    operator: Client, channel: grpc.Channel, server: Server
) -> None:
    """Their lists are empty, and their stream of events has none of ours."""
    number = rid()
    operator.place_order(**an_order(number))
    stranger = issue(operator, "ADMIN", "stranger")
    with Client(server.address, token=stranger) as client:
        assert client.list_orders().orders == ()
        assert client.list_stock().stock == ()
        assert {event.order_number for event in client.watch_events()} <= {""}
        assert {event.facts.get("sku") for event in client.watch_events()} <= {None}


def test_of_two_credentials_the_last_counts(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    both = [("authorization", "Bearer nobody"), ("authorization", f"bearer  {server.token}")]
    assert call(channel, PLACE, placing(rid()), metadata=both).code == "OK"
    basic = [("authorization", f"Basic {server.token}")]
    refused = call(channel, PLACE, placing(rid()), metadata=basic)
    assert refused == Told("UNAUTHENTICATED", refused.text, "UNAUTHENTICATED")
