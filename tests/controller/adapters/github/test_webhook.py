from __future__ import annotations

import copy
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.aws import routes
from controller.adapters.github.webhook import MAX_BODY, Envelope, Ignored, envelope, is_signed, read
from controller.domain.job_key import Intake
from controller.errors import Rejected
from controller.messages import JobMoved, JobQueued, Step
from controller.messages import read as read_message
from runner_agent.contract.trace import TraceContext

NOW = 1_790_000_000.0
SERVERS = {"https://api.github.com": "", "https://ghes.example/api/v3": "corp"}
SENT = Envelope("guid-1", "workflow_job", "application/json", "")

DELIVERY: dict[str, Any] = {
    "action": "queued",
    "workflow_job": {
        "id": 51_234_567_890,
        "run_id": 17_000_000_001,
        "run_attempt": 2,
        "workflow_name": "CI",
        "name": "build (3.12)",
        "labels": ["spotrunner/linux-4cpu/RAM=16", "self-hosted"],
        "head_sha": "0" * 40,
        "created_at": "2026-09-21T14:13:20Z",
        "started_at": "2026-09-21T14:13:25Z",
        "completed_at": None,
        "status": "queued",
        "conclusion": None,
        "runner_id": None,
        "runner_name": None,
    },
    "repository": {"full_name": "octo/hello", "url": "https://api.github.com/repos/octo/hello"},
    "installation": {"id": 7},
}


def is_ours(labels: tuple[str, ...]) -> bool:
    return any(label.startswith("spotrunner/") for label in labels)


def parse(data: object) -> JobQueued | JobMoved | Ignored:
    return read(SENT, json.dumps(data).encode(), NOW, is_ours=is_ours, servers=SERVERS)


def changed(path: str, value: object) -> dict[str, Any]:
    """The delivery with one field changed; a value of `...` takes the field away."""
    data = copy.deepcopy(DELIVERY)
    *parents, name = path.split(".")
    inner = data
    for parent in parents:
        inner = inner[parent]
    inner[name] = value
    if value is ...:
        del inner[name]
    return data


def test_a_queued_job_of_ours_is_read_whole_and_its_labels_verbatim() -> None:
    assert parse(DELIVERY) == JobQueued(
        job_id=51_234_567_890,
        attempt=2,
        repository="octo/hello",
        server="https://api.github.com",
        installation_id=7,
        run_id=17_000_000_001,
        workflow="CI",
        name="build (3.12)",
        labels=("spotrunner/linux-4cpu/RAM=16", "self-hosted"),
        head_sha="0" * 40,
        queued_at=NOW,
        received_at=NOW,
        intake=Intake.WEBHOOK,
        traceparent=str(TraceContext.of_job(51_234_567_890, 2)),
    )


def test_a_completed_job_is_read_with_its_runner_and_times() -> None:
    data = copy.deepcopy(DELIVERY)
    data["action"] = "completed"
    data["workflow_job"] |= {
        "conclusion": "failure",
        "runner_id": 42,
        "runner_name": "spotrunner-i-1-1",
        "completed_at": "2026-09-21T14:13:30.5+00:00",
    }

    moved = parse(data)

    assert moved == JobMoved(
        job_id=51_234_567_890,
        attempt=2,
        repository="octo/hello",
        kind=Step.COMPLETED,
        received_at=NOW,
        runner_name="spotrunner-i-1-1",
        runner_id=42,
        conclusion="failure",
        started_at=NOW + 5,
        completed_at=NOW + 10.5,
        labels=("spotrunner/linux-4cpu/RAM=16", "self-hosted"),
        traceparent=str(TraceContext.of_job(51_234_567_890, 2)),
        server="https://api.github.com",
        installation_id=7,
        run_id=17_000_000_001,
        workflow="CI",
        name="build (3.12)",
        head_sha="0" * 40,
    )


@pytest.mark.parametrize("path", ["installation", "workflow_job.head_sha"])
def test_a_move_that_does_not_say_whose_job_it_is_is_taken_all_the_same(path: str) -> None:
    data = changed(path, ...)
    data["action"] = "in_progress"

    moved = parse(data)

    assert isinstance(moved, JobMoved)
    assert (moved.installation_id, moved.server, moved.name) == (0, "", "")


@pytest.mark.parametrize("step", list(Step))
def test_every_later_step_is_a_move(step: Step) -> None:
    moved = parse(changed("action", step.value))

    assert isinstance(moved, JobMoved)
    assert moved.kind is step
    assert moved.runner_id is None


@pytest.mark.parametrize("runner_id", [None, 0, ...])
def test_a_job_that_never_had_a_runner_has_none(runner_id: object) -> None:
    data = changed("workflow_job.runner_id", runner_id)
    data["action"] = "completed"

    moved = parse(data)

    assert isinstance(moved, JobMoved)
    assert moved.runner_id is None


def test_somebody_elses_job_on_our_runner_concerns_us() -> None:
    data = changed("workflow_job.labels", ["self-hosted"])
    data["action"] = "in_progress"
    data["workflow_job"]["runner_name"] = "spotrunner-i-0123-1"

    assert isinstance(parse(data), JobMoved)


@pytest.mark.parametrize("labels", [["ubuntu-latest"], [], ["x/spotrunner"]])
def test_a_job_with_other_labels_is_ignored(labels: list[str]) -> None:
    assert parse(changed("workflow_job.labels", labels)) == Ignored("labels are not ours", "queued")


@pytest.mark.parametrize("event", ["push", "ping", "", "check_run"])
def test_another_event_is_ignored_unread(event: str) -> None:
    sent = Envelope("guid-1", event, "application/json", "")

    ignored = read(sent, b"not json", NOW, is_ours=is_ours, servers=SERVERS)

    assert isinstance(ignored, Ignored)
    assert event in ignored.reason


def test_an_action_of_the_future_is_ignored() -> None:
    assert parse(changed("action", "paused")) == Ignored("action paused", "paused")


@pytest.mark.parametrize("server", SERVERS)
def test_the_server_is_the_one_the_repository_lives_on(server: str) -> None:
    queued = parse(changed("repository.url", f"{server}/repos/octo/hello"))

    assert isinstance(queued, JobQueued)
    assert (queued.server, queued.server_name, queued.key.server) == (server, SERVERS[server], SERVERS[server])


@pytest.mark.parametrize("server", SERVERS)
def test_a_word_on_a_job_is_about_the_servers_own_job(server: str) -> None:
    data = changed("repository.url", f"{server}/repos/octo/hello") | {"action": "in_progress"}

    moved = parse(data)

    assert isinstance(moved, JobMoved)
    assert moved.key.server == SERVERS[server]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/repos/octo/hello",
        "https://api.github.com.evil.example/repos/octo/hello",
        "https://api.github.com/repos/octo/other",
        "https://api.github.com/repos/octo",
    ],
)
def test_a_job_of_a_server_that_is_not_ours_is_rejected(url: str) -> None:
    with pytest.raises(Rejected, match=r"url: .* is on none of this stack's servers"):
        parse(changed("repository.url", url))


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        ("action", ..., "action"),
        ("action", 3, "action"),
        ("workflow_job", ..., "workflow_job"),
        ("workflow_job", [], "workflow_job"),
        ("workflow_job.id", ..., "id"),
        ("workflow_job.id", "1", "id"),
        ("workflow_job.id", True, "id"),
        ("workflow_job.id", -1, "id"),
        ("workflow_job.id", 2**63, "id"),
        ("workflow_job.id", 1.5, "id"),
        ("workflow_job.run_attempt", None, "run_attempt"),
        ("workflow_job.run_id", ..., "run_id"),
        ("workflow_job.name", None, "name"),
        ("workflow_job.name", "x" * 2_000, "name"),
        ("workflow_job.name", "half \ud83d pair", "name: not Unicode"),
        ("workflow_job.labels", "spotrunner/a", "labels"),
        ("workflow_job.labels", ["spotrunner/a", 3], "labels"),
        ("workflow_job.labels", ["spotrunner/a"] * 101, "labels"),
        ("workflow_job.head_sha", "", "head_sha"),
        ("workflow_job.created_at", "yesterday", "created_at: 'yesterday' is not a time"),
        ("workflow_job.created_at", 1_790_000_000, "created_at"),
        ("repository", ..., "repository"),
        ("repository.full_name", ..., "full_name"),
        ("repository.url", ..., "url"),
        ("installation", ..., "installation"),
        ("installation.id", None, "id"),
    ],
)
def test_a_missing_or_wrong_field_is_rejected_by_its_name(path: str, value: object, names: str) -> None:
    with pytest.raises(Rejected, match=f"delivery guid-1: {names}"):
        parse(changed(path, value))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"1" * 5_000])
def test_a_body_that_is_no_object_is_rejected(body: bytes) -> None:
    with pytest.raises(Rejected, match="body"):
        read(SENT, body, NOW, is_ours=is_ours, servers=SERVERS)


def test_too_long_a_body_is_rejected_unread() -> None:
    with pytest.raises(Rejected, match="bytes are more than"):
        read(SENT, b" " * (MAX_BODY + 1), NOW, is_ours=is_ours, servers=SERVERS)


FORM = envelope(
    {"Content-Type": "application/x-www-form-urlencoded", "X-GitHub-Event": "workflow_job", "X-GitHub-Delivery": "f"}
)


def test_a_form_says_what_the_json_in_it_says() -> None:
    body = urlencode({"payload": json.dumps(DELIVERY)}).encode()

    assert read(FORM, body, NOW, is_ours=is_ours, servers=SERVERS) == parse(DELIVERY)


@pytest.mark.parametrize("body", [b"", b"payload=", b"other=%7B%7D", b"payload=%FF", b"\xff", b"a=1&" * 50])
def test_a_form_without_a_document_is_rejected(body: bytes) -> None:
    with pytest.raises(Rejected, match="delivery f: body"):
        read(FORM, body, NOW, is_ours=is_ours, servers=SERVERS)


def test_another_content_type_is_rejected_with_what_to_change() -> None:
    sent = envelope({"Content-Type": "text/xml", "X-GitHub-Event": "workflow_job"})

    with pytest.raises(Rejected, match="set the webhook's to application/json"):
        read(sent, b"<a/>", NOW, is_ours=is_ours, servers=SERVERS)


def test_a_time_of_never_is_not_known() -> None:
    data = changed("workflow_job.completed_at", "0001-01-01T00:00:00Z")
    data["action"] = "completed"

    moved = parse(data)

    assert isinstance(moved, JobMoved)
    assert moved.completed_at is None


def test_headers_are_read_however_they_are_written() -> None:
    sent = envelope(
        {
            "x-GITHUB-event": "workflow_job",
            "X-Github-Delivery": "guid-2",
            "CONTENT-TYPE": "application/json; charset=utf-8",
            "x-hub-signature-256": "sha256=canary",
        }
    )

    assert sent == Envelope("guid-2", "workflow_job", "application/json; charset=utf-8", "sha256=canary")
    assert "canary" not in repr(sent)
    assert envelope({}) == Envelope("", "", "", "")


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_githubs_own_example_of_a_signature_is_taken() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    made = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert is_signed(b"Hello, World!", made, ["It's a Secret to Everybody"])


def test_any_of_several_secrets_may_have_signed() -> None:
    body = b'{"a": 1}'

    assert is_signed(body, signature("new", body), ["old", "new"])
    assert is_signed(body, signature("old", body), ["old", "new"])
    assert not is_signed(body, signature("third", body), ["old", "new"])


@pytest.mark.parametrize("made", ["", "sha256=", "sha1=abc", "sha256=é", "x" * 10_000])
def test_a_signature_of_another_form_is_not_taken(made: str) -> None:
    assert not is_signed(b"body", made, ["secret"])


def test_an_empty_secret_signs_nothing() -> None:
    assert not is_signed(b"body", signature("", b"body"), ["", ""])
    assert not is_signed(b"body", signature("", b"body"), [])


@given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=80))
def test_a_signature_is_taken_only_from_its_secret_and_body(body: bytes, secret: str, other: str) -> None:
    assert is_signed(body, signature(secret, body), [secret]) is bool(secret)
    assert not is_signed(body + b"x", signature(secret, body), [secret])
    assert not is_signed(body, other, [secret])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = [
    *DELIVERY,
    *(f"{name}.{field}" for name, inner in DELIVERY.items() if isinstance(inner, dict) for field in inner),
]


def fits(data: JobQueued | JobMoved | Ignored) -> bool:
    """Whether a queue takes the message and the next door reads it back."""
    return isinstance(data, Ignored) or read_message(routes.text(data)) == data


@given(st.binary(max_size=300), st.sampled_from(["workflow_job", "push"]))
def test_any_bytes_are_rejected_or_ignored(body: bytes, event: str) -> None:
    sent = Envelope("guid-1", event, "", "")

    try:
        result = read(sent, body, NOW, is_ours=is_ours, servers=SERVERS)
    except Rejected:
        return

    assert isinstance(result, Ignored)


@given(st.sampled_from(PATHS), JSON, st.sampled_from(["queued", "in_progress", "completed", "waiting"]))
def test_any_value_in_any_field_is_rejected_ignored_or_a_message_that_travels(
    path: str, value: object, action: str
) -> None:
    data = changed(path, value) if path == "action" else {**changed(path, value), "action": action}

    try:
        result = parse(data)
    except Rejected:
        return

    assert fits(result)


@given(st.text(), st.lists(st.text(), max_size=5), st.text())
def test_any_text_of_a_job_travels(name: str, labels: list[str], workflow: str) -> None:
    data = changed("workflow_job.labels", [*labels, "spotrunner/a"])
    data["workflow_job"] |= {"name": name, "workflow_name": workflow}

    try:
        result = parse(data)
    except Rejected:
        return

    assert isinstance(result, JobQueued)
    assert result.labels == (*labels, "spotrunner/a")
    assert fits(result)
