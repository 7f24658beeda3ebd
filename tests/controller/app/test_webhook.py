"""Which server a delivery is from is decided by the secret that signed it, and by nothing that it says itself."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import pytest

from controller.app.webhook import REREAD_S, WebhookDoor
from controller.errors import Unavailable
from controller.servers import Server
from tests.fakes.queue import FakeOutbox
from tests.fakes.telling import Told

GITHUB = Server("", "https://api.github.com", "webhook", ())
CORP = Server("corp", "https://ghe.example/api/v3", "corp-webhook", ())
BODY = b"{}"


@dataclass(slots=True)
class Secrets:
    """Texts by their ids; what is not there can not be read."""

    texts: dict[str, str]
    reads: list[str] = field(default_factory=list)

    def read(self, secret_id: str, now: float, *, fresh: bool = False) -> str:  # noqa: ARG002 - kept by nobody here
        self.reads.append(secret_id)
        if secret_id not in self.texts:
            raise Unavailable(f"secret {secret_id} can not be read")
        return self.texts[secret_id]


@dataclass(slots=True)
class Rig:
    secrets: Secrets
    servers: tuple[Server, ...] = (GITHUB, CORP)
    now: float = 1_000.0
    door: WebhookDoor = field(init=False)

    def __post_init__(self) -> None:
        self.door = WebhookDoor(
            servers=self.servers,
            secrets=self.secrets,  # type: ignore[arg-type]  # the one method it calls
            outbox=FakeOutbox(),
            tell=Told(),
            is_ours=lambda _: True,
            clock=lambda: self.now,
        )


def signature(secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()


def test_each_server_is_known_by_its_own_secret() -> None:
    rig = Rig(Secrets({"webhook": "one", "corp-webhook": "two\nnewer"}))

    assert rig.door.signed_by(BODY, signature("one")) == {GITHUB.api_url: ""}
    assert rig.door.signed_by(BODY, signature("two")) == {CORP.api_url: "corp"}
    assert rig.door.signed_by(BODY, signature("newer")) == {CORP.api_url: "corp"}
    assert rig.door.signed_by(BODY, signature("three")) == {}


def test_one_secret_for_two_servers_proves_no_more_than_one_of_them() -> None:
    rig = Rig(Secrets({"webhook": "same", "corp-webhook": "same"}))

    assert rig.door.signed_by(BODY, signature("same")) == {GITHUB.api_url: "", CORP.api_url: "corp"}


def test_a_server_whose_secret_is_not_there_yet_keeps_no_other_from_being_heard() -> None:
    rig = Rig(Secrets({"webhook": "one"}))

    heard = [rig.door.signed_by(BODY, signature("one")) for _ in range(3)]

    assert heard == [{GITHUB.api_url: ""}] * 3
    assert rig.secrets.reads.count("corp-webhook") == 1


def test_while_not_every_secret_is_known_nobody_is_called_a_forger() -> None:
    rig = Rig(Secrets({"webhook": "one"}))

    with pytest.raises(Unavailable, match=r"webhook secret of https://ghe\.example/api/v3"):
        rig.door.signed_by(BODY, signature("two"))

    rig.secrets.texts["corp-webhook"] = "two"
    rig.now += REREAD_S + 1
    assert rig.door.signed_by(BODY, signature("two")) == {CORP.api_url: "corp"}


def test_a_server_alone_whose_secret_can_not_be_read_can_judge_nothing() -> None:
    rig = Rig(Secrets({}), (GITHUB,))

    with pytest.raises(Unavailable, match="secret webhook can not be read"):
        rig.door.signed_by(BODY, signature("one"))
