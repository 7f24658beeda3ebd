"""A process tree on Linux and macOS: its own session, its own control group, and no descendant left behind."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from runner_agent.cloud import Command
from runner_agent.contract.record import Record

assert sys.platform != "win32"  # noqa: S101 - what type checkers understand; nothing imports this there

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
KILL_ROUNDS = 50
ROUND_S = 0.02


class PosixTree(Record):
    """Starts the runner as its own user when the agent is root and there is one."""

    user: str = ""
    proc: Path = PROC
    cgroups: Path = CGROUPS

    def start(self, command: Command) -> PosixProcess:
        """Start it in its own session, with stdout and stderr on one pipe and nothing on stdin."""
        account = self._account()
        reading, writing = os.pipe()
        try:
            child = subprocess.Popen(
                command.argv,
                cwd=command.folder,
                env=_at_home(command.environment, account),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=os.getgrouplist(account.pw_name, account.pw_gid) if account else None,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        group = _enclosed(child.pid, self.cgroups, self.proc)
        return PosixProcess(child, reading, command.mark, group, self.proc)

    def give(self, path: Path) -> None:
        """Change the owner, without following a link out of the tree."""
        account = self._account()
        if account is None:
            return
        for place in _everything(path):
            os.chown(place, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _account(self) -> pwd.struct_passwd | None:
        if not self.user or os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(self.user)
        except KeyError:
            raise LookupError(f"runner user {self.user!r} does not exist on this machine") from None


class PosixProcess(Record):
    """A started program with all its descendants."""

    child: subprocess.Popen[bytes]
    output: int
    mark: str
    group: Path | None
    proc: Path

    def exit_code(self) -> int | None:
        """None while the program runs."""
        return self.child.poll()

    def wait(self) -> int:
        """Block until the program has ended."""
        return self.child.wait()

    def ask_to_stop(self) -> None:
        """SIGINT to the program alone: its worker handles the rest, a job's processes are not ours to interrupt."""
        self.child.send_signal(signal.SIGINT)

    def kill(self) -> int:
        """SIGKILL until nothing of the tree is found any more."""
        strays: set[int] = set()
        for _ in range(KILL_ROUNDS):
            found = self._members()
            strays |= found - {self.child.pid}
            self._kill_group()
            for pid in found:
                _kill(pid)
            if not found:
                break
            self.child.poll()
            time.sleep(ROUND_S)
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self._remove_group()
        return len(strays)

    def _members(self) -> set[int]:
        """Every living process of the tree: by session, by descent, by what it carries in its environment."""
        seen = list(processes(self.proc))
        tree = set(self._grouped())
        if self.child.poll() is None:
            tree.add(self.child.pid)
        tree |= {p.pid for p in seen if p.session == self.child.pid or _carries(self.proc, p.pid, self.mark)}
        grown = True
        while grown:
            more = {p.pid for p in seen if p.parent in tree} - tree
            tree |= more
            grown = bool(more)
        living = {p.pid for p in seen if p.state not in "ZX"}
        return tree & living

    def _grouped(self) -> Iterator[int]:
        if self.group is not None:
            try:
                yield from map(int, (self.group / "cgroup.procs").read_text("ascii").split())
            except OSError:
                return

    def _kill_group(self) -> None:
        if self.group is not None:
            try:
                (self.group / "cgroup.kill").write_text("1", "ascii")
            except OSError:
                return

    def _remove_group(self) -> None:
        if self.group is not None:
            try:
                self.group.rmdir()
            except OSError:
                return


class Seen(Record):
    """A line of the process table."""

    pid: int
    state: str
    parent: int
    session: int


def processes(proc: Path = PROC) -> Iterator[Seen]:
    """The process table."""
    for place in proc.iterdir() if proc.is_dir() else ():
        if not place.name.isdecimal():
            continue
        try:
            # The program's name may hold anything, also a closing parenthesis.
            fields = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            yield Seen(int(place.name), fields[0], int(fields[1]), int(fields[3]))
        except (OSError, IndexError, ValueError):
            continue


def boot_times(now: float, proc: Path = PROC) -> dict[str, float]:
    """When the kernel, its first process and this one started, in seconds since the epoch, as far as it is known."""
    found = {}
    with suppress(OSError, ValueError, IndexError):
        found["kernel"] = now - float((proc / "uptime").read_text("ascii").split()[0])
        for phase, process in (("userspace", "1"), ("agent", "self")):
            fields = (proc / process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            found[phase] = found["kernel"] + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return found


def _at_home(environment: Mapping[str, str], account: pwd.struct_passwd | None) -> dict[str, str]:
    if account is None:
        return dict(environment)
    theirs = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name, "SHELL": account.pw_shell}
    return {**environment, **theirs}


def _enclosed(pid: int, cgroups: Path, proc: Path) -> Path | None:
    """A control group of its own for a fresh process; None where this machine does not hand us any."""
    try:
        own = (proc / "self/cgroup").read_text("ascii").strip()
        if not own.startswith("0::/") or "\n" in own:
            return None
        group = cgroups / own[4:] / f"runner-{pid}"
        if not (group.parent / "cgroup.kill").exists():
            return None
        group.mkdir()
        # The program has only just been executed: it had no time to start anything outside the group.
        (group / "cgroup.procs").write_text(str(pid), "ascii")
    except OSError:
        return None
    return group


def _carries(proc: Path, pid: int, mark: str) -> bool:
    try:
        return mark.encode() in (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Gone already, or another user's by way of sudo: then only the control group can reach it.
        return


def _everything(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir() and not path.is_symlink():
        for root, folders, files in os.walk(path):
            yield from (Path(root) / name for name in (*folders, *files))
