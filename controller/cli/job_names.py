"""What people call a job: GitHub's id, the address of its page, or the machine it is on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from controller.domain.job_key import JobKey
from controller.errors import Rejected

MOST_ATTEMPTS = 20
"""GitHub gives every attempt's job an id of its own, so nearly always the first guesses are right."""

_ONE_SERVER: Mapping[str, str] = {}
_ID = re.compile(r"(?:([\w.-]{1,64}):)?(\d{1,19})(?:#(\d{1,4}))?")
_PAGE = re.compile(
    r"https?://([^/:\s]+)[^/\s]*/[^/\s]+/[^/\s]+/actions/runs/(\d{1,19})(?:/attempts/(\d{1,4}))?/job/(\d{1,19})\b.*"
)
_RUN = re.compile(r"https?://\S+/actions/runs/(\d{1,19})\b.*")
_MACHINE = re.compile(r"(?:spotrunner-)?(i-[0-9a-f]{1,32})(?:-\d+)?")


@dataclass(frozen=True, slots=True)
class Named:
    """The records that a name may mean."""

    text: str
    keys: tuple[JobKey, ...] = ()
    machine: str = ""


def read(text: str, hosts: Mapping[str, str] = _ONE_SERVER) -> Named:
    """The name, understood; raises `Rejected` with what would be one.

    `hosts` are the names of the stack's GitHub servers by the hosts of their pages; any other host is the first one's.
    """
    text = text.strip()
    if match := _ID.fullmatch(text):
        return Named(text, _attempts(int(match[2]), match[3], match[1] or ""))
    if match := _PAGE.fullmatch(text):
        return Named(text, _attempts(int(match[4]), match[3], hosts.get(match[1], "")))
    if match := _MACHINE.fullmatch(text):
        return Named(text, machine=match[1])
    if _RUN.fullmatch(text):
        raise Rejected(f"{text} is a run; open one of its jobs there, and give the address of that page")
    raise Rejected(
        f"{text!r} is no job: give GitHub's job id (4242 or 4242#2), the address of the job's page, or a machine's id"
    )


def _attempts(job_id: int, attempt: str | None, server: str) -> tuple[JobKey, ...]:
    if attempt:
        return (JobKey(job_id, int(attempt), server),)
    return tuple(JobKey(job_id, number, server) for number in range(1, MOST_ATTEMPTS + 1))
