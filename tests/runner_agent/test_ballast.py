from __future__ import annotations

from pathlib import Path

from runner_agent.ballast import Ballast


def test_space_is_really_taken_and_let_go(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, size=1_000_000)

    ballast.load()
    taken = (tmp_path / "ballast").stat().st_blocks * 512
    ballast.drop()
    ballast.drop()

    assert taken >= 1_000_000
    assert not (tmp_path / "ballast").exists()


def test_a_disk_that_has_none_to_spare_goes_without(tmp_path: Path) -> None:
    Ballast(tmp_path / "none").load()

    assert not (tmp_path / "none").exists()
