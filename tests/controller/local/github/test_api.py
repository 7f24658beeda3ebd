from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from controller.local.github.config import Config
from controller.local.github.identity import AppKey, process_key
from controller.local.github.server import GitHub
from tests.controller.local.github.contract import operations
from tests.controller.local.github.stage import GENEROUS_S, App, Runner, workflow

SCOPES = ["/repos/acme/shop", "/orgs/acme"]
BODY = {"name": "r1", "runner_group_id": 1, "labels": ["box", "spotrunner/linux-2cpu"], "work_folder": "_work"}
ONE_JOB = "jobs: {a: {runs-on: box, steps: [{run: x}]}}"


def test_an_app_trades_its_jwt_for_a_token_of_an_hour(github: GitHub, app: App) -> None:
    path = f"/app/installations/{github.installation_id}/access_tokens"

    answer = app.call("POST", path, token=app.jwt())

    assert answer.status == 201
    assert answer.body["token"].startswith("ghs_")
    assert answer.body["permissions"]["administration"] == "write"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": int(time.time()) - 5}, "Expiration time"),
        ({"exp": int(time.time()) + 3_000}, "too far in the future"),
        ({"iat": int(time.time()) + 600}, "Issued at"),
        ({"iss": "1"}, "Issuer"),
        ({"exp": None}, "Missing 'exp'"),
    ],
)
def test_a_wrong_jwt_is_refused_with_githubs_words(
    github: GitHub, app: App, claims: dict[str, object], words: str
) -> None:
    path = f"/app/installations/{github.installation_id}/access_tokens"

    answer = app.call("POST", path, token=app.jwt(**claims))

    assert answer.status == 401
    assert words in answer.body["message"]


def test_a_jwt_by_another_key_is_refused(github: GitHub, app: App) -> None:
    now = int(time.time())
    foreign = AppKey.of(process_key("foreign")).private_pem
    token = jwt.encode({"iss": str(github.app_id), "iat": now, "exp": now + 60}, foreign, "RS256")

    answer = app.call("GET", "/app/hook/deliveries", token=token)

    assert (answer.status, answer.body["message"]) == (401, "A JSON web token could not be decoded")


def test_another_installation_is_not_found(app: App) -> None:
    assert app.call("POST", "/app/installations/1/access_tokens", token=app.jwt()).status == 404


@pytest.mark.parametrize("token", ["", "ghs_made-up", "jwt"])
def test_without_a_valid_token_nothing_is_shown(app: App, token: str) -> None:
    given = app.jwt() if token == "jwt" else token

    answer = app.call("GET", "/repos/acme/shop/actions/runners", token=given)

    assert (answer.status, answer.body["message"]) == (401, "Bad credentials")


@pytest.mark.parametrize("path", ["/repos/other/shop/actions/runners", "/repos/acme/other/actions/runners"])
def test_what_the_installation_does_not_cover_is_not_found(app: App, path: str) -> None:
    assert app.call("GET", path).status == 404


def test_a_call_without_a_user_agent_is_forbidden(github: GitHub, app: App) -> None:
    app.sign_in()

    answer = requests.get(
        f"{github.base_url}/orgs/acme/actions/runners",
        headers={"Authorization": f"Bearer {app.token}", "User-Agent": ""},
        timeout=GENEROUS_S,
    )

    assert answer.status_code == 403


@pytest.mark.parametrize("scope", SCOPES)
def test_a_runner_is_registered_just_in_time(app: App, scope: str) -> None:
    answer = app.call("POST", f"{scope}/actions/runners/generate-jitconfig", BODY)

    runner = answer.body["runner"]
    assert answer.status == 201
    assert (runner["name"], runner["status"], runner["busy"], runner["runner_group_id"]) == ("r1", "offline", False, 1)
    assert [label["name"] for label in runner["labels"]] == ["box", "spotrunner/linux-2cpu"]
    assert len(answer.body["encoded_jit_config"]) > 2_000


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": None}, 422),
        ({"runner_group_id": None}, 422),
        ({"labels": []}, 422),
        ({"labels": ["x"] * 101}, 422),
        ({"labels": [1]}, 422),
        ({"runner_group_id": 99}, 404),
    ],
)
def test_a_registration_github_would_not_take_is_refused(app: App, change: dict[str, Any], status: int) -> None:
    body = {name: value for name, value in {**BODY, **change}.items() if value is not None}

    answer = app.call("POST", "/repos/acme/shop/actions/runners/generate-jitconfig", body)

    assert answer.status == status


def test_a_name_is_taken_once_in_a_scope(app: App) -> None:
    first = [app.call("POST", f"{scope}/actions/runners/generate-jitconfig", BODY).status for scope in SCOPES]
    again = app.call("POST", f"{SCOPES[0]}/actions/runners/generate-jitconfig", BODY)

    assert first == [201, 201]
    assert again.status == 409
    assert "Already exists" in again.body["message"]


@pytest.mark.parametrize("scope", SCOPES)
def test_runners_are_listed_found_by_name_and_deleted(app: App, scope: str) -> None:
    for name in ("r1", "r2", "r3"):
        app.register(name, "box", scope=scope)

    everything = app.call("GET", f"{scope}/actions/runners", per_page="2").body
    named = app.call("GET", f"{scope}/actions/runners", name="r2").body
    path = f"{scope}/actions/runners/{named['runners'][0]['id']}"
    found, deleted, gone = app.call("GET", path), app.call("DELETE", path), app.call("GET", path)

    assert (everything["total_count"], len(everything["runners"])) == (3, 2)
    assert (named["total_count"], found.body["name"]) == (1, "r2")
    assert (deleted.status, gone.status, app.call("DELETE", path).status) == (204, 404, 404)


def test_a_busy_runner_is_shown_busy_and_not_deleted(github: GitHub, app: App, tmp_path: Path) -> None:
    runner = Runner(app.register("r1", "box"), tmp_path / "r1")
    runner.connect()
    github.submit(workflow(tmp_path, ONE_JOB))
    runner.take()

    shown = app.call("GET", "/repos/acme/shop/actions/runners").body["runners"][0]
    refused = app.call("DELETE", f"/repos/acme/shop/actions/runners/{shown['id']}")

    assert (shown["status"], shown["busy"]) == ("online", True)
    assert refused.status == 422


@pytest.mark.parametrize("scope", SCOPES)
def test_the_runner_can_be_downloaded_with_its_digest(app: App, scope: str) -> None:
    documents = app.call("GET", f"{scope}/actions/runners/downloads").body

    assert {(each["os"], each["architecture"]) for each in documents} == {("linux", "x64"), ("linux", "arm64")}
    for each in documents:
        content = requests.get(each["download_url"], timeout=GENEROUS_S).content
        assert hashlib.sha256(content).hexdigest() == each["sha256_checksum"]
        assert each["download_url"].endswith("/v2.337.0/" + each["filename"])


def test_queued_runs_and_their_jobs_can_be_scanned(github: GitHub, app: App, tmp_path: Path) -> None:
    run = github.submit(
        workflow(tmp_path, "jobs: {a: {runs-on: box, steps: [{run: x}]}, b: {runs-on: c, steps: [{run: x}]}}")
    )

    queued = app.call("GET", "/repos/acme/shop/actions/runs", status="queued").body
    done = app.call("GET", "/repos/acme/shop/actions/runs", status="completed").body
    jobs = app.call("GET", f"/repos/acme/shop/actions/runs/{run.id}/jobs").body
    job = app.call("GET", f"/repos/acme/shop/actions/jobs/{run.jobs[0].id}").body

    assert ([each["id"] for each in queued["workflow_runs"]], done["total_count"]) == ([run.id], 0)
    assert [(each["id"], each["labels"]) for each in jobs["jobs"]] == [(j.id, list(j.labels)) for j in run.jobs]
    assert (job["id"], job["status"]) == (run.jobs[0].id, "queued")
    assert app.call("GET", f"/repos/acme/shop/actions/runs/{run.id}").body["status"] == "queued"


def test_a_run_can_be_cancelled_once(github: GitHub, app: App, tmp_path: Path) -> None:
    run = github.submit(workflow(tmp_path, ONE_JOB))

    first = app.call("POST", f"/repos/acme/shop/actions/runs/{run.id}/cancel")
    second = app.call("POST", f"/repos/acme/shop/actions/runs/{run.id}/cancel")

    assert (first.status, second.status) == (202, 409)
    assert github.jobs[0].conclusion == "cancelled"


@pytest.mark.parametrize("path", ["runs/1", "runs/1/jobs", "jobs/1"])
def test_an_unknown_run_or_job_is_not_found(app: App, path: str) -> None:
    assert app.call("GET", f"/repos/acme/shop/actions/{path}").status == 404


def test_registrations_are_counted_in_a_bucket_of_their_own(app: App) -> None:
    app.register("r1", "box")

    jit = app.call("POST", "/repos/acme/shop/actions/runners/generate-jitconfig", {**BODY, "name": "r2"}).headers
    core = app.call("GET", "/repos/acme/shop/actions/runners").headers

    assert (jit["x-ratelimit-resource"], jit["x-ratelimit-limit"], jit["x-ratelimit-used"]) == (
        "actions_runner_registration",
        "10000",
        "2",
    )
    assert (core["x-ratelimit-resource"], core["x-ratelimit-remaining"]) == ("core", "4999")


def test_a_spent_budget_is_a_403_that_says_when_to_return() -> None:
    with GitHub(Config(budgets={"core": 2})) as github:
        app = App(github)
        answers = [app.call("GET", "/orgs/acme/actions/runners") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 403]
    assert answers[2].headers["x-ratelimit-remaining"] == "0"
    assert int(answers[2].headers["x-ratelimit-reset"]) > time.time()
    assert "rate limit exceeded" in answers[2].body["message"]


def test_the_request_log_counts_calls_by_route_and_caller(github: GitHub, app: App) -> None:
    for name in ("r1", "r2"):
        app.register(name, "box")

    calls = [(each.method, each.route, each.status, each.caller) for each in github.requests]

    route = "/repos/{owner}/{repo}/actions/runners/generate-jitconfig"
    assert calls.count(("POST", route, 201, f"installation {github.installation_id}")) == 2
    assert calls[0][1:] == ("/app/installations/{installation_id}/access_tokens", 201, f"app {github.app_id}")


def test_an_unknown_route_is_not_found(github: GitHub) -> None:
    answer = requests.get(f"{github.base_url}/nowhere", timeout=GENEROUS_S)

    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_every_published_operation_of_the_extract_is_served(github: GitHub) -> None:
    served = {f"{route.method} {route.template}" for route in github._door.routes}

    assert operations() <= served
