from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.job import JobState
from controller.domain.region_health import MARGIN, Lease, first, may_still_run, rehomed, renewed
from controller.domain.runner import RunnerState
from controller.errors import Rejected
from tests.fakes import samples

LENGTH = 300.0


def test_a_lease_holds_until_a_margin_before_others_call_its_region_lost() -> None:
    lease = renewed(None, 1_000.0, LENGTH)

    assert lease.holds(1_000.0)
    assert lease.holds(1_239.0)
    assert not lease.holds(1_240.0)
    assert not lease.is_lost(1_299.0, LENGTH)
    assert lease.is_lost(1_300.0, LENGTH)


def test_a_region_that_comes_back_waits_until_it_has_seen_what_others_did_meanwhile() -> None:
    lease = renewed(renewed(None, 1_000.0, LENGTH), 2_000.0, LENGTH)

    assert not lease.holds(2_059.0)
    assert lease.holds(2_060.0)
    assert not lease.is_lost(2_000.0, LENGTH)


def test_signs_of_life_while_it_waits_do_not_make_it_wait_longer() -> None:
    back = renewed(Lease(0.0, 1_000.0), 2_000.0, LENGTH)

    assert renewed(back, 2_030.0, LENGTH).since == back.since


@given(st.lists(st.floats(0.0, 900.0), min_size=1, max_size=20), st.floats(1.0, 1_000.0))
def test_no_region_may_write_at_a_moment_at_which_another_may_call_it_lost(gaps: list[float], length: float) -> None:
    now, lease = 0.0, renewed(None, 0.0, length)

    for gap in gaps:
        # All that others can have seen is the lease before this one.
        seen, now = lease, now + gap
        lease = renewed(lease, now, length)

        if seen.is_lost(now, length):
            assert not lease.holds(now)
            assert lease.since >= now + length * MARGIN


@given(st.floats(0, 2e9), st.floats(0, 2e9))
def test_a_lease_reads_back_as_it_was_written(since: float, until: float) -> None:
    assert Lease.parse(str(Lease(since, until))) == Lease(since, until)


@pytest.mark.parametrize("text", ["", "1.0", "1.0 soon", "1 2 3"])
def test_what_is_no_lease_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="lease"):
        Lease.parse(text)


def test_the_first_region_that_is_fit_is_in_charge() -> None:
    assert first(("a", "b", "c"), {"a"}) == "b"
    assert first(("a", "b"), {"a", "b"}) == ""


@pytest.mark.parametrize("state", [JobState.LAUNCHING, JobState.LAUNCHED, JobState.CLAIMED])
def test_a_job_that_had_a_machine_in_its_former_region_is_in_line_again(state: JobState) -> None:
    job = samples.job(state=state, launch_id="l", instance_id="i-1", epoch=3)

    moved = rehomed(job, "eu-west-1", 50.0, "us-east-1 is lost")

    assert (moved.state, moved.home, moved.epoch) == (JobState.WAITING, "eu-west-1", 4)
    assert (moved.launch_id, moved.instance_id) == ("", "")
    assert [(each.state, each.instance_id, each.reason) for each in moved.tries] == [
        (state, "i-1", "us-east-1 is lost")
    ]


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.RUNNING, JobState.COMPLETED, JobState.REFUSED])
def test_any_other_job_only_changes_its_home(state: JobState) -> None:
    job = samples.job(state=state, instance_id="i-1", reason="as it was")

    moved = rehomed(job, "eu-west-1", 50.0, "us-east-1 is lost")

    assert (moved.state, moved.instance_id, moved.reason) == (state, "i-1", "as it was")


def test_a_machine_may_come_for_its_job_until_its_lease_and_a_grace_are_over() -> None:
    job = samples.job(state=JobState.LAUNCHED, instance_id="i-1")
    runner = samples.runner(state=RunnerState.LAUNCHED, lease_until=500.0)

    assert may_still_run(job, runner, 619.0, 600.0, 120.0)
    assert not may_still_run(job, runner, 620.0, 600.0, 120.0)


def test_a_launch_of_which_nothing_is_known_may_have_made_machines_that_still_come() -> None:
    job = samples.job(state=JobState.LAUNCHING, launch_id="l", since=1_000.0)

    assert may_still_run(job, None, 1_719.0, 600.0, 120.0)
    assert not may_still_run(job, None, 1_720.0, 600.0, 120.0)


def test_no_machine_comes_for_a_job_in_line() -> None:
    assert not may_still_run(samples.job(), None, 0.0, 600.0, 120.0)
