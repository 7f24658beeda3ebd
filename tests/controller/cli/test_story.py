"""The story of a job: the answer first, and no record that it can not be told of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli import job_page
from controller.cli.story import Evidence, Story, launches_of, machines_of, told
from controller.domain.job import Job, JobState, Rerun, Try, back_in_line, move
from controller.domain.job_key import JobKey
from controller.domain.launch import Launch
from controller.domain.runner import Lifecycle, Runner, RunnerState
from runner_agent.contract import wire
from tests.fakes import samples

NOW = samples.NOW + 100.0


def story(job: Job, *machines: Runner, drained: bool = False, launches: tuple[Launch, ...] = ()) -> Story:
    by_id = {machine.instance_id: machine for machine in machines}
    return told(Evidence(job, by_id, {launch.launch_id: launch for launch in launches}, drained), NOW)


def waiting(reason: str = "", queued_at: float = samples.NOW) -> Job:
    return samples.job(1, reason=reason, queued_at=queued_at, received_at=queued_at)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (waiting(queued_at=NOW - 20), "Waiting for 20 s: it has just come"),
        (waiting(), "Waiting for 1 min 40 s: its turn has not come"),
        (waiting("spot: InsufficientInstanceCapacity"), "Waiting for 1 min 40 s: spot: InsufficientInstanceCapacity."),
        (replace(waiting(), state=JobState.LAUNCHING, since=NOW - 2, rung="spot"), "EC2 is being asked for a machine"),
        (replace(waiting(), state=JobState.LAUNCHED, since=NOW - 40, instance_id="i-1"), "Its machine boots for 40 s"),
        (replace(waiting(), state=JobState.CLAIMED, since=NOW - 3, instance_id="i-1"), "Its machine is registered"),
        (replace(waiting(), state=JobState.RUNNING, started_at=NOW - 60, runner_name="elsewhere"), "Running for 1 min"),
        (replace(waiting(), state=JobState.REFUSED, reason="cpu=0: no"), "Refused: cpu=0: no."),
        (
            replace(waiting(), state=JobState.COMPLETED, conclusion="success", started_at=NOW - 9, completed_at=NOW),
            "Ended as success after 9.0 s: on no machine of ours.",
        ),
        (replace(waiting(), state=JobState.COMPLETED, reason="its machine is gone"), "Ended, as far as is known"),
    ],
)
def test_the_first_line_is_the_answer(job: Job, words: str) -> None:
    assert story(job).answer.startswith(words)


@pytest.mark.parametrize(
    ("rerun", "words"),
    [
        (Rerun.WANTED, "as soon as GitHub allows it"),
        (Rerun.MADE, "it runs again on-demand in the next attempt of run 17"),
        (Rerun.DECLINED, "it is not run again: retry=false"),
        (Rerun.OVERTAKEN, "somebody else has run it again"),
    ],
)
def test_an_interrupted_job_says_what_became_of_its_rerun(rerun: Rerun, words: str) -> None:
    job = replace(waiting("retry=false"), state=JobState.COMPLETED, conclusion="failure", rerun=rerun, run_id=17)

    assert words in story(job).answer


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("configuration big is held back: machine after machine never claimed; one is tried", "mend the image"),
        ("spot: the account's limit: MaxSpotInstanceCountExceeded", "a quota of the account"),
        ("spot: closed by the operator", "spotrunner breaker auto"),
        ("on-demand: InsufficientInstanceCapacity", "asked again by itself"),
        ("", "spotrunner status"),
        ("something quite new", ""),
    ],
)
def test_a_job_that_waits_says_what_can_be_done(reason: str, cure: str) -> None:
    found = story(waiting(reason)).cure

    assert cure in found
    assert bool(found) == bool(cure)


def test_a_drained_region_is_why_its_jobs_wait_whatever_their_record_says() -> None:
    found = story(waiting("spot: InsufficientInstanceCapacity"), drained=True)

    assert found.answer == "Waiting for 1 min 40 s: us-east-1 is drained and launches nothing."
    assert "spotrunner resume --region us-east-1" in found.cure


def test_everything_is_told_in_the_order_of_time_with_what_came_to_nothing() -> None:
    launching = move(
        waiting(), JobState.LAUNCHING, samples.NOW + 1, launch_id="launch-1", rung="spot", rung_reason="the first"
    )
    lost = replace(move(launching, JobState.LAUNCHED, samples.NOW + 2, instance_id="i-1"))
    again = back_in_line(lost, samples.NOW + 50, "i-1: it should have claimed 2 s ago")
    job = move(again, JobState.LAUNCHING, samples.NOW + 51, launch_id="launch-2", rung="on-demand", rung_reason="")
    dead = samples.runner("i-1", state=RunnerState.GONE, launched_at=samples.NOW + 2, since=samples.NOW + 50)
    first = samples.launch("launch-1", created_at=samples.NOW + 1)

    found = story(job, dead, launches=(first,))

    assert [each.what for each in found.happened] == [
        "queued at GitHub",
        "heard of it by webhook",
        "asked EC2 for spot (the first)",
        f"launched: {dead.instance_type}, {dead.zone}, {dead.lifecycle}",
        "gone: no reason is on record",
        "back in line: it should have claimed 2 s ago",
        "asked EC2 for on-demand",
    ]
    assert [each.at for each in found.happened] == sorted(each.at for each in found.happened)


def test_a_machine_taken_away_tells_when_who_said_so_and_what_became_of_the_job() -> None:
    at = samples.NOW
    job = replace(
        waiting("retry=false"),
        state=JobState.COMPLETED,
        conclusion="failure",
        instance_id="i-1",
        runner_name="spotrunner-i-1-1",
        started_at=at + 20,
        completed_at=at + 90,
        rerun=Rerun.DECLINED,
        rerun_at=at + 95,
    )
    machine = samples.runner(
        "i-1",
        state=RunnerState.FINISHED,
        launched_at=at + 2,
        claimed_at=at + 10,
        registered_at=at + 20.4,
        started_at=at + 20,
        noticed_at=at + 60,
        noticed_by="the machine itself",
        interruption="terminate",
        finished_at=at + 91,
        result="interrupted",
    )

    said = [(each.at - at, each.what) for each in story(job, machine).happened[4:]]

    assert said == [
        (pytest.approx(20.4), "its runner listens"),
        (pytest.approx(20.4), "its runner has a job"),
        (pytest.approx(20.4), "GitHub: running on spotrunner-i-1-1"),
        (60, "to be taken away (terminate), says the machine itself"),
        (90, "GitHub: ended as failure"),
        (91, "finished: interrupted, taken away: terminate"),
        (95, "not run again: retry=false"),
    ]


@pytest.mark.parametrize(
    ("interruption", "words"),
    [
        ("vanished", "gone: it was missed, without a notice, found by a sweep"),
        ("hung", "gone: it was missed, it had hung, found by a sweep"),
        ("rebalance", "gone: it was missed"),
        ("", "gone: it was missed"),
    ],
)
def test_a_machine_that_is_gone_tells_how_that_was_found(interruption: str, words: str) -> None:
    gone = samples.runner(
        "i-1",
        state=RunnerState.GONE,
        since=NOW,
        reason="it was missed",
        interruption=interruption,
        noticed_by="a sweep",
    )

    assert story(waiting(), gone).happened[-1].what == words


def test_all_machines_and_launches_that_a_record_names_are_looked_up_once() -> None:
    job = replace(
        waiting(),
        tries=(Try(JobState.LAUNCHED, 1.0, 2.0, "", "l-1", "i-1"), Try(JobState.LAUNCHING, 3.0, 4.0, "", "l-2")),
        launch_id="l-3",
        instance_id="i-2",
        runner_name="spotrunner-i-2-1",
    )

    assert machines_of(job) == ("i-1", "i-2")
    assert launches_of(job) == ("l-1", "l-2", "l-3")


def test_a_machine_that_ran_another_job_is_not_on_this_jobs_bill() -> None:
    job = replace(waiting(), state=JobState.RUNNING)
    mine = samples.runner("i-1", instance_type="c7i.large", launched_at=NOW - 3600, ran=job.key)
    strangers = replace(mine, instance_id="i-2", ran=JobKey(99, 1))

    found = story(job, mine, strangers)

    assert found.usd == found.machines[0].usd
    assert found.usd is not None


def test_a_cost_that_is_not_known_is_not_made_up() -> None:
    found = story(waiting(), samples.runner("i-1", instance_type="u99.metal", lifecycle=Lifecycle.SPOT))

    assert found.usd is None
    assert found.machines[0].usd is None


@pytest.mark.parametrize(
    ("server", "page"),
    [
        ("https://api.github.com", "https://github.com/octo/hello/actions/runs/17/job/1"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com/octo/hello/actions/runs/17/job/1"),
        ("https://git.example.com/api/v3", "https://git.example.com/octo/hello/actions/runs/17/job/1"),
        ("", ""),
    ],
)
def test_the_page_of_a_job_is_beside_its_servers_api(server: str, page: str) -> None:
    assert story(replace(waiting(), server=server, run_id=17)).page == page


anything: Any = st.builds(
    Evidence,
    job=st.from_type(Job),
    machines=st.lists(st.from_type(Runner), max_size=3).map(lambda found: {each.instance_id: each for each in found}),
    launches=st.lists(st.from_type(Launch), max_size=2).map(lambda found: {each.launch_id: each for each in found}),
    drained=st.booleans(),
)


@given(found=anything, now=st.floats(0, 1e11), columns=st.integers(1, 300))
def test_no_record_is_too_strange_to_be_told_and_shown(found: Evidence, now: float, columns: int) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", str(columns))
        whole = told(found, now)
        job_page.show(whole)

    assert whole.answer
    assert json.loads(json.dumps(wire.encode(whole)))["job"] == found.job.id
