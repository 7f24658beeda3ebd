"""What to ask GitHub when webhooks may have been lost: which deliveries again, and which repositories next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

KEPT_S = 3 * 86_400.0
"""GitHub forgets deliveries after three days: https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""

_FINE = range(200, 300)
_FOR_GOOD = frozenset({400, 413, 422})
"""Our own door's word that a delivery can never be read."""
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that the App is installed on."""

    server: str
    installation_id: int
    name: str
    """`owner/name`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery in GitHub's log. `at` is seconds since the epoch; a status of 0 means that nobody answered."""

    delivery_id: int
    guid: str
    """The same for a delivery and all its redeliveries."""
    event: str
    status: int
    redelivery: bool
    at: float


def to_send_again(log: Sequence[Sent]) -> list[int]:
    """The deliveries of jobs that never came through, in the order in which things happened."""
    latest: dict[str, Sent] = {}
    first: dict[str, float] = {}
    for sent in sorted(log, key=lambda sent: (sent.at, sent.delivery_id)):
        first.setdefault(sent.guid, sent.at)
        known = latest.get(sent.guid)
        # What came through once needs no other try, whatever came of a later copy.
        if known is None or known.status not in _FINE:
            latest[sent.guid] = sent
    wanted = [sent for sent in latest.values() if sent.event == "workflow_job" and _may_help(sent)]
    return [sent.delivery_id for sent in sorted(wanted, key=lambda sent: (first[sent.guid], sent.delivery_id))]


def _may_help(sent: Sent) -> bool:
    if sent.status == _UNAUTHORIZED:
        # Perhaps the secret was being replaced; signed anew and refused again, it is wrong.
        return not sent.redelivery
    return sent.status not in _FINE and sent.status not in _FOR_GOOD


def next_after(repositories: Sequence[Repository], last: str, first: frozenset[str]) -> list[Repository]:
    """All repositories: one of those in `first` and one of the others by turns, the others after the last one seen."""
    ordered = sorted(repositories, key=lambda repository: (repository.server, repository.name))
    busy = [repository for repository in ordered if repository.name in first]
    rest = [repository for repository in ordered if repository.name not in first]
    later = [repository for repository in rest if f"{repository.server} {repository.name}" > last]
    turn = [*later, *(repository for repository in rest if repository not in later)]
    return [each for pair in zip_longest(busy, turn) for each in pair if each is not None]
