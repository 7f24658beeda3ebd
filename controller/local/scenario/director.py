"""Plays a scenario: watches from outside, and lets each fault happen at its moment."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Self

from controller.local.report.mishap import Mishap
from controller.local.scenario import faults
from controller.local.scenario.answers import mishap
from controller.local.scenario.facts import Facts, Played, named
from controller.local.scenario.faults import FAULTS, Victim
from controller.local.scenario.outside import Outside, Victims
from controller.local.scenario.plan import At, Scenario, Step, When
from controller.local.scenario.sightings import Lookout, Sighting
from controller.local.truth import MachineSeen

LOOK_S = 0.05
_STOP_S = 10.0
SILENT_FAULTS = frozenset({"restock", "spare_functions"})
"""These end a mishap and are none."""


@dataclass(slots=True)
class _Cue:
    """A step that has not been played."""

    step: Step
    left: int
    """How many more times its event must come."""
    due: float | None = None
    seen: Sighting | None = None
    """The event that it came with."""


@dataclass(slots=True)
class Director:
    """Enter the context before the workflows are submitted; what must be there before, is played then."""

    scenario: Scenario
    outside: Outside
    clock: Callable[[], float] = time.time
    look_s: float = LOOK_S
    _cues: list[_Cue] = field(init=False)
    _played: list[Played] = field(init=False, default_factory=list)
    _lookout: Lookout = field(init=False, default_factory=Lookout)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._cues = [_cue(step) for step in self.scenario.steps]
        self._thread = threading.Thread(target=self._watch, name="director", daemon=True)

    def __enter__(self) -> Self:
        self.begin()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(_STOP_S)

    def begin(self) -> None:
        """Start the clock, and play what stands at 0."""
        now = self.clock()
        for cue in self._cues:
            if isinstance(cue.step.moment, At):
                cue.due = now + cue.step.moment.seconds
        self._play_due(now)

    def look(self) -> None:
        """See what has happened, and play what is due."""
        with self._lock:
            for sighting in self._lookout.look(self.outside):
                for cue in self._cues:
                    _hear(cue, sighting, self.clock())
            self._play_due(self.clock())

    @property
    def waiting(self) -> bool:
        """Whether something is still to come at its own time."""
        with self._lock:
            return any(cue.due is not None for cue in self._cues)

    @property
    def played(self) -> list[Step]:
        """What was done so far."""
        with self._lock:
            return [each.step for each in self._played if each.step.fault not in SILENT_FAULTS]

    @property
    def harmed(self) -> frozenset[str]:
        """Every machine that the scenario took, or that it kept from coming up."""
        with self._lock:
            return self._harmed(self._now_played())

    def mishaps(self) -> list[Mishap]:
        """What was played so far, with what the platform was seen to do about it."""
        with self._lock:
            played = self._now_played()
            facts = Facts(
                self.outside.jobs(),
                self.outside.machines(),
                self.outside.deliveries(),
                self._lookout.pairs,
                self._harmed(played),
            )
            return [mishap(each, facts) for each in played if each.step.fault not in SILENT_FAULTS]

    def never(self) -> list[str]:
        """The steps whose moment never came, in a line each."""
        with self._lock:
            return [_line(cue.step, self.scenario.name) for cue in self._cues]

    def _harmed(self, played: list[Played]) -> frozenset[str]:
        return frozenset(name for each in played for name in each.harmed)

    def _now_played(self) -> list[Played]:
        """With the machines that came after a fault was laid for them."""
        launched = sorted(self.outside.machines().values(), key=lambda each: each.launched_at)
        hit = _bad_boots(self._played, launched)
        return [replace(each, harmed=each.harmed + tuple(hit[n])) for n, each in enumerate(self._played)]

    def _watch(self) -> None:
        while not self._stop.wait(self.look_s):
            try:
                self.look()
            except Exception:
                logging.getLogger(__name__).exception("the director could not look")

    def _play_due(self, now: float) -> None:
        due = [cue for cue in self._cues if cue.due is not None and cue.due <= now]
        self._cues = [cue for cue in self._cues if cue not in due]
        for cue in due:
            victims = self._victims(cue)
            at = self.clock()
            self._played.append(Played(cue.step, at, victims, tuple(self.outside.play(cue.step, victims))))

    def _victims(self, cue: _Cue) -> Victims:
        fault = FAULTS[cue.step.fault]
        if fault.victim is Victim.NOBODY:
            return Victims()
        pattern = faults.text(cue.step, "job")
        if not pattern and cue.seen:
            return Victims(cue.seen.job, cue.seen.machine)
        # The last attempt is the one that can still be hit.
        fit = [job for job in self.outside.jobs() if named(pattern)(job)]
        job = max(fit, key=lambda each: (each.attempt, each.status != "completed"), default=None)
        return Victims(job, self._lookout.pairs.machine_of(job.job_id)) if job else Victims()


def _cue(step: Step) -> _Cue:
    return _Cue(step, step.moment.nth if isinstance(step.moment, When) else 1)


def _hear(cue: _Cue, sighting: Sighting, now: float) -> None:
    when = cue.step.moment
    if not isinstance(when, When) or cue.due is not None or not _fits(when, sighting):
        return
    cue.left -= 1
    if cue.left == 0:
        cue.due, cue.seen = now + when.after, sighting


def _fits(when: When, sighting: Sighting) -> bool:
    of_workflow = sighting.job.workflow == when.workflow or fnmatchcase(sighting.job.workflow, when.workflow)
    return sighting.event is when.event and of_workflow and named(when.job)(sighting.job)


def _bad_boots(played: Sequence[Played], launched: Iterable[MachineSeen]) -> dict[int, list[str]]:
    """The machines that each step kept from coming up: whatever was launched next, in the order of the steps."""
    hit: dict[int, list[str]] = {n: [] for n in range(len(played))}
    laid = [n for n, each in enumerate(played) if each.step.fault == "next_boot"]
    for machine in launched:
        for n in laid:
            if played[n].at <= machine.launched_at and len(hit[n]) < faults.number(played[n].step, "times"):
                hit[n].append(machine.instance_id)
                break
    return hit


def _line(step: Step, name: str) -> str:
    when = step.moment
    if isinstance(when, At):
        moment = f"at {when.seconds:g} s"
    else:
        moment = f"when {when.job} was {when.event}" + (f" for the {when.nth}. time" if when.nth > 1 else "")
    place = f"{name}, line {step.line}" if step.line else name
    return f"{place}: {step.fault} never happened: there was no moment {moment}"
