"""A webhook is lost, a machine dies in boot, a job is cancelled meanwhile: nothing is lost, and nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.local.aws.boots import Boot
from controller.local.stage import QUICK, Stage, wait_until_settled
from controller.local.truth import judge

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0

SOON = {**QUICK, "claim_deadline_s": 8.0, "lease_grace_s": 3.0, "scan_grace_s": 2.0}
"""What is overdue is looked for within seconds."""


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path / "run", settings=SOON) as running:
        yield running


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


def settled(stage: Stage, *harmed: str) -> str:
    """The verdict on what is over; harmed machines came to nothing by no fault of the platform."""
    assert wait_until_settled(stage, PATIENCE_S)
    machines = list(stage.machines().values())
    return judge(stage.jobs(), machines, stage.calls(), stage.processes(), frozenset(harmed)).line()


GOOD = "1 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"


def test_a_job_whose_webhook_never_came_is_found_by_the_scan(hasty: Stage, one_job: Path) -> None:
    hasty.github.lose_next("queued")

    hasty.github.submit(one_job)

    until(hasty.machines)
    assert settled(hasty) == GOOD
    assert "accepted by scan" in hasty.cloud.function_log("dispatch")


def test_a_delivery_that_nobody_took_is_sent_again(tmp_path: Path, one_job: Path) -> None:
    with Stage(tmp_path / "run", settings={**SOON, "scan_grace_s": 600.0}) as stage:
        stage.github.fail_next_delivery("queued")

        stage.github.submit(one_job)

        until(stage.machines)
        assert settled(stage) == GOOD
        queued = [each for each in stage.github.deliveries if each.action == "queued"]
        assert [(each.status_code, each.redelivery) for each in queued] == [(502, False), (202, True)]
        assert len({each.guid for each in queued}) == 1


def test_a_machine_that_dies_silently_in_boot_is_replaced_and_its_console_kept(hasty: Stage, one_job: Path) -> None:
    hasty.cloud.next_boot(Boot.SILENT)

    hasty.github.submit(one_job)

    until(lambda: len(hasty.machines()) == 2)
    assert settled(hasty) == GOOD
    first = next(iter(hasty.cloud.instances())).id
    until(lambda: f"{first} of linux-2cpu never claimed" in hasty.cloud.function_log("housekeeping"))


def test_a_machine_that_ec2_ends_in_boot_is_replaced(hasty: Stage, one_job: Path) -> None:
    hasty.cloud.next_boot(Boot.FAILS)

    hasty.github.submit(one_job)

    until(lambda: len(hasty.machines()) == 2)
    failed, replacement = hasty.machines().values()
    assert settled(hasty, failed.instance_id) == GOOD
    assert failed.ended_at is not None
    assert failed.ended_at <= replacement.launched_at


def test_a_machine_whose_job_is_cancelled_while_it_boots_ends_and_leaves_no_runner(stage: Stage, one_job: Path) -> None:
    stage.cloud.next_boot(Boot.SLOW, extra_s=20.0)
    stage.github.submit(one_job)
    until(stage.machines)

    stage.github.cancel(stage.github.runs[0].id)

    assert wait_until_settled(stage, PATIENCE_S)
    (machine,) = stage.machines().values()
    assert not machine.running
    assert stage.github.runners == ()
    assert stage.processes() == []
