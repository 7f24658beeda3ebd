"""A hundred equal jobs, each on a real machine, and what they cost in calls: deterministic, so it may not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.local import burst

pytestmark = pytest.mark.local_cloud


def test_a_burst_of_equal_jobs_stays_within_its_budget_of_calls(tmp_path: Path) -> None:
    cost = burst.run(100, tmp_path / "burst", timeout_s=420)

    assert cost.summary.line() == "100 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert cost.github_total <= 1.02, cost.github
    assert cost.ec2_total <= 0.05, cost.aws
    assert not [name for name in cost.aws if "Describe" in name or "Terminate" in name or "CreateTags" in name]
    assert cost.aws_total <= 12, cost.aws
