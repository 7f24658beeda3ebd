from __future__ import annotations

import pytest

from controller.adapters.github.installations import Installations
from controller.adapters.github.origins import RunOrigins
from controller.errors import Unavailable
from tests.controller.adapters.github.server import GitHubServer, Reply
from tests.fakes import samples


def asked(server: GitHubServer) -> list[str]:
    return [one.path for one in server.asked if one.method == "GET"]


@pytest.mark.parametrize(
    ("reply", "fork"),
    [
        (Reply(200, {"head_repository": {"full_name": "octo/hello"}}), False),
        (Reply(200, {"head_repository": {"full_name": "Octo/Hello"}}), False),
        (Reply(200, {"head_repository": {"full_name": "stranger/hello"}}), True),
        # What GitHub does not say is not trusted.
        (Reply(200, {"head_repository": None}), True),
        (Reply(200, {}), True),
        (Reply(404, {"message": "Not Found"}), True),
    ],
)
def test_a_run_from_another_repository_is_a_forks(
    installations: Installations,
    github_server: GitHubServer,
    reply: Reply,
    fork: bool,  # noqa: FBT001 - a table of cases
) -> None:
    github_server.interject(reply)
    message = samples.queued(server=github_server.address)

    assert RunOrigins(installations).is_fork(message, samples.NOW) is fork
    assert asked(github_server) == ["/repos/octo/hello/actions/runs/70"]


def test_all_jobs_of_a_run_cost_one_request(installations: Installations, github_server: GitHubServer) -> None:
    github_server.interject(Reply(200, {"head_repository": {"full_name": "octo/hello"}}))
    origins = RunOrigins(installations)

    for job in range(5):
        assert not origins.is_fork(samples.queued(job + 1, server=github_server.address), samples.NOW)

    assert len(asked(github_server)) == 1


def test_an_answer_that_did_not_come_is_not_remembered(
    installations: Installations, github_server: GitHubServer
) -> None:
    github_server.interject(Reply(502), Reply(200, {"head_repository": {"full_name": "octo/hello"}}))
    origins = RunOrigins(installations)
    message = samples.queued(server=github_server.address)

    with pytest.raises(Unavailable):
        origins.is_fork(message, samples.NOW)

    assert not origins.is_fork(message, samples.NOW)
