from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

ROOT = Path(__file__).resolve().parents[3]
DEMO = [sys.executable, "-m", "controller.local.demo"]


def demo(run_dir: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DEMO, "--run-dir", str(run_dir), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_demo_prints_its_verdict_as_json_and_ends_with_0(tmp_path: Path, one_job: Path) -> None:
    process = demo(tmp_path / "run", "--json", "--workflow", str(one_job))
    out, err = process.communicate(timeout=180)

    verdict = json.loads(out)
    assert process.returncode == 0, err
    assert verdict["good"]
    assert verdict["outcomes"] == {"success": 1}
    assert "<title>" in (tmp_path / "run" / "report.html").read_text()


def test_a_job_that_does_not_end_in_time_is_lost_and_the_demo_ends_with_1(tmp_path: Path, one_job: Path) -> None:
    process = demo(tmp_path / "run", "--json", "--timeout", "0", "--workflow", str(one_job))
    out, _ = process.communicate(timeout=180)

    assert process.returncode == 1
    assert json.loads(out)["lost"] == ["One is queued"]


def test_a_workflow_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = demo(tmp_path / "run", "--workflow", "nowhere.yml")
    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "there is no file nowhere.yml" in err


def test_the_scenarios_are_listed() -> None:
    done = subprocess.run([*DEMO, "--list-scenarios"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "default",
        "gentle",
        "outage",
        "storm",
        "none",
        "SEED=n",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scenario", "defualt"), "did you mean 'default'?"),
        (("--scenario", "storm", "--seed", "1"), "give one of the two"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_with_its_cure(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    process = demo(tmp_path / "run", *words)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert told in err


def test_a_scenario_with_a_typo_is_refused_with_its_line_and_its_cure(tmp_path: Path) -> None:
    typo = tmp_path / "typo.yml"
    typo.write_text("steps:\n  - at: 1s\n    do: restok\n")
    process = demo(tmp_path / "run", "--scenario", str(typo))
    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    words = " ".join(err.replace("│", " ").split())
    assert "typo.yml:3: do: there is no fault 'restok'; did you mean 'restock'?" in words


def test_what_cannot_run_here_is_named_and_the_rest_runs(tmp_path: Path) -> None:
    file = tmp_path / "mixed.yml"
    file.write_text(
        "name: Mixed\non: push\njobs:\n"
        "  fine: {runs-on: spotrunner/linux-2cpu, steps: [{run: echo hello}]}\n"
        "  hosted: {runs-on: ubuntu-latest, steps: [{run: echo hello}]}\n"
        "  boxed: {runs-on: spotrunner/linux-2cpu, container: debian, steps: [{run: echo hello}]}\n"
    )
    process = demo(tmp_path / "run", "--scenario", "none", "--workflow", str(file))
    out, err = process.communicate(timeout=180)

    assert process.returncode == 0, out + err
    assert "Not run here: hosted: no runner has the label ubuntu-latest; write runs-on: spotrunner/linux-2cpu" in out
    assert "Not run here: boxed: asks for a container" in out
    assert "fine: success" in out


def test_a_step_whose_moment_never_comes_is_told_at_the_end(tmp_path: Path, one_job: Path) -> None:
    never = tmp_path / "never.yml"
    never.write_text("name: never\nsteps:\n  - when: {event: started, job: Tow}\n    do: kill\n")
    process = demo(tmp_path / "run", "--scenario", str(never), "--workflow", str(one_job))
    out, err = process.communicate(timeout=180)

    assert process.returncode == 0, out + err
    assert "Warning: never, line 3: kill never happened: there was no moment when Tow was started" in out


def test_a_demo_that_stays_up_answers_the_command_and_ends_well_by_ctrl_c(tmp_path: Path, one_job: Path) -> None:
    process = demo(tmp_path / "run", "--keep", "--scenario", "none", "--workflow", str(one_job))
    environment = tmp_path / "run" / "environment"
    eventually(lambda: environment.exists() and "SPOTRUNNER_STACK" in environment.read_text(), 120.0)
    ask = f". {environment} && {sys.executable} -m controller.cli jobs list --state ended --json"

    listed = subprocess.run(["/bin/sh", "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert [(job["name"], job["why"]) for job in json.loads(listed.stdout)] == [("One", "success")]
    assert process.returncode == 0, err
    assert "It stays up until Ctrl-C." in out
    assert [each.pid for each in _of(tmp_path / "run")] == []


@pytest.mark.parametrize("after_s", [0.3, 1.5, 3.0, 5.0])
def test_ctrl_c_at_any_moment_leaves_no_process_and_no_port(tmp_path: Path, one_job: Path, after_s: float) -> None:
    process = demo(tmp_path / "run", "--workflow", str(one_job))
    time.sleep(after_s)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    process.communicate(timeout=60)

    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
    assert [each.pid for each in _of(tmp_path / "run")] == []
    # Before the demo has begun, Python itself ends by the signal.
    assert process.returncode in {0, 130, -signal.SIGINT}


def _of(run_dir: Path) -> list[psutil.Process]:
    """Processes that were started for this run, wherever they went."""
    found = []
    for each in psutil.process_iter(["cmdline", "cwd"]):
        words = " ".join(each.info["cmdline"] or []) + (each.info["cwd"] or "")
        if str(run_dir) in words:
            found.append(each)
    return found
