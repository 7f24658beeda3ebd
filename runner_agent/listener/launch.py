"""How the listener is started: in its own folder, with an allow-listed environment, the JIT never in argv."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from runner_agent import __version__
from runner_agent.cloud import Command, ProcessTree
from runner_agent.contract.bundle import SetupGroup
from runner_agent.contract.record import Record
from runner_agent.telemetry import counters

PROGRAM = "bin/Runner.Listener.exe" if os.name == "nt" else "bin/Runner.Listener"
MARK = "SPOTRUNNER_TREE"
"""In the environment of the listener and so of all that a job starts: how stray processes are found."""

INTERRUPTION_FILE = "SPOTRUNNER_INTERRUPTION_FILE"
"""Names the file that appears once the machine's end is announced."""

ARTIFACTS = "SPOTRUNNER_ARTIFACTS"
"""Names the place in S3 that is the job's configuration's own, where it has one."""

_NAMES = """
PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR RUNNER_TOOL_CACHE AGENT_TOOLSDIRECTORY
http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
ACTIONS_RUNNER_ACTION_ARCHIVE_CACHE ACTIONS_RUNNER_SYMLINK_CACHED_ACTIONS
ACTIONS_RUNNER_HOOK_JOB_STARTED ACTIONS_RUNNER_HOOK_JOB_COMPLETED ImageOS ImageVersion
SystemRoot SystemDrive ComSpec PATHEXT TEMP TMP USERPROFILE APPDATA LOCALAPPDATA ProgramData
ProgramFiles windir PSModulePath NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE
"""
_PASSED = frozenset(_NAMES.split())
_STALE = (".runner", ".runner_migrated", ".credentials", ".credentials_migrated", ".credentials_rsaparams")
_USED = ("_diag", "_work", "update.finished")
_PRIVATE_KEY = ".credentials_rsaparams"


class Runner(Record):
    """An unpacked runner that is ready to be started for one bundle."""

    folder: Path
    jit_config: str
    performance: Path
    """Where the runner writes its timing counters."""
    traceparent: str
    """What the job's own steps continue."""
    interruption_file: Path
    card: tuple[SetupGroup, ...] = ()
    """What the job's "Set up job" step shows."""
    artifacts: str = ""
    """Where the job may keep what it likes; empty: nowhere."""


def clean(runner: Runner) -> tuple[str, ...]:
    """Remove whose machine this was before, from an image that was baked of a used one; what was found."""
    found = [name for name in (*_STALE, *_USED) if (runner.folder / name).exists()]
    for name in found:
        place = runner.folder / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink()
    return tuple(found)


def prepare(runner: Runner, tree: ProcessTree) -> None:
    """Put the files beside the runner that it reads at its start, and none of a former one."""
    for name in _STALE:
        (runner.folder / name).unlink(missing_ok=True)
    card = [{"group": group.group, "detail": group.detail} for group in runner.card]
    _write(runner.folder / ".setup_info", json.dumps(card), 0o644, tree)
    # The listener writes the private key with its umask; a file that is there keeps its mode.
    _write(runner.folder / _PRIVATE_KEY, "", 0o600, tree)
    runner.interruption_file.unlink(missing_ok=True)
    runner.performance.mkdir(parents=True, exist_ok=True)
    counters.clear(runner.performance)
    tree.give(runner.performance)


def command(runner: Runner, machine: Mapping[str, str]) -> Command:
    """What to start, out of the machine's own environment."""
    mark = f"{os.getpid()}-{secrets.token_hex(8)}"
    return Command(
        argv=(str(runner.folder / PROGRAM), "run"),
        folder=runner.folder,
        environment=environment(runner, machine, mark),
        mark=f"{MARK}={mark}",
    )


def environment(runner: Runner, machine: Mapping[str, str], mark: str) -> dict[str, str]:
    """All that the listener, its worker and every step may inherit."""
    return {
        **inherited(machine),
        "ACTIONS_RUNNER_INPUT_JITCONFIG": runner.jit_config,
        "ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED": "1",
        "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",
        "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT": "1",
        "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT": "120",
        "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT": f"spotrunner/{__version__}",
        "RUNNER_PERFLOG": str(runner.performance),
        "TRACEPARENT": runner.traceparent,
        INTERRUPTION_FILE: str(runner.interruption_file),
        MARK: mark,
        **({ARTIFACTS: runner.artifacts} if runner.artifacts else {}),
    }


def inherited(machine: Mapping[str, str]) -> dict[str, str]:
    """What of the machine's own environment a job may see."""
    return {name: value for name, value in machine.items() if name in _PASSED or name.startswith("LC_")}


def _write(path: Path, text: str, mode: int, tree: ProcessTree) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    tree.give(path)
