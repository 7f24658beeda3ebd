"""GitHub's runner interface over REST."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote

from controller.adapters.connection import Answer
from controller.adapters.github.calls import Call, fields, rows
from controller.adapters.github.groups import Groups
from controller.adapters.github.installations import Installations
from controller.domain.call_budget import Kind, Lane
from controller.domain.fleet_config import Arch, Os
from controller.errors import Rejected, Unavailable
from controller.ports import Listed, Memory, NameTaken, Registered, Registration, Release

WORK_FOLDER = "_work"
_PAGE = 100
_PAGES = 20
"""More runners than a repository or an organisation has without larger runner groups."""

_OK, _CREATED, _NO_CONTENT, _NOT_FOUND, _CONFLICT = 200, 201, 204, 404, 409
_GITHUB_OS = {Os.LINUX: "linux", Os.WINDOWS: "win"}
_VERSION = re.compile(r"-(\d+\.\d+\.\d+)\.(?:tar\.gz|zip)$")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class GitHubApi:
    """The `GitHub` port."""

    def __init__(self, installations: Installations, memory: Memory | None = None) -> None:
        self._installations = installations
        self._groups = Groups(installations, memory)

    def register(self, wanted: Registration, now: float) -> Registered | NameTaken:
        """Mint a JIT configuration."""
        asked = {
            "name": wanted.name,
            "runner_group_id": self._groups.id_of(wanted, now),
            "labels": list(wanted.labels),
            "work_folder": WORK_FOLDER,
        }
        call = Call("POST", wanted.server, f"{_runners(wanted)}/generate-jitconfig", asked)
        try:
            answer = self._installations.send_as_any(
                call, wanted.repository, wanted.installation_id, now, {_CREATED, _CONFLICT}, Lane.REGISTRATION
            )
        except Rejected:
            self._groups.forget(wanted, now)
            raise
        return NameTaken(wanted.name) if answer.status == _CONFLICT else _registered(call, answer)

    def pause(self, now: float) -> float:
        """For how many seconds no App may register a runner on any server."""
        return self._installations.pause(Kind.REGISTRATIONS, Lane.REGISTRATION, now)

    def is_registered(self, wanted: Registration, runner_id: int, now: float) -> bool:
        """Whether GitHub still has the runner; a refusal to say is not a no."""
        call = Call("GET", wanted.server, f"{_runners(wanted)}/{runner_id}")
        try:
            answer = self._send(call, wanted, now, fine={_OK, _NOT_FOUND})
        except Rejected as refusal:
            raise Unavailable(str(refusal)) from refusal
        return answer.status == _OK

    def listed(self, wanted: Registration, now: float) -> list[Listed]:
        """Every runner registered where this one would be."""
        found: list[Listed] = []
        for page in range(1, _PAGES + 1):
            call = Call("GET", wanted.server, f"{_runners(wanted)}?per_page={_PAGE}&page={page}")
            listed = fields(call, self._send(call, wanted, now, fine={_OK})).get("runners")
            if not isinstance(listed, list):
                raise Unavailable(f"{call}: answered without a list of runners")
            found += [Listed(row["id"], str(row.get("name"))) for row in listed if _has_id(row)]
            if len(listed) < _PAGE:
                break
        return found

    def remove(self, wanted: Registration, runner_id: int, now: float) -> None:
        """Remove the runner; one that is gone already does no harm."""
        call = Call("DELETE", wanted.server, f"{_runners(wanted)}/{runner_id}")
        self._send(call, wanted, now, {_NO_CONTENT, _NOT_FOUND}, Lane.CLEAN_UP)

    def release(self, wanted: Registration, os: Os, arch: Arch, now: float) -> Release:
        """The release that GitHub offers now; raises `Rejected` for one without a SHA-256."""
        call = Call("GET", wanted.server, f"{_runners(wanted)}/downloads")
        offered = rows(call, self._send(call, wanted, now, fine={_OK}))
        for row in offered:
            if row.get("os") == _GITHUB_OS[os] and row.get("architecture") == arch.value:
                return _release(f"{wanted.server} {os}/{arch} runner", row)
        raise Rejected(f"{call}: no runner for {os}/{arch}")

    def _send(
        self,
        call: Call,
        wanted: Registration,
        now: float,
        fine: Collection[int],
        lane: Lane = Lane.REGISTRATION,
    ) -> Answer:
        return self._installations.send(call, wanted.installation_id, now, fine, lane)


def _runners(wanted: Registration) -> str:
    if wanted.organization:
        return f"/orgs/{quote(wanted.repository.partition('/')[0])}/actions/runners"
    return f"/repos/{quote(wanted.repository)}/actions/runners"


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), int)


def _registered(call: Call, answer: Answer) -> Registered:
    data = fields(call, answer)
    runner, jit_config = data.get("runner"), data.get("encoded_jit_config")
    runner_id = runner.get("id") if isinstance(runner, dict) else None
    if not isinstance(runner_id, int) or not isinstance(jit_config, str):
        raise Unavailable(f"{call}: answered without a runner and its configuration")
    return Registered(runner_id, jit_config)


def _release(what: str, row: Mapping[str, object]) -> Release:
    url, name, sha256 = (str(row.get(field) or "") for field in ("download_url", "filename", "sha256_checksum"))
    version = _VERSION.search(name)
    if not url or version is None:
        raise Rejected(f"{what}: {name or 'no file'} at {url or 'no address'} tells no version")
    if not _SHA256.fullmatch(sha256.lower()):
        raise Rejected(f"{what} {version[1]}: offered without a SHA-256")
    return Release(version[1], sha256.lower(), url)
