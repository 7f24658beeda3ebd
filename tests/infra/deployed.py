"""What the Pulumi program deploys for a stack file, as plain data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STACK = "dev-us-east-1"
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, with the inputs and options the engine was given."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str
    custom: bool
    options: Mapping[str, Any]
    made: Mapping[str, Any]
    """What the cloud adds: the id, and what the program reads of it."""

    def __str__(self) -> str:
        return f"{self.type} {self.name}"

    def json(self, key: str) -> dict[str, Any]:
        """An input that holds a JSON document."""
        document: dict[str, Any] = json.loads(self.inputs[key])
        return document


@dataclass(frozen=True, slots=True)
class Deployed:
    """One run of the program."""

    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    messages: tuple[tuple[str, str], ...]

    def of(self, kind: str) -> dict[str, Resource]:
        """The resources of an AWS type, such as `sqs/queue:Queue`, by name."""
        return {found.name: found for found in self.resources if found.type == f"aws:{kind}"}

    def one(self, kind: str) -> Resource:
        """The only resource of its type."""
        (found,) = self.of(kind).values()
        return found


def example(stack: str = STACK) -> dict[str, Any]:
    """The settings in a stack file of ours."""
    settings: dict[str, Any] = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"]
    return settings


def as_pulumi_hands_it_over(settings: Mapping[str, Any]) -> dict[str, str]:
    """Every value as text, structured ones as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run of the program."""

    settings: Mapping[str, Any]
    stack: str = STACK
    preview: bool = False
    secrets: tuple[str, ...] = ("spotrunner:frontSecret",)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of the program that have been started in one process."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, *wanted: Wanted) -> Runs:
        """Start the program as Pulumi does: isolated, in `infra/`, with the configuration in the environment."""
        driver = Path(__file__).with_name("program.py")
        process = subprocess.Popen(
            [sys.executable, "-I", str(driver), str(ROOT / "infra")],
            env={"PATH": "/usr/bin:/bin"},
            cwd=ROOT / "infra",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        runs = [
            {
                "stack": one.stack,
                "config": as_pulumi_hands_it_over(one.settings),
                "preview": one.preview,
                "secrets": list(one.secrets),
            }
            for one in wanted
        ]
        process.stdin.write(json.dumps(runs))
        process.stdin.flush()
        return cls(process)

    def end(self) -> list[Deployed]:
        """What each deployed; an `AssertionError` with their last words where one failed."""
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        if self.process.returncode != 0:
            raise AssertionError(errors)
        return [_deployed(told) for told in json.loads(output)]


def _deployed(told: Mapping[str, Any]) -> Deployed:
    return Deployed(
        tuple(Resource(**found) for found in told["resources"]),
        told["outputs"],
        tuple((level, text) for level, text in told["messages"]),
    )
