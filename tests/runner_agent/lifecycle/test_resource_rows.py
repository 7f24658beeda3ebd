"""Rows 24-27 of the table of failures: disk, inodes, memory, time to run."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner_agent import vitals
from runner_agent.contract.record import replace
from runner_agent.contract.reports import Result
from runner_agent.vitals import MIB, Vitals
from tests.runner_agent.runners import starts
from tests.runner_agent.stage import until
from tests.runner_agent.world import RUN, World, done

WORKER_DISK_FULL = (
    "[RUNNER 2026-11-20 10:00:08Z ERR  JobDispatcher] System.IO.IOException: No space left on device : '/opt/r/_diag'"
)


@contextmanager
def disk(place: Path, options: str) -> Iterator[Path]:
    """A small disk of its own, which only root can have."""
    place.mkdir()
    mounted = os.geteuid() == 0 and _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)) == 0
    if not mounted:
        pytest.skip("NOT PROVED HERE: a disk of its own can be mounted by root only")
    try:
        yield place
    finally:
        _run("umount", "-l", str(place))


def _run(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


@pytest.mark.parametrize(
    ("options", "uses", "what"),
    [
        ("size=24m", {"fill": "junk"}, "disk"),
        ("size=64m,nr_inodes=400", {"files": "junk"}, "files"),
        ("size=64m,nr_inodes=400", {"files_at_once": "junk"}, "files"),
    ],
    ids=["row_24_space", "row_25_inodes", "row_25_inodes_at_once"],
)
def test_row_24_and_row_25_a_disk_that_a_job_fills_ends_it_while_there_is_room_for_its_log(
    world: World, tmp_path: Path, options: str, uses: dict[str, str], what: str
) -> None:
    with disk(tmp_path / "disk", options) as home:
        world.home = home
        stop = [{"write": ["log", 500_000]} if what == "disk" else {"touch": "log"}, *done("Failed", 102)]
        folder = world.bake([*RUN, {"on_interrupt": stop}, uses, {"wait": 600}])
        world.grant()

        world.live()

        assert (world.last.result, "of the disk are free" in world.last.reason) == (Result.DISK_FULL, True)
        assert {told["what"] for told in world.told("strained")} == {what}
        assert (folder / "log").exists()
        assert not (home / "ballast").exists()


@pytest.mark.parametrize(
    ("row", "full"),
    [
        ("row 24", {"disk_total": 100_000 * MIB, "disk_free": 100 * MIB}),
        ("row 25", {"files_total": 1_000, "files_free": 9}),
    ],
)
def test_row_24_and_row_25_warnings_come_before_the_end(world: World, row: str, full: dict[str, int]) -> None:
    looks = [
        Vitals(disk_total=100_000 * MIB, disk_free=1_500 * MIB, files_total=1_000, files_free=99),
        Vitals(disk_total=100_000 * MIB, disk_free=900 * MIB, files_total=1_000, files_free=49),
        replace(Vitals(disk_total=100_000 * MIB, disk_free=900 * MIB, files_total=1_000, files_free=49), **full),
    ]
    world.look = _one_after_the_other(world, looks)
    world.bake([*RUN, {"on_interrupt": done("Failed", 102)}, {"wait": 600}])
    world.grant()

    world.live()

    what = "disk" if row == "row 24" else "files"
    assert [told["level"] for told in world.told("strained") if told["what"] == what] == [1, 2, 3]
    assert world.last.result is Result.DISK_FULL


def _one_after_the_other(world: World, looks: list[Vitals]) -> Callable[[Path], Vitals]:
    def look(_: Path) -> Vitals:
        told = len({line["level"] for line in world.told("strained")})
        return looks[min(told, len(looks) - 1)]

    return look


def test_row_24_a_worker_that_found_the_disk_full_says_why_its_job_failed(world: World) -> None:
    world.bake([*RUN, {"say": WORKER_DISK_FULL}, *done("Failed", 102)])
    world.grant()

    world.live()

    assert world.last.result is Result.DISK_FULL


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """A control group with little memory, which only root can make; its list of processes."""
    v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    root, most = (v1, "memory.limit_in_bytes") if v1.is_dir() else (v2, "memory.max")
    group = root / f"spotrunner-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / most).write_text(str(limit), "ascii")
    except OSError as refused:
        pytest.skip(f"NOT PROVED HERE: a control group with a limit can be made by root only ({refused})")
    try:
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


def test_row_26_a_step_that_the_kernel_ended_for_lack_of_memory_is_why_its_job_failed(world: World) -> None:
    with memory_group(24 * MIB) as members:
        world.bake([*RUN, {"hog": [str(members), 200 * MIB]}, *done("Failed", 102)])
        world.grant()

        world.live()

    assert world.last.result is Result.OUT_OF_MEMORY
    assert world.last.reason.startswith("the kernel ended ")
    assert world.last.reason.endswith(" for lack of memory")


def test_row_26_a_killed_process_counts_for_a_job_that_did_not_do_well_only(world: World) -> None:
    kills = iter(range(1_000_000))
    world.look = lambda _: Vitals(oom_kills=next(kills))
    world.bake([*RUN, *done()])
    world.grant()

    world.live()

    assert world.last.result is Result.SUCCESS


def test_row_26_memory_pressure_is_told_once_and_ends_nothing(world: World) -> None:
    world.look = lambda _: Vitals(memory_stalled=55.0)
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    until(lambda: world.told("strained"))
    (folder / "go").touch()
    world.end()

    assert [told["what"] for told in world.told("strained")] == ["memory"]
    assert world.last.result is Result.SUCCESS


def test_row_27_a_listener_that_stands_still_during_its_job_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner_agent.watch.SILENCE_S", 0.2)
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    listener = starts(folder)[0]["pid"]
    os.kill(listener, signal.SIGSTOP)
    until(lambda: world.told("listener_silent"))
    (folder / "go").touch()
    os.kill(listener, signal.SIGCONT)
    world.end()

    assert world.last.result is Result.SUCCESS


def test_what_a_job_used_is_in_its_last_report(world: World) -> None:
    folder = world.bake([*RUN, {"write": ["junk", 3 * MIB]}, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    until((folder / "junk").exists)
    (folder / "go").touch()
    world.end()

    peaks = world.last.peaks
    assert peaks is not None
    assert (peaks.memory_mib or 0) > 1
    assert peaks.network_mib is not None
    assert (vitals.on_linux(folder).memory_mib or 0) > 1
