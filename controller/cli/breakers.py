"""`spotrunner breaker`: what is known of machine types in zones, and an operator's orders about them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import screen
from controller.cli.exits import EXIT_CODES, one_line_errors
from controller.cli.stack import AsJson, StackName, now, opened
from controller.errors import Rejected

if TYPE_CHECKING:
    from controller.app.operator import OperatorDoor
    from controller.domain.places import Force

app = typer.Typer(
    no_args_is_help=True, help="Machine types in zones: which are left alone, and your orders about them."
)

Type = Annotated[str, typer.Argument(metavar="TYPE", help="A machine type, as c7i.large; `*` stands for anything.")]
Zone = Annotated[str, typer.Argument(metavar="ZONE", help="A zone, as us-east-1a; `*` stands for anything.")]

EXAMPLES = f"""
Examples:

  spotrunner breaker list

  spotrunner breaker open 'c7i.*' us-east-1a

  spotrunner breaker close c7i.large us-east-1a

  spotrunner breaker auto 'c7i.*' us-east-1a

{EXIT_CODES}
"""


@app.command("list", epilog=EXAMPLES)
def list_command(stack: StackName = "", *, as_json: AsJson = False) -> None:
    """List orders, breakers that are not closed, and what EC2 has refused lately."""
    from controller.cli import standing  # noqa: PLC0415 - `--help` need not wait for it
    from controller.cli.times import span  # noqa: PLC0415 - as above

    with one_line_errors():
        known = opened(stack).capacity.look()
    moment = now()
    found = (*standing.places_of(known, moment), *standing.refusals(known, moment))
    if as_json:
        screen.as_json(found)
    elif found:
        screen.table(
            ["PLACE", "STATE", "TRIED AGAIN IN", "WHY"],
            [
                (each.place, each.state, "" if each.until is None else span(each.until - moment), each.why)
                for each in found
            ],
            whole=["STATE", "TRIED AGAIN IN"],
        )
    else:
        screen.say("Nothing is left alone: every machine type may be asked for in every zone.")


@app.command("open", epilog=EXAMPLES)
def open_command(instance_type: Type, zone: Zone, stack: StackName = "", *, as_json: AsJson = False) -> None:
    """Ask for no machine of this type in this zone, spot or on-demand, until told otherwise."""
    _order(stack, instance_type, zone, "open", as_json=as_json)


@app.command("close", epilog=EXAMPLES)
def close_command(instance_type: Type, zone: Zone, stack: StackName = "", *, as_json: AsJson = False) -> None:
    """Ask for machines of this type in this zone whatever was refused or taken away there."""
    _order(stack, instance_type, zone, "closed", as_json=as_json)


@app.command("auto", epilog=EXAMPLES)
def auto_command(instance_type: Type, zone: Zone, stack: StackName = "", *, as_json: AsJson = False) -> None:
    """Take an order back: what happens there decides again."""
    _order(stack, instance_type, zone, "", as_json=as_json)


_SAYS = {
    "open": "is not used until `spotrunner breaker auto` or `close`",
    "closed": "is used, whatever was refused or taken away there",
    "": "is left to what happens there",
}


def _order(stack: str, instance_type: str, zone: str, force: str, *, as_json: bool) -> None:
    from controller.domain import places  # noqa: PLC0415 - as above

    with one_line_errors():
        door = opened(stack)
        pattern = places.place(instance_type, zone)
        had = door.capacity.look().forced.get(pattern)
        if not force and had is None:
            raise Rejected(f"there is no order for {pattern}; `spotrunner breaker list` shows those there are")
        if force:
            _check(door, instance_type, zone)
        wanted: Force | None = places.Force(force) if force else None
        door.capacity.order(pattern, wanted)
    if as_json:
        screen.as_json({"place": pattern, "order": force or "auto", "before": had or "auto"})
    else:
        screen.say(f"{pattern} {_SAYS[force]}.")


def _check(door: OperatorDoor, instance_type: str, zone: str) -> None:
    """An order for what is not there would be obeyed by nobody, and nobody would know."""
    from controller.domain import catalogue  # noqa: PLC0415 - as above
    from controller.settings import pairs  # noqa: PLC0415 - as above

    zones = pairs(door.settings.subnets)
    if not any(fnmatchcase(name, zone) for name in zones):
        raise Rejected(f"no zone of stack {door.settings.stack} is {zone}: it has {', '.join(zones)}")
    if not any(fnmatchcase(kind.name, instance_type) for kind in catalogue.shipped().types):
        raise Rejected(f"no machine type in the catalogue is {instance_type}; give one as c7i.large, or 'c7i.*'")
