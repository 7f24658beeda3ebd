"""GitHub and the machine both say how a job ended; whoever comes second is held against the first, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.events import ResultsDiffer
from controller.domain.runner_name import name_of
from controller.domain.verdicts import contradict
from controller.messages import Step
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.world import World

CONCLUSIONS = ("success", "failure", "cancelled", "timed_out", "neutral", "")


def ended(conclusion: str, result: Result, order: str) -> tuple[World, str]:
    """A job that ran, of whose end both have told in this order."""
    world = World()
    world.arrive(1)
    (machine,) = world.machines
    runner = name_of(machine, 1)
    world.claim(machine)
    world.moved(Step.IN_PROGRESS, 1, runner_name=runner)
    word = world.word(Step.COMPLETED, 1, runner_name=runner, conclusion=conclusion)
    report = world.report(ReportKind.FINISHED, machine, result=result)
    match order:
        case "GitHub first":
            world.hear([word])
            world.hear([report])
        case "machine first":
            world.hear([report])
            world.hear([word])
        case _:
            world.hear([word, report])
    world.hear([report])
    world.hear([word])
    return world, machine


ORDERS = ("GitHub first", "machine first", "at once")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("conclusion", "result"),
    [("success", Result.FAILED), ("failure", Result.SUCCESS), ("cancelled", Result.SUCCESS)],
)
def test_words_that_contradict_each_other_are_told_once_in_whatever_order_they_come(
    conclusion: str, result: Result, order: str
) -> None:
    world, machine = ended(conclusion, result, order)

    assert world.told.of(ResultsDiffer) == [ResultsDiffer("1#1", machine, conclusion, str(result))]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("conclusion", "result"),
    [
        ("success", Result.SUCCESS),
        ("failure", Result.FAILED),
        ("failure", Result.OUT_OF_MEMORY),
        ("failure", Result.INTERRUPTED),
        ("success", Result.INTERRUPTED),
        ("cancelled", Result.CANCELLED),
        ("cancelled", Result.TIMEOUT),
    ],
)
def test_words_that_go_together_are_no_event(conclusion: str, result: Result, order: str) -> None:
    world, _ = ended(conclusion, result, order)

    assert world.told.of(ResultsDiffer) == []


@given(st.sampled_from(CONCLUSIONS), st.sampled_from(["", *Result]))
def test_what_is_not_known_contradicts_nothing_and_every_result_may_be_true(conclusion: str, result: str) -> None:
    assert not contradict(conclusion, "")
    assert not contradict("", result)
    assert not all(contradict(each, result) for each in ("success", "failure", "cancelled"))
