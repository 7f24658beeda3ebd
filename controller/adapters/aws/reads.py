"""Reading tables: many keys at once, and the records of one stage in their order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from controller import schema
from controller.adapters.aws.clients import Clients, asking
from controller.adapters.aws.items import Item, number_of, text_of
from controller.adapters.threads import each
from controller.errors import Unavailable

MAX_KEYS = 100
ROUNDS = 6
MOST_AT_ONCE = 10_000
"""Items of one answer, which is never over a megabyte anyway; DynamoDB takes no endless number."""
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class TableReader:
    """One table, by its physical name and its place in the schema."""

    clients: Clients
    table: str
    index: schema.Index | None = None
    home: str = ""
    """The region whose stages are read."""
    pause: Callable[[float], None] = time.sleep

    def get(self, record_id: str) -> Item | None:
        """One item, as last written."""
        with asking(f"{self.table} {record_id}"):
            answer = self.clients.dynamodb.get_item(
                TableName=self.table, Key={"id": {"S": record_id}}, ConsistentRead=True
            )
        return answer.get("Item")

    def batch(self, record_ids: Iterable[str]) -> list[Item]:
        """The items that are there, as last written; in no order."""
        wanted = list(dict.fromkeys(record_ids))
        if len(wanted) == 1:
            item = self.get(wanted[0])
            return [] if item is None else [item]
        found: list[Item] = []
        for start in range(0, len(wanted), MAX_KEYS):
            found += self._batch(wanted[start : start + MAX_KEYS])
        return found

    def _batch(self, wanted: Sequence[str]) -> list[Item]:
        keys: list[Any] = [{"id": {"S": name}} for name in wanted]
        found: list[Item] = []
        for attempt in range(ROUNDS):
            with asking(f"{self.table}: {len(keys)} records"):
                answer = self.clients.dynamodb.batch_get_item(
                    RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}}
                )
            found += answer.get("Responses", {}).get(self.table, [])
            left = answer.get("UnprocessedKeys", {})
            keys = list(left[self.table]["Keys"]) if self.table in left else []
            if not keys:
                return found
            self.pause(PAUSE_S * 2**attempt)
        raise Unavailable(f"{self.table}: {len(keys)} records are still unread after {ROUNDS} rounds")

    def stage(self, name: str, limit: int, before: float | None = None, since: float | None = None) -> list[Item]:
        """The first items of a stage by the index's order, at most `limit`; within the bounds that are given."""
        if self.index is None:
            raise TypeError(f"{self.table} has no index")
        index = self.index
        asked = [_query(self.table, index, partition, before, since) for partition in schema.stages(name, self.home)]
        # Side by side, because every job's launch waits for them.
        shards = each(lambda query: self._shard(query, limit), asked)
        merged = [item for shard in shards for item in shard]
        merged.sort(key=lambda item: (number_of(item, index.sort), text_of(item, "id")))
        return merged[:limit]

    def _shard(self, asked: dict[str, Any], limit: int) -> list[Item]:
        found: list[Item] = []
        while len(found) < limit:
            with asking(f"{self.table} {asked['ExpressionAttributeValues'][':stage']['S']}"):
                answer = self.clients.dynamodb.query(**asked, Limit=min(limit - len(found), MOST_AT_ONCE))
            found += answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                break
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found


def _query(
    table: str, index: schema.Index, partition: str, before: float | None, since: float | None
) -> dict[str, Any]:
    names = {"#stage": index.partition}
    values = {":stage": {"S": partition}}
    condition = "#stage = :stage"
    if before == math.inf:
        # DynamoDB knows no infinity; under it is everything.
        before = None
    if before is not None:
        names["#order"] = index.sort
    if before is not None and since is not None:
        # A key condition takes one comparison of the sort key, and BETWEEN has both its ends inside.
        values |= {":since": {"N": repr(since)}, ":before": {"N": repr(math.nextafter(before, since))}}
        condition += " AND #order BETWEEN :since AND :before"
    elif before is not None:
        values[":before"] = {"N": repr(before)}
        condition += " AND #order < :before"
    return {
        "TableName": table,
        "IndexName": index.name,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
