"""A burst of mixed jobs into a crowded region and a busy GitHub: every job runs, and calls stay within their budget.

A job among equal ones keeps to 12 calls to AWS, 0.05 of them to EC2. Among a hundred mixed ones it was measured at
13.4 to 15.3 and at 0.16 to 0.17, with 1.11 to 1.15 calls to GitHub: each shape is launched by calls of its own. A claim
that GitHub was too busy for, or whose launch was not written down yet, is made again; how many are depends on the
moment and the machine, so what they cost is taken off. The limits are some 15 % above the most calls to AWS, and 9 %
above those to GitHub.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.local import flood
from controller.local.stage import Stage

pytestmark = pytest.mark.local_cloud


JOBS = 100


@dataclass
class Claims:
    """What the claims of a run cost."""

    made: int = 0
    calls: int = 0

    def look(self, stage: Stage) -> None:
        self.made = sum(1 for call in stage.cloud.calls if call.action == "Invoke")
        self.calls = self.made + sum(1 for call in stage.cloud.calls if "claim" in call.principal)

    def repeated(self, machines: int) -> float:
        """Calls a job that were made for claims beyond each machine's first."""
        return (self.made - machines) * self.calls / self.made / JOBS


def test_a_flood_of_mixed_jobs_runs_to_its_end_within_its_budget_of_calls(tmp_path: Path) -> None:
    claims = Claims()

    result = flood.run(JOBS, tmp_path / "run", timeout_s=420, say=lambda _: None, seen=claims.look)

    cost = result.cost
    assert cost.summary.line() == "100 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert cost.summary.outcomes == {"success": JOBS}
    assert cost.ec2_total <= 0.2, cost.aws
    assert not [name for name in cost.aws if "Describe" in name or "Terminate" in name or "CreateTags" in name]
    assert cost.aws_total - claims.repeated(result.machines) <= 17.6, (claims, result.machines, dict(cost.aws))
    assert cost.github_total <= 1.25, cost.github
