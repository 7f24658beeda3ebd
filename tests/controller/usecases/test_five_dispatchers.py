"""Five dispatchers side by side against the published buckets: they trip nothing that one alone would not."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from controller.domain.capacity import Terms
from controller.domain.launch import LaunchAnswer, Machine, Offering, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from controller.local.aws.buckets import Buckets, Limits
from controller.local.aws.refusals import ServiceError
from controller.usecases.capacity_book import CapacityBook
from tests.fakes.memory import FakeMemory

HERE = Offering("c7a.large", "us-east-1a", "subnet-a")


@dataclass
class Region:
    """A clock, the account's buckets, and a line of so many equal jobs."""

    waiting: int
    seed: int
    now: float = 1_000.0
    throttled: int = 0
    started: int = 0
    last: float = 0.0
    memory: FakeMemory = field(default_factory=FakeMemory)
    buckets: Buckets = field(init=False)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - a simulation
        self.buckets = Buckets(Limits(), lambda: self.now)

    def create_fleet(self, wanted: int) -> LaunchAnswer | None:
        """What EC2 answers; None where it throttles the call itself."""
        try:
            self.buckets.request("CreateFleet")
        except ServiceError:
            self.throttled += 1
            return None
        granted = self.buckets.launches(wanted)
        self.throttled += granted < wanted
        self.started += granted
        self.last = self.now
        no = (Refusal(RefusalKind.RATE, "RequestLimitExceeded"),) if granted < wanted else ()
        return LaunchAnswer(tuple(Machine(f"i-{n}", "c7a.large", "a", Lifecycle.SPOT) for n in range(granted)), no)


def dispatcher(region: Region, name: int, batch: int) -> Iterator[float]:
    """Launches for batches of the line; yields how long it is busy, or waits."""
    ids = count(1)
    book = CapacityBook(region.memory, Terms(), lambda: region.now, lambda: f"{name}-{next(ids)}")
    while region.waiting:
        turn = book.turn(Lifecycle.SPOT, (HERE,), min(batch, region.waiting))
        if not turn.count:
            yield 2.0 + region.dice.random()
            continue
        region.waiting -= turn.count
        yield region.dice.uniform(0.01, 0.2)
        answer = region.create_fleet(turn.count)
        if answer is None:
            book.unanswered()
        else:
            book.answered(Lifecycle.SPOT, turn, answer)
        region.waiting += turn.count - (len(answer.machines) if answer else 0)
        yield region.dice.uniform(0.2, 2.5)


def simulate(region: Region, dispatchers: int, batch: int) -> None:
    """All of them at once, each at its own pace."""
    running = [dispatcher(region, name, batch) for name in range(dispatchers)]
    due = [(region.now, name) for name in range(dispatchers)]
    while due:
        region.now, name = heapq.heappop(due)
        busy = next(running[name], None)
        if busy is not None:
            heapq.heappush(due, (region.now + busy, name))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("jobs", "batch"), [(1_500, 99), (600, 1), (400, 3)])
def test_five_dispatchers_trip_nothing_that_one_would_not(seed: int, jobs: int, batch: int) -> None:
    one, five = Region(jobs, seed), Region(jobs, seed)

    simulate(one, 1, batch)
    simulate(five, 5, batch)

    assert one.started == five.started == jobs
    assert (one.throttled, five.throttled) == (0, 0)


def test_what_others_in_the_account_have_used_up_is_learned_from_the_first_refusal() -> None:
    region = Region(300, seed=1)
    region.buckets.launches(990)

    simulate(region, 5, 50)

    assert region.started == 300
    assert region.throttled <= 8
