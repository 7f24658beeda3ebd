"""A random day: jobs come in bursts, and clouds, queues, processes and GitHub misbehave; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from controller.domain.runner import Lifecycle
from tests.controller.usecases.world import SUBNETS
from tests.reliability.calls import Fault, Watch
from tests.reliability.hub import HubJob, Status
from tests.reliability.machines import Boot, Machine, Phase
from tests.reliability.strands import Strands
from tests.reliability.timeline import Timeline
from tests.reliability.universe import MACHINE_TYPE, Universe

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
QUIET_S = 2 * HOUR_S
"""At the end of the day nothing goes wrong any more, so that everything can come to its end."""
CLOSED = 0.02
"""Of the jobs: those that GitHub gives to no runner, and that must be given up at some time."""
POOLED = 0.4
"""Of the days."""
WARM_S = 1.5 * HOUR_S
"""Longer than a spare waits for a job, so that some are replaced."""
HORIZON_S = DAY_S + 6 * HOUR_S


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad a day is."""

    faults: float
    """Of all calls, while the weather is bad."""
    pauses: float
    """Of all calls, how many let others go on meanwhile."""
    bad_boots: float
    lost_words: float
    mishaps: int
    """Interruptions, deaths, cancellations and the like in each burst."""


def weather(chance: random.Random) -> Weather:
    """Some days are calm in one way and wild in another."""
    return Weather(
        faults=chance.choice((0.0, 0.002, 0.01, 0.03)),
        pauses=chance.choice((0.0, 0.2, 0.6)),
        bad_boots=chance.choice((0.0, 0.05, 0.3)),
        lost_words=chance.choice((0.0, 0.05, 0.3)),
        mishaps=chance.choice((0, 1, 4)),
    )


class Gale(Watch):
    """Strikes calls at random as long as it blows, and lets deeds stand still at them."""

    def __init__(self, timeline: Timeline, chance: random.Random, faults: float) -> None:
        super().__init__(timeline.peek)
        self.chance, self.faults = chance, faults
        self.pause: Callable[[], None] = lambda: None
        self.blows = True

    def __call__(self, name: str, call: Callable[[], object]) -> object:
        """As the watch does it, with faults drawn by lot."""
        self.pause()
        if self.blows and self.chance.random() < self.faults:
            self._blows = {self.count + 1: self.chance.choice(tuple(Fault))}
        return super().__call__(name, call)


class Day(Universe):
    """One seed's day."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a seed, no secret
        self.weather = weather(self.chance)
        super().__init__(lambda timeline: Gale(timeline, self.chance, self.weather.faults))
        assert isinstance(self.eye, Gale)
        self.gale = self.eye
        self.strands = Strands(self.timeline, self._pause_s)
        self.gale.pause = self.strands.pause
        # On such a day a job may well wait longer than a single fault explains.
        self.gale.on_strike = lambda: None
        self._job_ids = iter(range(1, 10_000))
        self._later(DAY_S - QUIET_S, self._calm_down)
        for _ in range(self.chance.randint(2, 6)):
            self._later(self.chance.uniform(0.0, DAY_S - 2 * QUIET_S), self._burst)
        if self.chance.random() < 0.15:
            self._later(self.chance.uniform(0.0, DAY_S / 2), self._bad_image)
        # By lots of its own, so that a day without a pool stays the day that it was.
        self._plan_pool(random.Random(f"pool {seed}"))  # noqa: S311 - a seed, no secret

    def play(self) -> None:
        """The whole day, and as long after it as it takes."""
        try:
            self.run(HORIZON_S, at_least_s=DAY_S)
        finally:
            self.strands.close()

    def _plan_pool(self, lots: random.Random) -> None:
        """On some days machines are kept warm for a while, more or fewer of them; a burst comes upon them."""
        if lots.random() >= POOLED:
            return
        began = lots.uniform(0.0, DAY_S - 2 * QUIET_S)
        for _ in range(lots.randint(1, 3)):
            self._later(began + lots.uniform(0.0, WARM_S), partial(self.keep_warm, lots.randint(0, 3)))
        self._later(began, partial(self.keep_warm, lots.randint(1, 3)))
        self._later(began + lots.uniform(0.1, 0.9) * WARM_S, self._burst)
        self._later(began + WARM_S, partial(self.keep_warm, 0))

    def _later(self, seconds: float, deed: Callable[[], object]) -> None:
        self.timeline.after(seconds, deed, background=True)

    def _pause_s(self) -> float:
        if self.chance.random() >= self.weather.pauses:
            return 0.0
        return self.chance.uniform(0.01, 0.3) if self.chance.random() < 0.98 else self.chance.uniform(1.0, 8.0)

    def _calm_down(self) -> None:
        self.gale.blows = False
        self.coming.clear()
        self.fleet.capacity.clear()
        self.postman.calm()

    def _burst(self) -> None:
        run_id = self.chance.randint(100, 9_999) if self.chance.random() < 0.5 else 0
        for _ in range(self.chance.randint(1, 6)):
            self._later(self.chance.expovariate(1 / 20.0), lambda: self._queue_job(run_id))
        for _ in range(self.chance.randint(0, self.weather.mishaps)):
            self._later(self.chance.uniform(5.0, 600.0), self.chance.choice(self._mishaps()))

    def _queue_job(self, run_id: int) -> None:
        if self.gale.blows:
            self._mistreat_words()
            self._mistreat_boots()
        closed = self.gale.blows and self.chance.random() < CLOSED
        self.hub.queue(next(self._job_ids), run_id, self.chance.uniform(5.0, 400.0), closed=closed)

    def _mistreat_words(self) -> None:
        postman, chance = self.postman, self.chance
        postman.twice = chance.random() < 0.2
        for kind in ("queued", "in_progress", "completed"):
            if chance.random() < self.weather.lost_words:
                postman.lose.add(kind)
            postman.delay_s[kind] = chance.choice((0.0, 0.0, 0.0, chance.uniform(0.0, 200.0)))

    def _mistreat_boots(self) -> None:
        if self.chance.random() < self.weather.bad_boots:
            self.coming.append(self.chance.choice(tuple(Boot)))

    def _mishaps(self) -> tuple[Callable[[], object], ...]:
        return (
            self._interrupt_pool,
            lambda: self._befall(self.take_away),
            lambda: self._befall(Machine.freeze, Phase.BUSY),
            lambda: self._befall(self.remove_runner, Phase.IDLE),
            self._cancel,
            self._sell_out,
        )

    def _befall(self, what: Callable[[Machine], object], *phases: Phase) -> None:
        able = [m for m in self.fates.values() if m.phase is not Phase.OFF and (not phases or m.phase in phases)]
        if able:
            what(self.chance.choice(able))

    def _interrupt_pool(self) -> None:
        zone = self.chance.choice(tuple(SUBNETS))
        for machine in list(self.fates.values()):
            seen = self.fleet.owned[machine.name]
            if seen.running and seen.spot and seen.zone == zone and not machine.noticed:
                self.interrupt(machine)

    def _cancel(self) -> None:
        able: list[HubJob] = [job for job in self.hub.open if job.status in {Status.QUEUED, Status.IN_PROGRESS}]
        if able:
            self.hub.cancel(self.chance.choice(able))

    def _sell_out(self) -> None:
        lifecycles = self.chance.choice(((Lifecycle.SPOT,), tuple(Lifecycle)))
        for lifecycle in lifecycles:
            self.fleet.sell_out(lifecycle, [(MACHINE_TYPE, zone) for zone in SUBNETS])
        self._later(self.chance.uniform(30.0, 900.0), self.fleet.capacity.clear)

    def _bad_image(self) -> None:
        """For hours no machine ever comes up."""
        self.coming = [Boot.FAILS] * 60
        self._later(1.0, self._burst)
        self._later(5 * HOUR_S, self.coming.clear)
