from __future__ import annotations

from typing import Any

import pytest

from controller.local.github.server import GitHub
from tests.controller.local.github.stage import App

REPOSITORY = "/repos/acme/shop"
SHA = "b" * 40


def test_the_latest_status_of_each_context_counts(github: GitHub, app: App) -> None:
    for context, state in (("config", "pending"), ("config", "success"), ("pools", "failure")):
        answer = app.call("POST", f"{REPOSITORY}/statuses/{SHA}", {"state": state, "context": context})
        assert answer.status == 201

    combined = app.call("GET", f"{REPOSITORY}/commits/{SHA}/status").body

    assert (combined["state"], combined["total_count"]) == ("failure", 2)
    shown = [(each["context"], each["state"]) for each in combined["statuses"]]
    assert shown == [("config", "success"), ("pools", "failure")]
    listed = app.call("GET", f"{REPOSITORY}/commits/{SHA}/statuses").body
    assert [each["state"] for each in listed] == ["failure", "success", "pending"]
    assert [each.state for each in github.statuses] == ["pending", "success", "failure"]


@pytest.mark.parametrize(("states", "combined"), [([], "pending"), (["success"], "success"), (["pending"], "pending")])
def test_a_commit_comes_to_what_its_statuses_say(app: App, states: list[str], combined: str) -> None:
    for state in states:
        app.call("POST", f"{REPOSITORY}/statuses/{SHA}", {"state": state})

    assert app.call("GET", f"{REPOSITORY}/commits/{SHA}/status").body["state"] == combined


@pytest.mark.parametrize(
    ("sha", "body"),
    [("main", {"state": "success"}), (SHA, {"state": "great"}), (SHA, {"state": "error", "description": "x" * 141})],
)
def test_a_status_github_would_not_take_is_refused(github: GitHub, app: App, sha: str, body: dict[str, Any]) -> None:
    answer = app.call("POST", f"{REPOSITORY}/statuses/{sha}", body)

    assert answer.status == 422
    assert github.statuses == ()


def test_a_ref_that_is_none_has_no_status(app: App) -> None:
    assert app.call("GET", f"{REPOSITORY}/commits/nowhere/status").status == 404
