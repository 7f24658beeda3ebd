"""Jobs for which a region has no machine on any rung go to another one, once, where their configuration says so."""

from __future__ import annotations

import pytest

from controller.domain.events import JobRehomed
from controller.domain.job import JobState
from controller.usecases import region_watch
from tests.controller.usecases.regions import EU, US, Environment, NothingLeft
from tests.fakes import samples

PATIENCE_S = 600.0


def sold_out(*regions: str, patience_s: float | None = PATIENCE_S) -> Environment:
    """Both regions live, and these have no machine left."""
    environment = Environment()
    for world in environment.worlds.values():
        world.configs.known["linux-4cpu"] = samples.config(elsewhere_after_s=patience_s)
    for region in regions:
        environment.worlds[region].fleet.capacity = NothingLeft()
    environment.beat()
    return environment


def arrive(environment: Environment, *labels: str) -> None:
    environment.us.arrive(1, queued_at=environment.clock.now, **({"labels": labels} if labels else {}))
    environment.settle()


def test_a_job_goes_where_there_are_machines_after_it_has_waited_long_enough() -> None:
    environment = sold_out(US)
    arrive(environment)

    environment.pass_time(PATIENCE_S - 120)
    before = environment.homes()
    environment.pass_time(180)

    job = environment.eu.job(1)
    assert before == {1: {US}}
    assert (job.home, job.epoch, job.state) == (EU, 1, JobState.LAUNCHED)
    assert environment.machines_for().total() == 1
    (told,) = environment.us.told.of(JobRehomed)
    assert (told.before, told.home) == (US, EU)
    assert "on-demand: InsufficientInstanceCapacity" in told.reason


def test_where_no_region_has_machines_it_moves_once_and_says_why_it_waits() -> None:
    environment = sold_out(US, EU)
    arrive(environment)

    environment.pass_time(PATIENCE_S + 1_800)

    assert environment.homes() == {1: {EU}}
    assert len(environment.us.told.of(JobRehomed) + environment.eu.told.of(JobRehomed)) == 1
    assert "InsufficientInstanceCapacity" in environment.eu.job(1).reason


def test_without_a_word_in_its_configuration_it_stays() -> None:
    environment = sold_out(US, patience_s=None)
    arrive(environment)

    environment.pass_time(PATIENCE_S + 1_800)

    assert environment.homes() == {1: {US}}


def test_a_job_whose_label_names_its_region_stays() -> None:
    environment = sold_out(US)
    arrive(environment, f"spotrunner/linux-4cpu/region={US}")

    environment.pass_time(PATIENCE_S + 1_800)

    assert environment.homes() == {1: {US}}


@pytest.mark.parametrize("patience_s", [0.0, PATIENCE_S])
def test_what_has_a_machine_never_moves(patience_s: float) -> None:
    environment = sold_out(patience_s=patience_s)
    arrive(environment)

    environment.pass_time(120)

    assert environment.homes() == {1: {US}}


def test_nobody_goes_to_a_region_that_drains() -> None:
    environment = sold_out(US)
    arrive(environment)
    region_watch.drain(environment.eu.memory, EU, environment.clock())
    environment.settle()

    environment.pass_time(PATIENCE_S + 1_800)

    assert environment.homes() == {1: {US}}
