"""DynamoDB's item actions straight on moto's tables, past the parts of moto that take milliseconds a call.

moto copies whole tables for each write of a transaction, and wraps every attribute of every answer
in generic serialisation. Here a transaction keeps copies of the items it touches, and answers are
written as moto's tables hold them. Whatever fails is asked again of moto's own front, which
words the error.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from controller.local.aws.calls import Call
from controller.local.aws.capacity_units import IndexKeys, Item, Meter
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


def answer(call: Call, slow: Callable[[Call], Reply], meter: Meter) -> Reply:
    """Answer by the short cut where there is one and it succeeds; only such a call is metered."""
    # moto wants binary attributes decoded before they come here.
    if call.action not in _SHORT_CUTS or b'"B"' in call.request.body or b'"BS"' in call.request.body:
        return slow(call)
    try:
        return typed(200, json.dumps(_ask(call, meter)), _JSON)
    except Exception as failed:  # noqa: BLE001 - moto raises what it likes; its own front knows how to word it
        return _cancelled(failed) or slow(call)


def _cancelled(failed: Exception) -> Reply | None:
    """A transaction that met a newer record is an everyday answer; asked again of moto it would copy whole tables."""
    from moto.dynamodb.exceptions import TransactionCanceledException  # noqa: PLC0415 - as below

    return typed(400, failed.description, _JSON) if isinstance(failed, TransactionCanceledException) else None


def _ask(call: Call, meter: Meter) -> object:
    # moto takes a second to import.
    from moto.dynamodb.exceptions import ConditionalCheckFailed, TransactionCanceledException  # noqa: PLC0415
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415

    handler = DynamoHandler()
    handler.current_account = ACCOUNT
    handler.region = call.region
    handler.body = dict(call.fields)
    tables = handler.dynamodb_backend.tables
    writes = _writes(call.action, call.fields)
    if call.action == "TransactWriteItems":
        _keep_touched(tables, writes)
    times = 2 if call.action == "TransactWriteItems" else 1
    before = _stored(writes, tables)
    try:
        result: dict[str, Any] = getattr(handler, _SHORT_CUTS[call.action])().result
    except (ConditionalCheckFailed, TransactionCanceledException):
        for name, stood in before:
            meter.refused(name, stood, times)
        raise
    finally:
        _let_go(tables)
    for (name, old), (_, new) in zip(before, _stored(writes, tables), strict=True):
        meter.wrote(name, _indexes(tables[name]), old, new, times)
    _meter_reading(call, result, meter)
    return result


def _writes(action: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """What is to be written, item by item."""
    match action:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return [fields]
        case "TransactWriteItems":
            return [next(iter(item.values())) for item in fields["TransactItems"]]
        case _:
            return []


def _stored(writes: Iterable[dict[str, Any]], tables: dict[str, Any]) -> list[tuple[str, Item | None]]:
    """The items that are written, as they stand now, beside the names of their tables."""
    from moto.dynamodb.models.dynamo_type import DynamoType  # noqa: PLC0415 - as above
    from moto.dynamodb.models.utilities import dynamo_to_dict  # noqa: PLC0415 - as above

    found: list[tuple[str, Item | None]] = []
    for write in writes:
        table = tables[write["TableName"]]
        stored = table.get_item(DynamoType(_key(write, table)))
        found.append((write["TableName"], None if stored is None else dynamo_to_dict(stored.attrs)))
    return found


def _key(write: dict[str, Any], table: Any) -> Any:  # noqa: ANN401 - moto's own class, and a typed attribute
    key = write.get("Key", write.get("Item", {}))
    return key.get(table.hash_key_attr)


def _indexes(table: Any) -> Iterator[IndexKeys]:  # noqa: ANN401 - moto's own class
    for index in table.global_indexes:
        keys = tuple(index.schema_key_attrs)
        whole = index.projection["ProjectionType"] == "ALL"
        yield IndexKeys(index.name, keys, None if whole else frozenset({*keys, *index.table_key_attrs}))


def _meter_reading(call: Call, result: dict[str, Any], meter: Meter) -> None:
    fields: dict[str, Any] = dict(call.fields)
    match call.action:
        case "GetItem":
            found = [result["Item"]] if result.get("Item") else []
            meter.read(fields["TableName"], found, together=True, consistent=fields.get("ConsistentRead", False))
        case "BatchGetItem":
            for name, asked in fields["RequestItems"].items():
                there: list[Item] = result["Responses"][name]
                missing: list[Item] = [{}] * (len(asked["Keys"]) - len(there))
                meter.read(name, there + missing, together=False, consistent=asked.get("ConsistentRead", False))
        case "Query":
            name = "/".join(filter(None, (fields["TableName"], fields.get("IndexName", ""))))
            meter.read(name, result["Items"], together=True, consistent=fields.get("ConsistentRead", False))


def _keep_touched(tables: dict[str, Any], writes: Sequence[dict[str, Any]]) -> None:
    """Make moto's copy of each table, taken before a transaction, one of only the items that it will touch."""
    for name in {write["TableName"] for write in writes} & tables.keys():
        table = tables[name]
        table.__deepcopy__ = _snapshot(table, [_key(write, table) for write in writes if write["TableName"] == name])


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
