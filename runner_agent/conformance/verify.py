"""Runs the checks on a runner's folder and leaves the folder as it was."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner_agent.cloud import ProcessTree
from runner_agent.conformance.checks import CHECKS, Check, Trial
from runner_agent.conformance.keys import KeyPair, generate
from runner_agent.conformance.probe import Broken, Place
from runner_agent.conformance.registration import FILES
from runner_agent.listener.launch import PROGRAM

PATIENCE_S = 60.0


class NoRunner(Exception):
    """The folder holds nothing that could be checked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check came out."""

    name: str
    promise: str
    kept: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Wish:
    """What to check, and how."""

    folder: Path
    tree: ProcessTree
    environment: Mapping[str, str] = field(repr=False)
    names: Sequence[str] = ()
    """Of the checks; all where none is given."""
    patience_s: float = PATIENCE_S
    """For one check."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the job's message."""
    key: KeyPair | None = None
    """Each verification makes a fresh one where none is given."""


def verify(wish: Wish, seen: Callable[[Verdict], None] = lambda _: None) -> tuple[Verdict, ...]:
    """Every verdict, each also told as it is seen; raises `NoRunner`."""
    folder = wish.folder.resolve()
    if not (folder / PROGRAM).is_file():
        raise NoRunner(f"{folder}: there is no {PROGRAM}; give the folder that GitHub's archive was unpacked into")
    registered = [name for name in FILES if (folder / name).exists()]
    if registered:
        raise NoRunner(f"{folder}: holds {registered[0]}, so it is some runner's home; remove it or take another copy")
    chosen = [check for check in CHECKS if not wish.names or check.name in wish.names]
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="spotrunner-") as performance:
        place = Place(folder, wish.tree, Path(performance), wish.environment)
        wish.tree.give(place.performance)
        trial = Trial(place, wish.key or generate(), wish.patience_s, wish.extra)
        for check in chosen:
            verdict = _verdict(check, trial)
            seen(verdict)
            verdicts.append(verdict)
    return tuple(verdicts)


def _verdict(check: Check, trial: Trial) -> Verdict:
    began = time.monotonic()
    with _tidied(trial.place.folder):
        try:
            kept, detail = True, check.play(trial)
        except Broken as broken:
            kept, detail = False, str(broken)
        except (OSError, ValueError, AttributeError) as odd:
            kept, detail = False, f"{type(odd).__name__}: {odd}"
    return Verdict(check.name, check.promise, kept, detail, round(time.monotonic() - began, 2))


@contextmanager
def _tidied(folder: Path) -> Iterator[None]:
    """Whatever a check adds to the folder goes with it: an image must not carry a registration or old logs."""
    before = {path.name for path in folder.iterdir()}
    try:
        yield
    finally:
        for path in folder.iterdir():
            if path.name in before:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
