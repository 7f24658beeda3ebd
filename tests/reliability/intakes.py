"""What GitHub can be asked of its jobs and its deliveries, as the hub has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from controller.domain.job_key import Intake
from controller.domain.lost_webhooks import Repository, Sent
from controller.errors import Rejected
from controller.messages import JobMoved, JobQueued
from controller.ports import RunRef
from tests.fakes.census import FakeCensus, FakeDeliveryLog, Word
from tests.reliability.hub import DELIVERY_S, Hub, HubJob, Status
from tests.reliability.timeline import Timeline


class Census(FakeCensus):
    """GitHub's own lists, made from the hub's jobs at the moment of the question."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub

    def repositories(self, server: str, now: float) -> list[Repository]:  # noqa: ARG002 - no clock here
        names = sorted({job.repository for job in self._hub.jobs.values()})
        return [Repository(server, 7, name) for name in names]

    def active_runs(self, repository: Repository, now: float) -> list[RunRef]:  # noqa: ARG002 - no clock here
        ids = dict.fromkeys(job.run_id for job in self._hub.open if job.repository == repository.name)
        return [RunRef(repository.server, repository.installation_id, repository.name, run_id) for run_id in ids]

    def jobs(self, run: RunRef, is_ours: Callable[[tuple[str, ...]], bool], now: float) -> list[Word]:
        mine = [job for job in self._hub.jobs.values() if job.run_id == run.run_id]
        if not mine:
            raise Rejected(f"run {run.run_id} of {run.repository}: 404 Not Found")
        latest = max(job.key.attempt for job in mine)
        return [self._word(job, now) for job in mine if job.key.attempt == latest and is_ours(job.labels)]

    def _word(self, job: HubJob, now: float) -> Word:
        if job.status is Status.QUEUED:
            return self._hub.queued(job, received_at=now, intake=Intake.SCAN)
        return self._hub.moved(job)


class DeliveryLog(FakeDeliveryLog):
    """The App's log; what is sent again is really delivered, and logged with what came of it."""

    def __init__(self, timeline: Timeline, deliver: Callable[[JobQueued | JobMoved], int]) -> None:
        super().__init__()
        self._timeline, self._deliver = timeline, deliver
        self._words: dict[int, tuple[str, JobQueued | JobMoved]] = {}
        self._guids: Iterator[int] = count(1)

    def bring(self, word: JobQueued | JobMoved, guid: str = "") -> None:
        """Deliver, and write down how it was answered."""
        again = bool(guid)
        guid = guid or f"guid-{next(self._guids)}"
        status = self._deliver(word)
        delivery_id = len(self.log) + 1
        self._words[delivery_id] = (guid, word)
        self.log.append(Sent(delivery_id, guid, "workflow_job", status, redelivery=again, at=self._timeline.now))

    def send_again(self, server: str, delivery_id: int, now: float) -> None:  # noqa: ARG002 - one server, no clock
        guid, word = self._words[delivery_id]
        self._timeline.after(DELIVERY_S, lambda: self.bring(word, guid))
