"""What a key of the customer's own asks for: the rights that come with using it, and the policy on the key itself.

Two keys: the stack's, for its queues, buckets and logs, and the environment's, for the tables and secrets
that its regions share. The latter has the same alias in each region, so nobody has to be told its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from controller.region import Place
from controller.wiring import Grant

Statement = dict[str, Any]

_READ = ("kms:Decrypt", "kms:DescribeKey")
_WRITE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
_TAKE = ("kms:Decrypt",)
_PUT = ("kms:Decrypt", "kms:GenerateDataKey")

DEPENDENT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan"), _READ),
    **dict.fromkeys(
        ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"), _WRITE
    ),
    "sqs:ReceiveMessage": _TAKE,
    "sqs:SendMessage": _PUT,
    "secretsmanager:GetSecretValue": _TAKE,
    "s3:GetObject": _TAKE,
    "s3:PutObject": _PUT,
}
"""What an action on encrypted data needs of its key, for each service in the words of its own guide."""

KEYLESS = frozenset({"sqs:DeleteMessage", "sqs:GetQueueAttributes", "s3:ListBucket", "s3:DeleteObject"})
"""Actions of the same services that touch no encrypted data."""

_SHARED = frozenset({"dynamodb", "secretsmanager"})
"""Services whose data belongs to the environment."""

_LOG_ACTIONS = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")


class _Use(NamedTuple):
    """Of one key, through one service."""

    region: str
    service: str
    alias: str
    """Empty: the stack's key, whose ARN is known."""


def alias(name: str) -> str:
    """What the key of a stack or of an environment is called."""
    return f"alias/{name}"


def rights(grants: Iterable[Grant], stack: str, key: str, place: Place, peers: Sequence[str]) -> list[Statement]:
    """What these grants need of the keys, each through its service only; `key` is the ARN of the stack's."""
    environment = stack.removesuffix(f"-{place.region}")
    found: dict[_Use, set[str]] = {}
    for grant in grants:
        for action in grant.actions:
            service = action.partition(":")[0]
            for use in _uses(service, environment, place.region, peers if grant.resource.startswith("peer-") else None):
                found.setdefault(use, set()).update(DEPENDENT.get(action, ()))
    return [_statement(use, actions, key, place) for use, actions in found.items() if actions]


def owner(place: Place) -> Statement:
    """The account decides who uses the key, by the policies of its roles; without this nobody could ever again."""
    root = f"arn:{place.partition}:iam::{place.account}:root"
    return {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}


def for_logs(stack: str, place: Place) -> Statement:
    """Lets CloudWatch Logs keep the stack's log groups, and no others, under the key."""
    groups = [f"log-group:{start}" for start in (f"/aws/lambda/{stack}-*", f"/aws/vendedlogs/{stack}-*")]
    ours = [place.arn("logs", group) for group in (*groups, f"log-group:/spotrunner/{stack}/*")]
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{place.region}.{place.domain}"},
        "Action": list(_LOG_ACTIONS),
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": ours}},
    }


def for_rules(stack: str, place: Place) -> Statement:
    """Lets EventBridge write on encrypted queues what the stack's rules select; a schedule does so by its role."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": list(_PUT),
        "Resource": "*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": place.arn("events", f"rule/{stack}-*")},
            "StringEquals": {"aws:SourceAccount": place.account},
        },
    }


def by_alias(actions: Iterable[str], service: str, place: Place, name: str) -> Statement:
    """Use of a key that another stack has made, through one service: known by its alias alone."""
    statement = _through(actions, service, place, place.arn("kms", "key/*"))
    statement["Condition"]["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": [alias(name)]}
    return statement


def by_arn(actions: Iterable[str], service: str, place: Place, key: str) -> Statement:
    """Use of a key whose ARN is known, through one service."""
    return _through(actions, service, place, key)


def _uses(service: str, environment: str, region: str, peers: Sequence[str] | None) -> list[_Use]:
    if service not in {action.partition(":")[0] for action in DEPENDENT}:
        return []
    if peers is None:
        return [_Use(region, service, environment if service in _SHARED else "")]
    return [_Use(peer, service, environment if service in _SHARED else f"{environment}-{peer}") for peer in peers]


def _statement(use: _Use, actions: Iterable[str], key: str, place: Place) -> Statement:
    there = Place(use.region, place.account)
    if use.alias:
        return by_alias(actions, use.service, there, use.alias)
    return by_arn(actions, use.service, there, key)


def _through(actions: Iterable[str], service: str, place: Place, resource: str) -> Statement:
    via = {"kms:ViaService": f"{service}.{place.region}.{place.domain}"}
    return {
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": [resource],
        "Condition": {"StringEquals": via},
    }
