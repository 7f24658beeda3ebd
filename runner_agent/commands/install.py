"""`install` and `uninstall`: makes this machine, or an image's folder, a runner machine; and takes that back."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from runner_agent.commands import service, units
from runner_agent.commands.steps import Link, Remove, Run, Step, StepFailed, Write, carry_out, show
from runner_agent.commands.units import Layout
from runner_agent.settings import Settings

LINUX, WINDOWS = "linux", "windows"
SYSTEM = Path("etc/systemd/system")
_WANTED = {units.AGENT: "multi-user.target.wants", units.TIMER: "timers.target.wants"}
_HERE = WINDOWS if sys.platform == "win32" else LINUX
_WINDOWS_HOME = PureWindowsPath(r"C:\spotrunner")


def add(install: argparse.ArgumentParser, uninstall: argparse.ArgumentParser) -> None:
    """The options of both."""
    for parser in (install, uninstall):
        parser.add_argument(
            "--root", type=Path, default=Path("/"), metavar="DIR", help="an image's root folder (%(default)s)"
        )
        parser.add_argument("--system", choices=(LINUX, WINDOWS), default=_HERE, help="the machine's (%(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="print the steps as JSON")
    install.add_argument("--home", help="the agent's folder (SPOTRUNNER_HOME)")
    install.add_argument("--user", help="who jobs run as (SPOTRUNNER_RUNNER_USER)")
    install.add_argument("--program", metavar="PATH", help="the agent's program on the machine (<home>/agent/bin/...)")
    install.add_argument(
        "--longest-job", type=_hours, default=6, metavar="HOURS", help="%(default)s hours unless given"
    )
    install.set_defaults(command=_install)
    uninstall.set_defaults(command=_uninstall)


def on_linux(layout: Layout, root: Path) -> tuple[Step, ...]:
    """The units, enabled as `systemctl enable` does it: links that need no running systemd."""
    folder = root / SYSTEM
    written = [Write(folder / name, text) for name, text in units.units(layout).items()]
    linked = [Link(folder / wants / name, f"../{name}") for name, wants in _WANTED.items()]
    return (*written, *linked, *_reload(root))


def off_linux(root: Path) -> tuple[Step, ...]:
    """All of it gone. A running agent goes on: stopping its unit would power the machine off."""
    folder = root / SYSTEM
    stop = (Run(("systemctl", "stop", units.TIMER), may_fail=True),) if _is_running(root) else ()
    links = [Remove(folder / wants / name) for name, wants in _WANTED.items()]
    files = [Remove(folder / name) for name in (units.AGENT, units.DEADMAN, units.TIMER)]
    return (*stop, *links, *files, *_reload(root))


def _install(given: argparse.Namespace, settings: Settings) -> int:
    layout = _layout(given, settings)
    steps = service.installed(layout) if given.system == WINDOWS else on_linux(layout, given.root)
    return _done(steps, given)


def _uninstall(given: argparse.Namespace, _: Settings) -> int:
    return _done(service.removed() if given.system == WINDOWS else off_linux(given.root), given)


def _layout(given: argparse.Namespace, settings: Settings) -> Layout:
    home: PurePath
    if given.system == WINDOWS:
        home = PureWindowsPath(given.home or _WINDOWS_HOME)
        program: PurePath = PureWindowsPath(given.program or home / "agent/Scripts/spotrunner-agent.exe")
    else:
        home = PurePosixPath(given.home or settings.home)
        program = PurePosixPath(given.program or home / "agent/bin/spotrunner-agent")
    return Layout(home, given.user or settings.runner_user, program, given.longest_job)


def _done(steps: tuple[Step, ...], given: argparse.Namespace) -> int:
    if given.json:
        shown = [{"step": type(step).__name__.lower(), "text": show(step)} for step in steps]
        sys.stdout.write(json.dumps(shown) + "\n")
    elif given.dry_run:
        sys.stdout.writelines(f"{show(step)}\n" for step in steps)
    if given.dry_run:
        return 0
    if given.system != _HERE:
        sys.stderr.write(f"spotrunner-agent: this is not a {given.system} machine; add --dry-run to see the steps\n")
        return 2
    try:
        carry_out(steps)
    except StepFailed as failed:
        sys.stderr.write(f"spotrunner-agent: {failed}\n")
        return 1
    if not given.json:
        sys.stdout.writelines(f"{show(step).splitlines()[0]}\n" for step in steps)
    return 0


def _reload(root: Path) -> tuple[Step, ...]:
    return (Run(("systemctl", "daemon-reload")),) if _is_running(root) else ()


def _is_running(root: Path) -> bool:
    """Whether the root is this very machine's, under a systemd that runs."""
    return root == Path("/") and Path("/run/systemd/system").is_dir()


def _hours(text: str) -> int:
    hours = int(text)
    if not 1 <= hours <= 24 * 5:
        raise argparse.ArgumentTypeError("between 1 hour and 5 days, GitHub's own limit")
    return hours
