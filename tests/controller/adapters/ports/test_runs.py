from __future__ import annotations

from dataclasses import dataclass

import pytest

from controller.adapters.github.installations import Installations
from controller.adapters.github.runs import RunsApi
from controller.domain.interruption import RunJob, RunState
from controller.errors import Rejected
from controller.ports import RunRef, Runs
from tests.controller.adapters.github.server import GitHubServer
from tests.fakes import samples
from tests.fakes.reruns import FakeRuns

NOW = samples.NOW


@dataclass(frozen=True, slots=True)
class Place:
    """GitHub's runs as the port sees them, and the runs behind it."""

    runs: Runs
    behind: FakeRuns
    server: str

    def run(self, run_id: int = 70) -> RunRef:
        return RunRef(self.server, 7, samples.REPOSITORY, run_id)


@pytest.fixture(params=["fake", "rest"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "fake":
        fake = FakeRuns()
        return Place(fake, fake, samples.SERVER)
    server: GitHubServer = request.getfixturevalue("github_server")
    installations: Installations = request.getfixturevalue("installations")
    return Place(RunsApi(installations), server.run_routes.runs, server.address)


def test_a_run_goes_on_until_it_has_completed(place: Place) -> None:
    place.behind.ran(1)

    before = place.runs.state(place.run(), NOW)
    place.behind.end()

    assert before == RunState(1, completed=False)
    assert place.runs.state(place.run(), NOW) == RunState(1, completed=True, conclusion="failure")


def test_the_jobs_of_a_run_come_with_their_ends_and_runners(place: Place) -> None:
    place.behind.ran(1, "failure", "spotrunner-i-1-1")
    place.behind.ran(2)

    found = place.runs.jobs(place.run(), NOW)

    assert found == [RunJob(1, "build 1", "failure", "spotrunner-i-1-1"), RunJob(2, "build 2", "")]


@pytest.mark.parametrize("count", [99, 100, 101, 256])
def test_a_large_matrix_is_read_whole(place: Place, count: int) -> None:
    for number in range(1, count + 1):
        place.behind.ran(number, "success")

    assert len(place.runs.jobs(place.run(), NOW)) == count


def test_failed_jobs_run_again_in_a_new_attempt(place: Place) -> None:
    place.behind.ran(1, "failure", "a")
    place.behind.ran(2, "success", "b")
    place.behind.end()

    assert place.runs.rerun_failed(place.run(), NOW)

    assert place.runs.state(place.run(), NOW) == RunState(2, completed=False)
    assert sorted(job.runner_name for job in place.runs.jobs(place.run(), NOW)) == ["", "b"]


def test_one_job_runs_again_in_a_new_attempt(place: Place) -> None:
    place.behind.ran(1, "failure", "a")
    place.behind.ran(2, "failure", "b")
    place.behind.end()

    assert place.runs.rerun_job(place.run(), 2, NOW)

    assert place.behind.reruns == [(2, ("build 2",))]


def test_an_active_run_is_not_run_again_and_that_is_no_error(place: Place) -> None:
    place.behind.ran(1, "failure", "a")

    assert not place.runs.rerun_failed(place.run(), NOW)
    assert not place.runs.rerun_job(place.run(), 1, NOW)
    assert place.behind.reruns == []


def test_an_unknown_run_is_refused(place: Place) -> None:
    for ask in (place.runs.state, place.runs.jobs, place.runs.rerun_failed):
        with pytest.raises(Rejected):
            ask(place.run(999), NOW)
