"""How soon the last of many equal jobs has its machine, against what EC2's published limits allow at best.

python -m benchmarks.burst_bound [JOBS]

The production use cases run over records in memory and a clock that is turned, against the local cloud's buckets.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from controller.adapters.threads import AT_ONCE
from controller.domain.job import Job, JobState
from controller.domain.launch import LaunchAnswer, LaunchPlan, Refusal
from controller.domain.refusal import RefusalKind
from controller.errors import Unavailable
from controller.local.aws.buckets import Buckets, Limits
from controller.local.aws.refusals import ServiceError
from controller.messages import Wake
from runner_agent.contract import wire
from tests.controller.usecases.world import World
from tests.fakes import samples
from tests.fakes.fleet import FakeFleet

CREATE_FLEET_S = 2.5
SCHEDULE_S = 60.0
GOAL = 1.1


class Account(FakeFleet):
    """A cloud with room for everybody, behind an account's buckets."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now)
        self.clock = world.clock
        self.buckets = Buckets(Limits(), self._latest)
        self.throttled = 0
        self.last = 0.0
        self._now = 0.0

    def _latest(self) -> float:
        """Of launches side by side one is looked at after the other, and the buckets' time never runs back."""
        self._now = max(self._now, self.clock.now)
        return self._now

    def launch(self, request: str) -> LaunchAnswer:
        """One CreateFleet, with the time that it takes."""
        self.clock.turn(CREATE_FLEET_S)
        wanted = wire.loads(LaunchPlan, request).count
        try:
            self.buckets.request("CreateFleet")
        except ServiceError as error:
            self.throttled += 1
            raise Unavailable(str(error)) from error
        granted = self.buckets.launches(wanted)
        if granted < wanted:
            self.buckets.give_back(granted)
            self.throttled += 1
            return LaunchAnswer(refusals=(Refusal(RefusalKind.RATE, "RequestLimitExceeded"),))
        self.last = max(self.last, self.clock.now)
        return super().launch(request)


class SideBySide:
    """Threads that wait for the cloud, in turned time: each begins when one of the first has ended."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock

    def __call__(self, launch: Callable[[Sequence[Job]], None], groups: Sequence[Sequence[Job]]) -> None:
        """Launch for all groups."""
        ends = [self.clock.now] * AT_ONCE
        for group in groups:
            first = ends.index(min(ends))
            self.clock.now = ends[first]
            launch(group)
            ends[first] = self.clock.now
        self.clock.now = max(ends)


def bound(jobs: int) -> float:
    """The least number of seconds that any caller needs: the burst at once, then as tokens come back."""
    rate = Limits().machines["RunInstances"]
    return CREATE_FLEET_S + max(0.0, jobs - rate.burst) / rate.per_s


def run(jobs: int) -> tuple[float, Account]:
    """Seconds until the last job has its machine, by one dispatcher."""
    world = World()
    account = Account(world)
    world.fleet = account
    world.doors()
    world.dispatch = replace(world.dispatch, side_by_side=SideBySide(world))
    world.jobs.add([samples.job(n) for n in range(1, jobs + 1)])
    began = world.clock.now
    while JobState.WAITING in world.states().values():
        world.wake()
        _rest(world)
    return account.last - began, account


def _rest(world: World) -> None:
    """Until the next wake-up: one that a dispatcher has asked for, or the schedule's."""
    asked = zip(world.outbox.sent, world.outbox.delays, strict=True)
    world.clock.turn(min([SCHEDULE_S, *(delay for sent, delay in asked if isinstance(sent, Wake))]))
    world.outbox.sent.clear()
    world.outbox.delays.clear()


def main(jobs: int) -> int:
    """Print the table; 1 where the goal is missed."""
    print(f"{platform.machine()}, Python {platform.python_version()}; CreateFleet takes {CREATE_FLEET_S} s")
    print("| jobs | last machine, s | bound, s | ratio | CreateFleet calls | throttled | CPU s |")
    print("|---|---|---|---|---|---|---|")
    missed = False
    for count in dict.fromkeys((100, 1_000, 2_000, jobs)):
        began = time.process_time()
        seconds, account = run(count)
        ratio = seconds / bound(count)
        missed = missed or (count == jobs and ratio > GOAL)
        print(
            f"| {count} | {seconds:.1f} | {bound(count):.1f} | {ratio:.3f} | {len(account.requests)} "
            f"| {account.throttled} | {time.process_time() - began:.1f} |"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
