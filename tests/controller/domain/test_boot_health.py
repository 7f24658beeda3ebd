from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import boot_health
from controller.domain.boot_health import ENDED, NEVER_CLAIMED, BootHealth, DeadBoot, Evidence, Outcome
from controller.domain.breaker import Breaker, BreakerPolicy
from tests.fakes import samples

POLICY = BreakerPolicy()
CONFIG = "linux-4cpu"


def death(number: int, at: float = 0.0, cause: str = NEVER_CLAIMED, config: str = CONFIG) -> DeadBoot:
    return DeadBoot(f"i-{number}", f"{number}#1", config, cause, at)


def judged(health: BootHealth, now: float, **evidence: object) -> BootHealth:
    return boot_health.judged(health, health.deaths, Evidence(**evidence), now, POLICY)  # type: ignore[arg-type]  # its fields


def dead(count: int, **changes: object) -> BootHealth:
    deaths = [replace(death(n), **changes) for n in range(count)]  # type: ignore[arg-type]  # its fields
    return boot_health.with_deaths(BootHealth(), deaths)


def is_held(health: BootHealth, now: float, config: str = CONFIG) -> bool:
    jobs = [samples.job(1, config=config)]
    return not boot_health.admitted(health, jobs, now, POLICY)[1]


def test_so_many_deaths_hold_their_configuration_and_no_other() -> None:
    few, enough = judged(dead(4), 10.0), judged(dead(5), 10.0)

    assert not is_held(few, 10.0)
    assert is_held(enough, 10.0)
    assert not is_held(enough, 10.0, "windows-4cpu")
    assert NEVER_CLAIMED in boot_health.why_held(enough, CONFIG)


def test_deaths_are_judged_once() -> None:
    health = judged(dead(3), 10.0)

    again = boot_health.judged(health, dead(3).deaths, Evidence(), 20.0, POLICY)

    assert again == health


def test_a_machine_launched_no_earlier_that_claimed_acquits_the_configuration() -> None:
    assert not is_held(judged(dead(20), 10.0, proven={CONFIG: 0.0}), 10.0)
    assert is_held(judged(dead(20, launched_at=1.0), 10.0, proven={CONFIG: 0.0}), 10.0)


def test_after_the_rest_one_job_of_the_group_is_tried() -> None:
    health = judged(dead(5), 10.0)
    group = [samples.job(n, config=CONFIG) for n in (1, 2, 3)]

    tried, admitted = boot_health.admitted(health, group, 310.0, POLICY)

    assert [job.key.job_id for job in admitted] == [1]
    assert boot_health.admitted(tried, group[1:], 311.0, POLICY)[1] == ()


@pytest.mark.parametrize(
    ("outcome", "held"), [(Outcome.PASSED, False), (Outcome.NOTHING, False), (Outcome.UNDER_WAY, True)]
)
def test_what_a_probe_comes_to_decides_for_the_others(outcome: Outcome, held: bool) -> None:  # noqa: FBT001 - a column
    tried, _ = boot_health.admitted(judged(dead(5), 10.0), [samples.job(7, config=CONFIG)], 310.0, POLICY)

    after = judged(tried, 330.0, probes={CONFIG: outcome})

    assert is_held(after, 330.0) == held
    assert (after.breakers == {}) == (outcome is Outcome.PASSED)


def test_a_probe_that_dies_holds_the_configuration_twice_as_long() -> None:
    tried, (probe,) = boot_health.admitted(judged(dead(5), 10.0), [samples.job(7, config=CONFIG)], 310.0, POLICY)
    died = boot_health.with_deaths(tried, [replace(death(7, at=310.0), job=probe.id)])

    after = judged(died, 500.0)

    assert is_held(after, 500.0 + 599.0)
    assert not is_held(after, 500.0 + 600.0)


def test_a_machine_that_claimed_or_was_taken_away_is_no_death_in_boot() -> None:
    assert boot_health.death_of(samples.runner("i-1", claimed_at=1.0), ENDED) is None
    assert boot_health.death_of(samples.runner("i-1", interruption="terminate"), ENDED) is None
    assert boot_health.death_of(samples.runner("i-1"), ENDED) is not None


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.0, 2_000.0), st.sampled_from(["a", "b"])), max_size=40))
def test_in_whatever_pieces_deaths_are_judged_none_stays_and_none_is_held_without_enough_of_them(
    told: list[tuple[int, float, str]],
) -> None:
    health = BootHealth()
    for number, at, config in told:
        health = judged(boot_health.with_deaths(health, [death(number, at, config=config)]), 3_000.0)

    assert health.deaths == ()
    for config in ("a", "b"):
        count = sum(each == config for _, _, each in told)
        assert count >= POLICY.failures or health.breakers.get(config, Breaker()).opened_at is None
