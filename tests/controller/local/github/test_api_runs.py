from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.local.github.config import Config
from controller.local.github.server import GitHub
from tests.controller.local.github.stage import App, Receiver, Runner, workflow

RUNS = "/repos/acme/shop/actions/runs"
ONE_JOB = "jobs: {a: {runs-on: box, steps: [{run: x}]}}"


def linked(link: str) -> dict[str, str]:
    """The page that each relation of a Link header names."""
    return {relation: page for page, relation in re.findall(r'[?&]page=(\d+)[^>]*>; rel="(\w+)"', link)}


def test_a_list_is_read_page_by_page_along_its_links(github: GitHub, app: App, tmp_path: Path) -> None:
    made = [github.submit(workflow(tmp_path, ONE_JOB, f"w{n}.yml")).id for n in range(5)]

    pages = [app.call("GET", RUNS, status="queued", per_page="2", page=str(n)) for n in (1, 2, 3, 4)]

    assert [run["id"] for page in pages for run in page.body["workflow_runs"]] == made[::-1]
    assert {page.body["total_count"] for page in pages} == {5}
    assert [linked(page.headers["Link"]) for page in pages[:3]] == [
        {"next": "2", "last": "3"},
        {"first": "1", "prev": "1", "next": "3", "last": "3"},
        {"first": "1", "prev": "2"},
    ]
    assert pages[0].headers["Link"].startswith(f"<{github.base_url}{RUNS}?status=queued&per_page=2&page=2>")


def test_a_list_of_one_page_has_no_links(github: GitHub, app: App, tmp_path: Path) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))

    answer = app.call("GET", f"{RUNS}/{run.id}/jobs", per_page="1")

    assert "Link" not in answer.headers


def test_runs_with_queued_jobs_are_found_by_their_status(github: GitHub, app: App, tmp_path: Path) -> None:
    waiting = github.submit(workflow(tmp_path, ONE_JOB.replace("box", "other")))
    half = github.submit(workflow(tmp_path, ONE_JOB.replace("{a:", "{b: {runs-on: c, steps: [{run: x}]}, a:"), "b.yml"))
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    runner.connect()
    runner.take()

    found = {
        status: [run["id"] for run in app.call("GET", RUNS, status=status).body["workflow_runs"]]
        for status in ("queued", "in_progress", "completed")
    }

    assert found == {"queued": [waiting.id], "in_progress": [half.id], "completed": []}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"branch": "main"}, 1),
        ({"branch": "other"}, 0),
        ({"event": "push"}, 1),
        ({"event": "schedule"}, 0),
        ({"head_sha": "0" * 40}, 0),
        ({"created": ">=2024-01-01"}, 1),
        ({"created": "<2024-01-01T00:00:00Z"}, 0),
        ({"created": "2024-01-01..*"}, 1),
        ({"created": "*..2024-01-01"}, 0),
        ({"created": "<=2999-01-01"}, 1),
        ({"created": ">2999-01-01"}, 0),
        ({"created": "2024-01-01"}, 0),
    ],
)
def test_runs_are_filtered(github: GitHub, app: App, tmp_path: Path, query: dict[str, str], count: int) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))

    assert app.call("GET", RUNS, **query).body["total_count"] == count


def test_a_filter_that_is_no_date_is_refused(github: GitHub, app: App, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))

    assert app.call("GET", RUNS, created=">yesterday").status == 422


@pytest.fixture
def enterprise(receiver: Receiver) -> Iterator[GitHub]:
    with GitHub(Config(base_path="/api/v3", webhook_url=receiver.url, budgets={"core": 1})) as running:
        yield running


def test_an_enterprise_server_has_every_route_below_its_base_path(
    enterprise: GitHub, receiver: Receiver, tmp_path: Path
) -> None:
    app = App(enterprise)
    run = enterprise.submit(workflow(tmp_path, ONE_JOB))
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    runner.connect()
    runner.take()
    runner.complete()

    answer = app.call("GET", f"{RUNS}/{run.id}")

    assert enterprise.base_url.endswith("/api/v3")
    assert answer.body["url"] == f"{enterprise.base_url}{RUNS}/{run.id}"
    assert answer.body["conclusion"] == "success"
    assert receiver.wait_for(3)[0].payload["repository"]["url"].startswith(enterprise.base_url)
    assert {each.route for each in enterprise.requests} >= {"/repos/{owner}/{repo}/actions/runs/{run_id}"}


def test_an_enterprise_server_limits_no_rate_by_itself(enterprise: GitHub) -> None:
    app = App(enterprise)

    answers = [app.call("GET", RUNS) for _ in range(3)]

    assert [each.status for each in answers] == [200] * 3
    assert "x-ratelimit-limit" not in answers[0].headers
