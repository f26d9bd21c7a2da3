"""The service's event loop: it says when it has nothing left to do.

Calls that one busy spell passes down share a sync. While the loop has work, a sync
would only take the processor from it; before it sleeps, nothing may wait any more.
"""

import asyncio
import selectors
from collections.abc import Callable


class IdleSelector(selectors.DefaultSelector):
    """Tells before it blocks."""

    def __init__(self) -> None:
        """Tells nobody yet."""
        super().__init__()
        self.before_sleep: Callable[[], None] | None = None

    def select(self, timeout: float | None = None) -> "list[tuple[selectors.SelectorKey, int]]":
        """As of the base class; `before_sleep` runs if there is nothing yet."""
        if self.before_sleep is None or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        found = super().select(0)
        if found:
            return found
        self.before_sleep()
        return super().select(timeout)


class IdleLoop(asyncio.SelectorEventLoop):
    """A loop whose sleep somebody may wait for."""

    def __init__(self) -> None:
        """Makes the loop and its selector."""
        self._idle = IdleSelector()
        super().__init__(self._idle)

    def before_sleep(self, callback: Callable[[], None] | None) -> None:
        """Runs a callback each time before the loop blocks; None ends that."""
        self._idle.before_sleep = callback
