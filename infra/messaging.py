"""How work travels: the queues with their dead letters, and the schedules and rules that put messages on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from controller import key_policies, policies, wiring
from infra import roles
from infra.config import DEAD, StackConfig
from infra.keys import Keys

_DEAD_RETENTION_S = 14 * 86_400
_MINUTE_S = 60
_KEY_REUSE_S = 3_600
"""How long SQS goes on with a data key: each new one is a paid call to KMS, and a failing one a lost send."""


class Messaging(pulumi.ComponentResource):
    """The queues and schedules of `controller.wiring`."""

    queues: Mapping[str, aws.sqs.Queue]

    def __init__(self, config: StackConfig, keys: Keys, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Messaging", "messaging", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.queues = {queue.name: _with_dead_letters(config, keys, queue, inside) for queue in wiring.QUEUES}
        self._schedule(config, keys, inside)
        self._listen(config, inside)
        self.register_outputs({})

    def _schedule(self, config: StackConfig, keys: Keys, inside: pulumi.ResourceOptions) -> None:
        used = sorted({schedule.queue.name for schedule in wiring.SCHEDULES})
        role = roles.role(
            config, "scheduler", "scheduler", "EventBridge Scheduler puts messages on the stack's queues", inside
        )
        may_send = aws.iam.RolePolicy(
            "scheduler",
            role=role.name,
            policy=pulumi.Output.all(keys.stack, *(self.queues[name].arn for name in used)).apply(
                lambda known: json.dumps(policies.send_only(known[1:], *_under(known[0], config)))
            ),
            opts=inside,
        )
        group = aws.scheduler.ScheduleGroup("schedules", name=config.stack, opts=inside)
        for schedule in wiring.SCHEDULES:
            aws.scheduler.Schedule(
                schedule.name,
                name=f"{config.stack}-{schedule.name}",
                group_name=group.name,
                schedule_expression=rate(schedule.every_s),
                flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
                target=_target(schedule, self.queues[schedule.queue.name], role),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[may_send]),
            )

    def _listen(self, config: StackConfig, inside: pulumi.ResourceOptions) -> None:
        """EventBridge's events go to their queues as they are; the queues' policies let in what these rules select."""
        for rule in wiring.RULES:
            made = aws.cloudwatch.EventRule(
                rule.name,
                name=_rule_name(config, rule),
                description=f"What {config.stack} hears of EC2: {rule.name}",
                event_pattern=json.dumps(rule.pattern, sort_keys=True),
                opts=inside,
            )
            aws.cloudwatch.EventTarget(
                rule.name, rule=made.name, arn=self.queues[rule.queue.name].arn, target_id=rule.queue.name, opts=inside
            )


def rate(every_s: int) -> str:
    """A schedule expression; EventBridge Scheduler counts in whole minutes."""
    minutes, rest = divmod(every_s, _MINUTE_S)
    if rest or not minutes:
        raise ValueError(f"a schedule can not run every {every_s} s: not whole minutes")
    return f"rate({minutes} minute{'s' if minutes > 1 else ''})"


def _with_dead_letters(
    config: StackConfig, keys: Keys, queue: wiring.Queue, inside: pulumi.ResourceOptions
) -> aws.sqs.Queue:
    encrypted = _encrypted(keys)
    dead = aws.sqs.Queue(
        f"{queue.name}{DEAD}",
        name=f"{config.stack}-{queue.name}{DEAD}",
        message_retention_seconds=_DEAD_RETENTION_S,
        **encrypted,
        opts=inside,
    )
    alive = aws.sqs.Queue(
        queue.name,
        name=f"{config.stack}-{queue.name}",
        visibility_timeout_seconds=queue.visibility_s,
        message_retention_seconds=queue.retention_s,
        **encrypted,
        redrive_policy=dead.arn.apply(
            lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": queue.max_receives})
        ),
        opts=inside,
    )
    aws.sqs.RedriveAllowPolicy(
        f"{queue.name}{DEAD}",
        queue_url=dead.url,
        redrive_allow_policy=alive.arn.apply(
            lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})
        ),
        opts=inside,
    )
    for name, made in ((queue.name, alive), (f"{queue.name}{DEAD}", dead)):
        rules = [_rule_arn(config, rule) for rule in wiring.RULES if rule.queue.name == name]
        policy = made.arn.apply(partial(_queue_policy, rules, config))
        aws.sqs.QueuePolicy(name, queue_url=made.url, policy=policy, opts=inside)
    return alive


def _encrypted(keys: Keys) -> dict[str, Any]:
    if keys.stack is None:
        return {"sqs_managed_sse_enabled": True}
    return {"kms_master_key_id": keys.stack, "kms_data_key_reuse_period_seconds": _KEY_REUSE_S}


def _under(key: str | None, config: StackConfig) -> list[policies.Statement]:
    """The schedules' own right to the key of the queues; EventBridge's rules have theirs in the key's policy."""
    needed = key_policies.DEPENDENT["sqs:SendMessage"]
    return [] if key is None else [key_policies.by_arn(needed, "sqs", config.place, key)]


def _queue_policy(rules: Sequence[str], config: StackConfig, arn: str) -> str:
    let_in = [policies.from_rules(arn, rules, config.place)] if rules else []
    return json.dumps(policies.only(*policies.tls_only("sqs", [arn])["Statement"], *let_in))


def _rule_name(config: StackConfig, rule: wiring.Rule) -> str:
    return f"{config.stack}-{rule.name}"


def _rule_arn(config: StackConfig, rule: wiring.Rule) -> str:
    return config.place.arn("events", f"rule/{_rule_name(config, rule)}")


def _target(schedule: wiring.Schedule, queue: aws.sqs.Queue, role: aws.iam.Role) -> aws.scheduler.ScheduleTargetArgs:
    # No dead letters: what could not be sent within its period is sent by the next one.
    retry = aws.scheduler.ScheduleTargetRetryPolicyArgs(
        maximum_event_age_in_seconds=schedule.every_s, maximum_retry_attempts=5
    )
    return aws.scheduler.ScheduleTargetArgs(
        arn=queue.arn, role_arn=role.arn, input=json.dumps(schedule.body, sort_keys=True), retry_policy=retry
    )
