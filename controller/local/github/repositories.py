"""The repositories of this GitHub, found as calls and people name them."""

from __future__ import annotations

from collections.abc import Sequence

from controller.local.github.account import Organisation, Repository
from controller.local.github.config import Installation
from controller.local.github.web import Request

_FIRST_ID = 500_000_001


class Repositories:
    """Every repository that an installation of the App with the webhook covers."""

    def __init__(self, installations: Sequence[Installation], api: str, further: Sequence[Installation] = ()) -> None:
        """`further`: installations of other Apps, which cover some of the same."""
        self.api = api
        self.owners = {
            each.organisation: Organisation(each.organisation, 70_107_786 + n) for n, each in enumerate(installations)
        }
        self._known = {each.id: each for each in (*installations, *further)}
        owned = [
            (self.owners[each.organisation], name, each.id) for each in installations for name in each.repositories
        ]
        self._all = [Repository(owner, name, _FIRST_ID + n) for n, (owner, name, _) in enumerate(owned)]
        self._installations = {each.id: owner[2] for each, owner in zip(self._all, owned, strict=True)}

    @property
    def names(self) -> tuple[str, ...]:
        """All full names."""
        return tuple(each.full_name for each in self._all)

    def find(self, name: str) -> Repository:
        """By name or full name; the first one for an empty name."""
        found = next((each for each in self._all if name in ("", each.name, each.full_name)), None)
        if found is None:
            raise KeyError(f"there is no repository {name!r}; there are {', '.join(self.names)}")
        return found

    def of(self, request: Request) -> Repository:
        """The one that a call names; the gate has let it through, so it exists."""
        wanted = f"{request.params['owner']}/{request.params['repo']}".lower()
        return next(each for each in self._all if each.full_name.lower() == wanted)

    def covered(self, installation: int) -> list[Repository]:
        """Those of an installation, of whichever App."""
        known = self._known[installation]
        names = {f"{known.organisation}/{name}" for name in known.repositories}
        return [each for each in self._all if each.full_name in names]

    def installation_of(self, repository: Repository) -> int:
        """The installation whose webhooks tell of a repository."""
        return self._installations[repository.id]
