"""The agent's whole configuration, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner_agent import aws, power
from runner_agent.contract.record import Record


class Settings(Record):
    """The agent's whole configuration."""

    home: Path
    runner_user: str
    power_off: str
    metadata: str
    aws_endpoint: str
    notify_socket: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """From the environment, with the defaults of a machine image."""
        return cls(
            home=Path(environment.get("SPOTRUNNER_HOME", "/opt/spotrunner")),
            runner_user=environment.get("SPOTRUNNER_RUNNER_USER", "runner"),
            power_off=environment.get("SPOTRUNNER_POWER_OFF", power.DEFAULT),
            metadata=environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.ENDPOINT),
            aws_endpoint=environment.get("AWS_ENDPOINT_URL", ""),
            notify_socket=environment.get("NOTIFY_SOCKET", ""),
        )
