"""The machines' records in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable

from controller import schema
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.items import readable, record_of
from controller.adapters.aws.reads import TableReader
from controller.domain.runner import Runner


class DynamoRunners:
    """The `Runners` port."""

    def __init__(self, clients: Clients, table: str, home: str) -> None:
        self._reader = TableReader(clients, table, schema.RUNNERS.indexes[0], home)

    def get(self, instance_ids: Iterable[str]) -> dict[str, Runner]:
        """The known ones among these machines, as last written."""
        runners = [record_of(Runner, item) for item in self._reader.batch(instance_ids)]
        return {runner.instance_id: runner for runner in runners}

    def expired(self, before: float, limit: int) -> list[Runner]:
        """Machines not known to have ended whose lease ran out before a time."""
        alive = [
            runner
            for stage in (schema.MACHINES, schema.SPARES)
            for runner in readable(Runner, self._reader.stage(stage, limit, before))
        ]
        return sorted(alive, key=lambda runner: (runner.lease_until, runner.id))[:limit]

    def spares(self, limit: int) -> list[Runner]:
        """Machines that no job has taken yet."""
        return readable(Runner, self._reader.stage(schema.SPARES, limit))

    def doubted(self, limit: int) -> list[Runner]:
        """Machines that have ended, and whose runner GitHub may still have."""
        return readable(Runner, self._reader.stage(schema.DOUBTED, limit))
