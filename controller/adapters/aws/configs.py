"""The runner configurations in SSM parameters, one JSON document each, and the routing document beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller import documents
from controller.adapters.aws.clients import Clients, asking
from controller.adapters.cache import Kept
from controller.domain.fleet_config import RunnerConfig
from controller.domain.policy import Rule
from controller.domain.rules import Rules
from controller.errors import Rejected, Unavailable


@dataclass(frozen=True, slots=True)
class Found:
    """What a parameter held, and which version of it; `fault` where it can not be used."""

    config: RunnerConfig | None = None
    version: int = 0
    fault: str = ""


class SsmConfigs:
    """The `Configs` port: `<prefix><name>`, kept for a while, whether there is one, none, or an unusable one.

    `routing` is the name of the parameter with the stack's routing rules; empty: it has none. `always` are rules
    of the stack itself, which hold beside it.
    """

    def __init__(
        self, clients: Clients, prefix: str, ttl_s: float, routing: str = "", always: Sequence[Rule] = ()
    ) -> None:
        self._clients = clients
        self._prefix = prefix
        self._routing = routing
        self._always = always
        self._kept = Kept(self._fetch, ttl_s, grace_s=60 * ttl_s)
        # A bad document changes nothing: what was good last is used until there is a good one again.
        self._kept_rules = Kept(self._fetch_rules, ttl_s, grace_s=float("inf"))

    def find(self, name: str, now: float) -> RunnerConfig | None:
        """The configuration of this name; raises `Rejected` naming parameter and fields where it is unusable."""
        if not documents.CONFIG_NAME.fullmatch(name):
            return None
        found = self._kept.get(name, now)
        if found.fault:
            raise Rejected(found.fault)
        return found.config

    def every(self) -> dict[str, RunnerConfig | None]:
        """Every configuration by its name, as it stands now; None for one that is unusable."""
        found = {name: self._found(name, text, version) for name, text, version in self._listed()}
        return {name: each.config for name, each in sorted(found.items())}

    def version(self, name: str, now: float) -> int:
        """Which version of its parameter a configuration comes from."""
        return self._kept.get(name, now).version

    def rules(self, now: float) -> Rules:
        """The routing rules; raises `Unavailable` where they can not be known: nothing is launched against them."""
        written = self._kept_rules.get(self._routing, now) if self._routing else Rules()
        return written.with_rules(self._always)

    def _fetch(self, name: str) -> Found:
        parameter = f"{self._prefix}{name}"
        read = self._read(parameter)
        if read is None:
            return Found()
        return self._found(name, *read)

    def _found(self, name: str, text: str, version: int) -> Found:
        try:
            return Found(documents.runner_config(name, text), version)
        except documents.BadDocument as bad:
            return Found(version=version, fault=f"parameter {self._prefix}{name}: {bad}")

    def _listed(self) -> Iterator[tuple[str, str, int]]:
        """Name, text and version of each document that a label can ask for."""
        with asking(f"parameters {self._prefix}"):
            pages = self._clients.ssm.get_paginator("get_parameters_by_path").paginate(Path=self._prefix)
            for page in pages:
                for each in page["Parameters"]:
                    name = each.get("Name", "").removeprefix(self._prefix)
                    if documents.CONFIG_NAME.fullmatch(name):
                        yield name, each.get("Value", ""), each.get("Version", 0)

    def _fetch_rules(self, parameter: str) -> Rules:
        read = self._read(parameter)
        if read is None:
            # Taken away on purpose, or not made yet: then there are none.
            return Rules()
        try:
            return documents.rules(read[0])
        except documents.BadDocument as bad:
            raise Unavailable(f"parameter {parameter}: {bad}") from bad

    def _read(self, parameter: str) -> tuple[str, int] | None:
        with asking(f"parameter {parameter}"):
            try:
                answer = self._clients.ssm.get_parameter(Name=parameter)["Parameter"]
            except self._clients.ssm.exceptions.ParameterNotFound:
                return None
        return answer.get("Value", ""), answer.get("Version", 0)
