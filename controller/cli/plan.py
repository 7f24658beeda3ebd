"""What a job's labels resolve to, by the resolver and the ladder that production uses, and what said no on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controller.domain import capacity, labels, launch, quotas, reading, routing
from controller.domain import market as markets
from controller.domain.capacity import Capacity
from controller.domain.launch import Rung
from controller.domain.market import Market
from controller.domain.policy import Rule
from controller.domain.quotas import Quotas
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
class Known:
    """What a stack's dispatchers know at this moment; without a stack it is what this package knows."""

    market: Market = field(default_factory=markets.shipped)
    capacity: Capacity = field(default_factory=Capacity)
    quotas: Quotas = field(default_factory=Quotas)
    stack: str = ""
    now: float = 0.0

    def zones(self) -> tuple[str, ...]:
        """The zones of the stack, as far as they were learnt."""
        return tuple(sorted({zone for zones in self.market.zones.values() for zone in zones}))


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
    closed: str = ""
    """Why a dispatcher would not ask for it now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a filter took away, with some of it by name."""

    filter: str
    types: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Headroom:
    """A limit of the account that the machine is counted in, in vCPUs; what is not known is None."""

    quota: str
    group: str
    lifecycle: str
    limit: float | None
    used: int | None


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
    known: str
    """Whose refusals, breakers and limits are shown."""
    headroom: tuple[Headroom, ...] = ()
    elsewhere_after_s: float | None = None
    """When another region of the environment is tried; None: never."""


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


def plan(question: Question, configs: Configs, known: Known | None = None) -> Plan:
    """What becomes of the job; a refusal is an answer too."""
    known = known or Known()
    rules = configs.rules(0.0)
    if not reading.recognition(rules)(question.labels):
        return Plan(ours=False, here=False, grammar="", stands_for="", register=(), refusal="the labels are not ours")
    try:
        read = reading.read(question.labels, rules)
    except Rejected as no:
        return Plan(ours=True, here=True, grammar="", stands_for="", register=question.labels, refusal=str(no))
    return _planned(question, configs, rules, read, known)


def _planned(question: Question, configs: Configs, rules: Rules, read: reading.Reading, known: Known) -> Plan:
    wanted, machine, refusal = read.wanted, None, ""
    about: tuple[Rule, ...] = ()
    here = routing.is_here(wanted, question.environment, question.region)
    extra: tuple[str, ...] = ()
    try:
        about = rules.policy.rules_for(question.repository)
        wanted = rules.forks.applied(wanted) if question.fork else wanted
        route = routing.resolve(wanted, lambda name: configs.find(name, 0.0), about, known.market.catalogue)
        machine, extra = _machine(question, route, known), route.config.extra_labels
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


def _machine(question: Question, route: Route, known: Known) -> Planned:
    candidates = tuple(_candidates(question, route, known))
    return Planned(
        config=route.config.name,
        platform=route.platform,
        spot=route.spot,
        retry=route.retry.value,
        image=route.image,
        disk=route.disk.gib if route.disk else None,
        candidates=candidates,
        refused=tuple(
            Refused(name, len(types), tuple(one.name for one in types[:_EXAMPLES]))
            for name, types in route.choice.refused
        ),
        prices=_prices(known.market),
        known=f"refusals, breakers and limits of {known.stack} now" if known.stack else "nothing live without --stack",
        headroom=tuple(_headroom(candidates, known.quotas)),
        elsewhere_after_s=route.config.elsewhere_after_s,
    )


def _candidates(question: Question, route: Route, known: Known) -> Iterator[Candidate]:
    """As the launch would ask for them, rung by rung."""
    types = {one.name: one for one in (*route.types, *route.wider)}
    for rung in launch.rungs(spot=route.spot):
        if not launch.types_of(rung, route.types, route.wider):
            continue
        lifecycle = launch.lifecycle_of(rung)
        offerings = known.market.ladder(rung, route.types, route.wider, dict.fromkeys(question.zones, ""))
        for offering in offerings[: launch.MOST_OFFERINGS]:
            offered = types[offering.instance_type]
            price = known.market.price(offered, offering.zone, spot=rung is not Rung.ON_DEMAND)
            closed = capacity.closed(known.capacity, lifecycle, offering, known.now)
            yield Candidate(rung.value, offered.name, offering.zone, offered.cpu, offered.ram, price, closed)


def _headroom(candidates: Iterable[Candidate], known: Quotas) -> Iterator[Headroom]:
    wanted = {
        (launch.lifecycle_of(Rung(one.rung)), quotas.group_of(one.instance_type)): None
        for one in candidates
        if known.known
    }
    for lifecycle, group in wanted:
        if quota := known.of(lifecycle, group):
            yield Headroom(quota.code, group, lifecycle.value, quota.limit, quota.used)


def _prices(market: Market) -> str:
    if market.seen_at is not None:
        return f"learnt from EC2 on {datetime.fromtimestamp(market.seen_at, UTC):%Y-%m-%d %H:%M} UTC"
    known = market.catalogue
    return f"shipped: {known.source}, {known.prices}; spot as it usually was until {known.savings_seen}"
