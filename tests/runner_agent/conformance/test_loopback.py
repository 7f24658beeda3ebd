from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from controller.local.github.stand_in.jit import load, unpack
from controller.local.github.stand_in.service import Service, ServiceError
from runner_agent.conformance import job
from runner_agent.conformance.keys import KeyPair
from runner_agent.conformance.loopback import Loopback, Play, raised
from runner_agent.conformance.registration import Registration
from tests.runner_agent.conformance import rig
from tests.runner_agent.stage import until


@pytest.fixture
def key() -> KeyPair:
    return rig.key()


@pytest.fixture
def github(key: KeyPair) -> Iterator[Loopback]:
    with raised(Loopback(Registration("r1", key), Play(job=True), {"variables": {"extra": "1"}})) as up:
        yield up


def runner(github: Loopback, folder: Path) -> Service:
    unpack(github.jit_config, folder)
    return Service(load(folder))


def raw(github: Loopback, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(github.url).netloc, timeout=30.0)
    connection.request(method, f"/{path}", body, headers, encode_chunked=headers.get("Transfer-Encoding") == "chunked")  # type: ignore[arg-type]  # whatever http.client takes
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


def test_a_runner_signs_in_takes_its_job_and_completes_it(github: Loopback, tmp_path: Path) -> None:
    service = runner(github, tmp_path)

    service.sign_in()
    service.open_session("test")
    offer = json.loads(str(service.message("Online")["body"]))
    service.acknowledge(offer["runner_request_id"])
    taken = service.run_service(offer["run_service_url"], "acquirejob", {"jobMessageId": offer["runner_request_id"]})
    renewed = service.run_service(offer["run_service_url"], "renewjob", {"jobId": taken["jobId"]})
    service.run_service(offer["run_service_url"], "completejob", {"jobId": taken["jobId"], "conclusion": "succeeded"})
    service.close_session()

    assert taken["jobDisplayName"] == job.NAME
    assert taken["messageType"] == "RunnerJobRequest"
    assert str(renewed["lockedUntil"]) > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert [call.name for call in github.calls] == [
        "POST token",
        "POST session",
        "GET message",
        "POST acknowledge",
        "POST acquirejob",
        "POST renewjob",
        "POST completejob",
        "DELETE session",
    ]


def test_the_job_carries_what_githubs_runner_and_another_one_need(github: Loopback, tmp_path: Path) -> None:
    service = runner(github, tmp_path)
    service.sign_in()

    taken: Any = service.run_service(github.url, "acquirejob", {})

    (connection,) = taken["resources"]["endpoints"]
    assert (connection["name"], connection["url"]) == ("SystemVssConnection", github.url)
    assert taken["variables"] == {
        "system.github.job": {"value": "conformance"},
        "system.culture": {"value": "en-US"},
        "extra": "1",
    }
    # The worker talks to the run service with the job's own token.
    token = connection["authorization"]["parameters"]["AccessToken"]
    assert raw(github, "POST", "renewjob", Authorization=f"Bearer {token}")[0] == 200


def test_nothing_is_told_to_who_has_not_signed_in(github: Loopback) -> None:
    assert raw(github, "GET", "message")[0] == 401
    assert raw(github, "POST", "acquirejob", Authorization="Bearer x")[0] == 401


def test_a_forged_assertion_is_refused_as_an_unknown_client(github: Loopback) -> None:
    form = "grant_type=client_credentials&client_assertion=e30.e30.e30"

    status, body = raw(github, "POST", "token", form)

    assert (status, body["error"]) == (400, "invalid_client")
    assert github.refused_assertion


def test_a_body_in_chunks_is_read_whole(github: Loopback, tmp_path: Path) -> None:
    runner(github, tmp_path).sign_in()
    token = next(iter(github._tokens))
    parts = iter([b'{"owner', b'Name": "x', b'"}'])

    status, body = raw(
        github, "POST", "session", parts, **{"Authorization": f"Bearer {token}", "Transfer-Encoding": "chunked"}
    )

    assert (status, body["ownerName"]) == (200, "x")


@pytest.mark.parametrize(
    ("play", "status", "kind"),
    [(Play(too_old=True), 403, "RunnerVersionTooOld"), (Play(removed=True), 404, "RunnerNotFound")],
)
def test_the_brokers_refusals_have_githubs_form(
    key: KeyPair, tmp_path: Path, play: Play, status: int, kind: str
) -> None:
    with raised(Loopback(Registration("r1", key), play)) as github:
        service = runner(github, tmp_path)
        service.sign_in()
        service.open_session("test")

        with pytest.raises(ServiceError) as refused:
            service.message("Online")

    assert (refused.value.status, refused.value.kind) == (status, kind)


def test_the_server_listens_on_this_machine_only(github: Loopback) -> None:
    assert urlsplit(github.url).hostname == "127.0.0.1"


def test_no_poll_outlives_the_server(key: KeyPair, tmp_path: Path) -> None:
    with raised(Loopback(Registration("r1", key), Play())) as github:
        service = runner(github, tmp_path)
        service.sign_in()
        service.open_session("test")
        polling = threading.Thread(target=service.message, args=("Online",))
        polling.start()
        until(lambda: github.asked("GET message"))

    polling.join(30.0)
    assert not polling.is_alive()
