from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.local.scenario.chance import FEWEST, MOST, random_scenario
from controller.local.scenario.parse import parse_scenario
from controller.local.scenario.write import to_yaml

seeds = st.integers(min_value=0, max_value=2**40)


@given(
    seeds, st.integers(min_value=1, max_value=200), st.lists(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
)
def test_any_seed_makes_a_scenario_that_reads_back_as_the_same(seed: int, jobs: int, names: list[str]) -> None:
    scenario = random_scenario(seed, jobs, names)

    assert parse_scenario(to_yaml(scenario), "x.yml") == scenario
    assert FEWEST <= len(scenario.steps) <= MOST


@given(seeds)
def test_the_same_seed_makes_the_same_bad_luck(seed: int) -> None:
    assert random_scenario(seed, names=["Build"]) == random_scenario(seed, names=["Build"])


def test_seeds_differ_and_leave_no_fault_of_theirs_out() -> None:
    scenarios = [random_scenario(seed, names=["Build"]) for seed in range(200)]

    assert len({each.steps for each in scenarios}) == 200
    played = {step.fault for each in scenarios for step in each.steps}
    assert {"sell_out", "interrupt", "kill", "next_boot", "lose_webhook", "cancel_job", "hold_back"} <= played
