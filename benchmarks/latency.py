"""From a delivery's sending to CreateFleet's asking, job by job, on warm functions: `python -m benchmarks.latency`.

Both moments are the outside's: when GitHub sends the webhook, and when EC2 is asked. In between lie the HTTP API,
the webhook function, a queue, its poller, and the dispatcher. EC2's own time is not in it.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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


def measure(jobs: int, folder: Path) -> list[float]:
    """Milliseconds for each job, the cold ones left out."""
    file = folder / "one.yml"
    file.write_text(_ONE)
    github = Config(patience=Patience(long_poll_s=2.0))
    with Stage(folder / "run", QUICK, BOOT, 1.0, schedules=(), room=LightMachines, of_github=github) as stage:
        found = [_one(stage, file, number) for number in range(1, COLD + jobs + 1)]
    return found[COLD:]


def _one(stage: Stage, file: Path, number: int) -> float:
    stage.github.submit(file)
    _wait(lambda: len(_launches(stage)) == number)
    (sent,) = [each.sent_at for each in stage.deliveries() if each.action == "queued"][number - 1 : number]
    _wait(lambda: stage.github.finished)
    return (_launches(stage)[number - 1] - sent) * 1_000


def _launches(stage: Stage) -> list[float]:
    return [call.at for call in stage.cloud.calls if call.action == "CreateFleet"]


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
        took = sorted(measure(jobs, Path(folder)))
    middle, worst = statistics.median(took), statistics.quantiles(took, n=100, method="inclusive")[98]
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}\n")
    print("| webhook sent to CreateFleet asked, warm | p50 | p99 | best |")
    print("|---|---|---|---|")
    print(f"| {jobs} jobs, one by one | {middle:.0f} ms | {worst:.0f} ms | {took[0]:.0f} ms |")
    print(f"| goal | {GOALS_MS[0]} ms | {GOALS_MS[1]} ms | |")


if __name__ == "__main__":
    main()
