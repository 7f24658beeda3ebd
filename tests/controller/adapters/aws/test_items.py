from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import schema
from controller.adapters.aws.items import item_of, readable, record_of
from controller.domain.job import Job, JobState
from controller.domain.job_key import Intake, JobKey
from controller.domain.launch import Launch, LaunchState
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.errors import Rejected
from tests.fakes import samples

TEXTS = st.text(max_size=20)
TIMES = st.floats(min_value=0, max_value=1e11, allow_nan=False).map(lambda seconds: round(seconds, 6) + 0.0)
COUNTS = st.integers(min_value=0, max_value=2**63 - 1)
KEYS = st.builds(JobKey, COUNTS, COUNTS)

JOBS = st.builds(
    Job,
    key=KEYS,
    repository=TEXTS,
    server=TEXTS,
    installation_id=COUNTS,
    run_id=COUNTS,
    workflow=TEXTS,
    name=TEXTS,
    labels=st.lists(TEXTS, max_size=4).map(tuple),
    head_sha=TEXTS,
    queued_at=TIMES,
    received_at=TIMES,
    intake=st.sampled_from(Intake),
    home=TEXTS,
    state=st.sampled_from(JobState),
    since=TIMES,
    reason=TEXTS,
    failures=COUNTS,
    on_demand=st.booleans(),
    started_at=st.none() | TIMES,
    completed_at=st.none() | TIMES,
    version=COUNTS,
)
RUNNERS = st.builds(
    Runner,
    instance_id=TEXTS,
    launch_id=TEXTS,
    job=KEYS,
    repository=TEXTS,
    config=TEXTS,
    shape=TEXTS,
    home=TEXTS,
    instance_type=TEXTS,
    zone=TEXTS,
    lifecycle=st.sampled_from(Lifecycle),
    launched_at=TIMES,
    lease_until=TIMES,
    state=st.sampled_from(RunnerState),
    github_id=st.none() | COUNTS,
    claims=COUNTS,
    claimed_at=st.none() | TIMES,
    ran=st.none() | KEYS,
    exit_code=st.none() | st.integers(-255, 255),
    version=COUNTS,
)
LAUNCHES = st.builds(
    Launch,
    launch_id=TEXTS,
    request=TEXTS,
    jobs=st.lists(KEYS, max_size=4).map(tuple),
    repository=TEXTS,
    config=TEXTS,
    shape=TEXTS,
    home=TEXTS,
    lifecycle=st.sampled_from(Lifecycle),
    rung=TEXTS,
    created_at=TIMES,
    claim_deadline_s=TIMES,
    state=st.sampled_from(LaunchState),
    instances=st.lists(TEXTS, max_size=4).map(tuple),
    version=COUNTS,
)


def as_dynamodb_returns(value: Mapping[str, Any]) -> dict[str, Any]:
    """The attribute with its numbers in the form DynamoDB writes them: no exponent, no needless zeros."""
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            text = format(Decimal(inner), "f")
            return {"N": text.rstrip("0").rstrip(".") if "." in text else text}
        case "M":
            return {"M": {name: as_dynamodb_returns(part) for name, part in inner.items()}}
        case "L":
            return {"L": [as_dynamodb_returns(part) for part in inner]}
        case _:
            return dict(value)


@given(JOBS)
def test_a_job_comes_back_as_it_was_under_its_next_version(job: Job) -> None:
    stored = {name: as_dynamodb_returns(value) for name, value in item_of(job).items()}

    assert record_of(Job, stored) == dataclasses.replace(job, version=job.version + 1)


@given(RUNNERS)
def test_a_machine_comes_back_as_it_was_under_its_next_version(runner: Runner) -> None:
    stored = {name: as_dynamodb_returns(value) for name, value in item_of(runner).items()}

    assert record_of(Runner, stored) == dataclasses.replace(runner, version=runner.version + 1)


@given(LAUNCHES)
def test_a_launch_comes_back_as_it_was_under_its_next_version(launch: Launch) -> None:
    stored = {name: as_dynamodb_returns(value) for name, value in item_of(launch).items()}

    assert record_of(Launch, stored) == dataclasses.replace(launch, version=launch.version + 1)


def test_an_item_has_its_id_and_stands_in_its_stage() -> None:
    item = item_of(samples.job(7))

    assert item["id"] == {"S": "7#1"}
    assert item["stage"] == {"S": f"us-east-1:waiting#{schema.shard('7#1')}"}
    assert item["version"] == {"N": "1"}
    assert "expires" not in item


def test_a_record_that_has_ended_stands_with_the_ended_ones_and_is_deleted_some_day() -> None:
    ended = samples.job(7, state=JobState.COMPLETED, since=1_000.5)

    item = item_of(ended)

    assert item["stage"] == {"S": f"us-east-1:ended#{schema.shard('7#1')}"}
    assert "stage" not in item_of(samples.launch(state=LaunchState.SETTLED))
    assert item["expires"] == {"N": str(int(max(1_001, samples.NOW + 8)) + schema.KEEP_S)}


def test_what_is_empty_by_default_takes_no_room() -> None:
    item = item_of(samples.job(7))

    assert not {"launch_id", "reason", "failures", "on_demand", "since", "started_at"} & item.keys()


def test_a_zero_that_was_measured_is_not_the_same_as_unknown() -> None:
    item = item_of(samples.runner("i-1", exit_code=0, claimed_at=0.0))

    assert item["exit_code"] == {"N": "0"}
    assert record_of(Runner, item).claimed_at == 0.0


def test_an_item_of_a_newer_version_is_read_without_what_is_new() -> None:
    item = {**item_of(samples.job(7)), "colour": {"S": "blue"}, "nested": {"M": {"deep": {"L": [{"NULL": True}]}}}}

    assert record_of(Job, item).id == "7#1"


def test_an_unreadable_item_is_rejected_by_name_and_does_not_stop_a_list() -> None:
    good = item_of(samples.job(1))
    bad = {**item_of(samples.job(2)), "state": {"S": "dancing"}}

    with pytest.raises(Rejected, match="job 2#1: stored state: 'dancing' is not one of"):
        record_of(Job, bad)

    assert [job.id for job in readable(Job, [bad, good])] == ["1#1"]


def test_a_record_from_before_there_were_several_servers_is_of_the_first() -> None:
    item = item_of(samples.job(7))
    as_it_was: dict[str, Any] = {**item}
    as_it_was["key"]["M"].pop("server")

    assert record_of(Job, as_it_was) == samples.job(7, version=1)
