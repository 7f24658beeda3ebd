from __future__ import annotations

import os
from pathlib import Path

from runner_agent.ballast import FILES, Ballast


def test_space_and_inodes_are_really_taken_and_let_go(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, size=1_000_000)

    ballast.load()
    ballast.load()
    files = list((tmp_path / "ballast").iterdir())
    taken = sum(file.stat().st_blocks * 512 for file in files)
    ballast.drop()
    ballast.drop()

    assert taken >= 1_000_000
    assert len(files) == 1 + min(FILES, os.statvfs(tmp_path).f_favail // 20)
    assert not (tmp_path / "ballast").exists()


def test_a_disk_that_has_none_to_spare_goes_without(tmp_path: Path) -> None:
    Ballast(tmp_path / "none").load()

    assert not (tmp_path / "none").exists()
