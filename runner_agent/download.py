"""Gets exactly the runner that the bundle names: baked into the image, or from the first source that proves itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from runner_agent.aws import Signer
from runner_agent.contract.bundle import RunnerPackage
from runner_agent.contract.record import Record
from runner_agent.contract.reports import Source
from runner_agent.listener.launch import PROGRAM
from runner_agent.logs import Tell

ATTEMPTS = 3


class RunnerUnavailable(Exception):
    """No source gave the runner; the message names each source with what was wrong with it."""


class Rejected(OSError):
    """What came is not the runner, or is not safe to unpack."""


class NoRoom(Exception):
    """The disk is too small for the runner, which no other source would change."""


class Store(Record):
    """Where runners lie on this machine, and how the others are reached."""

    home: Path
    signer: Signer
    tell: Tell
    check: Callable[[], None]
    """Called now and then; raises when the machine is going to be taken away."""

    def folder(self, version: str) -> Path:
        """Where a version lies, once it is whole."""
        return self.home / "runner" / version


def baked(home: Path) -> tuple[str, ...]:
    """The versions on disk."""
    root = home / "runner"
    found = (path.name for path in root.iterdir() if (path / PROGRAM).is_file()) if root.is_dir() else ()
    return tuple(sorted(name for name in found if not name.startswith(".")))


class Got(NamedTuple):
    """A runner that is ready on this disk."""

    folder: Path
    fresh: bool
    """It is new here."""
    spare: Path | None = None
    """Its archive, where the cache lacks it."""
    source: Source = Source.IMAGE


def cached(package: RunnerPackage) -> str:
    """The source in the stack's own cache, or empty."""
    return next((source for source in package.sources if source.startswith("s3://")), "")


def ensure(package: RunnerPackage, store: Store) -> Got:
    """The runner on this disk; raises `RunnerUnavailable` or `NoRoom`."""
    if not package.version.strip(".") or PurePosixPath(package.version).name != package.version:
        raise RunnerUnavailable(f"runner version {package.version!r} is not a name")
    folder = store.folder(package.version)
    if (folder / PROGRAM).is_file():
        return Got(folder, fresh=False)
    # A machine that has its runner on board does not wait for these imports.
    from runner_agent.fetch import obtain  # noqa: PLC0415 - see above

    failures = []
    tries = max(ATTEMPTS, len(package.sources)) if package.sources else 0
    for source in itertools.islice(itertools.cycle(package.sources), tries):
        try:
            return obtain(source, package, store)
        except OSError as broken:
            store.tell("runner_source_failed", source=_place(source), error=broken)
            failures.append(f"{_place(source)}: {broken}")
    raise RunnerUnavailable(f"runner {package.version}: " + ("; ".join(failures) or "no source was named"))


def _place(source: str) -> str:
    return source.partition("?")[0]
