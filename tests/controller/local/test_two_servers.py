"""github.com and an Enterprise Server behind one stack: the same job numbers on both, and each gets its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.local.aws.cloud import LocalCloud, Options
from controller.local.aws.provision import GitHubApp
from controller.local.github.config import Config
from controller.local.github.job import Conclusion
from controller.local.github.server import GitHub
from controller.local.github.webhooks import headers, post
from controller.local.stage import BOOT, QUICK, RUNNER_CONFIGS
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 180.0
NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True, slots=True)
class TwoServers:
    com: GitHub
    corp: GitHub
    cloud: LocalCloud


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoServers]:
    with ExitStack() as stack:
        com = stack.enter_context(GitHub(Config()))
        corp = stack.enter_context(GitHub(Config(base_path="/api/v3")))
        options = Options(settings=QUICK, latencies=BOOT, speed=10.0, further={"corp": app_of(corp)})
        cloud = stack.enter_context(LocalCloud(tmp_path / "run", app_of(com), RUNNER_CONFIGS, options))
        com.connect(cloud.webhook_url)
        corp.connect(cloud.webhook_url)
        yield TwoServers(com, corp, cloud)


def app_of(github: GitHub) -> GitHubApp:
    return GitHubApp(github.base_url, str(github.app_id), github.private_key_pem, github.webhook_secret)


def test_the_same_job_on_two_servers_runs_on_both(two: TwoServers, one_job: Path) -> None:
    for github in (two.com, two.corp):
        github.submit(one_job)

    eventually(lambda: two.com.finished and two.corp.finished, PATIENCE_S)

    ended = [*two.com.jobs, *two.corp.jobs]
    assert len({job.id for job in ended}) == 1
    assert [job.conclusion for job in ended] == [Conclusion.SUCCESS, Conclusion.SUCCESS]
    assert len({job.runner_name for job in ended}) == len(two.cloud.instances()) == 2
    assert not [call for call in two.cloud.calls if call.status == 403]


def test_a_delivery_of_one_server_signed_by_the_other_is_not_believed(two: TwoServers, one_job: Path) -> None:
    """The Enterprise Server's administrators hold its secret, and may not launch machines for github.com's jobs."""
    two.com.connect(NOWHERE)
    two.com.submit(one_job)
    eventually(lambda: bool(two.com.deliveries), PATIENCE_S)
    told = two.com.deliveries[0]

    status, words = post(two.cloud.webhook_url, told.body, headers(told, two.corp.app_id, two.corp.webhook_secret))

    assert (status, told.event) == (400, "workflow_job")
    assert "none of this stack's servers whose secret signed it" in words
    assert two.cloud.instances() == ()
