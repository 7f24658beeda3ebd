from __future__ import annotations

import json

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.signed import SignedCalls
from controller.adapters.aws.signed_rules import SignedRecognition
from controller.errors import Unavailable
from controller.settings import AwsAccess

ALIAS = {"aliases": [{"match": "ubuntu-latest", "to": "spotrunner/linux"}]}


class World:
    """A stack's routing document, the door that reads it, and a clock."""

    def __init__(self, clients: Clients, access: AwsAccess, stack: str) -> None:
        self.now = 0.0
        self._clients = clients
        self._parameter = f"/{stack}/_routing"
        self.is_ours = SignedRecognition(SignedCalls(access), self._parameter, 60.0, lambda: self.now)

    def put(self, text: str) -> None:
        self._clients.ssm.put_parameter(Name=self._parameter, Value=text, Type="String", Overwrite=True)


@pytest.fixture
def world(clients: Clients, access: AwsAccess, stack: str) -> World:
    return World(clients, access, stack)


def test_labels_are_ours_as_the_document_says(world: World) -> None:
    world.put(json.dumps(ALIAS))

    assert world.is_ours(("Ubuntu-Latest",))
    assert not world.is_ours(("ubuntu-22.04",))


def test_a_new_document_counts_after_its_time_and_a_bad_one_changes_nothing(world: World) -> None:
    world.put(json.dumps(ALIAS))
    assert not world.is_ours(("gpu",))

    world.put('{"aliases": [{"match": "gpu", "to": "spotrunner/gpu"}]}')
    assert not world.is_ours(("gpu",))
    world.now = 60.0
    assert world.is_ours(("gpu",))

    world.put("{")
    world.now = 10_000_000.0
    assert world.is_ours(("gpu",))


def test_without_a_document_that_can_be_read_only_our_own_language_is_known(world: World, stack: str) -> None:
    assert world.is_ours(("spotrunner/linux",))
    with pytest.raises(Unavailable, match=f"parameter /{stack}/_routing"):
        world.is_ours(("ubuntu-latest",))

    world.put('{"alias": []}')
    with pytest.raises(Unavailable, match="alias: there is no such field"):
        world.is_ours(("ubuntu-latest",))
