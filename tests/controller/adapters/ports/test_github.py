from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from controller.domain.fleet_config import Arch, Os
from controller.errors import Rejected, Unavailable
from controller.ports import GitHub, NameTaken, Registered, Registration, Release
from tests.controller.adapters.github.server import GitHubServer
from tests.fakes import samples
from tests.fakes.github import FakeGitHub

NOW = samples.NOW


@dataclass(frozen=True, slots=True)
class Place:
    """A GitHub to register with."""

    github: GitHub
    server: str

    def wanted(self, name: str = "spotrunner-i-1-1", **changes: Any) -> Registration:  # noqa: ANN401 - its fields
        return samples.registration(name, server=self.server, **changes)


@pytest.fixture(params=["fake", "rest"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "fake":
        return Place(FakeGitHub(), samples.SERVER)
    server: GitHubServer = request.getfixturevalue("github_server")
    return Place(request.getfixturevalue("api"), server.address)


def test_a_registered_runner_has_an_id_and_a_configuration_that_is_not_shown(place: Place) -> None:
    registered = place.github.register(place.wanted(), NOW)

    assert isinstance(registered, Registered)
    assert registered.jit_config == "jit-of-spotrunner-i-1-1"
    assert "jit-of" not in repr(registered)
    assert place.github.is_registered(place.wanted(), registered.runner_id, NOW)


def test_a_name_is_taken_once(place: Place) -> None:
    first = place.github.register(place.wanted("a"), NOW)

    assert place.github.register(place.wanted("a"), NOW) == NameTaken("a")
    other = place.github.register(place.wanted("b"), NOW)

    assert isinstance(first, Registered)
    assert isinstance(other, Registered)
    assert first.runner_id != other.runner_id


def test_an_organisation_has_names_of_its_own(place: Place) -> None:
    place.github.register(place.wanted("a"), NOW)

    first = place.github.register(place.wanted("a", organization=True), NOW)

    assert isinstance(first, Registered)
    again = place.github.register(place.wanted("a", organization=True, repository="octo/other"), NOW)
    assert again == NameTaken("a")


def test_a_removed_runner_is_not_registered_and_its_name_is_free(place: Place) -> None:
    registered = place.github.register(place.wanted(), NOW)
    assert isinstance(registered, Registered)

    place.github.remove(place.wanted(), registered.runner_id, NOW)
    place.github.remove(place.wanted(), registered.runner_id, NOW)

    assert not place.github.is_registered(place.wanted(), registered.runner_id, NOW)
    assert isinstance(place.github.register(place.wanted(), NOW), Registered)


def test_the_runners_of_a_place_are_listed_by_name_however_many_there_are(place: Place) -> None:
    wanted = {f"spotrunner-i-{n}-1" for n in range(103)}
    for name in wanted:
        place.github.register(place.wanted(name), NOW)
    place.github.register(place.wanted("elsewhere", repository="octo/other"), NOW)
    place.github.register(place.wanted("of-all", organization=True), NOW)

    listed = place.github.listed(place.wanted(""), NOW)

    assert {each.name for each in listed} == wanted
    assert all(place.github.is_registered(place.wanted(), each.runner_id, NOW) for each in listed[:2])
    assert [each.name for each in place.github.listed(place.wanted("", organization=True), NOW)] == ["of-all"]


def test_the_release_of_a_platform_has_its_version_and_checksum(place: Place) -> None:
    release = place.github.release(place.wanted(), Os.LINUX, Arch.X64, NOW)

    assert isinstance(release, Release)
    assert release.version == "2.336.0"
    assert release.sha256 == "5" * 64
    assert "linux-x64" in release.url


@pytest.mark.parametrize("door", ["fake", "rest"])
def test_a_release_without_a_checksum_is_rejected(door: str, request: pytest.FixtureRequest) -> None:
    place = Place(FakeGitHub(), samples.SERVER)
    if door == "fake":
        place = Place(fake := FakeGitHub(), samples.SERVER)
        fake.version = None
    else:
        server: GitHubServer = request.getfixturevalue("github_server")
        server.downloads[0].pop("sha256_checksum")
        place = Place(request.getfixturevalue("api"), server.address)

    with pytest.raises(Rejected, match="SHA-256"):
        place.github.release(place.wanted(), Os.LINUX, Arch.X64, NOW)


def test_a_fake_fails_as_planned() -> None:
    fake = FakeGitHub()
    fake.faults.plan(None, Unavailable("GitHub is away"))
    fake.register(samples.registration("a"), NOW)

    with pytest.raises(Unavailable):
        fake.register(samples.registration("b"), NOW)

    assert list(fake.runners) == [("octo/hello", "a")]
