"""Two regions of one environment over replicated tables: each write arrives elsewhere later, and the last one wins."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.launch import LaunchPlan
from controller.messages import Chores, JobMoved, Step
from controller.usecases.take_over import Peer
from runner_agent.contract import wire
from tests.controller.usecases.world import Clock, World, delivery
from tests.fakes import samples
from tests.fakes.fleet import FakeFleet, Pool
from tests.fakes.memory import FakeMemory
from tests.fakes.queue import Sent
from tests.fakes.records import FakeJobs

US, EU = "us-east-1", "eu-west-1"
REGIONS = (US, EU)
CLAIM_DEADLINE_S = 180.0

V = TypeVar("V")


_ENDED = frozenset({JobState.COMPLETED, JobState.REFUSED})


class NothingLeft(dict[Pool, int]):
    """Every pool of a cloud is sold out."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: Pool) -> int:
        return 0


class Replica(dict[str, V]):
    """One region's copy of a table: what is written here is on its way to the others."""

    def __init__(self, straits: Straits) -> None:
        super().__init__()
        self._straits = straits
        self._written: dict[str, float] = {}
        self.others: list[Replica[V]] = []

    def __setitem__(self, key: str, value: V) -> None:
        at = self._written[key] = self._straits.clock()
        super().__setitem__(key, value)
        self._straits.under_way += [Write(at, cast("Replica[Any]", other), key, value) for other in self.others]

    def arrive(self, at: float, key: str, value: V) -> None:
        """The write of another region, unless a later one is here already."""
        if at > self._written.get(key, 0.0):
            self._written[key] = at
            super().__setitem__(key, value)


@dataclass(frozen=True, slots=True)
class Write:
    """A write on its way to another region."""

    at: float
    to: Replica[Any]
    key: str
    value: object


@dataclass
class Straits:
    """What lies between the regions; `delay_s` is how long a write is on its way."""

    clock: Clock
    delay_s: float = 1.0
    under_way: list[Write] = field(default_factory=list)

    def table(self) -> tuple[Replica[Any], Replica[Any]]:
        """A new table with a replica in each region."""
        one, other = Replica[Any](self), Replica[Any](self)
        one.others, other.others = [other], [one]
        return one, other

    def carry(self) -> None:
        """Whatever has been on its way for long enough arrives, in the order in which it was written."""
        due = [write for write in self.under_way if write.at + self.delay_s <= self.clock.now]
        self.under_way = [write for write in self.under_way if write not in due]
        for write in due:
            write.to.arrive(write.at, write.key, write.value)


class Environment:
    """Both regions, each with doors, a cloud and queues of its own; GitHub is one. `down` lists the dead ones."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.straits = Straits(self.clock)
        self.down: set[str] = set()
        self.jobs = 0
        """How many there have been in a long story."""
        self.worlds = {region: World(region=region) for region in REGIONS}
        self.words: dict[str, list[JobMoved]] = {region: [] for region in REGIONS}
        self.there = {region: FakeMemory() for region in REGIONS}
        """Each region's own replica as the other one asks for it."""
        records, facts = self.straits.table(), self.straits.table()
        for n, world in enumerate(self.worlds.values()):
            self._join(world, records[n], facts[n], FakeFleet(self.clock.now, born=n * 1_000_000))
        for world in self.worlds.values():
            world.others = {
                region: Peer(FakeJobs(world.shelf, region), self.there[region], outbox)
                for region, outbox in world.peers.items()
            }
            world.doors()

    def _join(self, world: World, records: Replica[Any], facts: Replica[Any], fleet: FakeFleet) -> None:
        first = self.worlds[US]
        world.clock, world.fleet, world.regions = self.clock, fleet, REGIONS
        world.github, world.census = first.github, first.census
        world.shelf.records, world.memory.facts = records, facts
        self.there[world.region].facts = facts
        world.peers = {region: Abroad(self, region) for region in REGIONS if region != world.region}

    @property
    def us(self) -> World:
        """The region that is in charge of jobs that name none."""
        return self.worlds[US]

    @property
    def eu(self) -> World:
        """The other one."""
        return self.worlds[EU]

    def up(self) -> list[World]:
        """The regions whose doors work."""
        return [world for region, world in self.worlds.items() if region not in self.down]

    def lose(self, region: str) -> None:
        """From now on nothing of the region works, and nothing of it can be asked."""
        self.down.add(region)

    def beat(self) -> None:
        """A minute's housekeeping wherever it works, and everything that follows from it."""
        for world in self.up():
            world.sweep(Chores.REGIONS)
        self.settle()

    def settle(self) -> None:
        """Queues and straits are emptied wherever they can be."""
        self.clock.turn(self.straits.delay_s)
        self.straits.carry()
        for world in self.up():
            world.wake()
            words, self.words[world.region] = self.words[world.region], []
            for word in words:
                world.hear([delivery(word, "AROAREPORTS:reports")])

    def pass_time(self, seconds: float) -> None:
        """Time goes by, with housekeeping in every minute; a machine that nobody lets claim ends."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.turn(min(60.0, until - self.clock.now))
            self.end_idle_machines()
            self.beat()

    def end_idle_machines(self) -> None:
        """Machines power themselves off where they could not claim in time, whatever becomes of their region."""
        for world in self.worlds.values():
            world.fleet.now = self.clock.now
            for machine in world.fleet.running:
                claimed = machine.instance_id in {name.removeprefix("spotrunner-")[:-2] for name in self.runner_names()}
                if not claimed and self.clock.now - machine.launched_at > CLAIM_DEADLINE_S:
                    world.fleet.power_off(machine.instance_id)

    def runner_names(self) -> list[str]:
        """Every runner that GitHub has ever registered."""
        return [registration.name for registration in self.us.github.registrations]

    def queued(self, job_id: int, **changes: Any) -> None:  # noqa: ANN401 - fields of the message
        """GitHub has this job in its own list as queued."""
        self.us.census.has(samples.queued(job_id, **changes))

    def moved(self, job_id: int, step: Step, **changes: Any) -> None:  # noqa: ANN401 - fields of the message
        """GitHub's own list says that the job has moved on."""
        self.us.census.has(samples.moved(step, job_id, **changes))

    def machines_for(self) -> Counter[JobKey]:
        """How many machines run for each job attempt, by the clouds' own count."""
        found: Counter[JobKey] = Counter()
        for world in self.worlds.values():
            asked = {plan.launch_id: plan for plan in (wire.loads(LaunchPlan, text) for text in world.fleet.requests)}
            for machine in world.fleet.running:
                assert machine.launch_id in asked
                found.update(world.shelf.records[machine.launch_id].jobs)  # type: ignore[union-attr]  # a launch
        return found

    def homes(self) -> dict[int, set[str]]:
        """Where each job lives, as the regions have it."""
        found: dict[int, set[str]] = {}
        for world in self.worlds.values():
            for record in world.shelf.records.values():
                if isinstance(record, Job):
                    found.setdefault(record.key.job_id, set()).add(record.home)
        return found

    def unfinished(self) -> list[str]:
        """The jobs that have neither ended nor been refused, as either region has them."""
        every = [record for world in self.worlds.values() for record in world.shelf.records.values()]
        jobs = [record for record in every if isinstance(record, Job)]
        return [f"{job.id} {job.state} {job.home}" for job in jobs if job.state not in _ENDED]


@dataclass
class Abroad:
    """The queues of one region as the other sees them."""

    environment: Environment
    region: str

    def send(self, message: Sent, after_s: float = 0.0) -> None:  # noqa: ARG002 - time is the test's matter
        """Put it there; whether anybody reads it is that region's matter."""
        if isinstance(message, JobMoved):
            self.environment.words[self.region].append(message)
        else:
            self.environment.worlds[self.region].backlog.put(message)
