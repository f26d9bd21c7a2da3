"""Messages that are too large, malformed, packed, compressed, or odd in their values."""

import gzip
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast import messages
from holdfast.client import Client
from holdfast.pb import orders_pb2
from tests.conformance.callers import Wire, an_order, call, message, placing, rid
from tests.conftest import Server, start_server

PLACE = messages.path("OrderService/PlaceOrder")
BATCH = messages.path("OrderService/BatchSubmit")
LIMIT = (4 << 20) + 4_096


def resident_mib(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1_024


def padded(size: int) -> bytes:
    """A request of that many bytes, nearly all in a field that nobody knows."""
    tag, rest = b"\xfa\x7f", size - 2 - 4
    length = bytes((rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14 & 0x7F | 0x80))
    # Pairs of a tag and a number, as what is in there must be a message too.
    content = b"\xf8\x01\x01" * (rest % 2) + b"x" * (rest - 3 * (rest % 2))
    return tag + length + bytes((rest >> 21,)) + content


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((4 << 20) - 1, "OK"),
        (4 << 20, "OK"),
        ((4 << 20) + 1, "INVALID_ARGUMENT"),
        (LIMIT, "INVALID_ARGUMENT"),
        (LIMIT + 1, "RESOURCE_EXHAUSTED"),
        (16 << 20, "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_giant_message_is_refused_and_the_connection_lives(
    server: Server, channel: grpc.Channel, size: int, code: str
) -> None:
    assert len(padded(size)) == size
    assert call(channel, BATCH, padded(size), server.token).code == code
    assert call(channel, PLACE, placing(rid()), server.token).code == "OK"


def test_what_is_too_large_is_refused_before_it_has_come(server: Server, operator: Client) -> None:
    before = resident_mib(server)
    with Wire(server) as wire:
        streams = [wire.open(BATCH, server.token) for _ in range(100)]
        for stream in streams:
            # The prefix of a message of 1 GiB, and of it a few bytes.
            wire.send(stream, b"\x00" + (1 << 30).to_bytes(4) + b"x" * 64)
        for stream in streams[:1]:
            assert wire.ending(stream)["grpc-status"] == "8"
    assert resident_mib(server) - before < 64
    assert operator.get_engine_status()


def test_a_compressed_message_is_read_and_a_bomb_is_not(
    server: Server, channel: grpc.Channel
) -> None:
    zipped = {"compression": grpc.Compression.Gzip}
    assert call(channel, PLACE, placing(rid()), server.token, **zipped).code == "OK"
    before = resident_mib(server)
    # Within a window as it comes, ten times the limit as it is.
    bomb = gzip.compress(b"\x00" * (40 << 20))
    with Wire(server) as wire:
        stream = wire.open(PLACE, server.token, grpc_encoding="gzip")
        wire.send(stream, message(bomb, compressed=True), end=True)
        told = wire.ending(stream)
    assert told["grpc-status"] in ("3", "8"), told
    assert resident_mib(server) - before < 128
    assert call(channel, PLACE, placing(rid()), server.token).code == "OK"


@pytest.mark.parametrize(
    "request_",
    [
        b"\xff\xff\xff",
        b"\x0b" * 100,
        b"\x0b" * 50 + b"\x0c" * 50,
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x08\x01",
        b"\x2a\x00" * 200_000,
        b"\x2a" * 300_000,
        b"\x0a\x02\xff\xfe",
    ],
    ids=[
        *("cut", "groups", "nested groups", "long", "wrong type", "empty lines", "lines of lines"),
        "no text",
    ],
)
def test_a_malformed_message_is_an_invalid_argument(
    server: Server, operator: Client, channel: grpc.Channel, request_: bytes
) -> None:
    before = operator.get_engine_status().open_orders
    told = call(channel, PLACE, request_, server.token)
    assert (told.code, bool(told.reason)) == ("INVALID_ARGUMENT", True)
    assert operator.get_engine_status().open_orders == before


def test_millions_of_empty_commands_are_counted_before_they_are_read(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    before = resident_mib(server)
    told = call(channel, BATCH, b"\x0a\x00" * (2 << 20), server.token)
    assert (told.code, told.reason) == ("INVALID_ARGUMENT", "LINES_TOO_MANY")
    assert resident_mib(server) - before < 64
    assert operator.get_engine_status()


@pytest.mark.parametrize(("lines", "code"), [(1_000, "OK"), (1_001, "INVALID_ARGUMENT")])
def test_an_order_has_a_thousand_lines_at_most(
    server: Server, channel: grpc.Channel, lines: int, code: str
) -> None:
    order = an_order(rid(), lines=[{"sku": "cup", "quantity": 1}] * lines)
    asked = messages.encode("OrderService/PlaceOrder", order)
    told = call(channel, PLACE, asked, server.token)
    assert (told.code, told.reason) == (code, "" if code == "OK" else "LINES_TOO_MANY")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(request_=st.binary(max_size=200))
def test_no_bytes_end_the_connection(
    server: Server, channel: grpc.Channel, request_: bytes
) -> None:
    told = call(channel, PLACE, request_, server.token)
    assert told.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND")


@pytest.mark.parametrize("quantity", [0, -1, 2**31, 2**63 - 1, -(2**63)])
def test_a_quantity_beyond_reason_is_refused(
    server: Server, channel: grpc.Channel, quantity: int
) -> None:
    told = call(channel, PLACE, placing(rid(), quantity=quantity), server.token)
    assert told.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), told


def test_sums_beyond_reason_are_refused(
    server: Server, operator: Client, channel: grpc.Channel
) -> None:
    before = operator.get_stock("cup").stock[0]
    line = {"sku": "cup", "quantity": 2**31 - 1}
    order = messages.encode("OrderService/PlaceOrder", an_order(rid(), lines=[line] * 1_000))
    assert call(channel, PLACE, order, server.token).code in (
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
    )
    for _ in range(3):
        goods = {"request_id": rid(), "sku": "cup", "warehouse": "hz", "quantity": 2**62}
        receipt = messages.encode("StockService/ReceiveStock", goods)
        told = call(channel, messages.path("StockService/ReceiveStock"), receipt, server.token)
        assert told.code == "INVALID_ARGUMENT"
    assert operator.get_stock("cup").stock[0] == before
    assert operator.audit().findings == ()


@pytest.mark.parametrize(
    "number",
    [
        "订单-🛒",
        "\u202eright",
        "a\u0430",
        "x" * 10_000,
        "x" * (1 << 20),
        "",
        "\x00",
        "a\r\nb",
        "percent % 25",
    ],
)
def test_a_text_is_kept_as_it_is_or_refused(
    server: Server, operator: Client, channel: grpc.Channel, number: str
) -> None:
    told = call(channel, PLACE, placing(number), server.token)
    if told.code == "OK":
        placed = orders_pb2.PlaceOrderResponse.FromString(told.message)
        assert placed.order.order_number == number
        assert operator.get_order(number).order.order_number == number
    else:
        assert told.code == "INVALID_ARGUMENT"
        assert told.text.startswith(told.reason)


def test_a_refusal_in_chinese_arrives_whole(server: Server, channel: grpc.Channel) -> None:
    path, request = messages.path("OrderService/GetOrder"), {"order_number": "无此单 100%"}
    told = call(
        channel, path, messages.encode("OrderService/GetOrder", request), server.token,
        metadata=[("accept-language", "zh-CN")],
    )  # fmt: skip
    assert told.code == "NOT_FOUND"
    assert "无此单 100%" in told.text


def test_metadata_beyond_the_limit_is_refused(server: Server, channel: grpc.Channel) -> None:
    large = [("x-note", "n" * 30_000)]
    told = call(channel, PLACE, placing(rid()), server.token, metadata=large)
    assert told.code == "RESOURCE_EXHAUSTED"
    assert call(channel, PLACE, placing(rid()), server.token).code == "OK"


def test_a_body_that_is_no_message_ends_only_its_call(server: Server, operator: Client) -> None:
    bodies: list[Any] = [b"", b"\x00", message(placing(rid()))[:-1]]
    with Wire(server) as wire:
        for body in bodies:
            # One framework waits for a message for as long as its caller does.
            stream = wire.open(PLACE, server.token, grpc_timeout="1S")
            wire.send(stream, body, end=True)
            told = wire.ending(stream)
            assert told.get("grpc-status", "reset") != "0", body
        stream = wire.open(PLACE, server.token)
        wire.send(
            stream, message(messages.encode("OrderService/PlaceOrder", an_order(rid()))), True
        )
        assert wire.ending(stream)["grpc-status"] == "0"


def test_a_refused_text_makes_one_line_of_the_log(front: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    kept = ("sh", "-c", f'exec "$0" "$@" 2>{log}')
    server = start_server(tmp_path / "data", "--front", front, under=kept)
    numbers = [
        "a\r\nb",
        "\u2028x\u0085",
        '{"level":"error"}\n{}',
        "\x1b[31mred\x9b0m",
        "\u202eright",
    ]
    try:
        with grpc.insecure_channel(server.address) as channel:
            for number in numbers:
                asked = messages.encode("OrderService/GetOrder", {"order_number": number})
                told = call(channel, messages.path("OrderService/GetOrder"), asked, server.token)
                assert told.code in ("NOT_FOUND", "INVALID_ARGUMENT")
    finally:
        server.stop()
    text = log.read_text()
    assert all(sign.isprintable() or sign == "\n" for sign in text), "nothing commands a terminal"
    lines = [json.loads(line) for line in text.splitlines()]
    assert sum(line["event"] == "refused" for line in lines) == len(numbers)
