from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.local.github.config import Config
from controller.local.github.job import Conclusion, Status
from controller.local.github.server import GitHub
from tests.controller.local.github.stage import App, Machine, Runner, lives, until, workflow

Machines = Callable[[str], Machine]
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"


def job(*steps: str, more: str = "") -> str:
    lines = "".join(f"      - {step}\n" for step in steps)
    return f"jobs:\n  a:\n    name: A job\n    runs-on: box\n{more}    steps:\n{lines}"


def test_a_job_is_announced_run_and_reported_as_by_the_real_listener(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    github.submit(workflow(tmp_path, job("run: echo hello")))

    runner = machine("m1").start(app.register("r1", "box"))

    assert runner.ends() == 100
    lines = runner.output.splitlines()
    raw = [line for line in lines if line and not line.startswith("[")]
    assert raw[:2] == ["√ Connected to GitHub", "Current runner version: '2.337.0'"]
    assert re.fullmatch(f"{MOMENT}: Listening for Jobs", raw[2])
    assert re.fullmatch(f"{MOMENT}: Running job: A job", raw[3])
    assert re.fullmatch(f"{MOMENT}: Job A job completed with result: Succeeded", raw[4])
    assert raw[5:] == ["√ Removed .credentials", "√ Removed .runner"]
    assert github.jobs[0].conclusion is Conclusion.SUCCESS
    assert "hello" in github.log_of(github.jobs[0].id)


def test_diagnostics_carry_their_process_and_repeat_what_is_printed(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    github.submit(workflow(tmp_path, job("run: 'true'")))

    runner = machine("m1").start(app.register("r1", "box"))
    runner.ends()

    prefixed = [line for line in runner.output.splitlines() if line.startswith("[")]
    assert all(re.match(rf"\[(RUNNER|WORKER) {MOMENT} (INFO|ERR ) \w+\] ", line) for line in prefixed)
    for words in (
        r"WRITE LINE: .*: Listening for Jobs",
        r"Acknowledging runner request '",
        r"Job request \d+ for plan [0-9a-f-]+ job [0-9a-f-]+ received\.",
        r"Worker finished for job [0-9a-f-]+\. Code: 100",
        r"finish job request for job [0-9a-f-]+ with result: Succeeded",
        r"Job result after all job steps finish: Succeeded",
    ):
        assert [line for line in prefixed if re.search(words, line)], words


def test_counters_are_written_as_names_and_moments(github: GitHub, app: App, machine: Machines, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, job("run: 'true'")))
    runner = machine("m1")

    runner.start(app.register("r1", "box"), {"RUNNER_PERFLOG": str(tmp_path / "perf")}).ends()

    lines = (tmp_path / "perf" / "Runner.perf").read_text().splitlines()
    names = [line.split(":")[0] for line in lines]
    assert names[:3] == ["RunnerProcessStarted", "SessionCreated", "MessageReceived_RunnerJobRequest"]
    assert {"StartingWorkerProcess", f"JobRequestRenewed_{github.jobs[0].id}"} <= set(names)
    assert all(re.search(r":\d{4}-\d\d-\d\dT[\d:.]+Z$", line) for line in lines)
    assert "WorkerProcessStarted" in (tmp_path / "perf" / "Worker.perf").read_text()


@pytest.mark.parametrize(("command", "hosted"), [("exit 0", 100), ("exit 1", 102)])
def test_the_exit_code_tells_the_result_only_when_asked(
    github: GitHub, app: App, machine: Machines, tmp_path: Path, command: str, hosted: int
) -> None:
    for name in ("one", "two"):
        github.submit(workflow(tmp_path, job(f"run: {command}"), f"{name}.yml"))

    asked = machine("asked").start(app.register("asked", "box"), Machine.HOSTED)
    silent = machine("silent").start(app.register("silent", "box"), {})

    assert (asked.ends(), silent.ends()) == (hosted, 0)


def test_an_interrupt_while_idle_ends_cleanly(github: GitHub, app: App, machine: Machines) -> None:
    runner = machine("m1").start(app.register("r1", "box"))
    until(lambda: github._registry.runners[0].is_idle)

    runner.signal(signal.SIGINT)

    assert runner.ends() == 0
    assert "Exiting..." in runner.output
    assert not github.runners[0].online


def test_an_interrupt_while_busy_fails_the_job_and_runs_nothing_more(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    caught = f'trap "echo caught > {tmp_path}/caught; exit 1" INT'
    trap = f"run: '{caught}; touch {tmp_path}/began; while :; do sleep 0.05; done'"
    last = f"{{if: always(), run: touch {tmp_path}/after}}"
    github.submit(workflow(tmp_path, job(trap, last)))
    runner = machine("m1").start(app.register("r1", "box"))
    until((tmp_path / "began").exists)

    runner.signal(signal.SIGINT)

    assert runner.ends() == 102
    assert (tmp_path / "caught").exists()
    assert not (tmp_path / "after").exists()
    ended = github.jobs[0]
    assert ended.conclusion is Conclusion.FAILURE
    assert ended.note.startswith("The runner has received a shutdown signal.")
    assert [step.conclusion for step in ended.steps[1:3]] == [Conclusion.FAILURE, Conclusion.SKIPPED]
    assert "Exiting..." in runner.output
    assert "completed with result: Failed" in runner.output


def test_a_cancelled_job_runs_its_always_steps(github: GitHub, app: App, machine: Machines, tmp_path: Path) -> None:
    steps = (f"run: touch {tmp_path}/began; sleep 60", f"{{if: always(), run: touch {tmp_path}/after}}", "run: echo no")
    run = github.submit(workflow(tmp_path, job(*steps)))
    runner = machine("m1").start(app.register("r1", "box"))
    until((tmp_path / "began").exists)

    github.cancel(run.id)

    assert runner.ends() == 103
    assert (tmp_path / "after").exists()
    assert github.jobs[0].conclusion is Conclusion.CANCELLED
    assert github.jobs[0].steps[3].conclusion is Conclusion.SKIPPED


def test_a_job_over_its_time_is_cancelled(github: GitHub, app: App, machine: Machines, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, job("run: sleep 60", more="    timeout-minutes: 0.01\n")))

    runner = machine("m1").start(app.register("r1", "box"))

    assert runner.ends() == 103
    assert "exceeded the maximum execution time" in github.jobs[0].note


def test_no_process_of_a_step_outlives_the_listener(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    step = f"run: 'sleep 300 & echo $! > {tmp_path}/pid; touch {tmp_path}/began; exec sleep 300'"
    github.submit(workflow(tmp_path, job(step)))
    runner = machine("m1").start(app.register("r1", "box"))
    until((tmp_path / "began").exists)

    runner.signal(signal.SIGINT)

    runner.ends()
    until(lambda: not lives(int((tmp_path / "pid").read_text())))


def test_what_a_finished_step_left_running_ends_with_its_job(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    daemon = f'setsid sh -c "echo \\$\\$ > {tmp_path}/pid; exec sleep 300" >/dev/null 2>&1 &'
    step = f"run: '{daemon} until [ -s {tmp_path}/pid ]; do sleep 0.01; done'"
    github.submit(workflow(tmp_path, job(step)))

    runner = machine("m1").start(app.register("r1", "box"))

    assert runner.ends() == 100
    until(lambda: not lives(int((tmp_path / "pid").read_text())))


@pytest.mark.parametrize("encoded", ["not base64!", "e30", "bm8ganNvbg=="])
def test_a_bad_configuration_ends_with_1(machine: Machines, encoded: str) -> None:
    runner = machine("m1").start(encoded)

    assert runner.ends() == 1


def test_a_registration_that_is_gone_ends_with_1(github: GitHub, app: App, machine: Machines) -> None:
    encoded = app.register("r1", "box")
    app.call("DELETE", f"/repos/acme/shop/actions/runners/{github.runners[0].id}")

    runner = machine("m1").start(encoded)

    assert runner.ends() == 1
    assert "Failed to create a session. The runner registration has been deleted" in runner.output


def test_being_removed_while_idle_ends_with_0_and_cleans_up(github: GitHub, app: App, machine: Machines) -> None:
    runner = machine("m1").start(app.register("r1", "box"))
    until(lambda: github._registry.runners[0].is_idle)

    app.call("DELETE", f"/repos/acme/shop/actions/runners/{github.runners[0].id}")

    assert runner.ends() == 0
    assert "The runner no longer exists on the server. Cleaning up local configuration." in runner.output
    assert not (runner.root / ".runner").exists()


def test_a_ghost_is_skipped_and_the_listener_listens_on(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    runner = machine("m1").start(app.register("r1", "box"))
    until(lambda: github._registry.runners[0].is_idle)
    runner.signal(signal.SIGSTOP)
    run = github.submit(workflow(tmp_path, job("run: 'true'")))
    until(lambda: github.runners[0].job_id is not None)
    github.cancel(run.id)

    runner.signal(signal.SIGCONT)

    runner.prints("Skipping message Job.")
    github.submit(workflow(tmp_path, job("run: 'true'")))
    assert runner.ends() == 100


def test_a_second_session_is_reported_and_tried_again(app: App, machine: Machines, tmp_path: Path) -> None:
    encoded = app.register("r1", "box")
    Runner(encoded, tmp_path / "first").connect()

    runner = machine("m1").start(encoded)
    runner.prints("A session for this runner already exists.")
    runner.signal(signal.SIGINT)

    assert runner.ends() == 0


@pytest.mark.parametrize(("hosted", "code"), [(True, 7), (False, 1)])
def test_a_version_too_old_has_a_code_of_its_own(tmp_path: Path, hosted: bool, code: int) -> None:  # noqa: FBT001 a table's column
    with GitHub(Config(minimum_runner_version="3.0.0")) as github:
        runner = Machine(github, tmp_path / "m1").start(App(github).register("r1", "box"), None if hosted else {})

        assert runner.ends() == code

    assert "v2.337.0 is deprecated and cannot receive messages" in runner.output


def test_steps_see_githubs_variables_and_no_configuration(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    run = github.submit(workflow(tmp_path, job(f"run: env > {tmp_path}/env; ls -A > {tmp_path}/files")))
    encoded = app.register("r1", "box")
    runner = machine("m1")
    (runner.root / ".env").write_text("FROM_DOTENV=yes\nTRACEPARENT=00-b\n")

    runner.start(encoded, {**Machine.HOSTED, "TRACEPARENT": "00-a"}).ends()

    lines = (tmp_path / "env").read_text().splitlines()
    seen = dict(line.split("=", 1) for line in lines if "=" in line)
    assert (seen["GITHUB_RUN_ID"], seen["GITHUB_REPOSITORY"], seen["GITHUB_ACTOR"]) == (
        str(run.id),
        "acme/shop",
        "octocat",
    )
    assert (seen["GITHUB_REF"], seen["GITHUB_JOB"], seen["RUNNER_NAME"]) == ("refs/heads/main", "a", "r1")
    assert (seen["FROM_DOTENV"], seen["TRACEPARENT"]) == ("yes", "00-b")
    assert seen["RUNNER_TRACKING_ID"].startswith("github_")
    assert "ACTIONS_RUNNER_INPUT_JITCONFIG" not in seen
    assert (tmp_path / "files").read_text() == ""
    assert encoded not in runner.output + github.log_of(github.jobs[0].id)


def test_the_set_up_card_is_shown_in_the_log(github: GitHub, app: App, machine: Machines, tmp_path: Path) -> None:
    github.submit(workflow(tmp_path, job("run: echo work")))
    runner = machine("m1")
    card = [{"group": "Machine", "detail": "c7a.large, spot"}, {"group": "_internal_x", "detail": "hidden"}]
    (runner.root / ".setup_info").write_text(json.dumps(card))

    runner.start(app.register("r1", "box")).ends()

    log = github.log_of(github.jobs[0].id)
    assert log.index("c7a.large, spot") < log.index("work")
    assert "hidden" not in log


def test_steps_are_reported_with_their_conclusions_and_times(
    github: GitHub, app: App, machine: Machines, tmp_path: Path
) -> None:
    steps = (
        "{name: fails but may, run: exit 1, continue-on-error: true}",
        "{name: is skipped, if: false, run: x}",
        "{name: fails, id: f, run: exit 1}",
        "{name: comes after, run: x}",
        "{name: always, if: always(), run: 'true'}",
    )
    github.submit(workflow(tmp_path, job(*steps)))

    machine("m1").start(app.register("r1", "box")).ends()

    reported = [(step.number, step.name, step.conclusion) for step in github.jobs[0].steps]
    assert reported == [
        (1, "Set up job", "success"),
        (2, "fails but may", "success"),
        (3, "is skipped", "skipped"),
        (4, "fails", "failure"),
        (5, "comes after", "skipped"),
        (6, "always", "success"),
        (7, "Complete job", "success"),
    ]
    assert all(step.status is Status.COMPLETED for step in github.jobs[0].steps)
    ran = github.jobs[0].steps[3]
    assert ran.started_at is not None
    assert ran.completed_at is not None
    assert ran.started_at <= ran.completed_at


def test_outputs_of_every_shape_come_back(github: GitHub, app: App, machine: Machines, tmp_path: Path) -> None:
    text = """
jobs:
  a:
    runs-on: box
    defaults: {run: {working-directory: made}}
    outputs:
      lines: ${{ steps.s.outputs.lines }}
      quoted: ${{ steps.s.outputs.quoted }}
      none: ${{ steps.s.outputs.nothing }}
    steps:
      - {working-directory: ., run: mkdir made}
      - id: s
        run: |
          printf 'lines<<END\\none\\ntwo\\nEND\\n' >> "$GITHUB_OUTPUT"
          echo "quoted=it's \\"5\\" \\$HOME" >> "$GITHUB_OUTPUT"
  b:
    needs: a
    runs-on: box
    steps:
      - run: |
          cat <<'END'
          [${{ toJSON(needs.a.outputs) }}]
          END
"""
    github.submit(workflow(tmp_path, text))

    for name in ("m1", "m2"):
        assert machine(name).start(app.register(name, "box")).ends() == 100

    log = github.log_of(github.jobs[1].id)
    shown = json.loads(log[log.rindex("[{") : log.rindex("}]") + 2])
    assert shown == [{"lines": "one\ntwo", "quoted": 'it\'s "5" $HOME'}]
