"""What an installation does, as data: carried out, or only shown."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

COMMAND_S = 60.0


class StepFailed(Exception):
    """A step that could not be done; the message says which."""


@dataclass(frozen=True, slots=True)
class Write:
    """Put a file there, whatever was there before."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Put a symbolic link there."""

    path: Path
    target: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file or link, if it is there."""

    path: Path


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command; never through a shell."""

    argv: tuple[str, ...]
    may_fail: bool = False
    """Where the command only takes away what may not be there."""


Step = Write | Link | Remove | Run
Runner = Callable[[tuple[str, ...]], int]


def carry_out(steps: Iterable[Step], run: Runner | None = None) -> None:
    """Do all steps in order; each may be done twice. Raises `StepFailed`."""
    for step in steps:
        try:
            _do(step, run or _run)
        except (OSError, subprocess.SubprocessError) as broken:
            raise StepFailed(f"{show(step).splitlines()[0]}: {broken}") from broken


def show(step: Step) -> str:
    """The step as an operator reads it."""
    match step:
        case Write(path, text):
            return f"write {path}\n" + "".join(f"    {line}\n" for line in text.splitlines()).rstrip("\n")
        case Link(path, target):
            return f"link {path} -> {target}"
        case Remove(path):
            return f"remove {path}"
        case Run(argv):
            return f"run {shlex.join(argv)}"


def _do(step: Step, run: Runner) -> None:
    match step:
        case Write(path, text):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{path.name}.new")
            fresh.write_text(text, "utf-8")
            fresh.chmod(0o644)
            fresh.replace(path)
        case Link(path, target):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        case Remove(path):
            path.unlink(missing_ok=True)
        case Run(argv, may_fail):
            code = run(argv)
            if code and not may_fail:
                raise StepFailed(f"{shlex.join(argv)}: ended with {code}")


def _run(argv: tuple[str, ...]) -> int:
    return subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, timeout=COMMAND_S).returncode
