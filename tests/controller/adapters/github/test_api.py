from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from controller.adapters.github.api import GitHubApi
from controller.adapters.github.installations import Installations
from controller.domain.events import ApiFailed
from controller.domain.fleet_config import Arch, Os
from controller.errors import Rejected, Unavailable
from controller.ports import Registered, Registration
from controller.servers import Server
from tests.controller.adapters.conftest import APP
from tests.controller.adapters.github.server import GitHubServer, Reply
from tests.fakes import samples
from tests.fakes.stack import FakeSecrets
from tests.fakes.telling import Told

NOW = samples.NOW


@pytest.fixture
def wanted(github_server: GitHubServer) -> Registration:
    return samples.registration(server=github_server.address, labels=("spotrunner/linux-4cpu/ram=16", "self-hosted"))


def test_a_registration_is_one_call_and_one_token_for_an_hour(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    for n in range(20):
        api.register(samples.registration(f"r-{n}", server=wanted.server), NOW + n)

    assert len(github_server.asked) == 21
    assert github_server.mints == 1


def test_the_request_is_what_github_documents(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    api.register(wanted, NOW)

    asked = github_server.asked[-1]
    assert (asked.method, asked.path) == ("POST", "/repos/octo/hello/actions/runners/generate-jitconfig")
    assert asked.data == {
        "name": wanted.name,
        "runner_group_id": 1,
        "labels": ["spotrunner/linux-4cpu/ram=16", "self-hosted"],
        "work_folder": "_work",
    }
    assert asked.headers["user-agent"].startswith("spotrunner/")
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["accept"] == "application/vnd.github+json"


def test_a_token_is_renewed_ten_minutes_before_its_end(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    github_server.token_lives_until = datetime.fromtimestamp(NOW + 3_600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.is_registered(wanted, 1, NOW)

    api.is_registered(wanted, 1, NOW + 2_999)
    before = github_server.mints
    api.is_registered(wanted, 1, NOW + 3_000)

    assert (before, github_server.mints) == (1, 2)


def test_each_installation_has_a_token_of_its_own(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    api.is_registered(wanted, 1, NOW)

    api.is_registered(samples.registration(server=wanted.server, installation_id=8), 1, NOW)

    assert github_server.mints == 2


def test_a_burst_in_one_process_makes_one_token(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait(30)
        api.is_registered(wanted, 1, NOW)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert github_server.mints == 1
    assert len(github_server.asked) == 9


def test_a_revoked_token_is_replaced_once(api: GitHubApi, github_server: GitHubServer, wanted: Registration) -> None:
    api.is_registered(wanted, 1, NOW)
    github_server.revoked.update(github_server.tokens)

    registered = api.register(wanted, NOW)

    assert isinstance(registered, Registered)
    assert github_server.mints == 2


def test_a_token_refused_again_is_unavailable_not_rejected(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    github_server.interject(Reply(401, {"message": "Bad credentials"}), Reply(401, {"message": "Bad credentials"}))

    with pytest.raises(Unavailable, match="401 Bad credentials"):
        api.register(wanted, NOW)

    assert github_server.mints == 2


@pytest.mark.parametrize(
    ("reply", "retry_after_s"),
    [
        (Reply(429, {}, {"Retry-After": "17"}), 17.0),
        (Reply(403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "30"}), 30.0),
        (Reply(403, {"message": "You have exceeded a secondary rate limit."}), 60.0),
        (Reply(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 90)}), 90.0),
        (Reply(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) - 5)}), 1.0),
        (Reply(429, {}), 60.0),
        (Reply(500, {"message": "Server Error"}), None),
        (Reply(502, None), None),
        (Reply(503, "<html>"), None),
    ],
)
def test_limits_and_faults_are_unavailable_and_say_how_long(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration, reply: Reply, retry_after_s: float | None
) -> None:
    github_server.interject(reply)

    with pytest.raises(Unavailable) as caught:
        api.register(wanted, NOW)

    assert caught.value.retry_after_s == retry_after_s


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, {"message": "Resource not accessible by integration"}, {"X-RateLimit-Remaining": "4999"}),
        Reply(404, {"message": "Not Found"}),
        Reply(422, {"message": "Invalid request."}),
    ],
)
def test_a_refusal_is_rejected_with_githubs_words(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration, reply: Reply
) -> None:
    github_server.interject(reply)

    with pytest.raises(Rejected, match=f"generate-jitconfig: {reply.status} .*[A-Z]"):
        api.register(wanted, NOW)


def test_a_refusal_to_say_is_not_a_no(api: GitHubApi, github_server: GitHubServer, wanted: Registration) -> None:
    github_server.interject(Reply(403, {"message": "Resource not accessible by integration"}))

    with pytest.raises(Unavailable):
        api.is_registered(wanted, 1, NOW)


def test_a_server_that_is_away_is_unavailable(app_secrets: FakeSecrets, closed_address: str) -> None:
    api = GitHubApi(Installations((Server("", closed_address, "webhook", (APP,)),), app_secrets))

    with pytest.raises(Unavailable, match="/app/installations/7/access_tokens"):
        api.register(samples.registration(server=closed_address), NOW)


def test_a_lost_installation_is_rejected(api: GitHubApi, wanted: Registration) -> None:
    with pytest.raises(Rejected, match="installations/404/access_tokens: 404 Not Found"):
        api.register(samples.registration(server=wanted.server, installation_id=404), NOW)


def test_a_renamed_repository_is_followed_on_its_own_server(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    github_server.interject(Reply(307, None, {"Location": "/repos/octo/renamed/actions/runners/generate-jitconfig"}))

    registered = api.register(wanted, NOW)

    assert isinstance(registered, Registered)
    assert github_server.asked[-1].data["name"] == wanted.name


def test_a_token_is_not_carried_to_another_server(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration
) -> None:
    github_server.interject(Reply(307, None, {"Location": "http://127.0.0.1:9/elsewhere"}))

    with pytest.raises(Rejected, match="307"):
        api.register(wanted, NOW)


@pytest.mark.parametrize("data", [[], {}, {"runner": {"id": "1"}, "encoded_jit_config": "x"}, {"runner": {"id": 1}}])
def test_an_answer_without_what_we_need_is_unavailable(
    api: GitHubApi, github_server: GitHubServer, wanted: Registration, data: object
) -> None:
    github_server.interject(Reply(201, data))

    with pytest.raises(Unavailable, match="answered"):
        api.register(wanted, NOW)


@pytest.mark.parametrize(("status", "times"), [(502, 1), (429, 1), (422, 0), (404, 0)])
def test_only_what_github_did_not_serve_is_told(
    github_server: GitHubServer, wanted: Registration, app_secrets: FakeSecrets, status: int, times: int
) -> None:
    told = Told()
    server = Server("", github_server.address, "webhook", (APP,))
    installations = Installations((server,), app_secrets, tell=told)
    api = GitHubApi(installations)
    api.release(wanted, Os.LINUX, Arch.X64, NOW)
    github_server.interject(Reply(status, {"message": "no"}))

    with pytest.raises((Unavailable, Rejected)):
        api.register(wanted, NOW)

    assert [(event.api, event.call) for event in told.of(ApiFailed)] == [("github", "POST")] * times
    installations.close()


def test_windows_and_arm_have_their_own_archives(api: GitHubApi, wanted: Registration) -> None:
    assert api.release(wanted, Os.WINDOWS, Arch.X64, NOW).url.endswith("win-x64-2.336.0.zip")
    assert api.release(wanted, Os.LINUX, Arch.ARM64, NOW).url.endswith("linux-arm64-2.336.0.tar.gz")
    with pytest.raises(Rejected, match="no runner for windows/arm64"):
        api.release(wanted, Os.WINDOWS, Arch.ARM64, NOW)


@pytest.mark.parametrize(
    "key", ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\ncanary-in-key\n-----END RSA PRIVATE KEY-----"]
)
def test_an_unusable_app_key_is_named_and_not_shown(wanted: Registration, key: str) -> None:
    installations = Installations((Server("", wanted.server, "webhook", (APP,)),), FakeSecrets(app_key=key))
    api = GitHubApi(installations)

    with pytest.raises(Rejected, match="secret app_key is not an RSA private key") as caught:
        api.register(wanted, NOW)

    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"
    installations.close()
