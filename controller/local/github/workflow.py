"""A workflow file, read into typed jobs, with every mistake told in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from controller.local.github.expressions import ExpressionError, Value
from controller.local.github.templates import condition, expressions_in

Document = dict[str, Value]


class WorkflowError(Exception):
    """A workflow that cannot be run, in one line: file, place, cure."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it is written."""

    document: Document
    name: str
    """What GitHub shows for it."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job as it is written; values may still hold expressions."""

    key: str
    name: str
    needs: tuple[str, ...]
    condition: str
    runs_on: Value
    steps: tuple[Step, ...]
    strategy: Document
    env: Value
    defaults: Value
    outputs: Document
    continue_on_error: Value
    timeout_minutes: Value
    environment: Value
    unsupported: str
    """Why this job cannot run without a network or containers; empty when it can."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow file's contents."""

    file: str
    name: str
    events: tuple[str, ...]
    inputs: Document
    """The defaults of `workflow_dispatch` inputs."""
    env: Value
    defaults: Value
    jobs: Mapping[str, JobSpec]


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core values, as GitHub reads it: `on`, `yes` and `12:30` are strings."""


# Without a table of its own the class would add to SafeLoader's.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 16 if "x" in text else 10)


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


def read_workflow(path: Path) -> Workflow:
    """The workflow of a file."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise WorkflowError(f"{path.name}: cannot be read: {error.strerror}") from error
    return parse_workflow(text, path.name)


def parse_workflow(text: str, file: str) -> Workflow:
    """The workflow of a text, named `file` in messages."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 a SafeLoader with fewer implicit types
    except yaml.YAMLError as error:
        raise WorkflowError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    try:
        return _workflow(_mapping(document, "the file"), file)
    except (_Mistake, ExpressionError) as error:
        raise WorkflowError(f"{file}: {error}") from error


class _Mistake(Exception):
    """A mistake, still without its file."""


def _workflow(document: Document, file: str) -> Workflow:
    jobs = {key: _job(key, job) for key, job in _mapping(document.get("jobs"), "jobs").items()}
    if not jobs:
        raise _Mistake("jobs: there is none; add one")
    _check_needs(jobs)
    events = _events(document)
    return Workflow(
        file=file,
        name=str(document.get("name") or file),
        events=tuple(events),
        inputs=_inputs(events),
        env=_checked(document.get("env") or {}, "env"),
        defaults=_checked(document.get("defaults") or {}, "defaults"),
        jobs=jobs,
    )


def _events(document: Document) -> dict[str, Value]:
    on = document.get("on")
    if isinstance(on, str):
        return {on: None}
    if isinstance(on, list):
        return {str(event): None for event in on}
    if isinstance(on, dict) and on:
        return on
    raise _Mistake("on: no event is named; write for example `on: push`")


def _inputs(events: Mapping[str, Value]) -> Document:
    dispatch = events.get("workflow_dispatch")
    declared = dispatch.get("inputs") if isinstance(dispatch, dict) else None
    if not isinstance(declared, dict):
        return {}
    return {name: each.get("default") if isinstance(each, dict) else None for name, each in declared.items()}


def _job(key: str, value: Value) -> JobSpec:
    where = f"job {key}"
    job = _mapping(value, where)
    steps = tuple(_step(step, f"{where}, step {n}") for n, step in enumerate(_list(job.get("steps")), 1))
    unsupported = _unsupported(job, steps)
    if not unsupported and not steps:
        raise _Mistake(f"{where}: has no steps; add `steps:`")
    if not unsupported and not job.get("runs-on"):
        raise _Mistake(f"{where}: runs-on is missing; name the labels of a runner")
    return JobSpec(
        key=key,
        name=str(_checked(job.get("name") or "", f"{where}, name")),
        needs=tuple(str(each) for each in _list(job.get("needs"))),
        condition=_condition(job.get("if"), f"{where}, if"),
        runs_on=_checked(job.get("runs-on"), f"{where}, runs-on"),
        steps=steps,
        strategy=_mapping(_checked(job.get("strategy") or {}, f"{where}, strategy"), f"{where}, strategy"),
        env=_checked(job.get("env") or {}, f"{where}, env"),
        defaults=_checked(job.get("defaults") or {}, f"{where}, defaults"),
        outputs=_mapping(_checked(job.get("outputs") or {}, f"{where}, outputs"), f"{where}, outputs"),
        continue_on_error=_checked(job.get("continue-on-error", False), f"{where}, continue-on-error"),
        timeout_minutes=_checked(job.get("timeout-minutes", 360), f"{where}, timeout-minutes"),
        environment=_checked(_environment(job.get("environment")), f"{where}, environment"),
        unsupported=unsupported,
    )


def _environment(value: Value) -> Value:
    return value.get("name") if isinstance(value, dict) else value


def _step(value: Value, where: str) -> Step:
    step = _mapping(value, where)
    if ("run" in step) == ("uses" in step):
        raise _Mistake(f"{where}: needs either `run` or `uses`")
    _condition(step.get("if"), f"{where}, if")
    _checked({name: item for name, item in step.items() if name != "if"}, where)
    first_line = next(iter(str(step.get("run", "")).strip().splitlines()), "")
    return Step(step, str(step.get("name") or f"Run {step.get('uses') or first_line}"))


def _unsupported(job: Document, steps: tuple[Step, ...]) -> str:
    for key, what in (
        ("uses", "a reusable workflow"),
        ("container", "a container"),
        ("services", "service containers"),
    ):
        if job.get(key):
            return f"asks for {what} (`{key}`), which the local GitHub does not have"
    for step in steps:
        action = str(step.document.get("uses", ""))
        if action.startswith("./"):
            return f"step {step.name!r} uses {action}; the local GitHub has no repository contents, write it as `run`"
        if action and not is_checkout(action):
            return f"step {step.name!r} uses {action}; actions need a network, write it as `run`"
    return ""


def is_checkout(action: str) -> bool:
    """Whether `uses:` names the one action that has a stand-in."""
    return action.startswith("actions/checkout@")


def _check_needs(jobs: Mapping[str, JobSpec]) -> None:
    for job in jobs.values():
        for need in job.needs:
            if need not in jobs:
                raise _Mistake(f"job {job.key}: needs {need!r}, which is no job here; there are {', '.join(jobs)}")
    done: set[str] = set()
    while ready := {key for key, job in jobs.items() if key not in done and done.issuperset(job.needs)}:
        done |= ready
    if stuck := [key for key in jobs if key not in done]:
        raise _Mistake(f"jobs {', '.join(stuck)}: need each other in a circle; drop one of the needs")


def _condition(value: Value, where: str) -> str:
    text = "success()" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    try:
        condition(text)
    except ExpressionError as error:
        raise _Mistake(f"{where}: {error}") from error
    return text


def _checked(value: Value, where: str) -> Value:
    try:
        list(expressions_in(value))
    except ExpressionError as error:
        raise _Mistake(f"{where}: {error}") from error
    return value


def _mapping(value: object, where: str) -> Document:
    if not isinstance(value, dict):
        raise _Mistake(f"{where}: must be a mapping of names to values")
    return {str(name): cast("Value", item) for name, item in value.items()}


def _list(value: Value) -> list[Value]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
