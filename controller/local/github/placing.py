"""How a job as it is written becomes the jobs that GitHub shows: names, labels, one for each matrix combination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controller.local.github.evaluation import Scope, as_number, as_text, truthy
from controller.local.github.expressions import ExpressionError, Value
from controller.local.github.job import Job
from controller.local.github.matrix import Combination, expand, suffix
from controller.local.github.templates import expressions_in, names_context, resolve, resolve_tree
from controller.local.github.workflow import JobSpec


@dataclass(frozen=True, slots=True)
class Own:
    """What sets one job of a matrix apart."""

    matrix: Combination
    strategy: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Placed:
    """A job with what it was made from and what it has put out."""

    job: Job
    matrix: Combination
    strategy: dict[str, Value]
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def contexts(self) -> dict[str, Value]:
        """The contexts that only this job has."""
        return {"matrix": self.matrix, "strategy": self.strategy}

    @property
    def limit(self) -> float:
        """How many jobs of its matrix may be under way at once."""
        return as_number(self.strategy["max-parallel"])


def spread(spec: JobSpec, known: Mapping[str, Value]) -> list[Own]:
    """One entry for each job that the strategy asks for."""
    scope = Scope(known)
    matrix = resolve_tree(spec.strategy.get("matrix"), scope)
    combinations = expand(matrix) if isinstance(matrix, dict) else [{}]
    total = len(combinations)
    strategy: dict[str, Value] = {
        "fail-fast": truthy(resolve_tree(spec.strategy.get("fail-fast", True), scope)),
        "max-parallel": as_number(resolve_tree(spec.strategy.get("max-parallel", total), scope)),
        "job-total": total,
    }
    return [Own(each, {**strategy, "job-index": index}) for index, each in enumerate(combinations)]


def place(spec: JobSpec, own: Own, known: Mapping[str, Value], blank: Job) -> Placed:
    """The blank job, filled in."""
    scope = Scope({**known, "matrix": own.matrix, "strategy": own.strategy})
    job = replace(
        blank,
        name=_name(spec, own, scope),
        labels=_labels(resolve_tree(spec.runs_on, scope)),
        may_fail=truthy(resolve_tree(spec.continue_on_error, scope)),
        timeout_minutes=as_number(resolve_tree(spec.timeout_minutes, scope)),
        environment=as_text(resolve_tree(spec.environment, scope)),
    )
    return Placed(job, own.matrix, own.strategy)


def plain_labels(runs_on: Value) -> tuple[str, ...]:
    """The labels of a job that is never placed; none when they hang on an expression."""
    try:
        labels = _labels(runs_on)
    except ExpressionError:
        return ()
    return labels if not list(expressions_in(list(labels))) else ()


def _name(spec: JobSpec, own: Own, scope: Scope) -> str:
    """GitHub appends the matrix values unless the name mentions the matrix itself."""
    name = as_text(resolve(spec.name, scope)) if spec.name else spec.key
    mentioned = any(names_context(node, "matrix") for node in expressions_in(spec.name))
    return name if mentioned else name + suffix(own.matrix)


def _labels(runs_on: Value) -> tuple[str, ...]:
    if isinstance(runs_on, dict):
        runs_on = runs_on.get("labels")
    labels = runs_on if isinstance(runs_on, list) else [runs_on]
    texts = tuple(as_text(label) for label in labels)
    if not all(texts):
        raise ExpressionError("runs-on comes to an empty label")
    return texts
