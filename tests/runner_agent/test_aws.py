from __future__ import annotations

import time

import pytest

from runner_agent.aws import Imds, Signer
from runner_agent.cloud import Identity, MetadataUnavailable
from runner_agent.contract.sigv4 import Credentials
from tests.runner_agent.stage import INSTANCE, ROLE_SECRET, ROLE_TOKEN, Stage


def test_the_identity_document_is_read_in_our_words(stage: Stage) -> None:
    identity = Imds(stage.url).identity()

    assert identity == Identity(INSTANCE, "eu-west-1", instance_type="m7i.large", launched_at=1_795_168_800.0)


def test_one_token_serves_many_requests(stage: Stage) -> None:
    imds = Imds(stage.url)

    for _ in range(3):
        imds.identity()

    assert stage.metadata.issued == 1


def test_row_02_a_refused_token_is_renewed_once(stage: Stage) -> None:
    imds = Imds(stage.url)
    imds.identity()

    stage.metadata.expire_tokens()

    assert imds.tag("spotrunner:launch") == "launch-1"
    assert stage.metadata.issued == 2


def test_row_03_metadata_that_hangs_is_given_up_soon(stage: Stage) -> None:
    stage.metadata.hanging = True
    began = time.monotonic()

    with pytest.raises(MetadataUnavailable):
        Imds(stage.url, timeout=0.1).identity()

    assert time.monotonic() - began < 5


def test_metadata_that_is_overloaded_is_unavailable(stage: Stage) -> None:
    stage.metadata.broken = 1

    with pytest.raises(MetadataUnavailable, match="api/token: status 503"):
        Imds(stage.url).identity()


def test_credentials_are_read_once_and_told_to_the_redactor(stage: Stage) -> None:
    learned: list[str] = []
    imds = Imds(stage.url, learn=learned.extend)

    pairs = [imds.credentials(), imds.credentials()]

    assert pairs[0] == pairs[1] == Credentials("ASIAEXAMPLE", ROLE_SECRET, ROLE_TOKEN)
    assert learned == ["canary-imds-token-1", ROLE_SECRET, ROLE_TOKEN]


def test_a_tag_that_the_machine_may_not_see_is_empty(stage: Stage) -> None:
    assert Imds(stage.url).tag("other") == ""


def test_a_spot_notice_is_read_with_its_time(stage: Stage) -> None:
    imds = Imds(stage.url)
    before = imds.interruption()

    stage.metadata.notice = {"action": "stop", "time": "2026-11-20T10:02:00Z"}
    notice = imds.interruption()

    assert before is None
    assert notice is not None
    assert (notice.action, notice.at) == ("stop", 1_795_168_920.0)


def test_a_notice_without_a_readable_time_leaves_two_minutes(stage: Stage) -> None:
    stage.metadata.notice = {"action": "terminate", "time": "soon"}

    notice = Imds(stage.url).interruption()

    assert notice is not None
    assert 60 < notice.at - time.time() <= 120


@pytest.mark.parametrize(
    ("endpoint", "region", "url"),
    [
        ("", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/bucket/runner/a%20b.tar.gz"),
        ("", "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn/bucket/runner/a%20b.tar.gz"),
        ("http://127.0.0.1:5000/", "eu-west-1", "http://127.0.0.1:5000/bucket/runner/a%20b.tar.gz"),
    ],
)
def test_an_s3_address_becomes_a_signed_request(endpoint: str, region: str, url: str) -> None:
    signer = Signer(region, lambda: Credentials("AKIA", "made-up"), endpoint)

    request = signer.s3_object("s3://bucket/runner/a b.tar.gz")

    assert request.url == url
    assert f"/{region}/s3/aws4_request" in request.headers["Authorization"]
    assert "made-up" not in repr(request)


def test_a_message_goes_to_the_queues_own_address() -> None:
    signer = Signer("eu-west-1", lambda: Credentials("AKIA", "made-up"))

    request = signer.message("https://sqs.eu-west-1.amazonaws.com/1/q", b"{}")

    assert request.url == "https://sqs.eu-west-1.amazonaws.com/"
    assert request.headers["X-Amz-Target"] == "AmazonSQS.SendMessage"
