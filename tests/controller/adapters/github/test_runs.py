from __future__ import annotations

import pytest

from controller.adapters.github.installations import Installations
from controller.adapters.github.runs import RunsApi
from controller.errors import Rejected, Unavailable
from controller.ports import RunRef
from tests.controller.adapters.github.server import GitHubServer, Reply
from tests.fakes import samples

NOW = samples.NOW


@pytest.fixture
def runs(installations: Installations) -> RunsApi:
    return RunsApi(installations)


@pytest.fixture
def run(github_server: GitHubServer) -> RunRef:
    github_server.run_routes.runs.ran(1, "failure", "spotrunner-i-1-1")
    return RunRef(github_server.address, 7, samples.REPOSITORY, 70)


def test_the_routes_are_those_that_github_documents(runs: RunsApi, run: RunRef, github_server: GitHubServer) -> None:
    github_server.run_routes.runs.end()

    runs.state(run, NOW)
    runs.jobs(run, NOW)
    runs.rerun_job(run, 1, NOW)
    runs.rerun_failed(run, NOW)

    assert [f"{asked.method} {asked.path}" for asked in github_server.asked[1:]] == [
        "GET /repos/octo/hello/actions/runs/70",
        "GET /repos/octo/hello/actions/runs/70/jobs?filter=latest&per_page=100&page=1",
        "POST /repos/octo/hello/actions/jobs/1/rerun",
        "POST /repos/octo/hello/actions/runs/70/rerun-failed-jobs",
    ]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(403, {"message": "Resource not accessible by integration"}), Rejected),
        (Reply(403, {"message": "This workflow run was created over a month ago"}), Rejected),
        (Reply(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "60"}), Unavailable),
        (Reply(429, {"message": "slow down"}), Unavailable),
        (Reply(404, {"message": "Not Found"}), Rejected),
        (Reply(502, {"message": "Bad Gateway"}), Unavailable),
    ],
)
def test_a_refusal_to_run_again_is_told_from_a_limit_and_from_a_fault(
    runs: RunsApi, run: RunRef, github_server: GitHubServer, reply: Reply, error: type[Exception]
) -> None:
    github_server.interject(reply)

    with pytest.raises(error, match=f"POST .*/rerun-failed-jobs: {reply.status}"):
        runs.rerun_failed(run, NOW)


@pytest.mark.parametrize("message", ["This workflow is already running", "The workflow run is already running."])
def test_a_re_run_that_comes_too_early_is_no_error(
    runs: RunsApi, run: RunRef, github_server: GitHubServer, message: str
) -> None:
    github_server.interject(Reply(403, {"message": message}))

    assert not runs.rerun_failed(run, NOW)


@pytest.mark.parametrize("answer", [{}, {"run_attempt": None}, [], {"run_attempt": "1", "status": "completed"}])
def test_a_run_that_is_not_described_is_asked_for_again(
    runs: RunsApi, run: RunRef, github_server: GitHubServer, answer: object
) -> None:
    github_server.interject(Reply(200, answer))

    with pytest.raises(Unavailable):
        runs.state(run, NOW)


@pytest.mark.parametrize("answer", [{}, {"jobs": None}, [], {"jobs": "none"}])
def test_a_list_of_jobs_that_is_none_is_asked_for_again(
    runs: RunsApi, run: RunRef, github_server: GitHubServer, answer: object
) -> None:
    github_server.interject(Reply(200, answer))

    with pytest.raises(Unavailable):
        runs.jobs(run, NOW)


def test_a_list_of_jobs_that_never_ends_is_refused(runs: RunsApi, run: RunRef, github_server: GitHubServer) -> None:
    github_server.interject(*(Reply(200, {"jobs": [{"id": n} for n in range(100)]}) for _ in range(20)))

    with pytest.raises(Rejected, match="more than 2000 jobs"):
        runs.jobs(run, NOW)


def test_a_revoked_token_is_replaced_once(runs: RunsApi, run: RunRef, github_server: GitHubServer) -> None:
    runs.state(run, NOW)
    github_server.revoked.update(github_server.tokens)

    assert runs.state(run, NOW).attempt == 1
    assert github_server.mints == 2
