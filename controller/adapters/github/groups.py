"""Runner groups by the names that people give them: GitHub wants numbers."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

from controller.adapters.github.calls import Call, fields
from controller.adapters.github.installations import Installations
from controller.domain.call_budget import Lane
from controller.errors import Rejected, Unavailable
from controller.ports import Memory, Registration

KNOWN_S = 3_600.0
_OK = 200
_PAGE = 100
_PAGES = 20


class Groups:
    """Looked up once an hour for all functions of the stack."""

    def __init__(self, installations: Installations, memory: Memory | None = None) -> None:
        self._installations = installations
        self._memory = memory
        self._known: dict[str, tuple[int, float]] = {}

    def id_of(self, wanted: Registration, now: float) -> int:
        """The group of a registration; raises `Rejected` naming one that the organisation does not have."""
        if not wanted.group:
            return wanted.group_id
        name = _name(wanted)
        known, until = self._known.get(name, (0, 0.0))
        if now >= until:
            known = self._recalled(name, now) or self._asked(wanted, now)
            self._known[name] = (known, now + KNOWN_S)
        return known

    def forget(self, wanted: Registration, now: float) -> None:
        """GitHub refused: perhaps the group was made anew under its old name."""
        if wanted.group:
            self._known.pop(_name(wanted), None)
            self._remember(_name(wanted), "", now)

    def _recalled(self, name: str, now: float) -> int:
        if self._memory is None:
            return 0
        with suppress(Unavailable, Rejected):
            return int(self._memory.recall(name, now) or 0)
        return 0

    def _asked(self, wanted: Registration, now: float) -> int:
        owner = wanted.repository.partition("/")[0]
        for page in range(1, _PAGES + 1):
            path = f"/orgs/{quote(owner)}/actions/runner-groups?per_page={_PAGE}&page={page}"
            call = Call("GET", wanted.server, path)
            answer = fields(
                call, self._installations.send(call, wanted.installation_id, now, {_OK}, Lane.REGISTRATION)
            ).get("runner_groups")
            rows = [row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []
            for row in rows:
                if str(row.get("name", "")).lower() == wanted.group.lower() and isinstance(row.get("id"), int):
                    self._remember(_name(wanted), str(row["id"]), now + KNOWN_S)
                    return int(row["id"])
            if len(rows) < _PAGE:
                break
        raise Rejected(f"{owner} on {wanted.server} has no runner group {wanted.group!r}")

    def _remember(self, name: str, value: str, until: float) -> None:
        if self._memory is not None:
            with suppress(Unavailable, Rejected):
                self._memory.remember(name, value, until)


def _name(wanted: Registration) -> str:
    return f"runner group {wanted.server} {wanted.repository.partition('/')[0]} {wanted.group}".lower()
