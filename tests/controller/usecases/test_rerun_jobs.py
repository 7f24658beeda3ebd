from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from controller.domain.deliveries import MessageDelayed
from controller.domain.events import RerunDeclined, RerunStarted
from controller.domain.fleet_config import Retry
from controller.domain.interruption import GIVE_UP_S, MOST_RERUNS
from controller.domain.job import Job, Rerun
from controller.domain.launch import LaunchPlan
from controller.domain.runner import Lifecycle
from controller.errors import Rejected, Unavailable
from controller.messages import Chores, Step
from runner_agent.contract import wire
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.world import World
from tests.fakes import samples

RUN = 70


class Crash(BaseException):
    """The function is gone, and with it whatever it was about to do."""


class Story:
    """Jobs of one run, from queued to ended, as GitHub and their machines tell it."""

    def __init__(self, *job_ids: int, **changes: Any) -> None:  # noqa: ANN401 - fields of the message
        self.world = World()
        self.begin(*job_ids, **changes)

    def begin(self, *job_ids: int, attempt: int = 1, **changes: Any) -> None:  # noqa: ANN401 - fields of the message
        self.world.arrive(*job_ids, attempt=attempt, **changes)
        for job_id in job_ids:
            machine = self.world.job(job_id, attempt).instance_id
            self.world.claim(machine)
            name = self.world.runner(machine).name
            self.world.reported(ReportKind.STARTED, machine, runner_name=name)
            self.world.moved(Step.IN_PROGRESS, job_id, attempt=attempt, runner_name=name)
            self.world.runs.ran(job_id, runner_name=name)

    def interrupt(self, *job_ids: int, attempt: int = 1, last_word: bool = True) -> None:
        for job_id in job_ids:
            machine = self._fails(job_id, attempt, interruption="terminate")
            if last_word:
                self.world.finished(machine, Result.INTERRUPTED, interruption="terminate")

    def fail(self, *job_ids: int, attempt: int = 1) -> None:
        for job_id in job_ids:
            self.world.finished(self._fails(job_id, attempt), Result.FAILED)

    def succeed(self, *job_ids: int, attempt: int = 1) -> None:
        for job_id in job_ids:
            name = self.job(job_id, attempt).runner_name
            self.world.runs.ran(job_id, "success", name)
            self.world.moved(Step.COMPLETED, job_id, attempt=attempt, runner_name=name, conclusion="success")
            self.world.finished(self.job(job_id, attempt).instance_id)

    def end(self, conclusion: str = "failure") -> None:
        self.world.runs.end(RUN, conclusion)

    def look(self, after: float = 400.0) -> list[str]:
        self.world.clock.turn(after)
        return self.world.sweep(Chores.INTERRUPTED_JOBS)

    def queue_again(self, name: str, attempt: int) -> int:
        """GitHub queues a job of the new attempt under its new id."""
        job_id = self.world.runs.job_of(name)
        self.begin(job_id, attempt=attempt, name=name)
        return job_id

    def job(self, job_id: int, attempt: int = 1) -> Job:
        return self.world.job(job_id, attempt)

    def _fails(self, job_id: int, attempt: int, interruption: str = "") -> str:
        job = self.job(job_id, attempt)
        if interruption:
            self.world.reported(ReportKind.INTERRUPTION, job.instance_id, interruption=interruption)
        self.world.runs.ran(job_id, "failure", job.runner_name)
        self.world.moved(
            Step.COMPLETED,
            job_id,
            attempt=attempt,
            runner_name=job.runner_name,
            conclusion="failure",
            completed_at=self.world.clock.now,
        )
        return job.instance_id


def titles(story: Story) -> list[str]:
    return [check.title for check in story.world.checks.posted]


def test_an_interrupted_job_is_run_again_on_demand_and_ends_well() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()

    story.world.pump_sent()
    again = story.queue_again("build 1", attempt=2)
    story.succeed(again, attempt=2)

    assert story.world.runs.reruns == [(2, ("build 1",))]
    assert story.job(again, 2).on_demand
    plans = [wire.loads(LaunchPlan, request).lifecycle for request in story.world.fleet.requests]
    assert plans == [Lifecycle.SPOT, Lifecycle.ON_DEMAND]
    assert story.job(1).rerun is Rerun.MADE
    assert titles(story) == ["Interrupted, re-run started"]


def test_a_run_that_goes_on_is_asked_about_later_and_later() -> None:
    story = Story(1, 2)
    story.interrupt(1)

    story.world.pump_sent()
    soon = len(story.world.runs.calls)
    story.look()
    for _ in range(10):
        story.look(after=30.0)

    assert set(story.world.runs.calls) == {"state"}
    assert 3 <= soon <= 12
    assert len(story.world.runs.calls) - soon <= 3
    assert story.job(1).rerun is Rerun.WANTED
    assert story.world.checks.posted == []


def test_every_failure_an_interruption_means_one_re_run_for_all() -> None:
    story = Story(1, 2, 3)
    story.interrupt(1, 3)
    story.succeed(2)
    story.end()

    story.look()

    assert story.world.runs.reruns == [(2, ("build 1", "build 3"))]
    assert {story.job(n).rerun for n in (1, 3)} == {Rerun.MADE}
    assert story.world.runs.calls == ["state", "jobs", "rerun_failed"]
    assert titles(story) == ["Interrupted, re-run started"] * 2


def test_in_a_mixed_run_one_job_is_run_again_per_attempt_and_the_real_failure_never() -> None:
    story = Story(1, 2, 3)
    story.interrupt(1, 3)
    story.fail(2)
    story.end()

    story.look()
    first = story.queue_again("build 1", attempt=2)
    story.look()
    story.succeed(first, attempt=2)
    story.end()
    story.look()

    assert story.world.runs.reruns == [(2, ("build 1",)), (3, ("build 3",))]
    assert story.job(3).rerun is Rerun.MADE
    third = story.queue_again("build 3", attempt=3)
    assert story.job(third, 3).on_demand
    assert story.job(third, 3).reruns == 1


def test_a_mixed_run_is_run_again_together_where_the_configuration_says_so() -> None:
    story = Story(1, 2)
    story.world.configs.known["linux-4cpu"] = samples.config(retry=Retry.RUN)
    story.interrupt(1)
    story.fail(2)
    story.end()

    story.look()

    assert story.world.runs.reruns == [(2, ("build 1", "build 2"))]
    assert story.job(story.queue_again("build 1", attempt=2), 2).on_demand
    assert not story.job(story.queue_again("build 2", attempt=2), 2).on_demand


def test_a_job_that_says_retry_false_is_left_and_the_commit_told_without_a_look_at_the_run() -> None:
    story = Story(1, labels=("spotrunner/linux-4cpu/retry=false",))
    story.interrupt(1)

    story.look()

    assert story.world.runs.calls == []
    assert story.job(1).rerun is Rerun.DECLINED
    assert titles(story) == ["Interrupted, not run again"]
    assert "retry=false" in story.world.checks.posted[0].summary


def test_a_job_is_run_again_twice_and_no_more() -> None:
    story = Story(1)
    job_id = 1
    for attempt in range(1, MOST_RERUNS + 2):
        story.interrupt(job_id, attempt=attempt)
        story.end()
        story.look()
        if attempt <= MOST_RERUNS:
            job_id = story.queue_again("build 1", attempt=attempt + 1)

    assert [attempt for attempt, _ in story.world.runs.reruns] == [2, 3]
    assert [event.reason for event in story.world.told.of(RerunDeclined)] == ["it has been run again 2 times already"]


def test_a_cancelled_run_is_left_cancelled() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end("cancelled")

    story.look()

    assert story.world.runs.reruns == []
    assert [event.reason for event in story.world.told.of(RerunDeclined)] == ["its run was cancelled"]


def test_a_run_that_never_ends_is_given_up() -> None:
    story = Story(1, 2)
    story.interrupt(1)

    story.look(after=GIVE_UP_S + 1)

    assert story.job(1).rerun is Rerun.DECLINED
    assert story.world.runs.calls == []


def test_what_somebody_else_ran_again_is_left_alone() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()
    story.world.runs.rerun_failed(_ref(story), 0.0)
    story.world.runs.ran(story.world.runs.job_of("build 1"), "success", "their-runner")
    story.end("success")

    story.look()

    assert len(story.world.runs.reruns) == 1
    assert story.job(1).rerun is Rerun.OVERTAKEN
    assert story.world.checks.posted == []


def test_a_failed_job_whose_machine_is_still_to_say_why_is_waited_for() -> None:
    story = Story(1, 2)
    story.interrupt(1)
    story.interrupt(2, last_word=False)
    story.end()

    story.look()
    before = list(story.world.runs.reruns)
    story.world.finished(story.job(2).instance_id, Result.INTERRUPTED, interruption="terminate")
    story.look()

    assert before == []
    assert story.world.runs.reruns == [(2, ("build 1", "build 2"))]


def test_an_index_that_lags_hides_no_interrupted_job_of_the_run() -> None:
    story = Story(1, 2)
    story.interrupt(1)
    story.world.shelf.hold_indexes()
    story.interrupt(2)
    story.end()

    story.look()

    assert story.world.runs.reruns == [(2, ("build 1", "build 2"))]
    assert story.job(2).rerun is Rerun.MADE


def test_github_refusing_for_good_is_told_on_the_commit() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()
    story.world.runs.faults.plan(None, None, Rejected("403 Resource not accessible by integration"))

    story.look()

    assert story.job(1).rerun is Rerun.DECLINED
    assert "Resource not accessible" in story.world.checks.posted[0].summary


def test_a_run_that_was_started_meanwhile_is_tried_again_when_it_has_ended() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()

    def start_first(name: str, call: Callable[[], object]) -> object:
        if name == "runs.rerun_failed":
            story.world.runs.known[RUN].completed = False
        return call()

    story.world.doors(start_first)
    story.look()
    refused = story.job(1).rerun
    story.world.doors()
    story.end()
    story.look()

    assert refused is Rerun.ASKED
    assert len(story.world.runs.reruns) == 1
    assert story.job(1).rerun is Rerun.MADE


def test_a_lost_answer_never_means_a_second_re_run() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()
    story.world.runs.lost_answers.append(Unavailable("timed out"))

    story.look()
    again = story.queue_again("build 1", attempt=2)
    story.look()
    story.succeed(again, attempt=2)
    story.end("success")
    story.look()
    story.look()

    assert len(story.world.runs.reruns) == 1
    assert story.job(1).rerun is Rerun.MADE
    assert titles(story) == ["Interrupted, re-run started"]
    assert story.job(again, 2).on_demand


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_costs_neither_the_re_run_nor_a_second_one(when: str) -> None:
    moment, more = 1, True
    while more:
        story, calls = Story(1, 2), 0
        story.interrupt(1, 2)
        story.end()

        def crash(_name: str, call: Callable[[], object]) -> object:
            nonlocal calls
            calls += 1
            if calls == moment:  # noqa: B023 - called within this round
                if when == "after":
                    call()
                raise Crash
            return call()

        story.world.doors(crash)
        with suppress(Crash):
            story.look()
        story.world.doors()
        for _ in range(4):
            story.look()
        if story.world.runs.known[RUN].attempt == 2:
            story.end("success")
            for job in story.world.runs.known[RUN].jobs.values():
                story.world.runs.ran(job.job_id, "success", f"spotrunner-i-again{job.job_id}-1")
        for _ in range(4):
            story.look()

        assert story.world.runs.reruns == [(2, ("build 1", "build 2"))]
        assert {story.job(n).rerun for n in (1, 2)} == {Rerun.MADE}
        assert {check.external_id for check in story.world.checks.posted} <= {"1#1", "2#1"}
        moment, more = moment + 1, calls >= moment


def test_jobs_that_were_not_interrupted_cost_no_call() -> None:
    story = Story(1, 2)
    story.succeed(1)
    story.fail(2)
    story.end()

    story.look()

    assert story.world.runs.calls == []
    assert story.world.outbox.sent == []
    assert story.world.memory.facts.keys() - {"capacity"} == {"release https://api.github.com linux/x64"}


def test_what_github_does_not_answer_is_looked_at_again() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()
    story.world.runs.faults.plan(Unavailable("502 Bad Gateway"))

    story.look()
    story.look()

    assert len(story.world.runs.reruns) == 1
    assert [event.message for event in story.world.told.of(MessageDelayed)] == ["run 70 of octo/hello"]


def test_the_attempt_after_a_person_pressed_the_button_runs_as_it_is_labelled() -> None:
    story = Story(1)
    story.fail(1)
    story.end()
    story.world.runs.rerun_failed(_ref(story), 0.0)

    again = story.queue_again("build 1", attempt=2)

    assert not story.job(again, 2).on_demand


def test_it_is_told_which_attempt_a_job_runs_in() -> None:
    story = Story(1)
    story.interrupt(1)
    story.end()

    story.look()

    (told,) = story.world.told.of(RerunStarted)
    assert (told.job, told.attempt, told.scope) == ("1#1", 2, "run")


def _ref(story: Story) -> Any:  # noqa: ANN401 - the fake reads its run id alone
    return story.world.job(1)
