"""`make seeds`: many random scenarios, each in a process of its own, and a table of what came of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from controller.local.demo import ROOT, RUN_DIR

_FAULTS = ("lost", "broken", "double", "leaked", "processes", "unanswered")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Result:
    """What one seed came to."""

    seed: int
    good: bool
    seconds: float
    jobs: int
    mishaps: int
    troubles: tuple[str, ...]
    """What was not as it should be, one by one."""


@app.command()
def main(
    count: Annotated[int, typer.Option(help="How many seeds.")] = 20,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds that each run may take.")] = 120.0,
    run_dir: Annotated[Path, typer.Option(help="Where the runs go, each by its seed.")] = RUN_DIR / "seeds",
) -> None:
    """Run the demo with one random scenario after another; 1 unless every one is good."""
    console = Console()
    console.print(f"{'seed':>6}  {'verdict':7}  {'jobs':>4}  {'mishaps':>7}  {'seconds':>7}", highlight=False)
    results = []
    for seed in range(first, first + count):
        result = play(seed, run_dir / str(seed), timeout)
        results.append(result)
        for line in lines(result):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    bad = [str(result.seed) for result in results if not result.good]
    console.print(f"\n{count - len(bad)} of {count} seeds are good" + (f"; not {', '.join(bad)}" if bad else ""))
    raise typer.Exit(1 if bad else 0)


def play(seed: int, run_dir: Path, timeout: float) -> Result:
    """Run one seed in a process of its own."""
    began = time.monotonic()
    words = ["--seed", str(seed), "--json", "--run-dir", str(run_dir), "--timeout", str(timeout)]
    done = subprocess.run(
        [sys.executable, "-m", "controller.local.demo", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return read(seed, done.stdout, done.stderr, time.monotonic() - began)


def read(seed: int, out: str, error: str, seconds: float) -> Result:
    """What a run printed, as a result; a run without a verdict is a bad one."""
    try:
        verdict: dict[str, Any] = json.loads(out)
    except ValueError:
        last = error.strip().splitlines()[-1:] or ["it printed nothing"]
        return Result(seed, good=False, seconds=seconds, jobs=0, mishaps=0, troubles=(f"no verdict: {last[0]}",))
    troubles = tuple(f"{name}: {what}" for name in _FAULTS for what in verdict[name])
    return Result(seed, bool(verdict["good"]), seconds, verdict["jobs"], len(verdict["mishaps"]), troubles)


def lines(result: Result) -> list[str]:
    """A line for a seed, and one for each trouble."""
    word = "good" if result.good else "BAD"
    row = f"{result.seed:>6}  {word:7}  {result.jobs:>4}  {result.mishaps:>7}  {result.seconds:>7.1f}"
    return [row, *(f"        {trouble}" for trouble in result.troubles)]


if __name__ == "__main__":
    app()
