"""The deployed stacks, as an operator finds them: by the settings that each keeps in the parameter store."""

from __future__ import annotations

import re

import boto3

from controller.adapters.aws.clients import Clients, asking
from controller.errors import Rejected
from controller.settings import Settings, parameter
from runner_agent.contract import wire

_ROOT = "/spotrunner"
_SETTINGS = re.compile(parameter("([^/]+)"))


def usual_region() -> str:
    """The region that the operator's own AWS configuration names; raises `Rejected` where it names none."""
    region = boto3.Session().region_name
    if not region:
        raise Rejected("no region: name a stack as in --stack dev-us-east-1, or set AWS_REGION")
    return region


def names(clients: Clients) -> list[str]:
    """The stacks that have settings in this region."""
    with asking(f"parameters under {_ROOT}"):
        pages = clients.ssm.get_paginator("get_parameters_by_path").paginate(Path=_ROOT, Recursive=True)
        found = [one.get("Name", "") for page in pages for one in page["Parameters"]]
    return sorted(match[1] for name in found if (match := _SETTINGS.fullmatch(name)))


def settings(clients: Clients, stack: str) -> Settings:
    """The settings of a stack; raises `Rejected` where there are none, or none that can be read."""
    name = parameter(stack)
    with asking(f"parameter {name}"):
        try:
            text = clients.ssm.get_parameter(Name=name)["Parameter"].get("Value", "")
        except clients.ssm.exceptions.ParameterNotFound:
            raise Rejected(f"no stack {stack!r} in this account and region: there is no parameter {name}") from None
    try:
        return wire.loads(Settings, text)
    except wire.Malformed as bad:
        raise Rejected(f"parameter {name}: {bad}; deploy the stack again") from bad
