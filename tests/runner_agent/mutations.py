"""Takes away one defence of the agent after the other, and sees that the test of its row turns red.

    python tests/runner_agent/mutations.py [row ...]

Works on a copy. Prints the table of docs/agent-failures.md, and ends with 1 where a row stays green without its
defence; `--write` puts the table into the page.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "agent-failures.md"
COPIED = ("runner_agent", "controller", "infra", "tests", "packer", "pyproject.toml")
PATIENCE_S = 6.0
LONGEST_S = 150.0
"""A life that never ends without its defence is red, too."""
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->"


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is changed in a file, and the test that must notice."""

    row: int
    failure: str
    defence: str
    file: str
    old: str
    new: str
    test: str
    """File, and the part of a name."""

    @property
    def path(self) -> str:
        """The test's file."""
        return self.test.partition("::")[0]

    @property
    def name(self) -> str:
        """What its name begins with."""
        return self.test.partition("::")[2]


LIFE = "tests/runner_agent/lifecycle/"
BOOT = LIFE + "test_boot_rows.py::test_"
RUNNER = LIFE + "test_runner_rows.py::test_"
RESOURCE = LIFE + "test_resource_rows.py::test_"
AROUND = LIFE + "test_surroundings_rows.py::test_"
AWAY = LIFE + "test_interruption_rows.py::test_"
ENDING = LIFE + "test_ending_rows.py::test_"
DOWNLOAD = "tests/runner_agent/test_download.py::test_"
TRUST = "tests/runner_agent/test_trust_rows.py::test_"
WINDOWS = "tests/runner_agent/test_windows.py::test_"
WAITING = LIFE + "test_waiting_rows.py::test_"
MAIN = "tests/runner_agent/test_main.py::test_"

OUTCOME = "runner_agent/listener/outcome.py"
WATCH = "runner_agent/watch.py"
VERDICT = "runner_agent/lifecycle/verdict.py"
REGISTRATION = "runner_agent/lifecycle/registration.py"
WITNESS = "runner_agent/lifecycle/witness.py"
FETCH = "runner_agent/fetch.py"
HEAR = "controller/usecases/hear_reports.py"
CLAIM = "runner_agent/claim.py"

MUTATIONS = (
    Mutation(1, "metadata is not up yet", "asked again for a minute", "runner_agent/lifecycle/boot.py",
             "if time.monotonic() + pause > until:", "if pause:", BOOT + "row_01_metadata"),
    Mutation(2, "metadata token expires", "renewed at a 401", "runner_agent/aws.py",
             "if answer.status == _UNAUTHORIZED:", "if answer.status == 999:", BOOT + "row_02"),
    Mutation(3, "metadata hangs", "short timeouts, another thread", "runner_agent/aws.py",
             "return exchange(request, self._timeout)", "return exchange(request, 3600.0)", BOOT + "row_03"),
    Mutation(4, "controller is down", "backoff until the claim's deadline", CLAIM,
             "if answer.status in {408, 429} or answer.status >= 500:", "if answer.status == 999:", BOOT + "row_04_a"),
    Mutation(5, "claim is refused", "power off, no second try", CLAIM,
             'return Refused(f"the claim was refused with {answer.status}: {_reason(answer.body)}", answer.status)',
             "return None", BOOT + "row_05"),
    Mutation(6, "JIT configuration malformed", "checked before the start, exchanged", REGISTRATION,
             "        jit.files(self.bundle.jit_config)\n", "", RUNNER + "row_06"),
    Mutation(7, "registration deleted", "exchanged, twice at most", OUTCOME,
             'return Result.REGISTRATION_FAILED, Next.REARM, "the runner\'s registration was deleted"',
             'return Result.REGISTRATION_FAILED, Next.FINISH, "the runner\'s registration was deleted"',
             RUNNER + "row_07_a_deleted"),
    Mutation(8, "brand-new registration refused", "the same one tried once more", VERDICT,
             "and age_s < RACE_S", "and age_s < 0", RUNNER + "row_08"),
    Mutation(9, "session conflict", "stopped at its first line", WATCH,
             "if view.at(Heard.CONFLICT) is not None and", "if limits is None and", RUNNER + "row_09"),
    Mutation(10, "no job comes", "idle limit", WATCH,
             "return Why.IDLE, listening + limits.idle_s", "return Why.IDLE, listening + 3600.0", RUNNER + "row_10"),
    Mutation(11, "removed while idle", "exchanged for another registration", OUTCOME,
             'return Result.NO_JOB, Next.REARM, "the runner was removed at GitHub"',
             'return Result.NO_JOB, Next.FINISH, "the runner was removed at GitHub"', RUNNER + "row_11"),
    Mutation(12, "ghost: acquire refused", "stopped at once, exchanged", WATCH,
             "if view.at(Heard.SKIPPED) is not None and not view.busy:", "if limits is None:", RUNNER + "row_12"),
    Mutation(13, "ghost: silence after the assignment", "limit from assigned to running", WATCH,
             "return Why.ASSIGNED, assigned + limits.assigned_s", "return Why.ASSIGNED, assigned + 3600.0",
             RUNNER + "row_13"),
    Mutation(14, "ghost: worker never gets its message", "reported as orphaned", OUTCOME,
             "if exit_code == 0 and Heard.ASSIGNED in said:", "if exit_code == 999:", RUNNER + "row_14"),
    Mutation(15, "a sibling takes the job", "what really ran is reported", WITNESS,
             "self.story.job_name = said.detail", 'self.story.job_name = "build"', AROUND + "row_15"),
    Mutation(16, "exit 2 again and again", "five relaunches", VERDICT,
             "self.errors <= MOST_RELAUNCHES", "self.errors <= 0", RUNNER + "row_16"),
    Mutation(17, "runner updates itself", "waited for", OUTCOME,
             "    3: (Result.REGISTRATION_FAILED, Next.AFTER_UPDATE),",
             "    3: (Result.REGISTRATION_FAILED, Next.FINISH),", RUNNER + "row_17"),
    Mutation(18, "runner version too old", "exchanged", OUTCOME,
             "    7: (Result.REGISTRATION_FAILED, Next.REARM),", "    7: (Result.REGISTRATION_FAILED, Next.FINISH),",
             RUNNER + "row_18"),
    Mutation(19, "download corrupt", "SHA-256 before anything else", FETCH,
             "if digest != package.sha256.lower():", "if not digest:", DOWNLOAD + "row_19_a_runner_that_never"),
    Mutation(20, "download too slow or cut off", "deadline for each source", FETCH,
             "if time.monotonic() > deadline:", "if not chunk:", DOWNLOAD + "row_20_a_download_that_trickles"),
    Mutation(21, "cache poisoned", "told, next source asked", "runner_agent/download.py",
             '            store.tell("runner_source_failed", source=_place(source), error=broken)\n', "",
             DOWNLOAD + "row_21"),
    Mutation(22, "archive leaves its folder", "each member checked", "runner_agent/unpack.py",
             "if not there.is_relative_to(folder):", "if not there:", DOWNLOAD + "row_22_an"),
    Mutation(23, "disk full while unpacking", "room checked first", FETCH,
             "if free < size * ROOM_FACTOR:", "if free < 0:", DOWNLOAD + "row_23_a_disk_that_is"),
    Mutation(24, "disk fills during the job", "two warnings, then an end with its log", "runner_agent/strain.py",
             "level = sum(free < min(least, total * share) for least, share in DISK)", "level = 0",
             RESOURCE + "row_24_and_row_25_warnings"),
    Mutation(25, "inodes run out", "the same", "runner_agent/strain.py",
             "level = sum(seen.files_free < seen.files_total * share for share in FILES)", "level = 0",
             RESOURCE + "row_24_and_row_25_warnings"),
    Mutation(26, "memory runs out", "the kernel's kills counted and named", VERDICT,
             "if ended_programs is None or", "if outcome or", RESOURCE + "row_26_a_step"),
    Mutation(27, "listener starved", "silence told", WITNESS,
             '        self.tell("listener_silent", at=time.time())', "        return", RESOURCE + "row_27"),
    Mutation(28, "job over its time", "own deadline", WATCH,
             "return Why.JOB_LIMIT, running + limits.job_s", "return Why.JOB_LIMIT, running + 3600.0",
             RUNNER + "row_28_a_job_over"),
    Mutation(29, "listener ignores the signal", "killed at a deadline", "runner_agent/lifecycle/session.py",
             "if self._view.stopping and now >= self._view.stopping.kill_at and not self._killed:",
             "if self._view.stopping and self._killed:", RUNNER + "row_29"),
    Mutation(30, "step leaves a daemon behind", "found by session and by mark", "runner_agent/posix.py",
             "if p.session == self.child.pid or _carries(self.proc, p.pid, self.mark)}", "if p.pid == self.child.pid}",
             RUNNER + "row_30"),
    Mutation(31, "spot notice while idle", "stopped at once", WATCH,
             "if view.ending and not view.busy:", "if view.ending and limits is None:", AWAY + "row_31"),
    Mutation(32, "spot notice, job ends in time", "the job goes on", WATCH,
             "if view.ending and now >= view.ending.stop_at:", "if view.ending:", AWAY + "row_32"),
    Mutation(33, "spot notice, job does not end", "stopped before the termination", WATCH,
             "if view.ending and now >= view.ending.stop_at:", "if view.ending and limits is None:",
             AWAY + "row_33_a_job"),
    Mutation(34, "gone without a notice", "the start was reported at once", WITNESS,
             "        self.story.report(ReportKind.STARTED)\n", "", MAIN + "row_34"),
    Mutation(35, "rebalance recommendation", "an idle machine leaves", WATCH,
             "if view.rebalance and view.untouched", "if view.rebalance and limits is None",
             AWAY + "row_35_a_rebalance"),
    Mutation(36, "exception in the agent", "reported, runner killed, power off", "runner_agent/lifecycle/life.py",
             "except BaseException as crash:", "except KeyError as crash:", ENDING + "row_36_whatever_fails_after"),
    Mutation(37, "agent killed", "the unit's FailureAction", "runner_agent/commands/units.py",
             "FailureAction=poweroff-force", "FailureAction=none",
             "tests/runner_agent/test_supervised.py::test_row_37_systemd"),
    Mutation(38, "agent stuck", "only the deciding thread feeds the watchdog", "runner_agent/lifecycle/inbox.py",
             "        self._queue.put(happening)\n", "        self._queue.put(happening)\n        self._alive()\n",
             LIFE + "test_watchdog_rows.py::test_row_38_only"),
    Mutation(39, "power-off fails", "escalated for ever", "runner_agent/power.py",
             "return (command, *ESCALATION) if command == DEFAULT else (command,)", "return (command,)",
             "tests/runner_agent/test_power.py::test_row_39_a_power_off"),
    Mutation(40, "queue down", "spooled to disk", "runner_agent/telemetry/reports.py",
             "                self._keep()\n", "", ENDING + "row_40_reports_survive"),
    Mutation(41, "report sent twice", "one identity for every copy", "runner_agent/contract/reports.py",
             'return f"{self.instance_id}/{self.sequence}"', 'return f"{self.instance_id}/{id(self)}"',
             "tests/runner_agent/telemetry/test_reports.py::test_row_41"),
    Mutation(42, "report forged by a job", "sender compared with the body", HEAR,
             "case Report() if session == message.instance_id:", "case Report() if session:", TRUST + "row_42"),
    Mutation(43, "clock minutes off", "stepped, started again", WATCH,
             "if view.at(Heard.CLOCK_SKEW) is not None and", "if limits is None and", AROUND + "row_43_a_clock"),
    Mutation(44, "secrets in logs", "every sink cleaned", "runner_agent/logs.py",
             "known = self._pattern.sub(HIDDEN, text) if self._pattern else text", "known = text",
             "tests/runner_agent/test_supervised.py::test_row_44"),
    Mutation(45, "log flood", "bounded, counted, never waited for", "runner_agent/listener/pipe.py",
             "self._open += piece[:room]", "self._open += piece",
             "tests/runner_agent/listener/test_pipe.py::test_row_45"),
    Mutation(46, "operating system shuts down", "taken as a notice", "runner_agent/__main__.py",
             "for number in (signal.SIGTERM, signal.SIGINT):", "for number in (signal.SIGUSR2,):", MAIN + "row_46"),
    Mutation(47, "controller removes an idle runner", "asks once more, then ends", OUTCOME,
             'return Result.NO_JOB, Next.REARM, "the runner was removed at GitHub"',
             'return Result.NO_JOB, Next.FINISH, "the runner was removed at GitHub"', AROUND + "row_47_an_idle"),
    Mutation(48, "runner for another machine", "classified", REGISTRATION,
             "except OSError as broken:", "except KeyError as broken:", RUNNER + "row_48"),
    Mutation(49, "libraries missing", "no further registration", OUTCOME,
             "    134: (Result.RUNNER_UNAVAILABLE, Next.FINISH),", "    134: (Result.REGISTRATION_FAILED, Next.REARM),",
             AROUND + "row_49"),
    Mutation(50, "docker not ready", "waited for, told", REGISTRATION,
             "if machine.docker and not machine.docker.wait(", "if not found and found and not machine.docker.wait(",
             AROUND + "row_50"),
    Mutation(51, "image of a used machine", "cleaned of its identity", REGISTRATION,
             "found = clean(runner)", "found = ()", AROUND + "row_51"),
    Mutation(52, "job tampers with the agent", "GitHub's word decides", HEAR,
             'case JobMoved() if session and not session.startswith("i-"):', "case JobMoved() if session:",
             TRUST + "row_52_a_job"),
    Mutation(53, "Windows: agent dies", "in its Job Object before it runs", "runner_agent/windows.py",
             "            self.api.assign(job, handle)\n            self.api.resume(handle)\n",
             "            self.api.resume(handle)\n            self.api.assign(job, handle)\n", WINDOWS + "row_53"),
    Mutation(54, "Windows: no console", "the job is ended", "runner_agent/windows.py",
             "            self.api.terminate_job(self.job)\n            return\n", "            return\n",
             WINDOWS + "row_54"),
    Mutation(55, "power-off leaves a machine billed", "shutdown means terminate", "infra/runners.py",
             'instance_initiated_shutdown_behavior="terminate"', 'instance_initiated_shutdown_behavior="stop"',
             TRUST + "row_55"),
    Mutation(56, "spot notice while a spare waits", "looked for from the first answer on",
             "runner_agent/lifecycle/life.py",
             "Lookout(machine.metadata, machine.inbox, wait.notice_poll_s, machine.tell)",
             "Lookout(machine.metadata, machine.inbox, 3600.0, machine.tell)", WAITING + "row_56_a_spot_notice"),
    Mutation(57, "controller falls silent while a spare waits", "as long as for the first answer", CLAIM,
             "deadline = min(end, now + patience)", "deadline = end", WAITING + "row_57"),
    Mutation(58, "told to wait for ever", "an end of its own", CLAIM,
             "end = min(end, now + min(settled.most_s, LONGEST_WAIT_S) + patience)", 'end = float("inf")',
             WAITING + "row_58"),
)  # fmt: skip


def copy(target: Path) -> None:
    """The code and its tests, with less patience: what never comes without its defence need not be waited for."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    stage = target / "tests/runner_agent/stage.py"
    stage.write_text(re.sub(r"PATIENCE_S = [\d.]+", f"PATIENCE_S = {PATIENCE_S}", stage.read_text("utf-8")), "utf-8")


def mutate(mutation: Mutation, home: Path) -> None:
    """Take the defence away; raises ValueError where the code has moved on."""
    file = home / mutation.file
    text = file.read_text("utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"row {mutation.row}: {mutation.file} has {text.count(mutation.old)} times {mutation.old!r}")
    file.write_text(text.replace(mutation.old, mutation.new), "utf-8")


def tested(mutation: Mutation, home: Path) -> str:
    """`green`, `red`, or what else came of the tests."""
    pattern = mutation.name.removeprefix("test_")
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [*command, "-k", pattern, mutation.path],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            said, _ = running.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return "red"
    if running.returncode in {0, 1}:
        skipped = running.returncode == 0 and " passed" not in said
        return "needs root" if skipped else ("green", "red")[running.returncode]
    return f"pytest ended with {running.returncode}: {said[-300:]}"


def judged(mutation: Mutation) -> str:
    """What becomes of the test without the defence, where it is green with it."""
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        copy(home)
        before = tested(mutation, home)
        if before != "green":
            return f"{before} even with its defence"
        mutate(mutation, home)
        return tested(mutation, home)


def line(mutation: Mutation, verdict: str) -> str:
    """One line of the table."""
    stem = Path(mutation.path).stem
    change = f"`{shown(mutation.old)}` -> `{shown(mutation.new)}`"
    return (
        f"| {mutation.row} | {mutation.failure} | {mutation.defence} | `{stem}`: `{mutation.name}...` "
        f"| `{mutation.file}`: {change} | {verdict} |"
    )


def shown(code: str) -> str:
    """Code that fits in a table."""
    return " ".join(code.split()).replace("|", "\\|") or "(nothing)"


HEADER = (
    "| row | failure | defence | test | without the defence | then |",
    "|---|---|---|---|---|---|",
)


def write(lines: list[str]) -> None:
    """Put the table into its page."""
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n".join([*HEADER, *lines]) + "\n" + END + rest.split(END)[1], "utf-8")


def main(words: list[str]) -> int:
    """Try what was asked for, two at a time."""
    rows = {int(word) for word in words if word.isdecimal()}
    wanted = [mutation for mutation in MUTATIONS if not rows or mutation.row in rows]
    lines, bad = [], 0
    with suppress(KeyboardInterrupt), ThreadPoolExecutor(2) as two:
        for mutation, verdict in zip(wanted, two.map(judged, wanted), strict=True):
            lines.append(line(mutation, verdict))
            sys.stdout.write(lines[-1] + "\n")
            sys.stdout.flush()
            bad += verdict != "red"
    if "--write" in words and not rows:
        write(lines)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
