"""Commands about stock."""

import argparse

from holdfast.cli.exits import OK
from holdfast.cli.serving import engine_of
from holdfast.cli.show import put, put_json, table
from holdfast.cli.texts import text

_BUCKETS = (
    "available",
    "held",
    "allocated",
    "transfer_out",
    "putback",
    "safety",
    "frozen",
    "qc",
    "damaged",
    "on_hand",
    "backordered",
)


def stock_show(options: argparse.Namespace) -> int:
    """Shows all stock of a SKU."""
    with engine_of(options) as (engine, _):
        found = engine.get_stock(options.sku)
    if options.json:
        put_json(found)
        return OK
    columns = ("warehouse", *_BUCKETS)
    rows = [[getattr(pool, column) for column in columns] for pool in found.stock]
    table([text(f"col.{column}", options.lang) for column in columns], rows)
    return OK


def stock_receive(options: argparse.Namespace) -> int:
    """Takes goods in."""
    with engine_of(options) as (engine, _):
        result = engine.receive_stock(
            request_id=options.request_id,
            sku=options.sku,
            warehouse=options.warehouse,
            quantity=options.quantity,
        )
    if options.json:
        put_json(result)
        return OK
    pool = result.stock
    told = {"sku": pool.sku, "warehouse": pool.warehouse, "available": pool.available}
    put(text("received", options.lang, **told))
    return OK
