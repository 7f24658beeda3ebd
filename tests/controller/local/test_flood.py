"""A burst of mixed jobs into a crowded region and a busy GitHub: every job runs, and calls stay within their budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.local import flood

pytestmark = pytest.mark.local_cloud


def test_a_flood_of_mixed_jobs_runs_to_its_end_within_its_budget_of_calls(tmp_path: Path) -> None:
    told: list[str] = []

    result = flood.run(100, tmp_path / "run", timeout_s=420, say=told.append)

    cost = result.cost
    assert cost.summary.line() == "100 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert cost.summary.outcomes == {"success": 100}
    assert cost.ec2_total <= 0.5, cost.aws
    assert not [name for name in cost.aws if "Describe" in name or "Terminate" in name or "CreateTags" in name]
    assert cost.aws_total <= 18, cost.aws
    assert cost.github_total <= 1.25, cost.github
