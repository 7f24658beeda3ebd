"""Each answer of the platform, taken away by configuration or by a planted bug: the summary must turn red."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from controller.local.performance import Performance, Plan
from controller.local.report.mishap import Outcome
from controller.local.scenario.library import choose
from controller.local.scenario.parse import parse_scenario
from controller.local.scenario.plan import Scenario
from controller.local.stage import DEMO, DEMO_SPEED, Stage
from controller.local.truth import Summary

pytestmark = pytest.mark.local_cloud

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "workflows"
ENOUGH_S = 30.0
"""With the answer in its place all of it is over long before."""


def workflow(path: Path, **jobs: str) -> Path:
    """A workflow of jobs with one step: their labels, then what they run; `b_needs_a` waits for `a`."""
    lines = ["name: Unlucky", "on: push", "jobs:"]
    for name, what in jobs.items():
        labels, _, command = what.partition(" ")
        title, _, need = name.partition("_needs_")
        lines += [f"  {title}:", f"    name: {title}", f"    runs-on: {labels}", f"    needs: [{need}]", "    steps:"]
        lines += [f"      - run: {command or 'echo done'}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def steps(*written: str) -> Scenario:
    return parse_scenario("steps:\n" + "".join(f"  - {{{each}}}\n" for each in written), "test.yml")


def perform(plan: Plan, run_dir: Path, **stage: object) -> tuple[Summary, Performance]:
    def made(where: Path) -> Stage:
        return Stage(where, **{"settings": DEMO, "speed": DEMO_SPEED, **stage})  # type: ignore[arg-type]

    performance = Performance(plan, run_dir, Console(file=io.StringIO(), width=200), made)
    return performance.run(), performance


def outcomes(performance: Performance) -> dict[str, Outcome]:
    return {each.text: each.outcome for each in performance.mishaps}


def test_the_default_scenario_shows_every_mishap_answered(tmp_path: Path) -> None:
    plan = Plan(tuple(sorted(EXAMPLES.glob("*.yml"))), choose("default"), 150.0)

    summary, performance = perform(plan, tmp_path / "run")

    assert summary.is_good, (summary, performance.mishaps)
    assert performance.never == []
    assert len(performance.mishaps) == len(plan.scenario.steps)
    assert {each.outcome for each in performance.mishaps} == {Outcome.ANSWERED}
    assert summary.jobs >= 12
    assert len(summary.repaired) == 1


def test_without_schedules_nobody_finds_a_lost_job_or_a_dead_machine_and_without_retry_nothing_is_re_run(
    tmp_path: Path,
) -> None:
    file = workflow(
        tmp_path / "quiet.yml",
        lost="spotrunner/linux-2cpu/run=lost",
        first="spotrunner/linux-arm",
        silent_needs_first="spotrunner/linux-arm",
        taken="spotrunner/linux-4cpu/retry=false sleep 20",
    )
    scenario = steps(
        "at: 0s, do: lose_webhook, job: lost",
        "when: {event: started, job: first}, do: next_boot, boot: silent",
        "when: {event: started, job: taken}, do: interrupt, notice: 12s",
    )

    summary, performance = perform(Plan((file,), scenario, ENOUGH_S), tmp_path / "run", schedules=())

    assert not summary.is_good
    assert set(outcomes(performance).values()) == {Outcome.UNANSWERED}
    assert len(summary.unanswered) == 3


def test_planted_bugs_in_the_doors_are_seen(tmp_path: Path) -> None:
    file = workflow(
        tmp_path / "planted.yml",
        late="spotrunner/linux-2cpu/run=late",
        thief="spotrunner/linux-2cpu/run=equal sleep 1",
        victim="spotrunner/linux-2cpu/run=equal sleep 1",
        sold="spotrunner/linux-arm",
        stopped="spotrunner/linux-4cpu/spot=false",
    )
    scenario = steps(
        'at: 0s, do: sell_out, lifecycle: spot, type: "c?g.*", job: sold',
        "at: 0s, do: hold_back, job: late",
        "at: 0s, do: steal, thief: thief, job: victim",
        "at: 1s, do: forge_webhook",
        "when: {event: launched, job: stopped}, do: cancel_job",
    )

    summary, performance = perform(
        Plan((file,), scenario, ENOUGH_S),
        tmp_path / "run",
        handlers="tests.controller.local.planted",
        settings={**DEMO, "claim_deadline_s": 300.0},
        schedules=(),
    )

    assert not summary.is_good
    assert set(outcomes(performance).values()) == {Outcome.UNANSWERED}, performance.mishaps
    assert len(summary.unanswered) == len(scenario.steps)
