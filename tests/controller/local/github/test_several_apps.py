"""Several Apps at one local GitHub: each with limits of its own, and the controller's own client among them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from controller.adapters.github.api import GitHubApi
from controller.adapters.github.calls import Call
from controller.adapters.github.installations import Installations
from controller.domain.call_budget import Lane
from controller.errors import Rejected, Unavailable
from controller.local.github.config import Config, FurtherApp, Installation
from controller.local.github.server import GitHub
from controller.ports import Registered, Registration
from controller.servers import App, Server
from tests.controller.local.github.stage import App as Caller
from tests.fakes import samples
from tests.fakes.memory import FakeMemory
from tests.fakes.stack import FakeSecrets

SECOND, THIRD = 300_002, 300_003
AN_HOUR = 4
"""Registrations."""
CALLS = 50
REPOSITORY = "acme/shop"
REGISTER = "/repos/{owner}/{repo}/actions/runners/generate-jitconfig"
CONFIG = Config(
    further_apps=(
        FurtherApp(SECOND, (Installation("acme", ("shop",), 62),)),
        FurtherApp(THIRD, (Installation("globex", ("ledger",), 63),)),
    ),
    others=(Installation("globex", ("ledger",), 61),),
    budgets={"actions_runner_registration": AN_HOUR, "core": CALLS},
)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub(CONFIG) as running:
        yield running


def opened(github: GitHub, *app_ids: int) -> Installations:
    """As a function of a stack has them, with these Apps."""
    keys = {github.app_id: github.private_key_pem, **github.further_keys}
    apps = tuple(App(str(app_id), f"app_{app_id}") for app_id in app_ids)
    secrets = FakeSecrets(**{f"app_{app_id}": keys[app_id] for app_id in app_ids})
    return Installations((Server("", github.base_url, "webhook", apps),), secrets, FakeMemory())


@pytest.fixture
def client(github: GitHub) -> Iterator[Installations]:
    all_three = opened(github, github.app_id, SECOND, THIRD)
    yield all_three
    all_three.close()


@pytest.fixture
def two(github: GitHub) -> Iterator[Installations]:
    """With the two Apps that are installed on the repository."""
    both = opened(github, github.app_id, SECOND)
    yield both
    both.close()


def wanted(github: GitHub, number: int) -> Registration:
    return samples.registration(
        f"r-{number}", server=github.base_url, installation_id=github.installation_id, repository=REPOSITORY
    )


def by_caller(github: GitHub, status: int = 201) -> Counter[str]:
    """How many registrations came from which installation."""
    return Counter(each.caller for each in github.requests if each.route == REGISTER and each.status == status)


def test_each_app_registers_as_much_as_its_own_hour_allows(github: GitHub, client: Installations) -> None:
    api, now = GitHubApi(client), time.time()

    registered = [api.register(wanted(github, number), now) for number in range(2 * AN_HOUR)]

    assert all(isinstance(each, Registered) for each in registered)
    assert by_caller(github) == {f"installation {github.installation_id}": AN_HOUR, "installation 62": AN_HOUR}
    assert len(github.runners) == 2 * AN_HOUR


def test_after_the_hours_of_all_apps_it_is_told_when_the_first_begins_anew(github: GitHub, two: Installations) -> None:
    api, now = GitHubApi(two), time.time()
    for number in range(2 * AN_HOUR):
        api.register(wanted(github, number), now)
    asked = len(github.requests)

    with pytest.raises(Unavailable) as refused:
        api.register(wanted(github, 99), now)

    assert api.pause(now) == pytest.approx(refused.value.retry_after_s, abs=1.0)
    assert 3_500 < (refused.value.retry_after_s or 0) <= 3_660
    assert len(github.requests) == asked


def test_there_is_no_pause_while_one_app_may_still_register_or_is_not_known(github: GitHub, two: Installations) -> None:
    api, now = GitHubApi(two), time.time()
    pauses = [api.pause(now)]

    for number in range(2 * AN_HOUR - 1):
        api.register(wanted(github, number), now)
        pauses.append(api.pause(now))

    assert pauses == [0.0] * (2 * AN_HOUR)


def test_the_lower_lanes_of_an_app_end_before_its_calls_do_and_another_app_feels_nothing(
    github: GitHub, client: Installations
) -> None:
    now = time.time()
    look = Call("GET", github.base_url, f"/repos/{REPOSITORY}/actions/runners")
    made: Counter[Lane] = Counter()

    def use_up(lane: Lane) -> None:
        for _ in range(CALLS + 1):
            client.send(look, github.installation_id, now, {200}, lane)
            made[lane] += 1

    for lane in (Lane.CLEAN_UP, Lane.RECOVERY, Lane.REGISTRATION):
        with pytest.raises(Unavailable, match=f"the {lane} calls of .* wait"):
            use_up(lane)

    assert made == {Lane.CLEAN_UP: CALLS * 8 // 10, Lane.RECOVERY: CALLS // 10, Lane.REGISTRATION: CALLS // 10}
    assert isinstance(GitHubApi(client).register(wanted(github, 1), now), Registered)


def test_an_app_that_is_installed_elsewhere_registers_nothing_here(github: GitHub, client: Installations) -> None:
    api, now = GitHubApi(client), time.time()

    for number in range(3):
        api.register(wanted(github, number), now)

    assert "installation 63" not in by_caller(github)
    looked = [each.caller for each in github.requests if each.route == "/repos/{owner}/{repo}/installation"]
    assert looked == [f"app {SECOND}", f"app {THIRD}"]


def test_an_app_sees_its_own_installations_and_none_of_the_others(github: GitHub) -> None:
    caller = Caller(github)
    second = caller.jwt_of(SECOND, github.further_keys[SECOND])

    listed = caller.call("GET", "/app/installations", token=second).body
    minted = caller.call("POST", "/app/installations/62/access_tokens", token=second).body["token"]

    assert [(each["id"], each["app_id"]) for each in listed] == [(62, SECOND)]
    assert caller.call("POST", f"/app/installations/{github.installation_id}/access_tokens", token=second).status == 404
    assert caller.call("GET", "/installation/repositories", token=minted).body["total_count"] == 1
    assert caller.call("GET", "/app/hook/deliveries", token=second).body == []


def test_an_app_cannot_sign_with_anothers_key(github: GitHub) -> None:
    caller = Caller(github)

    forged = caller.jwt_of(SECOND, github.private_key_pem)

    answer = requests.get(
        f"{github.base_url}/app/installations", headers={"Authorization": f"Bearer {forged}"}, timeout=60
    )
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


def test_what_the_first_app_may_not_do_is_refused_whoever_else_there_is(github: GitHub, client: Installations) -> None:
    elsewhere = samples.registration("r", server=github.base_url, installation_id=61, repository=REPOSITORY)

    with pytest.raises(Rejected, match="404"):
        GitHubApi(client).register(elsewhere, time.time())
