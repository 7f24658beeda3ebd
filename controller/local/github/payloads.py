"""How GitHub prints runs, jobs and runners, in webhooks and in answers alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.local.github.account import WEB, Json, Organisation, Person, Repository, node_id
from controller.local.github.job import Conclusion, Job, Status, StepRecord

IMAGINED_ID = 66_600_000_666


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run lives: all that its documents say beside its own state."""

    api: str
    repository: Repository
    sender: Person
    installation_id: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as the outside sees it."""

    id: int
    number: int
    attempt: int
    workflow_name: str
    path: str
    event: str
    head_branch: str
    head_sha: str
    status: Status
    conclusion: Conclusion | None
    created_at: datetime
    started_at: datetime
    """Of this attempt."""
    updated_at: datetime


def stamp(moment: datetime | None) -> str | None:
    """A time as GitHub prints it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def workflow_job_event(action: str, job: Job, run: RunFacts, place: Place) -> Json:
    """A whole `workflow_job` webhook."""
    organisation: Organisation = place.repository.organisation
    return {
        "action": action,
        "workflow_job": job_document(job, run, place),
        "repository": place.repository.document(place.api),
        "organization": organisation.document(place.api),
        "sender": place.sender.document(place.api),
        "installation": {
            "id": place.installation_id,
            "node_id": node_id("IntegrationInstallation", place.installation_id),
        },
    }


def imagined_event(labels: tuple[str, ...], now: datetime, place: Place) -> Json:
    """The webhook of a queued job that no run of this GitHub has."""
    job = Job(IMAGINED_ID, IMAGINED_ID, 1, "forged", "forged", labels, now)
    run = RunFacts(
        id=IMAGINED_ID,
        number=1,
        attempt=1,
        workflow_name="forged",
        path=".github/workflows/forged.yml",
        event="push",
        head_branch=place.repository.default_branch,
        head_sha="0" * 40,
        status=Status.QUEUED,
        conclusion=None,
        created_at=now,
        started_at=now,
        updated_at=now,
    )
    return workflow_job_event("queued", job, run, place)


def job_document(job: Job, run: RunFacts, place: Place) -> Json:
    """One job."""
    repository = f"{place.api}/repos/{place.repository.full_name}"
    return {
        "id": job.id,
        "run_id": job.run_id,
        "workflow_name": run.workflow_name,
        "head_branch": run.head_branch,
        "run_url": f"{repository}/actions/runs/{job.run_id}",
        "run_attempt": job.attempt,
        "node_id": node_id("CheckRun", job.id),
        "head_sha": run.head_sha,
        "url": f"{repository}/actions/jobs/{job.id}",
        "html_url": f"{WEB}/{place.repository.full_name}/actions/runs/{job.run_id}/job/{job.id}",
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": stamp(job.queued_at),
        "started_at": stamp(job.started_at or job.queued_at),
        "completed_at": stamp(job.completed_at),
        "name": job.name,
        "steps": [_step(step) for step in job.steps],
        "check_run_url": f"{repository}/check-runs/{job.id}",
        "labels": list(job.labels),
        **_runner(job),
    }


def _runner(job: Job) -> Json:
    """The runner; null while a job waits, and zeros for one that ended without any."""
    number, text = (0, "") if job.status is Status.COMPLETED else (None, None)
    return {
        "runner_id": job.runner.id if job.runner else number,
        "runner_name": job.runner.name if job.runner else text,
        "runner_group_id": job.runner.group_id if job.runner else number,
        "runner_group_name": job.runner.group_name if job.runner else text,
    }


def run_document(run: RunFacts, place: Place) -> Json:
    """One workflow run."""
    repository = place.repository.document(place.api)
    url = f"{place.api}/repos/{place.repository.full_name}/actions/runs/{run.id}"
    sender = place.sender.document(place.api)
    return {
        "id": run.id,
        "name": run.workflow_name,
        "node_id": node_id("WorkflowRun", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.path,
        "display_title": run.workflow_name,
        "run_number": run.number,
        "run_attempt": run.attempt,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.id % 100_000_000,
        "check_suite_id": run.id,
        "check_suite_node_id": node_id("CheckSuite", run.id),
        "url": url,
        "html_url": f"{WEB}/{place.repository.full_name}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": stamp(run.created_at),
        "updated_at": stamp(run.updated_at),
        "run_started_at": stamp(run.started_at),
        "actor": sender,
        "triggering_actor": sender,
        "referenced_workflows": [],
        **_run_links(url, run.attempt),
        "workflow_url": f"{place.api}/repos/{place.repository.full_name}/actions/workflows/{run.id % 100_000_000}",
        "head_commit": _commit(run, place.sender),
        "repository": repository,
        "head_repository": repository,
        "head_repository_id": place.repository.id,
    }


def _run_links(url: str, attempt: int) -> Json:
    return {
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{url}/check-suite",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{attempt - 1}" if attempt > 1 else None,
    }


def _commit(run: RunFacts, author: Person) -> Json:
    signature = {"name": author.login, "email": f"{author.login}@users.noreply.github.com"}
    return {
        "id": run.head_sha,
        "tree_id": run.head_sha,
        "message": f"Run {run.workflow_name}",
        "timestamp": stamp(run.created_at),
        "author": signature,
        "committer": signature,
    }


def _step(step: StepRecord) -> Json:
    return {
        "name": step.name,
        "status": step.status,
        "conclusion": step.conclusion,
        "number": step.number,
        "started_at": stamp(step.started_at),
        "completed_at": stamp(step.completed_at),
    }
