import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.pb import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdvanceParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "expected_version", "node", "occurred_at", "scan_id", "reason", "evidence", "actor", "role", "device", "warehouse")
    class EvidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    SCAN_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    expected_version: int
    node: _types_pb2.Node
    occurred_at: _timestamp_pb2.Timestamp
    scan_id: str
    reason: str
    evidence: _containers.ScalarMap[str, str]
    actor: str
    role: _types_pb2.Role
    device: str
    warehouse: str
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., expected_version: _Optional[int] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scan_id: _Optional[str] = ..., reason: _Optional[str] = ..., evidence: _Optional[_Mapping[str, str]] = ..., actor: _Optional[str] = ..., role: _Optional[_Union[_types_pb2.Role, str]] = ..., device: _Optional[str] = ..., warehouse: _Optional[str] = ...) -> None: ...

class AdvanceParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel", "inferred", "evidence_only")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    INFERRED_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ONLY_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    inferred: _containers.RepeatedScalarFieldContainer[_types_pb2.Node]
    evidence_only: bool
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ..., inferred: _Optional[_Iterable[_Union[_types_pb2.Node, str]]] = ..., evidence_only: _Optional[bool] = ...) -> None: ...

class OverrideParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "expected_version", "node", "occurred_at", "reason", "evidence")
    class EvidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    expected_version: int
    node: _types_pb2.Node
    occurred_at: _timestamp_pb2.Timestamp
    reason: str
    evidence: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., expected_version: _Optional[int] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., evidence: _Optional[_Mapping[str, str]] = ...) -> None: ...

class OverrideParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ...) -> None: ...

class RerouteParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "warehouse", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    warehouse: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., warehouse: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RerouteParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ...) -> None: ...

class SplitParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "units", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    units: _containers.RepeatedCompositeFieldContainer[ParcelUnits]
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., units: _Optional[_Iterable[_Union[ParcelUnits, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class ParcelUnits(_message.Message):
    __slots__ = ("sku", "quantity")
    SKU_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    sku: str
    quantity: int
    def __init__(self, sku: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class SplitParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel", "new_parcel")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    NEW_PARCEL_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    new_parcel: ParcelState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ..., new_parcel: _Optional[_Union[ParcelState, _Mapping]] = ...) -> None: ...

class SuspendParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "reason", "owner", "review_minutes")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    REVIEW_MINUTES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    reason: str
    owner: _types_pb2.Role
    review_minutes: int
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., reason: _Optional[str] = ..., owner: _Optional[_Union[_types_pb2.Role, str]] = ..., review_minutes: _Optional[int] = ...) -> None: ...

class SuspendParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ...) -> None: ...

class ResumeParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ResumeParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ...) -> None: ...

class PutBackParcelRequest(_message.Message):
    __slots__ = ("request_id", "parcel_id", "scan_id", "device", "actor", "role")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    SCAN_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    parcel_id: str
    scan_id: str
    device: str
    actor: str
    role: _types_pb2.Role
    def __init__(self, request_id: _Optional[str] = ..., parcel_id: _Optional[str] = ..., scan_id: _Optional[str] = ..., device: _Optional[str] = ..., actor: _Optional[str] = ..., role: _Optional[_Union[_types_pb2.Role, str]] = ...) -> None: ...

class PutBackParcelResponse(_message.Message):
    __slots__ = ("receipt", "parcel")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    parcel: ParcelState
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., parcel: _Optional[_Union[ParcelState, _Mapping]] = ...) -> None: ...

class GetParcelRequest(_message.Message):
    __slots__ = ("parcel_id",)
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    parcel_id: str
    def __init__(self, parcel_id: _Optional[str] = ...) -> None: ...

class GetParcelResponse(_message.Message):
    __slots__ = ("parcel", "timeline", "lines", "state_seq")
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    parcel: ParcelState
    timeline: _containers.RepeatedCompositeFieldContainer[TimelineEntry]
    lines: _containers.RepeatedCompositeFieldContainer[ParcelLine]
    state_seq: int
    def __init__(self, parcel: _Optional[_Union[ParcelState, _Mapping]] = ..., timeline: _Optional[_Iterable[_Union[TimelineEntry, _Mapping]]] = ..., lines: _Optional[_Iterable[_Union[ParcelLine, _Mapping]]] = ..., state_seq: _Optional[int] = ...) -> None: ...

class ListWorkRequest(_message.Message):
    __slots__ = ("role", "warehouse", "page_size", "page_token")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    role: _types_pb2.Role
    warehouse: str
    page_size: int
    page_token: str
    def __init__(self, role: _Optional[_Union[_types_pb2.Role, str]] = ..., warehouse: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWorkResponse(_message.Message):
    __slots__ = ("items", "total", "next_page_token", "state_seq")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[WorkItem]
    total: int
    next_page_token: str
    state_seq: int
    def __init__(self, items: _Optional[_Iterable[_Union[WorkItem, _Mapping]]] = ..., total: _Optional[int] = ..., next_page_token: _Optional[str] = ..., state_seq: _Optional[int] = ...) -> None: ...

class WorkItem(_message.Message):
    __slots__ = ("parcel_id", "order_number", "warehouse", "node", "urgency", "due_at", "colour", "instruction", "kind", "detail")
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    parcel_id: str
    order_number: str
    warehouse: str
    node: _types_pb2.Node
    urgency: _types_pb2.Urgency
    due_at: _timestamp_pb2.Timestamp
    colour: _types_pb2.Colour
    instruction: str
    kind: str
    detail: str
    def __init__(self, parcel_id: _Optional[str] = ..., order_number: _Optional[str] = ..., warehouse: _Optional[str] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., urgency: _Optional[_Union[_types_pb2.Urgency, str]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., colour: _Optional[_Union[_types_pb2.Colour, str]] = ..., instruction: _Optional[str] = ..., kind: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class GetLifecycleRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLifecycleResponse(_message.Message):
    __slots__ = ("nodes", "mermaid")
    NODES_FIELD_NUMBER: _ClassVar[int]
    MERMAID_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[NodeInfo]
    mermaid: str
    def __init__(self, nodes: _Optional[_Iterable[_Union[NodeInfo, _Mapping]]] = ..., mermaid: _Optional[str] = ...) -> None: ...

class NodeInfo(_message.Message):
    __slots__ = ("node", "number", "name_zh", "name_en", "entered_zh", "entered_en", "triggered_by", "next_roles", "sla_minutes", "forward", "rework", "inferable", "on_cancel_zh", "on_cancel_en")
    NODE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_FIELD_NUMBER: _ClassVar[int]
    NAME_EN_FIELD_NUMBER: _ClassVar[int]
    ENTERED_ZH_FIELD_NUMBER: _ClassVar[int]
    ENTERED_EN_FIELD_NUMBER: _ClassVar[int]
    TRIGGERED_BY_FIELD_NUMBER: _ClassVar[int]
    NEXT_ROLES_FIELD_NUMBER: _ClassVar[int]
    SLA_MINUTES_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    REWORK_FIELD_NUMBER: _ClassVar[int]
    INFERABLE_FIELD_NUMBER: _ClassVar[int]
    ON_CANCEL_ZH_FIELD_NUMBER: _ClassVar[int]
    ON_CANCEL_EN_FIELD_NUMBER: _ClassVar[int]
    node: _types_pb2.Node
    number: int
    name_zh: str
    name_en: str
    entered_zh: str
    entered_en: str
    triggered_by: _containers.RepeatedScalarFieldContainer[_types_pb2.Role]
    next_roles: _containers.RepeatedScalarFieldContainer[_types_pb2.Role]
    sla_minutes: int
    forward: _containers.RepeatedScalarFieldContainer[_types_pb2.Node]
    rework: _containers.RepeatedScalarFieldContainer[_types_pb2.Node]
    inferable: bool
    on_cancel_zh: str
    on_cancel_en: str
    def __init__(self, node: _Optional[_Union[_types_pb2.Node, str]] = ..., number: _Optional[int] = ..., name_zh: _Optional[str] = ..., name_en: _Optional[str] = ..., entered_zh: _Optional[str] = ..., entered_en: _Optional[str] = ..., triggered_by: _Optional[_Iterable[_Union[_types_pb2.Role, str]]] = ..., next_roles: _Optional[_Iterable[_Union[_types_pb2.Role, str]]] = ..., sla_minutes: _Optional[int] = ..., forward: _Optional[_Iterable[_Union[_types_pb2.Node, str]]] = ..., rework: _Optional[_Iterable[_Union[_types_pb2.Node, str]]] = ..., inferable: _Optional[bool] = ..., on_cancel_zh: _Optional[str] = ..., on_cancel_en: _Optional[str] = ...) -> None: ...

class ParcelState(_message.Message):
    __slots__ = ("parcel_id", "warehouse", "node", "version", "status", "flags", "since", "next", "colour", "blocked_by")
    PARCEL_ID_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    parcel_id: str
    warehouse: str
    node: _types_pb2.Node
    version: int
    status: _types_pb2.OrderStatus
    flags: _containers.RepeatedScalarFieldContainer[_types_pb2.Flag]
    since: _timestamp_pb2.Timestamp
    next: _types_pb2.NextAction
    colour: _types_pb2.Colour
    blocked_by: str
    def __init__(self, parcel_id: _Optional[str] = ..., warehouse: _Optional[str] = ..., node: _Optional[_Union[_types_pb2.Node, str]] = ..., version: _Optional[int] = ..., status: _Optional[_Union[_types_pb2.OrderStatus, str]] = ..., flags: _Optional[_Iterable[_Union[_types_pb2.Flag, str]]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next: _Optional[_Union[_types_pb2.NextAction, _Mapping]] = ..., colour: _Optional[_Union[_types_pb2.Colour, str]] = ..., blocked_by: _Optional[str] = ...) -> None: ...

class ParcelLine(_message.Message):
    __slots__ = ("sku", "quantity", "backordered", "short_quantity", "batch", "bucket", "line", "qc_report")
    SKU_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    BACKORDERED_FIELD_NUMBER: _ClassVar[int]
    SHORT_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    QC_REPORT_FIELD_NUMBER: _ClassVar[int]
    sku: str
    quantity: int
    backordered: int
    short_quantity: int
    batch: str
    bucket: _types_pb2.Bucket
    line: int
    qc_report: str
    def __init__(self, sku: _Optional[str] = ..., quantity: _Optional[int] = ..., backordered: _Optional[int] = ..., short_quantity: _Optional[int] = ..., batch: _Optional[str] = ..., bucket: _Optional[_Union[_types_pb2.Bucket, str]] = ..., line: _Optional[int] = ..., qc_report: _Optional[str] = ...) -> None: ...

class TimelineEntry(_message.Message):
    __slots__ = ("node", "occurred_at", "received_at", "actor", "role", "device", "inferred", "rework", "override", "reason")
    NODE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INFERRED_FIELD_NUMBER: _ClassVar[int]
    REWORK_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    node: _types_pb2.Node
    occurred_at: _timestamp_pb2.Timestamp
    received_at: _timestamp_pb2.Timestamp
    actor: str
    role: _types_pb2.Role
    device: str
    inferred: bool
    rework: bool
    override: bool
    reason: str
    def __init__(self, node: _Optional[_Union[_types_pb2.Node, str]] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., role: _Optional[_Union[_types_pb2.Role, str]] = ..., device: _Optional[str] = ..., inferred: _Optional[bool] = ..., rework: _Optional[bool] = ..., override: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...
