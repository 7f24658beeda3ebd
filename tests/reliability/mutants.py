"""Five bugs that somebody might make, to be planted into a day: each must be found by what an onlooker sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from controller.domain.job import Job
from controller.domain.runner import Runner
from controller.messages import Chore, Chores
from controller.ports import Record
from tests.fakes.records import FakeLedger
from tests.reliability.day import Day


class _Changed(FakeLedger):
    """A ledger that writes something else than it is given."""

    def __init__(self, day: Day, change: Callable[[Record], Record]) -> None:
        super().__init__(day.shelf)
        self._change = change

    def save(self, records: Sequence[Record]) -> frozenset[str]:
        return super().save([self._change(record) for record in records])


def no_version_check(day: Day) -> None:
    """Whoever writes last wins, whatever was written since they read."""
    day.ledger = _Changed(day, lambda record: replace(record, version=_version(day, record.id)))
    day.restart()


def _version(day: Day, record_id: str) -> int:
    stored = day.shelf.records.get(record_id)
    return stored.version if stored else 0


def lease_without_expiry(day: Day) -> None:
    """A machine may take as long as it likes."""
    day.ledger = _Changed(day, lambda record: _for_ever(record) if isinstance(record, Runner) else record)
    day.restart()


def _for_ever(runner: Runner) -> Runner:
    return replace(runner, lease_until=math.inf)


def ack_before_save(day: Day) -> None:
    """Messages are deleted when they are handed over, not when they are dealt with."""
    day.acknowledge_first = True


def terminate_on_busy_flag(day: Day) -> None:
    """Housekeeping asks GitHub which runners are idle, and ends their machines."""
    keep = day.keep

    def sweep(chore: Chore) -> None:
        if chore.task is Chores.ORPHANED_MACHINES:
            idle = set(day.hub.flagged_idle)
            day.terminate([machine.name for machine in day.fates.values() if machine.runner_name in idle])
        keep(chore)

    day.keep = sweep


def retry_without_cap(day: Day) -> None:
    """Nobody counts the machines that came to nothing."""
    day.ledger = _Changed(day, lambda record: replace(record, wasted=0) if isinstance(record, Job) else record)
    day.restart()


MUTANTS: tuple[Callable[[Day], None], ...] = (
    no_version_check,
    lease_without_expiry,
    ack_before_save,
    terminate_on_busy_flag,
    retry_without_cap,
)
