"""Jobs of a configuration whose machines do not come up wait in line, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.domain.events import JobHeld
from controller.domain.job import Job
from controller.ports import Ledger, Tell
from controller.usecases.boot_book import BootBook


@dataclass(frozen=True, slots=True)
class HoldJobs:
    """Asked by the dispatch door before each launch."""

    book: BootBook
    ledger: Ledger
    tell: Tell

    def __call__(self, group: Sequence[Job]) -> Sequence[Job]:
        """The jobs of a group that may be launched now."""
        admitted, why = self.book.admit(group)
        held = [job for job in group[len(admitted) :] if job.reason != why]
        # One that has moved on says its own reason; the others are told at the next look.
        if held and not self.ledger.save([replace(job, reason=why) for job in held]):
            for job in held:
                self.tell(JobHeld(job.id, job.repository, why))
        return admitted
