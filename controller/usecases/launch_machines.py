"""One group of equal jobs gets its machines by one request, safe against a crash at any point.

Order of the writes: reserve (launch record and jobs, one atomic step), ask the cloud, settle. The
launch record holds the frozen request, so that whoever finds it pending asks the very same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller import wiring
from controller.domain import job as jobs_of
from controller.domain import launch, routing
from controller.domain.events import (
    Event,
    JobBackInLine,
    JobLaunched,
    JobRefused,
    LaunchAnswered,
    LaunchRefused,
    LaunchReplayed,
)
from controller.domain.fleet_config import RunnerConfig
from controller.domain.job import Job, JobState
from controller.domain.launch import Launch, LaunchAnswer, LaunchPlan, LaunchState, Rung
from controller.domain.runner import Runner
from controller.domain.settlement import Settlement, settle
from controller.errors import Rejected, Unavailable
from controller.ports import Configs, Fleet, Jobs, Launches, Ledger, Record, Runners, Tell
from runner_agent.contract.trace import TraceContext

_TRIES = 5
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


@dataclass(frozen=True, slots=True)
class LaunchMachines:
    """Shared by the dispatch door, which launches, and by housekeeping, which replays."""

    ground: Ground
    jobs: Jobs
    runners: Runners
    launches: Launches
    ledger: Ledger
    fleet: Fleet
    configs: Configs
    tell: Tell
    clock: Callable[[], float]
    new_id: Callable[[], str]

    def __call__(self, group: Sequence[Job]) -> None:
        """Climb the capacity ladder for waiting jobs of one shape until each has a machine or a reason."""
        try:
            rules = self.configs.rules(self.clock()).policy.rules_for(group[0].repository)
            route = routing.resolve(routing.wish(group[0]), self._find, rules)
            self._template(route.platform)
        except Rejected as refusal:
            self._refuse(group, str(refusal))
            return
        left: Sequence[Job] = group
        for rung in launch.rungs(spot=route.spot and not group[0].on_demand):
            reserved = self._reserve(left, route, rung)
            if reserved is None:
                return
            left, may_climb = self._ask(*reserved, known={})
            if not left or not may_climb:
                break
        self._tell_left(left)

    def replay(self, pending: Launch) -> None:
        """Ask once more for a launch whose dispatcher was lost; the cloud answers with the same machines."""
        self.tell(LaunchReplayed(pending.launch_id, len(pending.jobs)))
        held = list(self.jobs.get(pending.jobs).values())
        known = self.runners.get(job.instance_id for job in held if job.instance_id)
        left, _ = self._ask(pending, held, known)
        self._tell_left(left)

    def _tell_left(self, left: Sequence[Job]) -> None:
        for job in left:
            self.tell(JobBackInLine(job.id, job.repository, job.reason, job.failures))

    def _find(self, name: str) -> RunnerConfig | None:
        return self.configs.find(name, self.clock())

    def _refuse(self, group: Sequence[Job], reason: str) -> None:
        now = self.clock()
        if not self.ledger.save([jobs_of.move(job, JobState.REFUSED, now, reason) for job in group]):
            for job in group:
                self.tell(JobRefused(job.id, job.repository, job.name, reason))

    def _reserve(self, group: Sequence[Job], route: routing.Route, rung: Rung) -> tuple[Launch, list[Job]] | None:
        """The launch record and its jobs, taken out of the line together; None when no job is left to take."""
        for _ in range(_TRIES):
            now = self.clock()
            group = [job for job in group if job.state is JobState.WAITING]
            if not group:
                return None
            record = self._record(group, route, rung, now)
            held = [
                jobs_of.move(job, JobState.LAUNCHING, now, launch_id=record.launch_id, rung=str(rung)) for job in group
            ]
            stale = self.ledger.save([record, *held])
            if not stale:
                return replace(record, version=1), [replace(job, version=job.version + 1) for job in held]
            group = list(self.jobs.get(job.key for job in group).values())
        return None

    def _record(self, group: Sequence[Job], route: routing.Route, rung: Rung, now: float) -> Launch:
        first = group[0]
        plan = LaunchPlan(
            launch_id=self.new_id(),
            template=self._template(route.platform),
            lifecycle=launch.lifecycle_of(rung),
            offerings=launch.offerings_of((kind.name for kind in route.types), self.ground.subnets),
            count=len(group),
            tags=(),
            image=route.image,
            disk=route.disk,
        )
        tags = (
            (wiring.TAG_STACK, self.ground.stack),
            (wiring.TAG_LAUNCH, plan.launch_id),
            (wiring.TAG_CONFIG, route.config.name),
            (wiring.TAG_REPOSITORY, first.repository),
        )
        return Launch(
            launch_id=plan.launch_id,
            request=self.fleet.request(replace(plan, tags=tags)),
            jobs=tuple(job.key for job in group),
            repository=first.repository,
            config=route.config.name,
            shape=first.shape,
            home=self.ground.region,
            lifecycle=plan.lifecycle,
            rung=str(rung),
            created_at=now,
            platform=route.platform,
            claim_deadline_s=route.config.claim_deadline_s or self.ground.claim_deadline_s,
        )

    def _template(self, platform: str) -> str:
        try:
            return self.ground.templates[platform]
        except KeyError:
            raise Rejected(f"stack {self.ground.stack} has no launch template for {platform}") from None

    def _ask(self, record: Launch, held: list[Job], known: Mapping[str, Runner]) -> tuple[Sequence[Job], bool]:
        """Ask the cloud and settle; the jobs left without a machine, and whether the next rung may serve them."""
        asked_at = self.clock()
        answer = self.fleet.launch(record.request)
        answered_at = self.clock()
        settled = self._settle(record, held, answer, known)
        for event in _story(record, answer, settled, asked_at, answered_at):
            self.tell(event)
        return settled.left, launch.may_climb(answer.refusals)

    def _settle(self, record: Launch, held: list[Job], answer: LaunchAnswer, known: Mapping[str, Runner]) -> Settlement:
        for _ in range(_TRIES):
            settled = settle(record, held, answer, known, self.clock())
            if self._save(settled.records):
                return settled.stored()
            again = self.launches.get(record.launch_id)
            if again is None or again.state is LaunchState.SETTLED:
                return Settlement()
            record, held = again, list(self.jobs.get(record.jobs).values())
            known = self.runners.get(machine.instance_id for machine in answer.machines)
        raise Unavailable(f"launch {record.launch_id}: its jobs change faster than it can be settled")

    def _save(self, records: Sequence[Record]) -> bool:
        """Step by step up to the first that fails: the launch record is in the last, and must not be settled alone."""
        steps = (records[start : start + _ATOMIC] for start in range(0, len(records), _ATOMIC))
        return not any(self.ledger.save(step) for step in steps)


def _story(
    record: Launch, answer: LaunchAnswer, settled: Settlement, asked_at: float, answered_at: float
) -> Iterator[Event]:
    """What is to be told of an answered launch."""
    name, started, seconds = record.launch_id, len(answer.machines), answered_at - asked_at
    for no in answer.refusals:
        yield LaunchRefused(name, no.kind, no.code, no.instance_type or "any type", no.zone or "any zone", no.message)
    yield LaunchAnswered(name, record.config, record.lifecycle, len(record.jobs), started, seconds)
    for job, machine in settled.matched:
        yield JobLaunched(
            job=job.id,
            repository=job.repository,
            instance=machine.instance_id,
            instance_type=machine.instance_type,
            zone=machine.zone,
            lifecycle=machine.lifecycle,
            rung=record.rung,
            traceparent=str(TraceContext.of_job(job.key.job_id, job.key.attempt).child()),
            asked_at=asked_at,
            answered_at=answered_at,
        )
