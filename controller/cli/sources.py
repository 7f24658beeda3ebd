"""Where a command takes the runner configurations from: files on this machine, or a stack's parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller import documents
from controller.cli.plan import Known
from controller.domain import market, quotas
from controller.domain.fleet_config import RunnerConfig
from controller.domain.rules import Rules
from controller.errors import Rejected, Unavailable
from controller.ports import Memory
from controller.usecases import capacity_book, count_quotas

_STACK = re.compile(r"([a-z][a-z0-9-]*)-([a-z]{2}(?:-[a-z]+)+-\d)")


@dataclass(frozen=True, slots=True)
class FileConfigs:
    """The `Configs` port over texts: name to document, the routing document under its own name."""

    texts: Mapping[str, str]
    origin: str

    def find(self, name: str, now: float) -> RunnerConfig | None:  # noqa: ARG002 - a file does not grow old
        """The configuration of this name; raises `Rejected` naming document and fields where it is unusable."""
        if name not in self.texts or not documents.CONFIG_NAME.fullmatch(name):
            return None
        try:
            return documents.runner_config(name, self.texts[name])
        except documents.BadDocument as bad:
            raise Rejected(f"{self.origin}, {name}: {bad}") from bad

    def rules(self, now: float) -> Rules:  # noqa: ARG002 - a file does not grow old
        """The routing rules; raises `Rejected` where they are unusable."""
        try:
            return documents.rules(self.texts.get(documents.ROUTING, "{}"))
        except documents.BadDocument as bad:
            raise Rejected(f"{self.origin}, {documents.ROUTING}: {bad}") from bad


def from_path(path: Path) -> FileConfigs:
    """A folder of `<name>.json`, or one file that holds an object of them by name."""
    if path.is_dir():
        return FileConfigs({file.stem: file.read_text() for file in sorted(path.glob("*.json"))}, str(path))
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as bad:
        raise Rejected(f"{path}: {bad}") from bad
    if not isinstance(data, dict):
        raise Rejected(f"{path}: expected an object of configurations by name")
    return FileConfigs({name: json.dumps(document) for name, document in data.items()}, str(path))


def known(stack: str, memory: Memory, now: float) -> Known:
    """What the dispatchers of a stack know, out of the records that they read; raises `Unavailable`."""
    try:
        learnt, counted, met = (memory.recall(fact, now) for fact in (market.FACT, quotas.FACT, capacity_book.FACT))
    except Rejected as no:
        raise Unavailable(f"stack {stack} can not be read, so check its name and your credentials: {no}") from no
    return Known(
        market=market.known(learnt) if learnt else market.shipped(),
        capacity=capacity_book.read(met),
        quotas=count_quotas.read(counted) if counted else quotas.Quotas(),
        stack=stack,
        now=now,
    )


def place_of(stack: str) -> tuple[str, str]:
    """Environment and region in a stack's name; raises `Rejected` where it has none."""
    match = _STACK.fullmatch(stack)
    if match is None:
        raise Rejected(f"stack {stack!r} is not <environment>-<region>, as in dev-us-east-1")
    return match[1], match[2]
