"""The one request that fills the cache, sent to an S3 that believes signatures and judges by the deployed policy."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from controller import policies, wiring
from controller.adapters.aws.offers import SignedOffers
from controller.local.aws.iam import Policy, read
from controller.local.aws.judging import Iam
from controller.local.aws.network import Network
from controller.local.aws.principals import CredentialStore, Principal, PrincipalKind
from controller.local.aws.rights import Account
from controller.local.aws.rights_ec2 import Machines
from controller.local.aws.web import Reply
from controller.settings import AwsAccess
from runner_agent.contract.bundle import Offer
from tests.controller.local.aws.rig import Front
from tests.controller.test_policies import NAMES

CLAIM = Principal(PrincipalKind.FUNCTION, "claim", "stack-claim", "stack-claim")
ARCHIVE = b"the runner"
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
PLACE = "s3://cache/runners/a b.tar.gz"


@pytest.fixture
def stored() -> dict[str, bytes]:
    return {}


@pytest.fixture
def front(stored: dict[str, bytes]) -> Any:  # noqa: ANN401 - a generator of one
    grants = [grant for grant in wiring.CLAIM.grants if grant.resource == "new-in-cache"]
    policy: Policy = read(policies.document(grants, NAMES))
    iam = Iam()
    iam.enact({CLAIM.role: [policy]}, Account(Machines(Network("us-east-1"), lambda _: {}), {}))

    def keep(call: Any) -> Reply:  # noqa: ANN401 - a call of any kind
        stored[call.request.path] = call.request.body
        return Reply(200, b"", ())

    opened = Front({"s3": keep}, iam.judge)
    yield opened
    opened.close()


def access(front: Front, credentials: CredentialStore | None = None) -> AwsAccess:
    keys = (credentials or front.credentials).issue(CLAIM, time.time() + 3600).keys
    return AwsAccess("us-east-1", keys, front.server.url)


def sent(offer: Offer, body: bytes, **changed: str) -> int:
    parts = urlsplit(offer.url)
    connection = http.client.HTTPConnection(parts.netloc)
    headers = {name: value for name, value in {**offer.headers, **changed}.items() if value}
    connection.request("PUT", parts.path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_offer_stores_the_archive_it_was_made_for(front: Front, stored: dict[str, bytes]) -> None:
    offer = SignedOffers(access(front)).offer(PLACE, SHA256.upper(), time.time())

    assert sent(offer, ARCHIVE) == 200
    assert list(stored.values()) == [ARCHIVE]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        pytest.param(b"something else", {}, id="another content"),
        pytest.param(
            b"something else",
            {"X-Amz-Content-SHA256": hashlib.sha256(b"something else").hexdigest()},
            id="another content with its own digest",
        ),
        pytest.param(ARCHIVE, {"If-None-Match": ""}, id="over what is there"),
        pytest.param(ARCHIVE, {"X-Amz-Acl": "public-read"}, id="with more than was signed"),
    ],
)
def test_an_offer_is_good_for_nothing_else(
    front: Front, stored: dict[str, bytes], body: bytes, changed: dict[str, str]
) -> None:
    offer = SignedOffers(access(front)).offer(PLACE, SHA256, time.time())

    assert sent(offer, body, **changed) in {400, 403}
    assert not stored


def test_an_offer_is_for_one_name(front: Front, stored: dict[str, bytes]) -> None:
    offer = SignedOffers(access(front)).offer(PLACE, SHA256, time.time())

    assert sent(Offer(offer.url.replace("a%20b", "c"), offer.headers), ARCHIVE) == 403
    assert not stored


def test_an_old_offer_is_worth_nothing(front: Front, stored: dict[str, bytes]) -> None:
    offer = SignedOffers(access(front)).offer(PLACE, SHA256, time.time() - 3_600)

    assert sent(offer, ARCHIVE) == 403
    assert not stored


def test_an_offer_outside_the_runners_archives_is_refused_by_the_role(front: Front) -> None:
    offer = SignedOffers(access(front)).offer("s3://cache/else.tar.gz", SHA256, time.time())

    assert sent(offer, ARCHIVE) == 403


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-west-1", "s3.eu-west-1.amazonaws.com"), ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn")],
)
def test_in_aws_an_offer_leads_to_the_regions_own_address(region: str, host: str, issue: Callable[[], Any]) -> None:
    offer = SignedOffers(AwsAccess(region, issue())).offer(PLACE, SHA256, 0.0)

    assert offer.url == f"https://{host}/cache/runners/a%20b.tar.gz"
    assert offer.headers["Host"] == host


@pytest.fixture
def issue() -> Callable[[], Any]:
    return lambda: CredentialStore().issue(CLAIM, 1.0).keys


def test_an_offers_headers_are_not_shown(front: Front) -> None:
    offer = SignedOffers(access(front)).offer(PLACE, SHA256, time.time())

    assert offer.headers["Authorization"] not in repr(offer)
    assert offer.headers["X-Amz-Security-Token"] not in repr(offer)
