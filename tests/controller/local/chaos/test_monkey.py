from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.local.chaos.monkey import EVERY_S, LULL_S, monkey
from controller.local.scenario.parse import parse_scenario
from controller.local.scenario.plan import At
from controller.local.scenario.write import to_yaml

seeds = st.integers(min_value=0, max_value=2**40)


@given(seeds, st.integers(min_value=1, max_value=300))
def test_any_seed_makes_a_scenario_that_reads_back_as_the_same(seed: int, jobs: int) -> None:
    scenario = monkey(seed, jobs, 60.0)

    assert parse_scenario(to_yaml(scenario), "x.yml") == scenario


@given(seeds)
def test_the_same_seed_plans_the_same_strikes(seed: int) -> None:
    assert monkey(seed, 200, 300.0) == monkey(seed, 200, 300.0)


@given(seeds)
def test_after_its_time_only_calm_is_planned(seed: int) -> None:
    scenario = monkey(seed, 200, 60.0)

    late = [step for step in scenario.steps if isinstance(step.moment, At) and step.moment.seconds > 60.0]
    assert {step.fault for step in late} <= {"restock", "spare_functions"}
    assert [step.fault for step in scenario.steps[-2:]] == ["restock", "spare_functions"]
    assert {step.moment for step in scenario.steps[-2:]} == {At(60.0 + LULL_S)}


def test_in_five_minutes_everything_is_struck_often() -> None:
    plans = [[step.fault for step in monkey(seed, 200, 300.0).steps] for seed in range(20)]

    assert all(len(plan) >= 300.0 / EVERY_S for plan in plans)
    assert all({"kill", "kill_agent", "kill_function"} & set(plan) for plan in plans)
    struck = {fault for plan in plans for fault in plan}
    assert {"kill", "kill_agent", "kill_function", "next_boot"} <= struck
    assert {"freeze", "interrupt", "interrupt_pool", "restart_github", "fail_requests", "limit_github"} <= struck
    assert {"lose_webhook", "fail_webhook", "delay_webhook", "repeat_webhook", "forge_webhook"} <= struck
