"""Every event becomes something, and only out of fields that it has."""

from __future__ import annotations

import dataclasses
import string
import typing

import pytest

from controller.domain import deliveries, events
from controller.domain.events import Event
from controller.signals import SIGNALS, Metric, Unit
from runner_agent.contract.trace import TraceContext

EVENTS: tuple[type[Event], ...] = typing.get_args(Event)
VALUES: dict[str, object] = {"str": "text", "int": 3, "float": 2.5, "bool": True, "float | None": 2.5, "int | None": 3}
NUMBERS = {"int", "float", "float | None", "int | None"}
every_event = pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)


def types_of(kind: type[Event]) -> dict[str, str]:
    return {field.name: str(field.type) for field in dataclasses.fields(kind)}


def example(kind: type[Event]) -> dict[str, object]:
    return {name: VALUES[type_name] for name, type_name in types_of(kind).items()}


OF_THE_STACK = {events.LineSeen, events.FleetSeen}
"""About nobody in particular."""

BY_NAME = {kind.__name__: kind for kind in EVENTS}


def metrics() -> list[tuple[type[Event], Metric]]:
    return [(BY_NAME[name], metric) for name, signal in SIGNALS.items() for metric in signal.metrics]


def test_every_event_has_its_signal_and_every_signal_its_event() -> None:
    declared = {kind for kind in vars(events).values() if dataclasses.is_dataclass(kind)}

    assert set(SIGNALS) == set(BY_NAME)
    assert set(EVENTS) == declared


@every_event
def test_an_event_is_an_immutable_value_of_plain_fields(kind: type[Event]) -> None:
    one, same = kind(**example(kind)), kind(**example(kind))  # type: ignore[arg-type]  # of the fields' own types

    assert one == same
    assert hash(one) == hash(same)
    assert not hasattr(one, "__dict__")


@every_event
def test_the_line_of_an_event_is_made_of_fields_it_has(kind: type[Event]) -> None:
    text = SIGNALS[kind.__name__].text
    used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    assert used <= set(types_of(kind))
    assert "{" not in text.format(**example(kind))


OTHERS = {"quota", "what", "name", "platform", "running"}
"""Objects of the archive, platforms, and the machines as a whole."""


@every_event
def test_the_line_of_an_event_names_whom_it_is_about(kind: type[Event]) -> None:
    used = {name for _, name, _, _ in string.Formatter().parse(SIGNALS[kind.__name__].text) if name}

    about = {"job", "instance", "launch", "delivery", "message", "task", "region", "config", "place", "api", *OTHERS}
    assert used & about or kind in OF_THE_STACK


@pytest.mark.parametrize(("kind", "metric"), metrics(), ids=lambda item: getattr(item, "name", ""))
def test_a_metric_is_a_number_that_its_event_has(kind: type[Event], metric: Metric) -> None:
    types = types_of(kind)

    assert not metric.since or metric.field
    for name in filter(None, (metric.field, metric.since)):
        assert types[name] in NUMBERS
    assert metric.unit is not Unit.SECONDS or metric.field


@pytest.mark.parametrize(("kind", "metric"), metrics(), ids=lambda item: getattr(item, "name", ""))
def test_a_dimension_is_a_field_of_the_event_with_few_values(kind: type[Event], metric: Metric) -> None:
    assert set(metric.by) <= set(types_of(kind))
    assert not set(metric.by) & {"job", "instance", "repository", "name", "reason", "message", "launch", "delivery"}


def test_no_metric_has_two_meanings() -> None:
    names = [metric.name for _, metric in metrics()]

    assert len(set(names)) == len(names)


@every_event
def test_a_span_is_a_stretch_of_time_in_a_trace_that_its_event_has(kind: type[Event]) -> None:
    span = SIGNALS[kind.__name__].span
    if span is None:
        return

    types = types_of(kind)

    assert (types[span.start], types[span.end], types["traceparent"]) == ("float", "float", "str")
    assert TraceContext.parse(str(TraceContext.of_job(1, 1))) is not None


def test_the_jobs_own_span_is_the_only_root_and_each_span_has_its_name() -> None:
    spans = [signal.span for signal in SIGNALS.values() if signal.span]

    assert [span.name for span in spans if span.root] == ["job"]
    assert len({span.name for span in spans}) == len(spans)


@every_event
def test_an_event_has_no_field_for_a_secret(kind: type[Event]) -> None:
    names = types_of(kind)

    assert not [name for name in names if any(word in name for word in ("jit", "token", "secret", "key", "signature"))]


def test_only_what_somebody_must_look_at_raises_an_alert() -> None:
    alerts = {BY_NAME[name] for name, signal in SIGNALS.items() if signal.alert}

    assert alerts == {
        events.MachineTerminated,
        events.ConfigurationHeld,
        events.RegionLost,
        events.LetterParked,
        events.RunnerBehind,
        deliveries.MessageRejected,
    }
