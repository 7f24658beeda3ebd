from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.local.github.attempts import ACTIVE, FORMER, IMPOSSIBLE, OLD, RerunRefused, check_rerun
from controller.local.github.config import Config
from controller.local.github.job import Conclusion, Job, RunnerRef, Status
from controller.local.github.scheduler import Change, Ending, Run
from controller.local.github.server import GitHub
from controller.local.github.workflow import parse_workflow
from tests.controller.local.github.contract import check_webhook
from tests.controller.local.github.stage import QUICK, App, Clock, Receiver, workflow

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
RUNNER = RunnerRef(7, "runner-7", 1, "Default")
CONTEXT = {"run_id": "17900000001", "ref": "refs/heads/main", "event_name": "push", "run_number": "3", "sha": "0" * 40}
DIAMOND = """
on: push
jobs:
  a: {runs-on: box, steps: [{run: x}]}
  b: {runs-on: box, steps: [{run: x}]}
  c: {runs-on: box, needs: a, steps: [{run: x}]}
  d: {runs-on: box, needs: [b, c], if: always(), steps: [{run: x}]}
"""
MATRIX = """
on: push
jobs:
  t:
    runs-on: ["spotrunner/linux-2cpu/run=${{ github.run_attempt }}"]
    strategy: {fail-fast: false, matrix: {n: [1, 2, 3]}}
    steps: [{run: x}]
  after: {runs-on: box, needs: t, steps: [{run: x}]}
"""
ONE_JOB = "jobs: {a: {runs-on: box, steps: [{run: x}]}}"


def play(text: str, **endings: Conclusion) -> Run:
    """A run whose jobs have all ended, with success where nothing else is said."""
    ids = itertools.count(50_000_000_000)
    run = Run(parse_workflow(text, "ci.yml"), CONTEXT, lambda: next(ids))
    run.start(NOW)
    finish(run, **endings)
    return run


def finish(run: Run, **endings: Conclusion) -> None:
    while waiting := [job for job in run.jobs if job.status is Status.QUEUED]:
        run.begin(waiting[0].id, RUNNER, NOW)
        run.finish(waiting[0].id, Ending(endings.get(waiting[0].key, Conclusion.SUCCESS)), NOW)


def ids(run: Run, *names: str) -> set[int]:
    return {job.id for job in run.jobs if job.name in names}


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return sorted((change.action, change.job.name) for change in changes)


def test_a_job_that_is_run_again_takes_along_what_needs_it_and_no_more() -> None:
    run = play(DIAMOND, a=Conclusion.FAILURE)

    changes = run.rerun(ids(run, "a"), NOW)
    finish(run)

    assert told(changes) == [("completed", "b"), ("queued", "a")]
    assert {job.name: bool(job.carried_from) for job in run.jobs} == {"a": False, "b": True, "c": False, "d": False}
    assert run.conclusion is Conclusion.SUCCESS


def test_every_job_of_the_new_attempt_has_a_new_id_and_its_number() -> None:
    run = play(DIAMOND, a=Conclusion.FAILURE)
    before = run.jobs

    run.rerun(ids(run, "a"), NOW)
    finish(run)

    assert not {job.id for job in before} & {job.id for job in run.jobs}
    assert {job.attempt for job in run.jobs} == {2}
    assert [attempt.jobs for attempt in run.attempts] == [before, run.jobs]
    assert run.job(before[0].id) == before[0]


def test_what_is_carried_over_keeps_its_conclusion_runner_and_times() -> None:
    run = play(DIAMOND, a=Conclusion.FAILURE)
    former = next(job for job in run.jobs if job.name == "b")

    run.rerun(ids(run, "a"), NOW + timedelta(hours=1))

    carried = next(job for job in run.jobs if job.name == "b")
    assert (carried.conclusion, carried.runner, carried.started_at) == (Conclusion.SUCCESS, RUNNER, former.started_at)
    assert carried.carried_from == former.id


def test_one_job_of_a_matrix_runs_again_alone_and_hears_the_attempts_number() -> None:
    run = play(MATRIX)
    chosen = ids(run, "t (2)")

    changes = run.rerun(chosen, NOW)

    queued = [change.job for change in changes if change.action == "queued"]
    assert [(job.name, job.labels) for job in queued] == [("t (2)", ("spotrunner/linux-2cpu/run=2",))]
    assert {job.name for job in run.jobs if job.carried_from} == {"t (1)", "t (3)"}


def test_a_run_that_runs_again_is_queued_until_a_runner_takes_a_job() -> None:
    run = play(DIAMOND, a=Conclusion.FAILURE)

    run.rerun(ids(run, "a"), NOW)
    before = run.status
    run.begin(next(iter(ids(run, "a"))), RUNNER, NOW)

    assert (before, run.status) == (Status.QUEUED, Status.IN_PROGRESS)


def test_a_cancelled_run_is_not_cancelled_for_ever() -> None:
    run = play(DIAMOND)
    run.rerun(ids(run, "a"), NOW)
    run.cancel(NOW)
    finish(run)

    run.rerun({job.id for job in run.jobs}, NOW)
    finish(run)

    assert [attempt.conclusion for attempt in run.attempts] == [
        Conclusion.SUCCESS,
        Conclusion.CANCELLED,
        Conclusion.SUCCESS,
    ]


def test_a_matrix_nobody_has_seen_is_made_when_its_need_succeeds() -> None:
    text = DIAMOND.replace("needs: a,", "needs: a, strategy: {matrix: {n: [1, 2]}},")
    run = play(text, a=Conclusion.FAILURE)
    unseen = [job.name for job in run.jobs if job.key == "c"]

    run.rerun(ids(run, "a"), NOW)
    finish(run)

    assert unseen == ["c"]
    assert [job.name for job in run.jobs if job.key == "c"] == ["c (1)", "c (2)"]


@pytest.mark.parametrize(("attempts", "age", "words"), [(51, timedelta(0), IMPOSSIBLE), (1, timedelta(days=31), OLD)])
def test_a_run_that_is_too_old_or_was_run_too_often_stays_as_it_is(attempts: int, age: timedelta, words: str) -> None:
    run = play(DIAMOND)
    for _ in range(attempts - 1):
        run.rerun(ids(run, "d"), NOW)
        finish(run)

    with pytest.raises(RerunRefused, match=words):
        check_rerun(run.latest, NOW, NOW + age)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(receiver: Receiver) -> Iterator[GitHub]:
    with GitHub(Config(webhook_url=receiver.url, patience=QUICK)) as running:
        yield running


def end(github: GitHub, conclusion: Conclusion = Conclusion.FAILURE) -> Job:
    """Let the one queued job end."""
    entry, job = github._runbook.queued()[0]
    github._runbook.begin(entry, job.id, RUNNER)
    github._runbook.finish(entry, job.id, Ending(conclusion))
    return job


RUN = "/repos/acme/shop/actions/runs"
JOBS = "/repos/acme/shop/actions/jobs"


@pytest.mark.parametrize("what", ["rerun", "rerun-failed-jobs"])
def test_an_active_run_is_not_run_again(github: GitHub, app: App, tmp_path: Path, what: str) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))

    answers = [app.call("POST", f"{RUN}/{run.id}/{what}"), app.call("POST", f"{JOBS}/{run.jobs[0].id}/rerun")]

    assert [(each.status, each.body["message"]) for each in answers] == [(403, ACTIVE)] * 2
    assert github.runs[0].attempt == 1


def test_failed_jobs_run_again_once_the_run_has_ended(
    github: GitHub, app: App, receiver: Receiver, tmp_path: Path
) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))
    former = end(github)

    answer = app.call("POST", f"{RUN}/{run.id}/rerun-failed-jobs")

    job = github.jobs[0]
    document = app.call("GET", f"{RUN}/{run.id}").body
    assert answer.status == 201
    assert (job.attempt, job.status, job.id != former.id) == (2, Status.QUEUED, True)
    assert (document["run_attempt"], document["status"]) == (2, "queued")
    assert document["previous_attempt_url"].endswith(f"{run.id}/attempts/1")
    queued = [each.payload for each in receiver.wait_for(4) if each.payload["action"] == "queued"]
    assert sorted(each["workflow_job"]["run_attempt"] for each in queued) == [1, 2]
    check_webhook(queued[1])


def test_nothing_that_failed_is_nothing_to_run_again(github: GitHub, app: App, tmp_path: Path) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))
    end(github, Conclusion.SUCCESS)

    refused = app.call("POST", f"{RUN}/{run.id}/rerun-failed-jobs")
    whole = app.call("POST", f"{RUN}/{run.id}/rerun")

    assert (refused.status, refused.body["message"]) == (403, IMPOSSIBLE)
    assert whole.status == 201


def test_only_a_job_of_the_current_attempt_runs_again(github: GitHub, app: App, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))
    former = end(github)
    first = app.call("POST", f"{JOBS}/{former.id}/rerun")
    end(github)

    second = app.call("POST", f"{JOBS}/{former.id}/rerun")

    assert (first.status, second.status, second.body["message"]) == (201, 403, FORMER)


def test_each_attempt_can_be_looked_at(github: GitHub, app: App, tmp_path: Path) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))
    former = end(github)
    github.rerun_failed(run.id)
    end(github, Conclusion.SUCCESS)
    latest = github.jobs[0]

    def listed(path: str, **query: str) -> list[int]:
        return [job["id"] for job in app.call("GET", f"{RUN}/{run.id}{path}", **query).body["jobs"]]

    assert listed("/attempts/1/jobs") == [former.id]
    assert listed("/attempts/2/jobs") == listed("/jobs", filter="latest") == [latest.id]
    assert listed("/jobs", filter="all") == [former.id, latest.id]
    assert app.call("GET", f"{RUN}/{run.id}/attempts/1").body["conclusion"] == "failure"
    assert app.call("GET", f"{RUN}/{run.id}").body["conclusion"] == "success"
    assert app.call("GET", f"{JOBS}/{former.id}").body["run_attempt"] == 1
    assert app.call("GET", f"{RUN}/{run.id}/attempts/3").status == 404
    assert [job.id for job in github.runs[0].history] == [former.id, latest.id]


@pytest.mark.parametrize("path", [f"{RUN}/1/rerun", f"{RUN}/1/rerun-failed-jobs", f"{JOBS}/1/rerun"])
def test_what_does_not_exist_is_not_run_again(app: App, path: str) -> None:
    assert app.call("POST", path).status == 404


def test_the_pages_buttons_know_only_what_exists(github: GitHub) -> None:
    for button in (github.rerun, github.rerun_failed, github.rerun_job, github.cancel_job):
        with pytest.raises(KeyError):
            button(1)
