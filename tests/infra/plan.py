"""A captured stack in the shape of a Terraform plan, which linters read: the names that Pulumi has for AWS are its."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.infra.deployed import Deployed, Resource

_TEXTS = frozenset({"dimensions", "parameters", "tags", "variables"})
"""Inputs that are maps of texts and no blocks."""
_BLOCKS = {
    "attributes": "attribute",
    "globalSecondaryIndexes": "global_secondary_index",
    "origins": "origin",
    "replicas": "replica",
    "rules": "rule",
}
"""Blocks that Pulumi has in the plural."""

Plan = dict[str, Any]


def plan(stack: Deployed) -> Plan:
    """All resources of AWS as if they were to be made, each joined to those that its inputs name."""
    every = [found for found in stack.resources if found.type.startswith("aws:")]
    addresses = {found.made[key]: _address(found) for found in every for key in ("id", "arn") if key in found.made}
    values = {_address(found): {_name(key): _value(key, item) for key, item in found.inputs.items()} for found in every}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {
            "root_module": {"resources": [_of(found) | {"values": values[_address(found)]} for found in every]}
        },
        "resource_changes": [
            _of(found) | {"change": {"actions": ["create"], "before": None, "after": values[_address(found)]}}
            for found in every
        ],
        "configuration": {"root_module": {"resources": [_configured(found, addresses) for found in every]}},
    }


def _of(found: Resource) -> Plan:
    kind, _, name = _address(found).partition(".")
    provider = "registry.terraform.io/hashicorp/aws"
    return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "provider_name": provider}


def _configured(found: Resource, addresses: Mapping[str, str]) -> Plan:
    def expression(value: object) -> Plan:
        address = addresses.get(value) if isinstance(value, str) else None
        return {"references": [f"{address}.id", address]} if address else {}

    return _of(found) | {"expressions": {_name(key): expression(value) for key, value in found.inputs.items()}}


def _address(found: Resource) -> str:
    _, module, kind = found.type.split(":")
    service = module.partition("/")[0]
    part = "" if service == "ec2" else f"{service}_"
    return f"aws_{part}{_snake(kind)}.{re.sub(r'[^A-Za-z0-9_-]', '_', found.name)}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _name(key: str) -> str:
    return _BLOCKS.get(key) or _snake(key)


def _value(key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A block is a list of one; a package its path."""
    if isinstance(value, Mapping):
        if key in _TEXTS:
            return dict(value)
        if value.keys() <= {"archive", "secret"}:
            return "kept elsewhere"
        return [{_name(name): _value(name, item) for name, item in value.items()}]
    if isinstance(value, list):
        return [_value(key, item)[0] if isinstance(item, Mapping) else item for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
