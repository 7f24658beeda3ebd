"""Rows 42, 52 and 55 of the table of failures: what only the other side can hold against a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from controller.domain.deliveries import MessageRejected
from controller.domain.job import JobState
from controller.messages import Step
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.world import World

ROOT = Path(__file__).parents[2]


def two_machines() -> tuple[World, str, str]:
    world = World()
    world.arrive(1, 2)
    one, other = world.machine_of(1), world.machine_of(2)
    world.claim(one)
    world.claim(other)
    return world, one, other


def test_row_42_a_job_cannot_report_for_another_machine() -> None:
    world, one, other = two_machines()
    report = world.report(ReportKind.FINISHED, one, result=Result.NO_JOB)
    before = dict(world.shelf.records)

    failed = world.hear([replace(report, sender=f"AROAMACHINE:{other}")])

    assert len(failed) == 1
    assert world.shelf.records == before
    assert [event.reason for event in world.told.of(MessageRejected)] == [f"{other} reports for {one}"]


def test_row_52_what_a_machine_says_of_its_job_is_a_hint_and_githubs_word_decides() -> None:
    world, one, _ = two_machines()
    runner = world.runner(one).name
    world.moved(Step.IN_PROGRESS, 1, runner_name=runner)

    world.finished(one, Result.SUCCESS)
    claimed_by_the_machine = world.job(1).state
    world.moved(Step.COMPLETED, 1, runner_name=runner, conclusion="failure")

    assert claimed_by_the_machine is JobState.RUNNING
    assert (world.job(1).state, world.job(1).conclusion) == (JobState.COMPLETED, "failure")


def test_row_52_a_job_cannot_speak_for_github_by_its_machines_role() -> None:
    world, one, _ = two_machines()
    word = world.word(Step.COMPLETED, 1, conclusion="success")

    failed = world.hear([replace(word, sender=f"AROAMACHINE:{one}")])

    assert len(failed) == 1
    assert world.job(1).state is JobState.CLAIMED


def test_row_55_a_machine_that_switches_itself_off_is_no_longer_paid_for() -> None:
    # By text: what EC2 does with it only EC2 can show.
    template = (ROOT / "infra" / "runners.py").read_text("utf-8")

    assert 'instance_initiated_shutdown_behavior="terminate"' in template
