"""What is known of the cloud's pools (lifecycle, machine type, zone): who has refused lately, and so is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.domain.launch import Offering, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle

_ANY = "*"
_HOURS = 6 * 3_600.0

MOST_KEPT = 1_500
"""They are one item of a table together; those that end first are forgotten first."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Until when a pool is left alone, and the code that says why."""

    until: float
    code: str


Refusals = Mapping[str, Refused]
"""By the pool's name, in which a star stands for any."""


def noted(
    known: Refusals, refusals: Sequence[Refusal], asked: tuple[Lifecycle, Iterable[Offering]], now: float, ttl_s: float
) -> Refusals:
    """The memory after an answer; a lack of capacity that names no pool is that of every pool that was asked."""
    lifecycle, offerings = asked
    if not refusals:
        return known
    kept = {name: refused for name, refused in known.items() if refused.until > now}
    for no in refusals:
        for name in _names(no, lifecycle, offerings):
            until = now + (ttl_s if no.kind in _PASSING else _HOURS)
            kept[name] = max(kept.get(name, Refused(0.0, "")), Refused(until, no.code), key=lambda one: one.until)
    latest = sorted(kept.items(), key=lambda item: item[1].until)[-MOST_KEPT:]
    return dict(latest)


def refusal(known: Refusals, lifecycle: Lifecycle, offering: Offering, now: float) -> str:
    """The code with which a pool has refused lately; empty where it has not."""
    kind, zone = offering.instance_type, offering.zone
    for name in (_pool(lifecycle, kind, zone), _pool(_ANY, kind, zone), _pool(_ANY, _ANY, zone)):
        if (found := known.get(name)) and found.until > now:
            return found.code
    return ""


_PASSING = frozenset({RefusalKind.CAPACITY, RefusalKind.SUBNET})


def _names(no: Refusal, lifecycle: Lifecycle, offerings: Iterable[Offering]) -> list[str]:
    match no.kind:
        case RefusalKind.CAPACITY if not no.instance_type:
            return [_pool(lifecycle, one.instance_type, one.zone) for one in offerings]
        case RefusalKind.CAPACITY:
            return [_pool(lifecycle, no.instance_type, no.zone)]
        case RefusalKind.UNSUPPORTED | RefusalKind.CONFIG if no.instance_type and no.zone:
            # Such as an image that does not boot on this type: it stays so until somebody acts.
            return [_pool(_ANY, no.instance_type, no.zone)]
        case RefusalKind.SUBNET if no.zone:
            return [_pool(_ANY, _ANY, no.zone)]
        case _:
            return []


def _pool(lifecycle: str, instance_type: str, zone: str) -> str:
    return f"{lifecycle}/{instance_type}/{zone}"
