from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.local.github.config import Config
from controller.local.github.job import Conclusion, Status
from controller.local.github.server import GitHub
from controller.local.github.views import RunView
from tests.controller.local.github.contract import check_webhook
from tests.controller.local.github.stage import QUICK, App, Receiver, workflow

DEPLOY = """
jobs:
  preview: {runs-on: box, environment: preview, steps: [{run: x}]}
  live: {runs-on: box, environment: {name: production}, steps: [{run: x}]}
"""


@pytest.fixture
def github(receiver: Receiver) -> Iterator[GitHub]:
    with GitHub(Config(webhook_url=receiver.url, patience=QUICK, protected_environments=("production",))) as running:
        yield running


@pytest.fixture
def run(github: GitHub, tmp_path: Path) -> RunView:
    return github.submit(workflow(tmp_path, DEPLOY))


def decide(app: App, run: RunView, **more: Any) -> int:  # noqa: ANN401 - JSON
    path = f"/repos/acme/shop/actions/runs/{run.id}/pending_deployments"
    waiting = [each["environment"]["id"] for each in app.call("GET", path).body]
    body = {"environment_ids": waiting, "state": "approved", "comment": "fine", **more}
    return app.call("POST", path, body).status


def test_a_job_of_a_protected_environment_waits(run: RunView, receiver: Receiver) -> None:
    told = {each.payload["workflow_job"]["name"]: each.payload for each in receiver.wait_for(2)}

    for payload in told.values():
        check_webhook(payload)
    assert {name: payload["action"] for name, payload in told.items()} == {"preview": "queued", "live": "waiting"}
    assert [job.status for job in run.jobs] == [Status.QUEUED, Status.WAITING]


def test_an_approved_job_is_queued(github: GitHub, app: App, run: RunView, receiver: Receiver) -> None:
    status = decide(app, run)

    actions = [each.payload["action"] for each in receiver.wait_for(3)]
    assert (status, sorted(actions)) == (200, ["queued", "queued", "waiting"])
    assert [job.status for job in github.jobs] == [Status.QUEUED, Status.QUEUED]


def test_a_rejected_job_has_failed(github: GitHub, app: App, run: RunView) -> None:
    status = decide(app, run, state="rejected")

    assert (status, github.jobs[1].conclusion) == (200, Conclusion.FAILURE)


@pytest.mark.parametrize("wrong", [{"environment_ids": [1]}, {"environment_ids": []}, {"state": "perhaps"}])
def test_a_decision_about_nothing_is_refused(github: GitHub, app: App, run: RunView, wrong: dict[str, Any]) -> None:
    assert decide(app, run, **wrong) == 422
    assert github.jobs[1].status is Status.WAITING


def test_a_run_in_which_all_else_has_ended_waits_and_can_be_cancelled(github: GitHub, run: RunView) -> None:
    github.cancel_job(run.jobs[0].id)
    waiting = github.runs[0].status

    github.cancel(run.id)

    assert (waiting, github.runs[0].status) == (Status.WAITING, Status.COMPLETED)


def test_people_approve_too(github: GitHub, run: RunView) -> None:
    github.approve(run.id, "production")

    assert github.jobs[1].status is Status.QUEUED


def test_a_run_that_does_not_exist_waits_for_nothing(app: App) -> None:
    path = "/repos/acme/shop/actions/runs/1/pending_deployments"
    body = {"environment_ids": [1], "state": "approved", "comment": ""}

    assert (app.call("GET", path).status, app.call("POST", path, body).status) == (404, 404)
