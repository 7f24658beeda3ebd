"""What GitHub itself has, in memory: repositories, runs with their jobs, and the log of deliveries.

census = FakeCensus("octo/one", "octo/two")
census.has(samples.queued(1))
census.log.failed(guid="a", status=502, at=100.0)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.domain.lost_webhooks import Repository, Sent
from controller.errors import Rejected
from controller.messages import JobMoved, JobQueued, Step
from controller.ports import RunRef
from tests.fakes import samples
from tests.fakes.faults import Faults

Word = JobQueued | JobMoved


class FakeCensus:
    """Each job is what was last said of it; a run is active while one of its jobs has not completed."""

    def __init__(self, *repositories: str) -> None:
        self.faults = Faults()
        self.calls: list[str] = []
        self.names = list(repositories or (samples.REPOSITORY,))
        self.closed: set[str] = set()
        """Repositories whose runs GitHub does not show."""
        self._words: dict[tuple[str, int], dict[int, Word]] = {}

    def has(self, word: Word, run_id: int = 70) -> None:
        """GitHub's own list says this of a job."""
        self._words.setdefault((word.repository, run_id), {})[word.job_id] = word

    def repositories(self, server: str, now: float) -> list[Repository]:  # noqa: ARG002 - no clock here
        self._called("repositories")
        return [Repository(server, 7, name) for name in self.names]

    def active_runs(self, repository: Repository, now: float) -> list[RunRef]:  # noqa: ARG002 - no clock here
        self._called(f"runs of {repository.name}")
        if repository.name in self.closed:
            raise Rejected(f"{repository.name}: 404 Not Found")
        return [
            RunRef(repository.server, repository.installation_id, name, run_id)
            for (name, run_id), words in self._words.items()
            if name == repository.name and any(word.kind != Step.COMPLETED for word in words.values())
        ]

    def jobs(self, run: RunRef, is_ours: Callable[[tuple[str, ...]], bool], now: float) -> list[Word]:  # noqa: ARG002 - no clock here
        self._called(f"jobs of run {run.run_id}")
        words = self._words.get((run.repository, run.run_id))
        if words is None:
            raise Rejected(f"run {run.run_id} of {run.repository}: 404 Not Found")
        return [word for word in words.values() if is_ours(word.labels)]

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.faults.strike()


class FakeDeliveryLog:
    """The App's log; what is sent again comes through, unless `deaf` says otherwise."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.log: list[Sent] = []
        self.again: list[int] = []
        self.deaf = False

    def sent(self, guid: str, status: int, at: float, event: str = "workflow_job") -> int:
        """GitHub sent a delivery; its id."""
        self.log.append(Sent(len(self.log) + 1, guid, event, status, redelivery=False, at=at))
        return len(self.log)

    def since(self, server: str, since: float, now: float) -> list[Sent]:  # noqa: ARG002 - one server, no clock
        self.faults.strike()
        return [sent for sent in reversed(self.log) if sent.at >= since]

    def send_again(self, server: str, delivery_id: int, now: float) -> None:  # noqa: ARG002 - one server
        self.faults.strike()
        self.again.append(delivery_id)
        found = self.log[delivery_id - 1]
        status = found.status if self.deaf else 202
        self.log.append(replace(found, delivery_id=len(self.log) + 1, status=status, redelivery=True, at=now))
