"""Unpacks a verified archive into a new folder, and nothing anywhere else."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PureWindowsPath

from runner_agent.download import Rejected


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into a new folder; raises `Rejected` for a member that would leave it."""
    folder.mkdir(mode=0o755)
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder)
        else:
            with tarfile.open(archive, "r:*") as tar:
                tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as bad:
        raise Rejected(f"not safe to unpack, or not an archive: {bad}") from bad
    except zipfile.BadZipFile as bad:
        raise Rejected(f"not a zip archive: {bad}") from bad


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.infolist():
            _check_member(member)
        bundle.extractall(folder)  # noqa: S202 - each member has been checked


def _check_member(member: zipfile.ZipInfo) -> None:
    name = PureWindowsPath(member.filename)
    # zipfile would quietly bend such a name back into the folder; whoever wrote it meant harm.
    if name.anchor or ".." in name.parts:
        raise Rejected(f"the archive's member {member.filename!r} leaves its folder")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Rejected(f"the archive's member {member.filename!r} is a link")


def discard(folder: Path) -> None:
    """Remove what was unpacked only halfway."""
    shutil.rmtree(folder, ignore_errors=True)
