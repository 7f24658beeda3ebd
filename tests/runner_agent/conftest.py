from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.runner_agent.stage import Stage, raised
from tests.runner_agent.world import World

# A busy machine is slow, which is no counterexample.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with raised() as up:
        yield up


@pytest.fixture
def world(stage: Stage, tmp_path: Path) -> World:
    return World(stage, tmp_path)
