from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner_agent.__main__ import main
from runner_agent.commands.explain import lives
from runner_agent.lifecycle.journal import Journal


def line(event: str, **facts: Any) -> dict[str, Any]:  # noqa: ANN401 - any fact
    return {"at": 1_800_000_000.0, "event": event, **facts}


WHOLE = [
    line("life", version="0.1.0"),
    line("state", state="claiming", ended_runner=""),
    line("state", state="preparing", runner="sr-1"),
    line("state", state="listening", runner="sr-1"),
    line("listener", said="listening", detail=""),
    line("state", state="running", job="build (linux, 3.12)"),
    line("listener", said="completed", detail="Succeeded"),
    line("runner_ended", result="success", reason="", exit_code=100, strays=0),
    line("state", state="done", result="success", reason=""),
    line("state", state="poweroff"),
    line("power_off", command="systemctl poweroff", code=0),
]


def journal(home: Path, *lines: dict[str, Any]) -> None:
    keep = Journal(home)
    for each in lines:
        keep(json.dumps(each))


def explained(home: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setenv("SPOTRUNNER_HOME", str(home))
    return main(["explain", *words])


def test_a_good_life_reads_as_a_story() -> None:
    (life,) = lives(iter(WHOLE))

    assert [told.sentence for told in life.told] == [
        "The agent 0.1.0 started.",
        "It asked the controller for work.",
        "It got work and prepared the runner sr-1.",
        "The runner was started.",
        "The runner listened for a job.",
        "A job started: build (linux, 3.12).",
        "The job ended: Succeeded.",
        "The runner ended: success, exit code 100, 0 stray processes.",
        "The work was over: success.",
        "It powered the machine off.",
        "Power-off was asked for: systemctl poweroff, code 0.",
    ]
    assert (life.result, life.ended) == ("success", True)


def test_a_life_that_broke_off_is_told_from_one_that_ended() -> None:
    first, second = lives(iter([*WHOLE, *WHOLE[:6]]))

    assert (first.ended, second.ended) == (True, False)
    assert second.result == "unknown"


@pytest.mark.parametrize(
    ("last", "result"),
    [
        (line("claim_refused", status=410, reason="no job waits"), "no_job"),
        (line("agent_crash", error="ValueError: x"), "agent_crash"),
        (line("runner_ended", result="disk_full", reason="no room"), "disk_full"),
    ],
)
def test_the_result_is_what_became_of_it(last: dict[str, Any], result: str) -> None:
    (life,) = lives(iter([WHOLE[0], last]))

    assert life.result == result


def test_lines_without_news_and_of_a_newer_agent_say_nothing() -> None:
    (life,) = lives(iter([WHOLE[0], line("state", state="dreaming"), line("tomorrow"), {"at": "soon"}]))

    assert [told.event for told in life.told] == ["life"]


def test_a_jobs_name_cannot_write_to_the_operators_terminal() -> None:
    (life,) = lives(iter([line("state", state="running", job="\x1b[2J{at} {0.__class__}\nGone")]))

    (told,) = life.told
    assert told.sentence == "A job started: [2J{at} {0.__class__} Gone."


def test_the_last_life_is_shown_and_all_of_them_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(tmp_path, *WHOLE, *WHOLE[:3])
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "000002-finished.json").touch()

    last = explained(tmp_path, monkeypatch)
    text = capsys.readouterr().out
    explained(tmp_path, monkeypatch, "--all", "--json")
    document = json.loads(capsys.readouterr().out)

    assert last == 0
    assert "2027-01-15 08:00:00Z  The agent 0.1.0 started." in text
    assert "breaks off here" in text
    assert "never sent: 000002-finished.json" in text
    assert [life["result"] for life in document["lives"]] == ["success", "unknown"]
    assert document["unsent_reports"] == ["000002-finished.json"]


def test_a_machine_without_a_journal_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(tmp_path, monkeypatch) == 1
    assert "set SPOTRUNNER_HOME" in capsys.readouterr().err
