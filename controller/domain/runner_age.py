"""How far images lag behind GitHub's runner: GitHub gives no job to one that is a release behind for thirty days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.runner import Runner

REFUSED_S = 30 * 86_400.0
"""https://docs.github.com/en/actions/reference/runners/self-hosted-runners#runner-software-updates-on-self-hosted-runners"""


@dataclass(frozen=True, slots=True)
class Current:
    """The release that GitHub offers for a platform, and since when it has been seen to."""

    version: str
    since: float


@dataclass(frozen=True, slots=True)
class Behind:
    """A configuration whose image has no runner of the current release on board."""

    config: str
    platform: str
    baked: str
    current: str
    for_s: float
    """At the least: the release was seen that long ago."""

    @property
    def is_refused(self) -> bool:
        """Whether a runner of the image's own could be given no job any more."""
        return self.for_s >= REFUSED_S


def behind(machines: Iterable[Runner], current: Mapping[str, Current], now: float, warn_s: float) -> list[Behind]:
    """The configurations to warn of, by what their machines have said at their claims; `current` is by platform."""
    lagging: dict[str, Behind] = {}
    for machine in machines:
        offered = current.get(machine.platform)
        if offered is None or not machine.baked or offered.version in machine.baked:
            continue
        late = now - offered.since
        if late >= warn_s:
            best = max(machine.baked, key=_order)
            lagging[machine.config] = Behind(machine.config, machine.platform, best, offered.version, late)
    return [lagging[config] for config in sorted(lagging)]


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))
