"""From a job's labels to the machine it gets: the configuration with the label's wishes laid over it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.domain import catalogue, labels, offerings, policy
from controller.domain.catalogue import Catalogue, InstanceType
from controller.domain.fleet_config import Retry, RunnerConfig
from controller.domain.job import Job
from controller.domain.launch import Disk
from controller.domain.offerings import Choice, Need
from controller.domain.policy import Rule
from controller.errors import Rejected

FindConfig = Callable[[str], RunnerConfig | None]


@dataclass(frozen=True, slots=True)
class Route:
    """What a job resolves to."""

    config: RunnerConfig
    need: Need
    spot: bool
    retry: Retry
    image: str
    """AMI; empty: the launch template's."""
    disk: Disk | None
    choice: Choice
    wider: tuple[InstanceType, ...] = ()
    """Types that will do where none of the wanted has a spot machine left, cheapest first."""

    @property
    def types(self) -> tuple[InstanceType, ...]:
        """Every type that fits, cheapest first; never empty."""
        return self.choice.types

    @property
    def platform(self) -> str:
        """The key of the launch template: operating system and architecture."""
        return f"{self.config.os}/{self.need.arch}"


def wish(job: Job) -> labels.Wanted:
    """What a job written down asks for: its labels in another's language were read when it was accepted."""
    return labels.parse((job.wanted,) if job.wanted else job.labels)


def resolve(
    wanted: labels.Wanted, find: FindConfig, rules: Sequence[Rule] = (), known: Catalogue | None = None
) -> Route:
    """The route of a wish; raises `Rejected` where a rule, or no configuration or machine type, allows it.

    Without a catalogue it is the one in this package.
    """
    types = (known or catalogue.shipped()).types
    policy.check(wanted, rules)
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
    choice = offerings.choose(types, offerings.filters(need, rules))
    if not choice.types:
        raise Rejected(_nothing(need, choice))
    return Route(
        config=config,
        need=need,
        spot=config.spot if wanted.spot is None else wanted.spot,
        retry=config.retry if wanted.retry is Retry.JOB else wanted.retry,
        image=_image(wanted, config, need),
        disk=_disk(wanted, config, rules),
        choice=choice,
        wider=_wider(wanted, config, need, choice, rules, types),
    )


def shape(repository: str, route: Route, server: str = "") -> str:
    """A short name for the kind of machine: jobs with the same one can use each other's machines."""
    machine = (route.config.name, route.platform, route.need, route.spot, route.image, route.disk)
    return hashlib.sha256(repr((_source(repository, server).lower(), *machine)).encode()).hexdigest()[:16]


def _source(repository: str, server: str) -> str:
    return f"{server}:{repository}" if server else repository


def is_here(wanted: labels.Wanted, environment: str, *regions: str) -> bool:
    """Whether a job that names an environment or a region means this environment in one of its regions."""
    return wanted.env in {"", environment.lower()} and wanted.region in {"", *(region.lower() for region in regions)}


def _wider(
    wanted: labels.Wanted,
    config: RunnerConfig,
    need: Need,
    choice: Choice,
    rules: Sequence[Rule],
    types: Sequence[InstanceType],
) -> tuple[InstanceType, ...]:
    """Nothing where the job named its families itself, or may have any."""
    if wanted.families or not need.families or not config.widen:
        return ()
    more = offerings.choose(types, offerings.filters(replace(need, families=config.widen), rules))
    return tuple(offered for offered in more.types if offered not in choice.types)


def _image(wanted: labels.Wanted, config: RunnerConfig, need: Need) -> str:
    name = wanted.image or config.image
    if not name:
        return ""
    if name not in config.images:
        raise Rejected(f"configuration {config.name!r} has no image {name!r}; {labels.nearest(name, config.images)}")
    if need.arch is not config.arch:
        raise Rejected(f"image {name!r} of configuration {config.name!r} is for {config.arch}, not for {need.arch}")
    return config.images[name]


def _disk(wanted: labels.Wanted, config: RunnerConfig, rules: Sequence[Rule]) -> Disk | None:
    gib = wanted.disk or config.disk
    if gib is None:
        return None
    for rule in rules:
        if gib > rule.most.get("disk", gib):
            raise Rejected(f"rule {rule.name!r} of this stack does not allow a disk of {gib} GiB")
    return Disk(config.root_device, gib)


def _nothing(need: Need, choice: Choice) -> str:
    """Why nothing is left; a rule is named where it took the last."""
    last = next((name for name, refused in reversed(choice.refused) if refused), "")
    by_rule = f"; {last} refuses what else would fit" if last.startswith("rule ") else ""
    return f"no machine type has {_words(need)}{by_rule}; widen the range or name other families"


def _words(need: Need) -> str:
    words = [f"{need.cpu.low:g} to {need.cpu.high:g} vCPU", f"architecture {need.arch}"]
    if need.ram:
        words.append(f"{need.ram.low:g} to {need.ram.high:g} GiB")
    if need.families:
        words.append(f"family {' or '.join(need.families)}")
    return ", ".join(words)
