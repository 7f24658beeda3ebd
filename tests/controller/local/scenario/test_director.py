from __future__ import annotations

import time

from controller.local.scenario.director import Director
from controller.local.scenario.outside import RunnerSeen
from controller.local.scenario.parse import parse_scenario
from tests.controller.local.scenario.world import World, directed


def test_what_stands_at_0_is_played_before_anything_is_submitted() -> None:
    world, _ = directed("  - {at: 0s, do: repeat_webhook}\n  - {at: 2s, do: forge_webhook}")

    assert [fault for fault, _, _ in world.done] == ["repeat_webhook"]


def test_a_step_is_played_once_at_its_time() -> None:
    world, director = directed("  - {at: 2s, do: forge_webhook}")

    for _ in range(5):
        assert len(world.done) == (world.now >= 1002)
        world.after(1, director)

    assert [fault for fault, _, _ in world.done] == ["forge_webhook"]
    assert not director.waiting


def test_a_step_befalls_the_job_and_the_machine_of_its_event() -> None:
    world, director = directed("  - {when: {event: started, job: Build}, do: interrupt}")
    world.queue(1, "Build")
    world.launch("i-1")
    world.after(1, director)
    world.start(1, "i-1")
    world.after(1, director)

    assert world.done == [("interrupt", "Build", "i-1")]
    assert director.harmed == {"i-1"}


def test_an_event_counts_when_job_and_workflow_fit_and_only_for_the_nth_time() -> None:
    world, director = directed("  - {when: {event: queued, job: Test *, workflow: C*, nth: 2}, do: cancel_job}")
    for number, name in enumerate(("Test a", "Lint", "Test b", "Test c"), 1):
        world.queue(number, name)
        world.after(1, director)

    assert world.done == [("cancel_job", "Test b", "")]


def test_a_step_may_wait_a_while_after_its_event() -> None:
    world, director = directed("  - {when: {event: queued, after: 1500ms}, do: forge_webhook}")
    world.queue(1, "Build")
    world.after(1, director)

    assert world.done == []
    assert director.waiting
    world.after(1.5, director)
    assert len(world.done) == 1


def test_launched_and_claimed_are_seen_on_the_machine_that_is_meant_for_the_job() -> None:
    world, director = directed(
        "  - {when: {event: launched, job: Build}, do: rebalance}\n"
        "  - {when: {event: booted, job: Build}, do: freeze}\n"
        "  - {when: {event: claimed, job: Build}, do: kill}"
    )
    world.queue(1, "Lint", "spotrunner/linux-arm")
    world.queue(2, "Build", "spotrunner/linux-4cpu")
    world.launch("i-1", "linux-arm")
    world.launch("i-2", "linux-4cpu")
    world.after(1, director)
    world.launch("i-2", "linux-4cpu", booted=True)
    world.after(1, director)
    world.registered = [*world.registered, RunnerSeen("spotrunner-i-2-1", ("spotrunner/linux-4cpu",))]
    world.after(1, director)

    assert world.done == [("rebalance", "Build", "i-2"), ("freeze", "Build", "i-2"), ("kill", "Build", "i-2")]


def test_whom_a_step_names_is_hit_whatever_the_event() -> None:
    world, director = directed("  - {at: 2s, do: kill, job: Build}")
    world.queue(1, "Build")
    world.launch("i-1")
    world.after(1, director)
    world.after(1, director)

    assert world.done == [("kill", "Build", "i-1")]


def test_a_step_whose_moment_never_came_is_told_with_its_place() -> None:
    world, director = directed("  - {when: {event: started, job: Biuld}, do: kill}\n  - {at: 90s, do: forge_webhook}")
    world.queue(1, "Build")
    world.after(1, director)

    assert director.never() == [
        "test, line 2: kill never happened: there was no moment when Biuld was started",
        "test, line 3: forge_webhook never happened: there was no moment at 90 s",
    ]


def test_machines_that_never_come_up_belong_to_the_steps_that_asked_for_them_in_order() -> None:
    world, director = directed("  - {at: 0s, do: next_boot, boot: silent}\n  - {at: 0s, do: next_boot, boot: slow}")
    world.launch("i-1")
    world.launch("i-2")
    world.launch("i-3")
    world.after(1, director)

    assert director.harmed == {"i-1", "i-2"}
    assert [mishap.text for mishap in director.mishaps()] == ["i-1 died silently in boot", "i-2 took its time to boot"]


def test_it_watches_by_itself_while_its_context_is_open() -> None:
    world = World()
    scenario = parse_scenario("steps:\n  - {when: {event: queued}, do: forge_webhook}", "test.yml")

    with Director(scenario, world, world.clock):
        world.queue(1, "Build")
        until = time.monotonic() + 20
        while not world.done and time.monotonic() < until:
            time.sleep(0.01)

    assert [fault for fault, _, _ in world.done] == ["forge_webhook"]
