"""The local platform's stand-in listener in a folder, sound or broken on purpose, and what it needs of a job."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from controller.local.github.release import releases
from runner_agent.conformance.keys import KeyPair, generate
from runner_agent.conformance.verify import Verdict, Wish, verify
from runner_agent.posix import PosixTree
from runner_agent.unpack import unpack

PATIENCE_S = 60.0
_PACKAGE = "controller.local.github.stand_in"
_MAIN = "import sys\n\nfrom stand_in.program import main\n\nsys.exit(main(sys.argv))\n"
_ACT = """#!/bin/sh
echo '{"stepID":["1"],"msg":"conformance","raw_output":true}'
echo '{"stepID":["1"],"stepResult":"success"}'
echo '{"jobResult":"success"}'
"""


def released(folder: Path) -> Path:
    """The stand-in as local mode hands it out."""
    archive = folder.with_suffix(".tar.gz")
    archive.write_bytes(releases()[0].archive)
    unpack(archive, folder)
    return folder


def broken(folder: Path, changes: Mapping[str, tuple[str, str]]) -> Path:
    """The stand-in with one text in one of its modules replaced."""
    package = folder / "bin" / "stand_in"
    package.mkdir(parents=True)
    for name, source in _sources().items():
        old, new = changes.get(name, ("", ""))
        assert old in source, f"{name} has no {old!r} any more"
        (package / name).write_text(source.replace(old, new) if old else source, "utf-8")
    (folder / "bin" / "main.py").write_text(_MAIN, "utf-8")
    listener = folder / "bin" / "Runner.Listener"
    listener.write_text(f'#!/bin/sh\nexec {sys.executable} -B -s -E "${{0%/*}}/main.py" "$@"\n', "utf-8")
    listener.chmod(0o755)
    return folder


def job_extra(folder: Path) -> dict[str, Any]:
    """What the stand-in reads of a job that GitHub's own runner does not."""
    act = folder.with_name(f"{folder.name}-act")
    act.write_text(_ACT, "ascii")
    act.chmod(0o755)
    names = ("run_id", "run_number", "run_attempt", "sha", "actor", "event_name")
    variables = dict.fromkeys(names, "1") | {"ref": "refs/heads/main", "repository": "acme/shop"}
    workflow = {"yaml": "", "steps": [{"id": "1", "name": "echo"}], "label": "box", "outputsStep": "out"}
    return {"act": str(act), "event": {}, "workflow": workflow, "variables": variables}


def verdicts(folder: Path, *names: str, patience_s: float = PATIENCE_S) -> dict[str, Verdict]:
    """What the checks find, by name."""
    wish = Wish(folder, PosixTree(), dict(os.environ), names, patience_s, job_extra(folder), key())
    return {verdict.name: verdict for verdict in verify(wish)}


@functools.cache
def key() -> KeyPair:
    """One pair for all tests of a process: making it is half a second of arithmetic."""
    return generate()


@functools.cache
def _sources() -> dict[str, str]:
    return {each.name: each.read_text("utf-8") for each in files(_PACKAGE).iterdir() if each.name.endswith(".py")}
