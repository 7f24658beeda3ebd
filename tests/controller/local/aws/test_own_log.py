"""A machine writes its own log stream and no other's: asked of the very policies that are deployed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from controller import policies, wiring
from controller.local.aws.calls import Call
from controller.local.aws.iam import Policy, read
from controller.local.aws.iam_trust import read_trust
from controller.local.aws.judging import Iam
from controller.local.aws.network import Network
from controller.local.aws.principals import ACCOUNT, Principal, PrincipalKind
from controller.local.aws.rights import Account
from controller.local.aws.rights_ec2 import Machines, role_arn
from controller.local.aws.web import Request
from controller.region import Place

STACK = "dev-us-east-1"
PLACE = Place("us-east-1", ACCOUNT)
LOG = wiring.runner_log(STACK)
LOG_ROLE = wiring.role_name(STACK, wiring.MACHINE_LOG)
MACHINE_ROLE = wiring.role_name(STACK, wiring.MACHINE)
NAMES = policies.Names(
    place=PLACE,
    stack=STACK,
    tables={},
    queues={"reports": PLACE.arn("sqs", f"{STACK}-reports")},
    secrets={},
    config_prefix="/",
    templates=[],
    subnets=[],
    security_group="",
    images=[],
    runner_role=role_arn(MACHINE_ROLE),
    cache="arn:aws:s3:::cache",
    archive="arn:aws:s3:::archive",
    claim_route=PLACE.arn("execute-api", "api/$default/POST/claim"),
    log_role=role_arn(LOG_ROLE),
    runner_log=PLACE.arn("logs", f"log-group:{LOG}"),
)
GRANTED = policies.document(wiring.MACHINE_GRANTS, NAMES)
TRUST = policies.trust_machines([NAMES.runner_role], PLACE)

ONE, OTHER = "i-0000000000000001", "i-0000000000000002"
MACHINE = Principal(PrincipalKind.INSTANCE, ONE, MACHINE_ROLE, ONE)
SESSION = Principal(PrincipalKind.SESSION, ONE, LOG_ROLE, ONE, (("machine", ONE),))
FUNCTION = Principal(PrincipalKind.FUNCTION, "claim", f"{STACK}-claim", "claim")


def iam(granted: Mapping[str, Any] = GRANTED, trust: Mapping[str, Any] = TRUST) -> Iam:
    taking = read(policies.only({"Effect": "Allow", "Action": "sts:*", "Resource": "*"}))
    roles: dict[str, list[Policy]] = {
        MACHINE_ROLE: [read(granted)],
        LOG_ROLE: [read(policies.document(wiring.LOG_GRANTS, NAMES))],
        FUNCTION.role: [taking],
    }
    judge = Iam()
    judge.enact(roles, Account(Machines(Network("us-east-1"), lambda _: {}), {}), {NAMES.log_role: read_trust(trust)})
    return judge


def take(who: Principal, tags: Mapping[str, str], role: str = NAMES.log_role) -> Call:
    marked = {
        f"Tags.member.{number}.{part}": text
        for number, pair in enumerate(tags.items(), 1)
        for part, text in zip(("Key", "Value"), pair, strict=True)
    }
    form = {"Action": "AssumeRole", "RoleArn": role, "RoleSessionName": who.name, **marked}
    return Call(who, "sts", "us-east-1", Request("POST", "/", {}, urlencode(form).encode()))


def log(who: Principal, action: str, stream: str, group: str = LOG) -> Call:
    body = json.dumps({"logGroupName": group, "logStreamName": stream, "logEvents": []}).encode()
    return Call(who, "logs", "us-east-1", Request("POST", "/", {"x-amz-target": f"Logs_20140328.{action}"}, body))


def without_conditions(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same, without what compares the asking instance with the name it asks for."""
    loose = copy.deepcopy(dict(document))
    for statement in loose["Statement"]:
        asked = statement.get("Condition", {}).get("ArnEquals", {})
        asked.pop("ec2:SourceInstanceARN", None)
        if not asked:
            statement.get("Condition", {}).pop("ArnEquals", None)
    return loose


def test_a_machine_takes_the_log_role_under_its_own_name() -> None:
    verdict = iam().judge(take(MACHINE, {"machine": ONE}))

    assert not verdict.refusal
    assert [access.action for access in verdict.needed] == ["sts:AssumeRole", "sts:TagSession"]


@pytest.mark.parametrize(
    ("who", "tags"),
    [
        pytest.param(MACHINE, {"machine": OTHER}, id="another machine's name"),
        pytest.param(MACHINE, {"machine": "*"}, id="a name that stands for all"),
        pytest.param(MACHINE, {}, id="no name"),
        pytest.param(MACHINE, {"machine": ONE, "team": "x"}, id="another tag beside"),
        pytest.param(MACHINE, {"team": "x"}, id="another tag instead"),
        pytest.param(FUNCTION, {"machine": ONE}, id="no machine, with every right in STS"),
        pytest.param(SESSION, {"machine": OTHER}, id="a session that was taken already"),
        pytest.param(SESSION, {"machine": ONE}, id="the same again"),
    ],
)
def test_nobody_takes_the_log_role_in_another_way(who: Principal, tags: Mapping[str, str]) -> None:
    verdict = iam().judge(take(who, tags))

    assert "is not authorized to perform: sts:" in verdict.refusal


def test_a_machine_takes_no_other_role() -> None:
    verdict = iam().judge(take(MACHINE, {"machine": ONE}, role=role_arn(FUNCTION.role)))

    assert "is not authorized to perform: sts:AssumeRole" in verdict.refusal


OPEN = without_conditions


@pytest.mark.parametrize(
    ("granted", "trust", "is_safe"),
    [
        (GRANTED, TRUST, True),
        (OPEN(GRANTED), TRUST, True),
        (GRANTED, OPEN(TRUST), True),
        (OPEN(GRANTED), OPEN(TRUST), False),
    ],
    ids=["both", "the trust alone", "the machines' policy alone", "neither"],
)
def test_each_of_two_locks_alone_keeps_a_machine_from_anothers_name(
    granted: Mapping[str, Any], trust: Mapping[str, Any], *, is_safe: bool
) -> None:
    judge = iam(granted, trust)

    own, others = judge.judge(take(MACHINE, {"machine": ONE})), judge.judge(take(MACHINE, {"machine": OTHER}))

    assert not own.refusal
    assert bool(others.refusal) is is_safe


@pytest.mark.parametrize("action", ["CreateLogStream", "PutLogEvents"])
def test_a_session_writes_the_stream_of_its_own_name(action: str) -> None:
    assert not iam().judge(log(SESSION, action, ONE)).refusal


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(log(SESSION, "PutLogEvents", OTHER), id="another machine's stream"),
        pytest.param(log(SESSION, "PutLogEvents", f"{ONE}/more"), id="a stream beside its own"),
        pytest.param(log(SESSION, "PutLogEvents", ONE, "/aws/lambda/dev-us-east-1-claim"), id="another group"),
        pytest.param(log(SESSION, "CreateLogStream", OTHER), id="the beginning of another's stream"),
        pytest.param(log(MACHINE, "PutLogEvents", ONE), id="in the machines' common role"),
        pytest.param(log(MACHINE, "CreateLogStream", ONE), id="its own stream in the machines' common role"),
    ],
)
def test_nobody_writes_any_other_stream(call: Call) -> None:
    assert f"is not authorized to perform: logs:{call.action}" in iam().judge(call).refusal


@pytest.mark.parametrize("forbidden", ["DeleteLogStream", "GetLogEvents", "DeleteLogGroup", "PutRetentionPolicy"])
def test_a_session_can_neither_read_nor_remove_a_log(forbidden: str) -> None:
    assert iam().judge(log(SESSION, forbidden, ONE)).refusal


def test_a_session_has_nothing_of_what_machines_may_do() -> None:
    fields = json.dumps({"QueueUrl": f"http://x/{ACCOUNT}/{STACK}-reports", "MessageBody": "{}"}).encode()
    headers = {"x-amz-target": "AmazonSQS.SendMessage"}

    def send(who: Principal) -> str:
        return iam().judge(Call(who, "sqs", "us-east-1", Request("POST", "/", headers, fields))).refusal

    assert not send(MACHINE)
    assert send(SESSION)


Break = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda grant: grant.update(Resource=[f"{NAMES.runner_log}:*"]), id="any stream"),
        pytest.param(lambda grant: grant.update(Resource=[f"{NAMES.runner_log}:log-stream:i-*"]), id="any machine"),
    ],
)
def test_a_wider_policy_would_be_noticed_here(harm: Break) -> None:
    document = policies.document(wiring.LOG_GRANTS, NAMES)
    harm(document["Statement"][-1])
    judge = Iam()
    judge.enact({LOG_ROLE: [read(document)]}, Account(Machines(Network("us-east-1"), lambda _: {}), {}))

    assert not judge.judge(log(SESSION, "PutLogEvents", OTHER)).refusal
