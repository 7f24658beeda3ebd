"""The Windows service of a runner machine and the dead man's task behind it, as commands of Windows itself."""

from __future__ import annotations

from runner_agent import windows_service
from runner_agent.commands.steps import Run, Step
from runner_agent.commands.units import CLEAN_UP_H, Layout

SERVICE = windows_service.NAME
TASK = "SpotRunner dead man"
OFF = "shutdown.exe /s /f /t 0"
_KEY = rf"HKLM\SYSTEM\CurrentControlSet\Services\{SERVICE}"


def installed(layout: Layout) -> tuple[Step, ...]:
    """Everything that makes a Windows machine a runner machine."""
    values = (f"HOME={layout.home}", f"RUNNER_USER={layout.user}", f"POWER_OFF={OFF}")
    # What stands between two of them is `reg.exe`'s own separator.
    variables = "\\0".join(f"SPOTRUNNER_{value}" for value in values)
    minutes = (layout.longest_life_h + CLEAN_UP_H) * 60
    return (
        Run(("sc.exe", "create", SERVICE, "binPath=", f'"{layout.program}" run --service', "start=", "auto")),
        # The machine must not outlive its agent: the one recovery action is to shut down.
        Run(("sc.exe", "failure", SERVICE, "reset=", "0", "command=", OFF, "actions=", "run/0")),
        Run(("sc.exe", "failureflag", SERVICE, "1")),
        _value("PreshutdownTimeout", "REG_DWORD", str(windows_service.STOP_WAIT_MS)),
        _value("Environment", "REG_MULTI_SZ", variables),
        Run((*_TASKS, "/create", "/tn", TASK, "/tr", OFF, *_AT_BOOT, "/delay", f"{minutes:04d}:00", "/f")),
    )


def removed() -> tuple[Step, ...]:
    """Takes it away again."""
    return (
        Run((*_TASKS, "/delete", "/tn", TASK, "/f"), may_fail=True),
        Run(("sc.exe", "delete", SERVICE), may_fail=True),
    )


_TASKS = ("schtasks.exe",)
_AT_BOOT = ("/sc", "onstart", "/ru", "SYSTEM", "/rl", "HIGHEST")


def _value(name: str, kind: str, value: str) -> Step:
    return Run(("reg.exe", "add", _KEY, "/v", name, "/t", kind, "/d", value, "/f"))
