"""Runner configurations whose machines have a role of their own: what it may do, and for whose jobs it is."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from infra.values import Values

POLICY = r"arn:[\w-]+:iam::(\d{12}|aws):policy/[\w+=,.@/-]+"
A_POLICY = "the ARN of a policy"

_SETTING = "machineRoles"
_CONFIG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,24}")
"""A role's name is the stack's and this, in 64 characters; labels spell configurations in small letters."""
_REPOSITORY = re.compile(r"\*|([a-z][a-z0-9]{0,11}:)?[\w.*?-]+/[\w.*?-]+")
_MOST_ROLES = 4
"""Lambda takes 4 KiB of variables, and each role has a launch template for each platform."""
_LONGEST = 80
"""How long the repositories of a role may be, all told; for the same reason."""
_MOST_POLICIES = 10
"""IAM's own limit for a role, where nobody has asked for more."""


@dataclass(frozen=True, slots=True)
class MachineRole:
    """The role of one configuration's machines, beside what all machines may."""

    config: str
    repositories: tuple[str, ...]
    """Patterns of those whose jobs may have such a machine; those of further servers are `server:owner/name`."""
    policies: tuple[str, ...] = ()
    """ARNs of policies that are there already."""
    artifacts: bool = False
    """Whether its jobs have a place of their own in the stack's artifacts bucket."""


def read_machine_roles(values: Values, servers: Collection[str]) -> tuple[MachineRole, ...]:
    """The roles in `machineRoles`; faults are noted in `values`."""
    found = tuple(_role(values, config, servers) for config in values.sections(_SETTING))
    if len(found) > _MOST_ROLES:
        values.fault(_SETTING, f"{len(found)} are more than {_MOST_ROLES}; make another stack")
    return found


def _role(values: Values, config: str, servers: Collection[str]) -> MachineRole:
    key = f"{_SETTING}.{config}"
    role = MachineRole(
        config=config,
        repositories=values.names(f"{key}.repositories"),
        policies=values.names(f"{key}.policies"),
        artifacts=values.flag(f"{key}.artifacts", default=False),
    )
    if not _CONFIG.fullmatch(config):
        values.fault(key, "not the name of a configuration in 1 to 25 of a-z, 0-9, - . and _")
    if not role.repositories:
        values.fault(f"{key}.repositories", 'missing; the repositories whose jobs may have it, "*" for all')
    for repository in role.repositories:
        server, colon, _ = repository.partition(":")
        if not _REPOSITORY.fullmatch(repository) or (colon and server not in servers):
            values.fault(f"{key}.repositories", f"{repository!r} is not one like octo/deployer or octo/infra-*")
    if len(" ".join(role.repositories)) > _LONGEST:
        values.fault(f"{key}.repositories", f"longer than {_LONGEST} all told; use patterns like octo/infra-*")
    for policy in role.policies:
        if not re.fullmatch(POLICY, policy):
            values.fault(f"{key}.policies", f"{policy!r} is not {A_POLICY}")
    if len(set(role.policies)) != len(role.policies) or len(role.policies) > _MOST_POLICIES:
        values.fault(f"{key}.policies", f"one is there twice, or there are more than {_MOST_POLICIES}")
    if not role.policies and not role.artifacts:
        values.fault(key, "gives nothing that other machines have not; name policies, or set artifacts to true")
    return role
