from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runner_agent.lifecycle.journal import FORMER, NAME, Journal, read
from tests.runner_agent.world import RUN, World, done


def test_what_was_written_is_read_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    for number in range(3):
        journal(json.dumps({"event": "state", "number": number}))

    assert [line["number"] for line in read(tmp_path)] == [0, 1, 2]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_journal_never_grows_beyond_its_two_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path, most_bytes=1_000)

    for number in range(500):
        journal(json.dumps({"number": number}))

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2_100
    assert {file.name for file in tmp_path.iterdir()} == {NAME, FORMER}
    assert list(read(tmp_path))[-1]["number"] == 499


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"number": 1}\n{"num\n[]\n\xff\n{"number": 2}')

    assert [line["number"] for line in read(tmp_path)] == [1, 2]
    assert list(read(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("trap", ["link", "pipe", "no folder"])
def test_a_trap_in_the_journals_place_neither_holds_up_the_agent_nor_leads_it_astray(tmp_path: Path, trap: str) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.touch()
    if trap != "no folder":
        home.mkdir()
    if trap == "link":
        (home / NAME).symlink_to(elsewhere)
    elif trap == "pipe":
        os.mkfifo(home / NAME)

    Journal(home)("{}")

    assert elsewhere.read_text("utf-8") == ""


def test_a_life_can_be_told_from_its_journal(world: World) -> None:
    world.bake([*RUN, *done("Failed", 102)])
    world.grant()
    machine = world.machine()
    machine.listen(Journal(world.home))

    world.live(tell=machine.tell)

    lines = list(read(world.home))
    assert [line["state"] for line in lines if line["event"] == "state"][-1] == "poweroff"
    assert {"life", "runner_ended", "post_mortem"} <= {str(line["event"]) for line in lines}
    (post_mortem,) = (line for line in lines if line["event"] == "post_mortem")
    assert "memory_mib" in str(post_mortem["peaks"])
    assert "completed with result: Failed" in str(post_mortem["lines"])
