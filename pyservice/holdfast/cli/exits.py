"""Exit codes, and what a command is."""

import argparse
from collections.abc import Callable
from typing import Final, TypeAlias

OK: Final = 0
REFUSED: Final = 1
"""The engine refused, or a check found something."""
USAGE: Final = 2
"""The command line or a setting is wrong; nothing was tried."""
UNREACHABLE: Final = 3
"""The engine, folder or file cannot be opened or reached; nothing was changed."""
UNKNOWN: Final = 4
"""The outcome is not known: repeat with the same request id."""

Command: TypeAlias = Callable[[argparse.Namespace], int]
