from __future__ import annotations

from controller.domain.runner import Runner
from controller.domain.runner_age import REFUSED_S, Behind, Current, behind
from tests.fakes import samples

DAY_S = 86_400.0
NOW = samples.NOW
WARN_S = 20 * DAY_S
OFFERED = {"linux/x64": Current("2.340.0", NOW - 25 * DAY_S)}


def machine(name: str, config: str, *baked: str) -> Runner:
    return samples.runner(name, config=config, baked=baked)


def test_an_image_without_the_current_release_is_behind_once_for_its_configuration() -> None:
    machines = [machine("i-1", "small", "2.9.0", "2.336.0"), machine("i-2", "small", "2.336.0")]

    assert behind(machines, OFFERED, NOW, WARN_S) == [Behind("small", "linux/x64", "2.336.0", "2.340.0", 25 * DAY_S)]


def test_an_image_with_the_current_release_or_none_at_all_is_not_behind() -> None:
    machines = [machine("i-1", "small", "2.336.0", "2.340.0"), machine("i-2", "bare")]

    assert behind(machines, OFFERED, NOW, WARN_S) == []


def test_a_release_that_is_young_or_not_known_says_nothing() -> None:
    machines = [machine("i-1", "small", "2.336.0")]

    assert behind(machines, {"linux/x64": Current("2.340.0", NOW - DAY_S)}, NOW, WARN_S) == []
    assert behind(machines, {"linux/arm64": OFFERED["linux/x64"]}, NOW, WARN_S) == []


def test_after_thirty_days_github_would_refuse_it() -> None:
    late = Behind("small", "linux/x64", "2.336.0", "2.340.0", REFUSED_S)

    assert late.is_refused
    assert not Behind("small", "linux/x64", "2.336.0", "2.340.0", REFUSED_S - 1).is_refused


def test_a_version_of_no_form_is_older_than_any() -> None:
    (found,) = behind([machine("i-1", "small", "nightly", "2.336.0")], OFFERED, NOW, WARN_S)

    assert found.baked == "2.336.0"
