"""Sales channels: replies of Douyin, Youzan and Taobao in, canonical orders out.

>>> from holdfast.channels import map_reply, order_request
>>> for order in map_reply("youzan", reply_bytes, shop_id="134529034"):  # doctest: +SKIP
...     engine.place_order(request_id=..., **order_request(order))

Each channel's mapping is a declared table (`douyin.py`, `youzan.py`,
`taobao.py`: field, source paths, conversion, shape check) that one small
engine (`table.py`) interprets. A value in the wrong slot is never written; it
becomes a problem of the order that names both fields.
"""

from holdfast.channels.errors import (
    ChannelError,
    MalformedPayloadError,
    PlatformError,
    UnknownReplyError,
    UnplaceableOrderError,
)
from holdfast.channels.mapping import map_reply
from holdfast.channels.order import CORE_FIELDS, MappedLine, MappedOrder, Parcel, Problem
from holdfast.channels.request import order_request
from holdfast.channels.words import (
    Channel,
    OrderType,
    Privacy,
    ProblemCode,
    RefundStatus,
    Status,
    Urgency,
)

__all__ = [
    "CORE_FIELDS",
    "Channel",
    "ChannelError",
    "MalformedPayloadError",
    "MappedLine",
    "MappedOrder",
    "OrderType",
    "Parcel",
    "PlatformError",
    "Privacy",
    "Problem",
    "ProblemCode",
    "RefundStatus",
    "Status",
    "UnknownReplyError",
    "UnplaceableOrderError",
    "Urgency",
    "map_reply",
    "order_request",
]
