"""The closed vocabularies of the trade, as the engine spells them.

Values equal the enum names of `protos/holdfast/v1` without their prefix. A value
that this version does not know is shown by its number, as text.
"""

from enum import StrEnum


class SourceChannel(StrEnum):
    """Where an order came from. There is no default."""

    DOUYIN = "DOUYIN"
    YOUZAN = "YOUZAN"
    TAOBAO = "TAOBAO"
    WECHAT = "WECHAT"
    PHONE = "PHONE"
    OTHER = "OTHER"


class Urgency(StrEnum):
    """How much an order's working times are shortened. There is no default."""

    NORMAL = "NORMAL"
    URGENT = "URGENT"
    CRITICAL = "CRITICAL"


class Node(StrEnum):
    """The twelve nodes of a parcel, in order."""

    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    UNDER_REVIEW = "UNDER_REVIEW"
    WAREHOUSE_ASSIGNED = "WAREHOUSE_ASSIGNED"
    WAVE_ASSIGNED = "WAVE_ASSIGNED"
    PICKING = "PICKING"
    CHECKED = "CHECKED"
    LABELING = "LABELING"
    PACKED = "PACKED"
    AWAITING_LOADING = "AWAITING_LOADING"
    DEPARTED = "DEPARTED"
    WITH_CARRIER = "WITH_CARRIER"
    SIGNED = "SIGNED"


class Role(StrEnum):
    """Who acts."""

    ADMIN = "ADMIN"
    INTEGRATION = "INTEGRATION"
    OBSERVER = "OBSERVER"
    SUPERVISOR = "SUPERVISOR"
    CUSTOMER_SERVICE = "CUSTOMER_SERVICE"
    REVIEWER = "REVIEWER"
    WAVE_PLANNER = "WAVE_PLANNER"
    PICKER = "PICKER"
    CHECKER = "CHECKER"
    LABELER = "LABELER"
    PACKER = "PACKER"
    DISPATCHER = "DISPATCHER"
    DRIVER = "DRIVER"
    CARRIER = "CARRIER"
    CUSTOMER = "CUSTOMER"
    ENGINE = "ENGINE"


class Bucket(StrEnum):
    """What a stock unit is doing. Only AVAILABLE can be sold."""

    AVAILABLE = "AVAILABLE"
    HELD = "HELD"
    ALLOCATED = "ALLOCATED"
    TRANSFER_OUT = "TRANSFER_OUT"
    PUTBACK = "PUTBACK"
    SAFETY = "SAFETY"
    FROZEN = "FROZEN"
    QC = "QC"
    DAMAGED = "DAMAGED"
    IN_TRANSIT = "IN_TRANSIT"
    SUPPLIER = "SUPPLIER"
    CUSTOMER = "CUSTOMER"
    LOSS = "LOSS"
    COUNT = "COUNT"


class HoldState(StrEnum):
    """Life of a hold; the last three are final."""

    HELD = "HELD"
    PAYING = "PAYING"
    CONFIRMED = "CONFIRMED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class OrderStatus(StrEnum):
    """Whether an order or parcel is alive and, if not, how it ended."""

    OPEN = "OPEN"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"


class Flag(StrEnum):
    """Marks beside the node."""

    SUSPENDED = "SUSPENDED"
    INTERCEPT = "INTERCEPT"
    OVERDUE = "OVERDUE"
    NO_HOLD = "NO_HOLD"
    LATE_REACQUIRED = "LATE_REACQUIRED"
    STOCK_LOST_AFTER_PAYMENT = "STOCK_LOST_AFTER_PAYMENT"
    PAID_AFTER_CANCEL = "PAID_AFTER_CANCEL"
    DEPOSIT_PAID = "DEPOSIT_PAID"
    MISSING_DEPARTURE = "MISSING_DEPARTURE"
    PUTBACK_OPEN = "PUTBACK_OPEN"
    BACKORDERED = "BACKORDERED"
    SHORT = "SHORT"
    REFUND_DUE = "REFUND_DUE"


class Colour(StrEnum):
    """How overdue a parcel is."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"


class Durability(StrEnum):
    """What a reply waited for."""

    MEMORY = "MEMORY"
    LOGGED = "LOGGED"
    SYNCED = "SYNCED"
    REPLICATED = "REPLICATED"
    REPLICATED_SYNCED = "REPLICATED_SYNCED"


class PaymentResult(StrEnum):
    """What a confirmation of payment did."""

    CONFIRMED = "CONFIRMED"
    LATE_REACQUIRED = "LATE_REACQUIRED"
    PAID_NO_STOCK = "PAID_NO_STOCK"
    PAID_AFTER_CANCEL = "PAID_AFTER_CANCEL"
    ALREADY_CONFIRMED = "ALREADY_CONFIRMED"


class CancelResult(StrEnum):
    """What a cancel did to one parcel."""

    CANCELLED = "CANCELLED"
    PUTBACK_OPEN = "PUTBACK_OPEN"
    INTERCEPT_OPENED = "INTERCEPT_OPENED"
    REFUSED_SIGNED = "REFUSED_SIGNED"
    ALREADY_CANCELLED = "ALREADY_CANCELLED"
