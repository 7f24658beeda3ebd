"""Turns one source into a runner on disk: hashed while it is written, unpacked only once it has proved itself."""

from __future__ import annotations

import errno
import hashlib
import http.client
import secrets
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from runner_agent.contract.bundle import RunnerPackage
from runner_agent.contract.reports import Source
from runner_agent.download import Got, NoRoom, Rejected, Store, cached
from runner_agent.listener.launch import PROGRAM
from runner_agent.unpack import unpack
from runner_agent.web import REDIRECTS, Request, Unreachable, opened

CHUNK = 1024 * 1024
STALL_S = 15.0
SOURCE_S = 120.0
SIZE_UNKNOWN = 250 * 1024 * 1024
ROOM_FACTOR = 3
"""The archive, what it holds, and as much again for the job."""


def obtain(source: str, package: RunnerPackage, store: Store) -> Got:
    """The runner, made from one source; raises `Rejected`, `NoRoom` or OSError."""
    folder = store.folder(package.version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.parent / f".{package.version}-{secrets.token_hex(4)}"
    archive = fresh.with_name(f"{fresh.name}.archive")
    try:
        digest = fetch(source, archive, store)
        if digest != package.sha256.lower():
            raise Rejected(f"SHA-256 is {digest}, not {package.sha256}")
        unpack(archive, fresh, store.check)
        if not (fresh / PROGRAM).is_file():
            raise Rejected(f"the archive holds no {PROGRAM}")
        fresh.replace(folder)
        origin = Source.CACHE if source == cached(package) else Source.GITHUB
        return Got(folder, fresh=True, spare=_kept(archive, source, package), source=origin)
    except OSError as broken:
        if broken.errno == errno.ENOSPC:
            raise NoRoom(f"{folder.parent}: the disk is full") from broken
        raise
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)


def _kept(archive: Path, source: str, package: RunnerPackage) -> Path | None:
    """The archive under another name, where the cache should have had it and did not."""
    if package.offer is None or source == cached(package):
        return None
    return archive.replace(archive.with_suffix(".spare"))


def fetch(source: str, target: Path, store: Store) -> str:
    """Write what a source serves to a file; its SHA-256, counted while writing."""
    request = store.signer.s3_object(source) if source.startswith("s3://") else Request("GET", source)
    with opened(request, STALL_S, redirects=REDIRECTS) as response:
        if response.status != http.client.OK:
            raise Unreachable(f"status {response.status}")
        size = int(response.getheader("Content-Length") or 0)
        check_room(target.parent, size or SIZE_UNKNOWN)
        with target.open("wb") as file:
            digest, written = _copied(response, file, store)
    if size and written != size:
        raise Unreachable(f"ended after {written} of {size} bytes")
    return digest


def _copied(response: http.client.HTTPResponse, file: BinaryIO, store: Store) -> tuple[str, int]:
    digest, written, deadline = hashlib.sha256(), 0, time.monotonic() + SOURCE_S
    # read1 answers with what is there, so a trickle cannot outlive the deadline.
    while chunk := _read(response):
        store.check()
        if time.monotonic() > deadline:
            raise Unreachable(f"too slow: {written} bytes in {SOURCE_S:.0f} s")
        digest.update(chunk)
        file.write(chunk)
        written += len(chunk)
    return digest.hexdigest(), written


def check_room(folder: Path, size: int) -> None:
    """Refuse to fill the disk; raises `NoRoom`."""
    free = shutil.disk_usage(folder).free
    if free < size * ROOM_FACTOR:
        raise NoRoom(f"{folder}: {free >> 20} MiB free, {size * ROOM_FACTOR >> 20} MiB needed for the runner")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK)
    except http.client.HTTPException as broken:
        raise Unreachable(f"broken off: {type(broken).__name__}") from broken
