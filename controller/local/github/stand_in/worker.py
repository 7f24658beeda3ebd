"""Runs one job: the workflow of the job message goes to act, its log comes back as steps, outputs and lines."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .processes import end_orphans, end_steps
from .terminal import Terminal

SHUTDOWN = (
    "The runner has received a shutdown signal. This can happen when the runner service is stopped, or a manually "
    "started runner is canceled."
)
_FORGIVEN = "Failed but continue next step"
"""What act says of a failed step that has continue-on-error."""
_LOG_LIMIT = 1_000_000


@dataclass
class StepRun:
    """What is known about one step."""

    id: str
    name: str
    number: int
    conclusion: str = ""
    forgiven: bool = False
    """continue-on-error: GitHub shows its failure as a success."""
    started_at: str = ""
    completed_at: str = ""


@dataclass
class Outcome:
    """How the job went."""

    result: str = "Failed"
    annotations: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)


class Worker:
    """One job's execution in a folder of its own."""

    def __init__(self, job: dict[str, Any], root: Path, work_folder: str, terminal: Terminal) -> None:
        self._job = job
        self._terminal = terminal
        self._folder = root / work_folder / "_stand_in"
        self._root = root
        self._outcome = Outcome()
        self._steps = [
            StepRun(step["id"], step["name"], number) for number, step in enumerate(job["workflow"]["steps"], 2)
        ]
        self._tracking = f"github_{uuid.uuid4()}"
        self._stopping = ""
        """Failed after a shutdown, Canceled after a cancellation."""
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(self) -> Outcome:
        """Execute the job to its end."""
        began = _now()
        self._say("INFO", "Worker", "Waiting to receive the job message from the channel.")
        try:
            command, environment = self._prepare()
            with self._start(command, environment) as process:
                timer = threading.Timer(60 * float(self._job["timeoutMinutes"]), self._time_out)
                timer.daemon = True
                timer.start()
                self._read(process)
                timer.cancel()
        except OSError as error:
            self._outcome.annotations.append(f"The worker could not start: {error.strerror}")
        self._conclude(began)
        return self._outcome

    def shut_down(self) -> None:
        """The runner must go: the step is ended, nothing after it runs, the job has failed."""
        self._stop("Failed", SHUTDOWN)

    def cancel(self) -> None:
        """GitHub asks to stop: the step is ended, `always()` and `cancelled()` steps follow."""
        self._stop("Canceled", "The operation was canceled.")

    def step_results(self) -> list[dict[str, object]]:
        """Every step as completejob reports it, with the two that GitHub adds."""
        return [
            {
                "external_id": str(uuid.uuid4()),
                "number": step.number,
                "name": step.name,
                "status": "Completed",
                "conclusion": step.conclusion or "Skipped",
                "started_at": step.started_at or None,
                "completed_at": step.completed_at or None,
            }
            for step in self._steps
        ]

    def _prepare(self) -> tuple[list[str], dict[str, str]]:
        home, source, git = self._folder / "home", self._folder / "source", self._folder / ".git"
        shutil.rmtree(self._folder, ignore_errors=True)
        for folder in (home, source, git / "objects", git / "refs" / "heads"):
            folder.mkdir(parents=True)
        self._write_repository(git)
        (self._folder / "job.yml").write_text(self._job["workflow"]["yaml"], "utf-8")
        (self._folder / "event.json").write_text(json.dumps(self._job["event"]), "utf-8")
        (self._folder / "job.env").write_text(self._environment_file(), "utf-8")
        return self._command(), {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}

    def _command(self) -> list[str]:
        label = self._job["workflow"]["label"]
        return [
            self._job["act"],
            "push",
            *("-W", str(self._folder / "job.yml"), "-e", str(self._folder / "event.json")),
            *("-P", f"{label}=-self-hosted", "-a", self._job["variables"]["actor"]),
            *("--env-file", str(self._folder / "job.env")),
            *("--json", "--no-cache-server", "--action-offline-mode", "--pull=false"),
        ]

    def _write_repository(self, git: Path) -> None:
        """The little of a git repository that act looks at; it lies above the work folder, out of the steps' sight."""
        variables = self._job["variables"]
        branch = variables["ref"].removeprefix("refs/heads/")
        url = f"https://github.com/{variables['repository']}.git"
        (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n", "utf-8")
        (git / "refs" / "heads" / branch).write_text(f"{variables['sha']}\n", "utf-8")
        (git / "config").write_text(
            f'[core]\n\trepositoryformatversion = 0\n[remote "origin"]\n\turl = {url}\n', "utf-8"
        )

    def _environment_file(self) -> str:
        variables = self._job["variables"]
        named = {f"GITHUB_{name.upper()}": variables[name] for name in ("run_id", "run_number", "run_attempt")}
        named |= {
            "GITHUB_EVENT_NAME": variables["event_name"],
            "RUNNER_NAME": self._job.get("runnerName", ""),
            "RUNNER_ENVIRONMENT": "self-hosted",
            "RUNNER_TRACKING_ID": self._tracking,
        }
        return "".join(f"{name}={value}\n" for name, value in named.items())

    def _start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            cwd=self._folder / "source",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        with self._lock:
            self._process = process
            late = self._stopping
        if late:
            process.send_signal(signal.SIGTERM)
        self._terminal.count("WorkerProcessStarted", process="Worker")
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            try:
                record = json.loads(line)
            except ValueError:
                self._log(line.rstrip())
                continue
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        step = self._step_of(record)
        if self._stopping == "Failed" and step is not None and not step.started_at:
            return
        if record.get("command") == "set-output" and record["stepID"] == [self._job["workflow"]["outputsStep"]]:
            self._outcome.outputs[record["name"]] = record["arg"]
        if step is not None and record.get("msg") == _FORGIVEN:
            step.forgiven = True
        if "stepResult" in record and step is not None:
            step.completed_at = _now()
            succeeded = record["stepResult"] == "success" or step.forgiven
            step.conclusion = "Succeeded" if succeeded else "Failed"
        if "jobResult" in record:
            self._outcome.result = "Succeeded" if record["jobResult"] == "success" else "Failed"
        if step is not None and not step.started_at:
            step.started_at = _now()
            self._log(f"##[group]{step.name}")
        text = str(record.get("msg", "")).rstrip("\n")
        if record.get("raw_output") and step is not None:
            self._log(text)
        elif record.get("level") == "error":
            self._log(f"##[error]{text}")

    def _step_of(self, record: dict[str, Any]) -> StepRun | None:
        identities = record.get("stepID") or [None]
        return next((step for step in self._steps if step.id == identities[0]), None)

    def _log(self, text: str) -> None:
        if sum(map(len, self._outcome.log)) < _LOG_LIMIT:
            self._outcome.log.append(text)

    def _time_out(self) -> None:
        minutes = self._job["timeoutMinutes"]
        self._stop("Canceled", f"The job has exceeded the maximum execution time of {minutes:g} minutes.")

    def _stop(self, result: str, why: str) -> None:
        with self._lock:
            if self._stopping in ("Failed", result):
                return
            self._stopping = result
            process = self._process
        self._outcome.annotations.append(why)
        self._say("INFO", "Worker", why)
        if process is None or process.poll() is not None:
            return
        if result == "Failed":
            end_steps(process.pid, self._take_the_ground_away)
        else:
            process.send_signal(signal.SIGINT)

    def _take_the_ground_away(self) -> None:
        """Where act keeps scripts and the work folder is now a file: no further step can start."""
        ground = self._folder / "home" / ".cache" / "act"
        with contextlib.suppress(FileNotFoundError):
            ground.rename(ground.with_name("act-until-now"))
        ground.parent.mkdir(parents=True, exist_ok=True)
        ground.touch()

    def _conclude(self, began: str) -> None:
        if self._stopping:
            self._outcome.result = self._stopping
        end_orphans(self._tracking)
        total, ended = len(self._steps), _now()
        self._steps.insert(0, StepRun("", "Set up job", 1, "Succeeded", started_at=began, completed_at=began))
        self._steps.append(StepRun("", "Complete job", total + 2, "Succeeded", started_at=ended, completed_at=ended))
        self._outcome.log[:0] = self._set_up_lines()
        self._say("INFO", "JobRunner", f"Job result after all job steps finish: {self._outcome.result}")
        self._say("INFO", "JobRunner", "Raising job completed against run service")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _set_up_lines(self) -> list[str]:
        """What `.setup_info` adds to the "Set up job" step."""
        path = self._root / ".setup_info"
        try:
            groups = json.loads(path.read_text("utf-8")) if path.exists() else []
        except ValueError:
            groups = []
        shown = [each for each in groups if not str(each.get("group", "")).startswith("_internal_")]
        return [line for each in shown for line in (f"##[group]{each['group']}", str(each["detail"]), "##[endgroup]")]

    def _say(self, level: str, source: str, text: str) -> None:
        self._terminal.trace(source, text, level=level, process="WORKER")


def _now() -> str:
    return datetime.now(UTC).isoformat()
