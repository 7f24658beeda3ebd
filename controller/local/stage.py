"""GitHub and AWS side by side on this machine, joined as they are in the world: by a webhook and by REST."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller import wiring
from controller.local.aws.buckets import Limits
from controller.local.aws.calls import CallRecord
from controller.local.aws.cloud import LocalCloud, Options
from controller.local.aws.instance import ENDED, Instance, Latencies, Reason, State
from controller.local.aws.machines import Machines, Room
from controller.local.aws.principals import PrincipalKind
from controller.local.aws.provision import GitHubApp, OwnRole
from controller.local.github.config import Config
from controller.local.github.job import Conclusion, Job
from controller.local.github.server import GitHub
from controller.local.scenario import deeds
from controller.local.scenario.outside import DeliverySeen, RunnerSeen, Victims
from controller.local.scenario.plan import Step
from controller.local.truth import CallSeen, JobSeen, MachineSeen

RUNNER_CONFIGS: Mapping[str, str] = {
    "linux-2cpu": json.dumps({"cpu": 2, "families": ["c7i", "c7a", "m7i"]}),
    "linux-4cpu": json.dumps({"cpu": 4, "families": ["c7i", "m7i"]}),
    "linux-arm": json.dumps({"cpu": 2, "arch": "arm64", "families": ["c7g", "c8g"]}),
}
"""What the local stack offers, by name."""

QUICK: Mapping[str, float | str] = {
    "claim_deadline_s": 30.0,
    "provisioning_deadline_s": 60.0,
    "idle_limit_s": 15.0,
    "launch_replay_s": 10.0,
    "lease_grace_s": 10.0,
    "notice_poll_s": 0.5,
    "spare_poll_s": 0.5,
    "runner_cache_bucket": "",
}
"""Settings that shorten time; nothing else about the platform differs from a stack in AWS but its endpoints."""

DEMO: Mapping[str, float | str] = {
    **QUICK,
    "claim_deadline_s": 10.0,
    "lease_grace_s": 3.0,
    "last_word_s": 5.0,
    "scan_grace_s": 4.0,
    "refusal_ttl_s": 9.0,
    "quota_look_s": 3.0,
}
"""A machine that never comes up is replaced while somebody watches."""
DEMO_SPEED = 20.0

BOOT = Latencies(create_fleet_s=0.2, pending_s=0.2, boot_s=0.3)
SPEED = 10.0


@dataclass(slots=True)
class Stage:
    """Everything running; leave the context, and nothing is left."""

    run_dir: Path
    settings: Mapping[str, Any] = field(default_factory=lambda: QUICK)
    latencies: Latencies = BOOT
    speed: float = SPEED
    concurrency: Mapping[str, int] = field(default_factory=lambda: {"claim": 2})
    """How many processes a function may have; one, where it is not named."""
    schedules: Sequence[wiring.Schedule] = wiring.SCHEDULES
    handlers: str = ""
    """The module of the functions' handlers, where they are not the production ones."""
    configs: Mapping[str, str] = field(default_factory=lambda: RUNNER_CONFIGS)
    queues: Sequence[wiring.Queue] = wiring.QUEUES
    room: Callable[[Callable[[str], None]], Room] = Machines
    """What the machines are made of."""
    limits: Limits = field(default_factory=Limits)
    own_roles: Mapping[str, OwnRole] = field(default_factory=dict)
    """Configurations whose machines have a role of their own."""
    of_github: Config = field(default_factory=Config)
    github: GitHub = field(init=False)
    cloud: LocalCloud = field(init=False)
    _open: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self.github = self._open.enter_context(GitHub(self.of_github))
            app = GitHubApp(
                api_url=self.github.base_url,
                app_id=str(self.github.app_id),
                key_pem=self.github.private_key_pem,
                webhook_secret=self.github.webhook_secret,
            )
            options = Options(
                settings=self.settings,
                latencies=self.latencies,
                speed=self.speed,
                concurrency=self.concurrency,
                schedules=self.schedules,
                handlers=self.handlers,
                queues=self.queues,
                room=self.room,
                limits=self.limits,
                own_roles=self.own_roles,
            )
            self.cloud = LocalCloud(self.run_dir, app, self.configs, options)
            self._open.enter_context(self.cloud)
            self.github.connect(self.cloud.webhook_url)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def jobs(self) -> list[JobSeen]:
        """Every job of every attempt, as GitHub tells it."""
        # What a re-run carries over is the job of an attempt before, and is in the history as that.
        return [
            _job(job, run.name)
            for run in self.github.runs
            for job in getattr(run, "history", run.jobs)
            if not getattr(job, "carried_from", 0)
        ]

    def machines(self) -> dict[str, MachineSeen]:
        """Every machine there ever was, as the cloud tells it."""
        served = {
            record.principal
            for record in self.cloud.calls
            if record.service == "execute-api" and record.status < HTTPStatus.BAD_REQUEST
        }
        return {each.id: self._machine(each, served=each.id in served) for each in self.cloud.instances()}

    def runners(self) -> list[RunnerSeen]:
        """Every runner that GitHub knows now."""
        return [RunnerSeen(runner.name, runner.labels) for runner in self.github.runners]

    def deliveries(self) -> list[DeliverySeen]:
        """Every webhook delivery so far."""
        return [
            DeliverySeen(
                job_id=each.job_id,
                action=each.action,
                status=each.status_code,
                sent_at=each.delivered_at.timestamp(),
                guid=each.guid,
                redelivery=each.redelivery,
                forged=each.forged,
            )
            for each in self.github.deliveries
        ]

    def play(self, step: Step, victims: Victims) -> Sequence[str]:
        """Let a fault happen; the machines it harms."""
        if deeds.is_of_cloud(step):
            return deeds.on_cloud(step, victims, self.cloud)
        deeds.on_github(step, victims, self.github)
        return ()

    def calls(self, without: Collection[str] = ()) -> list[CallSeen]:
        """Every call for the jobs' sake, as AWS and GitHub counted it; setting the stack up does not count.

        `without`: functions whose calls to AWS are left out.
        """
        aws = [
            _aws_call(record)
            for record in self.cloud.calls
            if record.kind is not PrincipalKind.ADMIN and record.principal not in without
        ]
        rest = [record for record in self.github.requests if record.caller and not record.caller.startswith("runner")]
        return aws + [CallSeen("github", f"{record.method} {record.route}", "door") for record in rest]

    def processes(self) -> list[str]:
        """Every living process of a machine, from the process table."""
        return [str(process) for process in self.cloud.processes()]

    def _machine(self, instance: Instance, *, served: bool) -> MachineSeen:
        return MachineSeen(
            instance_id=instance.id,
            instance_type=instance.type,
            zone=instance.zone,
            lifecycle=instance.lifecycle,
            running=instance.state not in ENDED,
            launched_at=instance.launched_at,
            ended_at=instance.ended_at,
            config=instance.tags.get(wiring.TAG_CONFIG, ""),
            booted=instance.state is not State.PENDING,
            hourly=self._hourly(instance),
            given_up=instance.reason == Reason.BY_CALL and not served,
        )

    def _hourly(self, instance: Instance) -> float | None:
        try:
            return self.cloud.price(instance.type, instance.zone, instance.lifecycle)
        except LookupError:
            return None

    @property
    def settled(self) -> bool:
        """Whether every run has ended, every machine is off and every queue is empty."""
        return (
            self.github.finished
            and not any(machine.running for machine in self.machines().values())
            and not self.cloud.processes()
            and not any(depth.ready + depth.in_flight for depth in self.cloud.queue_depths().values())
        )


def _job(job: Job, workflow: str) -> JobSeen:
    return JobSeen(
        job_id=job.id,
        name=job.name,
        labels=job.labels,
        status=job.status,
        conclusion=job.conclusion or "",
        queued_at=job.queued_at.timestamp(),
        started_at=_seconds(job.started_at),
        completed_at=_seconds(job.completed_at),
        runner=job.runner_name,
        broken=_broken(job),
        may_fail=job.may_fail,
        workflow=workflow,
        run_id=job.run_id,
        attempt=job.attempt,
        note=job.note,
    )


_SHUT_DOWN = "The runner has received a shutdown signal."
"""What GitHub shows for a job whose machine had to go; the step that was running has failed then."""


def _broken(job: Job) -> str:
    if job.conclusion is not Conclusion.FAILURE:
        return ""
    if _SHUT_DOWN in job.note:
        return _SHUT_DOWN.rstrip(".")
    if any(step.conclusion is Conclusion.FAILURE for step in job.steps):
        return ""
    return job.note or "it failed and none of its steps did"


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


_CALLERS: Mapping[PrincipalKind | None, str] = {
    PrincipalKind.FUNCTION: "door",
    PrincipalKind.INSTANCE: "machine",
    PrincipalKind.SESSION: "machine",
    PrincipalKind.SERVICE: "aws",
}


def _aws_call(record: CallRecord) -> CallSeen:
    return CallSeen(record.service, record.action, _CALLERS.get(record.kind, "stranger"))


def wait_until_settled(stage: Stage, deadline_s: float, look_s: float = 0.1) -> bool:
    """Wait for the end of everything; False when it did not come in time."""
    until = time.monotonic() + deadline_s
    while not stage.settled:
        if time.monotonic() > until:
            return False
        time.sleep(look_s)
    return True
