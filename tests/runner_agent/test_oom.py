from __future__ import annotations

from pathlib import Path

from runner_agent.oom import KernelLog

RECORDS = (
    b"6,1,1,-;nothing of interest\n"
    b"3,2,2,-;Memory cgroup out of memory: Killed process 123 (cc1plus) total-vm:1kB\n"
    b"3,3,3,-;Out of memory: Killed process 9 (a (b) c) total-vm:1kB\n"
)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_only_what_was_killed_since_then_is_named(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_bytes(b"3,0,0,-;Out of memory: Killed process 1 (before) total-vm\n")
    kernel = KernelLog(log)

    with log.open("ab") as file:
        file.write(RECORDS)

    assert "cc1plus" in kernel.victims()
    assert "before" not in kernel.victims()


def test_a_log_that_may_not_be_read_names_nobody(tmp_path: Path) -> None:
    assert KernelLog(tmp_path / "none").victims() == ()


def test_a_log_is_closed_once_it_has_been_read(tmp_path: Path) -> None:
    (tmp_path / "kmsg").write_bytes(RECORDS)
    before = open_files()

    KernelLog(tmp_path / "kmsg").victims()

    assert open_files() == before
