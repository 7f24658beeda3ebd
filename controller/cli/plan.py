"""What a job's labels resolve to, by the resolver that production uses, and what said no on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.domain import catalogue, labels, launch, reading, routing
from controller.domain.launch import Rung
from controller.domain.policy import Rule
from controller.domain.routing import Route
from controller.domain.rules import Rules
from controller.errors import Rejected
from controller.ports import Configs

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Question:
    """One job, and the stack that is asked about it."""

    labels: tuple[str, ...]
    repository: str
    environment: str
    region: str
    zones: tuple[str, ...]
    fork: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A machine that may be started for the job."""

    rung: str
    instance_type: str
    zone: str
    cpu: int
    ram: float
    usd_per_hour: float | None
    """About; None: not known."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a filter took away, with some of it by name."""

    filter: str
    types: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What kind of machine the job gets, and where from."""

    config: str
    platform: str
    spot: bool
    retry: str
    image: str
    """AMI; empty: the launch template's."""
    disk: int | None
    """GiB; None: the launch template's."""
    candidates: tuple[Candidate, ...]
    refused: tuple[Refused, ...]
    prices: str
    """Of when and where they are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer; a job that is served has a machine and no refusal."""

    ours: bool
    here: bool
    grammar: str
    stands_for: str
    """The same wish in our own language."""
    register: tuple[str, ...]
    """The labels of the runner, verbatim."""
    warnings: tuple[str, ...] = ()
    refusal: str = ""
    rules: tuple[str, ...] = ()
    """The policy's rules about the repository."""
    machine: Planned | None = None


def plan(question: Question, configs: Configs) -> Plan:
    """What becomes of the job; a refusal is an answer too."""
    rules = configs.rules(0.0)
    if not reading.recognition(rules)(question.labels):
        return Plan(ours=False, here=False, grammar="", stands_for="", register=(), refusal="the labels are not ours")
    try:
        read = reading.read(question.labels, rules)
    except Rejected as no:
        return Plan(ours=True, here=True, grammar="", stands_for="", register=question.labels, refusal=str(no))
    return _planned(question, configs, rules, read)


def _planned(question: Question, configs: Configs, rules: Rules, read: reading.Reading) -> Plan:
    wanted, machine, refusal = read.wanted, None, ""
    about: tuple[Rule, ...] = ()
    here = routing.is_here(wanted, question.environment, question.region)
    extra: tuple[str, ...] = ()
    try:
        about = rules.policy.rules_for(question.repository)
        wanted = rules.forks.applied(wanted) if question.fork else wanted
        route = routing.resolve(wanted, lambda name: configs.find(name, 0.0), about)
        machine, extra = _machine(question, route), route.config.extra_labels
    except Rejected as no:
        refusal = str(no)
    return Plan(
        ours=True,
        here=here,
        grammar=read.grammar,
        stands_for=labels.spell(wanted),
        register=tuple(dict.fromkeys((*read.register, *extra))),
        warnings=read.warnings,
        refusal=refusal if here else "it names another environment or region",
        rules=tuple(rule.name for rule in about),
        machine=machine if here else None,
    )


def _machine(question: Question, route: Route) -> Planned:
    known = catalogue.shipped()
    return Planned(
        config=route.config.name,
        platform=route.platform,
        spot=route.spot,
        retry=route.retry.value,
        image=route.image,
        disk=route.disk.gib if route.disk else None,
        candidates=tuple(_candidates(question, route)),
        refused=tuple(
            Refused(name, len(types), tuple(one.name for one in types[:_EXAMPLES]))
            for name, types in route.choice.refused
        ),
        prices=f"{known.source}, {known.prices}; spot as it usually was until {known.savings_seen}",
    )


def _candidates(question: Question, route: Route) -> Iterator[Candidate]:
    """As the launch would ask for them, rung by rung."""
    known = catalogue.shipped()
    types = {one.name: one for one in route.types}
    for rung in launch.rungs(spot=route.spot):
        for offering in launch.offerings_of(types, dict.fromkeys(question.zones, "")):
            offered = types[offering.instance_type]
            price = known.price(offered, spot=rung is Rung.SPOT)
            yield Candidate(rung.value, offered.name, offering.zone, offered.cpu, offered.ram, price)
