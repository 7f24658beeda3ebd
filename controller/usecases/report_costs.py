"""A day's costs by repository and configuration, told once and kept in the archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.domain.archive import day
from controller.domain.catalogue import Catalogue
from controller.domain.cost_report import DAY_S, REPORTS, CostLine, last_whole_day, lines
from controller.domain.events import DayCosted
from controller.ports import Archive, Jobs, Memory, Runners, Tell
from runner_agent.contract import wire

_MOST = 50_000
"""Jobs of one day in one report."""


@dataclass(frozen=True, slots=True)
class ReportCosts:
    """A housekeeping task: looks often, and reports each day once."""

    stack: str
    patience_s: float
    """How long after a day's end its jobs may still be running."""
    catalogue: Callable[[], Catalogue]
    jobs: Jobs
    runners: Runners
    memory: Memory
    archive: Archive | None
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Report the last whole day, unless that has been done; run twice it writes the same."""
        now = self.clock()
        begins = last_whole_day(now, self.patience_s)
        date = day(begins)
        fact = f"costs {self.stack} {date}"
        if self.memory.recall(fact, now) and not dry_run:
            return 0, []
        jobs = self.jobs.ended(begins, begins + DAY_S, _MOST)
        machines = self.runners.get(job.instance_id for job in jobs if job.instance_id)
        found = lines(date, jobs, machines, self.catalogue())
        if not dry_run:
            if self.archive and found:
                self.archive.keep(f"{REPORTS}{date}/{self.stack}.jsonl.gz", [wire.dumps(line) for line in found])
            for line in found:
                self.tell(_told(line))
            self.memory.remember(fact, "reported", now + 7 * DAY_S)
        return len(jobs), [
            f"{line.repository} {line.config} on {date}: {line.jobs} jobs, {line.machine_hours} machine hours, "
            f"{'unknown cost' if line.usd is None else f'${line.usd}'}"
            for line in found
        ]


def _told(line: CostLine) -> DayCosted:
    return DayCosted(line.day, line.repository, line.config, line.jobs, line.machine_hours, line.usd, line.unpriced)
