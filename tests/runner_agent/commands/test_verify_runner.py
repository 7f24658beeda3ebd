from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner_agent.__main__ import main
from tests.runner_agent.conformance import rig


def test_kept_promises_are_a_table_and_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rig.released(tmp_path / "runner")

    code = main(["verify-runner", "--dir", str(folder), "--only", "listening", "--only", "interrupt"])

    shown = capsys.readouterr().out
    assert code == 0
    assert shown.splitlines()[0].startswith("ok     listening")
    assert shown.endswith("2 of 2 promises kept\n")


def test_a_broken_promise_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rig.broken(tmp_path / "runner", {"program.py": ("return Exit.TERMINATED", "return Exit.SUCCESS")})

    code = main(["verify-runner", "--dir", str(folder), "--only", "bad-jit", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert (code, document["kept"]) == (1, False)
    (check,) = document["checks"]
    assert (check["name"], check["kept"]) == ("bad-jit", False)
    assert check["detail"].startswith("ended with 0 instead of 1")


def test_a_job_can_hold_what_another_runner_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rig.released(tmp_path / "runner")
    extra = tmp_path / "extra.json"
    extra.write_text(json.dumps(rig.job_extra(folder)))

    code = main(["verify-runner", "--dir", str(folder), "--only", "job", "--job-extra", str(extra)])

    assert (code, "Succeeded, exit code 100" in capsys.readouterr().out) == (0, True)


@pytest.mark.parametrize("content", ["[]", "{"])
def test_what_cannot_be_checked_is_exit_code_2(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "extra.json").write_text(content)

    nothing = main(["verify-runner", "--dir", str(tmp_path)])
    unreadable = main(["verify-runner", "--dir", str(tmp_path), "--job-extra", str(tmp_path / "extra.json")])

    assert (nothing, unreadable) == (2, 2)
    assert "there is no bin/Runner.Listener" in capsys.readouterr().err
