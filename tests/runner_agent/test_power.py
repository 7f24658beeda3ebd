from __future__ import annotations

import socket
from pathlib import Path

import pytest

from runner_agent.power import DEFAULT, ESCALATION, PowerOff, Watchdog, steps


class Shell:
    """Runs nothing; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.ran: list[str] = []

    def __call__(self, argv: list[str]) -> int:
        self.ran.append(" ".join(argv))
        self.failures -= 1
        if self.failures >= 0:
            raise FileNotFoundError(argv[0])
        return 0


def power(command: str, shell: Shell, sysrq: Path, rounds: int = 1) -> PowerOff:
    return PowerOff(command, lambda *_, **__: None, grace_s=0.0, run=shell, rounds=range(rounds), sysrq=sysrq)


def test_row_39_a_power_off_that_fails_is_escalated(tmp_path: Path) -> None:
    shell = Shell(failures=2)

    power(DEFAULT, shell, tmp_path / "sysrq").off()

    assert shell.ran == [DEFAULT, *ESCALATION]
    assert (tmp_path / "sysrq").read_text("ascii") == "o"


def test_row_39_the_machine_is_never_given_up(tmp_path: Path) -> None:
    shell = Shell(failures=100)

    power(DEFAULT, shell, tmp_path / "missing" / "sysrq", rounds=5).off()

    assert shell.ran == [DEFAULT, *ESCALATION] * 5


def test_a_machine_with_a_command_of_its_own_is_never_ended_in_another_way(tmp_path: Path) -> None:
    shell = Shell(failures=100)

    power("kill -s RTMIN+4 1", shell, tmp_path / "sysrq", rounds=3).off()

    assert shell.ran == ["kill -s RTMIN+4 1"] * 3
    assert steps("kill -s RTMIN+4 1") == ("kill -s RTMIN+4 1",)
    assert not (tmp_path / "sysrq").exists()


@pytest.mark.parametrize("command", ["false", "no-such-program-anywhere", "'unbalanced"])
def test_row_39_a_real_command_that_fails_raises_nothing(tmp_path: Path, command: str) -> None:
    said: list[str] = []
    machine = PowerOff(
        command, lambda event, **_: said.append(event), grace_s=0.0, rounds=range(1), sysrq=tmp_path / "s"
    )

    machine.off()

    assert said in (["power_off"], ["power_off_failed"])


def test_systemd_hears_that_the_agent_is_alive(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        watchdog = Watchdog(str(tmp_path / "notify"))

        watchdog.ready()
        watchdog.alive()

        assert [systemd.recv(100), systemd.recv(100)] == [b"READY=1", b"WATCHDOG=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_systemd_nobody_is_told(address: str) -> None:
    Watchdog(address).alive()
