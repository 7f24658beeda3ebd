"""The webhook function's cold start, in a fresh interpreter: import and init. `python -m benchmarks.webhook`.

Processor time and not the clock's, so that a busy machine changes little; a bare interpreter stands beside it.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import MISSING, fields

from controller.settings import Settings, variable

STARTS = 20
GOAL_MS = 120
_TOLD = """
import json, resource, sys, time
used = resource.getrusage(resource.RUSAGE_SELF)
heavy = sorted({"boto3", "botocore", "requests", "urllib3"} & {name.partition(".")[0] for name in sys.modules})
print(json.dumps([1_000 * time.process_time(), used.ru_maxrss / 1_024, heavy]))
"""
PROGRAMS = {"`python -c pass`": "", "the webhook function": "import controller.lambdas\n"}


def environ() -> dict[str, str]:
    """What Lambda and the stack give the function."""
    needed = {variable(field.name): "x" for field in fields(Settings) if field.default is MISSING}
    keys = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    return {**needed, **keys, "_HANDLER": "controller.lambdas.webhook", "PATH": os.environ["PATH"]}


def start(program: str) -> tuple[float, float, list[str]]:
    """Processor milliseconds, peak MiB, and what it loaded that it should not."""
    done = subprocess.run(
        [sys.executable, "-c", program + _TOLD], env=environ(), capture_output=True, text=True, check=True
    )
    milliseconds, mebibytes, heavy = json.loads(done.stdout)
    return milliseconds, mebibytes, heavy


def main() -> None:
    """Print the table."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load {os.getloadavg()[0]:.1f} at the begin; {STARTS} starts each; the goal is {GOAL_MS} ms\n")
    print("| import and init | CPU ms, median | best | peak MiB | SDKs loaded |")
    print("|---|---|---|---|---|")
    found: dict[str, list[tuple[float, float, list[str]]]] = {name: [] for name in PROGRAMS}
    for _ in range(STARTS):
        for name, program in PROGRAMS.items():
            found[name].append(start(program))
    for name, starts in found.items():
        took = [milliseconds for milliseconds, _, _ in starts]
        peak = max(mebibytes for _, mebibytes, _ in starts)
        heavy = ", ".join(starts[-1][2]) or "none"
        print(f"| {name} | {statistics.median(took):.0f} | {min(took):.0f} | {peak:.0f} | {heavy} |")


if __name__ == "__main__":
    main()
