"""Every outside call of a story fails once in every way; what became of it is looked at from the outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from tests.reliability.calls import Call, Fault, Watch, faults_of
from tests.reliability.invariants import violations
from tests.reliability.stories import Story
from tests.reliability.timeline import Timeline
from tests.reliability.universe import Universe

Judge = Callable[[Universe], list[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a story went: equal where a fault has changed nothing that could be seen."""

    calls: int
    machines: int
    rested_after: float
    state: str
    ends: tuple[tuple[str, float], ...]
    """When each job ended at GitHub."""

    @property
    def last_end(self) -> float:
        """When the last job had ended; a story without one has none."""
        return max((at for _, at in self.ends), default=0.0)


@dataclass(frozen=True, slots=True)
class Played:
    """One story under one plan of faults."""

    outcome: Outcome
    violations: tuple[str, ...]
    struck: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one call; `repr` of its number and kind is enough to play it again."""

    call: Call
    fault: Fault
    played: Played
    changed: bool


def record(story: Story) -> tuple[list[Call], Played]:
    """Every outside call of the undisturbed story, and how it goes."""
    worlds: list[Universe] = []
    world = Universe(lambda timeline: Watch(timeline.peek, state=lambda: worlds[0].state() if worlds else ""))
    worlds.append(world)
    return world.eye.seen, _play(world, story)


def play(story: Story, blows: Mapping[int, Fault], judge: Judge = violations) -> Played:
    """The story with these calls struck."""
    return _play(Universe(partial(_struck, blows)), story, judge)


def cases(story: Story) -> Iterator[Case]:
    """Each distinct one: (call site, fault, state reached) is struck only where it comes up first."""
    calls, undisturbed = record(story)
    assert undisturbed.violations == (), f"{story.__name__}: {undisturbed.violations}"
    known: set[tuple[str, str, str, Fault, str]] = set()
    for call in calls:
        for fault in faults_of(call):
            key = (call.door, call.site, call.name, fault, call.state)
            if key not in known:
                known.add(key)
                played = play(story, {call.number: fault})
                yield Case(call, fault, played, changed=played.outcome != undisturbed.outcome)


def _struck(blows: Mapping[int, Fault], timeline: Timeline) -> Watch:
    return Watch(timeline.peek, blows)


def _play(world: Universe, story: Story, judge: Judge = violations) -> Played:
    story(world)
    world.run()
    jobs = sorted(world.hub.jobs.values(), key=lambda job: job.key)
    began = world.timeline.began
    outcome = Outcome(
        calls=world.eye.count,
        machines=len(world.fates),
        rested_after=round(world.timeline.elapsed),
        state=world.state(),
        ends=tuple((str(job.key), round(job.completed_at - began, 1)) for job in jobs if job.completed_at),
    )
    struck = tuple(f"{fault} at {call.door}: {call.site}: {call.name}" for _, call, fault in world.eye.struck)
    return Played(outcome, tuple(judge(world)), struck)
