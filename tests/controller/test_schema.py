"""Which record stands in which index."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import schema
from controller.domain.job import Job, JobState, Rerun
from controller.domain.launch import Launch, LaunchState
from controller.domain.runner import Runner, RunnerState
from tests.fakes import samples

JOB_STAGES = {
    JobState.WAITING: "waiting",
    JobState.LAUNCHING: "open",
    JobState.LAUNCHED: "open",
    JobState.CLAIMED: "open",
    JobState.RUNNING: "open",
    JobState.COMPLETED: "ended",
    JobState.REFUSED: "owed",
}
RUNNER_STAGES = {
    RunnerState.SPARE: "spare",
    RunnerState.LAUNCHED: "alive",
    RunnerState.CLAIMED: "alive",
    RunnerState.BUSY: "alive",
    RunnerState.FINISHED: "doubted",
    RunnerState.GONE: "doubted",
}
LAUNCH_STAGES = {LaunchState.PENDING: "pending", LaunchState.SETTLED: None}

EVERY: list[tuple[Job | Runner | Launch, str | None]] = [
    *((samples.job(state=state), JOB_STAGES[state]) for state in JobState),
    *((samples.runner(state=state), RUNNER_STAGES[state]) for state in RunnerState),
    *((samples.launch(state=state), LAUNCH_STAGES[state]) for state in LaunchState),
]


@pytest.mark.parametrize(("record", "stage"), EVERY)
def test_every_state_has_its_stage_and_a_settled_launch_none(record: Job | Runner | Launch, stage: str | None) -> None:
    found = schema.stage_of(record)

    if stage is None:
        assert found is None
    else:
        assert found == f"us-east-1:{stage}#{schema.shard(record.id)}"
        assert found in schema.stages(stage, "us-east-1")
        assert found not in schema.stages(stage, "eu-west-1")


@pytest.mark.parametrize(
    ("changes", "owes"),
    [
        ({"state": JobState.REFUSED, "told": True}, False),
        ({"state": JobState.COMPLETED, "rerun": Rerun.WANTED}, True),
        ({"state": JobState.COMPLETED, "rerun": Rerun.ASKED, "told": True}, True),
        ({"state": JobState.COMPLETED, "rerun": Rerun.MADE}, True),
        ({"state": JobState.COMPLETED, "rerun": Rerun.DECLINED}, True),
        ({"state": JobState.COMPLETED, "rerun": Rerun.MADE, "told": True}, False),
        ({"state": JobState.COMPLETED, "rerun": Rerun.OVERTAKEN}, False),
    ],
)
def test_an_ended_job_is_kept_at_hand_until_github_has_had_its_due(changes: dict[str, Any], *, owes: bool) -> None:
    found = schema.stage_of(samples.job(**changes))

    assert (found in schema.stages(schema.OWED, "us-east-1")) is owes
    assert (found in schema.stages(schema.ENDED, "us-east-1")) is not owes


@pytest.mark.parametrize(
    ("changes", "doubted"),
    [
        ({"result": "success"}, False),
        ({"result": "failed"}, False),
        ({"result": "cancelled"}, False),
        ({"result": "interrupted"}, True),
        ({"result": "no_job"}, True),
        ({"result": ""}, True),
        ({"result": "no_job", "delisted": True}, False),
    ],
)
def test_a_machine_is_in_doubt_unless_its_runner_has_ended_its_job_or_github_has_been_asked(
    changes: dict[str, Any], *, doubted: bool
) -> None:
    found = schema.stage_of(samples.runner(state=RunnerState.FINISHED, **changes))

    assert found == (f"us-east-1:doubted#{schema.shard('i-1')}" if doubted else None)


@pytest.mark.parametrize(("record", "stage"), EVERY)
def test_only_what_nothing_is_left_to_do_with_may_expire(record: Job | Runner | Launch, stage: str | None) -> None:
    assert schema.may_expire(record) is (stage in {None, "ended", "doubted"})


@given(st.text())
def test_a_record_belongs_to_one_shard_for_ever(record_id: str) -> None:
    assert schema.shard(record_id) == schema.shard(record_id)
    assert 0 <= schema.shard(record_id) < schema.SHARDS


def test_shards_are_filled_evenly() -> None:
    counts = Counter(schema.shard(f"{job_id}#1") for job_id in range(4_000))

    assert len(counts) == schema.SHARDS
    assert min(counts.values()) > 800


def test_the_stages_of_different_records_never_share_a_partition() -> None:
    names = [
        schema.WAITING,
        schema.UNDER_WAY,
        schema.OWED,
        schema.ENDED,
        schema.MACHINES,
        schema.DOUBTED,
        schema.PENDING,
    ]
    partitions = [partition for name in names for partition in schema.stages(name, "us-east-1")]

    assert len(set(partitions)) == len(partitions) == 7 * schema.SHARDS


@pytest.mark.parametrize(("table", "record"), [(schema.JOBS, Job), (schema.RUNNERS, Runner), (schema.LAUNCHES, Launch)])
def test_an_index_sorts_by_a_number_that_its_records_have(
    table: schema.Table, record: type[Job | Runner | Launch]
) -> None:
    known = {field.name: field.type for field in fields(record)}

    for index in table.indexes:
        assert known[index.sort] == "float"
        assert index.sort in schema.NUMERIC_SORTS
        assert index.partition == "stage"


@pytest.mark.parametrize("record", [Job, Runner, Launch])
def test_no_record_has_a_field_of_the_names_that_storage_adds(record: type[Job | Runner | Launch]) -> None:
    assert not {field.name for field in fields(record)} & {"id", "stage", "expires"}


def test_every_table_has_a_name_of_its_own() -> None:
    names = [table.name for table in schema.TABLES]

    assert sorted(set(names)) == sorted(names)
