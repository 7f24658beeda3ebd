"""What must be true once everything is at rest, seen from the cloud's and from GitHub's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.job import Job
from controller.domain.launch import Launch
from tests.controller.usecases.world import SPARE_LIFE_S
from tests.reliability.hub import Status
from tests.reliability.machines import Machine, Phase
from tests.reliability.universe import JOB_LIMIT_S, Universe

UNCLAIMED_S = 180.0 + 120.0 + 60.0
"""Lease, grace, and the sweep's next round."""
CLAIMED_S = 330.0
KILLED_AGAIN_S = 120.0 + 2 * 60.0
"""A termination that failed is made up for by the sweep of orphans."""


DAY_SLACK_S = 1_200.0
"""For several faults in a row, each of which costs a round of some sweep."""
MOST_MACHINES = 20
"""For one attempt, whatever may happen to them: ten that come to nothing, replacements, interruptions."""


def violations(world: Universe) -> list[str]:
    """Everything that an onlooker would complain about after a single fault."""
    broken = [text for promise in world.promises for text in promise()]
    return [*violations_of_day(world), *_too_old(world, 0.0), *_unexplained(world), *broken]


def violations_of_day(world: Universe) -> list[str]:
    """What must hold however many faults there were."""
    slack = DAY_SLACK_S
    return [
        *world.findings.violations,
        *_lost(world),
        *_leaked(world),
        *_too_old(world, slack),
        *_left_over(world),
        *_wasted(world),
    ]


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


def _too_old(world: Universe, slack_s: float) -> Iterator[str]:
    for machine in world.fates.values():
        age = (machine.died or machine.born) - machine.born
        if age > longest_life(machine) + slack_s:
            yield f"{machine.name} lived for {age:.0f} s of {longest_life(machine):.0f}"


def _wasted(world: Universe) -> Iterator[str]:
    launched: Counter[str] = Counter()
    for machine in world.fates.values():
        launch = world.shelf.get(Launch, machine.launch_id)
        if launch is not None and len(launch.jobs) == 1:
            launched[str(launch.jobs[0])] += 1
    yield from (f"job {job} had {count} machines" for job, count in launched.items() if count > MOST_MACHINES)


def longest_life(machine: Machine) -> float:
    """How old a machine may grow, in the worst case of a single failure."""
    claimed = CLAIMED_S if machine.runner_name else 0.0
    spare = SPARE_LIFE_S if machine.was_spare else 0.0
    return UNCLAIMED_S + spare + claimed + KILLED_AGAIN_S + (JOB_LIMIT_S if machine.ran else 0.0)


def _left_over(world: Universe) -> Iterator[str]:
    for queue in world.queues.values():
        yield from (f"{message.id} never leaves the queue" for message in queue.messages.values())
        if queue.vanished:
            yield f"{queue.vanished} messages are gone from {queue.spec.name}, and nobody has answered for them"
    for record in world.restless():
        yield f"record {record} never comes to its end"
    for job in world.hub.jobs.values():
        known = world.shelf.get(Job, str(job.key))
        if job.status is Status.COMPLETED and known and known.conclusion not in {"", job.conclusion}:
            yield f"job {job.key} ended with {job.conclusion}, not {known.conclusion}"


def _unexplained(world: Universe) -> Iterator[str]:
    explained = {event.message for event in world.told.of(MessageRejected)}
    explained |= {event.message for event in world.told.of(MessageDelayed)}
    for name, queue in world.queues.items():
        for message in queue.dead:
            if message.id not in explained:
                yield f"{message.id} died on {name} without a reason: {message.text[:80]}"
