from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from controller.adapters.aws import signed
from controller.adapters.aws.routes import Queues
from controller.adapters.aws.signed import SECRETS_MANAGER, SQS, SignedCalls, SignedOutbox, SignedSecrets
from controller.errors import Rejected, Unavailable
from controller.settings import AwsAccess
from runner_agent.contract.sigv4 import Credentials
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes import samples

KEY = Credentials("AKIAEXAMPLE", "canary-secret-key", "canary-token")
QUEUES = Queues("https://sqs.example/1/jobs", "https://sqs.example/1/reports")


def calls_of(scripted: ScriptedServer, pauses: list[float] | None = None) -> SignedCalls:
    access = AwsAccess("us-east-1", KEY, scripted.address)
    return SignedCalls(access, pause=(pauses if pauses is not None else []).append)


def test_the_webhook_door_loads_no_aws_sdk_and_no_http_library() -> None:
    program = (
        "import sys\n"
        "import controller.adapters.aws.signed, controller.adapters.aws.routes\n"
        "import controller.adapters.github.webhook, controller.adapters.telemetry, controller.domain.recognition\n"
        "heavy = {'boto3', 'botocore', 'requests', 'urllib3', 'jwt', 'cryptography', 'opentelemetry'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("service", [SQS, SECRETS_MANAGER])
def test_the_signature_is_the_sdks(service: signed.Service) -> None:
    now = time.time()
    calls = SignedCalls(AwsAccess("eu-west-1", KEY), clock=lambda: now)

    request = calls.request(service, "Operation", b'{"a":1}')

    theirs = AWSRequest("POST", request.url, data=b'{"a":1}', headers={})
    for name in ("Content-Type", "X-Amz-Target", "Host"):
        theirs.headers[name] = request.headers[name]
    theirs.context["timestamp"] = request.headers["X-Amz-Date"]
    auth = SigV4Auth(BotoCredentials(KEY.access_key, KEY.secret_key, KEY.token), service.name, "eu-west-1")
    theirs.headers["X-Amz-Date"] = request.headers["X-Amz-Date"]
    theirs.headers["X-Amz-Security-Token"] = KEY.token
    signature = auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)
    assert request.url == f"https://{service.name}.eu-west-1.amazonaws.com/"
    assert request.headers["Authorization"].endswith(f"Signature={signature}")


def test_the_chinese_regions_have_their_own_addresses() -> None:
    calls = SignedCalls(AwsAccess("cn-north-1", KEY))

    assert calls.request(SQS, "SendMessage", b"{}").url == "https://sqs.cn-north-1.amazonaws.com.cn/"


def test_warm_invocations_use_one_connection(scripted: ScriptedServer) -> None:
    scripted.play(*[Play(200, '{"MessageId":"1"}')] * 5)
    calls = calls_of(scripted)
    outbox = SignedOutbox(calls, QUEUES)

    for n in range(5):
        outbox.send(samples.queued(n + 1))

    assert len({seen.client for seen in scripted.seen}) == 1
    assert {seen.headers["x-amz-target"] for seen in scripted.seen} == {"AmazonSQS.SendMessage"}
    calls.close()


def test_a_connection_that_went_stale_is_replaced_without_a_pause(scripted: ScriptedServer) -> None:
    scripted.play(Play(200, "{}", close_after=True), Play(200, "{}"))
    pauses: list[float] = []
    calls = calls_of(scripted, pauses)
    outbox = SignedOutbox(calls, QUEUES)
    outbox.send(samples.queued(1))

    outbox.send(samples.queued(2))

    assert [json.loads(json.loads(seen.body)["MessageBody"])["job_id"] for seen in scripted.seen] == [1, 2]
    assert len({seen.client for seen in scripted.seen}) == 2
    assert pauses == []
    calls.close()


@pytest.mark.parametrize(
    "fault",
    [
        Play(500, '{"__type":"InternalFailure"}'),
        Play(400, '{"__type":"com.amazonaws.sqs#RequestThrottled"}'),
        Play(503, "<html>"),
        Play(drop=True),
    ],
)
def test_a_passing_fault_is_tried_again(scripted: ScriptedServer, fault: Play) -> None:
    scripted.play(fault, fault, Play(200, "{}"))
    pauses: list[float] = []
    calls = calls_of(scripted, pauses)

    SignedOutbox(calls, QUEUES).send(samples.queued(1))

    assert len(scripted.seen) == 3
    assert len(pauses) == 2
    calls.close()


def test_a_lasting_fault_is_unavailable(scripted: ScriptedServer) -> None:
    calls = calls_of(scripted)

    with pytest.raises(Unavailable, match="sqs SendMessage: 500"):
        SignedOutbox(calls, QUEUES).send(samples.queued(1))

    assert len(scripted.seen) == signed.TRIES
    calls.close()


def test_a_queue_that_is_not_there_does_not_drop_the_job(scripted: ScriptedServer) -> None:
    scripted.play(Play(400, '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}'))
    calls = calls_of(scripted)

    with pytest.raises(Unavailable, match="QueueDoesNotExist no such queue"):
        SignedOutbox(calls, QUEUES).send(samples.queued(1))

    assert len(scripted.seen) == 1
    calls.close()


def test_a_service_that_does_not_answer_ends_within_the_limit(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed, "CALL_S", 0.5)
    monkeypatch.setattr(signed, "TRY_S", 0.2)
    scripted.play(*[Play(hang=True)] * 3)
    calls = calls_of(scripted)
    start = time.monotonic()

    with pytest.raises(Unavailable, match="TimeoutError"):
        SignedOutbox(calls, QUEUES).send(samples.queued(1))

    # Generous, for a busy machine; without limits it would have been the script's thirty seconds.
    assert time.monotonic() - start < 20
    calls.close()


def test_two_calls_leave_the_function_time_to_answer() -> None:
    assert 2 * signed.CALL_S <= 9 - 1


def test_what_aws_refuses_for_good_is_rejected_below_the_ports(scripted: ScriptedServer) -> None:
    scripted.play(Play(400, '{"__type":"ValidationException","Message":"no"}'))
    calls = calls_of(scripted)

    with pytest.raises(Rejected, match="secretsmanager GetSecretValue: ValidationException no"):
        calls.call(SECRETS_MANAGER, "GetSecretValue", {})

    calls.close()


def test_a_known_secret_outlives_an_outage_and_a_fresh_read_does_not(scripted: ScriptedServer) -> None:
    scripted.play(Play(200, '{"SecretString":"canary"}'))
    calls = calls_of(scripted)
    secrets = SignedSecrets(calls, ttl_s=60)
    secrets.read("webhook", now=0.0)

    assert secrets.read("webhook", now=100.0) == "canary"
    asked = len(scripted.seen)
    assert secrets.read("webhook", now=105.0) == "canary"
    assert len(scripted.seen) == asked
    with pytest.raises(Unavailable):
        secrets.read("webhook", now=105.0, fresh=True)
    with pytest.raises(Unavailable):
        secrets.read("webhook", now=100_000.0)
    calls.close()
