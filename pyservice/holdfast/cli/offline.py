"""Commands that need no engine: the poster of the nodes, and mapping a payload."""

import argparse
import sys
from pathlib import Path
from typing import Final

from holdfast import _engine
from holdfast.cli.exits import OK, REFUSED
from holdfast.cli.show import put_json, tell
from holdfast.errors import HoldfastError

MAKERS: Final = {
    "svg": _engine.lifecycle_poster,
    "mermaid": _engine.lifecycle_mermaid,
    "markdown": _engine.lifecycle_table,
}
CHANNELS: Final = ("douyin", "youzan", "taobao")


def states_poster(options: argparse.Namespace) -> int:
    """Writes the poster, the map or the table."""
    content = MAKERS[options.format](options.lang)
    if options.output is not None:
        options.output.write_text(content, encoding="utf-8")
    if options.json:
        written = None if options.output is None else str(options.output)
        put_json({"format": options.format, "file": written, "content": content})
    elif options.output is None:
        sys.stdout.write(content)
    return OK


def channels_map(options: argparse.Namespace) -> int:
    """Maps a platform's reply, one JSON object an order a line."""
    from holdfast.channels import ChannelError, map_reply

    payload = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    try:
        orders = map_reply(options.channel, payload, shop_id=options.shop)
    except ChannelError as error:
        tell(
            HoldfastError(str(error), reason=type(error).__name__),
            options.lang,
            as_json=options.json,
        )
        return REFUSED
    for order in orders:
        put_json(order.to_json_dict())
    return OK
