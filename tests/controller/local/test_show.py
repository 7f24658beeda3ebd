from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from controller.local.report.mishap import Mishap, Outcome
from controller.local.show import Screen, ran, result, table, verdict, waited
from controller.local.truth import JobSeen, MachineSeen, judge

NOW = 20.0
BUILD = JobSeen(1, "Build", ("spotrunner/x",), "completed", "success", 10.0, 12.0, 15.0, "spotrunner-i-1-1")
MACHINE = MachineSeen("i-1", "c7g.large", "us-east-1a", "spot", running=False, launched_at=10.5, ended_at=16.0)


def printed(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def plain() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_a_row_tells_machine_and_times() -> None:
    console = plain()
    console.print(table([BUILD], {"i-1": MACHINE}, NOW))

    row = printed(console).splitlines()[1].split()
    assert row == [
        "Build",
        "spotrunner/x",
        "completed",
        "i-1",
        "c7g.large",
        "us-east-1a",
        "spot",
        "2.0",
        "s",
        "3.0",
        "s",
        "success",
    ]


def test_a_skipped_job_neither_waited_nor_ran() -> None:
    skipped = replace(BUILD, conclusion="skipped", runner="")

    assert (waited(skipped, NOW), ran(skipped, NOW)) == ("", "")


def test_a_waiting_job_shows_how_long_it_has_been_waiting() -> None:
    assert waited(replace(BUILD, status="queued", started_at=None, completed_at=None), NOW) == "10.0 s"


def test_a_failure_that_is_allowed_says_so() -> None:
    assert result(replace(BUILD, conclusion="failure", may_fail=True)) == "failure (allowed)"
    assert result(replace(BUILD, conclusion="failure")) == "failure"


def test_without_a_terminal_each_change_is_one_line() -> None:
    console = plain()
    queued = replace(BUILD, status="queued", conclusion="", started_at=None, completed_at=None, runner="")
    running = replace(BUILD, status="in_progress", conclusion="", completed_at=None)
    with Screen(console, began=10.0) as screen:
        for job in (queued, queued, running, BUILD):
            screen.update([job], {"i-1": MACHINE}, NOW)

    assert [line.strip() for line in printed(console).splitlines()] == [
        "10.0 s  Build: queued for spotrunner/x",
        "10.0 s  Build: runs on i-1 (c7g.large, us-east-1a, spot), waited 2.0 s",
        "10.0 s  Build: success after 3.0 s",
    ]


def test_the_verdict_names_whatever_is_not_so() -> None:
    console = plain()
    verdict(judge([BUILD], [replace(MACHINE, running=True)], [], ["4711 sleep"]), console)

    text = printed(console)
    assert "leaked: i-1" in text
    assert "processes: 4711 sleep" in text
    assert "1 jobs, 0 lost, 0 double launches, 1 machines leaked, 1 processes left" in text


LATE = Mishap("EC2 took the machine back", 14.0, "i-1", "Re-run as attempt 2.")
EARLY = Mishap("A webhook never arrived", 11.0, "1", "Nobody answered.", Outcome.UNANSWERED)


def test_a_row_is_marked_with_the_mishaps_of_its_job_and_of_its_machine_in_order() -> None:
    console = plain()
    console.print(table([replace(BUILD, attempt=2)], {"i-1": MACHINE}, NOW, [LATE, EARLY]))

    assert printed(console).splitlines()[1].startswith("Build (attempt 2) !1 !2")


def test_without_a_terminal_a_mishap_is_one_line_once() -> None:
    console = plain()
    with Screen(console, began=10.0) as screen:
        for _ in range(2):
            screen.update([], {}, NOW, [EARLY])

    assert printed(console) == "   1.0 s  ! A webhook never arrived\n"


def test_the_verdict_tells_each_mishap_with_what_the_platform_did() -> None:
    console = plain()
    verdict(judge([BUILD], [MACHINE], [], [], unanswered=["A webhook never arrived"]), console, [LATE, EARLY], 10.0)

    lines = [line.strip() for line in printed(console).splitlines()]
    told = lines.index("Mishaps, and what the platform did about them")
    assert lines[told + 1 : told + 5] == [
        "!1  1.0 s  A webhook never arrived",
        "Nobody answered.",
        "!2  4.0 s  EC2 took the machine back",
        "Re-run as attempt 2.",
    ]
    assert "unanswered: A webhook never arrived" in lines
