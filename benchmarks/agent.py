"""What the agent costs its machine: start, memory, processor, reaction, throughput: `python benchmarks/agent.py`.

The agent is a real process with its real parts; metadata, claim and queue answer at once from this process, and
the listener is a shell script. Times are this machine's; beside them stand a bare interpreter and an agent that
loads an SDK's worth of modules first, from the same run, so that the ratios mean something elsewhere.
"""

from __future__ import annotations

import os
import platform
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runner_agent.contract.bundle import Limits
from tests.runner_agent.runners import VERSION, jit_config
from tests.runner_agent.stage import Stage, raised

ROUNDS = 11
NOTICES = 7
IDLE_S = 10.0
FLOOD_BYTES = 400_000_000
PATIENCE_S = 60.0
GOALS = {"start": 150, "peak": 30, "idle": 45, "processor": 0.5, "flood": 50}

BARE = (sys.executable, "-c", "pass")
LEAN = (sys.executable, "-m", "runner_agent", "run")
_SDK = """
import argparse, tarfile, zipfile, psutil, boto3, opentelemetry.sdk.trace
from runner_agent.commands import parser
for name in ("sqs", "s3", "logs"):
    boto3.client(name, region_name="eu-west-1")
from runner_agent.__main__ import main
main(["run"])
"""
EAGER = (sys.executable, "-c", _SDK)
_LISTENING = "2026-11-20 10:00:01Z: Listening for Jobs"
_RUNNING = "2026-11-20 10:00:03Z: Running job: bench"
_WORKER = "[WORKER 2026-11-20 10:00:04Z INFO StepsRunner] " + "what a job makes its worker print " * 3


@dataclass(frozen=True, slots=True)
class Started:
    """A running agent whose listener has started."""

    stage: Stage
    pid: int
    after_s: float
    marks: int

    def mark(self) -> str:
        """The next word of the listener."""
        return _mark(self.marks)

    def memory_mib(self, name: str) -> float:
        """VmHWM, its most so far, or VmRSS, now."""
        lines = Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))

    def processor_s(self) -> float:
        """Seconds of processor used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _mark(marks: int) -> str:
    """The next line of the pipe, and no byte of the one after."""
    said = b""
    while not said.endswith(b"\n"):
        if not select.select([marks], [], [], PATIENCE_S)[0]:
            raise TimeoutError("the listener did not speak")
        said += os.read(marks, 1)
    return said.decode("ascii").strip()


@contextmanager
def running(command: tuple[str, ...], script: str) -> Iterator[Started]:
    """An agent with a listener that does what the script says, until the block ends."""
    with tempfile.TemporaryDirectory() as folder, raised() as stage:
        home, pipe = Path(folder), Path(folder) / "marks"
        os.mkfifo(pipe)
        marks = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        _bake(home, pipe, script)
        stage.grant(stage.bundle(jit_config(), limits=Limits(idle_s=600, job_s=600)))
        environment = {
            "PATH": os.environ["PATH"],
            "SPOTRUNNER_HOME": folder,
            "SPOTRUNNER_RUNNER_USER": "",
            "SPOTRUNNER_POWER_OFF": "sleep 600",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": stage.url,
            "AWS_ENDPOINT_URL": stage.url,
        }
        began = time.monotonic()
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
            listener = 0
            try:
                listener = int(_mark(marks))
                yield Started(stage, agent.pid, time.monotonic() - began, marks)
            finally:
                agent.kill()
                os.close(marks)
                _end(listener)


def _end(listener: int) -> None:
    """The listener leads a process group of its own; the agent's sudden end leaves it behind."""
    with suppress(ProcessLookupError):
        if listener:
            os.killpg(listener, signal.SIGKILL)


def _bake(home: Path, pipe: Path, script: str) -> None:
    listener = home / "runner" / VERSION / "bin" / "Runner.Listener"
    listener.parent.mkdir(parents=True)
    listener.write_text(f"#!/bin/sh\nmark() {{ echo $1 >{pipe}; }}\nmark $$\n{script}\n", "utf-8")
    listener.chmod(0o755)


def until_listener(command: tuple[str, ...]) -> tuple[float, float]:
    """Milliseconds from the process's start to the listener's, and MiB at most until then."""
    with running(command, f"echo '{_LISTENING}'; exec sleep 600") as agent:
        return agent.after_s * 1_000, agent.memory_mib("VmHWM")


def bare() -> float:
    """Milliseconds of an interpreter that does nothing."""
    began = time.monotonic()
    subprocess.run(BARE, check=True)
    return (time.monotonic() - began) * 1_000


def with_a_job() -> tuple[float, float]:
    """MiB, and percent of one processor, while a job runs."""
    with running(LEAN, f"echo '{_LISTENING}'; echo '{_RUNNING}'; exec sleep 600") as agent:
        time.sleep(3.0)
        used, began = agent.processor_s(), time.monotonic()
        time.sleep(IDLE_S)
        return agent.memory_mib("VmRSS"), 100 * (agent.processor_s() - used) / (time.monotonic() - began)


def notice_to_signal() -> float:
    """Milliseconds from the metadata's notice to the signal in an idle listener, polling every two seconds."""
    script = f"trap 'mark stop; exit 0' INT; echo '{_LISTENING}'; mark ready; sleep 600 & wait $!"
    with running(LEAN, script) as agent:
        agent.mark()
        time.sleep(0.5 + (time.monotonic_ns() % 1_000) / 1_000)
        announced = time.monotonic()
        agent.stage.metadata.announce(120)
        agent.mark()
        return (time.monotonic() - announced) * 1_000


def flood() -> float:
    """MB a second that a listener can print into the agent's pipe."""
    script = (
        f"echo '{_LISTENING}'; echo '{_RUNNING}'; mark go; "
        f"yes '{_WORKER}' | head -c {FLOOD_BYTES}; mark done; exec sleep 600"
    )
    with running(LEAN, script) as agent:
        agent.mark()
        began = time.monotonic()
        agent.mark()
        return FLOOD_BYTES / 1e6 / (time.monotonic() - began)


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load {os.getloadavg()[0]:.1f} at the begin\n")
    rounds = [(bare(), until_listener(LEAN), until_listener(EAGER)) for _ in range(ROUNDS)]
    idle_mib, processor = with_a_job()
    notices = sorted(notice_to_signal() for _ in range(NOTICES))
    interpreter = statistics.median(each[0] for each in rounds)
    print("| process start to listener start, claim answered at once | median ms | best ms | x bare | peak MiB |")
    print("|---|---|---|---|---|")
    print(f"| `python -c pass` | {interpreter:.0f} | {min(each[0] for each in rounds):.0f} | 1.0 | |")
    for name, place in (("the agent", 1), ("the same, SDK loaded first", 2)):
        took = [each[place][0] for each in rounds]  # type: ignore[index]  # a row's two pairs
        peak = max(each[place][1] for each in rounds)  # type: ignore[index]
        median = statistics.median(took)
        print(f"| {name} | {median:.0f} | {min(took):.0f} | {median / interpreter:.1f} | {peak:.0f} |")
    print("\n| what | measured | goal |\n|---|---|---|")
    print(f"| start to listener | {statistics.median(e[1][0] for e in rounds):.0f} ms | <= {GOALS['start']} ms |")
    print(f"| memory until then | {max(e[1][1] for e in rounds):.0f} MiB | <= {GOALS['peak']} MiB |")
    print(f"| memory while a job runs | {idle_mib:.0f} MiB | <= {GOALS['idle']} MiB |")
    print(f"| processor while a job runs | {processor:.2f} % | <= {GOALS['processor']} % |")
    reacted = f"{statistics.median(notices):.0f}, {notices[-1]:.0f} ms"
    print(f"| notice to SIGINT, polled every 2 s: median, worst | {reacted} | |")
    print(f"| what a listener can print | {flood():.0f} MB/s | >= {GOALS['flood']} MB/s |")


if __name__ == "__main__":
    main()
