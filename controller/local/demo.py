"""`make demo`: workflows on the embedded cloud, with bad luck on purpose, and what came of them."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from controller.local.github.workflow import WorkflowError, read_workflow
from controller.local.performance import Performance, Plan
from controller.local.scenario import library
from controller.local.scenario.chance import random_scenario
from controller.local.scenario.parse import ScenarioError
from controller.local.scenario.plan import Scenario
from controller.local.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
RUN_DIR = ROOT / ".demo"
EXAMPLES = ROOT / "examples" / "workflows"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def main(  # noqa: PLR0913 - a command's options
    *,
    workflow: Annotated[list[Path] | None, typer.Option(help="A workflow file to run instead of the examples.")] = None,
    scenario: Annotated[str, typer.Option(help="What goes wrong: a name, a file, or none.")] = "",
    seed: Annotated[int | None, typer.Option(help="Random bad luck; the same seed replays the same.")] = None,
    list_scenarios: Annotated[bool, typer.Option("--list-scenarios", help="Say which scenarios there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else.")] = False,
    run_dir: Annotated[Path, typer.Option(help="Where spans, logs and machines go; emptied first.")] = RUN_DIR,
    timeout: Annotated[float, typer.Option(help="Seconds after which whatever has not ended counts as lost.")] = 120.0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up afterwards, to try the spotrunner command on it.")
    ] = False,
) -> None:
    """Run workflows on an embedded AWS and GitHub, with the production code and real processes.

    Without a choice the examples run, and everything in examples/scenarios/default.yml goes wrong on the way.
    A workflow of your own runs with the scenario `gentle`, unless you choose another.

    Examples:
      make demo

      make demo WORKFLOW=.github/workflows/ci.yml

      make demo SCENARIO=storm

      make demo SCENARIO=my-bad-day.yml WORKFLOW=ci.yml

      make demo SEED=7

      make demo KEEP=1

      python -m controller.local.demo --list-scenarios
    """
    if list_scenarios:
        _list()
        raise typer.Exit
    plan = _plan(workflow or [], scenario, seed, timeout)
    console = Console(quiet=as_json)
    with ended_cleanly():
        performance = Performance(plan, run_dir, console, linger=_stay_up if keep else _go)
        summary = performance.run()
    if as_json:
        mishaps = [asdict(mishap) for mishap in performance.mishaps]
        typer.echo(
            json.dumps(asdict(summary) | {"good": summary.is_good, "scenario": plan.scenario.name, "mishaps": mishaps})
        )
    raise typer.Exit(0 if summary.is_good else 1)


ENVIRONMENT = "environment"
"""The file in the run's folder that a shell reads, to speak to what stays up."""


def _go(_stage: Stage) -> None:
    """Nobody wants to look around."""


def _stay_up(stage: Stage) -> None:
    """Until Ctrl-C; the keys are good for this cloud alone, which ends with it."""
    file = stage.run_dir / ENVIRONMENT
    file.touch(mode=0o600)
    lines = (f"export {name}={shlex.quote(value)}" for name, value in stage.cloud.operator_environment().items())
    file.write_text("\n".join(lines) + "\n")
    typer.echo(
        f"\nIt stays up until Ctrl-C. In another terminal:\n\n  . {_near(file)}\n  .venv/bin/spotrunner status\n"
    )
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _near(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _plan(workflows: list[Path], wish: str, seed: int | None, timeout: float) -> Plan:
    files = workflows or sorted(EXAMPLES.glob("*.yml"))
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise typer.BadParameter(f"there is no file {', '.join(missing)}", param_hint="--workflow")
    if wish and seed is not None:
        raise typer.BadParameter("a seed makes its own scenario; give one of the two", param_hint="--seed")
    try:
        jobs = [job for file in files for job in read_workflow(file).jobs.values()]
    except WorkflowError as error:
        raise typer.BadParameter(str(error), param_hint="--workflow") from error
    try:
        names = [job.name or job.key for job in jobs if "${{" not in job.name and not job.strategy]
        scenario = _scenario(wish, seed, names, own=bool(workflows))
    except ScenarioError as error:
        raise typer.BadParameter(str(error), param_hint="--scenario") from error
    return Plan(tuple(files), scenario, timeout, seed)


def _scenario(wish: str, seed: int | None, names: list[str], *, own: bool) -> Scenario:
    if seed is not None:
        return random_scenario(seed, names=names)
    return library.choose(wish or (library.FOR_ANY if own else library.DEFAULT))


def _list() -> None:
    for scenario in library.listed():
        typer.echo(f"{scenario.name:10} {scenario.about} ({len(scenario.steps)} steps)")
    typer.echo(f"{library.NONE:10} Nothing goes wrong on purpose.")
    typer.echo("SEED=n     Bad luck by the die; the same n replays the same.")


@contextmanager
def ended_cleanly() -> Iterator[None]:
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
