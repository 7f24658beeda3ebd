"""The agent's door: reads the environment once, joins the parts, lives one life."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from runner_agent import aws, ballast, docker, power, vitals
from runner_agent.cloud import Notice, ProcessTree
from runner_agent.lifecycle.inbox import Inbox
from runner_agent.lifecycle.journal import Journal
from runner_agent.lifecycle.life import live
from runner_agent.lifecycle.machine import Machine
from runner_agent.limits import SHUTDOWN_S
from runner_agent.logs import Log, Redactor
from runner_agent.settings import Settings
from runner_agent.vitals import Vitals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; `run` ends with the machine."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words != ["run"]:
        from runner_agent.commands.parser import parse  # noqa: PLC0415 - a booting machine does not wait for the import

        command = parse(words)
        if command:
            return command(Settings.read(os.environ))
    around = machine(Settings.read(os.environ), os.environ)
    if "--service" in words:
        from runner_agent.windows_service import serve  # noqa: PLC0415 - loaded where it is one

        serve(lambda: live(around), lambda: around.inbox.put(Notice("shutdown", time.time() + SHUTDOWN_S)))
        return 0
    live(around)
    return 0


def machine(settings: Settings, environment: Mapping[str, str]) -> Machine:
    """Join the parts as this machine needs them."""
    redactor = Redactor()
    tell = Log(redactor)
    tell.also.append(Journal(settings.home))
    watchdog = power.Watchdog(settings.notify_socket)
    inbox = Inbox(watchdog.alive)
    tree, look, born = _system(settings)
    _listen_to_signals(inbox)
    watchdog.ready()
    return Machine(
        metadata=aws.Imds(settings.metadata, learn=redactor.learn),
        tree=tree,
        power=power.PowerOff(settings.power_off, tell),
        inbox=inbox,
        redactor=redactor,
        tell=tell,
        home=settings.home,
        environment=environment,
        aws_endpoint=settings.aws_endpoint,
        born=born,
        look=look,
        # Only where systemd starts both of us may Docker still be on its way.
        docker=docker.installed() if settings.notify_socket else None,
        # Nor is the disk ours alone where others may start agents as well.
        ballast=ballast.SIZE if settings.notify_socket else 0,
        listen=tell.also.append,
    )


def _system(settings: Settings) -> tuple[ProcessTree, Callable[[Path], Vitals], dict[str, float]]:
    now = time.time()
    if sys.platform == "win32":
        from runner_agent.windows import WindowsTree  # noqa: PLC0415 - exists there only

        tree = WindowsTree()
        return tree, tree.vitals, {"agent": now}
    else:  # noqa: RET505 - the type checker takes what follows for dead code on Windows otherwise
        from runner_agent.posix import PosixTree, boot_times  # noqa: PLC0415 - exists elsewhere only

        return PosixTree(settings.runner_user), vitals.on_linux, {"agent": now, **boot_times(now)}


def _listen_to_signals(inbox: Inbox) -> None:
    def shut_down(_number: int, _frame: FrameType | None) -> None:
        # Nothing but the queue's put may be called here: it alone can interrupt itself.
        inbox.put(Notice("shutdown", time.time() + SHUTDOWN_S))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shut_down)


if __name__ == "__main__":
    sys.exit(main())
