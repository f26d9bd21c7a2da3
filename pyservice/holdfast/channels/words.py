"""The closed vocabularies of a mapped channel order.

Every member's value is the exact text that appears in JSON output, so a
vocabulary can be written out without a translation step.
"""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """A sales channel that has an adapter; the value is the text in JSON."""

    DOUYIN = "douyin"
    YOUZAN = "youzan"
    TAOBAO = "taobao"


class Status(StrEnum):
    """Where an order stands, the same words for every channel."""

    PENDING_PAYMENT = "PENDING_PAYMENT"
    PAID_HELD = "PAID_HELD"
    TO_SHIP = "TO_SHIP"
    PARTLY_SHIPPED = "PARTLY_SHIPPED"
    SHIPPED = "SHIPPED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    CLOSED_REFUNDED = "CLOSED_REFUNDED"


#: Paid, and at least one unit still has to leave the warehouse.
TO_BE_SHIPPED = frozenset({Status.PAID_HELD, Status.TO_SHIP, Status.PARTLY_SHIPPED})
#: The buyer's money arrived (or will be collected at the door) at some time.
PAID = TO_BE_SHIPPED | {Status.SHIPPED, Status.COMPLETED, Status.CLOSED_REFUNDED}


class RefundStatus(StrEnum):
    """How far refunds of an order or line have come."""

    NONE = "NONE"
    APPLIED = "APPLIED"
    RUNNING = "RUNNING"
    PARTLY_REFUNDED = "PARTLY_REFUNDED"
    REFUNDED = "REFUNDED"
    REFUSED = "REFUSED"


class OrderType(StrEnum):
    """The kind of sale."""

    NORMAL = "NORMAL"
    PRESALE_DEPOSIT = "PRESALE_DEPOSIT"
    PRESALE_FULL = "PRESALE_FULL"
    GROUP = "GROUP"
    LIVE = "LIVE"
    GIFT = "GIFT"
    VIRTUAL = "VIRTUAL"
    SAMPLE = "SAMPLE"
    OTHER = "OTHER"


class Urgency(StrEnum):
    """How soon the warehouse must act."""

    NORMAL = "NORMAL"
    URGENT = "URGENT"
    CRITICAL = "CRITICAL"


class Privacy(StrEnum):
    """How readable the receiver's data is in this reply."""

    CLEAR = "CLEAR"
    MASKED = "MASKED"
    ENCRYPTED = "ENCRYPTED"


class ProblemCode(StrEnum):
    """Why a field could not be taken as the platform sent it."""

    #: The value belongs to another field, which the problem names too.
    WRONG_SLOT = "WRONG_SLOT"
    #: The value cannot be this field's, and no other field claims it.
    BAD_SHAPE = "BAD_SHAPE"
    #: Yuan where fen belong, or fen where yuan belong.
    WRONG_UNIT = "WRONG_UNIT"
    #: A platform value that no table lists.
    UNKNOWN_ENUM = "UNKNOWN_ENUM"
    #: Listed values whose combination no table lists.
    UNCLEAR_STATUS = "UNCLEAR_STATUS"
    #: The platform says itself that the value is about to change.
    TRANSIENT = "TRANSIENT"
    #: A value that every order must have is absent.
    MISSING = "MISSING"
    #: The caller's shop and the payload's shop are not the same.
    SHOP_MISMATCH = "SHOP_MISMATCH"
    #: The place in the page holds something other than an order object.
    NOT_AN_ORDER = "NOT_AN_ORDER"
