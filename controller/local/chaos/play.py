"""One run under the monkey: jobs come, everything is struck, calm falls, and whatever is left must come to its end."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller import wiring
from controller.local.chaos.arrivals import Arrival, arrivals
from controller.local.chaos.ground import chaos_stage
from controller.local.chaos.monkey import LULL_S, monkey
from controller.local.chaos.verdict import Story, Verdict, pronounce
from controller.local.report.mishap import Mishap
from controller.local.scenario.director import Director
from controller.local.stage import Stage

LOOK_S = 0.25
PROGRESS_S = 15.0
CALM_S = 300.0
"""How long everything may take to come to its end once nothing goes wrong any more."""
QUIET_S = 15.0
"""A job that was lost is asked for again within that: only then is the end an end."""
NOT_AGAIN = "Interrupted, not run again"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be played."""

    seed: int
    jobs: int
    seconds: float
    one_in: int
    """Of so many machines one is real."""
    calm_s: float = CALM_S


@dataclass(slots=True)
class Chaos:
    """A run, and what came of it."""

    wish: Wish
    run_dir: Path
    say: Callable[[str], None]
    stage: Callable[[Path, int], Stage] = chaos_stage
    mishaps: list[Mishap] = field(default_factory=list)
    began: float = 0.0
    took_s: float = 0.0

    def run(self) -> Verdict:
        """Play it, and judge it."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
        wish = self.wish
        scenario = monkey(wish.seed, wish.jobs, wish.seconds)
        with self.stage(self.run_dir, wish.one_in) as stage:
            self.began = time.time()
            with Director(scenario, stage, look_s=LOOK_S) as director:
                self._feed(stage, arrivals(wish.seed, wish.jobs, wish.seconds))
                self._wait(stage, director)
                self.mishaps = director.mishaps()
                story = self._story(stage, director)
            self.took_s = time.time() - self.began
            return replace(pronounce(story), struck=dict(Counter(step.fault for step in director.played)))

    def _feed(self, stage: Stage, due: list[Arrival]) -> None:
        """Let the jobs come, each at its time."""
        folder = self.run_dir / "workflows"
        folder.mkdir()
        told = time.time()
        for arrival in due:
            while (left := self.began + arrival.at - time.time()) > 0:
                time.sleep(min(left, LOOK_S))
                if time.time() - told > PROGRESS_S:
                    told = time.time()
                    self._tell(stage)
            file = folder / f"{arrival.name}.yml"
            file.write_text(arrival.workflow)
            stage.github.submit(file)

    def _wait(self, stage: Stage, director: Director) -> None:
        """Until everything has come to its end, or has had its time for it."""
        calm_at = self.began + self.wish.seconds + LULL_S
        told = quiet_since = time.time()
        while time.time() < calm_at + self.wish.calm_s:
            if time.time() < calm_at or director.waiting or not _is_over(stage):
                quiet_since = time.time()
            elif time.time() > quiet_since + QUIET_S:
                return
            if time.time() - told > PROGRESS_S:
                told = time.time()
                self._tell(stage)
            time.sleep(1.0)

    def _tell(self, stage: Stage) -> None:
        states = Counter(job.status for job in stage.jobs())
        standing = sum(1 for machine in stage.machines().values() if machine.running)
        words = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        self.say(f"{time.time() - self.began:6.0f} s  {words}; {standing} machines")

    def _story(self, stage: Stage, director: Director) -> Story:
        return Story(
            jobs=stage.jobs(),
            machines=list(stage.machines().values()),
            processes=stage.processes(),
            mishaps=self.mishaps,
            harmed=director.harmed,
            remarks=[check.summary for check in stage.github.check_runs if check.title == NOT_AGAIN],
            dead_letters=list(_dead_letters(stage)),
        )


def _is_over(stage: Stage) -> bool:
    """Whether every run has ended, every machine is off, and no message is left that is about one of them.

    Dead letters are in the verdict; chores never end, and a slow computer never has none waiting.
    """
    waiting = {
        name: depth.ready + depth.in_flight
        for name, depth in stage.cloud.queue_depths().items()
        if not name.endswith("-dead") and name != wiring.HOUSEKEEPING.name
    }
    return (
        stage.github.finished
        and not any(machine.running for machine in stage.machines().values())
        and not any(waiting.values())
        and not stage.processes()
    )


def _dead_letters(stage: Stage) -> Iterator[str]:
    for name, depth in stage.cloud.queue_depths().items():
        # A chore that is given up comes again with its schedule.
        if name.endswith("-dead") and wiring.HOUSEKEEPING.name not in name and depth.ready + depth.in_flight:
            yield f"{depth.ready + depth.in_flight} messages are in {name}"
