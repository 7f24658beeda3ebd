"""Runner groups by name, against the local GitHub."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from controller.adapters.github.api import GitHubApi
from controller.adapters.github.groups import KNOWN_S
from controller.adapters.github.installations import Installations
from controller.errors import Rejected
from controller.local.github.config import Config
from controller.local.github.server import GitHub
from controller.ports import Registered, Registration
from controller.servers import App, Server
from tests.fakes import samples
from tests.fakes.memory import FakeMemory
from tests.fakes.stack import FakeSecrets

LISTED = "/orgs/{org}/actions/runner-groups"


@dataclass(frozen=True, slots=True)
class Place:
    github: GitHub
    installations: Installations
    memory: FakeMemory

    def process(self) -> GitHubApi:
        return GitHubApi(self.installations, self.memory)

    def wanted(self, name: str, group: str = "trusted builds") -> Registration:
        return samples.registration(
            name,
            server=self.github.base_url,
            repository=self.github.repositories[0],
            installation_id=self.github.installation_id,
            organization=True,
            group=group,
        )

    def lookups(self) -> int:
        return sum(request.route == LISTED for request in self.github.requests)


@pytest.fixture
def place() -> Iterator[Place]:
    with GitHub(Config(runner_groups=(*(f"group {n}" for n in range(120)), "Trusted builds"))) as github:
        server = Server("", github.base_url, "webhook", (App(str(github.app_id), "app-key"),))
        installations = Installations((server,), FakeSecrets(**{"app-key": github.private_key_pem}))
        try:
            yield Place(github, installations, FakeMemory())
        finally:
            installations.close()


def test_a_group_is_found_by_its_name_on_whichever_page_and_once_for_all_functions(place: Place) -> None:
    now = time.time()

    for number in range(3):
        assert isinstance(place.process().register(place.wanted(f"r-{number}"), now), Registered)

    assert {runner.name for runner in place.github.runners} == {"r-0", "r-1", "r-2"}
    assert place.lookups() == 2


def test_a_group_that_is_not_there_is_refused_by_its_name(place: Place) -> None:
    with pytest.raises(Rejected, match=r"acme on .* has no runner group 'gone'"):
        place.process().register(place.wanted("r", "gone"), time.time())


def test_a_group_that_was_made_anew_is_looked_up_again(place: Place) -> None:
    now, process = time.time(), place.process()
    name = f"runner group {place.github.base_url} acme trusted builds"
    place.memory.remember(name, "9999", now + KNOWN_S)
    with pytest.raises(Rejected, match="404"):
        process.register(place.wanted("r"), now)

    assert isinstance(process.register(place.wanted("r"), now), Registered)


def test_a_group_by_its_number_is_never_looked_up(place: Place) -> None:
    wanted = replace(place.wanted("r", ""), group_id=1)

    assert isinstance(place.process().register(wanted, time.time()), Registered)
    assert place.lookups() == 0
