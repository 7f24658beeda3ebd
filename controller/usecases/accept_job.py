"""A queued job is written down once, whoever brings it and however often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.domain import labels, routing
from controller.domain.events import JobAccepted, JobKnown, JobRefused
from controller.domain.fleet_config import RunnerConfig
from controller.domain.job import Job, JobState
from controller.errors import Rejected
from controller.messages import JobQueued
from controller.ports import Configs, Jobs, Tell
from runner_agent.contract.trace import TraceContext


@dataclass(frozen=True, slots=True)
class AcceptJob:
    """The first step of the dispatch door."""

    environment: str
    region: str
    jobs: Jobs
    configs: Configs
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, messages: Sequence[JobQueued]) -> list[Job]:
        """Write down the jobs that mean this stack; those that were new, as they now stand."""
        heard = {job.key: job for message in messages if (job := self._read(message))}
        new = self.jobs.add(list(heard.values()))
        for job in heard.values():
            self._tell(job, is_new=job.key in new)
        return [replace(job, version=job.version + 1) for job in heard.values() if job.key in new]

    def _read(self, message: JobQueued) -> Job | None:
        job = self._job(message)
        try:
            wanted = labels.parse(message.labels)
            if not routing.is_here(wanted, self.environment, self.region):
                return None
            route = routing.resolve(wanted, self._find)
        except Rejected as refusal:
            return replace(job, state=JobState.REFUSED, reason=str(refusal))
        return replace(job, config=route.config.name, shape=routing.shape(message.repository, route))

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
            home=self.region,
            since=self.clock(),
            traceparent=str(
                (
                    TraceContext.parse(message.traceparent) or TraceContext.of_job(message.job_id, message.attempt)
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
