"""What a burst of equal jobs costs in calls, line by line: `python benchmarks/control_plane.py [JOBS ...]`.

Calls are counted by the embedded AWS and GitHub, and are the same on every machine; seconds are this
machine's, where every job is a tree of real processes, and are no promise.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from controller.local import burst

DEFAULT = (1, 10, 100)


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or DEFAULT
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| jobs | verdict | AWS calls a job | EC2 calls a job | GitHub calls a job | seconds |")
    print("|---|---|---|---|---|---|")
    costs = []
    for size in sizes:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            cost = burst.run(size, Path(folder) / "burst", timeout_s=60 + 3 * size)
        costs.append(cost)
        print(
            f"| {size} | {cost.summary.line()} | {cost.aws_total:.2f} | {cost.ec2_total:.3f} "
            f"| {cost.github_total:.2f} | {time.monotonic() - began:.0f} |"
        )
    last = costs[-1]
    print(f"\nThe {last.jobs} jobs line by line, calls a job (polls of queues apart):\n")
    for name, number in {**last.aws, **last.github}.items():
        print(f"  {number:7.3f}  {name}")
    print("\nPolls, which depend on time and not on jobs:\n")
    for name, number in last.polls.items():
        print(f"  {number:7.3f}  {name}")


if __name__ == "__main__":
    main()
