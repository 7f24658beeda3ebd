from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.aws import notices
from controller.domain.interruption import MAINTENANCE, Advised, Ended, Warned
from controller.errors import Rejected
from controller.wiring import RULES

AT = 1_790_000_000.0
TIME = "2026-09-21T14:13:20Z"


def document(kind: str, **detail: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever EC2 may write there
    """An event as AWS documents it."""
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": kind,
        "source": "aws.ec2",
        "account": "123456789012",
        "time": TIME,
        "region": "us-east-1",
        "resources": ["arn:aws:ec2:us-east-1a:instance/i-0123456789abcdef0"],
        "detail": {"instance-id": "i-0123456789abcdef0", **{name.replace("_", "-"): v for name, v in detail.items()}},
    }


WARNING = document("EC2 Spot Instance Interruption Warning", instance_action="terminate")
ADVICE = document("EC2 Instance Rebalance Recommendation")
CHANGE = document("EC2 Instance State-change Notification", state="shutting-down")
MAINTENANCE_EVENT: dict[str, Any] = {
    **document("AWS Health Event"),
    "source": "aws.health",
    "detail": {
        "eventArn": "arn:aws:health:us-east-1::event/EC2/AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED/one",
        "service": "EC2",
        "eventTypeCode": "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED",
        "eventTypeCategory": "scheduledChange",
        "startTime": "Mon, 28 Sep 2026 00:00:00 GMT",
        "affectedEntities": [
            {"entityValue": "i-0123456789abcdef0", "tags": {}},
            {"entityValue": "vol-0123456789abcdef0"},
            {"entityValue": "i-0fedcba9876543210"},
        ],
    },
}


@pytest.mark.parametrize(
    ("event", "notice"),
    [
        (WARNING, Warned("i-0123456789abcdef0", "terminate", AT)),
        (ADVICE, Advised("i-0123456789abcdef0", AT)),
        (CHANGE, Ended("i-0123456789abcdef0", "shutting-down", AT)),
    ],
)
def test_an_event_of_ec2_becomes_a_notice(event: dict[str, Any], notice: object) -> None:
    assert notices.read(json.dumps(event)) == [notice]


def test_announced_maintenance_becomes_a_notice_for_each_machine_it_is_about() -> None:
    assert notices.read(json.dumps(MAINTENANCE_EVENT)) == [
        Advised("i-0123456789abcdef0", AT, MAINTENANCE),
        Advised("i-0fedcba9876543210", AT, MAINTENANCE),
    ]


def test_every_rule_brings_events_that_are_understood() -> None:
    known = {(event["source"], event["detail-type"]) for event in (WARNING, ADVICE, CHANGE, MAINTENANCE_EVENT)}
    brought = {
        (source, kind)
        for rule in RULES
        for source in rule.pattern["source"]  # type: ignore[attr-defined]  # a list
        for kind in rule.pattern["detail-type"]  # type: ignore[attr-defined]  # a list
    }

    assert brought == known


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({**WARNING, "source": "aws.ecs"}, "none of ours"),
        ({**WARNING, "source": "aws.health"}, "none of ours"),
        ({**MAINTENANCE_EVENT, "detail": {"affectedEntities": "i-1"}}, "affectedEntities is not a list"),
        ({**WARNING, "detail-type": "EC2 Fleet Error"}, "none of ours"),
        ({**WARNING, "detail-type": ["EC2 Instance Rebalance Recommendation"]}, "none of ours"),
        ({**WARNING, "time": "yesterday"}, "'yesterday' is not a time"),
        ({**WARNING, "time": "2026-09-21T14:13:20"}, "no time zone"),
        ({**WARNING, "time": None}, "not a time"),
        ({**WARNING, "detail": None}, "detail.instance-id is missing"),
        ({**WARNING, "detail": {"instance-id": "vol-1", "instance-action": "stop"}}, "names no instance"),
        ({**WARNING, "detail": {"instance-id": "i-1"}}, "detail.instance-action is missing"),
        ({**CHANGE, "detail": {"instance-id": "i-1", "state": 48}}, "detail.state is missing"),
        ([WARNING], "not a JSON object"),
    ],
)
def test_what_is_not_as_documented_is_refused_with_its_reason(event: object, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        notices.read(json.dumps(event))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        notices.read(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(WARNING)), JSON))
def test_nothing_but_a_refusal_comes_of_a_mangled_event(changes: dict[str, Any]) -> None:
    try:
        notices.read(json.dumps({**WARNING, **changes}))
    except Rejected:
        return
    assert not {"source", "detail-type", "time", "detail"} & {
        name for name, value in changes.items() if value != WARNING[name]
    }
