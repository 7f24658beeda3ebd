from __future__ import annotations

import hashlib
import hmac
import http.client
import re
from dataclasses import replace
from pathlib import Path

import pytest

from controller.local.github.api_app import KEPT
from controller.local.github.config import Config
from controller.local.github.server import GitHub
from tests.controller.local.github.contract import check_webhook, example_event
from tests.controller.local.github.stage import App, Receiver, Runner, until, workflow

ONE_JOB = "jobs: {a: {runs-on: box, steps: [{run: x}]}}"
TWO_JOBS = "jobs: {a: {runs-on: box, steps: [{run: x}]}, b: {runs-on: box, if: false, steps: [{run: x}]}}"


def test_every_action_has_the_shape_github_publishes(
    github: GitHub, app: App, receiver: Receiver, tmp_path: Path
) -> None:
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    runner.connect()
    github.submit(workflow(tmp_path, TWO_JOBS))
    runner.take()
    runner.complete()

    received = receiver.wait_for(4)

    for each in received:
        check_webhook(each.payload)
    actions = sorted(each.payload["action"] for each in received)
    assert actions == ["completed", "completed", "in_progress", "queued"]


def test_a_payload_has_all_the_keys_of_githubs_example(github: GitHub, receiver: Receiver, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))

    payload = receiver.wait_for(1)[0].payload

    example = example_event()
    assert set(payload) == set(example) | {"organization"}
    assert set(payload["workflow_job"]) == set(example["workflow_job"])
    assert set(example["repository"]) <= set(payload["repository"])
    assert set(payload["sender"]) == set(example["sender"])


def test_a_queued_job_says_what_a_dispatcher_needs(github: GitHub, receiver: Receiver, tmp_path: Path) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))

    payload = receiver.wait_for(1)[0].payload

    job = payload["workflow_job"]
    assert (job["status"], job["conclusion"], job["runner_id"], job["runner_name"]) == ("queued", None, None, None)
    assert (job["run_id"], job["run_attempt"], job["labels"], job["name"]) == (run.id, 1, ["box"], "a")
    assert job["id"] > 2**32
    assert payload["repository"]["full_name"] == "acme/shop"
    assert payload["installation"]["id"] == github.installation_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", job["created_at"])


def test_deliveries_are_signed_and_named_as_githubs_are(github: GitHub, receiver: Receiver, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))

    received = receiver.wait_for(1)[0]

    digest = hmac.new(github.webhook_secret.encode(), received.body, hashlib.sha256).hexdigest()
    assert received.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert received.headers["x-github-event"] == "workflow_job"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert received.headers["x-github-hook-installation-target-id"] == str(github.app_id)
    assert received.headers["x-github-hook-id"].isdigit()
    assert re.fullmatch(r"[0-9a-f-]{36}", received.headers["x-github-delivery"])


def test_a_delivery_can_come_three_times_with_one_guid(github: GitHub, receiver: Receiver, tmp_path: Path) -> None:
    github.repeat_next(3, "queued")

    github.submit(workflow(tmp_path, ONE_JOB))

    received = receiver.wait_for(3)
    assert len({each.headers["x-github-delivery"] for each in received}) == 1
    assert len({each.body for each in received}) == 1


def test_a_forged_delivery_is_signed_by_somebody_else(github: GitHub, receiver: Receiver) -> None:
    receiver.status = 401

    delivery = github.send_forged(("box",))

    received = receiver.wait_for(1)[0]
    digest = hmac.new(github.webhook_secret.encode(), received.body, hashlib.sha256).hexdigest()
    assert received.headers["x-hub-signature-256"] != f"sha256={digest}"
    assert (delivery.status_code, delivery.forged, delivery.succeeded) == (401, True, False)
    check_webhook(received.payload)


def test_the_log_shows_what_was_answered(github: GitHub, app: App, receiver: Receiver, tmp_path: Path) -> None:
    receiver.status = 503
    github.submit(workflow(tmp_path, ONE_JOB))
    until(lambda: len(github.deliveries) == 1)

    answer = app.call("GET", "/app/hook/deliveries", token=app.jwt(), per_page="10")

    item = answer.body[0]
    assert (item["status_code"], item["status"], item["event"], item["action"]) == (
        503,
        http.client.responses[503],
        "workflow_job",
        "queued",
    )
    assert item["guid"] == receiver.received[0].headers["x-github-delivery"]


def test_a_failed_delivery_is_sent_again_only_when_asked(
    github: GitHub, app: App, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.status = 500
    github.submit(workflow(tmp_path, ONE_JOB))
    until(lambda: len(github.deliveries) == 1)
    receiver.status = 202

    first = app.call("GET", "/app/hook/deliveries", token=app.jwt(), status="failure").body[0]
    accepted = app.call("POST", f"/app/hook/deliveries/{first['id']}/attempts", token=app.jwt())
    until(lambda: len(github.deliveries) == 2)

    again = app.call("GET", "/app/hook/deliveries", token=app.jwt(), status="success").body[0]
    assert accepted.status == 202
    assert (again["guid"], again["redelivery"], again["status_code"]) == (first["guid"], True, 202)
    assert again["id"] > first["id"]


def test_one_delivery_can_be_looked_at_whole(github: GitHub, app: App, receiver: Receiver, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))
    receiver.wait_for(1)
    until(lambda: len(github.deliveries) == 1)

    answer = app.call("GET", f"/app/hook/deliveries/{github.deliveries[0].id}", token=app.jwt())

    assert answer.body["request"]["payload"] == receiver.received[0].payload
    assert github.webhook_secret not in str(answer.body)
    assert not [name for name in answer.body["request"]["headers"] if "Signature" in name]


def test_the_log_is_read_page_by_page(github: GitHub, app: App, receiver: Receiver, tmp_path: Path) -> None:
    for n in range(3):
        github.submit(workflow(tmp_path, ONE_JOB, f"w{n}.yml"))
    receiver.wait_for(3)
    until(lambda: len(github.deliveries) == 3)

    first = app.call("GET", "/app/hook/deliveries", token=app.jwt(), per_page="2")
    cursor = re.search(r"cursor=([^&>]+)", first.headers["Link"])
    assert cursor is not None
    second = app.call("GET", "/app/hook/deliveries", token=app.jwt(), per_page="2", cursor=cursor[1])

    ids = [item["id"] for item in first.body + second.body]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    assert "Link" not in second.headers


def test_nobody_listening_is_a_failed_delivery_and_nothing_more(tmp_path: Path) -> None:
    with GitHub(Config(webhook_url="http://127.0.0.1:9/webhook")) as github:
        github.submit(workflow(tmp_path, ONE_JOB))
        until(lambda: len(github.deliveries) == 1)

    assert (github.deliveries[0].status_code, github.deliveries[0].status) == (0, "failed to connect to host")


@pytest.mark.parametrize("path", ["/app/hook/deliveries/1", "/app/hook/deliveries/1/attempts"])
def test_an_unknown_delivery_is_not_found(app: App, path: str) -> None:
    method = "POST" if path.endswith("attempts") else "GET"

    assert app.call(method, path, token=app.jwt()).status == 404


def test_the_log_forgets_after_three_days(app: App, github: GitHub, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, ONE_JOB))
    until(lambda: len(github.deliveries) == 1)
    old = replace(github.deliveries[0], delivered_at=github.deliveries[0].delivered_at - KEPT)
    github._webhooks._deliveries[:] = [old]

    listed = app.call("GET", "/app/hook/deliveries", token=app.jwt())
    again = app.call("POST", f"/app/hook/deliveries/{old.id}/attempts", token=app.jwt())

    assert (listed.body, again.status) == ([], 404)


def test_a_cursor_that_is_none_is_refused(app: App) -> None:
    assert app.call("GET", "/app/hook/deliveries", token=app.jwt(), cursor="next").status == 422
