from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.local.github.config import Config
from controller.local.github.job import Conclusion, RunnerRef
from controller.local.github.scheduler import Ending
from controller.local.github.server import GitHub
from controller.local.github.stand_in.service import ServiceError, Unreachable
from tests.controller.local.github.stage import QUICK, App, Clock, Receiver, Runner, until, workflow

RUNNERS = "/repos/acme/shop/actions/runners"
TEMPLATE = "/repos/{owner}/{repo}/actions/runners"
ONE_JOB = "jobs: {a: {runs-on: box, steps: [{run: x}]}}"
TWO_JOBS = "jobs: {a: {runs-on: box, steps: [{run: x}]}, b: {runs-on: box, steps: [{run: x}]}}"
RUNNER = RunnerRef(7, "runner-7", 1, "Default")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def still(receiver: Receiver, clock: Clock) -> Iterator[GitHub]:
    with GitHub(Config(webhook_url=receiver.url, patience=QUICK), clock) as running:
        yield running


def run_all(github: GitHub) -> None:
    for entry, job in github._runbook.queued():
        github._runbook.begin(entry, job.id, RUNNER)
        github._runbook.finish(entry, job.id, Ending(Conclusion.SUCCESS))


def arrived(receiver: Receiver, count: int) -> list[tuple[str, str]]:
    payloads = [each.payload for each in receiver.wait_for(count)]
    return [(each["action"], each["workflow_job"]["name"]) for each in payloads]


def test_a_lost_webhook_is_in_no_log(github: GitHub, receiver: Receiver, tmp_path: Path) -> None:
    github.lose_next("queued", job="b")

    github.submit(workflow(tmp_path, TWO_JOBS))
    run_all(github)

    assert sorted(arrived(receiver, 5)) == [
        ("completed", "a"),
        ("completed", "b"),
        ("in_progress", "a"),
        ("in_progress", "b"),
        ("queued", "a"),
    ]
    until(lambda: len(github.deliveries) == 5)


def test_a_failed_webhook_is_logged_and_can_be_sent_again(
    github: GitHub, app: App, receiver: Receiver, tmp_path: Path
) -> None:
    github.fail_next_delivery("queued")
    github.submit(workflow(tmp_path, ONE_JOB))

    failed = app.call("GET", "/app/hook/deliveries", token=app.jwt(), status="failure").body
    before = list(receiver.received)
    app.call("POST", f"/app/hook/deliveries/{failed[0]['id']}/attempts", token=app.jwt())

    assert (len(failed), failed[0]["status_code"], before) == (1, 502, [])
    assert receiver.wait_for(1)[0].headers["x-github-delivery"] == failed[0]["guid"]


def test_a_delayed_webhook_comes_when_its_time_has_come(
    still: GitHub, clock: Clock, receiver: Receiver, tmp_path: Path
) -> None:
    still.delay_next("queued", 30.0)
    still.submit(workflow(tmp_path, ONE_JOB))
    clock.forward(29)
    still._webhooks.sweep()
    still.submit(workflow(tmp_path, ONE_JOB, "other.yml"))
    early = [each.payload["workflow_job"]["workflow_name"] for each in receiver.wait_for(1)]

    clock.forward(2)

    names = [each.payload["workflow_job"]["workflow_name"] for each in receiver.wait_for(2)]
    assert (early, names) == (["other.yml"], ["other.yml", "test.yml"])


def test_in_progress_can_be_held_back_until_completed_has_gone_out(
    github: GitHub, receiver: Receiver, tmp_path: Path
) -> None:
    github.hold_back("a")
    github.submit(workflow(tmp_path, ONE_JOB))
    receiver.wait_for(1)

    run_all(github)

    assert arrived(receiver, 3) == [("queued", "a"), ("completed", "a"), ("in_progress", "a")]


def test_what_was_held_back_comes_even_if_completed_is_lost(github: GitHub, receiver: Receiver, tmp_path: Path) -> None:
    github.hold_back("a")
    github.lose_next("completed")
    github.submit(workflow(tmp_path, ONE_JOB))
    receiver.wait_for(1)

    run_all(github)

    assert arrived(receiver, 2) == [("queued", "a"), ("in_progress", "a")]


@pytest.mark.parametrize("route", [TEMPLATE, "*"])
def test_calls_of_a_route_fail_as_often_as_it_was_asked(github: GitHub, app: App, route: str) -> None:
    app.sign_in()
    github.fail_requests(route, 503, times=2)

    statuses = [app.call("GET", RUNNERS).status for _ in range(3)]

    assert statuses == [503, 503, 200]
    assert [each.caller for each in github.requests[-3:]] == [f"installation {github.installation_id}"] * 3


def test_another_route_does_not_fail(github: GitHub, app: App) -> None:
    github.fail_requests("/orgs/{org}/actions/runners", 500)

    assert app.call("GET", RUNNERS).status == 200


def test_an_answer_can_be_lost_after_the_work_was_done(github: GitHub, app: App) -> None:
    body = {"name": "r1", "runner_group_id": 1, "labels": ["box"]}
    github.fail_requests(f"{TEMPLATE}/generate-jitconfig", 502, done=True)

    statuses = [app.call("POST", f"{RUNNERS}/generate-jitconfig", body).status for _ in range(2)]

    assert statuses == [502, 409]
    assert [each.name for each in github.runners] == ["r1"]


def test_a_runners_route_fails_by_its_own_name_alone(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    github.fail_requests("/_broker/session", 500)
    github.fail_requests("*", 503)

    with pytest.raises(ServiceError) as refused:
        runner.connect()
    runner.connect()

    assert refused.value.status == 500
    assert app.call("GET", RUNNERS).status == 503


@pytest.mark.parametrize(("kind", "status"), [("primary", 403), ("secondary", 429)])
def test_a_limit_refuses_everybody_until_it_is_over(app: App, github: GitHub, kind: str, status: int) -> None:
    app.sign_in()
    github.limit(kind, 3600)

    answers = [app.call("GET", RUNNERS), app.call("GET", "/app/hook/deliveries", token=app.jwt())]
    github.limit(kind, 0)

    assert [each.status for each in answers] == [status, status]
    assert all("rate limit" in each.body["message"] for each in answers)
    assert ("retry-after" in answers[0].headers) == (kind == "secondary")
    assert (answers[0].headers["x-ratelimit-remaining"] == "0") == (kind == "primary")
    assert app.call("GET", RUNNERS).status == 200


def test_a_fresh_token_may_not_be_known_everywhere_yet(github: GitHub, app: App) -> None:
    app.sign_in()
    app.call("GET", RUNNERS)
    github.deny_fresh_tokens()

    old = app.call("GET", RUNNERS).status
    app.sign_in()
    fresh = [app.call("GET", RUNNERS).status for _ in range(2)]
    app.sign_in()

    assert (old, fresh, app.call("GET", RUNNERS).status) == (200, [401, 200], 200)


def test_a_fresh_runner_may_not_be_known_everywhere_yet(github: GitHub, app: App, tmp_path: Path) -> None:
    github.deny_fresh_runners()
    first, second = (Runner(app.register(name, "box"), tmp_path / name) for name in ("r1", "r2"))

    with pytest.raises(ServiceError) as refused:
        first.connect()
    second.connect()

    assert refused.value.kind == "invalid_client"
    assert [each.online for each in github.runners] == [False, True]


def test_orders_are_safe_to_give_and_take_from_many_threads(github: GitHub, app: App) -> None:
    app.sign_in()
    github.fail_requests(TEMPLATE, 500, times=10)
    statuses: list[int] = []

    threads = [threading.Thread(target=lambda: statuses.append(app.call("GET", RUNNERS).status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (statuses.count(500), statuses.count(200)) == (10, 10)


def test_one_job_is_cancelled_and_the_others_go_on(github: GitHub, tmp_path: Path) -> None:
    run = github.submit(workflow(tmp_path, TWO_JOBS))

    github.cancel_job(run.jobs[0].id)

    assert [job.conclusion for job in github.jobs] == [Conclusion.CANCELLED, None]
    assert not github.finished


def test_a_github_that_is_away_refuses_connections_and_knows_afterwards_what_it_knew(
    github: GitHub, app: App, tmp_path: Path
) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))
    runner = Runner(app.register("box-1", "box"), tmp_path / "runner")
    runner.connect()

    github.restart(1.0)
    github.restart(0.5)

    with pytest.raises(Unreachable):
        runner.service.message("Online")
    until(lambda: answers(github))
    assert [each.name for each in github.runners] == ["box-1"]
    assert runner.take()["jobDisplayName"] == "a"


def test_a_github_that_is_away_can_be_stopped(receiver: Receiver) -> None:
    with GitHub(Config(webhook_url=receiver.url, patience=QUICK)) as running:
        running.restart(600.0)

    assert not [thread for thread in threading.enumerate() if thread.name == "github-door"]


def answers(github: GitHub) -> bool:
    try:
        return requests.get(github.base_url, timeout=10).status_code == 404
    except requests.ConnectionError:
        return False
