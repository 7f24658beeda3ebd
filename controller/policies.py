"""The rights in `controller.wiring` as IAM policy documents: plain data, so that local mode can judge by them too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller import key_policies, schema, settings
from controller.region import Place
from controller.wiring import ARCHIVES, DEAD, TAG_STACK, Grant
from runner_agent.contract.bundle import LOG_TAG

Statement = dict[str, Any]
Document = dict[str, Any]

_CHANNELS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)

_CATALOGUE = (
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
    "servicequotas:ListServiceQuotas",
)

WHOLE_ACCOUNT = {
    "ec2:DescribeInstances": "EC2 supports no resource and no condition on a tag for it",
    **dict.fromkeys(_CATALOGUE, "AWS knows no resource to narrow it to"),
    **dict.fromkeys(_CHANNELS, "Session Manager's channels have no resource to name"),
}
"""Every action that any policy of ours allows on `*`, with the reason."""

_TAGGING = frozenset({"ec2:CreateTags"})
_TAGGED_AT_LAUNCH = ("fleet", "instance", "volume", "network-interface")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The ARNs of what a stack has: all that is needed to turn `kind:name` into policy."""

    place: Place
    stack: str
    tables: Mapping[str, str]
    queues: Mapping[str, str]
    secrets: Mapping[str, str]
    config_prefix: str
    """`/…/`: the parameters under it."""
    templates: Sequence[str]
    subnets: Sequence[str]
    security_group: str
    images: Sequence[str]
    key_pair: str = ""
    """The EC2 key pair in the launch templates; empty: none."""
    runner_role: str
    own_roles: Sequence[str] = ()
    """The roles of configurations whose machines have one of their own."""
    cache: str
    archive: str
    claim_route: str
    peers: Sequence[str] = ()
    """The other regions of the stack's environment."""
    log_role: str
    runner_log: str
    artifacts: str = ""
    """The bucket in which jobs keep what they like; empty: there is none."""
    key: str = ""
    """The ARN of the stack's own KMS key; empty: AWS's keys, which ask for no rights."""


def document(grants: Iterable[Grant], names: Names, *more: Statement) -> Document:
    """The policy that allows exactly these grants, what they need of the stack's keys, and the given statements."""
    granted = tuple(grants)
    found = [statement for grant in granted for statement in statements(grant, names)]
    return _document([*found, *_of_keys(granted, names), *more])


def statements(grant: Grant, names: Names) -> list[Statement]:
    """What one grant means in this stack; raises `KeyError` where the stack has no such thing."""
    kind, _, name = grant.resource.partition(":")
    if kind == "launch":
        return _launch(grant.actions, names)
    found = _RESOURCES[kind](names, name)
    condition = _CONDITIONS[kind](names, name) if kind in _CONDITIONS else None
    return [_allow(grant.actions, found, condition)] if found else []


def _of_keys(grants: Sequence[Grant], names: Names) -> list[Statement]:
    if not names.key:
        return []
    return key_policies.rights(grants, names.stack, names.key, names.place, names.peers)


def own_log(log_group: str) -> Statement:
    """What a function needs to write its log; the group itself is the stack's."""
    return _allow(("logs:CreateLogStream", "logs:PutLogEvents"), [f"{log_group}:*"])


def only(*statements: Statement) -> Document:
    """The policy that has exactly these statements."""
    return _document(list(statements))


def send_only(queues: Iterable[str], *more: Statement) -> Document:
    """For who does nothing but put messages on queues."""
    return _document([_allow(("sqs:SendMessage",), sorted(queues)), *more])


def copying(source: str, targets: Sequence[str]) -> list[Statement]:
    """What S3 needs to copy the runners' archives from one bucket to others."""
    versions = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging")
    return [
        _allow(("s3:GetReplicationConfiguration", "s3:ListBucket"), [source]),
        _allow(versions, [f"{source}/{ARCHIVES}*"]),
        _allow(("s3:ReplicateObject", "s3:ReplicateTags"), [f"{target}/{ARCHIVES}*" for target in targets]),
    ]


def from_rules(queue: str, rules: Sequence[str], place: Place) -> Statement:
    """Lets EventBridge put on a queue what these rules of the stack, and no one else's, select."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(rules)}, **_equals("aws:SourceAccount", place.account)},
    }


def publish_only(topic: str, services: Iterable[str], place: Place) -> Document:
    """Lets AWS's services publish on a topic for this account, and nobody publish without TLS."""
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": [f"{service}.{place.domain}" for service in services]},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": _equals("aws:SourceAccount", place.account),
    }
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return _document([allow, deny])


def session(place: Place) -> list[Statement]:
    """A shell through Session Manager, which needs no open port.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
    """
    return [
        _allow(("ssm:UpdateInstanceInformation",), [place.arn("ec2", "instance/*")]),
        _allow(_CHANNELS, ["*"]),
    ]


def trust(service: str, place: Place) -> Document:
    """Lets an AWS service take a role, when it acts for this account."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.{place.domain}"}, "Action": "sts:AssumeRole"}
    if service in _CONFUSED:
        statement["Condition"] = _equals("aws:SourceAccount", place.account)
    return _document([statement])


def trust_machines(machine_roles: Sequence[str], place: Place) -> Document:
    """Lets a machine take a role under its own name: the session's only tag is the id of the instance that asks.

    The account is trusted rather than the role, so that the machines' own policy must allow it as well.
    """
    own_name = _own_name(place)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{place.partition}:iam::{place.account}:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {**own_name, "ArnEquals": {**own_name["ArnEquals"], "aws:PrincipalArn": list(machine_roles)}},
    }
    return _document([statement])


def tls_only(service: str, resources: Sequence[str]) -> Document:
    """Refuses everybody who does not come through TLS."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": f"{service}:*",
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return _document([deny])


_CONFUSED = frozenset({"scheduler", "vpc-flow-logs"})
"""Services that act for whoever names the role; they are told to act for this account only."""

_TAG_OF_RESOURCE = f"ec2:ResourceTag/{TAG_STACK}"
_TAG_OF_REQUEST = f"aws:RequestTag/{TAG_STACK}"


def _peers(names: Names) -> list[Place]:
    return [Place(region, names.place.account) for region in names.peers]


def _peer_queues(names: Names, queue: str) -> list[str]:
    environment = names.stack.removesuffix(f"-{names.place.region}")
    return [place.arn("sqs", f"{environment}-{place.region}-{queue}") for place in _peers(names)]


def _leases(names: Names) -> list[str]:
    return [names.tables[schema.MEMORY.name]] if names.peers else []


def _peer_leases(names: Names) -> list[str]:
    table = names.tables[schema.MEMORY.name].rpartition(":")[2]
    return [place.arn("dynamodb", table) for place in _peers(names)]


_RESOURCES: Mapping[str, Callable[[Names, str], list[str]]] = {
    "table": lambda names, name: [names.tables[name]],
    "index": lambda names, name: [f"{names.tables[name]}/index/*"],
    "queue": lambda names, name: [names.queues[name]],
    "dead-queue": lambda names, name: [f"{names.queues[name]}{DEAD}"],
    "peer-queue": _peer_queues,
    "lease": lambda names, _: _leases(names),
    "peer-lease": lambda names, _: _peer_leases(names),
    "secret": lambda names, name: [
        names.secrets[name],
        # Those of further servers and Apps: `corp-webhook`, `corp-12-app-key`.
        *(arn for other, arn in sorted(names.secrets.items()) if other.endswith(f"-{name}")),
    ],
    # GetParametersByPath is judged by the path itself, GetParameter by what lies under it.
    "parameters": lambda names, _: [_parameters(names).rstrip("/"), f"{_parameters(names)}*"],
    "settings": lambda names, _: [names.place.arn("ssm", f"parameter{settings.parameter(names.stack)}")],
    "every-queue": lambda names, _: [names.place.arn("sqs", f"{names.stack}-*")],
    "every-instance": lambda _names, _name: ["*"],
    "whole-catalogue": lambda _names, _name: ["*"],
    "cache": lambda names, _: [f"{names.cache}/*"],
    "archive": lambda names, _: [f"{names.archive}/*"],
    "artifacts": lambda names, config: [f"{names.artifacts}/{config}/*"],
    "artifact-names": lambda names, _: [names.artifacts],
    "new-in-cache": lambda names, _: [f"{names.cache}/{ARCHIVES}*"],
    "instances": lambda names, _: [names.place.arn("ec2", "instance/*")],
    "runner-role": lambda names, _: [names.runner_role, *names.own_roles],
    "log-role": lambda names, _: [names.log_role],
    "claim-route": lambda names, _: [names.claim_route],
    # AWS's reference judges CreateLogStream by the group, its refusals name the stream: each is allowed.
    "runner-log": lambda names, _: [names.runner_log, f"{names.runner_log}:log-stream:"],
    "own-stream": lambda names, _: [f"{names.runner_log}:log-stream:${{aws:PrincipalTag/{LOG_TAG}}}"],
}

_CONDITIONS: Mapping[str, Callable[[Names, str], dict[str, Any]]] = {
    "artifact-names": lambda _names, config: {"StringLike": {"s3:prefix": f"{config}/*"}},
    "new-in-cache": lambda _names, _: {"Null": {"s3:if-none-match": "false"}},
    "instances": lambda names, _: _equals(_TAG_OF_RESOURCE, names.stack),
    "runner-role": lambda names, _: _equals("iam:PassedToService", f"ec2.{names.place.domain}"),
    "log-role": lambda names, _: _own_name(names.place),
}


def _parameters(names: Names) -> str:
    return names.place.arn("ssm", f"parameter{names.config_prefix}")


def _launch(actions: Sequence[str], names: Names) -> list[Statement]:
    """Launching from our templates into our subnets, and only what carries the stack's tag from its first moment."""
    launch = [action for action in actions if action not in _TAGGING]
    images = [f"arn:{names.place.partition}:ec2:{names.place.region}::image/{image}" for image in names.images]
    # A spot request can not carry our tag: EC2 refuses a tag on it in fleets that fall back to on-demand.
    requests = names.place.arn("ec2", "spot-instances-request/*")
    key_pair = [names.place.arn("ec2", f"key-pair/{names.key_pair}")] if names.key_pair else []
    made = [names.place.arn("ec2", f"{kind}/*") for kind in _TAGGED_AT_LAUNCH]
    tagged = _equals(_TAG_OF_REQUEST, names.stack)
    found = []
    if launch:
        used = [*names.templates, *names.subnets, names.security_group, *images, *key_pair]
        found.append(_allow(launch, [*used, requests]))
        found.append(_allow(launch, made, tagged))
    if not _TAGGING.isdisjoint(actions):
        at_launch = {"StringEquals": {**tagged["StringEquals"], "ec2:CreateAction": ["CreateFleet", "RunInstances"]}}
        found.append(_allow(_TAGGING, made, at_launch))
    return found


def _own_name(place: Place) -> dict[str, dict[str, Any]]:
    """EC2 says which instance asks, the request which one it says to be: they must be the same."""
    return {
        "ArnEquals": {"ec2:SourceInstanceARN": place.arn("ec2", f"instance/${{aws:RequestTag/{LOG_TAG}}}")},
        "ForAllValues:StringEquals": {"aws:TagKeys": [LOG_TAG]},
    }


def _allow(actions: Iterable[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
    return statement | ({"Condition": dict(condition)} if condition else {})


def _equals(key: str, value: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {key: value}}


def _document(found: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": found}
