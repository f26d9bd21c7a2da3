"""Commands about orders and their holds."""

import argparse

from holdfast.calls import Calls
from holdfast.cli.csv_import import Report, import_orders
from holdfast.cli.exits import OK, REFUSED, UNKNOWN
from holdfast.cli.serving import engine_of
from holdfast.cli.show import local, put, put_json, table, warn
from holdfast.cli.texts import text
from holdfast.results import Order, OrderStatusAnswer, ParcelUnits, TimelineEntry


def place(options: argparse.Namespace) -> int:
    """Places one order."""
    with engine_of(options) as (engine, _):
        names = _node_names(engine, options.lang)
        result = engine.place_order(
            request_id=options.request_id,
            order_number=options.number,
            source_channel=options.channel,
            urgency=options.urgency,
            lines=options.line,
            paid=options.paid or None,
        )
    if options.json:
        put_json(result)
        return OK
    order = result.order
    node = names.get(str(order.node), "-")
    if order.hold_expires_at is None:
        put(f"{order.order_number}  {node}")
    else:
        until = local(order.hold_expires_at)
        put(text("held", options.lang, number=order.order_number, node=node, until=until))
    return OK


def line(given: str) -> dict[str, object]:
    """A line written as SKU=QUANTITY or SKU=QUANTITY@WAREHOUSE."""
    sku, _, rest = given.rpartition("=")
    quantity, _, warehouse = rest.partition("@")
    if not sku or not quantity.lstrip("-").isdigit():
        raise argparse.ArgumentTypeError(f"{given!r} is not SKU=QUANTITY or SKU=QUANTITY@WAREHOUSE")
    return {"sku": sku, "quantity": int(quantity), "warehouse": warehouse or None}


def import_file(options: argparse.Namespace) -> int:
    """Imports a CSV file."""
    with engine_of(options) as (_, batches):
        report = import_orders(
            options.file,
            batches,
            encoding=options.encoding,
            rejects=options.rejects,
            lang=options.lang,
        )
    if options.json:
        put_json(report)
    else:
        _tell_import(report, options.lang)
    if report.unknown:
        return UNKNOWN
    return REFUSED if report.rejected else OK


def _tell_import(report: Report, lang: str) -> None:
    for reject in report.rejects:
        told = f"{reject.order_number}: {reject.reason}: {reject.message}"
        warn(text("row", lang, row=reject.row, told=told))
    put(text("imported", lang, accepted=report.accepted, rejected=report.rejected))
    if report.unknown:
        warn(text("import_unknown", lang, count=report.unknown, detail=report.detail))


def show(options: argparse.Namespace) -> int:
    """Shows where an order is."""
    with engine_of(options) as (engine, _):
        status = engine.get_order_status(options.number)
        order = engine.get_order(options.number)
        names = _node_names(engine, options.lang)
    if options.json:
        put_json({"status": status, "order": order})
    else:
        _show_order(status, order, names, options.lang)
    return OK


def _show_order(status: OrderStatusAnswer, order: Order, names: dict[str, str], lang: str) -> None:
    put(f"{status.order_number}  {status.status}  {status.node_name}  {status.colour}")
    put(status.summary)
    if status.blocked_by:
        put(status.blocked_by)
    put()
    _put_parcels(order, names, lang)
    put()
    _put_steps(status.last_events, names, lang)


def _put_parcels(order: Order, names: dict[str, str], lang: str) -> None:
    columns = ("col.parcel", "col.warehouse", "col.node", "col.since", "col.goods")
    rows = [
        (
            entry.parcel.parcel_id,
            entry.parcel.warehouse,
            names.get(str(entry.parcel.node), "-"),
            local(entry.parcel.since),
            _goods(tuple(ParcelUnits(line.sku, line.quantity) for line in entry.lines)),
        )
        for entry in order.parcels
    ]
    table([text(column, lang) for column in columns], rows)


def _put_steps(steps: tuple[TimelineEntry, ...], names: dict[str, str], lang: str) -> None:
    columns = ("col.at", "col.node", "col.actor", "col.role", "col.device", "col.reason")
    rows = [
        (
            local(step.occurred_at),
            names.get(str(step.node), "-"),
            step.actor,
            step.role or "-",
            step.device,
            step.reason,
        )
        for step in steps
    ]
    table([text(column, lang) for column in columns], rows)


def hold_list(options: argparse.Namespace) -> int:
    """Lists live holds, first to end first."""
    with engine_of(options) as (engine, _):
        found = engine.list_holds(page_size=options.limit, sku=options.sku)
    if options.json:
        put_json(found)
        return OK
    columns = ("col.hold", "col.order", "col.state", "col.until", "col.goods")
    rows = [
        (hold.hold_id, hold.order_number, hold.state, local(hold.expires_at), _goods(hold.units))
        for hold in found.holds
    ]
    table([text(column, options.lang) for column in columns], rows)
    if found.next_page_token:
        put(text("more", options.lang, limit=options.limit))
    return OK


def _goods(units: tuple[ParcelUnits, ...]) -> str:
    return " ".join(f"{unit.sku}×{unit.quantity}" for unit in units)


def _node_names(engine: Calls, lang: str) -> dict[str, str]:
    """Names of the nodes as people say them."""
    nodes = engine.get_lifecycle().nodes
    return {str(node.node): node.name_zh if lang == "zh" else node.name_en for node in nodes}
