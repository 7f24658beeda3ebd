from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from controller.local.aws.machines import Machines, console
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud


FAMILY = """
import subprocess, sys, time
subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1000 & wait"], start_new_session=True)
double = "import os, time; os.fork() or os.setsid() or os.fork() or time.sleep(1000)"
subprocess.run([sys.executable, "-c", double])
print("up", flush=True)
time.sleep(1000)
"""


class Site:
    """Machines whose ends are written down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended: list[str] = []
        self.machines = Machines(self.ended.append)
        self.machines.start()

    def switch_on(self, name: str, program: str) -> Path:
        home = self.folder / name
        home.mkdir()
        command = (sys.executable, "-c", program)
        self.machines.switch_on(name, home, command, {"PATH": os.environ["PATH"], "SPOTRUNNER_HOME": str(home)})
        return home

    def living(self) -> set[str]:
        return {process.machine for process in self.machines.processes()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.machines.stop()


def printed(home: Path, text: str) -> Callable[[], bool]:
    return lambda: console(home).exists() and text in console(home).read_text()


def lives(pid: int) -> bool:
    """Whether it does; a zombie is only waiting for somebody to notice."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_machine_ends_with_its_agent(site: Site) -> None:
    home = site.switch_on("i-1", "print('hello from', __name__)")

    eventually(lambda: site.ended == ["i-1"])

    assert console(home).read_text() == "hello from __main__\n"
    assert site.machines.processes() == ()


def test_all_that_an_agent_started_goes_down_with_the_machine(site: Site) -> None:
    home = site.switch_on("i-1", FAMILY)
    eventually(printed(home, "up"))
    eventually(lambda: len(site.machines.processes()) >= 6)

    site.machines.switch_off(["i-1"])

    eventually(lambda: site.ended == ["i-1"])
    assert site.machines.processes() == ()


def test_the_agent_powers_its_machine_off_with_the_command_it_was_given(site: Site) -> None:
    home = site.switch_on(
        "i-1",
        "import os, shlex, subprocess, time\n"
        "print(os.environ['SPOTRUNNER_POWER_OFF'], flush=True)\n"
        "subprocess.run(shlex.split(os.environ['SPOTRUNNER_POWER_OFF']), check=True)\n"
        "time.sleep(1000)",
    )

    eventually(lambda: site.ended == ["i-1"])

    shell, option, command = shlex.split(console(home).read_text())
    assert (shell, option) == ("sh", "-c")
    assert command.startswith(f"kill -{int(signal.SIGRTMIN) + 4} ")


def test_an_agent_that_cannot_start_is_a_machine_that_ends(site: Site) -> None:
    home = site.folder / "i-1"
    home.mkdir()

    site.machines.switch_on("i-1", home, ("/nowhere/agent",), {})

    eventually(lambda: site.ended == ["i-1"])


def test_the_agent_gets_a_clean_environment_and_no_terminal(site: Site) -> None:
    home = site.switch_on("i-1", "import os, sys; print(sorted(os.environ), repr(sys.stdin.read()), os.getcwd())")

    eventually(lambda: site.ended == ["i-1"])

    names = "['LC_CTYPE', 'PATH', 'SPOTRUNNER_HOME', 'SPOTRUNNER_POWER_OFF']"
    assert console(home).read_text() == f"{names} '' {home}\n"


def test_orphans_are_adopted_and_do_not_stay_as_zombies(site: Site) -> None:
    program = (
        "import subprocess, time\n"
        "for _ in range(5): subprocess.run(['sh', '-c', 'sleep 0.01 &'])\n"
        "print('up', flush=True); time.sleep(1000)"
    )
    home = site.switch_on("i-1", program)
    eventually(printed(home, "up"))

    init = next(p.pid for p in site.machines.processes() if "machine.py" in p.command)

    eventually(lambda: len(psutil.Process(init).children()) == 1)


def test_what_a_killed_process_1_leaves_behind_is_swept_away(site: Site) -> None:
    home = site.switch_on("i-1", FAMILY)
    eventually(printed(home, "up"))
    eventually(lambda: len(site.machines.processes()) >= 6)
    everybody = [process.pid for process in site.machines.processes()]

    init = next(p.pid for p in site.machines.processes() if "machine.py" in p.command)
    os.kill(init, signal.SIGKILL)

    eventually(lambda: site.ended == ["i-1"])
    eventually(lambda: not any(lives(pid) for pid in everybody))


def test_a_process_that_left_its_family_is_still_counted(site: Site) -> None:
    site.switch_on("i-1", "import time; time.sleep(1000)")
    stray = subprocess.Popen(["sleep", "1000"], cwd=site.folder / "i-1", start_new_session=True)  # noqa: S607

    found = [process.pid for process in site.machines.processes()]
    stray.kill()
    stray.wait()

    assert stray.pid in found


def test_switching_off_what_is_off_does_nothing(site: Site) -> None:
    site.switch_on("i-1", "pass")
    eventually(lambda: site.ended == ["i-1"])

    site.machines.switch_off(["i-1", "i-unknown"])

    assert site.ended == ["i-1"]


def test_stopping_cuts_the_power_of_every_machine(site: Site) -> None:
    homes = [site.switch_on(f"i-{n}", FAMILY) for n in range(3)]
    for home in homes:
        eventually(printed(home, "up"))

    site.machines.stop()
    site.machines.stop()

    assert site.machines.processes() == ()
    site.machines.switch_on("i-9", homes[0], ("true",), {})
    assert site.machines.processes() == ()


def test_a_machine_that_is_frozen_altogether_is_switched_off_all_the_same(site: Site) -> None:
    site.switch_on("i-1", FAMILY)
    eventually(lambda: len(site.machines.processes()) > 1)
    for process in site.machines.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)

    site.machines.switch_off(["i-1"])

    eventually(lambda: site.ended == ["i-1"])
    assert site.machines.processes() == ()


def test_a_machine_whose_agent_is_killed_powers_itself_off_with_all_that_ran(site: Site) -> None:
    home = site.switch_on("i-1", FAMILY)
    eventually(printed(home, "up"))

    site.machines.kill_agent("i-1")
    site.machines.kill_agent("i-0")

    eventually(lambda: site.ended == ["i-1"])
    assert site.machines.processes() == ()
