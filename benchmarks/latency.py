"""From a delivery's sending to CreateFleet's asking, one job after another: `python -m benchmarks.latency [JOBS]`.

Both moments are the outside's: when GitHub sends the webhook, and when EC2 is asked. In between lie the HTTP API,
the webhook function, a queue, its poller, and the dispatcher. EC2's own time is not in it.

What the embedded AWS takes to answer is told apart: moto, the judge of every call, and one interpreter for all of it
are slower than the real services. What is left is ours, with HTTP and the passing of work between processes.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from controller import wiring
from controller.local.aws.calls import CallRecord
from controller.local.github.config import Config
from controller.local.github.exchange import Patience
from controller.local.light.room import LightMachines
from controller.local.stage import BOOT, QUICK, Stage

JOBS = 40
COLD = 3
"""The first jobs find cold functions, and are left out."""
PATIENCE_S = 60.0
GOALS_MS = (50, 230)

_ONE = "on: push\njobs:\n  one:\n    runs-on: spotrunner/linux-2cpu\n    steps: [{run: sleep 0.1}]\n"


@dataclass(frozen=True, slots=True)
class Took:
    """One job's way, in milliseconds."""

    door: float
    """GitHub's sending, the HTTP API and the webhook function, until it asks SQS."""
    queue: float
    """SQS, its poller and the start of the dispatcher, until its first call."""
    aws: float
    """While the dispatcher waited for the embedded AWS's answers."""
    dispatch: float
    """The dispatcher itself: between those answers."""

    @property
    def total(self) -> float:
        """From sending to asking."""
        return self.door + self.queue + self.aws + self.dispatch

    @property
    def ours(self) -> float:
        """Without AWS."""
        return self.door + self.dispatch


def measure(jobs: int, folder: Path) -> tuple[list[Took], int]:
    """Each job's way, the cold ones left out; and how many calls a dispatcher makes before it launches."""
    file = folder / "one.yml"
    file.write_text(_ONE)
    github = Config(patience=Patience(long_poll_s=2.0))
    with Stage(folder / "run", QUICK, BOOT, 1.0, schedules=(), room=LightMachines, of_github=github) as stage:
        found = [_one(stage, file, number) for number in range(1, COLD + jobs + 1)]
    warm = found[COLD:]
    return [took for took, _ in warm], int(statistics.median(calls for _, calls in warm))


def _one(stage: Stage, file: Path, number: int) -> tuple[Took, int]:
    stage.github.submit(file)
    _wait(lambda: len(_launches(stage)) == number)
    (sent,) = [each.sent_at for each in stage.deliveries() if each.action == "queued"][number - 1 : number]
    _wait(lambda: stage.github.finished)
    asked = _launches(stage)[number - 1].at
    return _took(sent, asked, [call for call in stage.cloud.calls if sent <= call.at < asked])


def _took(sent: float, asked: float, calls: Sequence[CallRecord]) -> tuple[Took, int]:
    # The word on the job before may still be on its way, to another queue.
    queued = next(call.at for call in calls if call.principal == "webhook" and call.resource.endswith(wiring.JOBS.name))
    mine = sorted((call.at, call.at + call.ms / 1_000) for call in calls if call.principal == "dispatch")
    began = mine[0][0]
    waited = _covered(mine)
    spans = (queued - sent, began - queued, waited, asked - began - waited)
    return Took(*(1_000 * span for span in spans)), len(mine)


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """How long at least one of them lasts; calls side by side count once."""
    covered, until = 0.0, 0.0
    for begin, end in spans:
        covered += max(0.0, end - max(begin, until))
        until = max(until, end)
    return covered


def _launches(stage: Stage) -> list[CallRecord]:
    return sorted((call for call in stage.cloud.calls if call.action == "CreateFleet"), key=lambda call: call.at)


def _wait(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > until:
            raise TimeoutError("the job did not get on")
        time.sleep(0.005)


def main() -> None:
    """Print the table."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        ways, calls = measure(jobs, Path(folder))
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}\n")
    print(f"| webhook sent to CreateFleet asked, warm, {jobs} jobs one by one | p50 ms | p99 ms | best ms |")
    print("|---|---|---|---|")
    for field in fields(Took):
        print(_row(_NAMES[field.name].format(calls=calls), [getattr(way, field.name) for way in ways]))
    print(_row("all of it", [way.total for way in ways]))
    print(_row("ours: door and dispatcher", [way.ours for way in ways]))
    print(f"| goal for ours | {GOALS_MS[0]} | {GOALS_MS[1]} | |")


_NAMES = {
    "door": "GitHub's sending, HTTP API, webhook function",
    "queue": "SQS, its poller, the dispatcher's start",
    "aws": "the embedded AWS's answers to the dispatcher's {calls} calls",
    "dispatch": "the dispatcher between them",
}


def _row(name: str, found: Sequence[float]) -> str:
    worst = statistics.quantiles(found, n=100, method="inclusive")[98]
    return f"| {name} | {statistics.median(found):.0f} | {worst:.0f} | {min(found):.0f} |"


if __name__ == "__main__":
    main()
