"""Who is told when something is wrong or money runs out: a topic of the stack's own, and a monthly budget."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from controller import policies, wiring
from infra import roles
from infra.config import Slack, StackConfig

_TELLERS = ("budgets", "cloudwatch")
_SPENT, _FORECAST = 80, 100
"""Percent of the budget: told when so much is spent, and when so much is forecast."""


class Alerts(pulumi.ComponentResource):
    """`topics` are the ARNs that alarms go to: the given one, the stack's own, both or none."""

    topics: list[pulumi.Input[str]]

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Alerts", "alerts", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.topics = [config.alarm_topic] if config.alarm_topic else []
        if config.alert_emails or config.slack:
            self.topics.append(_topic(config, inside))
        if config.slack:
            _tell_slack(config, config.slack, self.topics, inside)
        if config.monthly_budget:
            _budget(config, self.topics, inside)
        self.register_outputs({})


def _topic(config: StackConfig, inside: pulumi.ResourceOptions) -> pulumi.Output[str]:
    # Not encrypted: alarms could then be sent only with a key of the stack's own, and their texts hold no secret.
    topic = aws.sns.Topic("alerts", name=f"{config.stack}-alerts", opts=inside)
    aws.sns.TopicPolicy(
        "alerts",
        arn=topic.arn,
        policy=topic.arn.apply(lambda arn: json.dumps(policies.publish_only(arn, _TELLERS, config.place))),
        opts=inside,
    )
    for address in config.alert_emails:
        aws.sns.TopicSubscription(address, topic=topic.arn, protocol="email", endpoint=address, opts=inside)
    return topic.arn


def _tell_slack(
    config: StackConfig, slack: Slack, topics: list[pulumi.Input[str]], inside: pulumi.ResourceOptions
) -> None:
    # The role may do nothing, and the guardrail keeps it so: people in the channel read, and give no orders.
    role = roles.role(config, "chat", "chatbot", "What people in the alarms' Slack channel may do: nothing", inside)
    aws.chatbot.SlackChannelConfiguration(
        "alerts",
        configuration_name=f"{config.stack}-alerts",
        iam_role_arn=role.arn,
        guardrail_policy_arns=[f"arn:{config.place.partition}:iam::aws:policy/AWSDenyAll"],
        slack_team_id=slack.team,
        slack_channel_id=slack.channel,
        sns_topic_arns=topics,
        opts=inside,
    )


def _budget(config: StackConfig, topics: list[pulumi.Input[str]], inside: pulumi.ResourceOptions) -> None:
    """Counts what carries the stack's tag, once the account has that tag switched on for cost allocation."""
    told = aws.budgets.BudgetNotificationArgs
    aws.budgets.Budget(
        "monthly",
        name=config.stack,
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=str(config.monthly_budget),
        limit_unit="USD",
        cost_filters=[
            aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:{wiring.TAG_STACK}${config.stack}"])
        ],
        notifications=[
            told(
                comparison_operator="GREATER_THAN",
                notification_type=kind,
                threshold=percent,
                threshold_type="PERCENTAGE",
                subscriber_sns_topic_arns=topics,
            )
            for kind, percent in (("ACTUAL", _SPENT), ("FORECASTED", _FORECAST))
        ],
        opts=inside,
    )
