"""Check runs over REST: a few words of ours on a commit, beside its tests."""

from __future__ import annotations

from urllib.parse import quote

from controller.adapters.github.calls import Call
from controller.adapters.github.installations import Installations
from controller.domain.call_budget import Lane
from controller.ports import CheckRun

LONGEST_SUMMARY = 60_000
"""GitHub takes 65,535 characters."""
_CREATED = 201


class ChecksApi:
    """The `Checks` port."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations

    def post(self, check: CheckRun, now: float) -> None:
        """Show it on the commit; of two with one name GitHub shows the later."""
        self._installations.send(_call(check), check.installation_id, now, {_CREATED}, Lane.CLEAN_UP)


def _call(check: CheckRun) -> Call:
    asked = {
        "name": check.name,
        "head_sha": check.head_sha,
        "external_id": check.external_id,
        "status": "completed",
        "conclusion": check.conclusion,
        "output": {"title": check.title, "summary": check.summary[:LONGEST_SUMMARY]},
    }
    return Call("POST", check.server, f"/repos/{quote(check.repository)}/check-runs", asked)
