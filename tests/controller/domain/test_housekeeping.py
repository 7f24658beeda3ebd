"""Who may be ended, who is given up, and who is left in peace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.housekeeping import (
    Close,
    Note,
    Patience,
    Release,
    Seen,
    Terminate,
    WriteOff,
    orphans,
    overdue,
    stranded,
    vanished,
)
from controller.domain.job import JobState
from controller.domain.runner import ALIVE, Runner, RunnerState
from tests.fakes import samples

PATIENCE = Patience(provisioning_s=600.0, grace_s=120.0)
NOW = 10_000.0
ENDED = [RunnerState.FINISHED, RunnerState.GONE]


def seen(name: str = "i-1", *, age: float = 5_000.0, running: bool = True) -> Seen:
    return Seen(name, NOW - age, running)


def test_a_machine_without_a_record_is_ended_once_it_is_too_old_to_be_a_launch_still_being_settled() -> None:
    machines = [seen("i-old", age=601), seen("i-young", age=599), seen("i-off", age=9_000, running=False)]

    deeds = orphans(machines, {}, NOW, PATIENCE)

    assert deeds == [Terminate("i-old", "no record of it")]


@pytest.mark.parametrize("state", ENDED)
def test_a_machine_that_has_said_its_last_word_gets_time_to_power_itself_off(state: RunnerState) -> None:
    fresh = samples.runner(state=state, since=NOW - 119)
    late = samples.runner(state=state, since=NOW - 121)

    assert orphans([seen()], {"i-1": fresh}, NOW, PATIENCE) == []
    assert orphans([seen()], {"i-1": late}, NOW, PATIENCE) == [Terminate("i-1", f"{state} for 121 s and still running")]


@pytest.mark.parametrize("state", sorted(ALIVE))
def test_a_machine_whose_record_is_alive_is_no_orphan_however_old(state: RunnerState) -> None:
    record = samples.runner(state=state, since=0.0, lease_until=0.0)

    assert orphans([seen(age=NOW)], {"i-1": record}, NOW, PATIENCE) == []


@pytest.mark.parametrize("state", sorted(ALIVE))
def test_a_machine_that_the_cloud_no_longer_runs_is_noted_first_and_written_off_later(state: RunnerState) -> None:
    record = samples.runner(state=state, launched_at=NOW - 5_000)
    noted = replace(record, missing_since=NOW - 121)

    assert vanished([seen(running=False)], [record], NOW, PATIENCE) == [Note(record, NOW)]
    assert vanished([seen(running=False)], [replace(noted, missing_since=NOW - 119)], NOW, PATIENCE) == []
    assert vanished([seen(running=False)], [noted], NOW, PATIENCE) == [
        WriteOff(noted, "the cloud no longer runs it", terminate=False)
    ]


def test_a_machine_that_is_there_again_is_not_held_to_have_been_missing() -> None:
    record = samples.runner(launched_at=NOW - 5_000)
    noted = replace(record, missing_since=NOW - 60)

    assert vanished([seen(running=True)], [record], NOW, PATIENCE) == []
    assert vanished([seen(running=True)], [noted], NOW, PATIENCE) == [Note(noted, None)]


def test_a_machine_just_launched_may_be_missing_from_the_clouds_list() -> None:
    record = samples.runner(launched_at=NOW - 119)

    assert vanished([], [record], NOW, PATIENCE) == []


@pytest.mark.parametrize(
    ("state", "listened_at", "promise"),
    [
        (RunnerState.CLAIMED, None, "its runner should have listened 121 s ago"),
        (RunnerState.CLAIMED, 9_800.0, "its runner should have had a job 121 s ago"),
        (RunnerState.BUSY, None, "its job should have ended 121 s ago"),
    ],
)
def test_a_broken_promise_is_named_and_the_machine_ended_only_after_the_grace(
    state: RunnerState, listened_at: float | None, promise: str
) -> None:
    late = samples.runner(state=state, lease_until=NOW - 121, registered_at=listened_at)
    nearly = replace(late, lease_until=NOW - 120)

    assert overdue([late], NOW, PATIENCE) == [WriteOff(late, promise, terminate=True)]
    assert overdue([nearly], NOW, PATIENCE) == []


def test_a_machine_that_has_not_claimed_by_its_deadline_gets_no_grace() -> None:
    late = samples.runner(state=RunnerState.LAUNCHED, lease_until=NOW - 1)
    nearly = samples.runner(state=RunnerState.LAUNCHED, lease_until=NOW)

    assert overdue([late], NOW, PATIENCE) == [WriteOff(late, "it should have claimed 1 s ago", terminate=True)]
    assert overdue([nearly], NOW, PATIENCE) == []


@pytest.mark.parametrize("state", ENDED)
def test_a_machine_that_ended_meanwhile_is_not_overdue(state: RunnerState) -> None:
    assert overdue([samples.runner(state=state, lease_until=0.0)], NOW, PATIENCE) == []


@pytest.mark.parametrize("machine", RunnerState)
@pytest.mark.parametrize("state", JobState)
def test_a_job_is_released_only_while_it_counts_on_a_machine_that_has_ended(
    state: JobState, machine: RunnerState
) -> None:
    job = samples.job(state=state, instance_id="i-1", since=NOW - 500)
    record = samples.runner(state=machine, since=NOW - 500)

    deeds = stranded([job], {"i-1": record}, NOW, PATIENCE)

    if state in {JobState.LAUNCHED, JobState.CLAIMED} and machine in ENDED:
        assert deeds == [Release(job, "i-1 has ended without it")]
    else:
        assert deeds == []


@pytest.mark.parametrize(("job_since", "machine_since"), [(NOW - 119, 0.0), (0.0, NOW - 119)])
def test_a_stranded_job_is_given_time_for_the_reports_to_be_joined(job_since: float, machine_since: float) -> None:
    job = samples.job(state=JobState.CLAIMED, instance_id="i-1", since=job_since)
    record = samples.runner(state=RunnerState.FINISHED, since=machine_since)

    assert stranded([job], {"i-1": record}, NOW, PATIENCE) == []


@pytest.mark.parametrize(("ago", "deeds"), [(599, 0), (601, 1)])
def test_a_machine_that_ran_something_unheard_of_does_not_hold_its_job_for_ever(ago: float, deeds: int) -> None:
    job = samples.job(state=JobState.CLAIMED, instance_id="i-1", since=NOW - ago)
    record = samples.runner(state=RunnerState.FINISHED, started_at=NOW - 5_000, since=NOW - 4_000)

    assert len(stranded([job], {"i-1": record}, NOW, PATIENCE)) == deeds


@pytest.mark.parametrize(
    ("installation", "ago", "deeds"),
    [
        (0, 599, 0),  # never heard to be queued: GitHub can not be asked about it
        (0, 601, 1),
        (7, 3_599, 0),  # asked about again and again meanwhile
        (7, 3_601, 1),
    ],
)
def test_a_running_job_ends_with_its_machine_when_nobody_says_how(installation: int, ago: float, deeds: int) -> None:
    job = samples.job(state=JobState.RUNNING, instance_id="i-1", since=NOW - 5_000, installation_id=installation)
    record = samples.runner(state=RunnerState.FINISHED, started_at=NOW - 5_000, since=NOW - ago)

    found = stranded([job], {"i-1": record}, NOW, PATIENCE)

    assert found == [Close(job, "i-1 has ended, and how the job ended was never heard")] * deeds


def test_a_job_without_a_recorded_machine_is_left_to_its_launch() -> None:
    assert stranded([samples.job(state=JobState.LAUNCHED, instance_id="i-1")], {}, NOW, PATIENCE) == []


TIMES = st.floats(0, NOW)
NAMES = st.sampled_from(["i-1", "i-2", "i-3"])
MACHINES = st.lists(st.builds(Seen, NAMES, TIMES, st.booleans()), max_size=3, unique_by=lambda one: one.instance_id)
RUNNERS = st.lists(
    st.builds(
        samples.runner,
        NAMES,
        state=st.sampled_from(RunnerState),
        launched_at=TIMES,
        since=TIMES,
        lease_until=st.floats(0, 2 * NOW),
    ),
    max_size=3,
    unique_by=lambda one: one.instance_id,
)


@given(MACHINES, RUNNERS)
def test_no_machine_with_a_living_record_and_a_lease_is_ever_ended(machines: list[Seen], runners: list[Runner]) -> None:
    records = {runner.instance_id: runner for runner in runners}

    deeds = orphans(machines, records, NOW, PATIENCE) + overdue(runners, NOW, PATIENCE)
    ended = {deed.instance_id for deed in deeds if isinstance(deed, Terminate)}
    ended |= {deed.runner.instance_id for deed in deeds if isinstance(deed, WriteOff) and deed.terminate}

    for name in ended & records.keys():
        assert records[name].state not in ALIVE or records[name].lease_until < NOW


@given(MACHINES, RUNNERS)
def test_no_machine_that_the_cloud_runs_is_given_up_as_vanished(machines: list[Seen], runners: list[Runner]) -> None:
    deeds = vanished(machines, runners, NOW, PATIENCE)

    running = {machine.instance_id for machine in machines if machine.running}
    written_off = {deed.runner.instance_id for deed in deeds if isinstance(deed, WriteOff)}
    assert not running & written_off


@given(MACHINES, RUNNERS)
def test_every_machine_that_runs_too_long_is_ended_by_one_of_the_two_sweeps(
    machines: list[Seen], runners: list[Runner]
) -> None:
    records = {runner.instance_id: runner for runner in runners}
    far = 10 * NOW

    deeds = orphans(machines, records, far, PATIENCE) + overdue(runners, far, PATIENCE)

    ended = {deed.instance_id for deed in deeds if isinstance(deed, Terminate)}
    ended |= {deed.runner.instance_id for deed in deeds if isinstance(deed, WriteOff)}
    assert {machine.instance_id for machine in machines if machine.running} <= ended
