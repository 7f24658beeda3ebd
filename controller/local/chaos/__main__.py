"""`make chaos`: many jobs while a seeded monkey kills machines, agents, functions and GitHub's stub."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from controller.local.chaos.play import Chaos, Wish
from controller.local.chaos.tell import tell
from controller.local.demo import RUN_DIR, ended_cleanly

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def main(
    *,
    seed: Annotated[int, typer.Option(help="Which jobs come when, and what is struck when.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="How many jobs.")] = 200,
    minutes: Annotated[float, typer.Option(min=0.05, help="How long jobs come and strikes fall.")] = 5.0,
    one_in: Annotated[int, typer.Option(min=1, help="Of so many machines one is real; the others are light.")] = 8,
    run_dir: Annotated[Path, typer.Option(help="Where logs and machines go; emptied first.")] = RUN_DIR / "chaos",
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else.")] = False,
) -> None:
    """Run jobs on the embedded AWS and GitHub while everything is killed at random; 1 unless nothing was lost by it.

    The same seed brings the same jobs and plans the same strikes. Processes are real and so is their time, so
    that a second run of a seed is like the first, and not equal to it.

    Examples:
      make chaos

      make chaos SEED=7 MINUTES=5 JOBS=200

      python -m controller.local.chaos --seed 7 --jobs 20 --minutes 0.2 --json
    """
    console = Console(quiet=as_json)
    chaos = Chaos(Wish(seed, jobs, minutes * 60.0, one_in), run_dir, lambda line: console.print(line, highlight=False))
    console.print(f"Seed {seed}: {jobs} jobs in {minutes:g} minutes; one machine in {one_in} is real.", highlight=False)
    with ended_cleanly():
        verdict = chaos.run()
    tell(verdict, chaos, console)
    if as_json:
        mishaps = [asdict(mishap) for mishap in chaos.mishaps]
        result = asdict(verdict) | {"seed": seed, "good": verdict.is_good, "line": verdict.line()}
        typer.echo(json.dumps(result | {"seconds": round(chaos.took_s, 1), "mishaps": mishaps}))
    raise typer.Exit(0 if verdict.is_good else 1)


if __name__ == "__main__":
    app()
