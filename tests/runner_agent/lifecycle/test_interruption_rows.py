"""Rows 31-35 and 46 of the table of failures: the machine is going to be taken away."""

from __future__ import annotations

import signal
import time

import pytest

from runner_agent.cloud import Notice
from runner_agent.contract.reports import ReportKind, Result
from tests.runner_agent.runners import alive, children, starts
from tests.runner_agent.stage import until
from tests.runner_agent.world import CONNECT, RUN, World, done


def test_row_31_an_idle_runner_is_stopped_at_the_spot_notice(world: World) -> None:
    world.bake([*CONNECT, {"touch": "idle"}, {"wait": 600}])
    world.grant()
    folder = world.home / "runner" / "2.336.0"

    world.start()
    until((folder / "idle").exists)
    world.stage.metadata.announce(120)
    world.end()

    assert world.kinds == [ReportKind.INTERRUPTION, ReportKind.FINISHED]
    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "terminate")
    assert "started" not in world.last.phases


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_row_32_a_job_that_ends_in_time_keeps_its_true_result(world: World, action: str) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.announce(120, action)
    until(lambda: ReportKind.INTERRUPTION in world.kinds)
    (folder / "go").touch()
    world.end()

    assert world.kinds == [ReportKind.STARTED, ReportKind.INTERRUPTION, ReportKind.FINISHED]
    assert (world.last.result, world.last.interruption) == (Result.SUCCESS, action)


def test_row_33_a_job_that_does_not_end_is_stopped_before_the_termination(world: World) -> None:
    world.bake([*RUN, {"on_interrupt": done("Failed", 102)}, {"wait": 600}])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.announce(6)
    world.end()

    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "terminate")
    assert world.last.reason == "the job did not end before the machine is taken away"
    assert world.states[-5:] == ["running", "interrupted", "draining", "done", "poweroff"]


def test_row_33_a_runner_that_ignores_the_stop_is_killed_before_the_termination(world: World) -> None:
    folder = world.bake(
        [{"deaf": True}, *RUN, {"child": "daemon"}, {"until": "children"}, {"touch": "busy"}, {"wait": 600}]
    )
    world.grant()

    world.start()
    world.running()
    until((folder / "busy").exists)
    world.stage.metadata.announce(6)
    world.end()

    assert (world.last.result, world.last.exit_code) == (Result.INTERRUPTED, -signal.SIGKILL)
    assert not any(alive(pid) for pid in (starts(folder)[0]["pid"], *children(folder)))


def test_row_35_a_rebalance_recommendation_ends_an_idle_machine(world: World) -> None:
    world.bake([*CONNECT, {"wait": 600}])
    world.grant()
    world.stage.metadata.rebalance = True

    world.live()

    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "rebalance")


def test_row_35_a_rebalance_recommendation_lets_a_job_run(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.rebalance = True
    until(lambda: ReportKind.INTERRUPTION in world.kinds)
    (folder / "go").touch()
    world.end()

    assert world.kinds.count(ReportKind.INTERRUPTION) == 1
    assert (world.last.result, world.last.interruption) == (Result.SUCCESS, "rebalance")


def test_row_46_a_shutdown_of_the_system_stops_the_job_at_once(world: World) -> None:
    world.bake([*RUN, {"on_interrupt": done("Failed", 102)}, {"wait": 600}])
    world.grant(world.limits(notice_margin_s=45.0))

    world.start()
    world.running()
    world.inbox.put(Notice("shutdown", time.time() + 30))
    world.end()

    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "shutdown")


def test_a_notice_before_the_runner_starts_ends_the_machine(world: World) -> None:
    world.stage.answers.append((503, ""))

    world.start()
    until(lambda: world.stage.claims)
    world.inbox.put(Notice("shutdown", time.time() + 30))
    world.end()

    assert world.states == ["claiming", "interrupted", "done", "poweroff"]


def test_an_on_demand_machine_does_not_look_for_spot_notices(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant()
    world.stage.metadata.life_cycle = "on-demand"

    world.live()

    assert "meta-data/spot/instance-action" not in world.stage.metadata.asked
