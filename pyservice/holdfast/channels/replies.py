"""Opening replies: errors become exceptions, pages become their orders.

Each opener takes a parsed reply in any of its platform's envelopes, with or
without them, and returns the order objects as they stand in it. An empty page
is an empty list; an error never is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from holdfast.channels import paths, scalars
from holdfast.channels.errors import PlatformError, UnknownReplyError
from holdfast.channels.paths import Found
from holdfast.channels.words import Channel

#: Keys by which a page without its list is still known as a page.
_PAGE_MARKS: Final = {
    Channel.DOUYIN: frozenset({"page", "total", "size", "shop_order_list"}),
    Channel.YOUZAN: frozenset({"total_results", "full_order_info_list", "has_next"}),
    Channel.TAOBAO: frozenset({"total_results", "has_next", "request_id", "trades"}),
}


def open_douyin(reply: object) -> list[Found]:
    """Orders of `order.searchList`, `order.orderDetail`, or bare order objects."""
    return _open(Channel.DOUYIN, reply, _douyin_orders)


def open_youzan(reply: object) -> list[Found]:
    """Orders of `trades.sold.get`, `trade.get`, or bare `full_order_info` objects.

    Each order is given as the object that has the key `full_order_info`, with
    promotions, refunds and deliveries beside it.
    """
    return _open(Channel.YOUZAN, reply, _youzan_orders)


def open_taobao(reply: object) -> list[Found]:
    """Trades of `trades.sold(.increment).get`, `trade.fullinfo.get`, or bare trades."""
    return _open(Channel.TAOBAO, reply, _taobao_orders)


_Opener = Callable[[dict[str, Any]], "list[Found] | None"]


def _open(channel: Channel, reply: object, orders_of: _Opener) -> list[Found]:
    if isinstance(reply, list):
        opened = [_bare(channel, Found(f"[{i}]", element)) for i, element in enumerate(reply)]
        if opened and all(found is None for found in opened):
            raise UnknownReplyError(_not_this(channel, reply[0]))
        return [found or Found(f"[{i}]", reply[i]) for i, found in enumerate(opened)]
    if not isinstance(reply, dict):
        raise UnknownReplyError(f"a {channel} reply is an object, not {type(reply).__name__}")
    bare = _bare(channel, Found("", reply))
    if bare is not None:
        return [bare]
    found = orders_of(reply)
    if found is None:
        raise UnknownReplyError(_not_this(channel, reply))
    return found


def _douyin_orders(reply: dict[str, Any]) -> list[Found] | None:
    code, old_code = _code(reply, "code"), _code(reply, "err_no")
    if code not in ("", "10000", "0") or old_code not in ("", "0"):
        worst = code if code not in ("", "10000", "0") else old_code
        raise _error(Channel.DOUYIN, worst, reply, ("sub_code",), ("msg", "sub_msg", "message"))
    prefix, data = _inside("", reply, "data")
    if "shop_order_detail" in data:
        return _single(Channel.DOUYIN, data, prefix, "shop_order_detail")
    found = _page(Channel.DOUYIN, data, prefix, "shop_order_list[]")
    if found is None and "data" in reply and paths.is_blank(reply["data"]):
        return []
    return found


def _youzan_orders(reply: dict[str, Any]) -> list[Found] | None:
    for envelope in ("gw_err_resp", "error_response"):
        error = reply.get(envelope)
        if isinstance(error, dict):
            code = _code(error, "err_code") or _code(error, "code")
            raise _error(Channel.YOUZAN, code, error, ("sub_code",), ("err_msg", "msg", "message"))
    if _code(reply, "code") not in ("", "200") or scalars.truth(reply.get("success")) is False:
        code = _code(reply, "code")
        raise _error(Channel.YOUZAN, code, reply, ("sub_code",), ("message", "msg"))
    prefix, data = _inside(*_inside("", reply, "response"), "data")
    if scalars.truth(data.get("is_success")) is False:
        raise _error(Channel.YOUZAN, _code(data, "code") or "200", data, (), ("message", "msg"))
    if "full_order_info" in data:
        return [Found(prefix, data)]
    found = _page(Channel.YOUZAN, data, prefix, "full_order_info_list[]")
    if found is None:
        blank = any(key in reply and paths.is_blank(reply[key]) for key in ("data", "response"))
        return [] if blank else None
    return [_bare(Channel.YOUZAN, element) or element for element in found]


def _taobao_orders(reply: dict[str, Any]) -> list[Found] | None:
    error = reply.get("error_response")
    if isinstance(error, dict):
        raise _error(Channel.TAOBAO, _code(error, "code"), error, ("sub_code",), ("msg", "sub_msg"))
    root = next((key for key in reply if key.endswith("_response")), "")
    prefix, data = _inside("", reply, root)
    if "trade" in data:
        return _single(Channel.TAOBAO, data, prefix, "trade")
    return _page(Channel.TAOBAO, data, prefix, "trades.trade?[]")


def _bare(channel: Channel, found: Found) -> Found | None:
    """`found` as an order if it is one without any envelope."""
    value = paths.opened(found.value)
    if not isinstance(value, dict):
        return None
    if channel is Channel.DOUYIN:
        fits = "order_id" in value and ("sku_order_list" in value or "order_status" in value)
        return Found(found.path, value) if fits else None
    if channel is Channel.TAOBAO:
        fits = "tid" in value or "tid_str" in value
        return Found(found.path, value) if fits else None
    if isinstance(value.get("full_order_info"), dict | str):
        return Found(found.path, value)
    if "order_info" in value:
        return Found(found.path, {**_beside_full_order(value), "full_order_info": value})
    return None


def _beside_full_order(value: Mapping[str, Any]) -> dict[str, Any]:
    beside = ("order_promotion", "refund_order", "delivery_order")
    return {key: value[key] for key in beside if key in value}


def _page(
    channel: Channel, data: dict[str, Any], prefix: str, orders_at: str
) -> list[Found] | None:
    """The elements of a page, [] for a page without its list, None for no page at all."""
    found = [Found(_under(prefix, f.path), f.value) for f in paths.read(data, orders_at)]
    if found or _PAGE_MARKS[channel] & data.keys():
        return found
    return None


def _single(channel: Channel, data: dict[str, Any], prefix: str, key: str) -> list[Found]:
    """The order of a detail reply; some wrappers make a list of one of it."""
    found = [Found(_under(prefix, f.path), f.value) for f in paths.read(data, f"{key}[]")]
    if not found:
        raise UnknownReplyError(f"the {channel} detail reply has an empty {key}: no such order")
    return found


def _inside(prefix: str, holder: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """The object under `key`, or the holder itself where that envelope was left out."""
    value = paths.opened(holder.get(key))
    return (_under(prefix, key), value) if isinstance(value, dict) else (prefix, holder)


def _under(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path else prefix or path


def _code(holder: Mapping[str, Any], key: str) -> str:
    return scalars.text(holder.get(key)) or ""


def _error(
    channel: Channel,
    code: str,
    holder: Mapping[str, Any],
    sub_codes: tuple[str, ...],
    messages: tuple[str, ...],
) -> PlatformError:
    def first(keys: tuple[str, ...]) -> str:
        return next((_code(holder, key) for key in keys if _code(holder, key)), "")

    said = "; ".join(dict.fromkeys(_code(holder, key) for key in messages if _code(holder, key)))
    trace = first(("log_id", "trace_id", "request_id"))
    return PlatformError(channel, code or "unknown", first(sub_codes), said[:300], trace)


def _not_this(channel: Channel, reply: object) -> str:
    keys = ", ".join(sorted(str(k)[:40] for k in reply)[:8]) if isinstance(reply, dict) else ""
    likely = _looks_like(reply)
    hint = f"; it looks like {likely}" if likely and likely is not channel else ""
    return f"not a {channel} list or detail reply (keys: {keys or 'none'}){hint}"


def _looks_like(reply: object) -> Channel | None:
    if not isinstance(reply, dict):
        return None
    data = paths.opened(reply.get("data"))
    inner = data if isinstance(data, dict) else reply
    if "shop_order_list" in inner or "shop_order_detail" in inner or "sku_order_list" in inner:
        return Channel.DOUYIN
    if "full_order_info_list" in inner or "full_order_info" in inner:
        return Channel.YOUZAN
    if any(str(key).endswith("_response") for key in reply) or "tid" in reply:
        return Channel.TAOBAO
    return None
