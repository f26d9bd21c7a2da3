import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.pb import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PublishPolicyRequest(_message.Message):
    __slots__ = ("request_id", "policy_json")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_JSON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    policy_json: str
    def __init__(self, request_id: _Optional[str] = ..., policy_json: _Optional[str] = ...) -> None: ...

class PublishPolicyResponse(_message.Message):
    __slots__ = ("receipt", "policy_version")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    policy_version: int
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., policy_version: _Optional[int] = ...) -> None: ...

class GetPolicyRequest(_message.Message):
    __slots__ = ("policy_version",)
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    policy_version: int
    def __init__(self, policy_version: _Optional[int] = ...) -> None: ...

class GetPolicyResponse(_message.Message):
    __slots__ = ("policy_version", "policy_json")
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    POLICY_JSON_FIELD_NUMBER: _ClassVar[int]
    policy_version: int
    policy_json: str
    def __init__(self, policy_version: _Optional[int] = ..., policy_json: _Optional[str] = ...) -> None: ...

class IssueTokenRequest(_message.Message):
    __slots__ = ("request_id", "token_sha256", "actor", "role", "device", "expires_at", "merchant")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_SHA256_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token_sha256: bytes
    actor: str
    role: _types_pb2.Role
    device: str
    expires_at: _timestamp_pb2.Timestamp
    merchant: str
    def __init__(self, request_id: _Optional[str] = ..., token_sha256: _Optional[bytes] = ..., actor: _Optional[str] = ..., role: _Optional[_Union[_types_pb2.Role, str]] = ..., device: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., merchant: _Optional[str] = ...) -> None: ...

class IssueTokenResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ...) -> None: ...

class RevokeTokenRequest(_message.Message):
    __slots__ = ("request_id", "token_sha256", "actor")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_SHA256_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token_sha256: bytes
    actor: str
    def __init__(self, request_id: _Optional[str] = ..., token_sha256: _Optional[bytes] = ..., actor: _Optional[str] = ...) -> None: ...

class RevokeTokenResponse(_message.Message):
    __slots__ = ("receipt", "revoked")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    revoked: int
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., revoked: _Optional[int] = ...) -> None: ...

class RegisterDeviceRequest(_message.Message):
    __slots__ = ("request_id", "device", "warehouse", "kind", "retired")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    device: str
    warehouse: str
    kind: str
    retired: bool
    def __init__(self, request_id: _Optional[str] = ..., device: _Optional[str] = ..., warehouse: _Optional[str] = ..., kind: _Optional[str] = ..., retired: _Optional[bool] = ...) -> None: ...

class RegisterDeviceResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ...) -> None: ...

class GetEngineStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetEngineStatusResponse(_message.Message):
    __slots__ = ("version", "persistence", "durability", "state_seq", "durable_seq", "live_holds", "open_orders", "open_parcels", "overdue_parcels", "due_backlog", "now", "next_deadline", "clock_problem", "merchants", "policy_version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSISTENCE_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIVE_HOLDS_FIELD_NUMBER: _ClassVar[int]
    OPEN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    OPEN_PARCELS_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_PARCELS_FIELD_NUMBER: _ClassVar[int]
    DUE_BACKLOG_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    NEXT_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    MERCHANTS_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    persistence: str
    durability: _types_pb2.Durability
    state_seq: int
    durable_seq: int
    live_holds: int
    open_orders: int
    open_parcels: int
    overdue_parcels: int
    due_backlog: int
    now: _timestamp_pb2.Timestamp
    next_deadline: _timestamp_pb2.Timestamp
    clock_problem: str
    merchants: int
    policy_version: int
    def __init__(self, version: _Optional[str] = ..., persistence: _Optional[str] = ..., durability: _Optional[_Union[_types_pb2.Durability, str]] = ..., state_seq: _Optional[int] = ..., durable_seq: _Optional[int] = ..., live_holds: _Optional[int] = ..., open_orders: _Optional[int] = ..., open_parcels: _Optional[int] = ..., overdue_parcels: _Optional[int] = ..., due_backlog: _Optional[int] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., clock_problem: _Optional[str] = ..., merchants: _Optional[int] = ..., policy_version: _Optional[int] = ...) -> None: ...

class AuditRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuditResponse(_message.Message):
    __slots__ = ("findings", "pools_checked", "orders_checked", "state_seq")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    POOLS_CHECKED_FIELD_NUMBER: _ClassVar[int]
    ORDERS_CHECKED_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[AuditFinding]
    pools_checked: int
    orders_checked: int
    state_seq: int
    def __init__(self, findings: _Optional[_Iterable[_Union[AuditFinding, _Mapping]]] = ..., pools_checked: _Optional[int] = ..., orders_checked: _Optional[int] = ..., state_seq: _Optional[int] = ...) -> None: ...

class AuditFinding(_message.Message):
    __slots__ = ("identity", "subject", "detail")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    identity: str
    subject: str
    detail: str
    def __init__(self, identity: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class GetStateHashRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStateHashResponse(_message.Message):
    __slots__ = ("state_hash", "state_seq")
    STATE_HASH_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQ_FIELD_NUMBER: _ClassVar[int]
    state_hash: str
    state_seq: int
    def __init__(self, state_hash: _Optional[str] = ..., state_seq: _Optional[int] = ...) -> None: ...

class ReconcileClockRequest(_message.Message):
    __slots__ = ("request_id", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReconcileClockResponse(_message.Message):
    __slots__ = ("receipt", "now")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    receipt: _types_pb2.Receipt
    now: _timestamp_pb2.Timestamp
    def __init__(self, receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
