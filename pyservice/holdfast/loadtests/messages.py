"""Requests as bytes, made before they are due, so that sending one costs as little as can be."""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from holdfast.demo.payloads import SHOP_IDS
from holdfast.loadtests.traffic import Kind, Order, Step, credential
from holdfast.pb import orders_pb2, parcels_pb2, types_pb2

PATHS: Final = {
    Kind.PLACE: "/holdfast.v1.OrderService/PlaceOrder",
    Kind.START: "/holdfast.v1.OrderService/StartPayment",
    Kind.FAIL: "/holdfast.v1.OrderService/FailPayment",
    Kind.CONFIRM: "/holdfast.v1.OrderService/ConfirmPayment",
    Kind.DEPOSIT: "/holdfast.v1.OrderService/ConfirmDeposit",
    Kind.RELEASE: "/holdfast.v1.OrderService/ReleaseHold",
    Kind.CANCEL: "/holdfast.v1.OrderService/CancelOrder",
    Kind.SCAN: "/holdfast.v1.ParcelService/AdvanceParcel",
    Kind.ASK: "/holdfast.v1.OrderService/GetOrderStatus",
}
_DAY: Final = 86_400
# As large as the sealed 27 fields of an order are; the engine never reads them.
_DOCUMENT: Final = bytes(range(32, 127)) * 16


class _Message(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802 — protobuf's name


@dataclass(frozen=True, slots=True)
class Sending:
    """One request, ready to leave.

    Attributes:
        due: Seconds after the beginning of the run.
        kind: What it asks for.
        credential: Whose secret goes with it.
        body: The serialized message.
    """

    due: float
    kind: Kind
    credential: str
    body: bytes


def order_number(order: Order, run: str) -> str:
    """The number that an order has in the engine; its index is what follows the last dash."""
    return f"{order.channel}:{SHOP_IDS[order.channel]}:{run}-{order.index:07d}"


def index_of(number: str) -> int:
    """The index of the order with this number."""
    return int(number.rpartition("-")[2])


def sendings(order: Order, run: str) -> list[Sending]:
    """Every request of an order, in the order in which they are due."""
    number = order_number(order, run)
    return [
        Sending(
            step.due,
            step.kind,
            credential(order, step),
            _message(order, step, number, f"{run}-{order.index}-{place}").SerializeToString(),
        )
        for place, step in enumerate(order.steps)
    ]


def _message(order: Order, step: Step, number: str, request_id: str) -> _Message:
    ids: dict[str, Any] = {"request_id": request_id, "order_number": number}
    match step.kind:
        case Kind.PLACE:
            return orders_pb2.PlaceOrderRequest(
                **ids,
                source_channel=_channel(order.channel.name),
                urgency=types_pb2.URGENCY_NORMAL,
                lines=[
                    orders_pb2.OrderLine(sku=sku, quantity=units, warehouse=order.warehouse)
                    for sku, units in order.lines
                ],
                channel_order_id=number.rpartition(":")[2],
                shop_id=SHOP_IDS[order.channel],
                buyer_token=f"buyer-{order.index}",
                province="浙江省",
                paid=order.paid,
                document=_DOCUMENT,
            )
        case Kind.START:
            return orders_pb2.StartPaymentRequest(**ids, payment_ref="p")
        case Kind.FAIL:
            return orders_pb2.FailPaymentRequest(**ids, payment_ref="p", reason="DECLINED")
        case Kind.CONFIRM:
            return orders_pb2.ConfirmPaymentRequest(**ids, payment_ref="p")
        case Kind.DEPOSIT:
            due = Timestamp(seconds=int(time.time()) + _DAY)
            return orders_pb2.ConfirmDepositRequest(**ids, payment_ref="d", balance_due_at=due)
        case Kind.RELEASE:
            return orders_pb2.ReleaseHoldRequest(**ids, reason="buyer")
        case Kind.CANCEL:
            return orders_pb2.CancelOrderRequest(**ids, reason="buyer")
        case Kind.SCAN:
            return parcels_pb2.AdvanceParcelRequest(
                request_id=request_id,
                parcel_id=f"{number}/1",
                node=_node(str(step.node)),
                scan_id=f"{number}-{step.node}",
            )
        case Kind.ASK:
            return orders_pb2.GetOrderStatusRequest(order_number=number)


@cache
def _channel(name: str) -> Any:
    return types_pb2.SourceChannel.Value(f"SOURCE_CHANNEL_{name}")


@cache
def _node(name: str) -> Any:
    return types_pb2.Node.Value(f"NODE_{name}")
