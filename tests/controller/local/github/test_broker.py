from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.local.github.config import Config
from controller.local.github.exchange import Patience
from controller.local.github.job import Conclusion, Status
from controller.local.github.server import GitHub
from controller.local.github.stand_in.service import ServiceError
from tests.controller.local.github.stage import QUICK, App, Clock, Runner, until, workflow

ONE_JOB = "jobs: {a: {runs-on: [box, Linux], timeout-minutes: 3, steps: [{run: x}]}}"
OUTPUT = """
jobs:
  a: {runs-on: box, outputs: {v: "${{ steps.s.outputs.v }}"}, steps: [{id: s, run: x}]}
  b: {runs-on: box, needs: a, name: "b ${{ needs.a.outputs.v }}", steps: [{run: x}]}
"""
MATRIX = "jobs: {t: {runs-on: box, strategy: {matrix: {n: [%s]}}, steps: [{run: x}]}}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def still(clock: Clock) -> Iterator[GitHub]:
    """A GitHub whose time moves when the test says so."""
    with GitHub(Config(patience=QUICK), clock) as running:
        yield running


def runner_of(github: GitHub, folder: Path, name: str = "r1", labels: tuple[str, ...] = ("box", "linux")) -> Runner:
    """A runner without a REST call, which would need the right time."""
    with github._lock:
        registered = github._registry.register(name, labels, "acme/shop", 1)
    runner = Runner(github._registry.jit_config(registered, "_work"), folder / name)
    runner.connect()
    return runner


def test_a_job_goes_to_a_runner_that_has_all_its_labels(github: GitHub, app: App, tmp_path: Path) -> None:
    poor = Runner(app.register("poor", "box"), tmp_path / "poor")
    rich = Runner(app.register("rich", "LINUX", "Box", "gpu"), tmp_path / "rich")
    for each in (poor, rich):
        each.connect()
    run = github.submit(workflow(tmp_path, ONE_JOB))

    offered = poor.service.message("Online")
    rich.take()

    assert offered == {}
    job = github.jobs[0]
    assert (job.status, job.runner_name, job.run_id) == (Status.IN_PROGRESS, "rich", run.id)


def test_any_runner_with_the_labels_may_take_a_job_whomever_it_was_made_for(
    github: GitHub, app: App, tmp_path: Path
) -> None:
    github.submit(workflow(tmp_path, MATRIX % "1, 2"))
    first, second = (Runner(app.register(name, "box"), tmp_path / name) for name in ("for-t2", "for-t1"))
    for each in (first, second):
        each.connect()

    taken = [each.take()["jobDisplayName"] for each in (first, second)]

    assert taken == ["t (1)", "t (2)"]


def test_an_organisations_runner_serves_its_repositories(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box", "linux", scope="/orgs/acme"), tmp_path / "r1")
    runner.connect()
    github.submit(workflow(tmp_path, ONE_JOB))

    assert runner.take()["jobDisplayName"] == "a"


def test_the_job_message_carries_all_that_the_job_needs(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box", "linux"), tmp_path / "r1")
    runner.connect()
    run = github.submit(workflow(tmp_path, ONE_JOB))

    job = runner.take()

    assert job["requestId"] == run.jobs[0].id
    assert job["timeoutMinutes"] == 3
    assert job["variables"]["run_id"] == str(run.id)
    assert [step["name"] for step in job["workflow"]["steps"]] == ["Run x"]
    assert "runs-on: stand-in" in job["workflow"]["yaml"]


def test_completing_passes_outputs_on_and_removes_the_runner(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    runner.connect()
    github.submit(workflow(tmp_path, OUTPUT))
    runner.take()

    runner.complete(v="1.4")

    assert [job.name for job in github.jobs] == ["a", "b 1.4"]
    assert github.jobs[0].conclusion is Conclusion.SUCCESS
    assert github.runners == ()
    with pytest.raises(ServiceError):
        runner.service.close_session()


@pytest.mark.parametrize(
    ("said", "recorded"),
    [
        ("Succeeded", Conclusion.SUCCESS),
        ("SucceededWithIssues", Conclusion.SUCCESS),
        ("Failed", Conclusion.FAILURE),
        ("Canceled", Conclusion.CANCELLED),
        ("Abandoned", Conclusion.FAILURE),
    ],
)
def test_each_result_has_its_conclusion(
    github: GitHub, app: App, tmp_path: Path, said: str, recorded: Conclusion
) -> None:
    runner = Runner(app.register("r1", "box", "linux"), tmp_path / "r1")
    runner.connect()
    github.submit(workflow(tmp_path, ONE_JOB))
    runner.take()

    runner.complete(said)

    assert github.jobs[0].conclusion is recorded
    assert github.finished


def test_a_job_is_acquired_once_and_only_by_whom_it_was_offered(github: GitHub, app: App, tmp_path: Path) -> None:
    first, second = (Runner(app.register(name, "box", "linux"), tmp_path / name) for name in ("r1", "r2"))
    for each in (first, second):
        each.connect()
    github.submit(workflow(tmp_path, ONE_JOB))
    offer = first.offered()
    first.acquire(offer)

    with pytest.raises(ServiceError) as twice:
        first.acquire(offer)
    with pytest.raises(ServiceError) as stolen:
        second.acquire(offer)

    assert (twice.value.status, stolen.value.status) == (409, 404)


def test_a_job_cancelled_before_it_is_acquired_is_a_ghost(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box", "linux"), tmp_path / "r1")
    runner.connect()
    run = github.submit(workflow(tmp_path, ONE_JOB))
    offer = runner.offered()
    github.cancel(run.id)

    with pytest.raises(ServiceError) as refused:
        runner.acquire(offer)

    assert refused.value.status == 404
    assert github.runners[0].job_id is None


def test_an_offer_nobody_acquires_goes_to_another_runner(still: GitHub, clock: Clock, tmp_path: Path) -> None:
    dead, alive = (runner_of(still, tmp_path, name) for name in ("dead", "alive"))
    still.submit(workflow(tmp_path, ONE_JOB))
    dead.offered()

    clock.forward(QUICK.offer_s + 1)

    assert alive.take()["jobDisplayName"] == "a"
    assert still.jobs[0].runner_name == "alive"


def test_a_job_whose_lease_ends_has_lost_its_runner(still: GitHub, clock: Clock, tmp_path: Path) -> None:
    runner = runner_of(still, tmp_path)
    still.submit(workflow(tmp_path, ONE_JOB))
    runner.take()
    clock.forward(QUICK.lease_s - 1)
    renewed = runner.renew()

    clock.forward(QUICK.lease_s - 1)
    still._exchange.sweep()
    before = still.jobs[0].status
    clock.forward(2)
    until(lambda: still.finished)

    assert renewed["lockedUntil"]
    assert before is Status.IN_PROGRESS
    assert still.jobs[0].conclusion is Conclusion.FAILURE
    assert "r1 lost communication" in still.jobs[0].note
    assert still.runners == ()


def test_an_idle_runner_is_removed_and_told_so(still: GitHub, clock: Clock, tmp_path: Path) -> None:
    runner = runner_of(still, tmp_path)

    clock.forward(QUICK.idle_s + 1)
    until(lambda: still.runners == ())

    with pytest.raises(ServiceError) as gone:
        runner.service.message("Online")
    assert gone.value.kind == "RunnerNotFound"


def test_a_registration_that_never_listened_stays_for_a_day(still: GitHub, clock: Clock) -> None:
    with still._lock:
        still._registry.register("ghost", ["box"], "acme/shop", 1)

    clock.forward(QUICK.offline_s - 1)
    still._exchange.sweep()
    before = [each.name for each in still.runners]
    clock.forward(2)

    until(lambda: still.runners == ())
    assert before == ["ghost"]


def test_a_busy_runner_is_never_taken_for_idle(still: GitHub, clock: Clock, tmp_path: Path) -> None:
    runner = runner_of(still, tmp_path)
    still.submit(workflow(tmp_path, ONE_JOB))
    runner.take()

    for _ in range(3):
        clock.forward(QUICK.lease_s - 1)
        runner.renew()
        still._exchange.sweep()

    assert [each.name for each in still.runners] == ["r1"]


def test_the_longest_waiting_job_is_next_even_if_its_run_is_younger(
    still: GitHub, clock: Clock, tmp_path: Path
) -> None:
    first = still.submit(workflow(tmp_path, ONE_JOB))
    still.cancel(first.id)
    clock.forward(1)
    second = still.submit(workflow(tmp_path, ONE_JOB))
    clock.forward(1)
    still.rerun(first.id)

    taken = runner_of(still, tmp_path).take()

    assert taken["variables"]["run_id"] == str(second.id)


def test_a_job_that_runs_again_is_told_its_attempt(still: GitHub, tmp_path: Path) -> None:
    run = still.submit(workflow(tmp_path, ONE_JOB))
    still.cancel(run.id)
    still.rerun_failed(run.id)

    taken = runner_of(still, tmp_path).take()

    assert taken["variables"]["run_attempt"] == "2"


def test_cancelling_a_running_job_leaves_its_run_alone(still: GitHub, tmp_path: Path) -> None:
    runner = runner_of(still, tmp_path)
    run = still.submit(workflow(tmp_path, ONE_JOB))
    runner.take()

    still.cancel_job(run.jobs[0].id)
    message = runner.service.message("Busy")
    runner.complete("Canceled")

    assert message["messageType"] == "JobCancellation"
    assert still.jobs[0].conclusion is Conclusion.CANCELLED


def test_a_job_nobody_took_is_cancelled_after_a_day(still: GitHub, clock: Clock, tmp_path: Path) -> None:
    still.submit(workflow(tmp_path, ONE_JOB))

    clock.forward(QUICK.queue_s + 1)
    until(lambda: still.finished)

    assert still.jobs[0].conclusion is Conclusion.CANCELLED


def test_a_session_nobody_polls_is_over(still: GitHub, clock: Clock, tmp_path: Path) -> None:
    runner_of(still, tmp_path)

    clock.forward(QUICK.session_s + 1)

    until(lambda: not still.runners[0].online)


def test_cancelling_a_running_job_tells_its_runner(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box", "linux"), tmp_path / "r1")
    runner.connect()
    run = github.submit(workflow(tmp_path, ONE_JOB))
    job = runner.take()

    github.cancel(run.id)
    message = runner.service.message("Busy")

    assert message["messageType"] == "JobCancellation"
    assert json.loads(str(message["body"]))["jobId"] == job["jobId"]


def test_a_second_session_is_a_conflict(github: GitHub, app: App, tmp_path: Path) -> None:
    encoded = app.register("r1", "box")
    Runner(encoded, tmp_path / "one").connect()

    with pytest.raises(ServiceError) as conflict:
        Runner(encoded, tmp_path / "two").connect()

    assert conflict.value.status == 409
    assert github.runners[0].online


def test_a_deleted_registration_cannot_sign_in(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    app.call("DELETE", f"/repos/acme/shop/actions/runners/{github.runners[0].id}")

    with pytest.raises(ServiceError) as refused:
        runner.connect()

    assert refused.value.kind == "invalid_client"


def test_another_runners_key_does_not_sign_in(app: App, tmp_path: Path) -> None:
    honest = Runner(app.register("r1", "box"), tmp_path / "r1")
    thief = Runner(app.register("r2", "box"), tmp_path / "r2")
    thief.service._settings = replace(thief.service._settings, client_id=honest.service._settings.client_id)

    with pytest.raises(ServiceError) as refused:
        thief.service.sign_in()

    assert refused.value.kind == "invalid_client"


def test_a_job_that_cannot_be_written_down_fails_with_the_reason(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    runner.connect()
    text = 'jobs: {a: {runs-on: box, steps: [{run: "${{ fromJSON(github.ref) }}"}]}}'
    github.submit(workflow(tmp_path, text))

    with pytest.raises(ServiceError) as refused:
        runner.take()

    assert refused.value.status == 422
    assert github.jobs[0].conclusion is Conclusion.FAILURE
    assert "fromJSON" in github.jobs[0].note


def test_a_hundred_runners_listen_at_once(tmp_path: Path) -> None:
    with GitHub(Config(patience=Patience())) as github:
        with github._lock:
            registered = [github._registry.register(f"r{n}", ["box"], "acme", 1) for n in range(100)]
        runners = [Runner(github._registry.jit_config(each, "_work"), tmp_path / each.name) for each in registered]

        def live(runner: Runner) -> None:
            runner.connect()
            runner.take()
            runner.complete()

        threads = [threading.Thread(target=live, args=(runner,)) for runner in runners]
        for thread in threads:
            thread.start()
        until(lambda: sum(each.is_idle for each in github._registry.runners) == 100)
        github.submit(workflow(tmp_path, MATRIX % ", ".join(map(str, range(100)))))
        for thread in threads:
            thread.join()

        assert github.finished
        assert len({job.runner_name for job in github.jobs}) == 100
        assert {job.conclusion for job in github.jobs} == {Conclusion.SUCCESS}
