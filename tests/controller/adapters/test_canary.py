"""Every secret carries a canary; nothing that is logged, raised or shown may sing."""

from __future__ import annotations

import io
import logging
import traceback

import pytest

from controller.adapters.aws.routes import Queues
from controller.adapters.aws.signed import SignedCalls, SignedOutbox, SignedSecrets
from controller.adapters.github.api import GitHubApi
from controller.adapters.telemetry import Telemetry
from controller.domain.events import ClaimTurnedAway
from controller.errors import SpotRunnerError
from controller.settings import AwsAccess
from runner_agent.contract.sigv4 import Credentials
from tests.controller.adapters.github.server import GitHubServer, Reply
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes import samples
from tests.fakes.stack import FakeSecrets

CANARY = "tweety-7f3a"


def told(error: BaseException) -> str:
    """All that a door could print of an error."""
    stream = io.StringIO()
    telemetry = Telemetry("dev", "claim", stream=stream)
    telemetry.tell(ClaimTurnedAway("i-1", 503, str(error)))
    return stream.getvalue() + repr(error) + "".join(traceback.format_exception(error))


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500])
def test_no_failure_of_github_shows_a_token_or_a_configuration(
    api: GitHubApi, github_server: GitHubServer, app_secrets: FakeSecrets, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    github_server.token_text = f"ghs_{CANARY}"
    wanted = samples.registration(server=github_server.address)
    # A token refused once is replaced; only the second refusal is the answer.
    github_server.interject(*[Reply(status, {"message": "no"})] * (2 if status == 401 else 1))
    heard = ""

    try:
        heard += repr(api.register(wanted, samples.NOW))
    except SpotRunnerError as error:
        heard += told(error)
    heard += repr(api.register(samples.registration("r-2", server=github_server.address), samples.NOW + 61))

    key = app_secrets.texts["app_key"].splitlines()[1]
    assert CANARY not in heard + caplog.text + repr(api) + repr(vars(api))
    assert key not in heard + caplog.text


@pytest.mark.parametrize("play", [Play(500), Play(403, '{"__type":"AccessDenied"}'), Play(drop=True)])
def test_no_failure_of_aws_shows_a_key_or_a_secret(
    scripted: ScriptedServer, caplog: pytest.LogCaptureFixture, play: Play
) -> None:
    caplog.set_level(logging.DEBUG)
    access = AwsAccess("us-east-1", Credentials("AKIAEXAMPLE", f"{CANARY}-key", f"{CANARY}-token"), scripted.address)
    calls = SignedCalls(access, pause=lambda _: None)
    secrets = SignedSecrets(calls, ttl_s=60)
    scripted.play(Play(200, f'{{"SecretString":"{CANARY}-secret"}}'), *[play] * 9)
    heard = ""
    assert secrets.read("webhook", 0.0) == f"{CANARY}-secret"

    for ask in (
        lambda: secrets.read("webhook", 1.0, fresh=True),
        lambda: SignedOutbox(calls, Queues("jobs", "reports")).send(samples.queued(1)),
    ):
        with pytest.raises(SpotRunnerError) as caught:
            ask()
        heard += told(caught.value)

    calls.close()
    assert CANARY not in heard + caplog.text + repr(calls) + repr(access)
