import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.pb import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiveStockRequest(_message.Message):
    __slots__ = ("request_id", "sku", "warehouse", "quantity", "batch", "expires_at", "qc_report", "to", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    QC_REPORT_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sku: str
    warehouse: str
    quantity: int
    batch: str
    expires_at: _timestamp_pb2.Timestamp
    qc_report: str
    to: _types_pb2.Bucket
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., quantity: _Optional[int] = ..., batch: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., qc_report: _Optional[str] = ..., to: _Optional[_Union[_types_pb2.Bucket, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ReceiveStockResponse(_message.Message):
    __slots__ = ("receipt", "stock", "backorders_filled")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    BACKORDERS_FILLED_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    stock: PoolStock
    backorders_filled: int
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., stock: _Optional[_Union[PoolStock, _Mapping]] = ..., backorders_filled: _Optional[int] = ...) -> None: ...

class MoveStockRequest(_message.Message):
    __slots__ = ("request_id", "sku", "warehouse", "batch", "to", "quantity", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sku: str
    warehouse: str
    batch: str
    to: _types_pb2.Bucket
    quantity: int
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., batch: _Optional[str] = ..., to: _Optional[_Union[_types_pb2.Bucket, str]] = ..., quantity: _Optional[int] = ..., reason: _Optional[str] = ..., **kwargs) -> None: ...

class MoveStockResponse(_message.Message):
    __slots__ = ("receipt", "stock")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    stock: PoolStock
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., stock: _Optional[_Union[PoolStock, _Mapping]] = ...) -> None: ...

class CountStockRequest(_message.Message):
    __slots__ = ("request_id", "sku", "warehouse", "batch", "counted", "reason", "approver")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sku: str
    warehouse: str
    batch: str
    counted: int
    reason: str
    approver: str
    def __init__(self, request_id: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., batch: _Optional[str] = ..., counted: _Optional[int] = ..., reason: _Optional[str] = ..., approver: _Optional[str] = ...) -> None: ...

class CountStockResponse(_message.Message):
    __slots__ = ("receipt", "stock", "difference", "short")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    SHORT_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    stock: PoolStock
    difference: int
    short: _containers.RepeatedCompositeFieldContainer[ShortPromise]
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., stock: _Optional[_Union[PoolStock, _Mapping]] = ..., difference: _Optional[int] = ..., short: _Optional[_Iterable[_Union[ShortPromise, _Mapping]]] = ...) -> None: ...

class ShortPromise(_message.Message):
    __slots__ = ("order_number", "quantity")
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    order_number: str
    quantity: int
    def __init__(self, order_number: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ConfigurePoolRequest(_message.Message):
    __slots__ = ("request_id", "sku", "warehouse", "backorder_limit", "channel_buffers")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    BACKORDER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_BUFFERS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sku: str
    warehouse: str
    backorder_limit: int
    channel_buffers: _containers.RepeatedCompositeFieldContainer[ChannelBuffer]
    def __init__(self, request_id: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., backorder_limit: _Optional[int] = ..., channel_buffers: _Optional[_Iterable[_Union[ChannelBuffer, _Mapping]]] = ...) -> None: ...

class ChannelBuffer(_message.Message):
    __slots__ = ("source_channel", "quantity")
    SOURCE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    source_channel: _types_pb2.SourceChannel
    quantity: int
    def __init__(self, source_channel: _Optional[_Union[_types_pb2.SourceChannel, str]] = ..., quantity: _Optional[int] = ...) -> None: ...

class ConfigurePoolResponse(_message.Message):
    __slots__ = ("receipt", "stock")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    stock: PoolStock
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., stock: _Optional[_Union[PoolStock, _Mapping]] = ...) -> None: ...

class ConfigureWarehouseRequest(_message.Message):
    __slots__ = ("request_id", "warehouse", "rank", "province", "serves_provinces", "working_hours", "closed_days")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    PROVINCE_FIELD_NUMBER: _ClassVar[int]
    SERVES_PROVINCES_FIELD_NUMBER: _ClassVar[int]
    WORKING_HOURS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_DAYS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    warehouse: str
    rank: int
    province: str
    serves_provinces: _containers.RepeatedScalarFieldContainer[str]
    working_hours: _containers.RepeatedCompositeFieldContainer[WorkingWindow]
    closed_days: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request_id: _Optional[str] = ..., warehouse: _Optional[str] = ..., rank: _Optional[int] = ..., province: _Optional[str] = ..., serves_provinces: _Optional[_Iterable[str]] = ..., working_hours: _Optional[_Iterable[_Union[WorkingWindow, _Mapping]]] = ..., closed_days: _Optional[_Iterable[str]] = ...) -> None: ...

class WorkingWindow(_message.Message):
    __slots__ = ("weekday", "open_minute", "close_minute")
    WEEKDAY_FIELD_NUMBER: _ClassVar[int]
    OPEN_MINUTE_FIELD_NUMBER: _ClassVar[int]
    CLOSE_MINUTE_FIELD_NUMBER: _ClassVar[int]
    weekday: int
    open_minute: int
    close_minute: int
    def __init__(self, weekday: _Optional[int] = ..., open_minute: _Optional[int] = ..., close_minute: _Optional[int] = ...) -> None: ...

class ConfigureWarehouseResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ...) -> None: ...

class ConfigureSkuRequest(_message.Message):
    __slots__ = ("request_id", "sku", "pin_batch_at_hold", "bundle")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    PIN_BATCH_AT_HOLD_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sku: str
    pin_batch_at_hold: bool
    bundle: _containers.RepeatedCompositeFieldContainer[BundleComponent]
    def __init__(self, request_id: _Optional[str] = ..., sku: _Optional[str] = ..., pin_batch_at_hold: _Optional[bool] = ..., bundle: _Optional[_Iterable[_Union[BundleComponent, _Mapping]]] = ...) -> None: ...

class BundleComponent(_message.Message):
    __slots__ = ("sku", "quantity")
    SKU_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    sku: str
    quantity: int
    def __init__(self, sku: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ConfigureSkuResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ...) -> None: ...

class MapChannelSkusRequest(_message.Message):
    __slots__ = ("request_id", "source_channel", "shop_id", "mappings")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    SHOP_ID_FIELD_NUMBER: _ClassVar[int]
    MAPPINGS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    source_channel: _types_pb2.SourceChannel
    shop_id: str
    mappings: _containers.RepeatedCompositeFieldContainer[SkuMapping]
    def __init__(self, request_id: _Optional[str] = ..., source_channel: _Optional[_Union[_types_pb2.SourceChannel, str]] = ..., shop_id: _Optional[str] = ..., mappings: _Optional[_Iterable[_Union[SkuMapping, _Mapping]]] = ...) -> None: ...

class SkuMapping(_message.Message):
    __slots__ = ("outer_code", "channel_sku", "sku")
    OUTER_CODE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_SKU_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    outer_code: str
    channel_sku: str
    sku: str
    def __init__(self, outer_code: _Optional[str] = ..., channel_sku: _Optional[str] = ..., sku: _Optional[str] = ...) -> None: ...

class MapChannelSkusResponse(_message.Message):
    __slots__ = ("receipt", "work_items_closed")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    WORK_ITEMS_CLOSED_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    work_items_closed: int
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., work_items_closed: _Optional[int] = ...) -> None: ...

class GetStockRequest(_message.Message):
    __slots__ = ("sku", "warehouse", "source_channel")
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    sku: str
    warehouse: str
    source_channel: _types_pb2.SourceChannel
    def __init__(self, sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., source_channel: _Optional[_Union[_types_pb2.SourceChannel, str]] = ...) -> None: ...

class GetStockResponse(_message.Message):
    __slots__ = ("stock", "state_seq")
    STOCK_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    stock: _containers.RepeatedCompositeFieldContainer[PoolStock]
    state_seq: int
    def __init__(self, stock: _Optional[_Iterable[_Union[PoolStock, _Mapping]]] = ..., state_seq: _Optional[int] = ...) -> None: ...

class ListStockRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStockResponse(_message.Message):
    __slots__ = ("stock", "next_page_token", "state_seq")
    STOCK_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    stock: _containers.RepeatedCompositeFieldContainer[PoolStock]
    next_page_token: str
    state_seq: int
    def __init__(self, stock: _Optional[_Iterable[_Union[PoolStock, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., state_seq: _Optional[int] = ...) -> None: ...

class PoolStock(_message.Message):
    __slots__ = ("sku", "warehouse", "available", "held", "allocated", "transfer_out", "putback", "safety", "frozen", "qc", "damaged", "on_hand", "backordered", "backorder_limit", "sellable", "batches")
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_OUT_FIELD_NUMBER: _ClassVar[int]
    PUTBACK_FIELD_NUMBER: _ClassVar[int]
    SAFETY_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    QC_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    ON_HAND_FIELD_NUMBER: _ClassVar[int]
    BACKORDERED_FIELD_NUMBER: _ClassVar[int]
    BACKORDER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    SELLABLE_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    sku: str
    warehouse: str
    available: int
    held: int
    allocated: int
    transfer_out: int
    putback: int
    safety: int
    frozen: int
    qc: int
    damaged: int
    on_hand: int
    backordered: int
    backorder_limit: int
    sellable: int
    batches: _containers.RepeatedCompositeFieldContainer[BatchStock]
    def __init__(self, sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., available: _Optional[int] = ..., held: _Optional[int] = ..., allocated: _Optional[int] = ..., transfer_out: _Optional[int] = ..., putback: _Optional[int] = ..., safety: _Optional[int] = ..., frozen: _Optional[int] = ..., qc: _Optional[int] = ..., damaged: _Optional[int] = ..., on_hand: _Optional[int] = ..., backordered: _Optional[int] = ..., backorder_limit: _Optional[int] = ..., sellable: _Optional[int] = ..., batches: _Optional[_Iterable[_Union[BatchStock, _Mapping]]] = ...) -> None: ...

class BatchStock(_message.Message):
    __slots__ = ("batch", "expires_at", "qc_report", "unpinned", "pinned", "set_aside")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    QC_REPORT_FIELD_NUMBER: _ClassVar[int]
    UNPINNED_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    batch: str
    expires_at: _timestamp_pb2.Timestamp
    qc_report: str
    unpinned: int
    pinned: int
    set_aside: int
    def __init__(self, batch: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., qc_report: _Optional[str] = ..., unpinned: _Optional[int] = ..., pinned: _Optional[int] = ..., set_aside: _Optional[int] = ...) -> None: ...
