from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controller.adapters.github.checks import LONGEST_SUMMARY, ChecksApi
from controller.adapters.github.installations import Installations
from controller.errors import Rejected, Unavailable
from controller.ports import CheckRun, Checks
from tests.controller.adapters.github.server import GitHubServer, Reply
from tests.fakes import samples
from tests.fakes.reruns import FakeChecks

CHECK = CheckRun(
    server=samples.SERVER,
    installation_id=7,
    repository=samples.REPOSITORY,
    head_sha="a" * 40,
    name="SpotRunner: build 1",
    title="Interrupted, re-run started",
    summary="This is **no** test failure ✓",
    conclusion="neutral",
    external_id="1#1",
)


@dataclass(frozen=True, slots=True)
class Commit:
    """Where check runs are posted, what is shown there, and how the next ones go wrong."""

    checks: Checks
    check: CheckRun
    shown: Callable[[], list[dict[str, Any]]]
    fail: Callable[[int], None]


@pytest.fixture(params=["fake", "rest"])
def commit(request: pytest.FixtureRequest) -> Commit:
    if request.param == "fake":
        fake = FakeChecks()
        errors = {403: Rejected("403"), 502: Unavailable("502")}
        return Commit(
            fake, CHECK, lambda: [_as_json(check) for check in fake.posted], lambda s: fake.faults.plan(errors[s])
        )
    server: GitHubServer = request.getfixturevalue("github_server")
    installations: Installations = request.getfixturevalue("installations")
    check = replace(CHECK, server=server.address)
    return Commit(
        ChecksApi(installations),
        check,
        lambda: server.run_routes.check_runs,
        lambda status: server.interject(Reply(status, {"message": "no"})),
    )


def _as_json(check: CheckRun) -> dict[str, Any]:
    return {
        "repository": check.repository,
        "name": check.name,
        "head_sha": check.head_sha,
        "external_id": check.external_id,
        "status": "completed",
        "conclusion": check.conclusion,
        "output": {"title": check.title, "summary": check.summary[:LONGEST_SUMMARY]},
    }


def test_a_check_run_is_shown_on_its_commit_as_it_was_given(commit: Commit) -> None:
    commit.checks.post(commit.check, samples.NOW)

    assert commit.shown() == [_as_json(commit.check)]


def test_a_summary_longer_than_github_takes_is_cut(commit: Commit) -> None:
    commit.checks.post(replace(commit.check, summary="x" * 70_000), samples.NOW)

    assert len(commit.shown()[0]["output"]["summary"]) == LONGEST_SUMMARY


@pytest.mark.parametrize(("status", "error"), [(403, Rejected), (502, Unavailable)])
def test_a_refusal_is_told_from_a_fault(commit: Commit, status: int, error: type[Exception]) -> None:
    commit.fail(status)

    with pytest.raises(error):
        commit.checks.post(commit.check, samples.NOW)

    assert commit.shown() == []
