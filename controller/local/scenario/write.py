"""A scenario as a file that reads back into the same scenario."""

from __future__ import annotations

import yaml

from controller.local.scenario.plan import At, Scenario, Step, Value, When


def to_yaml(scenario: Scenario) -> str:
    """The scenario as YAML."""
    document: dict[str, object] = {"name": scenario.name}
    if scenario.about:
        document["about"] = scenario.about
    document["steps"] = [_step(step) for step in scenario.steps]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _step(step: Step) -> dict[str, object]:
    moment: dict[str, object] = (
        {"at": step.moment.seconds} if isinstance(step.moment, At) else {"when": _when(step.moment)}
    )
    return {**moment, "do": step.fault, **dict(step.values)}


def _when(when: When) -> dict[str, Value]:
    usual = When(when.event)
    written: dict[str, Value] = {"event": when.event.value}
    for name in ("job", "workflow", "nth", "after"):
        value = getattr(when, name)
        if value != getattr(usual, name):
            written[name] = value
    return written
