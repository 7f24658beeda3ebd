"""The stack's configurations and secrets in memory."""

from __future__ import annotations

from controller.domain.fleet_config import RunnerConfig
from controller.domain.rules import Rules
from controller.errors import Unavailable
from tests.fakes.faults import Faults


class FakeConfigs:
    """Runner configurations by name."""

    def __init__(self, *configs: RunnerConfig) -> None:
        self.faults = Faults()
        self.known = {config.name: config for config in configs}
        self.stack_rules = Rules()

    def find(self, name: str, now: float) -> RunnerConfig | None:  # noqa: ARG002 - nothing here grows old
        self.faults.strike()
        return self.known.get(name)

    def every(self) -> dict[str, RunnerConfig | None]:
        self.faults.strike()
        return dict(self.known)

    def rules(self, now: float) -> Rules:  # noqa: ARG002 - nothing here grows old
        return self.stack_rules


class FakeSecrets:
    """Secrets by id; a change is seen at once."""

    def __init__(self, **secrets: str) -> None:
        self.faults = Faults()
        self.texts = dict(secrets)
        self.reads = 0

    def read(self, secret_id: str, now: float) -> str:  # noqa: ARG002 - nothing here grows old
        self.faults.strike()
        self.reads += 1
        if secret_id not in self.texts:
            raise Unavailable(f"secret {secret_id} can not be read: there is none")
        return self.texts[secret_id]
