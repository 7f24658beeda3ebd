"""`verify-runner`: a table of the promises that a runner keeps, and an exit code for the image build."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from runner_agent.cloud import ProcessTree
from runner_agent.conformance.checks import CHECKS
from runner_agent.conformance.verify import PATIENCE_S, NoRunner, Verdict, Wish, verify
from runner_agent.settings import Settings

_BROKEN, _CANNOT = 1, 2


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    names = [check.name for check in CHECKS]
    parser.add_argument("--dir", type=Path, required=True, help="the folder that GitHub's archive was unpacked into")
    parser.add_argument("--user", default="", help="run it as this user, where the agent is root")
    parser.add_argument("--only", action="append", choices=names, default=[], help="this check; may be repeated")
    parser.add_argument(
        "--timeout", type=float, default=PATIENCE_S, metavar="SECONDS", help="for one check (%(default)g)"
    )
    parser.add_argument("--job-extra", type=Path, metavar="FILE", help="JSON merged into the job, for other runners")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=_verify)


def _verify(given: argparse.Namespace, _: Settings) -> int:
    try:
        wish = Wish(given.dir, _tree(given.user), dict(os.environ), given.only, given.timeout, _extra(given.job_extra))
        verdicts = verify(wish, (lambda _: None) if given.json else _show)
    except (NoRunner, LookupError, OSError, ValueError) as cannot:
        sys.stderr.write(f"spotrunner-agent: {cannot}\n")
        return _CANNOT
    broken = sum(not verdict.kept for verdict in verdicts)
    if given.json:
        document = {"kept": not broken, "checks": [dataclasses.asdict(verdict) for verdict in verdicts]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(f"{len(verdicts) - broken} of {len(verdicts)} promises kept\n")
    return _BROKEN if broken else 0


def _show(verdict: Verdict) -> None:
    mark = "ok    " if verdict.kept else "BROKEN"
    sys.stdout.write(f"{mark} {verdict.name:<10} {verdict.seconds:5.1f} s  {verdict.promise}: {verdict.detail}\n")
    sys.stdout.flush()


def _tree(user: str) -> ProcessTree:
    if sys.platform == "win32":
        from runner_agent.windows import WindowsTree  # noqa: PLC0415 - exists there only

        return WindowsTree()
    else:  # noqa: RET505 - mypy follows one branch for each system
        from runner_agent.posix import PosixTree  # noqa: PLC0415 - exists elsewhere only

        return PosixTree(user)


def _extra(file: Path | None) -> dict[str, Any]:
    data = json.loads(file.read_text("utf-8")) if file else {}
    if not isinstance(data, dict):
        raise ValueError(f"{file}: not a JSON object")  # noqa: TRY004 - the file is wrong, not a caller
    return data
