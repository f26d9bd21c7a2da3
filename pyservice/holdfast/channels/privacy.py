"""How readable receiver data is: clear, masked, or ciphertext.

The three platforms' ciphertexts are recognised by their frames: `$$…$1$$` and
`##…#1##` (Douyin), `$…$1$` (Youzan), `~…~1~` (Taobao). They may contain stars,
so the frame is looked for before the mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from holdfast.channels.words import Privacy

_CIPHERTEXT: Final = re.compile(
    r"\$\$.+\$\d+\$\$|##.+#\d+##|\$[^$]+(?:\$[^$]+)?\$\d+\$|~.+~\d+~", re.DOTALL | re.ASCII
)
_ORDER: Final = (Privacy.CLEAR, Privacy.MASKED, Privacy.ENCRYPTED)


def is_ciphertext(value: str) -> bool:
    """Whether the text has the frame of a platform's ciphertext."""
    return _CIPHERTEXT.fullmatch(value.strip()) is not None


def privacy_of(value: str) -> Privacy:
    """The state of one value."""
    if is_ciphertext(value):
        return Privacy.ENCRYPTED
    return Privacy.MASKED if "*" in value or "＊" in value else Privacy.CLEAR


def readability(value: str) -> int:
    """0 for clear, 1 for masked, 2 for encrypted."""
    return _ORDER.index(privacy_of(value))


def worst(values: Iterable[str | None]) -> Privacy:
    """The state of an order: that of its least readable value; CLEAR if it has none."""
    states = [readability(value) for value in values if value]
    return _ORDER[max(states, default=0)]
