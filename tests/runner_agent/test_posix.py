from __future__ import annotations

import os
import pwd
import signal
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from runner_agent.cloud import Command
from runner_agent.posix import PosixTree, boot_times, processes
from tests.runner_agent.runners import alive
from tests.runner_agent.stage import until

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    open(sys.argv[1], "w").write(str(os.getpid()) + "\\n")
    time.sleep(600)
os.wait()
time.sleep(float(sys.argv[2]))
"""


def command(folder: Path, *argv: str, mark: str = "") -> Command:
    # Two runs of these tests on one machine must not take each other's processes for their own.
    value = f"{folder}-{mark}"
    environment = {"PATH": os.environ["PATH"], "MARK": value}
    return Command((sys.executable, "-S", "-c", *argv), folder, environment, f"MARK={value}")


def pid_in(file: Path) -> int:
    until(lambda: file.exists() and file.read_text("ascii").endswith("\n"))
    return int(file.read_text("ascii"))


def test_output_and_errors_come_through_one_pipe(tmp_path: Path) -> None:
    process = PosixTree().start(command(tmp_path, "import os; os.write(1, b'out '); os.write(2, b'err')"))

    code = process.wait()
    text = os.read(process.output, 100)
    os.close(process.output)

    assert (code, text) == (0, b"out err")
    assert process.kill() == 0


def test_only_the_program_itself_is_interrupted(tmp_path: Path) -> None:
    code = (
        "import os, signal, time; signal.signal(signal.SIGINT, lambda *_: os._exit(7))\n"
        "print(1, flush=True); time.sleep(60)"
    )
    process = PosixTree().start(command(tmp_path, code))
    os.read(process.output, 2)

    process.ask_to_stop()

    assert process.wait() == 7
    assert process.exit_code() == 7
    process.kill()
    os.close(process.output)


@pytest.mark.parametrize("lifetime", ["0", "60"])
def test_row_30_a_daemon_is_found_whether_its_parent_lives_or_not(tmp_path: Path, lifetime: str) -> None:
    process = PosixTree().start(command(tmp_path, DAEMON, str(tmp_path / "pid"), lifetime))
    daemon = pid_in(tmp_path / "pid")
    if lifetime == "0":
        process.wait()

    strays = process.kill()

    os.close(process.output)
    assert strays == 1
    assert not alive(daemon)
    assert process.exit_code() == (0 if lifetime == "0" else -signal.SIGKILL)


def test_another_runners_processes_are_left_alone(tmp_path: Path) -> None:
    ours = PosixTree().start(command(tmp_path, "import time; time.sleep(60)", mark="ours"))
    theirs = PosixTree().start(command(tmp_path, "import time; time.sleep(60)", mark="theirs"))

    ours.kill()

    assert theirs.exit_code() is None
    theirs.kill()
    for process in (ours, theirs):
        os.close(process.output)


def test_where_the_machine_has_control_groups_the_runner_gets_one(tmp_path: Path) -> None:
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroups"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/system.slice/agent.service\n", "ascii")
    own = cgroups / "system.slice" / "agent.service"
    own.mkdir(parents=True)
    (own / "cgroup.kill").touch()

    process = PosixTree(proc=proc, cgroups=cgroups).start(command(tmp_path, "import time; time.sleep(60)"))
    group = own / f"runner-{process.child.pid}"
    enclosed = (group / "cgroup.procs").read_text("ascii")
    process.kill()
    os.close(process.output)

    assert enclosed == str(process.child.pid)
    assert (group / "cgroup.kill").read_text("ascii") == "1"
    assert process.exit_code() == -signal.SIGKILL


@pytest.mark.parametrize("text", ["", "1:cpu:/a\n0::/b\n", "garbage"])
def test_without_a_control_group_of_its_own_a_runner_is_started_all_the_same(tmp_path: Path, text: str) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text(text, "ascii")

    process = PosixTree(proc=tmp_path, cgroups=tmp_path).start(command(tmp_path, "pass"))

    process.wait()
    process.kill()
    os.close(process.output)
    assert process.group is None


def test_a_program_that_does_not_exist_leaves_no_pipe_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(FileNotFoundError):
        PosixTree().start(Command((str(tmp_path / "none"), "run"), tmp_path, {}, f"MARK={uuid4()}"))

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_runner_is_its_own_user_where_the_agent_is_root() -> None:
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    code = "echo $(id -u) $(id -g) $HOME"

    process = PosixTree("nobody").start(
        Command(
            ("/bin/sh", "-c", code), Path("/"), {"PATH": os.environ["PATH"], "HOME": account.pw_dir}, f"MARK={uuid4()}"
        )
    )
    process.wait()
    told = os.read(process.output, 200).decode()
    os.close(process.output)
    process.kill()

    assert told == f"{account.pw_uid} {account.pw_gid} {account.pw_dir}\n"


def test_a_runner_user_that_does_not_exist_is_an_error_for_root_only(tmp_path: Path) -> None:
    tree = PosixTree("no-such-user")
    (tmp_path / "file").touch()

    if os.geteuid() == 0:
        with pytest.raises(LookupError, match="'no-such-user' does not exist"):
            tree.give(tmp_path)
    else:
        tree.give(tmp_path)

    assert (tmp_path / "file").stat().st_uid == os.geteuid()


def test_the_process_table_survives_any_program_name(tmp_path: Path) -> None:
    for pid, text in (("1", "1 (a) b) S 0 1 1 0"), ("2", "garbage"), ("self", "3 (x) S 0 3 3")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "stat").write_text(text, "ascii")

    seen = list(processes(tmp_path))

    assert [(one.pid, one.state, one.parent, one.session) for one in seen] == [(1, "S", 0, 1)]


def test_the_kernel_started_before_the_agent_and_both_before_now() -> None:
    now = 1_795_168_900.0

    born = boot_times(now)

    assert born["kernel"] <= born["userspace"] <= born["agent"] <= now


def test_without_a_process_table_no_start_is_known(tmp_path: Path) -> None:
    assert boot_times(1.0, tmp_path) == {}
