"""`make demo`: the example workflows on the embedded cloud, from webhook to power-off, and what came of them."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from controller.local.report import page
from controller.local.report.mishap import Mishap
from controller.local.show import Screen, verdict
from controller.local.stage import Stage
from controller.local.truth import Summary, judge

ROOT = Path(__file__).resolve().parents[2]
RUN_DIR = ROOT / ".demo"
EXAMPLES = ROOT / "examples" / "workflows"
LOOK_S = 0.15

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def main(
    workflow: Annotated[list[Path] | None, typer.Option(help="A workflow file to run instead of the examples.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else.")] = False,  # noqa: FBT002
    run_dir: Annotated[Path, typer.Option(help="Where spans, logs and machines go; emptied first.")] = RUN_DIR,
    timeout: Annotated[float, typer.Option(help="Seconds after which whatever has not ended counts as lost.")] = 120.0,
) -> None:
    """Run workflows on an embedded AWS and GitHub, with the production code and real processes.

    Examples:
      make demo

      make demo WORKFLOW=.github/workflows/ci.yml

      python -m controller.local.demo --json
    """
    files = workflow or sorted(EXAMPLES.glob("*.yml"))
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise typer.BadParameter(f"there is no file {', '.join(missing)}", param_hint="--workflow")
    console = Console(quiet=as_json)
    with _ended_cleanly():
        summary = run(files, console, run_dir, timeout)
    if as_json:
        typer.echo(json.dumps(asdict(summary) | {"good": summary.is_good}))
    raise typer.Exit(0 if summary.is_good else 1)


def run(files: list[Path], console: Console, run_dir: Path, timeout_s: float) -> Summary:
    """Start everything, submit the workflows with two mishaps, watch, and judge from the outside."""
    shutil.rmtree(run_dir, ignore_errors=True)
    console.print(f"Starting an embedded AWS and GitHub in {run_dir.name}/ ...", highlight=False)
    with Stage(run_dir) as stage:
        began = time.time()
        # One delivery comes three times and one is forged, as happens: neither may launch anything.
        stage.github.repeat_next(3)
        for file in files:
            stage.github.submit(file)
        forged_at = time.time()
        forged = stage.github.send_forged()
        watch(stage, Screen(console, began), began + timeout_s)
        jobs, machines, calls = stage.jobs(), list(stage.machines().values()), stage.calls()
        summary = judge(jobs, machines, calls, stage.processes())
        played = (
            Mishap(
                "One delivery was sent three times", began, answer="One row was written; the copies launched nothing."
            ),
            Mishap("A forged delivery arrived", forged_at, answer=f"Refused with status {forged.status_code}."),
        )
        mishaps = f"Mishaps      one delivery sent three times; a forged one answered {forged.status_code}"
    console.print(f"\n{mishaps}", highlight=False)
    verdict(summary, console)
    report = page.write(run_dir, jobs, machines, calls, summary, played)
    console.print(f"Report: {run_dir.name}/{report.name}", highlight=False)
    console.print(f"Spans of every job: {run_dir.name}/traces.jsonl; logs of every function: {run_dir.name}/functions/")
    (run_dir / "summary.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
    return summary


def watch(stage: Stage, screen: Screen, until: float) -> None:
    """Show the run until everything has ended, or until the time is up."""
    with screen:
        while True:
            settled = stage.settled or time.time() > until
            screen.update(stage.jobs(), stage.machines(), time.time())
            if settled:
                return
            time.sleep(LOOK_S)


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """SIGTERM and a lost terminal end the demo as Ctrl-C does: through every `with`, so that nothing is left."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped; nothing is left running.", err=True)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
