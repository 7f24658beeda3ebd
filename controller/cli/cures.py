"""What whoever is on call can do about a reason that stands on a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.domain.job import JobState

HELD = "machines of its configuration die in boot: mend the image, its network or the claim; the next one that comes up"
_CAPACITY = "EC2 has no such machine just now, and is asked again by itself; more families, `widen`, or more zones help"

_WAITING = (
    ("is held back: machine after machine", f"{HELD} frees all. A console: `spotrunner runners show <machine>`"),
    ("ServiceLinkedRole", "the account lacks the role for spot: deploy once with `serviceRoles: true`"),
    (
        "the account's limit",
        "a quota of the account: have it raised (Service Quotas, Amazon EC2), or end other machines",
    ),
    ("LimitExceeded", "a quota of the account: have it raised (Service Quotas, Amazon EC2), or end other machines"),
    (
        "closed by the operator",
        "an order of ours: `spotrunner breaker list`, then `spotrunner breaker auto <type> <zone>`",
    ),
    ("InsufficientFreeAddresses", "the subnets have no address left: end machines, or give the stack larger subnets"),
    ("breaker: ", "machines there were taken away again and again; it is tried again by itself"),
    ("Capacity", _CAPACITY),
    ("SpotMaxPriceTooLow", _CAPACITY),
    ("Unsupported", "no zone of the stack has these types: name other families"),
    ("the cloud started fewer", _CAPACITY),
)
"""The first whose sign is in the reason is said."""

_REFUSED = (
    ("machines came to nothing", "see what each of them said below, mend that, then run the job again at GitHub"),
    ("EC2 refuses", "mend that, then run the job again at GitHub"),
    ("", "mend `runs-on` or the configuration, try it with `spotrunner plan`, then run the job again at GitHub"),
)

_KNOWN: Mapping[JobState, Sequence[tuple[str, str]]] = {JobState.WAITING: _WAITING, JobState.REFUSED: _REFUSED}


def cure(state: JobState, reason: str) -> str:
    """What to do; empty where nothing needs doing."""
    return next((words for sign, words in _KNOWN.get(state, ()) if sign in reason), "")
