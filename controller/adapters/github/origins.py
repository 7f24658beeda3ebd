"""Where a job's run comes from: the one thing about trust that the delivery itself does not say."""

from __future__ import annotations

from urllib.parse import quote

from controller.adapters.github.calls import Call, fields
from controller.adapters.github.installations import Installations
from controller.domain.call_budget import Lane
from controller.messages import JobQueued

_OK, _NOT_FOUND = 200, 404


class RunOrigins:
    """The `Origins` port: one request for each run, however many jobs it has."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations
        self._known: dict[tuple[str, int], bool] = {}

    def is_fork(self, message: JobQueued, now: float) -> bool:
        """Whether the run's head is in another repository; a run that GitHub does not show counts as one."""
        run = (f"{message.server} {message.repository}", message.run_id)
        if run not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[run] = self._ask(message, now)
        return self._known[run]

    def _ask(self, message: JobQueued, now: float) -> bool:
        path = f"/repos/{quote(message.repository)}/actions/runs/{message.run_id}"
        call = Call("GET", message.server, path)
        answer = self._installations.send(call, message.installation_id, now, {_OK, _NOT_FOUND}, Lane.REGISTRATION)
        head = fields(call, answer).get("head_repository")
        # A fork that was deleted meanwhile has no name left.
        name = head.get("full_name") if isinstance(head, dict) else None
        return not isinstance(name, str) or name.lower() != message.repository.lower()


_MOST_KNOWN = 1_000
