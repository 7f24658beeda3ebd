"""Packs the functions' code: the same files give the same archive, byte for byte, on any machine.

    python -m infra.package [folder]      installs what the functions need, for Lambda's own platform, and packs

The webhook's archive holds the project's code and nothing else, because its cold start is part of
everybody's queue time. The others' archive adds the packages in `<folder>/dependencies`.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import controller
import runner_agent

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
DEPENDENCIES = "dependencies"

MAX_ZIPPED = 50 * 2**20
"""Lambda takes no larger archive by direct upload."""

_NOT_DEPLOYED = ("controller/local/", "controller/cli/", "bin/")
_OF_THIS_MACHINE = ("/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json")
"""What pip writes beside a package, with paths of the machine it ran on."""

_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16
_LEVEL = 9


class NotPacked(Exception):
    """The functions' code can not be packed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A Lambda deployment package."""

    path: Path
    sha256: str
    """In base64, as Lambda shows it."""
    size: int

    def __str__(self) -> str:
        return f"{self.path.name}: {self.size / 1024:,.0f} KiB, SHA-256 {self.sha256}"


def webhook(build: Path) -> Archive:
    """The webhook door's archive: our own code only."""
    return _zip(build / "webhook.zip", _ours())


def functions(build: Path) -> Archive:
    """The archive of all other doors: our code with the packages it needs."""
    vendored = build / DEPENDENCIES
    if not vendored.is_dir():
        raise NotPacked(f"{vendored} is missing: fill it with `python -m infra.package {build}`")
    return _zip(build / "functions.zip", {**_tree(vendored, ""), **_ours()})


def vendor_command(target: Path, requirements: Sequence[str]) -> list[str]:
    """How to install packages for Lambda's platform from any machine."""
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--upgrade", "--only-binary=:all:"),
        *("--platform", "manylinux2014_aarch64", "--implementation", "cp", "--python-version", "3.13"),
        *("--target", str(target), *requirements),
    ]


def requirements() -> list[str]:
    """What the project itself needs, without its extras."""
    return sorted(line for line in importlib.metadata.requires("spotrunner") or () if "extra ==" not in line)


def _ours() -> dict[str, Path]:
    agent = Path(runner_agent.__file__).parent
    return {
        **_tree(Path(controller.__file__).parent, "controller/"),
        **_tree(agent / "contract", "runner_agent/contract/"),
        "runner_agent/__init__.py": agent / "__init__.py",
    }


def _tree(root: Path, prefix: str) -> dict[str, Path]:
    return {name: path for path in _files(root) if _wanted(name := f"{prefix}{path.relative_to(root).as_posix()}")}


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _wanted(name: str) -> bool:
    return not name.startswith(_NOT_DEPLOYED) and not name.endswith(_OF_THIS_MACHINE)


def _zip(target: Path, files: Mapping[str, Path]) -> Archive:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIRST_MOMENT)
            entry.external_attr = _READABLE
            entry.create_system = 3
            archive.writestr(entry, files[name].read_bytes(), zipfile.ZIP_DEFLATED, _LEVEL)
    packed = memory.getvalue()
    if len(packed) > MAX_ZIPPED:
        raise NotPacked(f"{target} has {len(packed):,} bytes; Lambda takes {MAX_ZIPPED:,}")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Another deployment from this folder must not upload half a file.
    half = target.with_name(f".{target.name}-{os.getpid()}")
    half.write_bytes(packed)
    half.replace(target)
    return Archive(target, base64.b64encode(hashlib.sha256(packed).digest()).decode(), len(packed))


def main(arguments: Sequence[str]) -> int:
    """Install the dependencies, pack both archives, print their sizes."""
    build = Path(arguments[0] if arguments else "build/lambda")
    subprocess.run(vendor_command(build / DEPENDENCIES, requirements()), check=True)
    for archive in (webhook(build), functions(build)):
        print(archive)  # noqa: T201 - this is a command
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
