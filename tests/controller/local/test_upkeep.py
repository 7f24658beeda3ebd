"""Old jobs, ghosts and dead letters of a stack that runs: what housekeeping does with them under its own policies."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller import wiring
from controller.adapters.aws.items import item_of
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.runner import RunnerState
from controller.local.stage import QUICK, Stage
from controller.messages import Chores
from runner_agent.contract import wire
from tests.fakes import samples

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 60.0
DAY_S = 86_400.0


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[Stage]:
    """No schedules: what is done is done because the test has asked for it."""
    with Stage(tmp_path / "run", settings=QUICK, schedules=()) as running:
        yield running


def until(what: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is waited for
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)
    return found


def ask_for(stage: Stage, task: Chores) -> None:
    body = json.dumps({"kind": "chore", "task": task})
    stage.cloud.client("sqs").send_message(QueueUrl=stage.cloud.settings.housekeeping_queue_url, MessageBody=body)


def archived(stage: Stage, prefix: str) -> dict[str, list[str]]:
    s3, bucket = stage.cloud.client("s3"), stage.cloud.settings.archive_bucket
    names = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    bodies = {name: s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}
    return {name: gzip.decompress(body).decode().splitlines() for name, body in bodies.items()}


def stored(stage: Stage, table: str, name: str) -> dict[str, Any]:
    found = stage.cloud.client("dynamodb").get_item(TableName=table, Key={"id": {"S": name}}, ConsistentRead=True)
    item: dict[str, Any] = found.get("Item", {})
    return item


def test_an_old_job_goes_into_the_archive_and_out_of_the_table(calm: Stage) -> None:
    settings, at = calm.cloud.settings, time.time() - 8 * DAY_S
    old = samples.job(1, state=JobState.COMPLETED, queued_at=at, received_at=at, since=at, conclusion="success")
    calm.cloud.client("dynamodb").put_item(TableName=settings.jobs_table, Item=item_of(old))

    ask_for(calm, Chores.OLD_JOBS)

    (lines,) = until(lambda: archived(calm, "jobs/")).values()
    assert [(job.id, job.conclusion) for job in (wire.loads(Job, line) for line in lines)] == [("1#1", "success")]
    until(lambda: not stored(calm, settings.jobs_table, "1#1"))
    assert not [call for call in calm.cloud.calls if call.status == 403]


def test_dead_letters_come_back_with_their_first_sender_or_are_parked(calm: Stage) -> None:
    settings, sqs = calm.cloud.settings, calm.cloud.client("sqs")
    running = samples.job(1, state=JobState.RUNNING, since=time.time())
    calm.cloud.client("dynamodb").put_item(TableName=settings.jobs_table, Item=item_of(running))
    ended = json.dumps(
        {"kind": "completed", "job_id": 1, "attempt": 1, "repository": samples.REPOSITORY}
        | {"received_at": time.time(), "conclusion": "success"}
    )
    event = '{"source":"aws.ec2","detail-type":"EC2 Instance State-change Notification"}'
    for url, text in (
        (settings.reports_queue_url, ended),
        (settings.reports_queue_url, "{"),
        (settings.jobs_queue_url, '{"kind":"wake"}'),
        (settings.housekeeping_queue_url, '{"kind":"nonsense"}'),
        (settings.events_queue_url, event),
    ):
        sqs.send_message(QueueUrl=f"{url}{wiring.DEAD}", MessageBody=text)

    ask_for(calm, Chores.DEAD_LETTERS)

    until(lambda: stored(calm, settings.jobs_table, "1#1").get("conclusion") == {"S": "success"})
    parked = until(lambda: len(found := archived(calm, "parked/")) == 2 and found)
    assert sorted(name.split("/")[1] for name in parked) == ["housekeeping", "reports"]
    assert {json.loads(lines[0])["text"] for lines in parked.values()} == {'{"kind":"nonsense"}', "{"}
    urls = (
        settings.reports_queue_url,
        settings.jobs_queue_url,
        settings.housekeeping_queue_url,
        settings.events_queue_url,
    )
    until(lambda: all(left(calm, f"{url}{wiring.DEAD}") == 0 for url in urls))
    assert not [call for call in calm.cloud.calls if call.status == 403]


def left(stage: Stage, url: str) -> int:
    found = stage.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def test_a_runner_whose_machine_is_gone_is_removed_from_github(calm: Stage, one_job: Path) -> None:
    settings = calm.cloud.settings
    calm.github.submit(one_job)
    (seen,) = until(lambda: [job for job in calm.github.jobs if job.conclusion])
    key = JobKey(seen.id, 1)
    job = until(lambda: (item := stored(calm, settings.jobs_table, str(key))).get("conclusion") and item)
    registry = calm.github._registry
    registry.register("spotrunner-i-gone-1", samples.LABELS, job["repository"]["S"], 1)
    gone = samples.runner("i-gone", state=RunnerState.GONE, since=time.time() - 1_000, job=key)
    calm.cloud.client("dynamodb").put_item(TableName=settings.runners_table, Item=item_of(gone))

    ask_for(calm, Chores.GHOST_RUNNERS)

    until(lambda: stored(calm, settings.runners_table, "i-gone").get("delisted"))
    assert "spotrunner-i-gone-1" not in [runner.name for runner in registry.runners]
    asked = [each.method for each in calm.github.requests if "/actions/runners" in each.route]
    assert asked[-2:] == ["GET", "DELETE"]
