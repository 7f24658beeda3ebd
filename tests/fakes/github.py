"""GitHub's runner interface in memory."""

from __future__ import annotations

from controller.domain.fleet_config import Arch, Os
from controller.errors import Rejected
from controller.ports import Listed, NameTaken, Registered, Registration, Release
from tests.fakes.faults import Faults

SHA256 = "5" * 64


class FakeGitHub:
    """Registered runners by where they belong and name; an id is never given twice."""

    def __init__(self, version: str = "2.336.0") -> None:
        self.faults = Faults()
        self.version: str | None = version
        """None: the release has no checksum."""
        self.runners: dict[tuple[str, str], int] = {}
        self.registrations: list[Registration] = []
        self.removed: list[int] = []
        self.calls: list[str] = []
        self._next_id = 1

    def register(self, wanted: Registration, now: float) -> Registered | NameTaken:  # noqa: ARG002 - no clock here
        self._call("register")
        if _place(wanted) in self.runners:
            return NameTaken(wanted.name)
        runner_id, self._next_id = self._next_id, self._next_id + 1
        self.runners[_place(wanted)] = runner_id
        self.registrations.append(wanted)
        return Registered(runner_id, f"jit-of-{wanted.name}")

    def is_registered(self, wanted: Registration, runner_id: int, now: float) -> bool:  # noqa: ARG002 - no clock here
        self._call("is_registered")
        return runner_id in self.runners.values()

    def listed(self, wanted: Registration, now: float) -> list[Listed]:  # noqa: ARG002 - no clock here
        self._call("listed")
        owner, _ = _place(wanted)
        return [Listed(runner_id, name) for (place, name), runner_id in self.runners.items() if place == owner]

    def remove(self, wanted: Registration, runner_id: int, now: float) -> None:  # noqa: ARG002 - no clock here
        self._call("remove")
        self.removed.append(runner_id)
        self.forget(runner_id)

    def release(self, wanted: Registration, os: Os, arch: Arch, now: float) -> Release:  # noqa: ARG002 - no clock here
        self._call("release")
        if self.version is None:
            raise Rejected(f"{wanted.server} offers a {os}/{arch} runner without a SHA-256")
        name = f"actions-runner-{os}-{arch}-{self.version}.tar.gz"
        return Release(self.version, SHA256, f"https://github.com/actions/runner/releases/{name}")

    def forget(self, runner_id: int) -> None:
        """The runner has run its job, or was removed while it idled."""
        self.runners = {place: known for place, known in self.runners.items() if known != runner_id}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.faults.strike()


def _place(wanted: Registration) -> tuple[str, str]:
    owner = wanted.repository.partition("/")[0] if wanted.organization else wanted.repository
    return owner, wanted.name
