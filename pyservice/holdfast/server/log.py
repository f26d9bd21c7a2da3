"""Lines of JSON, written beside the work and never within it.

A line is handed over in a microsecond and written by a thread of its own. A disk
or terminal that is slower than the calls loses lines, not calls; how many were
lost is the next line that gets through.
"""

import json
import queue
import threading
from datetime import UTC, datetime
from typing import Final, Literal, TextIO, TypeAlias

Level: TypeAlias = Literal["info", "warning", "error"]
Line: TypeAlias = tuple[datetime, Level, str, dict[str, object]]

# Lines that may wait: some seconds of nothing but refusals.
_CAPACITY: Final = 20_000
# JSON lets them stand as they are: ends of lines to some readers, and what turns text
# around or commands a terminal.
_ESCAPED: Final = {
    code: f"\\u{code:04x}"
    for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


class Log:
    """Writes facts about calls. Never personal data, never secrets."""

    def __init__(self, stream: TextIO, capacity: int = _CAPACITY) -> None:
        """Starts the writing thread.

        Args:
            stream: Where the lines go.
            capacity: Lines that may wait before new ones are counted as lost.
        """
        self._stream = stream
        self._capacity = capacity
        self._lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._lost = 0
        self._writer = threading.Thread(target=self._write, name="holdfast-log", daemon=True)
        self._writer.start()

    def put(self, level: Level, event: str, **facts: object) -> None:
        """Hands one line over; does not wait."""
        if self._lines.qsize() >= self._capacity:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._lines.put((datetime.now(UTC), "warning", "log_lines_lost", {"lines": lost}))
        self._lines.put((datetime.now(UTC), level, event, facts))

    def close(self) -> None:
        """Writes what waits and ends the thread; at most two seconds."""
        self._lines.put(None)
        self._writer.join(2.0)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            at, level, event, facts = line
            told = {"at": at.isoformat(timespec="milliseconds"), "level": level, "event": event}
            text = json.dumps({**told, **facts}, ensure_ascii=False, default=str)
            try:
                self._stream.write(text.translate(_ESCAPED) + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                # Nobody reads any more; the service goes on.
                return
