"""One group of equal jobs gets its machines by one request, safe against a crash at any point.

Order of the writes: reserve (launch record and jobs, one atomic step), ask the cloud, settle. The
launch record holds the frozen request, so that whoever finds it pending asks the very same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from controller import wiring
from controller.domain import job as jobs_of
from controller.domain import launch, quotas, routing
from controller.domain import market as markets
from controller.domain.capacity import Turn
from controller.domain.events import (
    ApiFailed,
    CapacityExhausted,
    Event,
    JobBackInLine,
    JobHeld,
    JobLaunched,
    JobRefused,
    LaunchAnswered,
    LaunchesPaced,
    LaunchRefused,
    LaunchReplayed,
)
from controller.domain.fleet_config import RunnerConfig
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.launch import Launch, LaunchAnswer, LaunchPlan, LaunchState, Machine, Offering, Refusal, Rung
from controller.domain.market import Market
from controller.domain.own_roles import OwnRoles
from controller.domain.quotas import Quotas
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle, Runner
from controller.domain.settlement import Settlement, settle
from controller.errors import Rejected, Unavailable
from controller.ports import Configs, Fleet, Jobs, Launches, Ledger, Record, Runners, Tell
from controller.usecases.capacity_book import CapacityBook
from controller.usecases.move_jobs import stay
from runner_agent.contract.trace import TraceContext

_TRIES = 5
_LINE_READ = 100
_ATOMIC = 100
"""Records that the ledger writes in one step."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a stack launches: its name, its launch templates by platform, its subnets by zone."""

    stack: str
    region: str
    templates: Mapping[str, str]
    subnets: Mapping[str, str]
    claim_deadline_s: float
    own_roles: OwnRoles = field(default_factory=OwnRoles)


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder for one route, and why the rungs before it do not do."""

    route: routing.Route
    rung: Rung
    offerings: tuple[Offering, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """Whom a launch is for: jobs of one shape, or as many spares of a pool."""

    jobs: tuple[JobKey, ...]
    repository: str
    shape: str
    spares: int = 0


@dataclass(frozen=True, slots=True)
class LaunchMachines:
    """Shared by the dispatch door, which launches, and by housekeeping, which fills pools and replays."""

    ground: Ground
    jobs: Jobs
    runners: Runners
    launches: Launches
    ledger: Ledger
    fleet: Fleet
    configs: Configs
    book: CapacityBook
    tell: Tell
    clock: Callable[[], float]
    new_id: Callable[[], str]
    market: Callable[[], Market] = markets.shipped
    quotas: Callable[[], Quotas] = Quotas
    elsewhere: Callable[[Sequence[Job], RunnerConfig, str], Sequence[Job]] = stay
    """Another region takes some of the jobs that get no machine here; those that stay."""

    def __call__(self, group: Sequence[Job]) -> None:
        """Climb the capacity ladder for waiting jobs of one shape until each has a machine or a reason."""
        try:
            rules = self.configs.rules(self.clock()).policy.rules_for(group[0].repository, group[0].key.server)
            route = routing.resolve(routing.wish(group[0]), self._find, rules, self.market().catalogue)
            self._template(route)
        except Rejected as refusal:
            self._refuse(group, str(refusal))
            return
        for why, jobs in launch.starts(group, route.config.on_demand_after):
            self._climb(jobs, route, why)

    def replay(self, pending: Launch) -> None:
        """Ask once more for a launch whose dispatcher was lost; the cloud answers with the same machines."""
        self.tell(LaunchReplayed(pending.launch_id, pending.wanted))
        if pending.spares:
            # Its pool has counted on them all the while.
            self.ask(pending, [], Turn(), {})
            return
        held = list(self.jobs.get(pending.jobs).values())
        known = self.runners.get(job.instance_id for job in held if job.instance_id)
        taken_over = any(job.home != pending.home for job in held)
        if taken_over or not any(_waits_for(pending, job, known) for job in held):
            self._abandon(pending, [job for job in held if job.home == pending.home])
            return
        settled, refusals = self.ask(pending, held, Turn(), known)
        self._send_back(settled.left, refusals)

    def _abandon(self, pending: Launch, held: Sequence[Job]) -> None:
        """Settle without asking again, which could launch for jobs that are served, or served elsewhere by now.

        Machines that it did start are written down; where nobody of their shape waits, they end.
        """
        started = self._started(pending)
        # A machine that has claimed is written down already, whatever its job counts on by now.
        known = self.runners.get(machine.instance_id for machine in started.machines)
        settled = self._paired(pending, held, started, known)
        if self._save(settled.records):
            for job in settled.left:
                self.tell(JobBackInLine(job.id, job.repository, job.reason, job.failures))

    def _started(self, pending: Launch) -> LaunchAnswer:
        """What came of a launch, by the cloud's own list."""
        mine = [machine for machine in self.fleet.machines() if machine.launch_id == pending.launch_id]
        return LaunchAnswer(
            tuple(Machine(each.instance_id, each.instance_type, each.zone, pending.lifecycle) for each in mine)
        )

    def _climb(self, group: Sequence[Job], route: routing.Route, why: str) -> None:
        """Rung by rung, each with those that the rungs before could not serve; `why` is the reason to begin higher."""
        left = group
        for rung in launch.rungs(spot=route.spot and not why):
            offerings = self.market().ladder(rung, route.types, route.wider, self.ground.subnets)
            if not offerings:
                continue
            step = Step(route, rung, offerings, why)
            left, no = self._serve(left, step)
            if not left or not no:
                return
            why = "; ".join(filter(None, (why, f"{rung}: {no}")))
        if why:
            self.tell(CapacityExhausted(route.config.name, len(left), why))
        left = self.elsewhere(left, route.config, why)
        self._explain(left, {job.key: job.version for job in group}, why)

    def _serve(self, left: Sequence[Job], step: Step) -> tuple[Sequence[Job], str]:
        """Ask on one rung for as long as it gives; who is left, and why this rung has nothing for them.

        Without a reason nothing may be asked for them on any other rung either.
        """
        lifecycle = launch.lifecycle_of(step.rung)
        while left:
            turn = self.book.turn(lifecycle, step.offerings, len(left))
            if turn.paced:
                self.tell(LaunchesPaced(step.route.config.name, len(left)))
            if not turn.count:
                return left, self._with_limits(turn, lifecycle)
            reserved = self._reserve(left[: turn.count], step, turn)
            settled, refusals = self.ask(*reserved, turn, known={}) if reserved else (Settlement(), ())
            unserved = settled.left
            left = (*unserved, *left[turn.count :])
            if not launch.may_climb(refusals):
                self._send_back(unserved, refusals)
                left = left[len(unserved) :]
            if unserved:
                return left, launch.why(refusals) if launch.may_climb(refusals) else ""
        return (), ""

    def _with_limits(self, turn: Turn, lifecycle: Lifecycle) -> str:
        """Why a rung is closed, with the limits of the account that are a part of that and how to raise them."""
        if not turn.walled:
            return turn.closed
        known = self.quotas()
        limits = (quotas.words(known.of(lifecycle, group)) for group in turn.walled)
        return " - ".join(filter(None, (turn.closed, *limits)))

    def _send_back(self, left: Sequence[Job], refusals: Sequence[Refusal]) -> None:
        """They wait for another try, or are refused where no try will ever do."""
        if left and launch.can_never_work(refusals):
            first = refusals[0]
            self._refuse(left, f"EC2 refuses the launch: {first.code} {first.message}; {launch.cure(first.code)}")
            return
        for job in left:
            self.tell(JobBackInLine(job.id, job.repository, job.reason, job.failures))

    def _explain(self, left: Sequence[Job], before: Mapping[JobKey, int], why: str) -> None:
        """Write down why nothing is asked for them, where it is new; those just asked for have a reason already."""
        for job in left:
            if job.version != before.get(job.key):
                self.tell(JobBackInLine(job.id, job.repository, job.reason, job.failures))
        news = [replace(job, reason=why) for job in left if job.version == before.get(job.key) and job.reason != why]
        if news and not self.ledger.save(news):
            for job in news:
                self.tell(JobHeld(job.id, job.repository, why))

    def _find(self, name: str) -> RunnerConfig | None:
        return self.configs.find(name, self.clock())

    def _refuse(self, group: Sequence[Job], reason: str) -> None:
        now = self.clock()
        if not self.ledger.save([jobs_of.move(job, JobState.REFUSED, now, reason) for job in group]):
            for job in group:
                self.tell(JobRefused(job.id, job.repository, job.name, reason))

    def _reserve(self, group: Sequence[Job], step: Step, turn: Turn) -> tuple[Launch, list[Job]] | None:
        """The launch record and its jobs, taken out of the line together; None when no job is left to take."""
        for _ in range(_TRIES):
            now = self.clock()
            group = [job for job in group if job.state is JobState.WAITING and job.home == self.ground.region]
            if not group:
                return None
            order = Order(tuple(job.key for job in group), group[0].repository, group[0].shape)
            record = self.frozen(order, step, turn, now)
            rung = {"launch_id": record.launch_id, "rung": record.rung, "rung_reason": step.why}
            held = [jobs_of.move(job, JobState.LAUNCHING, now, **rung) for job in group]
            stale = self.ledger.save([record, *held])
            if not stale:
                return replace(record, version=1), [replace(job, version=job.version + 1) for job in held]
            group = list(self.jobs.get(job.key for job in group).values())
        return None

    def frozen(self, order: Order, step: Step, turn: Turn, now: float) -> Launch:
        """The launch record, to be written down before anything is asked."""
        route = step.route
        plan = LaunchPlan(
            launch_id=self.new_id(),
            template=self._template(route),
            lifecycle=launch.lifecycle_of(step.rung),
            offerings=turn.offerings,
            count=len(order.jobs) or order.spares,
            tags=(),
            image=route.image,
            disk=route.disk,
        )
        tags = (
            (wiring.TAG_STACK, self.ground.stack),
            (wiring.TAG_LAUNCH, plan.launch_id),
            (wiring.TAG_CONFIG, route.config.name),
            *(((wiring.TAG_REPOSITORY, order.repository),) if order.repository else ()),
        )
        return Launch(
            launch_id=plan.launch_id,
            request=self.fleet.request(replace(plan, tags=tags)),
            jobs=order.jobs,
            repository=order.repository,
            config=route.config.name,
            shape=order.shape,
            home=self.ground.region,
            lifecycle=plan.lifecycle,
            rung=str(step.rung),
            created_at=now,
            platform=route.platform,
            claim_deadline_s=route.config.claim_deadline_s or self.ground.claim_deadline_s,
            spares=order.spares,
        )

    def _template(self, route: routing.Route) -> str:
        platform, own = route.platform, self.ground.own_roles
        if route.config.name in own:
            return own.template(route.config, platform)
        try:
            return self.ground.templates[platform]
        except KeyError:
            raise Rejected(f"stack {self.ground.stack} has no launch template for {platform}") from None

    def ask(
        self, record: Launch, held: list[Job], turn: Turn, known: Mapping[str, Runner]
    ) -> tuple[Settlement, Sequence[Refusal]]:
        """Ask the cloud and settle; what came of it, and what was refused."""
        asked_at = self.clock()
        try:
            answer = self.fleet.launch(record.request)
        except Unavailable:
            self.book.unanswered()
            raise
        answered_at = self.clock()
        self.book.answered(record.lifecycle, turn, answer)
        for closed in self.book.closed_since(answered_at):
            self.tell(closed)
        settled = self._settle(record, held, answer, known)
        for event in _story(record, answer, settled, asked_at, answered_at):
            self.tell(event)
        return settled, answer.refusals

    def ask_for_spares(self, record: Launch, turn: Turn) -> tuple[int, Sequence[Refusal]]:
        """Ask for a pool; how many were started, and what was refused."""
        settled, refusals = self.ask(replace(record, version=1), [], turn, known={})
        return settled.started, refusals

    def _settle(self, record: Launch, held: list[Job], answer: LaunchAnswer, known: Mapping[str, Runner]) -> Settlement:
        for _ in range(_TRIES):
            settled = self._paired(record, held, answer, known)
            if self._save(settled.records):
                return settled.stored()
            again = self.launches.get(record.launch_id)
            if again is None or again.state is LaunchState.SETTLED:
                return Settlement()
            record, held = again, list(self.jobs.get(record.jobs).values())
            known = self.runners.get(machine.instance_id for machine in answer.machines)
        raise Unavailable(f"launch {record.launch_id}: its jobs change faster than it can be settled")

    def _paired(
        self, record: Launch, held: Sequence[Job], answer: LaunchAnswer, known: Mapping[str, Runner]
    ) -> Settlement:
        """Machines with jobs; only where one is left over is the line asked for another job of its shape."""
        settled = settle(record, held, answer, known, self.clock())
        if settled.unwanted:
            with suppress(Unavailable):
                return settle(record, held, answer, known, self.clock(), self.jobs.waiting(_LINE_READ))
        return settled

    def _save(self, records: Sequence[Record]) -> bool:
        """Step by step up to the first that fails: the launch record is in the last, and must not be settled alone."""
        steps = (records[start : start + _ATOMIC] for start in range(0, len(records), _ATOMIC))
        return not any(self.ledger.save(step) for step in steps)


def _waits_for(pending: Launch, job: Job, known: Mapping[str, Runner]) -> bool:
    """Whether a job still wants its machine of this launch, or has one that is not written down."""
    return job.launch_id == pending.launch_id and job.state in _BEFORE_WORK and job.instance_id not in known


_BEFORE_WORK = frozenset({JobState.LAUNCHING, JobState.LAUNCHED, JobState.CLAIMED})


_EXPECTED = frozenset({RefusalKind.CAPACITY, RefusalKind.UNSUPPORTED, RefusalKind.RATE, RefusalKind.RACE})
"""Refusals that are no errors: the ladder, the pace and the next try are there for them."""


def _story(
    record: Launch, answer: LaunchAnswer, settled: Settlement, asked_at: float, answered_at: float
) -> Iterator[Event]:
    """What is to be told of an answered launch."""
    name, started, seconds = record.launch_id, len(answer.machines), answered_at - asked_at
    for no in answer.refusals:
        yield LaunchRefused(name, no.kind, no.code, no.instance_type or "any type", no.zone or "any zone", no.message)
        if no.kind not in _EXPECTED:
            yield ApiFailed("ec2", "CreateFleet", f"{no.code} {no.message}")
    yield LaunchAnswered(name, record.config, record.lifecycle, record.wanted, started, seconds)
    for job, machine in settled.matched:
        yield JobLaunched(
            job=job.id,
            repository=job.repository,
            instance=machine.instance_id,
            instance_type=machine.instance_type,
            zone=machine.zone,
            lifecycle=machine.lifecycle,
            rung=record.rung,
            traceparent=str(TraceContext.of_job(job.key.job_id, job.key.attempt, job.key.server).child()),
            asked_at=asked_at,
            answered_at=answered_at,
        )
