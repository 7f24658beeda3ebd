"""Unpacks a verified archive into a new folder, and nothing anywhere else.

Written out member by member: `tarfile`'s own filters came with Python 3.11.4, and Debian 12 has 3.11.2.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO

from runner_agent.download import Rejected

_NOT_FOR_OTHERS = 0o755
"""No set-user-id, no writing for the group and the rest, whatever the archive says."""


CHUNK = 1024 * 1024
EVERY_S = 0.5


@dataclass(slots=True)
class Now:
    """Calls somebody now and then, however often it is called itself."""

    check: Callable[[], None]
    _next: float = 0.0

    def __call__(self) -> None:
        """Perhaps it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self.check()


def unpack(archive: Path, folder: Path, check: Callable[[], None] = lambda: None) -> None:
    """Unpack into a new folder; raises `Rejected` for a member that would leave it.

    `check` is called now and then, and what it raises ends the work.
    """
    folder.mkdir(mode=0o755)
    now = Now(check)
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder, now)
        else:
            _untar(archive, folder.resolve(), now)
    except (tarfile.TarError, EOFError, zlib.error) as bad:
        raise Rejected(f"not safe to unpack, or not an archive: {bad}") from bad
    except zipfile.BadZipFile as bad:
        raise Rejected(f"not a zip archive: {bad}") from bad


def _untar(archive: Path, folder: Path, now: Now) -> None:
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            now()
            _put(tar, member, _inside(folder, folder / member.name, member.name), folder, now)


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path, folder: Path, now: Now) -> None:
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    # Never written through a link, nor into a file that has another name: what stood here goes first.
    place.unlink(missing_ok=True)
    if member.issym():
        _inside(folder, place.parent / member.linkname, member.name)
        place.symlink_to(member.linkname)
    elif member.islnk():
        os.link(_inside(folder, folder / member.linkname, member.name), place)
    elif member.isfile():
        _write(tar, member, place, now)
    else:
        raise Rejected(f"the archive's member {member.name!r} is neither a file, a folder nor a link")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path, now: Now) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise Rejected(f"the archive's member {member.name!r} has no content")
    with source, place.open("xb") as target:
        _copy(source, target, now)
    place.chmod(member.mode & _NOT_FOR_OTHERS | stat.S_IRUSR | stat.S_IWUSR)


def _copy(source: IO[bytes], target: IO[bytes], now: Now) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)
        now()


def _inside(folder: Path, place: Path, name: str) -> Path:
    """The place with its folders' links followed, as they stand at this moment; its own last part is not."""
    parent = Path(os.path.realpath(place.parent))
    there = parent / place.name if place.name not in {"", ".", ".."} else Path(os.path.realpath(place))
    if not there.is_relative_to(folder):
        raise Rejected(f"the archive's member {name!r} leaves its folder")
    return there


def _unzip(archive: Path, folder: Path, now: Now) -> None:
    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.infolist():
            _check_member(member)
        for member in bundle.infolist():
            now()
            bundle.extract(member, folder)


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
