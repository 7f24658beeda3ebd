"""Rows 56-58 of the table of failures: a spare that waits for its first job."""

from __future__ import annotations

from typing import Any

import pytest

from runner_agent.contract import wire
from runner_agent.contract.bundle import Targets, UserData, Wait
from runner_agent.contract.record import replace
from runner_agent.contract.reports import Result
from tests.runner_agent.stage import INSTANCE, until
from tests.runner_agent.world import RUN, World, done


def wait(world: World, **changes: Any) -> tuple[int, str]:  # noqa: ANN401 - fields of the answer
    """The answer to a spare that no job has taken."""
    targets = Targets("eu-west-1", f"{world.stage.url}/000000000000/reports")
    plain = Wait(INSTANCE, again_s=0.05, most_s=60.0, targets=targets, notice_poll_s=0.05)
    return 202, wire.dumps(replace(plain, **changes))


def impatient(world: World, claim_deadline_s: float) -> None:
    """The machine gives its controller so long for an answer."""
    world.stage.metadata.user_data = wire.dumps(UserData(f"{world.stage.url}/claim", "test", claim_deadline_s))


def test_a_spare_asks_until_there_is_work_and_then_lives_as_any_other(world: World) -> None:
    world.bake([*RUN, *done()])
    world.stage.answers += [wait(world)] * 4
    world.grant()

    world.live()

    assert world.last.result is Result.SUCCESS
    assert len(world.stage.claims) == 5
    assert len({claim.nonce for claim in world.stage.claims}) == 1
    assert len(world.told("waiting_for_work")) == 1
    assert world.told("claim_answered") == []


def test_the_boot_of_a_spare_is_no_part_of_its_jobs_trace(world: World) -> None:
    world.bake([*RUN, *done()])
    world.stage.answers += [wait(world)] * 2
    world.grant()

    world.live()

    assert "claim" in world.stage.spans
    assert not {"boot", "agent"} & world.stage.spans.keys()


def test_trouble_while_it_waits_is_waited_out(world: World) -> None:
    world.bake([*RUN, *done()])
    world.stage.answers += [wait(world), (503, ""), (429, ""), wait(world), (500, "<html>")]
    world.grant()

    world.live()

    assert world.last.result is Result.SUCCESS


@pytest.mark.parametrize("action", ["terminate", "stop"])
def test_row_56_a_spot_notice_ends_a_spare_at_once_and_it_says_so(world: World, action: str) -> None:
    world.stage.answers.append(wait(world, again_s=4.0))

    world.start()
    until(lambda: world.told("waiting_for_work"))
    world.stage.metadata.announce(120, action)
    world.end()

    assert len(world.stage.claims) <= 2
    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, action)
    assert (world.last.instance_id, world.last.runner_name) == (INSTANCE, "")
    assert world.states == ["claiming", "interrupted", "done", "poweroff"]


def test_row_56_a_spare_that_should_leave_its_host_does_so(world: World) -> None:
    world.stage.answers.append(wait(world))
    world.stage.metadata.rebalance = True

    world.live()

    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "rebalance")


def test_row_57_a_spare_whose_controller_falls_silent_ends_and_says_so(world: World) -> None:
    impatient(world, 1.0)
    world.stage.answers += [wait(world), wait(world), (503, "")]

    world.live()

    assert world.last.result is Result.NO_JOB
    assert "no answer to the claim in time" in world.last.reason


def test_row_58_a_spare_that_is_told_to_wait_for_ever_ends_by_itself(world: World) -> None:
    impatient(world, 0.5)
    world.stage.answers.append(wait(world, most_s=0.5))

    world.live()

    assert (world.last.result, world.last.reason) == (Result.NO_JOB, "no work came in time")


def test_a_spare_that_may_go_goes_without_a_word(world: World) -> None:
    world.stage.answers += [wait(world), (410, '{"error":"the pool was made smaller"}')]

    world.live()

    assert world.stage.reports == []
    assert world.states == ["claiming", "done", "poweroff"]
