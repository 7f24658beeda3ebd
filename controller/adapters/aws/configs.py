"""The runner configurations in SSM parameters, one JSON document each."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping

from controller.adapters.aws.clients import Clients, asking
from controller.adapters.cache import Kept
from controller.domain.fleet_config import RunnerConfig
from controller.errors import Rejected
from runner_agent.contract import wire

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""No slash: a label must not lead to a parameter beside the configurations."""

_FIELDS = frozenset(field.name for field in dataclasses.fields(RunnerConfig))
_RANGES = ("cpu", "ram")


class SsmConfigs:
    """The `Configs` port: `<prefix><name>`, kept for a while, whether there is one, none, or an unusable one."""

    def __init__(self, clients: Clients, prefix: str, ttl_s: float) -> None:
        self._clients = clients
        self._prefix = prefix
        self._kept = Kept(self._fetch, ttl_s, grace_s=60 * ttl_s)

    def find(self, name: str, now: float) -> RunnerConfig | None:
        """The configuration of this name; raises `Rejected` naming parameter and field where it is unusable."""
        if not _NAME.fullmatch(name):
            return None
        config = self._kept.get(name, now)
        if isinstance(config, str):
            raise Rejected(config)
        return config

    def _fetch(self, name: str) -> RunnerConfig | str | None:
        parameter = f"{self._prefix}{name}"
        with asking(f"parameter {parameter}"):
            try:
                answer = self._clients.ssm.get_parameter(Name=parameter)
            except self._clients.ssm.exceptions.ParameterNotFound:
                return None
        try:
            return parse(name, answer["Parameter"].get("Value", ""))
        except wire.Malformed as bad:
            return f"parameter {parameter}: {bad}"


def parse(name: str, text: str) -> RunnerConfig:
    """The configuration in a document; raises `wire.Malformed` naming the field that does not fit."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as bad:
        raise wire.Malformed(f"document: not JSON ({bad})") from bad
    if not isinstance(data, Mapping):
        raise wire.Malformed("document: expected an object")
    unknown = sorted(data.keys() - _FIELDS)
    if unknown:
        raise wire.Malformed(f"{unknown[0]}: there is no such field")
    ranges = {field: _range(field, data[field]) for field in _RANGES if data.get(field) is not None}
    return wire.decode(RunnerConfig, {**data, **ranges, "name": name})


def _range(field: str, value: object) -> object:
    """`4`, `"4"` and `"4+8"` as the range they mean; anything else is left to the decoder."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return {"low": value, "high": value}
    if isinstance(value, str):
        low, plus, high = value.partition("+")
        return {"low": _size(field, low), "high": _size(field, high if plus else low)}
    return value


def _size(field: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text.strip()):
        raise wire.Malformed(f"{field}: {text!r} is not a number")
    return float(text)
