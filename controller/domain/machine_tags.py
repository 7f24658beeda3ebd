"""What a machine's tags say of the jobs it was launched for, as far as all of its launch have it in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from controller.domain.job import Job

LONGEST = 256
"""Characters of a tag's value."""

_STRANGE = re.compile(r"[^\w +\-=.:/@]")
_SAID: Mapping[str, Callable[[Job], str]] = {
    "repository": lambda job: job.repository,
    "labels": lambda job: " ".join(job.labels),
    "workflow": lambda job: job.workflow,
    "run": lambda job: str(job.run_id) if job.run_id else "",
    "job": lambda job: job.name,
}


def in_common(jobs: Sequence[Job]) -> dict[str, str]:
    """What is true of every one of the jobs, by what it is about; each job's own record has all of it."""
    said = {about: {spelled(value(job)) for job in jobs} for about, value in _SAID.items()}
    return {about: text for about, values in said.items() if len(values) == 1 for text in values if text}


def spelled(text: str) -> str:
    """As a tag's value; people name workflows as they like, and a launch must not be refused for it."""
    plain = _STRANGE.sub("_", " ".join(text.split()))[:LONGEST].rstrip()
    return f"_{plain[1:]}" if plain.lower().startswith("aws:") else plain
