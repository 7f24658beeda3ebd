"""The runner's release: the stand-in listener packed as GitHub packs the real one, with its SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import marshal
import shlex
import sys
import tarfile
import zipfile
from dataclasses import dataclass, field
from importlib.resources import files

VERSION = "2.337.0"
ARCHITECTURES = ("x64", "arm64")
"""The stand-in is the same for both: a machine of the local cloud is a process of this one."""
_PACKAGE = "stand_in"
_MAIN = "import sys\n\nfrom stand_in.program import main\n\nsys.exit(main(sys.argv))\n"
# Any zip may be preceded by other bytes, and the kernel limits a #! line to 255: so a shell finds the interpreter.
_SHELL = '#!/bin/sh\nexec {python} -I "$0" "$@"\n'


@dataclass(frozen=True, slots=True)
class Release:
    """One downloadable archive."""

    version: str
    architecture: str
    archive: bytes = field(repr=False)

    @property
    def filename(self) -> str:
        """As GitHub names it."""
        return f"actions-runner-linux-{self.architecture}-{self.version}.tar.gz"

    @property
    def path(self) -> str:
        """Where GitHub's web site has it."""
        return f"/actions/runner/releases/download/v{self.version}/{self.filename}"

    @property
    def sha256(self) -> str:
        """Its digest, in hex."""
        return hashlib.sha256(self.archive).hexdigest()


def releases() -> tuple[Release, ...]:
    """The archives of the current version; the same bytes on each call."""
    archive = _archive({"bin/Runner.Listener": _program(), "run.sh": _RUN_SH, "config.sh": _CONFIG_SH})
    return tuple(Release(VERSION, architecture, archive) for architecture in ARCHITECTURES)


_RUN_SH = b'#!/bin/sh\nexec "$(dirname "$0")/bin/Runner.Listener" run "$@"\n'
_CONFIG_SH = b'#!/bin/sh\nexec "$(dirname "$0")/bin/Runner.Listener" configure "$@"\n'


def _program() -> bytes:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name, content in sorted(_modules().items()):
            archive.writestr(zipfile.ZipInfo(name, (2026, 9, 1, 0, 0, 0)), content)
    return _SHELL.format(python=shlex.quote(sys.executable)).encode() + zipped.getvalue()


def _modules() -> dict[str, bytes]:
    package = [each for each in files(f"controller.local.github.{_PACKAGE}").iterdir() if each.name.endswith(".py")]
    sources = {f"{_PACKAGE}/{each.name}": each.read_bytes() for each in package}
    compiled = {f"{name}c": _compiled(name, source) for name, source in sources.items()}
    return {"__main__.py": _MAIN.encode(), **sources, **compiled}


def _compiled(name: str, source: bytes) -> bytes:
    """Byte code for this interpreter, which saves each start 80 ms; any other falls back to the source."""
    unchecked = (1).to_bytes(4, "little")
    code = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + code


def _archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
