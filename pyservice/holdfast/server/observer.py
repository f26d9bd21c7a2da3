"""What is known of each call afterwards: a count, a time, and perhaps a line."""

import itertools
import traceback

from holdfast import _engine
from holdfast.server.identifiers import Identifiers
from holdfast.server.log import Log

# gRPC code of a call whose caller went away.
CANCELLED = 1
_INTERNAL = 13


class Observer:
    """Counts calls and writes the lines about them."""

    def __init__(
        self, tally: _engine.Tally, log: Log, *, log_refusals: bool, log_one_in: int
    ) -> None:
        """Takes what it writes to.

        Args:
            tally: Counters by method and code.
            log: Lines of JSON.
            log_refusals: Write a line for each call that is not OK.
            log_one_in: Write a line for one in so many OK calls; 0 writes none.
        """
        self.tally = tally
        self._log = log
        self._log_refusals = log_refusals
        self._one_in = log_one_in
        self._done = 0
        self._incidents = itertools.count(1)
        self._identifiers = Identifiers()

    def finished(
        self, path: str, request: bytes, code: int, seconds: float, reason: str = ""
    ) -> None:
        """Notes one call that has its answer, or whose caller has left.

        Args:
            path: "/holdfast.v1.OrderService/PlaceOrder".
            request: The request's bytes, for the ids in the line.
            code: gRPC status code.
            seconds: From the front's first byte to the answer.
            reason: Reason of a refusal.
        """
        self.tally.count(path, code, seconds)
        if code == 0:
            self._done += 1
            if self._one_in == 0 or self._done % self._one_in:
                return
        elif not self._log_refusals and code != _INTERNAL:
            return
        self.write(path, request, code, seconds, reason)

    def write(self, path: str, request: bytes, code: int, seconds: float, reason: str) -> None:
        """Writes the line about one call, as of `finished`."""
        facts: dict[str, object] = {"method": path.rpartition("/")[2], "code": code}
        if reason:
            facts["reason"] = reason
        facts["ms"] = round(seconds * 1_000, 3)
        self._log.put(
            "error" if code == _INTERNAL else "info",
            "call" if code == 0 else "refused",
            **facts,
            **self._identifiers.of(path, request),
        )

    def lost(self, lines: int) -> None:
        """Says that so many calls were worth a line and got none."""
        self._log.put("warning", "log_lines_lost", lines=lines)

    def incident(self, method: str, locale: str) -> tuple[int, bytes]:
        """Logs the exception being handled and gives what its caller may see of it."""
        number = f"front-{next(self._incidents)}"
        self._log.put(
            "error", "incident", incident=number, method=method, trace=traceback.format_exc()
        )
        return _engine.refusal_status("INTERNAL", {"incident": number}, locale)
