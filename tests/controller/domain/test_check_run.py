from __future__ import annotations

from typing import Any

import pytest

from controller.domain.check_run import words_on
from controller.domain.job import JobState, Rerun
from tests.fakes import samples

LOST: dict[str, Any] = {"state": JobState.COMPLETED, "conclusion": "failure", "instance_id": "i-7"}


def test_a_refused_job_is_told_why_and_what_to_do_about_it() -> None:
    job = samples.job(state=JobState.REFUSED, reason="there is no runner configuration 'linux-5cpu'")

    words = words_on(job)

    assert words is not None
    assert words.conclusion == "failure"
    assert "there is no runner configuration 'linux-5cpu'" in words.summary
    assert "`spotrunner/linux-4cpu`" in words.summary
    assert "runs-on" in words.summary


@pytest.mark.parametrize(
    ("rerun", "title"),
    [(Rerun.MADE, "Interrupted, re-run started"), (Rerun.DECLINED, "Interrupted, not run again")],
)
def test_an_interruption_is_told_from_a_test_failure(rerun: Rerun, title: str) -> None:
    words = words_on(samples.job(rerun=rerun, reason="its run was cancelled", **LOST))

    assert words is not None
    assert words.title == title
    assert words.conclusion == "neutral"
    assert "no test failure" in words.summary
    assert "i-7" in words.summary
    assert ("its run was cancelled" in words.summary) is (rerun is Rerun.DECLINED)


@pytest.mark.parametrize("rerun", [Rerun.NONE, Rerun.WANTED, Rerun.ASKED, Rerun.OVERTAKEN])
def test_nothing_is_said_before_it_is_decided_nor_of_what_others_did(rerun: Rerun) -> None:
    assert words_on(samples.job(rerun=rerun, **LOST)) is None


@pytest.mark.parametrize("changes", [{"state": JobState.REFUSED}, {"rerun": Rerun.MADE}, {"rerun": Rerun.DECLINED}])
def test_what_was_said_is_not_said_again(changes: dict[str, Any]) -> None:
    assert words_on(samples.job(told=True, **({"state": JobState.COMPLETED} | changes))) is None
