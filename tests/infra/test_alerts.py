from __future__ import annotations

from collections.abc import Mapping

import pytest

from infra import config
from infra.values import BadConfig
from tests.infra.deployed import Deployed
from tests.infra.test_config import SMALLEST

TOPIC = "arn:aws:sns:us-east-1:123456789012:dev-us-east-1-alerts"


def test_people_are_asked_by_e_mail_whether_they_want_to_hear_of_alarms(stack: Deployed) -> None:
    subscribed = stack.one("sns/topicSubscription:TopicSubscription").inputs

    assert subscribed == {"topic": TOPIC, "protocol": "email", "endpoint": "on-call@example.com"}


def test_only_this_accounts_alarms_and_budgets_may_tell(stack: Deployed) -> None:
    allow, deny = stack.one("sns/topicPolicy:TopicPolicy").json("policy")["Statement"]

    assert allow["Principal"]["Service"] == ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_budget_counts_what_carries_the_stacks_tag_and_tells_the_same_people(stack: Deployed) -> None:
    budget = stack.one("budgets/budget:Budget").inputs

    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("200", "USD", "MONTHLY")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:spotrunner:stack$dev-us-east-1"]}]
    assert [(n["notificationType"], n["threshold"], n["subscriberSnsTopicArns"]) for n in budget["notifications"]] == [
        ("ACTUAL", 80, [TOPIC]),
        ("FORECASTED", 100, [TOPIC]),
    ]


def test_nobody_is_told_where_nobody_is_named(runs: Mapping[str, Deployed]) -> None:
    assert runs["given network"].of("sns/topic:Topic") == {}


def test_every_role_is_bounded_where_the_account_demands_it(runs: Mapping[str, Deployed]) -> None:
    bounds = {role.inputs.get("permissionsBoundary") for role in runs["private"].of("iam/role:Role").values()}
    without = {role.inputs.get("permissionsBoundary") for role in runs["up"].of("iam/role:Role").values()}

    assert bounds == {"arn:aws:iam::123456789012:policy/boundary"}
    assert without == {None}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"alertEmails": "on-call"}, "spotrunner:alertEmails: 'on-call' is not an e-mail address"),
        ({"monthlyBudget": "-5"}, "spotrunner:monthlyBudget: '-5' is not a whole number"),
        ({"permissionsBoundary": "boundary"}, "spotrunner:permissionsBoundary: 'boundary' is not the ARN of a policy"),
        ({"diskInitialization": "50"}, "spotrunner:diskInitialization: 50 is neither 0 nor from 100 to 300"),
        ({"monthlyBudget": "5"}, "spotrunner:alertEmails: missing; somebody must hear of the budget"),
    ],
)
def test_what_can_not_be_is_told_before_anything_is_made(wrong: dict[str, str], told: str) -> None:
    values = SMALLEST | {f"spotrunner:{key}": value for key, value in wrong.items()}

    with pytest.raises(BadConfig) as caught:
        config.read("dev-eu-west-1", values)

    assert told in str(caught.value)
