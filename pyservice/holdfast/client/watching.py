"""Where a reader of events is, and how it goes on after its connection was lost.

Pure: time is an argument. Each event comes once and none is left out: a record may have several
events, so the last one's record is asked for again, and what was seen of it is passed over.
"""

from collections.abc import Iterable
from typing import Final

from holdfast import errors, messages, results
from holdfast.client.retries import Repeat
from holdfast.engine import gap_error
from holdfast.pb import events_pb2

WATCH: Final = "EventService/WatchEvents"


class Reader:
    """One iteration over events, whatever number of streams it takes."""

    def __init__(
        self,
        repeat: Repeat,
        patience_s: float,
        *,
        after_seq: int,
        types: Iterable[str] | None,
        order_number: str | None,
        sku: str | None,
    ) -> None:
        """Begins behind a position.

        Args:
            repeat: Decides after which refusals it goes on, and after how long.
            patience_s: How long it tries without hearing anything.
            after_seq: The last position that was seen.
            types: Only these types.
            order_number: Only this order.
            sku: Only events that moved this SKU.
        """
        self._repeat = repeat
        self._patience_s = patience_s
        self._filters = {"types": list(types or ()), "order_number": order_number, "sku": sku}
        self._after_seq = after_seq
        self._seen = (after_seq, -1)
        self._tries = 0
        self._lost_at: float | None = None
        self.is_present = False
        """Whether everything that was stored has been told."""

    def request(self) -> bytes:
        """What the next stream is asked for."""
        return messages.encode(WATCH, {"after_seq": self._after_seq, **self._filters})

    def read(self, payload: bytes) -> results.Event | None:
        """The event in a message of the stream, if it is a new one.

        Raises:
            OutOfRange: Events cannot be delivered; none is left out in silence.
        """
        self._tries, self._lost_at = 0, None
        item = events_pb2.WatchEventsResponse.FromString(payload)
        if item.HasField("gap"):
            raise gap_error(item.gap)
        if item.HasField("heartbeat"):
            self.is_present = True
            self._after_seq = max(self._after_seq, item.heartbeat.seq)
            return None
        place = (item.event.seq, item.event.index)
        if place <= self._seen:
            return None
        self._seen = place
        self._after_seq = max(self._after_seq, item.event.seq - 1)
        return messages.read(item.event, results.Event)

    def lost(self, refusal: errors.Refused, now: float) -> float:
        """Seconds until the next stream is asked for.

        Raises:
            Refused: It is no use, or has been tried for too long.
        """
        self._tries += 1
        if self._lost_at is None:
            self._lost_at = now
        pause = self._repeat(refusal, self._tries)
        if pause is None or now + pause > self._lost_at + self._patience_s:
            raise refusal
        return pause


def ended() -> errors.Refused:
    """A stream that ended without a word."""
    return errors.refused(14, "UNAVAILABLE", "The stream of events ended.", {})
