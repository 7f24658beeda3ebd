"""What a machine's tags say of its jobs."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.machine_tags import LONGEST, in_common, spelled
from tests.fakes import samples

ALLOWED = re.compile(r"[\w +\-=.:/@]*")


def test_a_launch_for_one_job_names_it() -> None:
    job = samples.job(1, workflow="CI", name="build (3.12)", run_id=77)

    said = in_common([job])

    assert said == {
        "repository": job.repository,
        "labels": " ".join(job.labels),
        "workflow": "CI",
        "run": "77",
        "job": "build _3.12_",
    }


def test_a_launch_for_several_says_what_they_have_in_common() -> None:
    jobs = [samples.job(n, workflow="CI", name=f"test-{n}", run_id=77) for n in (1, 2)]
    strangers = [*jobs, samples.job(3, workflow="Nightly", name="test-3", run_id=78)]

    assert in_common(jobs).keys() == {"repository", "labels", "workflow", "run"}
    assert in_common(strangers).keys() == {"repository", "labels"}


def test_what_is_not_known_is_not_said() -> None:
    assert "workflow" not in in_common([samples.job(1, workflow="", run_id=0)])
    assert in_common([]) == {}


@given(st.text())
def test_no_name_makes_a_launch_impossible(text: str) -> None:
    value = spelled(text)

    assert ALLOWED.fullmatch(value)
    assert len(value) <= LONGEST
    assert not value.lower().startswith("aws:")
    assert spelled(value) == value
