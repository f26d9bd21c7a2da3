"""What can go wrong with a whole reply, as opposed to one order in it."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.channels.words import Channel


class ChannelError(ValueError):
    """Base of every error that this package raises."""


class MalformedPayloadError(ChannelError):
    """The bytes are not strict JSON. Nothing was mapped."""


class UnknownReplyError(ChannelError):
    """Valid JSON, but none of the channel's reply shapes."""


class PlatformError(ChannelError):
    """The platform answered with an error instead of orders.

    Attributes:
        channel: Who answered.
        code: The platform's main code as text, for instance "40003" or "27".
        sub_code: The finer code, or "" where the platform gave none.
        message: The platform's own words.
        trace: The platform's request or log id, or "".
    """

    def __init__(
        self, channel: Channel, code: str, sub_code: str, message: str, trace: str
    ) -> None:
        self.channel = channel
        self.code = code
        self.sub_code = sub_code
        self.message = message
        self.trace = trace
        finer = f" ({sub_code})" if sub_code else ""
        where = f", request {trace}" if trace else ""
        super().__init__(f"{channel} answered error {code}{finer}: {message or 'no text'}{where}")


class UnplaceableOrderError(ChannelError):
    """A mapped order lacks what placing needs.

    Attributes:
        order_id: The channel's order id, or None where that is what is missing.
        reasons: One sentence for each thing that is missing.
    """

    def __init__(self, order_id: str | None, reasons: Sequence[str]) -> None:
        self.order_id = order_id
        self.reasons = tuple(reasons)
        super().__init__(f"order {order_id or '(no id)'} cannot be placed: {'; '.join(reasons)}")
