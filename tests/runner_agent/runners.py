"""Runners to put on a test machine: a folder or an archive that holds the fake listener with its scenario."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("fake_listener.py")
VERSION = "2.336.0"
Part = Sequence[dict[str, Any]]

JIT_SECRET = "canary-rsa-private-exponent-000000000000"


def jit_config(name: str = "sr-1") -> str:
    """What GitHub would have answered, with a canary where the private key is."""
    settings = {"AgentId": 7, "AgentName": name, "Ephemeral": True, "WorkFolder": "_work"}
    files = {
        ".runner": "\ufeff" + json.dumps(settings),
        ".credentials": json.dumps({"scheme": "OAuth", "data": {"clientId": "canary-client-id-1234"}}),
        ".credentials_rsaparams": json.dumps({"d": JIT_SECRET, "exponent": "AQAB"}),
    }
    packed = {file: base64.b64encode(text.encode()).decode() for file, text in files.items()}
    return base64.b64encode(json.dumps(packed).encode()).decode()


def program() -> str:
    """The fake listener as an executable; without site it starts in half the time."""
    return f"#!{sys.executable} -S\n{SOURCE.read_text('utf-8')}"


def install(home: Path, *parts: Part, version: str = VERSION) -> Path:
    """A runner baked into the machine."""
    folder = home / "runner" / version
    (folder / "bin").mkdir(parents=True)
    listener = folder / "bin" / "Runner.Listener"
    listener.write_text(program(), "utf-8")
    listener.chmod(0o755)
    (folder / "scenario.json").write_text(json.dumps(parts), "utf-8")
    return folder


def archive(*parts: Part, extra: Sequence[tarfile.TarInfo] = ()) -> tuple[bytes, str]:
    """A runner as it is released, with its SHA-256."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        _add(tar, "bin/Runner.Listener", program(), 0o755)
        _add(tar, "scenario.json", json.dumps(parts), 0o644)
        for member in extra:
            tar.addfile(member)
    data = buffer.getvalue()
    return data, hashlib.sha256(data).hexdigest()


def _add(tar: tarfile.TarFile, name: str, text: str, mode: int) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    tar.addfile(member, io.BytesIO(data))


def starts(folder: Path) -> list[dict[str, Any]]:
    """Each start of the fake listener so far."""
    file = folder / "starts.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def children(folder: Path) -> list[int]:
    """The processes that the fake listener has started."""
    file = folder / "children"
    return [int(line) for line in file.read_text("ascii").split()] if file.exists() else []


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
