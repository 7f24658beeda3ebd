"""Recovery's adapters against the embedded GitHub over HTTP, whose routes follow GitHub's published description."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from controller.adapters.github.census import CensusApi
from controller.adapters.github.deliveries import DeliveriesApi
from controller.adapters.github.installations import Installations
from controller.domain.job_key import Intake
from controller.domain.labels import is_ours
from controller.domain.lost_webhooks import Repository, to_send_again
from controller.errors import Rejected, Unavailable
from controller.local.github.config import Config, Installation
from controller.local.github.server import GitHub
from controller.messages import JobMoved, JobQueued, Step
from controller.ports import RunRef
from controller.servers import App, Server
from tests.controller.local.github.stage import Receiver, until, workflow
from tests.fakes.stack import FakeSecrets

TWO_JOBS = """
name: Two
on: push
jobs:
  one:
    runs-on: spotrunner/linux-2cpu
    steps: [{run: 'true'}]
  other:
    runs-on: ubuntu-latest
    steps: [{run: 'true'}]
"""


class Place(NamedTuple):
    """A GitHub with somebody who takes its webhooks, and the App's voice."""

    github: GitHub
    receiver: Receiver
    installations: Installations

    @property
    def census(self) -> CensusApi:
        return CensusApi(self.installations)

    @property
    def log(self) -> DeliveriesApi:
        return DeliveriesApi(self.installations)

    def repository(self, number: int = 0) -> Repository:
        return Repository(self.github.base_url, self.github.installation_id, self.github.repositories[number])


@contextmanager
def placed(config: Callable[[str], Config]) -> Iterator[Place]:
    with Receiver().running() as receiver, GitHub(config(receiver.url)) as github:
        app = App(str(github.app_id), "app-key")
        server = Server("", github.base_url, "webhook", (app,))
        installations = Installations((server,), FakeSecrets(**{"app-key": github.private_key_pem}))
        yield Place(github, receiver, installations)
        installations.close()


@pytest.fixture
def place() -> Iterator[Place]:
    with placed(lambda url: Config(webhook_url=url)) as place:
        yield place


def test_a_waiting_job_is_read_as_its_webhook_would_have_told_it(place: Place, tmp_path: Path) -> None:
    place.github.submit(workflow(tmp_path, TWO_JOBS))
    wanted = next(job for job in place.github.jobs if job.name == "one")

    (run,) = place.census.active_runs(place.repository(), time.time())
    (word,) = place.census.jobs(run, is_ours, time.time())

    assert isinstance(word, JobQueued)
    assert (word.job_id, word.attempt, word.name, word.labels) == (wanted.id, 1, "one", ("spotrunner/linux-2cpu",))
    assert (word.repository, word.server) == (place.github.repositories[0], place.github.base_url)
    assert (word.run_id, word.installation_id) == (run.run_id, place.github.installation_id)
    assert word.intake is Intake.SCAN
    assert abs(word.queued_at - wanted.queued_at.timestamp()) < 1.0


def test_a_cancelled_job_is_read_as_completed(place: Place, tmp_path: Path) -> None:
    run_id = place.github.submit(workflow(tmp_path, TWO_JOBS)).id
    place.github.cancel(run_id)
    run = RunRef(place.github.base_url, place.github.installation_id, place.github.repositories[0], run_id)

    (word,) = place.census.jobs(run, is_ours, time.time())

    assert isinstance(word, JobMoved)
    assert (word.kind, word.conclusion, word.runner_name) == (Step.COMPLETED, "cancelled", "")


def test_a_run_that_has_ended_is_not_active(place: Place, tmp_path: Path) -> None:
    place.github.cancel(place.github.submit(workflow(tmp_path, TWO_JOBS)).id)

    assert place.census.active_runs(place.repository(), time.time()) == []


def test_a_run_or_repository_that_is_not_there_is_refused(place: Place) -> None:
    nowhere = Repository(place.github.base_url, place.github.installation_id, "acme/nowhere")

    with pytest.raises(Rejected, match="404"):
        place.census.active_runs(nowhere, time.time())
    with pytest.raises(Rejected, match="404"):
        place.census.jobs(RunRef(nowhere.server, nowhere.installation_id, nowhere.name, 1), is_ours, time.time())


def test_a_fault_of_github_is_no_word_about_any_job(place: Place) -> None:
    place.github.fail_requests("*", 502, times=1)

    with pytest.raises(Unavailable):
        place.census.active_runs(place.repository(), time.time())


def test_every_repository_of_every_installation_is_known_page_by_page() -> None:
    many = tuple(f"r{n}" for n in range(150))

    def config(url: str) -> Config:
        return Config(webhook_url=url, others=(Installation("globex", many, 77),))

    with placed(config) as place:
        found = place.census.repositories(place.github.base_url, time.time())

    theirs = [repository for repository in found if repository.installation_id == 77]
    assert {repository.name for repository in theirs} == {f"globex/{name}" for name in many}
    assert {r.name for r in found if r.installation_id == place.github.installation_id} >= {"acme/shop"}


def test_the_list_of_repositories_is_kept_for_some_minutes(place: Place) -> None:
    census, now = place.census, time.time()

    census.repositories(place.github.base_url, now)
    asked = len(place.github.requests)
    census.repositories(place.github.base_url, now + 60.0)

    assert len(place.github.requests) == asked


def test_to_look_again_where_nothing_has_changed_costs_nothing_of_the_budget(tmp_path: Path) -> None:
    two_looks = {"core": 4}

    with placed(lambda url: Config(webhook_url=url, budgets=two_looks)) as place:
        run_id = place.github.submit(workflow(tmp_path, TWO_JOBS)).id
        first = place.census.active_runs(place.repository(), time.time())
        again = [place.census.active_runs(place.repository(), time.time()) for _ in range(5)]
        unchanged = [request.status for request in place.github.requests[-10:]]
        place.github.cancel(run_id)
        changed = place.census.active_runs(place.repository(), time.time())

    assert again == [first] * 5
    assert unchanged == [304] * 10
    assert (len(first), changed) == (1, [])


def test_what_one_installation_may_see_is_never_shown_to_another() -> None:
    def config(url: str) -> Config:
        return Config(webhook_url=url, others=(Installation("globex", ("secret",), 77),))

    with placed(config) as place:
        looks = [place.census.repositories(place.github.base_url, time.time()) for _ in range(2)]
        unchanged = [request.status for request in place.github.requests].count(304)

    found = {(each.installation_id, each.name) for each in looks[1]}
    assert found == {(place.github.installation_id, "acme/shop"), (77, "globex/secret")}
    assert (unchanged, looks[0]) == (2, looks[1])


def test_a_delivery_that_nobody_took_is_found_in_the_log_and_sent_again(place: Place, tmp_path: Path) -> None:
    place.github.fail_next_delivery("queued", job="one")
    place.github.submit(workflow(tmp_path, TWO_JOBS))
    until(lambda: len(place.github.deliveries) == 2)
    (failed,) = to_send_again(place.log.since(place.github.base_url, 0.0, time.time()))

    place.log.send_again(place.github.base_url, failed, time.time())

    until(lambda: len(place.github.deliveries) == 3)
    log = place.log.since(place.github.base_url, 0.0, time.time())
    assert to_send_again(log) == []
    assert sorted(sent.redelivery for sent in log) == [False, False, True]


def test_the_log_is_read_back_to_a_time_and_no_further(place: Place, tmp_path: Path) -> None:
    place.github.submit(workflow(tmp_path, TWO_JOBS))
    until(lambda: len(place.github.deliveries) == 2)

    log = place.log.since(place.github.base_url, 0.0, time.time())

    assert [sent.event for sent in log] == ["workflow_job", "workflow_job"]
    assert place.log.since(place.github.base_url, time.time() + 5.0, time.time()) == []


def test_a_log_of_several_pages_is_read_to_its_end(place: Place, tmp_path: Path) -> None:
    place.github.repeat_next(130, "queued")
    place.github.submit(workflow(tmp_path, TWO_JOBS))
    until(lambda: len(place.github.deliveries) == 131)

    log = place.log.since(place.github.base_url, 0.0, time.time())

    assert len(log) == 131
    assert len({sent.guid for sent in log}) == 2
