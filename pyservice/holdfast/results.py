"""Results: the response messages as frozen values.

Each class mirrors a message of `protos/holdfast/v1`, field by field; the
annotations say how a field is read (see `messages.py`). Times are aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.words import (
    Bucket,
    CancelResult,
    Colour,
    Durability,
    Flag,
    HoldState,
    Node,
    OrderStatus,
    PaymentResult,
    Role,
    SourceChannel,
    Urgency,
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a decision: its place in the journal and what the reply waited for."""

    seq: int
    durability: Durability | None
    replayed: bool
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class NextAction:
    """Who must do what next, by when."""

    roles: tuple[Role, ...]
    node: Node | None
    allowed_nodes: tuple[Node, ...]
    due_at: datetime | None
    instruction: str


@dataclass(frozen=True, slots=True)
class ParcelState:
    """A parcel as commands answer it."""

    parcel_id: str
    warehouse: str
    node: Node | None
    version: int
    status: OrderStatus | None
    flags: tuple[Flag, ...]
    since: datetime | None
    next: NextAction | None
    colour: Colour | None
    blocked_by: str


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as commands answer it."""

    order_number: str
    version: int
    status: OrderStatus | None
    node: Node | None
    flags: tuple[Flag, ...]
    hold_id: str
    hold_state: HoldState | None
    hold_expires_at: datetime | None
    parcels: tuple[ParcelState, ...]
    next: NextAction | None


@dataclass(frozen=True, slots=True)
class OrderResult:
    """Answer of a command about an order."""

    receipt: Receipt
    order: OrderState


@dataclass(frozen=True, slots=True)
class PaymentConfirmed:
    """Answer of confirm_payment."""

    receipt: Receipt
    order: OrderState
    result: PaymentResult | None


@dataclass(frozen=True, slots=True)
class ParcelCancel:
    """What a cancel did to one parcel."""

    parcel_id: str
    result: CancelResult | None
    instruction: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """Answer of cancel_order, parcel by parcel."""

    receipt: Receipt
    order: OrderState
    parcels: tuple[ParcelCancel, ...]


@dataclass(frozen=True, slots=True)
class ParcelResult:
    """Answer of a command about a parcel."""

    receipt: Receipt
    parcel: ParcelState


@dataclass(frozen=True, slots=True)
class ParcelAdvanced:
    """Answer of advance_parcel."""

    receipt: Receipt
    parcel: ParcelState
    inferred: tuple[Node, ...]
    evidence_only: bool


@dataclass(frozen=True, slots=True)
class ParcelSplit:
    """Answer of split_parcel."""

    receipt: Receipt
    parcel: ParcelState
    new_parcel: ParcelState | None


@dataclass(frozen=True, slots=True)
class BatchStock:
    """One batch of a pool."""

    batch: str
    expires_at: datetime | None
    qc_report: str
    unpinned: int
    pinned: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class PoolStock:
    """All buckets of one SKU in one warehouse, in sale units."""

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
    batches: tuple[BatchStock, ...]


@dataclass(frozen=True, slots=True)
class StockResult:
    """Answer of a command about stock."""

    receipt: Receipt
    stock: PoolStock


@dataclass(frozen=True, slots=True)
class StockReceived:
    """Answer of receive_stock."""

    receipt: Receipt
    stock: PoolStock
    backorders_filled: int


@dataclass(frozen=True, slots=True)
class ShortPromise:
    """A promise that a count broke."""

    order_number: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockCounted:
    """Answer of count_stock; `difference` is counted minus expected."""

    receipt: Receipt
    stock: PoolStock
    difference: int
    short: tuple[ShortPromise, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """Answer of a command that has nothing more to say."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class SkusMapped:
    """Answer of map_channel_skus."""

    receipt: Receipt
    work_items_closed: int


@dataclass(frozen=True, slots=True)
class PolicyPublished:
    """Answer of publish_policy."""

    receipt: Receipt
    policy_version: int


@dataclass(frozen=True, slots=True)
class TokensRevoked:
    """Answer of revoke_token."""

    receipt: Receipt
    revoked: int


@dataclass(frozen=True, slots=True)
class ClockReconciled:
    """Answer of reconcile_clock."""

    receipt: Receipt
    now: datetime | None


@dataclass(frozen=True, slots=True)
class Stock:
    """Pools of a SKU at one instant."""

    stock: tuple[PoolStock, ...]
    state_seq: int


@dataclass(frozen=True, slots=True)
class StockList:
    """Pools, a page; `next_page_token` is empty on the last one."""

    stock: tuple[PoolStock, ...]
    next_page_token: str
    state_seq: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A step in a parcel's life."""

    node: Node | None
    occurred_at: datetime | None
    received_at: datetime | None
    actor: str
    role: Role | None
    device: str
    inferred: bool
    rework: bool
    override: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ParcelLine:
    """Units of one SKU in a parcel, and where they are."""

    sku: str
    quantity: int
    backordered: int
    short_quantity: int
    batch: str
    bucket: Bucket | None
    line: int
    qc_report: str


@dataclass(frozen=True, slots=True)
class OrderParcel:
    """A parcel with its goods and its history."""

    parcel: ParcelState
    lines: tuple[ParcelLine, ...]
    timeline: tuple[TimelineEntry, ...]


@dataclass(frozen=True, slots=True)
class ParcelDetail:
    """Answer of get_parcel."""

    parcel: ParcelState
    timeline: tuple[TimelineEntry, ...]
    lines: tuple[ParcelLine, ...]
    state_seq: int


@dataclass(frozen=True, slots=True)
class ParcelUnits:
    """Units of a SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Stock with a deadline; it lives while now < expires_at."""

    hold_id: str
    order_number: str
    state: HoldState | None
    created_at: datetime | None
    expires_at: datetime | None
    generation: int
    reason: str
    units: tuple[ParcelUnits, ...]
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Order:
    """Answer of get_order: the order with its parcels and holds."""

    order: OrderState
    source_channel: SourceChannel | None
    urgency: Urgency | None
    channel_order_id: str
    shop_id: str
    created_at: datetime | None
    ship_by: datetime | None
    parcels: tuple[OrderParcel, ...]
    holds: tuple[Hold, ...]
    document_ref: str
    state_seq: int

    @property
    def order_number(self) -> str:
        """Number of the order."""
        return self.order.order_number

    @property
    def node(self) -> Node | None:
        """Node of the least advanced open parcel."""
        return self.order.node

    @property
    def status(self) -> OrderStatus | None:
        """Whether it is open, cancelled or completed."""
        return self.order.status


@dataclass(frozen=True, slots=True)
class OrderStatusAnswer:
    """The customer-service answer: one call, one screen."""

    order_number: str
    status: OrderStatus | None
    node: Node | None
    node_name: str
    summary: str
    actor: str
    device: str
    since: datetime | None
    dwell_seconds: int
    colour: Colour | None
    blocked_by: str
    next: NextAction | None
    hold_expires_at: datetime | None
    channel_deadline: datetime | None
    eta_from: datetime | None
    eta_until: datetime | None
    flags: tuple[Flag, ...]
    last_events: tuple[TimelineEntry, ...]
    parcels_total: int
    parcels_signed: int
    state_seq: int


@dataclass(frozen=True, slots=True)
class OrderDocument:
    """The sealed document, opened."""

    document: bytes
    document_ref: str


@dataclass(frozen=True, slots=True)
class OrderList:
    """Orders in the order of placing."""

    orders: tuple[OrderState, ...]
    next_page_token: str
    state_seq: int


@dataclass(frozen=True, slots=True)
class HoldList:
    """Live holds, first to end first."""

    holds: tuple[Hold, ...]
    next_page_token: str
    state_seq: int


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing to do."""

    parcel_id: str
    order_number: str
    warehouse: str
    node: Node | None
    urgency: Urgency | None
    due_at: datetime | None
    colour: Colour | None
    instruction: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class WorkList:
    """What a role must do now, most urgent first."""

    items: tuple[WorkItem, ...]
    total: int
    next_page_token: str
    state_seq: int


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What is fixed about a node."""

    node: Node | None
    number: int
    name_zh: str
    name_en: str
    entered_zh: str
    entered_en: str
    triggered_by: tuple[Role, ...]
    next_roles: tuple[Role, ...]
    sla_minutes: int
    forward: tuple[Node, ...]
    rework: tuple[Node, ...]
    inferable: bool
    on_cancel_zh: str
    on_cancel_en: str


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The nodes and the state map in Mermaid."""

    nodes: tuple[NodeInfo, ...]
    mermaid: str


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy as JSON, defaults filled in."""

    policy_version: int
    policy_json: str


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the engine is."""

    version: str
    persistence: str
    durability: Durability | None
    state_seq: int
    durable_seq: int
    live_holds: int
    open_orders: int
    open_parcels: int
    overdue_parcels: int
    due_backlog: int
    now: datetime | None
    next_deadline: datetime | None
    clock_problem: str
    merchants: int
    policy_version: int


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """An identity that does not hold."""

    identity: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Answer of audit; no findings means that every identity holds."""

    findings: tuple[AuditFinding, ...]
    pools_checked: int
    orders_checked: int
    state_seq: int


@dataclass(frozen=True, slots=True)
class StateHash:
    """The canonical hash of the state, in hex."""

    state_hash: str
    state_seq: int


@dataclass(frozen=True, slots=True)
class Movement:
    """Units that left one bucket and entered another."""

    sku: str
    warehouse: str
    batch: str
    from_: Bucket | None
    to: Bucket | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of the journal."""

    seq: int
    index: int
    at: datetime | None
    type: str
    order_number: str
    parcel_id: str
    node: Node | None
    actor: str
    role: Role | None
    device: str
    movements: tuple[Movement, ...]
    reason: str
    facts: Mapping[str, str]
    policy_version: int
