"""From a job's labels to the machine it gets: the configuration with the label's wishes laid over it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from controller.domain import labels, offerings
from controller.domain.fleet_config import RunnerConfig
from controller.domain.offerings import InstanceType, Need
from controller.errors import Rejected

FindConfig = Callable[[str], RunnerConfig | None]


@dataclass(frozen=True, slots=True)
class Route:
    """What a job resolves to."""

    config: RunnerConfig
    need: Need
    spot: bool
    types: tuple[InstanceType, ...]
    """Every type that fits, cheapest first; never empty."""

    @property
    def platform(self) -> str:
        """The key of the launch template: operating system and architecture."""
        return f"{self.config.os}/{self.need.arch}"


def resolve(wanted: labels.Wanted, find: FindConfig) -> Route:
    """The route of a wish; raises `Rejected` where no configuration or no machine type can meet it."""
    config = find(wanted.config)
    if config is None:
        raise Rejected(f"there is no runner configuration {wanted.config!r}; ask for one that the stack defines")
    need = Need(
        arch=wanted.arch or config.arch,
        cpu=wanted.cpu or config.cpu,
        # A new cpu range makes the configuration's memory range meaningless unless it is given too.
        ram=wanted.ram or (None if wanted.cpu else config.ram),
        families=wanted.families or (() if wanted.arch else config.families),
    )
    types = offerings.fitting(need)
    if not types:
        raise Rejected(f"no machine type has {_words(need)}; widen the range or name other families")
    spot = config.spot if wanted.spot is None else wanted.spot
    return Route(config, need, spot, types)


def shape(repository: str, route: Route) -> str:
    """A short name for the kind of machine: jobs with the same one can use each other's machines."""
    text = repr((repository.lower(), route.config.name, route.platform, route.need, route.spot))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_here(wanted: labels.Wanted, environment: str, region: str) -> bool:
    """Whether a job that names an environment or a region means this stack."""
    return wanted.env in {"", environment.lower()} and wanted.region in {"", region.lower()}


def _words(need: Need) -> str:
    words = [f"{need.cpu.low:g} to {need.cpu.high:g} vCPU", f"architecture {need.arch}"]
    if need.ram:
        words.append(f"{need.ram.low:g} to {need.ram.high:g} GiB")
    if need.families:
        words.append(f"family {' or '.join(need.families)}")
    return ", ".join(words)
