"""Conditional writes, one call for up to a hundred, with a true answer even where a first answer was lost.

Each item carries the name of the write that put it there. A condition that fails on an item with our
own name means that an earlier copy of the same call, repeated after a timeout, has won: not a loss.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from controller.adapters.aws.clients import Clients, asking, code_of
from controller.adapters.aws.items import Item, text_of
from controller.errors import Unavailable

ATOMIC = 100
WRITE = "write"
"""The attribute with the name of the write; records do not read it."""

TRIES = 5
PAUSE_S = 0.05

_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"
_BUSY = frozenset({"TransactionConflictException", "TransactionInProgressException"})


@dataclass(frozen=True, slots=True)
class Put:
    """An item to store where the table has the version it replaces; 0 is "none at all"."""

    table: str
    item: Item
    replaces: int = 0

    @property
    def id(self) -> str:
        """The record's name."""
        return text_of(self.item, "id")

    def asked(self, write: str) -> dict[str, Any]:
        """The parameters of PutItem, which are those inside a transaction too."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if self.replaces:
            condition = {
                "ConditionExpression": "#version = :version",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":version": {"N": str(self.replaces)}},
            }
        return {
            "TableName": self.table,
            "Item": {**self.item, WRITE: {"S": write}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **condition,
        }


@dataclass(frozen=True, slots=True)
class Delete:
    """An item to delete where the table still has the version that was read, or has it no more."""

    table: str
    id: str
    version: int

    def asked(self) -> dict[str, Any]:
        """The parameters inside a transaction."""
        return {
            "TableName": self.table,
            "Key": {"id": {"S": self.id}},
            "ConditionExpression": "attribute_not_exists(id) OR #version = :version",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":version": {"N": str(self.version)}},
        }


@dataclass(frozen=True, slots=True)
class Writer:
    """Stores items by their conditions."""

    clients: Clients
    pause: Callable[[float], None] = time.sleep

    def put(self, puts: Sequence[Put]) -> frozenset[str]:
        """Store all, or none where a condition fails: the ids that failed. At most `ATOMIC` at once."""
        write = secrets.token_urlsafe(9)
        for attempt in range(TRIES):
            failed = self._one(puts[0], write) if len(puts) == 1 else self._all(puts, write)
            if failed is not None:
                return failed
            self.pause(PAUSE_S * (2**attempt + secrets.randbelow(100) / 100))
        raise Unavailable(f"{_names(puts)}: other writes were in the way {TRIES} times")

    def delete(self, deletes: Sequence[Delete]) -> frozenset[str]:
        """Delete all, or none where a condition fails: the ids that failed. At most `ATOMIC` at once."""
        for attempt in range(TRIES):
            failed = self._delete(deletes)
            if failed is not None:
                return failed
            self.pause(PAUSE_S * (2**attempt + secrets.randbelow(100) / 100))
        raise Unavailable(f"{_names(deletes)}: other writes were in the way {TRIES} times")

    def _delete(self, deletes: Sequence[Delete]) -> frozenset[str] | None:
        with asking(_names(deletes)):
            try:
                self.clients.dynamodb.transact_write_items(
                    TransactItems=[{"Delete": delete.asked()} for delete in deletes]  # type: ignore[typeddict-item]  # as above
                )
            except ClientError as error:
                if code_of(error) in _BUSY:
                    return None
                if code_of(error) != "TransactionCanceledException":
                    raise
                # A deletion that is repeated meets its condition again, so no name of a write is needed.
                return _verdict(deletes, error, "")
        return frozenset()

    def _one(self, put: Put, write: str) -> frozenset[str] | None:
        with asking(f"{put.table} {put.id}"):
            try:
                self.clients.dynamodb.put_item(**put.asked(write))
            except ClientError as error:
                if code_of(error) in _BUSY:
                    return None
                if code_of(error) != f"{_FAILED}Exception":
                    raise
                stored: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]  # DynamoDB's own
                return frozenset() if text_of(stored, WRITE) == write else frozenset({put.id})
        return frozenset()

    def _all(self, puts: Sequence[Put], write: str) -> frozenset[str] | None:
        with asking(_names(puts)):
            try:
                self.clients.dynamodb.transact_write_items(
                    TransactItems=[{"Put": put.asked(write)} for put in puts],  # type: ignore[typeddict-item]  # as above
                    ClientRequestToken=write,
                )
            except ClientError as error:
                if code_of(error) in _BUSY:
                    return None
                if code_of(error) != "TransactionCanceledException":
                    raise
                return _verdict(puts, error, write)
        return frozenset()


def _verdict(puts: Sequence[Put | Delete], error: ClientError, write: str) -> frozenset[str] | None:
    """The ids whose condition failed, or None where the transaction only met another one."""
    reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
    codes = {reason.get("Code", "None") for reason in reasons}
    failed = {
        put.id: text_of(reason.get("Item", {}), WRITE)
        for put, reason in zip(puts, reasons, strict=True)
        if reason.get("Code") == _FAILED
    }
    if failed:
        # One item of ours proves the whole transaction, even where somebody has moved on from another.
        return frozenset() if write and write in failed.values() else frozenset(failed)
    if codes - {"None"} == {_CONFLICT}:
        return None
    raise Unavailable(f"{_names(puts)}: cancelled for {', '.join(sorted(codes - {'None'})) or 'no reason'}") from error


def _names(puts: Sequence[Put | Delete]) -> str:
    return f"{len(puts)} records from {puts[0].id} on" if len(puts) > 1 else puts[0].id
