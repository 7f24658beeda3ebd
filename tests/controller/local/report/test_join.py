from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from controller.local.report.join import build
from controller.local.report.mishap import Mishap
from controller.local.report.model import Report
from controller.local.report.phases import phases
from controller.local.truth import CallSeen, JobSeen, MachineSeen, judge
from tests.controller.local.report.scene import T0, job, machine, spans

LINT, TEST = job(1, "Lint", 0), job(2, "Test", 1, workflow="Nightly")
FIRST, SECOND = machine(1, 1.5, 7), machine(2, 2.5, 8)


def report(
    jobs: Sequence[JobSeen],
    machines: Sequence[MachineSeen] = (),
    calls: Sequence[CallSeen] = (),
    documents: Sequence[dict[str, object]] = (),
    mishaps: Sequence[Mishap] = (),
) -> Report:
    return build(jobs, machines, calls, list(phases(documents)), judge(jobs, machines, calls, []), mishaps)


def test_every_moment_counts_from_the_first() -> None:
    lane = report([LINT, TEST], [FIRST, SECOND]).jobs[1]

    assert (lane.queued, lane.started, lane.completed, lane.off) == (1.0, 5.0, 7.0, 8.0)
    assert (lane.waited, lane.ran) == (4.0, 2.0)


def test_the_axis_reaches_from_the_first_mishap_to_the_last_machine() -> None:
    made = report([LINT], [FIRST], mishaps=[Mishap("Early", T0 - 2)])

    assert made.length == 9.0
    assert made.marks[0].at == 0.0
    assert made.jobs[0].queued == 2.0


def test_a_run_in_which_nothing_was_seen_is_an_empty_page() -> None:
    made = report([])

    assert (made.length, made.jobs, made.machines, made.bill.total) == (0.0, (), (), 0.0)


def test_machines_know_who_used_them_and_jobs_know_where_they_ran() -> None:
    made = report([LINT, TEST], [FIRST, SECOND, machine(3, 3, 4)])

    assert [lane.machine for lane in made.jobs] == ["i-0001", "i-0002"]
    assert [lane.jobs for lane in made.machines] == [("1",), ("2",), ()]


def test_a_job_pays_for_its_machine_and_two_jobs_of_one_machine_share_it() -> None:
    shared = replace(TEST, runner="spotrunner-i-0001-2")

    alone = report([LINT], [FIRST])
    together = report([LINT, shared], [FIRST])

    dollars = 0.08925 * 0.39 * 5.5 / 3600
    assert alone.jobs[0].cost == pytest.approx(dollars)
    assert [lane.cost for lane in together.jobs] == [pytest.approx(dollars / 2)] * 2
    assert together.bill.total == pytest.approx(dollars)
    assert together.bill.on_demand == pytest.approx(0.08925 * 5.5 / 3600)


def test_a_machine_without_a_known_price_is_counted_apart() -> None:
    made = report([LINT], [FIRST, replace(SECOND, instance_type="c8i.large")])

    assert made.machines[1].cost is None
    assert made.bill.unpriced == 1
    assert made.bill.total == made.machines[0].cost


def test_a_machine_that_still_runs_has_lived_until_the_end_of_what_was_seen() -> None:
    lane = report([LINT], [machine(1, 1.5, None), SECOND]).machines[0]

    assert (lane.end, lane.lived) == (None, 6.5)


def test_a_skipped_job_neither_waited_nor_ran() -> None:
    skipped = replace(LINT, conclusion="skipped", runner="")

    lane = report([skipped]).jobs[0]

    assert (lane.started, lane.waited, lane.ran, lane.cost) == (None, None, None, None)


def test_a_job_that_has_not_ended_shows_where_it_stands() -> None:
    stuck = replace(LINT, status="queued", conclusion="", started_at=None, completed_at=None, runner="")

    lane = report([stuck]).jobs[0]

    assert (lane.outcome, lane.completed, lane.off) == ("queued", None, None)


def test_a_lane_holds_the_phases_of_its_own_trace_and_the_longer_of_two_claims() -> None:
    made = report([LINT, TEST], [FIRST, SECOND], documents=[*spans(LINT, instance_id="i-0001"), *spans(TEST)])

    first, second = made.jobs
    assert [piece.name for piece in first.pieces] == [
        "intake",
        "launch",
        "boot",
        "agent",
        "claim",
        "download",
        "listener",
        "session",
        "assignment",
        "shutdown",
    ]
    assert next(piece for piece in first.pieces if piece.name == "claim").instance_id == "i-0001"
    assert [piece.name for piece in second.pieces] == ["intake", "launch", "claim"]


def test_a_second_attempt_has_a_trace_of_its_own() -> None:
    made = report([LINT], [FIRST], documents=list(spans(LINT, attempt=2, instance_id="i-0001")))

    assert len(made.jobs[0].pieces) == 10


def test_the_life_of_a_machine_belongs_to_the_job_that_took_it() -> None:
    taken_by_test = replace(TEST, runner=LINT.runner)
    lint_elsewhere = replace(LINT, runner=TEST.runner)

    made = report([lint_elsewhere, taken_by_test], [FIRST, SECOND], documents=list(spans(LINT, instance_id="i-0001")))

    first, second = made.jobs
    assert {piece.name for piece in first.pieces} == {"intake", "launch", "claim"}
    assert "boot" in {piece.name for piece in second.pieces}


def test_the_life_of_a_machine_that_died_stays_with_the_job_it_was_launched_for() -> None:
    dead = machine(3, 1.2, 3)

    made = report([LINT], [FIRST, dead], documents=list(spans(LINT, instance_id="i-0003")))

    assert "boot" in {piece.name for piece in made.jobs[0].pieces}


def test_a_machine_does_not_boot_before_the_cloud_launched_it() -> None:
    made = report([LINT], [machine(1, 1.5, 7)], documents=list(spans(LINT, instance_id="i-0001")))

    boot = next(piece for piece in made.jobs[0].pieces if piece.name == "boot")
    assert (boot.start, boot.end) == (1.5, 1.9)


def test_marks_are_numbered_in_the_order_of_what_happened() -> None:
    late, early = Mishap("Late", T0 + 5, "1", "Retried."), Mishap("Early", T0 + 1)

    marks = report([LINT], mishaps=[late, early]).marks

    assert [(mark.number, mark.text, mark.at) for mark in marks] == [(1, "Early", 1.0), (2, "Late", 5.0)]
    assert (marks[1].subject, marks[1].answer) == ("1", "Retried.")


def test_calls_are_counted_by_kind_and_for_each_job_that_needed_a_machine() -> None:
    skipped = replace(TEST, conclusion="skipped", runner="")
    calls = [CallSeen("sqs", "SendMessage", "door")] * 3

    counted = report([LINT, skipped], calls=calls).calls
    unserved = report([skipped], calls=calls).calls

    assert [(call.action, call.count, call.per_job) for call in counted] == [("SendMessage", 3, 3.0)]
    assert unserved[0].per_job is None
