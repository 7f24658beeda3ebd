"""An operator's commands against a stack, over real boto3 and HTTP, with nothing but his own credentials."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from controller.adapters.aws.allowance import AccountAllowance
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.offerings import Ec2Offerings
from controller.adapters.aws.state import DynamoMemory
from controller.cli.__main__ import app
from controller.domain import market
from controller.local.aws.cloud import LocalCloud
from controller.usecases.count_quotas import CountQuotas
from controller.usecases.learn_market import LearnMarket
from tests.fakes.offerings import ZONES
from tests.fakes.telling import Told

pytestmark = pytest.mark.local_cloud

STACK, REGION = "dev-us-east-1", "us-east-1"


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    return start_cloud(stack=STACK)


@pytest.fixture
def environ(cloud: LocalCloud) -> dict[str, str]:
    keys = cloud._admin
    return {
        "AWS_ENDPOINT_URL": cloud.front_url,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token,
        "COLUMNS": "80",
    }


def test_a_plan_shows_what_the_stack_has_learnt_and_met(
    cloud: LocalCloud, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    clients = Clients(REGION)
    memory = DynamoMemory(clients, cloud.settings.memory_table, REGION)
    LearnMarket(Ec2Offerings(clients, REGION, ZONES), memory, Told(), time.time)(False)
    CountQuotas(AccountAllowance(clients), market.shipped, memory, Told(), time.time)(False)
    clients.close()

    ended = CliRunner().invoke(app, ["plan", "spotrunner/linux", "--stack", STACK, "--json"])

    answer = json.loads(ended.stdout)["machine"]
    assert ended.exit_code == 0
    assert answer["prices"].startswith("learnt from EC2 on ")
    assert {one["zone"] for one in answer["candidates"]} == set(ZONES)
    first = answer["candidates"][0]
    assert first["usd_per_hour"] == cloud.price(first["instance_type"], first["zone"], "spot")
    assert {one["quota"] for one in answer["headroom"]} == {"L-34B43A08", "L-1216C47A"}


def test_a_stack_that_can_not_be_read_is_told_in_one_line(environ: dict[str, str]) -> None:
    ended = CliRunner().invoke(app, ["plan", "spotrunner/linux", "--stack", "other-us-east-1"], env=environ)

    assert ended.exit_code == 4
    assert ended.stderr.startswith("spotrunner: stack other-us-east-1 can not be read, so check its name and")
    assert len(ended.stderr.splitlines()) == 1
