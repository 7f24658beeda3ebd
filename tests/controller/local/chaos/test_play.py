"""A short chaos, with real agents among the machines: nothing is lost, leaked or launched twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.local.chaos.play import Chaos, Wish

pytestmark = pytest.mark.local_cloud


def test_nothing_is_lost_while_everything_is_struck(tmp_path: Path) -> None:
    told: list[str] = []
    chaos = Chaos(Wish(seed=1, jobs=20, seconds=15.0, one_in=4, calm_s=180.0), tmp_path / "run", told.append)

    verdict = chaos.run()

    assert verdict.is_good, (verdict.line(), verdict.summary)
    assert verdict.summary.jobs == 20
    assert sum(verdict.struck.values()) >= 5
