"""The webhook door under fire: whatever is sent, it answers as it should and asks AWS for nothing in vain.

`make fuzz` sends a hundred thousand bodies; the ordinary run some hundreds of each kind.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller import app, lambdas, messages
from controller.adapters.aws import routes
from controller.adapters.aws.signed import SignedSecrets
from controller.app.webhook import WebhookDoor
from controller.domain.grammars.aliases import Alias
from controller.domain.reading import recognition
from controller.domain.rules import Rules
from controller.errors import Unavailable
from controller.servers import Server
from tests.fakes.telling import Told

SECRET = "webhook secret"
SERVER = "https://api.github.com"
FRONT = "what CloudFront shows"
BODIES = int(os.environ.get("SPOTRUNNER_FUZZ_BODIES", "1200"))
STATUSES = {200, 202, 400, 401, 413, 503}

DELIVERY: dict[str, Any] = {
    "action": "queued",
    "workflow_job": {
        "id": 51,
        "run_id": 17,
        "run_attempt": 1,
        "workflow_name": "CI",
        "name": "build",
        "labels": ["spotrunner/linux-4cpu"],
        "head_sha": "0" * 40,
        "created_at": "2026-09-21T14:13:20Z",
        "runner_id": None,
        "runner_name": None,
    },
    "repository": {"full_name": "octo/hello", "url": f"{SERVER}/repos/octo/hello"},
    "installation": {"id": 7},
}


@dataclass(slots=True)
class Wire:
    """AWS as the door reaches it: every call counted."""

    calls: list[str] = field(default_factory=list)
    sent: list[routes.Outgoing] = field(default_factory=list)
    down: bool = False

    def call(self, _service: object, operation: str, _asked: dict[str, str]) -> dict[str, object]:
        self.calls.append(operation)
        return {"SecretString": f"an-older one\n{SECRET}"}

    def send(self, message: routes.Outgoing, after_s: float = 0.0) -> None:  # noqa: ARG002 - nothing waits here
        self.calls.append("SendMessage")
        if self.down:
            raise Unavailable("the queue does not answer")
        self.sent.append(message)


@dataclass(slots=True)
class Rig:
    wire: Wire
    told: Told
    now: float = 1_000.0

    def deliver(self, body: bytes, *, signature: str | None = None, **headers: str) -> tuple[int, str]:
        """The answer to one delivery, signed as GitHub signs unless said otherwise."""
        made = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        event = {
            "headers": {
                "X-GitHub-Delivery": "guid",
                "X-GitHub-Event": "workflow_job",
                "Content-Type": "application/json",
                "X-Hub-Signature-256": made if signature is None else signature,
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        return self.raw(event)

    def raw(self, event: dict[str, Any]) -> tuple[int, str]:
        answer = lambdas.webhook(event, None)
        return answer["statusCode"], json.loads(answer["body"])["message"]


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield from _rig()


def _rig() -> Iterator[Rig]:
    rules = Rules(
        grammars={"runs-on": "linux", "runs-fleet": "linux"},
        aliases=(
            Alias("ubuntu-latest", "spotrunner/linux"),
            Alias(r"^big-(\d+)$", "spotrunner/linux/cpu=$1", regex=True),
        ),
    )
    wire, told = Wire(), Told()
    rig = Rig(wire, told)
    door = WebhookDoor(
        servers=(Server("", SERVER, "webhook", ()),),
        secrets=SignedSecrets(wire, 300.0),  # type: ignore[arg-type]  # the one method it calls
        outbox=wire,
        tell=told,
        is_ours=recognition(rules),
        clock=lambda: rig.now,
    )
    known: Callable[[], WebhookDoor] = app.webhook_door
    app.webhook_door = lambda: door  # the one door that the handler asks for
    try:
        assert rig.deliver(b"{}", X_GitHub_Event="ping")[0] == 200
        yield rig
    finally:
        app.webhook_door = known


def text_of(data: object) -> bytes:
    return json.dumps(data).encode()


def changed(**job: object) -> dict[str, Any]:
    data = copy.deepcopy(DELIVERY)
    data["workflow_job"] |= job
    return data


def test_a_job_of_ours_is_queued_with_one_call(rig: Rig) -> None:
    rig.wire.calls.clear()

    status, words = rig.deliver(text_of(DELIVERY))

    assert (status, words) == (202, "queued job 51#1")
    assert rig.wire.calls == ["SendMessage"]


@pytest.mark.parametrize("labels", [["ubuntu-latest"], ["big-64"], ["runs-on=7/cpu=4"], ["runs-fleet/cpu=4"]])
def test_a_job_in_a_language_that_is_switched_on_is_ours(rig: Rig, labels: list[str]) -> None:
    assert rig.deliver(text_of(changed(labels=labels)))[0] == 202


@pytest.mark.parametrize("labels", [["ubuntu-22.04"], ["big-many"], ["runs-onward"], ["runs-fleetish"], []])
def test_what_is_not_ours_is_ignored_without_any_call(rig: Rig, labels: list[str]) -> None:
    rig.wire.calls.clear()

    assert rig.deliver(text_of(changed(labels=labels)))[0] == 200
    assert rig.wire.calls == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"{}", {"X_GitHub_Event": "ping"}, 200, "event ping"),
        (b"{}", {"X_GitHub_Event": "pull_request"}, 200, "event pull_request"),
        (b"{}", {"X_GitHub_Event": ""}, 200, "event without a name"),
        (b"{", {}, 400, "body: not JSON"),
        (b"{}", {}, 400, "action"),
        (text_of({"action": "renamed"}), {}, 200, "action renamed"),
        (b"{}", {"Content_Type": "text/plain"}, 400, "set the webhook's to application/json"),
        (b"{}", {"X_Hub_Signature_256": "sha256=forged"}, 401, "signature"),
        (b"{}", {"X_Hub_Signature_256": ""}, 401, "signature"),
        (b" " * (2 * 1024 * 1024 + 1), {}, 413, "bytes are more than"),
    ],
)
def test_every_delivery_has_its_answer(rig: Rig, body: bytes, headers: dict[str, str], status: int, words: str) -> None:
    answered, said = rig.deliver(body, **headers)

    assert answered == status
    assert words in said


def test_a_form_is_read_like_the_json_in_it(rig: Rig) -> None:
    body = urlencode({"payload": json.dumps(DELIVERY)}).encode()

    assert rig.deliver(body, Content_Type="application/x-www-form-urlencoded")[0] == 202


def test_a_queue_that_does_not_answer_is_githubs_to_show(rig: Rig) -> None:
    rig.wire.down = True

    assert rig.deliver(text_of(DELIVERY)) == (503, "the queue does not answer")


def test_forged_deliveries_make_the_door_read_the_secret_at_a_limited_rate_only(rig: Rig) -> None:
    rig.wire.calls.clear()

    for _ in range(100):
        assert rig.deliver(text_of(DELIVERY), signature="sha256=00")[0] == 401

    assert rig.wire.calls == ["GetSecretValue"]


def test_a_body_that_is_not_base64_is_answered(rig: Rig) -> None:
    assert rig.raw({"headers": None, "body": "%%%", "isBase64Encoded": True})[0] == 400
    assert rig.raw({})[0] == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PATHS = [
    *((name,) for name in DELIVERY),
    *((name, inner) for name, value in DELIVERY.items() if isinstance(value, dict) for inner in value),
]
LABEL = st.text(max_size=30) | st.sampled_from(
    ["spotrunner/linux", "spotrunner", "runs-on=1/cpu=4", "runs-fleet/x", "ubuntu-latest", "big-4", "big-" + "9" * 90]
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A delivery with up to three of its fields replaced or taken away."""
    data = copy.deepcopy(DELIVERY)
    data["action"] = draw(st.sampled_from(["queued", "in_progress", "completed", "waiting", "queued"]))
    data["workflow_job"]["labels"] = draw(st.lists(LABEL, max_size=4))
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=3)):
        inner: Any = data
        for name in path[:-1]:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = draw(JSON)
    return text_of(data)


BODY = st.binary(max_size=400) | JSON.map(text_of) | spoiled()
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "X_GitHub_Event": st.sampled_from(["workflow_job", "ping", "push"]) | st.text(max_size=20),
        "Content_Type": st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain"])
        | st.text(max_size=20),
        "X_GitHub_Delivery": st.text(max_size=40),
    },
)


@settings(max_examples=BODIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(BODY, HEADERS, st.sampled_from([None, None, None, None, "sha256=", "sha1=0", "\u00e9"]))
def test_whatever_comes_is_answered_and_only_jobs_of_ours_cost_a_call(
    body: bytes, headers: dict[str, str], signature: str | None
) -> None:
    for rig in _rig():
        rig.deliver(b"{}", signature="sha256=00")
        rig.wire.calls.clear()
        rig.wire.sent.clear()

        status, _ = rig.deliver(body, signature=signature, **headers)

        assert status in STATUSES
        assert rig.wire.calls == (["SendMessage"] if status == 202 else [])
        assert all(messages.read(routes.text(sent)) == sent for sent in rig.wire.sent)


@settings(max_examples=BODIES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["headers", "body", "isBase64Encoded"]), st.none() | st.text(), max_size=3))
def test_an_event_of_any_shape_is_answered(event: dict[str, Any]) -> None:
    for rig in _rig():
        shaped = event | {"headers": {"x-hub-signature-256": str(event.get("headers"))}}

        assert rig.raw(shaped)[0] in STATUSES


@pytest.fixture
def behind(rig: Rig) -> Rig:
    """The same door where deliveries must come through the stack's front door, whose secret is being replaced."""
    door = app.webhook_door()
    door.front_digests = tuple(hashlib.sha256(word.encode()).hexdigest() for word in (FRONT, f"new {FRONT}"))
    return rig


def test_what_came_through_the_front_door_is_read(behind: Rig) -> None:
    for word in (FRONT, f"new {FRONT}"):
        assert behind.deliver(text_of(DELIVERY), X_SpotRunner_Front=word)[0] == 202


@pytest.mark.parametrize("word", ["", "another word", FRONT[:-1], hashlib.sha256(FRONT.encode()).hexdigest()])
def test_what_went_round_the_front_door_is_refused_at_no_cost_however_well_signed(word: str, behind: Rig) -> None:
    behind.wire.calls.clear()

    status, words = behind.deliver(text_of(DELIVERY), X_SpotRunner_Front=word)

    assert status == 403
    assert "webhook_url" in words
    assert behind.wire.calls == []
    assert FRONT not in words + str(behind.told)


def test_without_a_front_door_nobody_asks_for_its_word(rig: Rig) -> None:
    assert rig.deliver(text_of(DELIVERY), X_SpotRunner_Front="whatever")[0] == 202
