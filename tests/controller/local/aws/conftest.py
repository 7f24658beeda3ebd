"""Gates and clouds that are taken down when a test, or a module's tests, are done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.local.aws.cloud import LocalCloud, Options
from controller.local.aws.gate import Judge, Service, allow
from tests.controller.local.aws.rig import DOORS, GITHUB, Front


@pytest.fixture
def front() -> Iterator[Callable[..., Front]]:
    """Start gates."""
    fronts: list[Front] = []

    def start(services: dict[str, Service] | None = None, judge: Judge = allow) -> Front:
        fronts.append(Front(services or {}, judge))
        return fronts[-1]

    yield start
    for front in fronts:
        front.close()


@pytest.fixture(scope="module")
def start_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LocalCloud]]:
    """Start clouds whose functions are these doors, and whose agents wait for ever unless they are given."""
    clouds: list[LocalCloud] = []

    def start(doors: str = DOORS, **options: object) -> LocalCloud:
        folder: Path = tmp_path_factory.mktemp("cloud")
        (folder / "doors.py").write_text(doors)
        waiting = (sys.executable, "-c", "import time; time.sleep(1000)")
        given = {"agent_command": waiting, "schedules": (), "handlers": "doors", "task_root": folder, **options}
        cloud = LocalCloud(folder / "run", GITHUB, {"linux": '{"cpu":2}'}, Options(**given))  # type: ignore[arg-type]
        clouds.append(cloud)
        return cloud.start()

    yield start
    for cloud in clouds:
        cloud.stop()
