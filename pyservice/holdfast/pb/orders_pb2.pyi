import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.pb import parcels_pb2 as _parcels_pb2
from holdfast.pb import stock_pb2 as _stock_pb2
from holdfast.pb import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OnLiveHold(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_LIVE_HOLD_UNSPECIFIED: _ClassVar[OnLiveHold]
    ON_LIVE_HOLD_REJECT: _ClassVar[OnLiveHold]
    ON_LIVE_HOLD_SUPERSEDE: _ClassVar[OnLiveHold]

class PaymentResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYMENT_RESULT_UNSPECIFIED: _ClassVar[PaymentResult]
    PAYMENT_RESULT_CONFIRMED: _ClassVar[PaymentResult]
    PAYMENT_RESULT_LATE_REACQUIRED: _ClassVar[PaymentResult]
    PAYMENT_RESULT_PAID_NO_STOCK: _ClassVar[PaymentResult]
    PAYMENT_RESULT_PAID_AFTER_CANCEL: _ClassVar[PaymentResult]
    PAYMENT_RESULT_ALREADY_CONFIRMED: _ClassVar[PaymentResult]

class CancelResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCEL_RESULT_UNSPECIFIED: _ClassVar[CancelResult]
    CANCEL_RESULT_CANCELLED: _ClassVar[CancelResult]
    CANCEL_RESULT_PUTBACK_OPEN: _ClassVar[CancelResult]
    CANCEL_RESULT_INTERCEPT_OPENED: _ClassVar[CancelResult]
    CANCEL_RESULT_REFUSED_SIGNED: _ClassVar[CancelResult]
    CANCEL_RESULT_ALREADY_CANCELLED: _ClassVar[CancelResult]
ON_LIVE_HOLD_UNSPECIFIED: OnLiveHold
ON_LIVE_HOLD_REJECT: OnLiveHold
ON_LIVE_HOLD_SUPERSEDE: OnLiveHold
PAYMENT_RESULT_UNSPECIFIED: PaymentResult
PAYMENT_RESULT_CONFIRMED: PaymentResult
PAYMENT_RESULT_LATE_REACQUIRED: PaymentResult
PAYMENT_RESULT_PAID_NO_STOCK: PaymentResult
PAYMENT_RESULT_PAID_AFTER_CANCEL: PaymentResult
PAYMENT_RESULT_ALREADY_CONFIRMED: PaymentResult
CANCEL_RESULT_UNSPECIFIED: CancelResult
CANCEL_RESULT_CANCELLED: CancelResult
CANCEL_RESULT_PUTBACK_OPEN: CancelResult
CANCEL_RESULT_INTERCEPT_OPENED: CancelResult
CANCEL_RESULT_REFUSED_SIGNED: CancelResult
CANCEL_RESULT_ALREADY_CANCELLED: CancelResult

class PlaceOrderRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "source_channel", "urgency", "lines", "channel_order_id", "shop_id", "buyer_token", "province", "paid", "on_live_hold", "ship_by", "suspend_reason", "document")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SHOP_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROVINCE_FIELD_NUMBER: _ClassVar[int]
    PAID_FIELD_NUMBER: _ClassVar[int]
    ON_LIVE_HOLD_FIELD_NUMBER: _ClassVar[int]
    SHIP_BY_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_REASON_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    source_channel: _types_pb2.SourceChannel
    urgency: _types_pb2.Urgency
    lines: _containers.RepeatedCompositeFieldContainer[OrderLine]
    channel_order_id: str
    shop_id: str
    buyer_token: str
    province: str
    paid: bool
    on_live_hold: OnLiveHold
    ship_by: _timestamp_pb2.Timestamp
    suspend_reason: str
    document: bytes
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., source_channel: _Optional[_Union[_types_pb2.SourceChannel, str]] = ..., urgency: _Optional[_Union[_types_pb2.Urgency, str]] = ..., lines: _Optional[_Iterable[_Union[OrderLine, _Mapping]]] = ..., channel_order_id: _Optional[str] = ..., shop_id: _Optional[str] = ..., buyer_token: _Optional[str] = ..., province: _Optional[str] = ..., paid: _Optional[bool] = ..., on_live_hold: _Optional[_Union[OnLiveHold, str]] = ..., ship_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., suspend_reason: _Optional[str] = ..., document: _Optional[bytes] = ...) -> None: ...

class OrderLine(_message.Message):
    __slots__ = ("sku", "quantity", "warehouse", "batch", "channel_sku", "outer_code")
    SKU_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_SKU_FIELD_NUMBER: _ClassVar[int]
    OUTER_CODE_FIELD_NUMBER: _ClassVar[int]
    sku: str
    quantity: int
    warehouse: str
    batch: str
    channel_sku: str
    outer_code: str
    def __init__(self, sku: _Optional[str] = ..., quantity: _Optional[int] = ..., warehouse: _Optional[str] = ..., batch: _Optional[str] = ..., channel_sku: _Optional[str] = ..., outer_code: _Optional[str] = ...) -> None: ...

class PlaceOrderResponse(_message.Message):
    __slots__ = ("receipt", "order")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ...) -> None: ...

class StartPaymentRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "payment_ref")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_REF_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    payment_ref: str
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., payment_ref: _Optional[str] = ...) -> None: ...

class StartPaymentResponse(_message.Message):
    __slots__ = ("receipt", "order")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ...) -> None: ...

class FailPaymentRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "payment_ref", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_REF_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    payment_ref: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., payment_ref: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class FailPaymentResponse(_message.Message):
    __slots__ = ("receipt", "order")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ...) -> None: ...

class ConfirmPaymentRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "payment_ref", "paid_at", "units", "keep_rest", "amount_minor")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_REF_FIELD_NUMBER: _ClassVar[int]
    PAID_AT_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    KEEP_REST_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    payment_ref: str
    paid_at: _timestamp_pb2.Timestamp
    units: _containers.RepeatedCompositeFieldContainer[ConfirmUnits]
    keep_rest: bool
    amount_minor: int
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., payment_ref: _Optional[str] = ..., paid_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., units: _Optional[_Iterable[_Union[ConfirmUnits, _Mapping]]] = ..., keep_rest: _Optional[bool] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class ConfirmUnits(_message.Message):
    __slots__ = ("sku", "quantity")
    SKU_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    sku: str
    quantity: int
    def __init__(self, sku: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ConfirmPaymentResponse(_message.Message):
    __slots__ = ("receipt", "order", "result")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    result: PaymentResult
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ..., result: _Optional[_Union[PaymentResult, str]] = ...) -> None: ...

class ConfirmDepositRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "payment_ref", "balance_due_at")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_REF_FIELD_NUMBER: _ClassVar[int]
    BALANCE_DUE_AT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    payment_ref: str
    balance_due_at: _timestamp_pb2.Timestamp
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., payment_ref: _Optional[str] = ..., balance_due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ConfirmDepositResponse(_message.Message):
    __slots__ = ("receipt", "order")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ...) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReleaseHoldResponse(_message.Message):
    __slots__ = ("receipt", "order")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ...) -> None: ...

class AmendOrderRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "units")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    units: _containers.RepeatedCompositeFieldContainer[AmendUnits]
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., units: _Optional[_Iterable[_Union[AmendUnits, _Mapping]]] = ...) -> None: ...

class AmendUnits(_message.Message):
    __slots__ = ("sku", "quantity", "warehouse")
    SKU_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    sku: str
    quantity: int
    warehouse: str
    def __init__(self, sku: _Optional[str] = ..., quantity: _Optional[int] = ..., warehouse: _Optional[str] = ...) -> None: ...

class AmendOrderResponse(_message.Message):
    __slots__ = ("receipt", "order")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ...) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("request_id", "order_number", "parcel_ids", "reason", "units")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PARCEL_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    order_number: str
    parcel_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    units: _containers.RepeatedCompositeFieldContainer[_parcels_pb2.ParcelUnits]
    def __init__(self, request_id: _Optional[str] = ..., order_number: _Optional[str] = ..., parcel_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., units: _Optional[_Iterable[_Union[_parcels_pb2.ParcelUnits, _Mapping]]] = ...) -> None: ...

class CancelOrderResponse(_message.Message):
    __slots__ = ("receipt", "order", "parcels")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PARCELS_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    order: OrderState
    parcels: _containers.RepeatedCompositeFieldContainer[ParcelCancel]
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., order: _Optional[_Union[OrderState, _Mapping]] = ..., parcels: _Optional[_Iterable[_Union[ParcelCancel, _Mapping]]] = ...) -> None: ...

class ParcelCancel(_message.Message):
    __slots__ = ("parcel_id", "result", "instruction")
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    parcel_id: str
    result: CancelResult
    instruction: str
    def __init__(self, parcel_id: _Optional[str] = ..., result: _Optional[_Union[CancelResult, str]] = ..., instruction: _Optional[str] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("place_order", "start_payment", "fail_payment", "confirm_payment", "release_hold", "cancel_order", "advance_parcel", "receive_stock")
    PLACE_ORDER_FIELD_NUMBER: _ClassVar[int]
    START_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    FAIL_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_HOLD_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ORDER_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_PARCEL_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_STOCK_FIELD_NUMBER: _ClassVar[int]
    place_order: PlaceOrderRequest
    start_payment: StartPaymentRequest
    fail_payment: FailPaymentRequest
    confirm_payment: ConfirmPaymentRequest
    release_hold: ReleaseHoldRequest
    cancel_order: CancelOrderRequest
    advance_parcel: _parcels_pb2.AdvanceParcelRequest
    receive_stock: _stock_pb2.ReceiveStockRequest
    def __init__(self, place_order: _Optional[_Union[PlaceOrderRequest, _Mapping]] = ..., start_payment: _Optional[_Union[StartPaymentRequest, _Mapping]] = ..., fail_payment: _Optional[_Union[FailPaymentRequest, _Mapping]] = ..., confirm_payment: _Optional[_Union[ConfirmPaymentRequest, _Mapping]] = ..., release_hold: _Optional[_Union[ReleaseHoldRequest, _Mapping]] = ..., cancel_order: _Optional[_Union[CancelOrderRequest, _Mapping]] = ..., advance_parcel: _Optional[_Union[_parcels_pb2.AdvanceParcelRequest, _Mapping]] = ..., receive_stock: _Optional[_Union[_stock_pb2.ReceiveStockRequest, _Mapping]] = ...) -> None: ...

class CommandOutcome(_message.Message):
    __slots__ = ("place_order", "start_payment", "fail_payment", "confirm_payment", "release_hold", "cancel_order", "advance_parcel", "receive_stock", "refused")
    PLACE_ORDER_FIELD_NUMBER: _ClassVar[int]
    START_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    FAIL_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_HOLD_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ORDER_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_PARCEL_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_STOCK_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    place_order: PlaceOrderResponse
    start_payment: StartPaymentResponse
    fail_payment: FailPaymentResponse
    confirm_payment: ConfirmPaymentResponse
    release_hold: ReleaseHoldResponse
    cancel_order: CancelOrderResponse
    advance_parcel: _parcels_pb2.AdvanceParcelResponse
    receive_stock: _stock_pb2.ReceiveStockResponse
    refused: Refused
    def __init__(self, place_order: _Optional[_Union[PlaceOrderResponse, _Mapping]] = ..., start_payment: _Optional[_Union[StartPaymentResponse, _Mapping]] = ..., fail_payment: _Optional[_Union[FailPaymentResponse, _Mapping]] = ..., confirm_payment: _Optional[_Union[ConfirmPaymentResponse, _Mapping]] = ..., release_hold: _Optional[_Union[ReleaseHoldResponse, _Mapping]] = ..., cancel_order: _Optional[_Union[CancelOrderResponse, _Mapping]] = ..., advance_parcel: _Optional[_Union[_parcels_pb2.AdvanceParcelResponse, _Mapping]] = ..., receive_stock: _Optional[_Union[_stock_pb2.ReceiveStockResponse, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("code", "reason", "message", "facts", "receipt")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    facts: _containers.ScalarMap[str, str]
    receipt: _types_pb2.Receipt
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., facts: _Optional[_Mapping[str, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ...) -> None: ...

class BatchSubmitRequest(_message.Message):
    __slots__ = ("commands",)
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    def __init__(self, commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ...) -> None: ...

class BatchSubmitResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[CommandOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[CommandOutcome, _Mapping]]] = ...) -> None: ...

class StreamSubmitRequest(_message.Message):
    __slots__ = ("command",)
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    command: Command
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ...) -> None: ...

class StreamSubmitResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: CommandOutcome
    def __init__(self, outcome: _Optional[_Union[CommandOutcome, _Mapping]] = ...) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("order_number",)
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    order_number: str
    def __init__(self, order_number: _Optional[str] = ...) -> None: ...

class GetOrderResponse(_message.Message):
    __slots__ = ("order", "source_channel", "urgency", "channel_order_id", "shop_id", "created_at", "ship_by", "parcels", "holds", "document_ref", "state_seq")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SHOP_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SHIP_BY_FIELD_NUMBER: _ClassVar[int]
    PARCELS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_REF_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    order: OrderState
    source_channel: _types_pb2.SourceChannel
    urgency: _types_pb2.Urgency
    channel_order_id: str
    shop_id: str
    created_at: _timestamp_pb2.Timestamp
    ship_by: _timestamp_pb2.Timestamp
    parcels: _containers.RepeatedCompositeFieldContainer[OrderParcel]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    document_ref: str
    state_seq: int
    def __init__(self, order: _Optional[_Union[OrderState, _Mapping]] = ..., source_channel: _Optional[_Union[_types_pb2.SourceChannel, str]] = ..., urgency: _Optional[_Union[_types_pb2.Urgency, str]] = ..., channel_order_id: _Optional[str] = ..., shop_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ship_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parcels: _Optional[_Iterable[_Union[OrderParcel, _Mapping]]] = ..., holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., document_ref: _Optional[str] = ..., state_seq: _Optional[int] = ...) -> None: ...

class OrderParcel(_message.Message):
    __slots__ = ("parcel", "lines", "timeline")
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    parcel: _parcels_pb2.ParcelState
    lines: _containers.RepeatedCompositeFieldContainer[_parcels_pb2.ParcelLine]
    timeline: _containers.RepeatedCompositeFieldContainer[_parcels_pb2.TimelineEntry]
    def __init__(self, parcel: _Optional[_Union[_parcels_pb2.ParcelState, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_parcels_pb2.ParcelLine, _Mapping]]] = ..., timeline: _Optional[_Iterable[_Union[_parcels_pb2.TimelineEntry, _Mapping]]] = ...) -> None: ...

class GetOrderStatusRequest(_message.Message):
    __slots__ = ("order_number",)
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    order_number: str
    def __init__(self, order_number: _Optional[str] = ...) -> None: ...

class GetOrderStatusResponse(_message.Message):
    __slots__ = ("order_number", "status", "node", "node_name", "summary", "actor", "device", "since", "dwell_seconds", "colour", "blocked_by", "next", "hold_expires_at", "channel_deadline", "eta_from", "eta_until", "flags", "last_events", "parcels_total", "parcels_signed", "state_seq")
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NODE_NAME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    DWELL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    HOLD_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    ETA_FROM_FIELD_NUMBER: _ClassVar[int]
    ETA_UNTIL_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENTS_FIELD_NUMBER: _ClassVar[int]
    PARCELS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    PARCELS_SIGNED_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    order_number: str
    status: _types_pb2.OrderStatus
    node: _types_pb2.Node
    node_name: str
    summary: str
    actor: str
    device: str
    since: _timestamp_pb2.Timestamp
    dwell_seconds: int
    colour: _types_pb2.Colour
    blocked_by: str
    next: _types_pb2.NextAction
    hold_expires_at: _timestamp_pb2.Timestamp
    channel_deadline: _timestamp_pb2.Timestamp
    eta_from: _timestamp_pb2.Timestamp
    eta_until: _timestamp_pb2.Timestamp
    flags: _containers.RepeatedScalarFieldContainer[_types_pb2.Flag]
    last_events: _containers.RepeatedCompositeFieldContainer[_parcels_pb2.TimelineEntry]
    parcels_total: int
    parcels_signed: int
    state_seq: int
    def __init__(self, order_number: _Optional[str] = ..., status: _Optional[_Union[_types_pb2.OrderStatus, str]] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., node_name: _Optional[str] = ..., summary: _Optional[str] = ..., actor: _Optional[str] = ..., device: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dwell_seconds: _Optional[int] = ..., colour: _Optional[_Union[_types_pb2.Colour, str]] = ..., blocked_by: _Optional[str] = ..., next: _Optional[_Union[_types_pb2.NextAction, _Mapping]] = ..., hold_expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., channel_deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., eta_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., eta_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., flags: _Optional[_Iterable[_Union[_types_pb2.Flag, str]]] = ..., last_events: _Optional[_Iterable[_Union[_parcels_pb2.TimelineEntry, _Mapping]]] = ..., parcels_total: _Optional[int] = ..., parcels_signed: _Optional[int] = ..., state_seq: _Optional[int] = ...) -> None: ...

class GetOrderDocumentRequest(_message.Message):
    __slots__ = ("order_number", "purpose")
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    order_number: str
    purpose: str
    def __init__(self, order_number: _Optional[str] = ..., purpose: _Optional[str] = ...) -> None: ...

class GetOrderDocumentResponse(_message.Message):
    __slots__ = ("document", "document_ref")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_REF_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    document_ref: str
    def __init__(self, document: _Optional[bytes] = ..., document_ref: _Optional[str] = ...) -> None: ...

class ListOrdersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "node", "status")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    node: _types_pb2.Node
    status: _types_pb2.OrderStatus
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., status: _Optional[_Union[_types_pb2.OrderStatus, str]] = ...) -> None: ...

class ListOrdersResponse(_message.Message):
    __slots__ = ("orders", "next_page_token", "state_seq")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[OrderState]
    next_page_token: str
    state_seq: int
    def __init__(self, orders: _Optional[_Iterable[_Union[OrderState, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., state_seq: _Optional[int] = ...) -> None: ...

class ListHoldsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "sku")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    sku: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sku: _Optional[str] = ...) -> None: ...

class ListHoldsResponse(_message.Message):
    __slots__ = ("holds", "next_page_token", "state_seq")
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    next_page_token: str
    state_seq: int
    def __init__(self, holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., state_seq: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("hold_id", "order_number", "state", "created_at", "expires_at", "generation", "reason", "units", "ended_at")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    order_number: str
    state: _types_pb2.HoldState
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    generation: int
    reason: str
    units: _containers.RepeatedCompositeFieldContainer[_parcels_pb2.ParcelUnits]
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, hold_id: _Optional[str] = ..., order_number: _Optional[str] = ..., state: _Optional[_Union[_types_pb2.HoldState, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., generation: _Optional[int] = ..., reason: _Optional[str] = ..., units: _Optional[_Iterable[_Union[_parcels_pb2.ParcelUnits, _Mapping]]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderState(_message.Message):
    __slots__ = ("order_number", "version", "status", "node", "flags", "hold_id", "hold_state", "hold_expires_at", "parcels", "next")
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HOLD_STATE_FIELD_NUMBER: _ClassVar[int]
    HOLD_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    PARCELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    order_number: str
    version: int
    status: _types_pb2.OrderStatus
    node: _types_pb2.Node
    flags: _containers.RepeatedScalarFieldContainer[_types_pb2.Flag]
    hold_id: str
    hold_state: _types_pb2.HoldState
    hold_expires_at: _timestamp_pb2.Timestamp
    parcels: _containers.RepeatedCompositeFieldContainer[_parcels_pb2.ParcelState]
    next: _types_pb2.NextAction
    def __init__(self, order_number: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[_types_pb2.OrderStatus, str]] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., flags: _Optional[_Iterable[_Union[_types_pb2.Flag, str]]] = ..., hold_id: _Optional[str] = ..., hold_state: _Optional[_Union[_types_pb2.HoldState, str]] = ..., hold_expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parcels: _Optional[_Iterable[_Union[_parcels_pb2.ParcelState, _Mapping]]] = ..., next: _Optional[_Union[_types_pb2.NextAction, _Mapping]] = ...) -> None: ...
