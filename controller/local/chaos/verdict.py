"""What came of it all, from outside; a job that was struck three times may end broken, if its commit says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from controller.local.report.mishap import Mishap, Outcome
from controller.local.truth import JobSeen, MachineSeen, Summary, crowded, judge, latest

MOST_ATTEMPTS = 3
"""A job is run again twice."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that was seen."""

    jobs: Sequence[JobSeen]
    machines: Sequence[MachineSeen]
    processes: Sequence[str]
    mishaps: Sequence[Mishap]
    harmed: Collection[str]
    remarks: Sequence[str]
    """What commits say of jobs that were not run again."""
    dead_letters: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The summary, with what is explained taken out of it."""

    summary: Summary
    explained: tuple[str, ...]
    poorly: tuple[str, ...]
    """Strikes that were answered otherwise than they should be, though nothing was lost by it."""
    attempts: int
    machines: int
    spare: int = 0
    """Machines that nobody struck, that came to nothing all the same, and were replaced."""
    struck: dict[str, int] = field(default_factory=dict)
    """How often each fault was played."""

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, broken without a word, doubled, leaked or left."""
        return self.summary.is_good

    def line(self) -> str:
        """The verdict in one line."""
        words = f"{self.summary.line()}; {sum(self.struck.values())} strikes, {self.machines} machines"
        words += f", {self.spare} of them replaced for nothing" if self.spare else ""
        words += f", {len(self.poorly)} strikes answered poorly" if self.poorly else ""
        return (
            words + f", {self.attempts - self.summary.jobs} attempts more, {len(self.explained)} jobs given up and told"
        )


def pronounce(story: Story) -> Verdict:
    """Judge a run."""
    given_up = tuple(sorted(job.name for job in latest(story.jobs) if _is_told(job, story.remarks)))
    known = set(given_up)
    jobs = [job if job.name not in known else _forgiven(job) for job in story.jobs]
    unanswered = [f"{each.text}: {each.answer}" for each in story.mishaps if each.outcome is Outcome.UNANSWERED]
    summary = judge(jobs, story.machines, (), story.processes, story.harmed, story.dead_letters)
    spare = len(summary.double)
    if spare:
        summary = replace(summary, double=tuple(crowded(jobs, story.machines, story.harmed)))
    attempts = sum(1 for job in story.jobs if job.needs_machine)
    return Verdict(summary, given_up, tuple(unanswered), attempts, len(story.machines), spare)


def _is_told(job: JobSeen, remarks: Iterable[str]) -> bool:
    tired = job.broken and job.attempt >= MOST_ATTEMPTS
    return bool(tired) and any(f"**{job.name}**" in remark for remark in remarks)


def _forgiven(job: JobSeen) -> JobSeen:
    return replace(job, broken="")
