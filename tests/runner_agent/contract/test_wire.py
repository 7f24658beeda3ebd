from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.contract import wire
from runner_agent.contract.bundle import (
    Bundle,
    Claim,
    IntendedJob,
    Limits,
    RunnerPackage,
    SetupGroup,
    Targets,
    UserData,
)
from runner_agent.contract.reports import Peaks, Report, ReportKind, Result

TEXT = st.text(max_size=40)
TIMES = st.floats(allow_nan=False, allow_infinity=False)
LIMITS = st.builds(Limits, **dict.fromkeys(("idle_s", "job_s", "stop_s", "poll_s"), TIMES))
PACKAGES = st.builds(RunnerPackage, TEXT, TEXT, st.lists(TEXT).map(tuple), st.booleans())
BUNDLES = st.builds(
    Bundle,
    instance_id=TEXT,
    runner_name=TEXT,
    jit_config=TEXT,
    package=PACKAGES,
    job=st.builds(IntendedJob, st.integers(), st.integers(), TEXT, TEXT),
    labels=st.lists(TEXT).map(tuple),
    traceparent=TEXT,
    targets=st.builds(Targets, TEXT, TEXT, TEXT, TEXT),
    limits=LIMITS,
    setup=st.lists(st.builds(SetupGroup, TEXT, TEXT)).map(tuple),
)
MEASURED = st.none() | TIMES
REPORTS = st.builds(
    Report,
    kind=st.sampled_from(ReportKind),
    instance_id=TEXT,
    sequence=st.integers(),
    at=TIMES,
    runner_name=TEXT,
    phases=st.dictionaries(TEXT, TIMES),
    result=st.none() | st.sampled_from(Result),
    exit_code=st.none() | st.integers(),
    peaks=st.none() | st.builds(Peaks, MEASURED, MEASURED, MEASURED, MEASURED),
    last_lines=st.lists(TEXT).map(tuple),
)
CLAIMS = st.builds(Claim, TEXT, TEXT, st.lists(TEXT).map(tuple), TEXT)


@given(BUNDLES | REPORTS | CLAIMS | st.builds(UserData, TEXT, TEXT, TIMES))
def test_whatever_travels_arrives_unchanged(sent: object) -> None:
    text = wire.dumps(sent)

    arrived = wire.loads(type(sent), text)

    assert arrived == sent


@given(BUNDLES, TEXT)
def test_what_a_newer_sender_adds_is_ignored(sent: Bundle, extra: str) -> None:
    data = {**wire.encode(sent), f"new-{extra}": extra}

    arrived = wire.decode(Bundle, data)

    assert arrived == sent


FIELDS = ("instance_id", "package", "job", "labels", "targets", "limits", "setup", "version", "sources")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(TEXT | st.sampled_from(FIELDS), inner),
        max_leaves=12,
    )
)
def test_no_data_makes_it_fail_in_another_way_than_malformed(data: object) -> None:
    try:
        arrived = wire.decode(Bundle, data)
    except wire.Malformed:
        return

    assert isinstance(arrived, Bundle)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    size: int
    colour: Colour = Colour.RED

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size {self.size} is negative")


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...] = ()
    pair: tuple[int, str] | None = None
    notes: dict[str, float] | None = None
    yes: bool = False


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "Outer: expected an object, got list"),
        ({}, "inner: missing"),
        ({"inner": {}}, "inner.size: missing"),
        ({"inner": {"size": "1"}}, "inner.size: expected int, got str"),
        ({"inner": {"size": True}}, "inner.size: expected int, got bool"),
        ({"inner": {"size": None}}, "inner.size: expected int, got null"),
        ({"inner": {"size": -1}}, "inner: size -1 is negative"),
        ({"inner": {"size": 1, "colour": "pink"}}, "inner.colour: 'pink' is not one of red, blue"),
        ({"inner": {"size": 1}, "many": [{"size": 1}, {}]}, "many[1].size: missing"),
        ({"inner": {"size": 1}, "many": {}}, "many: expected a list, got dict"),
        ({"inner": {"size": 1}, "pair": [1]}, "pair: expected 2 items, got 1"),
        ({"inner": {"size": 1}, "notes": {"a": "b"}}, "notes.a: expected float, got str"),
        ({"inner": {"size": 1}, "notes": []}, "notes: expected an object, got list"),
        ({"inner": {"size": 1}, "yes": 1}, "yes: expected bool, got int"),
    ],
)
def test_the_message_names_the_field_that_is_wrong(data: object, message: str) -> None:
    with pytest.raises(wire.Malformed) as caught:
        wire.decode(Outer, data)

    assert str(caught.value) == message


def test_a_whole_number_is_a_fraction_too() -> None:
    data = {"inner": {"size": 1}, "notes": {"a": 1}}

    arrived = wire.decode(Outer, data)

    assert arrived.notes == {"a": 1.0}


def test_what_is_unknown_is_left_out_of_the_text() -> None:
    text = wire.dumps(Outer(Inner(1)))

    assert json.loads(text) == {"inner": {"size": 1, "colour": "red"}, "many": [], "yes": False}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xff", " " * (wire.MAX_BYTES + 1)])
def test_text_that_is_not_json_or_too_long_is_malformed(text: str | bytes) -> None:
    with pytest.raises(wire.Malformed, match=r"^text: "):
        wire.loads(Outer, text)


def test_a_bundle_never_shows_its_jit_config() -> None:
    bundle = Bundle(
        "i-1",
        "sr-1",
        "canary-jit",
        RunnerPackage("1", "0", ()),
        IntendedJob(1, 1, "o/r", "b"),
        (),
        "",
        Targets("r", "q"),
    )

    shown = repr(bundle)

    assert "canary" not in shown
