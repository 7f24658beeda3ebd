"""A queued job is written down once, whoever brings it and however often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.domain import interruption, labels, reading, routing
from controller.domain import market as markets
from controller.domain.events import JobAccepted, JobKnown, JobRefused, JobSentHome
from controller.domain.fleet_config import RunnerConfig
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.market import Market
from controller.domain.rules import Forks, Trust
from controller.errors import Rejected
from controller.messages import JobQueued, Wake
from controller.ports import Configs, Jobs, Memory, Origins, Outbox, Tell
from controller.usecases.region_watch import REPLICATED_S, RegionWatch
from runner_agent.contract.trace import TraceContext


@dataclass(frozen=True, slots=True)
class AcceptJob:
    """The first step of the dispatch door."""

    environment: str
    watch: RegionWatch
    jobs: Jobs
    configs: Configs
    memory: Memory
    tell: Tell
    clock: Callable[[], float]
    origins: Origins | None = None
    """Who can tell forks; without it a stack with a policy for forks takes every run for one."""
    peers: Mapping[str, Outbox] = field(default_factory=dict)
    """Where jobs go that another region of the environment is in charge of."""
    market: Callable[[], Market] = markets.shipped

    def __call__(self, messages: Sequence[JobQueued]) -> list[Job]:
        """Write down the jobs that mean this stack; those that were new and live here, as they now stand.

        Those that another region is in charge of are sent there, after all others are safe.
        """
        heard: dict[JobKey, Job] = {}
        elsewhere: list[tuple[str, JobQueued]] = []
        for message in messages:
            named = self._named(message)
            if named is None:
                continue
            if (region := self.watch.in_charge(named)) != self.watch.region:
                elsewhere.append((region, message))
                continue
            heard[message.key] = replace(self._read(message), home=self.watch.home_of_new(named))
        new = self.jobs.add(list(heard.values()))
        for job in heard.values():
            self._tell(job, is_new=job.key in new)
        for region, message in elsewhere:
            self.peers[region].send(message)
            self.tell(JobSentHome(str(message.key), region, message.kind))
        self._wake({job.home for job in heard.values() if job.key in new})
        mine = (job for job in heard.values() if job.key in new and job.home == self.watch.region)
        return [replace(job, version=job.version + 1) for job in mine]

    def _wake(self, homes: set[str]) -> None:
        for region in homes - {self.watch.region}:
            self.peers[region].send(Wake(f"{self.watch.region} drains"), REPLICATED_S)

    def _named(self, message: JobQueued) -> str | None:
        """The region that a job asks for, or nothing where any will do; None where it is not for this environment."""
        try:
            wanted = reading.read(message.labels, self.configs.rules(self.clock())).wanted
        except Rejected:
            # To be refused, by whoever is in charge of jobs that name no region.
            return ""
        named = next((region for region in self.watch.regions if region.lower() == wanted.region), wanted.region)
        is_here = routing.is_here(wanted, self.environment, *self.watch.regions)
        return named if is_here else None

    def _read(self, message: JobQueued) -> Job:
        job = self._marked(self._job(message))
        rules = self.configs.rules(self.clock())
        try:
            read = reading.read(message.labels, rules)
            limits = rules.policy.rules_for(message.repository, message.server_name)
            wanted = self._trusted(message, read.wanted, rules.forks)
            route = routing.resolve(wanted, self._find, limits, self.market().catalogue)
        except Rejected as refusal:
            return replace(job, state=JobState.REFUSED, reason=str(refusal))
        foreign = read.grammar != reading.OURS or wanted != read.wanted
        return replace(
            job,
            config=route.config.name,
            wanted=labels.spell(wanted) if foreign else "",
            shape=routing.shape(message.repository, route, message.server_name),
        )

    def _marked(self, job: Job) -> Job:
        """A later attempt may be the re-run of an interrupted job, which no interruption shall meet again."""
        if job.key.attempt == 1:
            return job
        reruns = self.memory.recall(interruption.mark(job, job.key.attempt), self.clock())
        return replace(job, on_demand=True, reruns=int(reruns)) if reruns else job

    def _trusted(self, message: JobQueued, wanted: labels.Wanted, forks: Forks) -> labels.Wanted:
        """The wish as the stack's policy for forks lets it be; asks GitHub only where there is such a policy."""
        if forks.trust is Trust.ALLOW:
            return wanted
        if self.origins is not None and not self.origins.is_fork(message, self.clock()):
            return wanted
        return forks.applied(wanted)

    def _find(self, name: str) -> RunnerConfig | None:
        return self.configs.find(name, self.clock())

    def _job(self, message: JobQueued) -> Job:
        return Job(
            key=message.key,
            repository=message.repository,
            server=message.server,
            installation_id=message.installation_id,
            run_id=message.run_id,
            workflow=message.workflow,
            name=message.name,
            labels=message.labels,
            head_sha=message.head_sha,
            queued_at=message.queued_at,
            received_at=message.received_at,
            intake=message.intake,
            home=self.watch.region,
            since=self.clock(),
            traceparent=str(
                (
                    TraceContext.parse(message.traceparent)
                    or TraceContext.of_job(message.job_id, message.attempt, message.server_name)
                ).child()
            ),
        )

    def _tell(self, job: Job, *, is_new: bool) -> None:
        if not is_new:
            self.tell(JobKnown(job.id, job.repository, job.intake))
        elif job.state is JobState.REFUSED:
            self.tell(JobRefused(job.id, job.repository, job.name, job.reason))
        else:
            self.tell(
                JobAccepted(
                    job=job.id,
                    repository=job.repository,
                    name=job.name,
                    intake=job.intake,
                    config=job.config,
                    traceparent=job.traceparent,
                    received_at=job.received_at,
                    accepted_at=self.clock(),
                )
            )
