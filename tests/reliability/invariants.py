"""What must be true once everything is at rest, seen from the cloud's and from GitHub's side."""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.job import Job
from tests.reliability.hub import Status
from tests.reliability.machines import Machine, Phase
from tests.reliability.universe import JOB_LIMIT_S, Universe

UNCLAIMED_S = 180.0 + 120.0 + 60.0
"""Lease, grace, and the sweep's next round."""
CLAIMED_S = 330.0
KILLED_AGAIN_S = 120.0 + 2 * 60.0
"""A termination that failed is made up for by the sweep of orphans."""


def violations(world: Universe) -> list[str]:
    """Everything that an onlooker would complain about."""
    return [*world.findings.violations, *_lost(world), *_leaked(world), *_left_over(world)]


def _lost(world: Universe) -> Iterator[str]:
    for job in world.hub.open:
        if not world.explained(job):
            record = world.shelf.get(Job, str(job.key))
            known = f"{record.state} ({record.reason})" if record else "never heard of"
            yield f"job {job.key} is lost: {job.status} at GitHub, {known} here"


def _leaked(world: Universe) -> Iterator[str]:
    for machine in world.fates.values():
        if machine.phase is not Phase.OFF or world.fleet.owned[machine.name].running:
            yield f"{machine.name} still runs, {machine.phase}"
        elif (age := (machine.died or 0.0) - machine.born) > longest_life(machine):
            yield f"{machine.name} lived for {age:.0f} s of {longest_life(machine):.0f}"


def longest_life(machine: Machine) -> float:
    """How old a machine may grow, in the worst case of a single failure."""
    claimed = CLAIMED_S if machine.runner_name else 0.0
    return UNCLAIMED_S + claimed + KILLED_AGAIN_S + (JOB_LIMIT_S if machine.ran else 0.0)


def _left_over(world: Universe) -> Iterator[str]:
    explained = {event.message for event in world.told.of(MessageRejected)}
    explained |= {event.message for event in world.told.of(MessageDelayed)}
    for name, queue in world.queues.items():
        yield from (f"{message.id} never leaves the queue" for message in queue.messages.values())
        for message in queue.dead:
            if message.id not in explained:
                yield f"{message.id} died on {name} without a reason: {message.text[:80]}"
    for record in world.restless():
        yield f"record {record} never comes to its end"
    for job in world.hub.jobs.values():
        known = world.shelf.get(Job, str(job.key))
        if job.status is Status.COMPLETED and known and known.conclusion not in {"", job.conclusion}:
            yield f"job {job.key} ended with {job.conclusion}, not {known.conclusion}"
