from __future__ import annotations

import json

import pytest

from controller.local.aws.metadata import Facts, Metadata
from controller.local.aws.principals import (
    CREDENTIALS_S,
    ROTATE_BEFORE_S,
    CredentialStore,
    Principal,
    PrincipalKind,
    rotated,
)
from controller.local.aws.web import Reply, Request

TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"
MACHINE = Principal(PrincipalKind.INSTANCE, "i-1", "stack-runner", "i-1")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Service:
    """The metadata of two machines."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.metadata = Metadata(self.clock)
        self.store = CredentialStore()
        for name in ("i-1", "i-2"):
            self.metadata.tell(
                Facts(
                    instance_id=name,
                    instance_type="m7i.large",
                    image="ami-1",
                    zone="us-east-1b",
                    region="us-east-1",
                    lifecycle="spot",
                    launched_at=self.clock.now,
                    role="stack-runner",
                    credentials=rotated(self.store, MACHINE, self.clock),
                    user_data=b'{"claim_url":"x"}',
                    tags={"spotrunner:launch": "L1"},
                )
            )

    def ask(self, path: str, token: str, machine: str = "i-1", method: str = "GET") -> Reply:
        return self.metadata.answer(Request(method, f"/{machine}/latest/{path}", {TOKEN: token}))

    def token(self, ttl: str = "60", machine: str = "i-1", **headers: str) -> Reply:
        return self.metadata.answer(Request("PUT", f"/{machine}/latest/api/token", {TTL: ttl, **headers}))

    def text(self, path: str) -> str:
        reply = self.ask(path, self.token().body.decode())
        assert reply.status == 200
        return reply.body.decode()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("meta-data/instance-id", "i-1"),
        ("meta-data/instance-type", "m7i.large"),
        ("meta-data/ami-id", "ami-1"),
        ("meta-data/instance-life-cycle", "spot"),
        ("meta-data/placement/availability-zone", "us-east-1b"),
        ("meta-data/placement/region", "us-east-1"),
        ("meta-data/iam/security-credentials/", "stack-runner"),
        ("meta-data/tags/instance/", "spotrunner:launch"),
        ("meta-data/tags/instance/spotrunner:launch", "L1"),
        ("meta-data/events/maintenance/scheduled", "[]"),
        ("user-data", '{"claim_url":"x"}'),
    ],
)
def test_a_machine_learns_about_itself(service: Service, path: str, text: str) -> None:
    assert service.text(path) == text


def test_the_identity_document_says_when_the_launch_was_accepted(service: Service) -> None:
    document = json.loads(service.text("dynamic/instance-identity/document"))

    assert document["instanceId"] == "i-1"
    assert document["region"] == "us-east-1"
    assert document["pendingTime"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("ttl", "status"), [("1", 200), ("21600", 200), ("0", 400), ("21601", 400), ("", 400), ("x", 400)]
)
def test_a_token_lives_for_one_second_to_six_hours(service: Service, ttl: str, status: int) -> None:
    assert service.token(ttl).status == status


def test_a_forwarded_request_for_a_token_is_refused(service: Service) -> None:
    assert service.token(**{"x-forwarded-for": "10.0.0.1"}).status == 403


def test_without_a_living_token_of_its_own_a_machine_learns_nothing(service: Service) -> None:
    token = service.token("60").body.decode()

    fresh = service.ask("meta-data/instance-id", token)
    others = service.ask("meta-data/instance-id", token, machine="i-2")
    missing = service.ask("meta-data/instance-id", "")
    service.clock.now += 60
    expired = service.ask("meta-data/instance-id", token)

    assert [reply.status for reply in (fresh, others, missing, expired)] == [200, 401, 401, 401]


@pytest.mark.parametrize(
    "path",
    ["meta-data/spot/instance-action", "meta-data/events/recommendations/rebalance", "meta-data/tags/instance/no", "x"],
)
def test_what_is_not_there_is_not_found(service: Service, path: str) -> None:
    reply = service.ask(path, service.token().body.decode())

    assert reply.status == 404


def test_an_unknown_machine_is_not_found(service: Service) -> None:
    assert service.token(machine="i-9").status == 404


@pytest.mark.parametrize(("path", "method"), [("api/token", "GET"), ("meta-data/instance-id", "POST")])
def test_other_methods_are_refused(service: Service, path: str, method: str) -> None:
    reply = service.ask(path, service.token().body.decode(), method=method)

    assert reply.status == 405


def test_a_spot_notice_appears_once_it_is_announced(service: Service) -> None:
    service.metadata.announce("i-1", action="terminate", at=service.clock.now + 120)
    service.metadata.recommend_rebalance("i-1")

    notice = json.loads(service.text("meta-data/spot/instance-action"))
    rebalance = json.loads(service.text("meta-data/events/recommendations/rebalance"))

    assert notice == {"action": "terminate", "time": "2027-01-15T08:02:00Z"}
    assert rebalance == {"noticeTime": "2027-01-15T08:00:00Z"}
    assert service.text("meta-data/spot/termination-time") == "2027-01-15T08:02:00Z"


def test_credentials_stay_the_same_until_they_are_about_to_expire(service: Service) -> None:
    path = "meta-data/iam/security-credentials/stack-runner"

    first, again = json.loads(service.text(path)), json.loads(service.text(path))
    service.clock.now += CREDENTIALS_S - ROTATE_BEFORE_S + 1
    rotated_now = json.loads(service.text(path))

    assert first == again
    assert rotated_now["AccessKeyId"] != first["AccessKeyId"]
    issued = service.store.find(first["AccessKeyId"])
    assert issued is not None
    assert (issued.principal, issued.expires > service.clock.now) == (MACHINE, True)


def test_a_machine_without_a_role_has_no_credentials(service: Service) -> None:
    service.metadata.tell(
        Facts("i-1", "m", "ami", "a", "us-east-1", "spot", 0.0, "", rotated(service.store, MACHINE), b"", {})
    )

    reply = service.ask("meta-data/iam/security-credentials/", service.token().body.decode())

    assert reply.status == 404
