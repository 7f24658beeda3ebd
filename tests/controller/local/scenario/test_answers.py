"""For each fault: what counts as an answer, and that nothing else does."""

from __future__ import annotations

import pytest

from controller.local.report.mishap import Mishap, Outcome
from controller.local.scenario.director import Director
from tests.controller.local.scenario.world import World, directed

INTERRUPT = "  - {when: {event: started, job: Build}, do: interrupt}"
SILENT = "  - {at: 0s, do: next_boot, boot: silent}"
LOSE = "  - {at: 0s, do: lose_webhook, job: Build}"
FAIL = "  - {at: 0s, do: fail_webhook, job: Build}"
HOLD = "  - {at: 0s, do: hold_back, job: Build}"
STEAL = "  - {at: 0s, do: steal, thief: Soak a, job: Soak b}"
CANCEL = "  - {when: {event: launched, job: Build}, do: cancel_job}"
SOLD = "  - {at: 0s, do: sell_out, lifecycle: spot, type: c7i.large}"
REFUSE = "  - {at: 0s, do: fail_requests, status: 502}"


def build_runs(steps: str) -> tuple[World, Director]:
    """Build runs on i-1 after 3 s."""
    world, director = directed(steps)
    world.queue(1, "Build")
    world.after(1, director)
    world.launch("i-1")
    world.after(2, director)
    world.start(1, "i-1")
    world.after(0.5, director)
    return world, director


def only(director: Director) -> Mishap:
    (mishap,) = director.mishaps()
    return mishap


def test_an_interruption_is_answered_by_a_re_run_on_demand_that_ends_well() -> None:
    world, director = build_runs(INTERRUPT)
    world.now += 1
    world.end(1, "failure", broken="shut down")
    world.power_off("i-1")
    nobody = only(director)
    world.queue(2, "Build", attempt=2)
    world.launch("i-2", lifecycle="on-demand")
    world.start(2, "i-2")
    running = only(director)
    world.end(2)

    assert (nobody.outcome, nobody.answer) == (
        Outcome.UNANSWERED,
        "Nobody answered. Build ended after 1.0 s and was not re-run.",
    )
    assert running.outcome is Outcome.UNANSWERED
    assert only(director) == Mishap(
        "The machine of Build was interrupted in mid-job",
        1003.5,
        "i-1",
        "Build ended after 1.0 s; re-run as attempt 2 on i-2, on demand: success.",
    )


def test_a_re_run_on_spot_is_no_answer() -> None:
    world, director = build_runs(INTERRUPT)
    world.end(1, "failure", broken="shut down")
    world.queue(2, "Build", attempt=2)
    world.launch("i-2")
    world.start(2, "i-2")
    world.end(2)

    assert only(director).outcome is Outcome.UNANSWERED
    assert "which is no safer" in only(director).answer


def test_a_re_run_on_a_spot_machine_that_listened_for_another_job_was_decided_by_github() -> None:
    world, director = build_runs(INTERRUPT)
    world.queue(3, "Other")
    world.launch("i-3")
    world.after(1, director)
    world.end(1, "failure", broken="shut down")
    world.queue(2, "Build", attempt=2)
    world.start(2, "i-3")
    world.end(2)

    assert only(director).outcome is Outcome.ANSWERED
    assert only(director).answer.endswith("GitHub gave attempt 2 to i-3 (c7i.large, us-east-1a, spot), by its labels.")


def test_a_job_that_finishes_before_its_machine_is_taken_needs_no_more() -> None:
    world, director = build_runs(INTERRUPT)
    world.now += 2
    world.end(1)

    assert (only(director).outcome, only(director).answer) == (Outcome.ANSWERED, "Build finished first: success.")


def test_a_job_that_never_ends_on_the_machine_that_was_taken_is_nobodys() -> None:
    _, director = build_runs(INTERRUPT)

    assert (only(director).outcome, only(director).answer) == (
        Outcome.UNANSWERED,
        "Nobody answered. Build is in_progress.",
    )


def test_a_machine_that_died_in_boot_is_answered_by_another_for_the_same_job() -> None:
    world, director = directed(SILENT)
    world.queue(1, "Build")
    world.after(1, director)
    world.launch("i-1")
    world.after(9, director)
    nobody = only(director)
    world.power_off("i-1")
    world.launch("i-2")
    world.after(2, director)
    world.start(1, "i-2")
    world.after(0, director)

    assert (nobody.outcome, nobody.answer) == (Outcome.UNANSWERED, "Nobody answered. Build still waits.")
    assert only(director).outcome is Outcome.ANSWERED
    assert only(director).answer == "Replaced: Build ran on i-2 (c7i.large, us-east-1a, spot) 12.0 s later."
    assert only(director).subject == "i-1"


def test_a_lost_webhook_is_answered_when_its_job_runs_all_the_same() -> None:
    world, director = directed(LOSE)
    world.queue(1, "Build")
    world.after(5, director)
    nobody = only(director)
    world.launch("i-1")
    world.start(1, "i-1")
    world.after(0, director)

    assert nobody.outcome is Outcome.UNANSWERED
    assert (only(director).outcome, only(director).answer) == (
        Outcome.ANSWERED,
        "Found without it: Build ran after 5.0 s in the queue.",
    )


def test_a_failed_webhook_is_answered_by_a_redelivery() -> None:
    world, director = directed(FAIL)
    world.queue(1, "Build")
    world.deliver(1, "queued", 502)
    world.after(4, director)
    world.deliver(1, "queued", 202)
    world.after(1, director)
    world.launch("i-1")
    world.start(1, "i-1")
    world.after(0, director)

    assert only(director).answer == "Delivered again after 4.0 s (202): Build ran after 5.0 s in the queue."


def test_the_next_delivery_that_is_lost_is_that_of_the_first_job_without_one() -> None:
    world, director = directed("  - {at: 0s, do: lose_webhook}")
    world.queue(1, "Lint")
    world.deliver(1, "queued")
    world.queue(2, "Build")
    world.start(2, "i-1")
    world.after(1, director)

    assert only(director).subject == "2"


def test_a_lost_completed_is_answered_when_job_and_machine_end() -> None:
    world, director = build_runs("  - {at: 0s, do: lose_webhook, action: completed, job: Build}")
    world.end(1)
    still_on = only(director).outcome
    world.power_off("i-1")

    assert still_on is Outcome.UNANSWERED
    assert only(director).answer == "Build ended all the same: success; completed was not needed."


def test_copies_are_answered_when_all_are_taken() -> None:
    world, director = build_runs("  - {at: 0s, do: repeat_webhook, times: 2}")
    world.deliver(1, "queued", guid="a")
    world.deliver(1, "queued", guid="a")

    assert only(director).text == "One delivery was sent twice"
    assert only(director).answer == "Answered 202, 202; one machine was launched."
    world.deliver(1, "queued", 500, guid="a")
    assert only(director).outcome is Outcome.UNANSWERED


@pytest.mark.parametrize(("status", "outcome"), [(401, Outcome.ANSWERED), (202, Outcome.UNANSWERED)])
def test_a_forged_delivery_must_be_refused(status: int, outcome: Outcome) -> None:
    world, director = directed("  - {at: 0s, do: forge_webhook}")
    world.deliver(0, "queued", status, forged=True)

    assert only(director).outcome is outcome


@pytest.mark.parametrize(("late", "outcome"), [(200, Outcome.ANSWERED), (503, Outcome.UNANSWERED)])
def test_completed_before_in_progress_is_answered_when_both_are_taken(late: int, outcome: Outcome) -> None:
    world, director = build_runs(HOLD)
    world.end(1)
    world.deliver(1, "completed", 200)
    world.after(1, director)
    world.deliver(1, "in_progress", late)

    assert only(director).outcome is outcome


def test_nothing_of_a_job_that_was_skipped_can_be_held_back() -> None:
    world, director = directed(HOLD)
    world.queue(1, "Build")
    world.after(1, director)
    world.end(1, "skipped")
    world.deliver(1, "completed", 200)

    assert only(director).outcome is Outcome.MOOT


def test_a_cancelled_jobs_machine_must_go_or_take_other_work() -> None:
    world, director = directed(CANCEL)
    world.queue(1, "Build")
    world.launch("i-1")
    world.after(1, director)
    world.end(1, "cancelled")
    running = only(director)
    world.now += 2
    world.power_off("i-1")
    off = only(director)
    world.queue(2, "Lint")
    world.start(2, "i-1")

    assert (running.outcome, running.answer) == (Outcome.UNANSWERED, "Nobody answered. i-1 still runs.")
    assert off.answer == "Its machine i-1 was off 2.0 s later."
    assert off.text == "Build was cancelled while its machine booted"
    assert only(director).answer == "Its machine i-1 took Lint instead."


def test_a_theft_is_answered_by_another_machine_for_the_victim() -> None:
    world, director = directed(STEAL)
    world.queue(1, "Soak a")
    world.queue(2, "Soak b")
    world.launch("i-1")
    world.after(2, director)
    world.start(1, "i-1")
    world.after(1, director)
    nobody = only(director)
    world.launch("i-2")
    world.start(2, "i-2")
    world.end(2)

    assert (nobody.outcome, nobody.answer) == (Outcome.UNANSWERED, "Nobody answered. Soak b is queued.")
    assert only(director).text == "Soak a took the runner of Soak b"
    assert only(director).answer == "Soak a ran on i-1; Soak b got i-2 (c7i.large, us-east-1a, spot) 1.0 s later."


def test_a_pool_without_machines_is_answered_by_one_from_elsewhere() -> None:
    world, director = directed(SOLD)
    moot = only(director)
    world.queue(1, "Build")
    world.after(1, director)
    waits = only(director)
    world.launch("i-1", instance_type="m7i.large", lifecycle="on-demand")
    world.start(1, "i-1")

    assert moot.outcome is Outcome.MOOT
    assert waits.outcome is Outcome.UNANSWERED
    assert only(director).text == "Sold out: spot c7i.large"
    assert only(director).answer == "Build got m7i.large in us-east-1a, on demand, instead, after 1.0 s in the queue."


def test_a_passing_fault_is_answered_when_whoever_waited_was_served() -> None:
    world, director = directed(REFUSE)
    world.queue(1, "Build")
    world.after(1, director)
    waits = only(director)
    world.launch("i-1")
    world.start(1, "i-1")

    assert waits.outcome is Outcome.UNANSWERED
    assert (only(director).text, only(director).answer) == (
        "GitHub answered 502 to *",
        "Asked again: Build ran after 1.0 s in the queue.",
    )


def test_a_fault_that_met_nobody_is_moot() -> None:
    _, director = directed("  - {at: 0s, do: kill, job: Nobody}\n  - {at: 0s, do: steal, thief: A, job: B}")

    assert [each.outcome for each in director.mishaps()] == [Outcome.MOOT, Outcome.MOOT]


def test_restocking_is_no_mishap() -> None:
    _, director = directed("  - {at: 0s, do: restock}")

    assert director.mishaps() == []


ADVISE = "  - {when: {event: launched, job: Build}, do: rebalance}"


def test_a_machine_that_should_be_left_may_finish_its_job() -> None:
    world, director = build_runs(ADVISE)
    world.end(1)

    assert (only(director).outcome, only(director).answer) == (Outcome.ANSWERED, "Build was left in peace: success.")


def test_an_idle_machine_that_leaves_on_advice_is_replaced_and_no_double_launch() -> None:
    world, director = directed(ADVISE)
    world.queue(1, "Build")
    world.launch("i-1")
    world.after(1, director)
    nobody = only(director).outcome
    world.power_off("i-1")
    world.launch("i-2")
    world.after(1, director)
    world.start(1, "i-2")

    assert nobody is Outcome.UNANSWERED
    assert only(director).answer.startswith("Replaced: Build ran on i-2")
    assert director.harmed == {"i-1"}


AGENTS = "  - {when: {event: started, job: Build, nth: %d}, do: kill_agent}"


def test_a_job_that_is_struck_twice_is_answered_by_each_next_attempt() -> None:
    world, director = build_runs("\n".join((AGENTS % 1, AGENTS % 2)))
    world.end(1, "failure", broken="lost")
    world.power_off("i-1")
    world.queue(2, "Build", attempt=2)
    world.launch("i-2", lifecycle="on-demand")
    world.start(2, "i-2")
    world.after(0.5, director)
    world.end(2, "failure", broken="lost")
    world.queue(3, "Build", attempt=3)
    world.launch("i-3", lifecycle="on-demand")
    world.start(3, "i-3")
    world.end(3)

    first, second = director.mishaps()

    assert [first.outcome, second.outcome] == [Outcome.ANSWERED] * 2
    assert "re-run as attempt 2, which was struck too" in first.answer
    assert "re-run as attempt 3 on i-3, on demand: success" in second.answer
    assert {first.fault, second.fault} == {"kill_agent"}


def test_a_function_that_is_killed_is_answered_when_whoever_waited_is_served() -> None:
    world, director = directed("  - {at: 0s, do: kill_function, function: claim, call: 3, moment: before}")
    world.queue(1, "Build")
    waiting = only(director)
    world.launch("i-1")
    world.after(2, director)
    world.start(1, "i-1")

    assert waiting.outcome is Outcome.UNANSWERED
    assert only(director).text == "The function claim was killed just before its 3. coming call to AWS"
    assert only(director).outcome is Outcome.ANSWERED
