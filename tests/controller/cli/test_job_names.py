from __future__ import annotations

import pytest

from controller.cli import job_names
from controller.domain.job_key import JobKey
from controller.errors import Rejected


@pytest.mark.parametrize(
    "text",
    [
        "4242#2",
        " 4242#2 ",
        "https://github.com/octo/hello/actions/runs/1/attempts/2/job/4242",
        "https://github.com/octo/hello/actions/runs/1/attempts/2/job/4242?pr=5",
        "https://git.example.com/octo/hello/actions/runs/1/attempts/2/job/4242#step:3:1",
    ],
)
def test_a_job_is_named_by_its_id_or_the_address_of_its_page(text: str) -> None:
    assert job_names.read(text).keys == (JobKey(4242, 2),)


@pytest.mark.parametrize(
    "text", ["corp:4242#2", "https://git.example.com/octo/hello/actions/runs/1/attempts/2/job/4242"]
)
def test_a_job_of_a_further_server_is_named_with_it(text: str) -> None:
    known = {"github.com": "", "git.example.com": "corp"}

    assert job_names.read(text, known).keys == (JobKey(4242, 2, "corp"),)


@pytest.mark.parametrize("text", ["4242", "https://github.com/octo/hello/actions/runs/1/job/4242"])
def test_without_an_attempt_every_likely_one_is_meant(text: str) -> None:
    keys = job_names.read(text).keys

    assert keys[0] == JobKey(4242, 1)
    assert len(keys) == job_names.MOST_ATTEMPTS


@pytest.mark.parametrize("text", ["i-0abc", "spotrunner-i-0abc-2"])
def test_a_machine_or_its_runner_stands_for_its_job(text: str) -> None:
    assert job_names.read(text).machine == "i-0abc"


@pytest.mark.parametrize("text", ["", "build", "-1", "1#", "https://github.com/octo/hello", "9" * 30])
def test_anything_else_is_refused_with_what_would_be_a_name(text: str) -> None:
    with pytest.raises(Rejected, match="give GitHub's job id"):
        job_names.read(text)


def test_a_run_is_sent_on_to_its_jobs() -> None:
    with pytest.raises(Rejected, match="open one of its jobs"):
        job_names.read("https://github.com/octo/hello/actions/runs/1")
