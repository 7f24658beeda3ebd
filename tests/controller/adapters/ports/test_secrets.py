from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.secrets import ManagedSecrets
from controller.adapters.aws.signed import SignedCalls, SignedSecrets
from controller.errors import Unavailable
from controller.ports import Secrets
from controller.settings import AwsAccess
from tests.fakes.stack import FakeSecrets

TEXT = "-----BEGIN-----\nline ✓\n"


@pytest.fixture(params=["fake", "managed", "signed"])
def secrets(request: pytest.FixtureRequest, stack: str) -> Iterator[Secrets]:
    if request.param == "fake":
        yield FakeSecrets(**{stack: TEXT})
        return
    clients: Clients = request.getfixturevalue("clients")
    clients.secrets.create_secret(Name=stack, SecretString=TEXT)
    access: AwsAccess = request.getfixturevalue("access")
    calls = SignedCalls(access)
    yield ManagedSecrets(clients, ttl_s=60) if request.param == "managed" else SignedSecrets(calls, ttl_s=60)
    calls.close()


def test_a_secret_is_read_as_it_was_written(secrets: Secrets, stack: str) -> None:
    assert secrets.read(stack, now=1.0) == TEXT


def test_a_secret_that_is_not_there_is_unavailable_and_named(secrets: Secrets) -> None:
    with pytest.raises(Unavailable, match="secret nobody-has-it"):
        secrets.read("nobody-has-it", now=1.0)


@pytest.mark.parametrize("door", ["managed", "signed"])
def test_a_replaced_secret_is_seen_when_its_time_is_up_or_when_asked_afresh(
    door: str, clients: Clients, access: AwsAccess, stack: str
) -> None:
    clients.secrets.create_secret(Name=stack, SecretString="old")
    calls = SignedCalls(access)
    secrets = ManagedSecrets(clients, ttl_s=60) if door == "managed" else SignedSecrets(calls, ttl_s=60)
    secrets.read(stack, now=0.0)

    clients.secrets.put_secret_value(SecretId=stack, SecretString="new")

    assert secrets.read(stack, now=59.0) == "old"
    assert secrets.read(stack, now=60.0) == "new"
    clients.secrets.put_secret_value(SecretId=stack, SecretString="newest")
    assert secrets.read(stack, now=61.0, fresh=True) == "newest"
    calls.close()


@pytest.mark.parametrize("door", ["managed", "signed"])
def test_a_secret_without_text_is_unavailable(door: str, clients: Clients, access: AwsAccess, stack: str) -> None:
    clients.secrets.create_secret(Name=stack, SecretBinary=b"binary")
    calls = SignedCalls(access)
    secrets = ManagedSecrets(clients, ttl_s=60) if door == "managed" else SignedSecrets(calls, ttl_s=60)

    with pytest.raises(Unavailable, match="no text"):
        secrets.read(stack, now=0.0)

    calls.close()
