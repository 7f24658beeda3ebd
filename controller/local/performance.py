"""One run of the demo: start everything, submit, let things go wrong, watch, and judge from the outside."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from controller.local.github.config import Config
from controller.local.github.exchange import Patience
from controller.local.report import page
from controller.local.report.mishap import Mishap, Outcome
from controller.local.scenario.director import Director
from controller.local.scenario.plan import Scenario
from controller.local.scenario.write import to_yaml
from controller.local.show import Screen, verdict
from controller.local.stage import DEMO, DEMO_SPEED, Stage
from controller.local.truth import JobSeen, Summary, judge

LOOK_S = 0.15
ANSWER_S = 15.0
"""How long an answer may still come after everything else has ended."""
OURS = "spotrunner/"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run."""

    files: tuple[Path, ...]
    scenario: Scenario
    timeout_s: float
    seed: int | None = None


PATIENCE = Patience(offer_s=8.0, lease_s=15.0)
"""Shortened like the machines' own: nobody would watch ten minutes for a machine that died in mid-job to be missed,
and while a job is offered to a runner that has left, others listen for it as long as their idle limit lets them."""


def demo_stage(run_dir: Path) -> Stage:
    """The stage of every demo."""
    return Stage(run_dir, DEMO, speed=DEMO_SPEED, of_github=Config(patience=PATIENCE))


@dataclass(slots=True)
class Performance:
    """A run, and what came of it."""

    plan: Plan
    run_dir: Path
    console: Console
    stage: Callable[[Path], Stage] = demo_stage
    mishaps: list[Mishap] = field(default_factory=list)
    linger: Callable[[Stage], None] = lambda _: None
    """Called when everything has been told, while everything still stands."""
    never: list[str] = field(default_factory=list)
    """The steps whose moment did not come, in a line each."""

    def run(self) -> Summary:
        """Run everything, tell it, and judge it."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
        self._say(f"Starting an embedded AWS and GitHub in {self.run_dir.name}/ ...")
        if self.plan.seed is not None:
            self._say(f"Seed {self.plan.seed}: the same seed replays the same bad luck.")
        with self.stage(self.run_dir) as stage:
            began = time.time()
            with Director(self.plan.scenario, stage) as director:
                for file in self.plan.files:
                    stage.github.submit(file)
                self._watch(stage, director, Screen(self.console, began), began)
            summary = self._judge(stage, director)
            self.never = director.never()
            jobs, machines, calls = stage.jobs(), list(stage.machines().values()), stage.calls()
            self._tell(summary, jobs, began)
            report = page.write(self.run_dir, jobs, machines, calls, summary, self.mishaps)
            self._say(f"Report: {self.run_dir.name}/{report.name}")
            self._say(
                f"Spans of every job: {self.run_dir.name}/traces.jsonl; functions' logs: {self.run_dir.name}/functions/"
            )
            self._keep(summary)
            self.linger(stage)
        return summary

    def _watch(self, stage: Stage, director: Director, screen: Screen, began: float) -> None:
        """Show the run until everything has ended and is answered, or until the time is up."""
        settled_at: float | None = None
        with screen:
            while True:
                now = time.time()
                mishaps = director.mishaps()
                self._send_away(stage)
                settled = stage.settled and not director.waiting
                settled_at = (settled_at or now) if settled else None
                open_ones = any(each.outcome is Outcome.UNANSWERED for each in mishaps)
                over = settled_at is not None and (not open_ones or now - settled_at > ANSWER_S)
                screen.update(stage.jobs(), stage.machines(), now, mishaps)
                if over or now > began + self.plan.timeout_s:
                    return
                time.sleep(LOOK_S)

    def _send_away(self, stage: Stage) -> None:
        """Nobody here serves labels that are not ours: such a job would wait for a day."""
        for job in stage.jobs():
            if job.status == "queued" and not any(label.lower().startswith(OURS) for label in job.labels):
                stage.github.cancel_job(job.job_id)

    def _judge(self, stage: Stage, director: Director) -> Summary:
        self.mishaps = director.mishaps()
        unanswered = [f"{each.text}: {each.answer}" for each in self.mishaps if each.outcome is Outcome.UNANSWERED]
        machines = list(stage.machines().values())
        return judge(stage.jobs(), machines, stage.calls(), stage.processes(), director.harmed, unanswered)

    def _tell(self, summary: Summary, jobs: Sequence[JobSeen], began: float) -> None:
        for line in _not_run(jobs):
            self.console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
        verdict(summary, self.console, self.mishaps, began)
        for line in self.never:
            self.console.print(f"Warning: {line}", style="yellow", highlight=False, markup=False, soft_wrap=True)

    def _keep(self, summary: Summary) -> None:
        """What a program, or a second run, may want."""
        (self.run_dir / "summary.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
        (self.run_dir / "scenario.yml").write_text(to_yaml(self.plan.scenario))

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


_UNSUPPORTED = "unsupported: "


def _not_run(jobs: Sequence[JobSeen]) -> Iterator[str]:
    """The jobs that cannot run here, with the reason."""
    for job in jobs:
        if job.note.startswith(_UNSUPPORTED):
            yield f"Not run here: {job.name}: {job.note.removeprefix(_UNSUPPORTED)}"
        elif not any(label.lower().startswith(OURS) for label in job.labels) and job.conclusion == "cancelled":
            labels = " ".join(job.labels)
            yield f"Not run here: {job.name}: no runner has the label {labels}; write runs-on: spotrunner/linux-2cpu"
