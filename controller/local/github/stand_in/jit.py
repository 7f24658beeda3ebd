"""The just-in-time configuration: files in the runner's root, written, read and removed."""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INPUT = "ACTIONS_RUNNER_INPUT_JITCONFIG"
FILES = (".runner", ".credentials", ".credentials_rsaparams")


class BadConfiguration(Exception):
    """A configuration that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """What the listener needs of its three files."""

    runner_id: int
    name: str
    broker_url: str
    token_url: str
    client_id: str
    work_folder: str
    disable_update: bool
    key: dict[str, int] = field(repr=False)


def unpack(encoded: str, root: Path) -> None:
    """Write each file of a JIT configuration into the runner's root; existing files keep their mode."""
    try:
        files = json.loads(base64.b64decode(encoded, validate=True))
        contents = {Path(name).name: base64.b64decode(text, validate=True) for name, text in files.items()}
    except (ValueError, binascii.Error, AttributeError, TypeError) as error:
        raise BadConfiguration("The JIT configuration is not base64 of a JSON object of base64 files.") from error
    for name, content in contents.items():
        (root / name).write_bytes(content)


def load(root: Path) -> Settings:
    """The settings of a configured runner."""
    try:
        runner, credentials, key = (_lower(json.loads((root / name).read_text("utf-8-sig"))) for name in FILES)
        data = _lower(credentials["data"])
        return Settings(
            runner_id=int(runner["agentid"]),
            name=str(runner["agentname"]),
            broker_url=str(runner["serverurlv2"]),
            token_url=str(data["authorizationurl"]),
            client_id=str(data["clientid"]),
            work_folder=str(runner.get("workfolder") or "_work"),
            disable_update=str(runner.get("disableupdate")).lower() == "true",
            key={name: int.from_bytes(base64.b64decode(text), "big") for name, text in key.items()},
        )
    except (OSError, ValueError, KeyError) as error:
        raise BadConfiguration("Not configured. Run config.(sh/cmd) to configure the runner.") from error


def remove(root: Path) -> list[str]:
    """Delete the files; the names of those that were there."""
    removed = []
    for name in (".credentials", ".credentials_rsaparams", ".runner"):
        if (root / name).exists():
            (root / name).unlink()
            removed.append(name)
    return [name for name in removed if name != ".credentials_rsaparams"]


def load_dotenv(root: Path) -> None:
    """`.env` in the root overrides the environment: KEY=VALUE, no quoting."""
    path = root / ".env"
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            name, separator, value = line.partition("=")
            if separator and name.strip():
                os.environ[name.strip()] = value


def _lower(document: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in document.items()}
