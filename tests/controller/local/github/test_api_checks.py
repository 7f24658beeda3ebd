from __future__ import annotations

from typing import Any

import pytest

from controller.local.github.server import GitHub
from tests.controller.local.github.stage import App

REPOSITORY = "/repos/acme/shop"
SHA = "a" * 40
BODY = {"name": "SpotRunner", "head_sha": SHA, "status": "in_progress", "external_id": "job-7"}
OUTPUT = {"title": "Interrupted", "summary": "The spot machine was taken away; a re-run has started."}


def test_a_check_run_is_posted_changed_and_found_on_its_commit(github: GitHub, app: App) -> None:
    posted = app.call("POST", f"{REPOSITORY}/check-runs", BODY)
    path = f"{REPOSITORY}/check-runs/{posted.body['id']}"

    changed = app.call("PATCH", path, {"conclusion": "neutral", "output": OUTPUT})

    found = app.call("GET", f"{REPOSITORY}/commits/{SHA}/check-runs").body
    assert (posted.status, posted.body["status"], posted.body["conclusion"]) == (201, "in_progress", None)
    assert (changed.status, changed.body["status"], changed.body["conclusion"]) == (200, "completed", "neutral")
    assert changed.body["completed_at"]
    assert (found["total_count"], found["check_runs"][0]["id"]) == (1, posted.body["id"])
    assert app.call("GET", path).body["output"]["title"] == "Interrupted"
    seen = github.check_runs[0]
    assert (seen.name, seen.conclusion, seen.external_id, seen.writes) == ("SpotRunner", "neutral", "job-7", 2)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"head_sha": "main"},
        {"status": "done"},
        {"status": "completed"},
        {"conclusion": "great"},
        {"output": {"summary": "no title"}},
        {"output": {"title": "t", "summary": "s" * 65_536}},
        {"output": {**OUTPUT, "annotations": [{}] * 51}},
        {"output": "text"},
    ],
)
def test_a_check_run_github_would_not_take_is_refused(github: GitHub, app: App, change: dict[str, Any]) -> None:
    answer = app.call("POST", f"{REPOSITORY}/check-runs", {**BODY, **change})

    assert answer.status == 422
    assert github.check_runs == ()


def test_the_latest_of_each_name_is_listed_unless_all_are_asked_for(app: App) -> None:
    first = app.call("POST", f"{REPOSITORY}/check-runs", BODY).body["id"]
    second = app.call("POST", f"{REPOSITORY}/check-runs", BODY).body["id"]
    other = app.call("POST", f"{REPOSITORY}/check-runs", {**BODY, "name": "Config"}).body["id"]

    def listed(**query: str) -> list[int]:
        answer = app.call("GET", f"{REPOSITORY}/commits/{SHA}/check-runs", **query)
        return [each["id"] for each in answer.body["check_runs"]]

    assert listed() == [other, second]
    assert listed(filter="all") == [other, second, first]
    assert listed(check_name="Config") == [other]
    assert listed(status="completed") == listed(app_id="1") == []


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_unknown_check_run_is_not_found(app: App, method: str) -> None:
    body = {"status": "queued"} if method == "PATCH" else None

    assert app.call(method, f"{REPOSITORY}/check-runs/1", body).status == 404
