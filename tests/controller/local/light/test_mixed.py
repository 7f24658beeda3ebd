from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.local.light.mixed import MixedMachines
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

REAL, LIGHT = "i-0004", "i-0005"
SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def room(ended: list[str]) -> Iterator[MixedMachines]:
    room = MixedMachines(ended.append, one_in=4)
    room.start()
    yield room
    room.stop()


def switch_on(room: MixedMachines, name: str, folder: Path, metadata: str = "http://127.0.0.1:9") -> None:
    home = folder / name
    home.mkdir()
    addresses = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata, "AWS_ENDPOINT_URL": metadata}
    room.switch_on(name, home, SLEEPER, {"PATH": os.environ["PATH"], "SPOTRUNNER_HOME": str(home), **addresses})


def test_one_in_so_many_is_real_by_its_id(room: MixedMachines) -> None:
    assert [room.is_real(f"i-{number:04x}") for number in range(8)] == [True, *[False] * 3] * 2


def test_a_real_machine_is_processes_and_goes_with_its_agent(
    room: MixedMachines, ended: list[str], tmp_path: Path
) -> None:
    switch_on(room, REAL, tmp_path)
    eventually(lambda: " ".join(SLEEPER) in {each.command for each in room.processes()})

    room.kill_agent(REAL)

    eventually(lambda: ended == [REAL])
    assert room.processes() == ()


def test_a_light_machine_without_metadata_powers_itself_off(
    room: MixedMachines, ended: list[str], tmp_path: Path
) -> None:
    switch_on(room, LIGHT, tmp_path)

    eventually(lambda: ended == [LIGHT])

    assert room.processes() == ()


def test_machines_of_both_kinds_can_be_switched_off_and_twice_is_once(
    room: MixedMachines, ended: list[str], tmp_path: Path
) -> None:
    switch_on(room, REAL, tmp_path)

    room.switch_off([REAL, LIGHT])
    room.switch_off([REAL, LIGHT])

    eventually(lambda: ended == [REAL])
