"""Records and messages as they usually are; a test names only what matters to it."""

from __future__ import annotations

from typing import Any

from controller.domain.fleet_config import RunnerConfig, Span
from controller.domain.job import Job
from controller.domain.job_key import Intake, JobKey
from controller.domain.launch import Launch, LaunchPlan, Offering
from controller.domain.runner import Lifecycle, Runner
from controller.messages import JobMoved, JobQueued, Step
from controller.ports import Registration

SERVER = "https://api.github.com"
REPOSITORY = "octo/hello"
LABELS = ("spotrunner/linux-4cpu",)
NOW = 1_790_000_000.0


def job(job_id: int = 1, attempt: int = 1, **changes: Any) -> Job:  # noqa: ANN401 - fields of the record
    """A job in line."""
    usual: dict[str, Any] = {
        "key": JobKey(job_id, attempt),
        "repository": REPOSITORY,
        "server": SERVER,
        "installation_id": 7,
        "run_id": 70,
        "workflow": "ci",
        "name": f"build {job_id}",
        "labels": LABELS,
        "head_sha": "a" * 40,
        "queued_at": NOW + job_id,
        "received_at": NOW + job_id + 0.25,
        "intake": Intake.WEBHOOK,
        "home": "us-east-1",
        "config": "linux-4cpu",
        "shape": "linux-4cpu@octo/hello",
    }
    return Job(**(usual | changes))


def runner(instance_id: str = "i-1", **changes: Any) -> Runner:  # noqa: ANN401 - fields of the record
    """A machine that was just launched."""
    usual: dict[str, Any] = {
        "instance_id": instance_id,
        "launch_id": "launch-1",
        "job": JobKey(1, 1),
        "repository": REPOSITORY,
        "config": "linux-4cpu",
        "shape": "linux-4cpu@octo/hello",
        "home": "us-east-1",
        "instance_type": "c7a.xlarge",
        "zone": "us-east-1a",
        "lifecycle": Lifecycle.SPOT,
        "launched_at": NOW,
        "lease_until": NOW + 180,
    }
    return Runner(**(usual | changes))


def launch(launch_id: str = "launch-1", **changes: Any) -> Launch:  # noqa: ANN401 - fields of the record
    """A launch whose answer is not known yet."""
    usual: dict[str, Any] = {
        "launch_id": launch_id,
        "request": '{"ClientToken":"launch-1"}',
        "jobs": (JobKey(1, 1),),
        "repository": REPOSITORY,
        "config": "linux-4cpu",
        "shape": "linux-4cpu@octo/hello",
        "home": "us-east-1",
        "lifecycle": Lifecycle.SPOT,
        "rung": "spot",
        "created_at": NOW,
        "claim_deadline_s": 180.0,
    }
    return Launch(**(usual | changes))


def plan(launch_id: str = "launch-1", **changes: Any) -> LaunchPlan:  # noqa: ANN401 - fields of the record
    """Two spot machines of one type out of two zones."""
    usual: dict[str, Any] = {
        "launch_id": launch_id,
        "template": "lt-0123456789abcdef0",
        "lifecycle": Lifecycle.SPOT,
        "offerings": (
            Offering("c7a.xlarge", "us-east-1a", "subnet-a"),
            Offering("c7a.xlarge", "us-east-1b", "subnet-b"),
        ),
        "count": 2,
        "tags": (("spotrunner:stack", "dev-us-east-1"), ("spotrunner:launch", launch_id)),
    }
    return LaunchPlan(**(usual | changes))


def queued(job_id: int = 1, attempt: int = 1, **changes: Any) -> JobQueued:  # noqa: ANN401 - fields of the record
    """The message for a job that GitHub has just queued."""
    usual: dict[str, Any] = {
        "job_id": job_id,
        "attempt": attempt,
        "repository": REPOSITORY,
        "server": SERVER,
        "installation_id": 7,
        "run_id": 70,
        "workflow": "ci",
        "name": f"build {job_id}",
        "labels": LABELS,
        "head_sha": "a" * 40,
        "queued_at": NOW + job_id,
        "received_at": NOW + job_id + 0.25,
        "intake": Intake.WEBHOOK,
    }
    return JobQueued(**(usual | changes))


def moved(kind: Step, job_id: int = 1, attempt: int = 1, **changes: Any) -> JobMoved:  # noqa: ANN401 - fields of the record
    """GitHub's word on a job after it was queued."""
    usual: dict[str, Any] = {
        "job_id": job_id,
        "attempt": attempt,
        "repository": REPOSITORY,
        "kind": kind,
        "received_at": NOW + 60,
        "labels": LABELS,
    }
    return JobMoved(**(usual | changes))


def registration(name: str = "spotrunner-i-1-1", **changes: Any) -> Registration:  # noqa: ANN401 - fields of the record
    """A runner for one job of one repository."""
    usual: dict[str, Any] = {
        "server": SERVER,
        "installation_id": 7,
        "repository": REPOSITORY,
        "organization": False,
        "name": name,
        "labels": LABELS,
        "group_id": 1,
    }
    return Registration(**(usual | changes))


def config(name: str = "linux-4cpu", **changes: Any) -> RunnerConfig:  # noqa: ANN401 - fields of the record
    """Any Linux machine with four processors."""
    usual: dict[str, Any] = {"name": name, "cpu": Span(4, 4)}
    return RunnerConfig(**(usual | changes))
