"""What travels can be read back; what cannot be read is refused."""

from __future__ import annotations

import json
from typing import Any, ClassVar, TypeVar, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import messages
from controller.domain.job_key import JobKey
from controller.errors import Rejected
from controller.messages import Chore, Chores, JobMoved, JobQueued, Message, Step, Wake
from runner_agent.contract import wire
from runner_agent.contract.reports import Peaks, Report, ReportKind
from tests.fakes import samples

FINITE = st.floats(allow_nan=False, allow_infinity=False)
T = TypeVar("T")
KINDS: tuple[type[Message], ...] = (JobQueued, Wake, JobMoved, Report, Chore)


def any_message(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Any value of a message class whose numbers JSON can carry."""
    st.register_type_strategy(float, FINITE)
    st.register_type_strategy(Peaks, made(Peaks))
    return made(kind)


def made(kind: type[T]) -> st.SearchStrategy[T]:
    """Any value of a class by the hints of its fields."""
    travel = {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not ClassVar}
    return st.builds(kind, **{name: st.from_type(hint) for name, hint in travel.items()})


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_every_message_reads_back_as_it_was_sent(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(any_message(kind))

    assert messages.read(wire.dumps(message)) == message


@pytest.mark.parametrize("step", Step)
def test_every_step_of_a_job_has_a_kind_of_its_own(step: Step) -> None:
    message = samples.moved(step)

    assert messages.read(wire.dumps(message)) == message


@pytest.mark.parametrize("kind", ReportKind)
def test_every_report_has_a_kind_of_its_own(kind: ReportKind) -> None:
    report = Report(kind, "i-1", 1, 5.0, "spotrunner-i-1-1")

    assert messages.read(wire.dumps(report)) == report


def test_no_kind_stands_for_two_messages() -> None:
    kinds = ["queued", "wake", "chore", *(step.value for step in Step), *(kind.value for kind in ReportKind)]

    assert len(set(kinds)) == len(kinds)


def test_every_message_carries_its_version() -> None:
    assert all("version" in get_type_hints(kind) for kind in KINDS)


def test_a_newer_sender_may_add_fields() -> None:
    data = wire.encode(samples.queued(1)) | {"colour": "blue"}

    assert messages.read(json.dumps(data)) == samples.queued(1)


def test_a_message_names_its_job_attempt() -> None:
    assert samples.queued(7, 2).key == JobKey(7, 2)
    assert samples.moved(Step.COMPLETED, 7, 2).key == JobKey(7, 2)


QUEUED: dict[str, Any] = wire.encode(samples.queued(1))
FINISHED: dict[str, Any] = wire.encode(Report(ReportKind.FINISHED, "i-1", 1, 5.0, "spotrunner-i-1-1"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "message: "),
        ("{", "message: "),
        ("[]", "unknown kind None"),
        ("7", "unknown kind None"),
        ("null", "unknown kind None"),
        ("{}", "unknown kind None"),
        ('{"kind":["queued"]}', r"unknown kind \['queued'\]"),
        ('{"kind":"launch-everything"}', "unknown kind 'launch-everything'"),
        ('{"kind":"queued"}', "job_id: missing"),
        (json.dumps(QUEUED | {"job_id": "7"}), "job_id: expected int, got str"),
        (json.dumps(QUEUED | {"job_id": True}), "job_id: expected int, got bool"),
        (json.dumps(QUEUED | {"labels": "spotrunner/linux"}), "labels: expected a list, got str"),
        (json.dumps(QUEUED | {"intake": "rumour"}), "intake: 'rumour' is not one of webhook"),
        (json.dumps({"kind": "chore", "task": "dance"}), "task: 'dance' is not one of orphaned-machines"),
        (json.dumps({"kind": "chore", "task": "pending-launches", "dry_run": "no"}), "dry_run: expected bool"),
        ("[" * 100_000, "message: "),
        ('{"kind":"wake","reason":' + "9" * 5_000 + "}", "message: "),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        messages.read(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_time_that_is_no_number_is_refused_because_no_table_could_keep_it(number: str) -> None:
    text = json.dumps(FINISHED | {"at": "HERE"}).replace('"HERE"', number)

    with pytest.raises(Rejected, match="at: "):
        messages.read(text)


@given(st.text() | st.recursive(st.none() | st.booleans() | FINITE | st.text(), st.lists).map(json.dumps))
def test_no_text_does_anything_worse_than_being_refused(text: str) -> None:
    with pytest.raises(Rejected):
        messages.read(text)


@given(
    st.sampled_from(["queued", "completed", "finished", "started", "chore", "wake"]),
    st.dictionaries(
        st.sampled_from(sorted({*QUEUED, *FINISHED} - {"kind"})),
        st.none() | st.integers() | FINITE | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), FINITE),
    ),
)
def test_fields_of_the_wrong_kind_do_nothing_worse_than_being_refused(kind: str, changes: dict[str, object]) -> None:
    text = json.dumps(QUEUED | FINISHED | {"task": "pending-launches"} | changes | {"kind": kind})

    try:
        message = messages.read(text)
    except Rejected:
        return

    assert messages.read(wire.dumps(message)) == message


def test_a_message_shows_its_kind_before_it_is_read() -> None:
    every: list[Message] = [samples.queued(1), Wake(), Chore(Chores.PENDING_LAUNCHES), samples.moved(Step.WAITING)]

    assert [json.loads(wire.dumps(one))["kind"] for one in every] == ["queued", "wake", "chore", "waiting"]
    assert isinstance(messages.read(wire.dumps(every[0])), JobQueued)
    assert isinstance(messages.read(wire.dumps(every[3])), JobMoved)


@pytest.mark.parametrize(
    ("sender", "origin", "speaks"),
    [
        ("AROAHOUSE:dev-us-east-1-housekeeping", "AROAMACHINE:i-1", "AROAMACHINE:i-1"),
        ("AROAMACHINE:i-1", "", "AROAMACHINE:i-1"),
        ("AROAMACHINE:i-1", "AROAWEBHOOK:webhook", "AROAMACHINE:i-1"),
        ("AROAMACHINE:i-1", "AROAMACHINE:i-2", "AROAMACHINE:i-1"),
        ("AROAWEBHOOK:webhook", "", "AROAWEBHOOK:webhook"),
    ],
)
def test_what_was_sent_back_speaks_for_its_first_sender_and_a_machine_for_itself_alone(
    sender: str, origin: str, speaks: str
) -> None:
    assert messages.speaker(sender, origin) == speaks


@pytest.mark.parametrize("text", ["{", "[]", "null", "1", "[" * 100_000])
def test_a_text_in_others_words_is_at_least_a_json_object(text: str) -> None:
    assert messages.json_of('{"source":"aws.ec2"}') == {"source": "aws.ec2"}
    with pytest.raises(Rejected, match="message: "):
        messages.json_of(text)
