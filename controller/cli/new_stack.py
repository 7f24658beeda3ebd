"""`spotrunner stack`: a stack's file by answering a few questions, checked with the Pulumi program's own rules."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from controller.cli import stack_file
from controller.cli.stack_file import Answers

app = typer.Typer(no_args_is_help=True, help="The stacks of this repository.")

EXAMPLES = """
Examples:

  spotrunner stack new

  spotrunner stack new prod --region us-east-1 --region eu-west-1 --account 123456789012 --app-id 12345
  --image us-east-1:linux/x64=ami-0a --image eu-west-1:linux/x64=ami-0b --email on-call@example.com --yes

Exit code: 0 written, 1 something is wrong with the answers, 2 wrong command line.
"""


@app.callback()
def _group() -> None:
    """Makes `new` a command of its own."""


@app.command("new", epilog=EXAMPLES)
def new(  # noqa: PLR0913 - each is an option of the command line
    environment: Annotated[str, typer.Argument(help="Such as dev or prod; 2 to 16 of a-z, 0-9 and -.")] = "",
    *,
    region: Annotated[list[str] | None, typer.Option(help="A region; the first is in charge. May be repeated.")] = None,
    account: Annotated[str, typer.Option(help="The AWS account's twelve digits.")] = "",
    app_id: Annotated[str, typer.Option(help="The GitHub App's id.")] = "",
    org: Annotated[str, typer.Option(help="The organisation that owns the App; empty: your own account.")] = "",
    image: Annotated[
        list[str] | None, typer.Option(help="[region:]platform=AMI, as in linux/x64=ami-0a. May be repeated.")
    ] = None,
    github_api_url: Annotated[str, typer.Option(help="The REST API of GitHub.")] = "https://api.github.com",
    network: Annotated[str, typer.Option(help="public, nat or nat-per-zone; not with --vpc.")] = "",
    vpc: Annotated[str, typer.Option(help="A VPC that is there already, instead of one of its own.")] = "",
    subnet: Annotated[list[str] | None, typer.Option(help="zone=subnet of that VPC. May be repeated.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="Who hears of alarms. May be repeated.")] = None,
    budget: Annotated[int | None, typer.Option(help="Dollars a month; 0: no budget.")] = None,
    folder: Annotated[Path, typer.Option(help="Where stack files lie.")] = Path("stacks"),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the defaults.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON object; asks nothing.")] = False,
) -> None:
    """Write the file of a new stack, and say what to do next. Run it in a checkout of the repository.

    Asks for what no option says. Nothing is deployed.
    """
    ask = not (yes or as_json)
    regions = tuple(region or _words(_asked("Region, or several", "us-east-1", ask=ask)))
    # Asked in this order.
    answers = Answers(
        regions=regions,
        environment=environment or _asked("Environment", "dev", ask=ask),
        account=account or _asked("AWS account (twelve digits)", "", ask=ask),
        app_id=app_id or _asked("GitHub App's id", "", ask=ask),
        owner=org or _asked("Organisation that owns the App (empty: you)", "", ask=ask),
        images=_images(image or [], regions, ask=ask),
        github_api_url=github_api_url,
        egress=network or ("public" if vpc or subnet else _asked(_EGRESS, "public", ask=ask)),
        vpc=vpc,
        subnets=dict(_pair(each, "--subnet") for each in subnet or []),
        emails=tuple(email or _words(_asked("Who hears of alarms (e-mail)", "", ask=ask))),
        budget=_number(_asked("Dollars a month (0: no budget)", "0", ask=ask)) if budget is None else budget,
    )
    files = _files(answers, folder)
    _refuse_what_is_there(files, force=force)
    _check(files)
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _tell(files, _next(answers), as_json=as_json)


_EGRESS = "Network: public, nat or nat-per-zone"


def _files(answers: Answers, folder: Path) -> dict[Path, str]:
    return {
        folder / f"Pulumi.{stack_file.name_of(answers, region)}.yaml": stack_file.text_of(answers, region)
        for region in answers.regions
    }


def _tell(files: Iterable[Path], steps: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"files": [str(file) for file in files], "next": steps}, indent=2))
        return
    for file in files:
        typer.echo(f"Wrote {file}")
    typer.echo("\nNext:\n" + "\n".join(f"  {step}" for step in steps))


def _asked(question: str, guess: str, *, ask: bool) -> str:
    return str(typer.prompt(question, default=guess, show_default=bool(guess))).strip() if ask else guess


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(text: str) -> int:
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is not a whole number of dollars", param_hint="--budget")
    return int(text)


def _pair(text: str, option: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise typer.BadParameter(f"{text!r} has no `=` between two words", param_hint=option)
    return left, right


def _images(given: Sequence[str], regions: Sequence[str], *, ask: bool) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {region: {} for region in regions}
    for text in given:
        name, image = _pair(text, "--image")
        region, colon, platform = name.rpartition(":")
        if colon and region not in found:
            raise typer.BadParameter(f"{region!r} is not one of {', '.join(regions)}", param_hint="--image")
        for each in [region] if colon else regions:
            found[each][platform] = image
    for region in regions:
        if not found[region] and (image := _asked(f"AMI for linux/x64 in {region}", "", ask=ask)):
            found[region]["linux/x64"] = image
    return found


def _refuse_what_is_there(files: Mapping[Path, str], *, force: bool) -> None:
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        typer.echo(f"spotrunner: {', '.join(there)} is there already; --force replaces it", err=True)
        raise typer.Exit(1)


def _check(files: Mapping[Path, str]) -> None:
    """Ask the Pulumi program's own reader, which stands in the checkout and not in the installed command."""
    with tempfile.TemporaryDirectory() as folder:
        drafts = [Path(folder) / file.name for file in files]
        for draft, text in zip(drafts, files.values(), strict=True):
            draft.write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "infra.check", *map(str, drafts)], capture_output=True, text=True, check=False
        )
    if "No module named" in done.stderr:
        typer.echo("spotrunner: run this in a checkout of the repository, with pip install -e '.[infra]'", err=True)
        raise typer.Exit(1)
    if done.returncode:
        typer.echo(f"spotrunner: nothing is written.\n{done.stdout or done.stderr}".rstrip(), err=True)
        raise typer.Exit(1)


def _next(answers: Answers) -> list[str]:
    """The commands from here to the first job."""
    owner = f"https://github.com/organizations/{answers.owner}" if answers.owner else "https://github.com"
    steps = ["python -m infra.package build/lambda"]
    for region in answers.regions:
        name = stack_file.name_of(answers, region)
        steps += [f"pulumi stack init {name}", f"pulumi up --stack {name}"]
    first = stack_file.name_of(answers, answers.regions[0])
    return [
        *steps,
        f"pulumi stack output --stack {first}      # webhook_url is what the App wants, secrets want its key",
        f"{owner}/settings/apps      # set the App's webhook; docs/deploy.md says how",
    ]
