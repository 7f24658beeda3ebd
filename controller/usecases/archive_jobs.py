"""Old jobs go into the archive, and then out of the table: written first, so that a crash between loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.domain.archive import Lot, cutoff, lots
from controller.domain.events import JobsArchived
from controller.messages import Chore, Chores
from controller.ports import Archive, Jobs, Ledger, Outbox, Tell
from runner_agent.contract import wire

_AT_ONCE = 2_000
_NEXT_S = 60.0
"""An index shows what was deleted for a moment longer."""


@dataclass(frozen=True, slots=True)
class ArchiveJobs:
    """A housekeeping task; without an archive, TTL alone deletes."""

    stack: str
    keep_s: float
    jobs: Jobs
    ledger: Ledger
    archive: Archive | None
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Archive the jobs that ended long ago; those left over have their turn a minute later."""
        if self.archive is None:
            return 0, []
        before = cutoff(self.clock(), self.keep_s)
        ended = self.jobs.ended(0.0, before, _AT_ONCE)
        old = lots(ended, before, self.stack)
        for lot in [] if dry_run else old:
            self._archive(self.archive, lot)
        if len(ended) == _AT_ONCE and old and not dry_run:
            self.outbox.send(Chore(Chores.OLD_JOBS), _NEXT_S)
        return len(ended), [f"archive {len(lot.jobs)} jobs as {lot.name}: over {self.keep_s:.0f} s old" for lot in old]

    def _archive(self, archive: Archive, lot: Lot) -> None:
        """A job that has moved on meanwhile stays, and is archived once more as it is then."""
        archive.keep(lot.name, [wire.dumps(job) for job in lot.jobs])
        changed = self.ledger.forget(lot.jobs)
        self.tell(JobsArchived(lot.name, len(lot.jobs) - len(changed)))
