import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SourceChannel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_CHANNEL_UNSPECIFIED: _ClassVar[SourceChannel]
    SOURCE_CHANNEL_DOUYIN: _ClassVar[SourceChannel]
    SOURCE_CHANNEL_YOUZAN: _ClassVar[SourceChannel]
    SOURCE_CHANNEL_TAOBAO: _ClassVar[SourceChannel]
    SOURCE_CHANNEL_WECHAT: _ClassVar[SourceChannel]
    SOURCE_CHANNEL_PHONE: _ClassVar[SourceChannel]
    SOURCE_CHANNEL_OTHER: _ClassVar[SourceChannel]

class Urgency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    URGENCY_UNSPECIFIED: _ClassVar[Urgency]
    URGENCY_NORMAL: _ClassVar[Urgency]
    URGENCY_URGENT: _ClassVar[Urgency]
    URGENCY_CRITICAL: _ClassVar[Urgency]

class Node(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_UNSPECIFIED: _ClassVar[Node]
    NODE_AWAITING_PAYMENT: _ClassVar[Node]
    NODE_UNDER_REVIEW: _ClassVar[Node]
    NODE_WAREHOUSE_ASSIGNED: _ClassVar[Node]
    NODE_WAVE_ASSIGNED: _ClassVar[Node]
    NODE_PICKING: _ClassVar[Node]
    NODE_CHECKED: _ClassVar[Node]
    NODE_LABELING: _ClassVar[Node]
    NODE_PACKED: _ClassVar[Node]
    NODE_AWAITING_LOADING: _ClassVar[Node]
    NODE_DEPARTED: _ClassVar[Node]
    NODE_WITH_CARRIER: _ClassVar[Node]
    NODE_SIGNED: _ClassVar[Node]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]
    ROLE_INTEGRATION: _ClassVar[Role]
    ROLE_OBSERVER: _ClassVar[Role]
    ROLE_SUPERVISOR: _ClassVar[Role]
    ROLE_CUSTOMER_SERVICE: _ClassVar[Role]
    ROLE_REVIEWER: _ClassVar[Role]
    ROLE_WAVE_PLANNER: _ClassVar[Role]
    ROLE_PICKER: _ClassVar[Role]
    ROLE_CHECKER: _ClassVar[Role]
    ROLE_LABELER: _ClassVar[Role]
    ROLE_PACKER: _ClassVar[Role]
    ROLE_DISPATCHER: _ClassVar[Role]
    ROLE_DRIVER: _ClassVar[Role]
    ROLE_CARRIER: _ClassVar[Role]
    ROLE_CUSTOMER: _ClassVar[Role]
    ROLE_ENGINE: _ClassVar[Role]

class Bucket(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUCKET_UNSPECIFIED: _ClassVar[Bucket]
    BUCKET_AVAILABLE: _ClassVar[Bucket]
    BUCKET_HELD: _ClassVar[Bucket]
    BUCKET_ALLOCATED: _ClassVar[Bucket]
    BUCKET_TRANSFER_OUT: _ClassVar[Bucket]
    BUCKET_PUTBACK: _ClassVar[Bucket]
    BUCKET_SAFETY: _ClassVar[Bucket]
    BUCKET_FROZEN: _ClassVar[Bucket]
    BUCKET_QC: _ClassVar[Bucket]
    BUCKET_DAMAGED: _ClassVar[Bucket]
    BUCKET_IN_TRANSIT: _ClassVar[Bucket]
    BUCKET_SUPPLIER: _ClassVar[Bucket]
    BUCKET_CUSTOMER: _ClassVar[Bucket]
    BUCKET_LOSS: _ClassVar[Bucket]
    BUCKET_COUNT: _ClassVar[Bucket]

class HoldState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLD_STATE_UNSPECIFIED: _ClassVar[HoldState]
    HOLD_STATE_HELD: _ClassVar[HoldState]
    HOLD_STATE_PAYING: _ClassVar[HoldState]
    HOLD_STATE_CONFIRMED: _ClassVar[HoldState]
    HOLD_STATE_RELEASED: _ClassVar[HoldState]
    HOLD_STATE_EXPIRED: _ClassVar[HoldState]

class Durability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DURABILITY_UNSPECIFIED: _ClassVar[Durability]
    DURABILITY_MEMORY: _ClassVar[Durability]
    DURABILITY_LOGGED: _ClassVar[Durability]
    DURABILITY_SYNCED: _ClassVar[Durability]
    DURABILITY_REPLICATED: _ClassVar[Durability]
    DURABILITY_REPLICATED_SYNCED: _ClassVar[Durability]

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_OPEN: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]
    ORDER_STATUS_COMPLETED: _ClassVar[OrderStatus]

class Flag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLAG_UNSPECIFIED: _ClassVar[Flag]
    FLAG_SUSPENDED: _ClassVar[Flag]
    FLAG_INTERCEPT: _ClassVar[Flag]
    FLAG_OVERDUE: _ClassVar[Flag]
    FLAG_NO_HOLD: _ClassVar[Flag]
    FLAG_LATE_REACQUIRED: _ClassVar[Flag]
    FLAG_STOCK_LOST_AFTER_PAYMENT: _ClassVar[Flag]
    FLAG_PAID_AFTER_CANCEL: _ClassVar[Flag]
    FLAG_DEPOSIT_PAID: _ClassVar[Flag]
    FLAG_MISSING_DEPARTURE: _ClassVar[Flag]
    FLAG_PUTBACK_OPEN: _ClassVar[Flag]
    FLAG_BACKORDERED: _ClassVar[Flag]
    FLAG_SHORT: _ClassVar[Flag]
    FLAG_REFUND_DUE: _ClassVar[Flag]

class Colour(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLOUR_UNSPECIFIED: _ClassVar[Colour]
    COLOUR_GREEN: _ClassVar[Colour]
    COLOUR_YELLOW: _ClassVar[Colour]
    COLOUR_RED: _ClassVar[Colour]
SOURCE_CHANNEL_UNSPECIFIED: SourceChannel
SOURCE_CHANNEL_DOUYIN: SourceChannel
SOURCE_CHANNEL_YOUZAN: SourceChannel
SOURCE_CHANNEL_TAOBAO: SourceChannel
SOURCE_CHANNEL_WECHAT: SourceChannel
SOURCE_CHANNEL_PHONE: SourceChannel
SOURCE_CHANNEL_OTHER: SourceChannel
URGENCY_UNSPECIFIED: Urgency
URGENCY_NORMAL: Urgency
URGENCY_URGENT: Urgency
URGENCY_CRITICAL: Urgency
NODE_UNSPECIFIED: Node
NODE_AWAITING_PAYMENT: Node
NODE_UNDER_REVIEW: Node
NODE_WAREHOUSE_ASSIGNED: Node
NODE_WAVE_ASSIGNED: Node
NODE_PICKING: Node
NODE_CHECKED: Node
NODE_LABELING: Node
NODE_PACKED: Node
NODE_AWAITING_LOADING: Node
NODE_DEPARTED: Node
NODE_WITH_CARRIER: Node
NODE_SIGNED: Node
ROLE_UNSPECIFIED: Role
ROLE_ADMIN: Role
ROLE_INTEGRATION: Role
ROLE_OBSERVER: Role
ROLE_SUPERVISOR: Role
ROLE_CUSTOMER_SERVICE: Role
ROLE_REVIEWER: Role
ROLE_WAVE_PLANNER: Role
ROLE_PICKER: Role
ROLE_CHECKER: Role
ROLE_LABELER: Role
ROLE_PACKER: Role
ROLE_DISPATCHER: Role
ROLE_DRIVER: Role
ROLE_CARRIER: Role
ROLE_CUSTOMER: Role
ROLE_ENGINE: Role
BUCKET_UNSPECIFIED: Bucket
BUCKET_AVAILABLE: Bucket
BUCKET_HELD: Bucket
BUCKET_ALLOCATED: Bucket
BUCKET_TRANSFER_OUT: Bucket
BUCKET_PUTBACK: Bucket
BUCKET_SAFETY: Bucket
BUCKET_FROZEN: Bucket
BUCKET_QC: Bucket
BUCKET_DAMAGED: Bucket
BUCKET_IN_TRANSIT: Bucket
BUCKET_SUPPLIER: Bucket
BUCKET_CUSTOMER: Bucket
BUCKET_LOSS: Bucket
BUCKET_COUNT: Bucket
HOLD_STATE_UNSPECIFIED: HoldState
HOLD_STATE_HELD: HoldState
HOLD_STATE_PAYING: HoldState
HOLD_STATE_CONFIRMED: HoldState
HOLD_STATE_RELEASED: HoldState
HOLD_STATE_EXPIRED: HoldState
DURABILITY_UNSPECIFIED: Durability
DURABILITY_MEMORY: Durability
DURABILITY_LOGGED: Durability
DURABILITY_SYNCED: Durability
DURABILITY_REPLICATED: Durability
DURABILITY_REPLICATED_SYNCED: Durability
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_OPEN: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
ORDER_STATUS_COMPLETED: OrderStatus
FLAG_UNSPECIFIED: Flag
FLAG_SUSPENDED: Flag
FLAG_INTERCEPT: Flag
FLAG_OVERDUE: Flag
FLAG_NO_HOLD: Flag
FLAG_LATE_REACQUIRED: Flag
FLAG_STOCK_LOST_AFTER_PAYMENT: Flag
FLAG_PAID_AFTER_CANCEL: Flag
FLAG_DEPOSIT_PAID: Flag
FLAG_MISSING_DEPARTURE: Flag
FLAG_PUTBACK_OPEN: Flag
FLAG_BACKORDERED: Flag
FLAG_SHORT: Flag
FLAG_REFUND_DUE: Flag
COLOUR_UNSPECIFIED: Colour
COLOUR_GREEN: Colour
COLOUR_YELLOW: Colour
COLOUR_RED: Colour

class Receipt(_message.Message):
    __slots__ = ("seq", "durability", "replayed", "decided_at")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    durability: Durability
    replayed: bool
    decided_at: _timestamp_pb2.Timestamp
    def __init__(self, seq: _Optional[int] = ..., durability: _Optional[_Union[Durability, str]] = ..., replayed: _Optional[bool] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class NextAction(_message.Message):
    __slots__ = ("roles", "node", "allowed_nodes", "due_at", "instruction")
    ROLES_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_NODES_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    roles: _containers.RepeatedScalarFieldContainer[Role]
    node: Node
    allowed_nodes: _containers.RepeatedScalarFieldContainer[Node]
    due_at: _timestamp_pb2.Timestamp
    instruction: str
    def __init__(self, roles: _Optional[_Iterable[_Union[Role, str]]] = ..., node: _Optional[_Union[Node, str]] = ..., allowed_nodes: _Optional[_Iterable[_Union[Node, str]]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instruction: _Optional[str] = ...) -> None: ...

class Movement(_message.Message):
    __slots__ = ("sku", "warehouse", "batch", "to", "quantity")
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    sku: str
    warehouse: str
    batch: str
    to: Bucket
    quantity: int
    def __init__(self, sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., batch: _Optional[str] = ..., to: _Optional[_Union[Bucket, str]] = ..., quantity: _Optional[int] = ..., **kwargs) -> None: ...
