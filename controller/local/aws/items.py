"""DynamoDB's item actions straight on moto's tables, past the parts of moto that take milliseconds a call.

moto copies whole tables for each write of a transaction, and wraps every attribute of every answer
in generic serialisation. Here a transaction keeps copies of the items it touches, and answers are
written as moto's tables hold them. Whatever fails is asked again of moto's own front, which
words the error.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from typing import Any

from controller.local.aws.calls import Call
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.web import Reply, typed

_JSON = "application/x-amz-json-1.0"
_SHORT_CUTS = {
    "GetItem": "get_item",
    "BatchGetItem": "batch_get_item",
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "Query": "query",
    "TransactWriteItems": "transact_write_items",
}


def answer(call: Call, slow: Callable[[Call], Reply]) -> Reply:
    """Answer by the short cut where there is one and it succeeds."""
    # moto wants binary attributes decoded before they come here.
    if call.action not in _SHORT_CUTS or b'"B"' in call.request.body or b'"BS"' in call.request.body:
        return slow(call)
    try:
        return typed(200, json.dumps(_ask(call)), _JSON)
    except Exception as failed:  # noqa: BLE001 - moto raises what it likes; its own front knows how to word it
        return _cancelled(failed) or slow(call)


def _cancelled(failed: Exception) -> Reply | None:
    """A transaction that met a newer record is an everyday answer; asked again of moto it would copy whole tables."""
    from moto.dynamodb.exceptions import TransactionCanceledException  # noqa: PLC0415 - as below

    return typed(400, failed.description, _JSON) if isinstance(failed, TransactionCanceledException) else None


def _ask(call: Call) -> object:
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415 - moto takes a second to import

    handler = DynamoHandler()
    handler.current_account = ACCOUNT
    handler.region = call.region
    handler.body = dict(call.fields)
    if call.action == "TransactWriteItems":
        _keep_touched(handler.dynamodb_backend.tables, call.fields)
    try:
        return getattr(handler, _SHORT_CUTS[call.action])().result
    finally:
        _let_go(handler.dynamodb_backend.tables)


def _keep_touched(tables: dict[str, Any], fields: dict[str, Any]) -> None:
    """Make moto's copy of each table, taken before a transaction, one of only the items that it will touch."""
    writes = [next(iter(item.values())) for item in fields["TransactItems"]]
    for name in {write["TableName"] for write in writes} & tables.keys():
        table = tables[name]
        keys = [write.get("Key", write.get("Item", {})) for write in writes if write["TableName"] == name]
        table.__deepcopy__ = _snapshot(table, [key.get(table.hash_key_attr) for key in keys])


def _let_go(tables: dict[str, Any]) -> None:
    """Later copies must be of the tables as they are then."""
    for table in tables.values():
        vars(table).pop("__deepcopy__", None)


def _snapshot(table: Any, keys: Iterable[Any]) -> Callable[[object], Any]:  # noqa: ANN401 - moto's own class
    from moto.dynamodb.models.dynamo_type import DynamoType  # noqa: PLC0415 - moto takes a second to import

    touched = [DynamoType(key) for key in keys if key]
    kept = copy.copy(table)
    # A transaction that fails leaves this copy as the table itself; it must then be copied as any other.
    vars(kept).pop("__deepcopy__", None)
    kept.items = copy.copy(table.items)
    for key in touched:
        if key in kept.items:
            kept.items[key] = copy.deepcopy(kept.items[key])
    return lambda memo: kept  # noqa: ARG005 - the shape of __deepcopy__
