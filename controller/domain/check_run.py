"""What a commit is told of a job of its that did not end by itself."""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.job import Job, JobState, Rerun


@dataclass(frozen=True, slots=True)
class Words:
    """The content of a check run."""

    title: str
    summary: str
    conclusion: str


def words_on(job: Job) -> Words | None:
    """What there is to say of the job; None where there is nothing, or it has been said."""
    if job.told or not job.owes:
        return None
    if job.state is JobState.REFUSED:
        return _refused(job)
    return _REMARKS[job.rerun](job) if job.rerun in _REMARKS else None


def _refused(job: Job) -> Words:
    asked = ", ".join(f"`{label}`" for label in job.labels)
    summary = (
        f"**{job.name}** asks for {asked} and gets no runner: {job.reason}.\n\n"
        "GitHub keeps the job queued for a day. Correct its `runs-on`, or the runner configuration, "
        "and cancel this run."
    )
    return Words("No runner for this job", summary, "failure")


def _rerun_made(job: Job) -> Words:
    summary = (
        f"The machine `{job.instance_id}` was taken back by the cloud, or was lost, while it ran **{job.name}**. "
        "This is no test failure. The job is being run again on an on-demand machine."
    )
    return Words("Interrupted, re-run started", summary, "neutral")


def _rerun_declined(job: Job) -> Words:
    summary = (
        f"The machine `{job.instance_id}` was taken back by the cloud, or was lost, while it ran **{job.name}**. "
        f"This is no test failure. The job is not run again: {job.reason}."
    )
    return Words("Interrupted, not run again", summary, "neutral")


_REMARKS = {Rerun.MADE: _rerun_made, Rerun.DECLINED: _rerun_declined}
